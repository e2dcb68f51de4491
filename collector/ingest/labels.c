#include "collector/ingest/labels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PART_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define WANTED     "want KEY=VALUE of 1 to 63 letters, digits, '.', '_', '-' each"

struct set {
    size_t n;
    struct host_label at[LABELS_MAX];
};

/* What ends a part is passed over. False: the text does not begin with such a part. */
static bool take_part(const char **at, char end, size_t least, char ret[LABEL_PART_MAX + 1])
{
    size_t len = strspn(*at, PART_CHARS);
    if (len < least || len > LABEL_PART_MAX || ((*at)[len] != end && ((*at)[len] || end != ',')))
        return false;
    memcpy(ret, *at, len);
    ret[len] = '\0';
    *at += len + ((*at)[len] != '\0');
    return true;
}

static bool take_label(const char **at, size_t value_least, struct host_label *ret)
{
    return **at && take_part(at, '=', 1, ret->key) && take_part(at, ',', value_least, ret->value);
}

bool labels_next(const char **at, struct host_label *ret)
{
    return take_label(at, 1, ret);
}

/* Where the key stands, or would. */
static size_t place_of(const struct set *set, const char *key)
{
    size_t i = 0;
    while (i < set->n && strcmp(set->at[i].key, key) < 0)
        i++;
    return i;
}

/* False: there is no room. */
static bool put(struct set *set, const struct host_label *label)
{
    size_t i = place_of(set, label->key);
    size_t behind = set->n - i;
    bool there = behind > 0 && strcmp(set->at[i].key, label->key) == 0;
    if (!there && label->value[0] && set->n == LABELS_MAX)
        return false;
    if (!label->value[0]) {
        if (there)
            memmove(&set->at[i], &set->at[i + 1], (behind - 1) * sizeof *set->at);
        set->n -= there;
        return true;
    }
    if (!there)
        memmove(&set->at[i + 1], &set->at[i], behind * sizeof *set->at);
    set->n += !there;
    set->at[i] = *label;
    return true;
}

static int write_set(char ret[LABELS_TEXT_MAX + 1], const struct set *set, struct err *err)
{
    char text[LABELS_TEXT_MAX + 1] = "";
    size_t used = 0;
    for (size_t i = 0; i < set->n; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", i ? "," : "", set->at[i].key,
                                 set->at[i].value);
        if (used >= sizeof text)
            return err_set(err, -EINVAL, "labels: more than %d bytes in all", LABELS_TEXT_MAX);
    }
    memcpy(ret, text, sizeof text);
    return 0;
}

int labels_change(char labels[LABELS_TEXT_MAX + 1], const char *changes, struct err *err)
{
    struct set set = { 0 };
    struct host_label label;
    for (const char *at = labels; set.n < LABELS_MAX && labels_next(&at, &label);)
        set.at[set.n++] = label;
    for (const char *at = changes; *at;) {
        const char *from = at;
        if (!take_label(&at, 0, &label))
            return err_set(err, -EINVAL, "label \"%.*s\": " WANTED ", or KEY= to take it away",
                           (int)strnlen(from, LABEL_PART_MAX), from);
        if (!put(&set, &label))
            return err_set(err, -EINVAL, "label %s: a host has %d labels at most", label.key, LABELS_MAX);
    }
    return write_set(labels, &set, err);
}
