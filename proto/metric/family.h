/* proto/metric/family.h - metrics as OpenMetrics names them.
 *
 * Shape    `system.disk.io.rate{direction=read}` in By/s is of the family system_disk_io_rate_bytes_per_second, with
 *          the attribute as a label; what a family's name may not hold becomes '_'
 * Source   OpenMetrics 1.0; OpenTelemetry's rules for units in names
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { METRIC_FAMILY_MAX = 96 + 32 };

/* Any key, of the catalogue or not. Returns `name`. */
char *metric_family(char name[METRIC_FAMILY_MAX], const char *key, const char *unit);

/* The unit as the family has it, "bytes_per_second"; "": none. A ratio is one only for metrics of the catalogue: of
 * others "1" says no more than that nobody named a unit. */
const char *metric_family_unit(const char *key, const char *unit);
/* The unit it stands for, "By/s"; "1" when it is none of ours. */
const char *metric_unit_of_family(const char *family_unit);

struct metric_attribute { /* borrowed from the key; not terminated */
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
/* The attributes of a key, one by one: *at begins as NULL. A key whose braces do not hold "name=value,..." has none. */
bool metric_next_attribute(const char *key, const char **at, struct metric_attribute *ret);
