#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "collector/event/document_parts.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* ---- text ---- */

void out_add(struct out *out, const char *format, ...)
{
    size_t room = out->size - out->used;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out->at + out->used, room, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= room) {
        out->over = true;
        out->at[out->used] = '\0';
        return;
    }
    out->used += (size_t)len;
}

void out_quoted(struct out *out, const char *text)
{
    out_add(out, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n')
            out_add(out, "\\n");
        else if (c == '\t')
            out_add(out, "\\t");
        else if (c < ' ')
            out_add(out, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            out_add(out, "\\%c", c);
        else
            out_add(out, "%c", c);
    }
    out_add(out, "\"");
}

/* What some reader of YAML takes for something else than a text. */
static bool is_special(const char *text)
{
    static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

void out_word(struct out *out, const char *text)
{
    bool plain = text[0] && strchr(LETTERS, text[0]) && text[strspn(text, LETTERS "0123456789._/-")] == '\0';
    if (plain && !is_special(text))
        out_add(out, "%s", text);
    else
        out_quoted(out, text);
}

/* The shortest that reads back as the same number. */
static void out_real(struct out *out, double value)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    out_add(out, "%s", text);
}

/* A comma-separated list as one of YAML's. */
static void out_list(struct out *out, const char *list)
{
    out_add(out, "[");
    for (const char *at = list; *at;) {
        char word[SCOPE_HOSTS_MAX + 1];
        size_t len = strcspn(at, ",");
        memcpy(word, at, len);
        word[len] = '\0';
        out_add(out, "%s", at == list ? "" : ", ");
        out_word(out, word);
        at += len + (at[len] == ',');
    }
    out_add(out, "]");
}

/* ---- rows of lists: "{ key: value, ... }" ---- */

static void out_pair(struct out *out, bool *first, const char *key)
{
    out_add(out, "%s%s: ", *first ? "" : ", ", key);
    *first = false;
}

static void out_text_pair(struct out *out, bool *first, const char *key, const char *text)
{
    if (!text[0])
        return;
    out_pair(out, first, key);
    out_word(out, text);
}

static void out_real_pair(struct out *out, bool *first, const char *key, double value)
{
    if (isnan(value))
        return;
    out_pair(out, first, key);
    out_real(out, value);
}

static void out_duration_pair(struct out *out, bool *first, const char *key, int64_t us)
{
    char text[DURATION_TEXT];
    if (us == 0)
        return;
    out_pair(out, first, key);
    out_add(out, "%s", duration_format(text, us));
}

static void write_tier(const struct document *document, size_t i, struct out *out, bool *first)
{
    out_text_pair(out, first, "hosts", document->tiers[i].hosts);
    out_text_pair(out, first, "tier", document_tier_name(document->tiers[i].tier));
}

static void write_limits(const struct document *document, size_t i, struct out *out, bool *first)
{
    out_text_pair(out, first, "hosts", document->limits[i].hosts);
    for (int k = 0; k < LIMIT_COUNT; k++)
        out_real_pair(out, first, document_limit_key((enum host_limit)k), document->limits[i].limits[k]);
}

static void write_demand(const struct document *document, size_t i, struct out *out, bool *first)
{
    const struct document_demand *demand = &document->demand[i];
    out_text_pair(out, first, "hosts", demand->hosts);
    out_text_pair(out, first, "metric", demand->metric);
    out_real_pair(out, first, "times", demand->times);
    out_real_pair(out, first, "value", demand->value);
    out_text_pair(out, first, "tier", document_tier_name(demand->tier));
    out_text_pair(out, first, "start", demand->start);
    out_duration_pair(out, first, "ramp", demand->ramp_us);
    out_duration_pair(out, first, "duration", demand->duration_us);
}

static void write_step(const struct document *document, size_t i, struct out *out, bool *first)
{
    char after[DURATION_TEXT];
    out_pair(out, first, "after");
    out_add(out, "%s", duration_format(after, document->steps[i].after_us));
    out_text_pair(out, first, "contacts", document->steps[i].contacts);
}

static void write_runbook(const struct document *document, size_t i, struct out *out, bool *first)
{
    out_text_pair(out, first, "title", document->runbooks[i].title);
    out_text_pair(out, first, "url", document->runbooks[i].url);
}

static void write_rule(const struct document *document, size_t i, struct out *out, bool *first)
{
    const struct document_rule *rule = &document->rules[i];
    out_text_pair(out, first, "rule", rule->rule);
    out_text_pair(out, first, "hosts", rule->hosts);
    out_text_pair(out, first, "above", rule->above);
    out_text_pair(out, first, "below", rule->below);
    out_text_pair(out, first, "clear", rule->clear);
    out_text_pair(out, first, "hold", rule->hold);
    out_text_pair(out, first, "severity", rule->severity);
    out_text_pair(out, first, "page", rule->page);
    out_text_pair(out, first, "off", rule->off);
}

static void write_contact(const struct document *document, size_t i, struct out *out, bool *first)
{
    (void)first;
    out_word(out, document->contacts[i]);
}

static void write_rows(const struct document *document, enum document_field field, size_t n, bool mappings,
                       void (*row)(const struct document *, size_t, struct out *, bool *), struct out *out)
{
    if (n == 0)
        return;
    out_add(out, "%s:\n", document_key(field));
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        out_add(out, mappings ? "  - { " : "  - ");
        row(document, i, out, &first);
        out_add(out, mappings ? " }\n" : "\n");
    }
}

/* ---- fields ---- */

static void write_word(enum document_field field, const char *text, struct out *out)
{
    if (!text[0])
        return;
    out_add(out, "%s: ", document_key(field));
    out_word(out, text);
    out_add(out, "\n");
}

static void write_list(enum document_field field, const char *list, struct out *out)
{
    if (!list[0])
        return;
    out_add(out, "%s: ", document_key(field));
    out_list(out, list);
    out_add(out, "\n");
}

static void write_patrol(int64_t interval_us, struct out *out)
{
    char text[DURATION_TEXT];
    if (interval_us != 0)
        out_add(out, "patrol: %s\n", duration_format(text, interval_us));
}

void document_write_field(const struct document *document, enum document_field field, struct out *out)
{
    const struct document *d = document;
    switch (field) {
    case DOCUMENT_NAME:
        write_word(field, d->name, out);
        break;
    case DOCUMENT_ZONE:
        write_word(field, d->zone, out);
        break;
    case DOCUMENT_FIRST_DAY: /* a date: the one text that begins with a digit and needs no quotes */
        out_add(out, "first_day: %s\n", d->first_day);
        break;
    case DOCUMENT_DAYS:
        out_add(out, "days: %d\n", d->days);
        break;
    case DOCUMENT_DRILL:
        out_add(out, "%s", d->drill ? "drill: true\n" : "");
        break;
    case DOCUMENT_PATROL:
        write_patrol(d->patrol_us, out);
        break;
    case DOCUMENT_HOSTS:
        write_list(field, d->hosts, out);
        break;
    case DOCUMENT_LABELS:
        write_list(field, d->labels, out);
        break;
    case DOCUMENT_TIERS:
        write_rows(d, field, d->n_tiers, true, write_tier, out);
        break;
    case DOCUMENT_LIMITS:
        write_rows(d, field, d->n_limits, true, write_limits, out);
        break;
    case DOCUMENT_DEMAND:
        write_rows(d, field, d->n_demand, true, write_demand, out);
        break;
    case DOCUMENT_CONTACTS:
        write_rows(d, field, d->n_contacts, false, write_contact, out);
        break;
    case DOCUMENT_ESCALATION:
        write_rows(d, field, d->n_steps, true, write_step, out);
        break;
    case DOCUMENT_NOTES:
        write_word(field, d->notes, out);
        break;
    case DOCUMENT_RUNBOOKS:
        write_rows(d, field, d->n_runbooks, true, write_runbook, out);
        break;
    case DOCUMENT_RULES:
        write_rows(d, field, d->n_rules, true, write_rule, out);
        break;
    case DOCUMENT_FIELD_COUNT:
        break;
    }
}

int document_write(const struct document *document, char text[DOCUMENT_TEXT_MAX + 1], struct err *err)
{
    struct out out = { .at = text, .size = DOCUMENT_TEXT_MAX + 1 };
    text[0] = '\0';
    for (int field = 0; field < DOCUMENT_FIELD_COUNT; field++)
        document_write_field(document, (enum document_field)field, &out);
    if (out.over)
        return err_set(err, -EMSGSIZE, "event %s: its document takes more than %d bytes, want shorter lists or notes",
                       document->name, DOCUMENT_TEXT_MAX);
    return 0;
}
