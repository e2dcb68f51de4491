#include "collector/event/document.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/event/calendar.h"
#include "collector/event/document_parts.h"

#define SCOPE_FIELDS                                                                                                   \
    (DOCUMENT_BIT(DOCUMENT_HOSTS) | DOCUMENT_BIT(DOCUMENT_LABELS) | DOCUMENT_BIT(DOCUMENT_TIERS) |                     \
     DOCUMENT_BIT(DOCUMENT_LIMITS) | DOCUMENT_BIT(DOCUMENT_DEMAND))
#define DRAFT_FIELDS                                                                                                   \
    (DOCUMENT_BIT(DOCUMENT_NAME) | DOCUMENT_BIT(DOCUMENT_ZONE) | DOCUMENT_BIT(DOCUMENT_FIRST_DAY) |                    \
     DOCUMENT_BIT(DOCUMENT_DAYS) | DOCUMENT_BIT(DOCUMENT_DRILL))
enum { FIELD_TEXT_MAX = 2 * DOCUMENT_TEXT_MAX };

/* ---- one field ---- */

static int find_field(const char *key, enum document_field *ret, struct err *err)
{
    char all[256];
    struct out out = { .at = all, .size = sizeof all };
    for (int i = 0; i < DOCUMENT_FIELD_COUNT; i++) {
        const char *known = document_key((enum document_field)i);
        if (strcmp(known, key) == 0) {
            *ret = (enum document_field)i;
            return 0;
        }
        out_add(&out, "%s%s", i ? ", " : "", known);
    }
    return err_set(err, -ENOENT, "event: no field \"%.32s\", want one of %s", key, all);
}

/* "web-*, db-1": words, as a list of YAML's. */
static void add_words(struct out *out, const char *value)
{
    out_add(out, "[");
    for (const char *at = value; *at;) {
        char word[SCOPE_HOSTS_MAX + 1];
        at += strspn(at, " ");
        size_t len = strcspn(at, ",");
        size_t cut = len;
        while (cut > 0 && at[cut - 1] == ' ')
            cut--;
        if (cut >= sizeof word)
            cut = sizeof word - 1;
        memcpy(word, at, cut);
        word[cut] = '\0';
        out_add(out, "%s", out->at[out->used - 1] == '[' ? "" : ", ");
        out_quoted(out, word);
        at += len + (at[len] == ',');
    }
    out_add(out, "]");
}

/* The line "key: value" as a file would have it. */
static void add_line(struct out *out, enum document_field field, const char *value)
{
    enum config_kind kind = document_kind(field);
    out_add(out, "%s: ", document_key(field));
    if (kind == CONFIG_TEXT)
        out_quoted(out, value);
    else if (kind == CONFIG_TEXTS)
        add_words(out, value);
    else if (kind == CONFIG_LIST && !value[0])
        out_add(out, "[]");
    else
        out_add(out, "%s", value);
    out_add(out, "\n");
}

/* "event:1: `days` is..." -> "event: `days` is...": there are no lines in what somebody has typed. */
static int first_fault(const struct config_faults *faults, struct err *err)
{
    const char *text = strstr(faults->at[0].text, ": ");
    return err_set(err, -EINVAL, "event%s", text ? text : ": not understood");
}

int document_set(struct document *document, const char *key, const char *value, struct err *err)
{
    enum document_field field = DOCUMENT_NAME;
    int rc = find_field(key, &field, err);
    if (rc < 0)
        return rc;
    AUTO(auto_free) char *text = malloc(FIELD_TEXT_MAX);
    if (!text)
        return err_set(err, -ENOMEM, "out of memory");
    struct out out = { .at = text, .size = FIELD_TEXT_MAX };
    add_line(&out, field, value);
    if (out.over)
        return err_set(err, -EINVAL, "event: `%s` takes more than %d bytes", key, DOCUMENT_TEXT_MAX);
    struct config_faults faults = { .n = 0 };
    rc = document_take_field("event", text, out.used, field, document, &faults);
    return rc < 0 ? first_fault(&faults, err) : 0;
}

/* ---- a document and its row ---- */

int document_event(const struct document *document, struct event *ret, struct err *err)
{
    return event_init(ret,
                      &(struct event_plan){ .name = document->name,
                                            .zone = document->zone,
                                            .first_day = document->first_day,
                                            .days = document->days,
                                            .hosts = document->hosts,
                                            .labels = document->labels,
                                            .drill = document->drill,
                                            .patrol_us = document->patrol_us },
                      err);
}

void document_of(const struct event *event, struct document *ret)
{
    *ret = (struct document){ .days = event->days, .drill = event->drill, .patrol_us = event->patrol.interval_us };
    memcpy(ret->name, event->name, sizeof ret->name);
    memcpy(ret->zone, event->zone, sizeof ret->zone);
    memcpy(ret->hosts, event->hosts, sizeof ret->hosts);
    memcpy(ret->labels, event->labels, sizeof ret->labels);
    event_first_day(event, ret->first_day);
}

int document_compare(const struct document *a, const struct document *b, unsigned *ret_fields, struct err *err)
{
    unsigned fields = 0;
    AUTO(auto_free) char *texts = malloc(2 * (size_t)FIELD_TEXT_MAX);
    if (!texts)
        return err_set(err, -ENOMEM, "out of memory");
    for (int i = 0; i < DOCUMENT_FIELD_COUNT; i++) {
        struct out left = { .at = texts, .size = FIELD_TEXT_MAX };
        struct out right = { .at = texts + FIELD_TEXT_MAX, .size = FIELD_TEXT_MAX };
        left.at[0] = right.at[0] = '\0';
        document_write_field(a, (enum document_field)i, &left);
        document_write_field(b, (enum document_field)i, &right);
        if (strcmp(left.at, right.at) != 0)
            fields |= DOCUMENT_BIT(i);
    }
    *ret_fields = fields;
    return 0;
}

int document_may_change(const struct event *event, unsigned fields, struct err *err)
{
    unsigned fixed = event->state == EVENT_DRAFT ? 0 : fields & DRAFT_FIELDS;
    if (fields != 0 && !event_may_change(event))
        return err_set(err, -EPERM, "event %s is %s; it can be changed until it is armed", event->name,
                       event_state_name(event->state));
    if (fixed == 0)
        return 0;
    int first = 0;
    while (!(fixed & DOCUMENT_BIT(first)))
        first++;
    return err_set(err, -EPERM, "event %s is %s; its %s can be changed while it is a draft", event->name,
                   event_state_name(event->state), document_key((enum document_field)first));
}

int document_apply(const struct document *document, struct event *event, struct err *err)
{
    struct event draft;
    int rc = document_event(document, &draft, err);
    if (rc < 0)
        return rc;
    memcpy(event->name, draft.name, sizeof event->name);
    memcpy(event->zone, draft.zone, sizeof event->zone);
    memcpy(event->hosts, draft.hosts, sizeof event->hosts);
    memcpy(event->labels, draft.labels, sizeof event->labels);
    event->drill = draft.drill;
    event->patrol.interval_us = draft.patrol.interval_us;
    event->days = draft.days;
    event->start_us = draft.start_us;
    event->end_us = draft.end_us;
    return 0;
}

unsigned document_gates(unsigned fields)
{
    static const struct {
        unsigned fields;
        unsigned gates;
    } rests[] = {
        { SCOPE_FIELDS, GATE_BIT(GATE_VERDICT) | GATE_BIT(GATE_LINT) },
        { DOCUMENT_BIT(DOCUMENT_HOSTS) | DOCUMENT_BIT(DOCUMENT_LABELS), GATE_BIT(GATE_NOTICES) | GATE_BIT(GATE_HOSTS) },
        { DOCUMENT_BIT(DOCUMENT_CONTACTS) | DOCUMENT_BIT(DOCUMENT_ESCALATION),
          GATE_BIT(GATE_REHEARSAL) | GATE_BIT(GATE_LINT) | GATE_BIT(GATE_CONTACTS) },
        { DOCUMENT_BIT(DOCUMENT_RULES), GATE_BIT(GATE_LINT) },
    };
    unsigned gates = 0;
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++)
        if (rests[i].fields & fields)
            gates |= rests[i].gates;
    return gates;
}

/* ---- what its lists say of hosts ---- */

static int check_row(const struct document *document, const struct event *scope, enum document_field list,
                     const char *hosts, const struct scope_host *all, size_t n, struct err *err)
{
    if (!hosts[0])
        return 0; /* an overlay of all of them */
    for (size_t i = 0; i < n; i++)
        if (event_selects(scope, all[i].name, all[i].labels) && scope_names(hosts, all[i].name))
            return 0;
    return err_set(err, -ENOENT,
                   "event %s: %s: \"%s\" is none of the event's own hosts; want names or patterns of some",
                   document->name, document_key(list), hosts);
}

/* The lists whose rows begin with hosts, by where they lie. */
#define ROWS(field_, count_, rows_)                                                                                    \
    {                                                                                                                  \
        (field_), offsetof(struct document, count_), offsetof(struct document, rows_[0].hosts),                        \
            sizeof(((struct document *)NULL)->rows_[0])                                                                \
    }

int document_check_hosts(const struct document *document, const struct scope_host *hosts, size_t n, struct err *err)
{
    static const struct {
        enum document_field field;
        size_t n_at, hosts_at, size;
    } lists[] = {
        ROWS(DOCUMENT_TIERS, n_tiers, tiers),
        ROWS(DOCUMENT_LIMITS, n_limits, limits),
        ROWS(DOCUMENT_DEMAND, n_demand, demand),
        ROWS(DOCUMENT_RULES, n_rules, rules),
    };
    struct event scope;
    int rc = document_event(document, &scope, err);
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++) {
        size_t rows;
        memcpy(&rows, (const char *)document + lists[list].n_at, sizeof rows);
        for (size_t i = 0; rc == 0 && i < rows; i++)
            rc = check_row(document, &scope, lists[list].field,
                           (const char *)document + lists[list].hosts_at + i * lists[list].size, hosts, n, err);
    }
    return rc;
}

const char *document_tier_name(enum document_tier tier)
{
    static const char *const names[] = { [TIER_NONE] = "", [TIER_CORE] = "core", [TIER_SUPPORTING] = "supporting" };
    return names[tier];
}

enum document_tier document_tier(const struct document *document, const char *host_name)
{
    for (size_t i = 0; i < document->n_tiers; i++)
        if (scope_names(document->tiers[i].hosts, host_name))
            return document->tiers[i].tier;
    return TIER_NONE;
}

void document_limits(const struct document *document, const char *host_name, double limits[LIMIT_COUNT])
{
    bool given[LIMIT_COUNT] = { false };
    for (size_t i = 0; i < document->n_limits; i++) {
        const struct document_limits_row *row = &document->limits[i];
        for (int k = 0; scope_names(row->hosts, host_name) && k < LIMIT_COUNT; k++) {
            if (isnan(row->limits[k]) || given[k])
                continue;
            limits[k] = row->limits[k];
            given[k] = true;
        }
    }
}

static bool two_digits(const char *text, int below, int *ret)
{
    bool digits = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    *ret = digits ? (text[0] - '0') * 10 + text[1] - '0' : 0;
    return digits && *ret < below;
}

int document_demand_start(const struct document *document, const struct document_demand *demand, int64_t *ret_us,
                          struct err *err)
{
    char day[CALENDAR_DAY_TEXT];
    const char *clock = demand->start;
    int hour, minute;
    int64_t number;
    snprintf(day, sizeof day, "%s", document->first_day);
    if (strlen(clock) == DOCUMENT_START_MAX && clock[CALENDAR_DAY_TEXT - 1] == 'T') {
        snprintf(day, sizeof day, "%s", clock);
        clock += CALENDAR_DAY_TEXT;
    }
    bool told = clock[0] != '\0';
    if (told &&
        (strlen(clock) != 5 || !two_digits(clock, 24, &hour) || clock[2] != ':' || !two_digits(clock + 3, 60, &minute)))
        return err_set(err, -EINVAL, "demand: \"%s\" is no local time", demand->start);
    int rc = calendar_number(day, &number, err);
    int64_t clock_s = number * 86400 + (told ? hour * 3600 + minute * 60 : 0);
    return rc < 0 ? rc : calendar_instant(document->zone, clock_s, ret_us, err);
}
