#include "proto/metric/family.h"

#include <stdio.h>
#include <string.h>

#include "proto/metric/metric.h"

static const struct {
    const char *unit, *suffix;
} units[] = {
    { "1", "ratio" },
    { "s", "seconds" },
    { "By", "bytes" },
    { "By/s", "bytes_per_second" },
};
enum { N_UNITS = sizeof units / sizeof *units };

const char *metric_family_unit(const char *key, const char *unit)
{
    if (strcmp(unit, "1") == 0 && !metric_find(key))
        return "";
    for (size_t i = 0; i < N_UNITS; i++)
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].suffix;
    /* "{packet}/s": an annotation says what is counted and is no unit. */
    return unit[0] == '{' && strstr(unit, "}/s") ? "per_second" : "";
}

const char *metric_unit_of_family(const char *family_unit)
{
    for (size_t i = 0; i < N_UNITS; i++)
        if (strcmp(family_unit, units[i].suffix) == 0)
            return units[i].unit;
    return strcmp(family_unit, "per_second") == 0 ? "1/s" : "1";
}

/* Where the name ends: at its attributes, if they are some. */
static size_t name_len(const char *key)
{
    const char *at = NULL;
    struct metric_attribute first;
    return metric_next_attribute(key, &at, &first) ? strcspn(key, "{") : strlen(key);
}

static bool may_stand(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

char *metric_family(char name[METRIC_FAMILY_MAX], const char *key, const char *unit)
{
    size_t from = name_len(key);
    size_t len = 0;
    if (from == 0 || (key[0] >= '0' && key[0] <= '9'))
        name[len++] = '_';
    for (size_t i = 0; i < from && len < METRIC_FAMILY_MAX - 1; i++, len++)
        name[len] = may_stand(key[i], len == 0) ? key[i] : '_';
    name[len] = '\0';
    const char *suffix = metric_family_unit(key, unit);
    if (*suffix && !ends_with(name, suffix))
        snprintf(name + len, METRIC_FAMILY_MAX - len, "_%s", suffix);
    return name;
}

static bool is_well_formed(const char *key)
{
    const char *at = strchr(key, '{');
    if (!at || !ends_with(at, "}"))
        return false;
    do {
        size_t name = strcspn(++at, "={},");
        if (name == 0 || at[name] != '=')
            return false;
        at += name + 1;
        at += strcspn(at, "{},");
    } while (*at == ',');
    return *at == '}' && at[1] == '\0';
}

bool metric_next_attribute(const char *key, const char **at, struct metric_attribute *ret)
{
    if (!*at && !is_well_formed(key))
        return false;
    const char *from = *at ? *at : strchr(key, '{');
    if (*from == '}')
        return false;
    const char *name = from + 1;
    const char *value = strchr(name, '=') + 1;
    *ret = (struct metric_attribute){ name, (size_t)(value - 1 - name), value, strcspn(value, ",}") };
    *at = value + ret->value_len;
    return true;
}
