/* collector/event/datafile.h - what the data files of this folder have in common: a name by their path, days with
 * faults told by line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

/* "business" of "/usr/share/warroom/plans/business.yaml": lower-case letters, digits, dashes. False: a fault. */
bool datafile_name(const char *path, char *ret, size_t size, struct config_faults *faults);

/* A day as a number. False: a fault of `key` in that line. */
bool datafile_day(const char *path, int line, const char *key, const char *text, int64_t *ret,
                  struct config_faults *faults);
