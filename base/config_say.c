#include "base/config_say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "base/utf8.h"

enum { KEY_MAX = 48 }; /* bytes of a text that are shown; a longer key is close to none of ours */

struct phrase {
    char text[ERR_TEXT_MAX];
    size_t len;
};

static void say(struct phrase *phrase, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct phrase *phrase, const char *format, ...)
{
    size_t room = sizeof phrase->text - phrase->len;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(phrase->text + phrase->len, room, format, args);
    va_end(args);
    if (wanted > 0)
        phrase->len += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

int config_fault(struct config_faults *faults, const char *name, int line, const char *format, ...)
{
    if (faults->n++ >= CONFIG_FAULTS_MAX)
        return -EINVAL;
    struct phrase phrase;
    va_list args;
    va_start(args, format);
    vsnprintf(phrase.text, sizeof phrase.text, format, args);
    va_end(args);
    struct err *fault = &faults->at[faults->n - 1];
    if (line > 0)
        return err_set(fault, -EINVAL, "%s:%d: %s", name, line, phrase.text);
    return err_set(fault, -EINVAL, "%s: %s", name, phrase.text);
}

size_t config_faults_kept(const struct config_faults *faults)
{
    return faults->n < CONFIG_FAULTS_MAX ? faults->n : CONFIG_FAULTS_MAX;
}

void config_faults_print(const struct config_faults *faults, FILE *out)
{
    size_t kept = config_faults_kept(faults);
    for (size_t i = 0; i < kept; i++)
        fprintf(out, "%s\n", faults->at[i].text);
    if (faults->n > kept)
        fprintf(out, "and %zu more\n", faults->n - kept);
}

/* What people read of a text of theirs: one line, cut to what identifies it. */
static const char *shown(char text[KEY_MAX + 4], const struct config_node *node)
{
    size_t n = utf8_cut(node->text, node->len, KEY_MAX);
    for (size_t i = 0; i < n; i++)
        text[i] = (unsigned char)node->text[i] < ' ' || node->text[i] == 127 ? '?' : node->text[i];
    snprintf(text + n, 4, "%s", n < node->len ? "..." : "");
    return text;
}

static void say_range(struct phrase *phrase, const struct config_field *field)
{
    static const double endless = 9e15; /* a bound nobody would write down */
    if (field->least == 0 && field->most == 0)
        return;
    if (field->most >= endless)
        say(phrase, " of at least %.15g", field->least);
    else if (field->least <= -endless)
        say(phrase, " of at most %.15g", field->most);
    else
        say(phrase, " from %.15g to %.15g", field->least, field->most);
}

/* "a text of 1 to 63 bytes", "a list of at most 8 texts" */
static void say_count(struct phrase *phrase, const struct config_field *field, const char *what, const char *counted)
{
    if (field->most > 0 && field->least > 0)
        say(phrase, "%s of %.0f to %.0f %s", what, field->least, field->most, counted);
    else if (field->most > 0)
        say(phrase, "%s of at most %.0f %s", what, field->most, counted);
    else
        say(phrase, "%s of %s", what, counted);
}

static void say_duration(struct phrase *phrase, const struct config_field *field)
{
    char least[DURATION_TEXT], most[DURATION_TEXT];
    say(phrase, "a duration");
    if (field->least != 0 || field->most != 0)
        say(phrase, " from %s to %s", duration_format(least, (int64_t)field->least),
            duration_format(most, (int64_t)field->most));
    say(phrase, " (a whole number and us, ms, s, m, h or d)");
}

static void say_choices(struct phrase *phrase, const struct config_field *field)
{
    for (int i = 0; field->choices[i]; i++)
        say(phrase, "%s%s", i > 0 ? ", " : "", field->choices[i]);
}

static void say_allowed(struct phrase *phrase, const struct config_field *field)
{
    switch (field->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        if (field->most > 0)
            say_count(phrase, field, "a text", "bytes");
        else
            say(phrase, "a text");
        break;
    case CONFIG_INT:
        say(phrase, "a whole number");
        say_range(phrase, field);
        break;
    case CONFIG_REAL:
        say(phrase, "a number");
        say_range(phrase, field);
        break;
    case CONFIG_BOOL:
        say(phrase, "true or false");
        break;
    case CONFIG_DURATION:
        say_duration(phrase, field);
        break;
    case CONFIG_CHOICE:
        say(phrase, "one of ");
        say_choices(phrase, field);
        break;
    case CONFIG_FLAGS:
        say(phrase, "a list of some of ");
        say_choices(phrase, field);
        break;
    case CONFIG_TEXTS:
        say_count(phrase, field, field->one_will_do ? "a text, or a list" : "a list", "texts");
        break;
    case CONFIG_LIST:
        say_count(phrase, field, "a list", "mappings");
        break;
    case CONFIG_MAPPING:
        say(phrase, "a mapping");
        break;
    case CONFIG_GONE: /* nothing is */
        break;
    }
    if (field->help)
        say(phrase, ": %s", field->help);
}

static void say_given(struct phrase *phrase, const struct config_field *field, const struct config_node *node)
{
    char text[KEY_MAX + 4];
    if (node->kind == CONFIG_NODE_MAPPING)
        say(phrase, "a mapping");
    else if (node->kind == CONFIG_NODE_LIST)
        say(phrase, "a list of %zu items", node->n);
    else if (config_node_is_null(node))
        say(phrase, "empty");
    else if (field->kind == CONFIG_SECRET) /* faults are logged, secrets are not */
        say(phrase, "a text of %zu bytes", node->len);
    else
        say(phrase, "\"%s\"", shown(text, node));
}

void config_say_misfit(struct config_faults *faults, const char *name, const struct config_field *field,
                       const struct config_node *given)
{
    struct phrase is = { .len = 0 }, want = { .len = 0 };
    say_given(&is, field, given);
    say_allowed(&want, field);
    config_fault(faults, name, given->line, "`%s` is %s, want %s", field->key, is.text, want.text);
}

void config_say_item_misfit(struct config_faults *faults, const char *name, const struct config_field *list,
                            const struct config_node *item)
{
    struct phrase is = { .len = 0 }, want = { .len = 0 };
    say_given(&is, list, item);
    say_allowed(&want, list);
    config_fault(faults, name, item->line, "`%s` holds %s, want %s", list->key, is.text, want.text);
}

void config_say_missing(struct config_faults *faults, const char *name, int line, const struct config_field *field)
{
    struct phrase want = { .len = 0 };
    say_allowed(&want, field);
    config_fault(faults, name, line, "`%s` is missing, want %s", field->key, want.text);
}

/* Levenshtein's distance: how many letters to add, drop or change to get from one to the other. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[KEY_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < shifted ? changed : shifted;
        }
    }
    return row[b_len];
}

static const char *closest_key(const struct config_field *fields, const struct config_node *key)
{
    const char *closest = NULL;
    size_t least = key->len < 4 ? 2 : 3; /* up to one slip in a short key, two in a longer one */
    if (key->len > KEY_MAX)
        return NULL;
    for (const struct config_field *field = fields; field->key; field++) {
        size_t len = strlen(field->key);
        if (field->kind == CONFIG_GONE)
            continue;
        size_t steps = len <= KEY_MAX ? distance(key->text, key->len, field->key, len) : least;
        if (steps < least) {
            least = steps;
            closest = field->key;
        }
    }
    return closest;
}

void config_say_unknown(struct config_faults *faults, const char *name, const struct config_field *fields,
                        const struct config_node *key)
{
    char text[KEY_MAX + 4];
    const char *closest = closest_key(fields, key);
    if (closest) {
        config_fault(faults, name, key->line, "unknown key `%s`, did you mean `%s`?", shown(text, key), closest);
        return;
    }
    struct phrase allowed = { .len = 0 };
    for (const struct config_field *field = fields; field->key; field++)
        if (field->kind != CONFIG_GONE)
            say(&allowed, "%s%s%s", allowed.len == 0 ? "" : ", ", field->key,
                field->kind == CONFIG_SECRET ? " (or its _file)" : "");
    config_fault(faults, name, key->line, "unknown key `%s`, allowed are %s", shown(text, key), allowed.text);
}
