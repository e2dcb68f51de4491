/* From a file to a document: base/config fills `struct form` by the tables of document_form.c, then each field is
 * checked and taken into the document by a function of its own, with every fault told by its line; what only several
 * fields together show comes last. A field that is set alone goes the same way. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/utf8.h"
#include "collector/event/calendar.h"
#include "collector/event/document_form.h"
#include "collector/event/document_parts.h"
#include "collector/event/whom.h"
#include "proto/metric/metric.h"

enum { WORDS_BYTES_MAX = 1 << 20 };

struct taking {
    const char *name; /* of the file */
    const struct form *form;
    struct document *document;
    struct config_faults *faults;
    bool given; /* now: not one that was kept */
};

#define FAULT(t, line, ...) config_fault((t)->faults, (t)->name, (line), __VA_ARGS__)

/* The room is the table's: it has refused what is longer. */
static void copy_text(const struct taking *t, int line, const char *key, const char *text, const char *also, char *ret,
                      size_t size)
{
    if (!text)
        return;
    if (!utf8_is_shown(text, 0, size - 1, also))
        FAULT(t, line, "`%s` holds control characters, want text%s", key, also[0] ? "" : " of one line");
    snprintf(ret, size, "%s", text);
}

#define COPY(t, line, key, text, ret) copy_text(t, line, key, text, "", ret, sizeof(ret))

static void copy_hosts(const struct taking *t, int line, const char *text, char ret[DOCUMENT_HOSTS_MAX + 1])
{
    char hosts[SCOPE_HOSTS_MAX + 1];
    struct err err;
    if (!text)
        return;
    if (scope_copy_hosts(hosts, text, &err) < 0)
        FAULT(t, line, "%s", err.text);
    else
        snprintf(ret, DOCUMENT_HOSTS_MAX + 1, "%s", hosts);
}

/* A list of texts as one, commas between. False: told, or they are not there. */
static bool join(const struct taking *t, enum document_field field, const struct config_texts *texts, char *ret,
                 size_t size)
{
    struct out out = { .at = ret, .size = size };
    ret[0] = '\0';
    for (size_t i = 0; i < texts->n; i++)
        out_add(&out, "%s%s", i ? "," : "", texts->at[i]);
    if (out.over)
        FAULT(t, t->form->line[field], "`%s` takes more than %zu bytes, want patterns", document_key(field), size - 1);
    return !out.over;
}

static void take_name(const struct taking *t)
{
    COPY(t, t->form->line[DOCUMENT_NAME], "name", t->form->name, t->document->name);
}

static void take_zone(const struct taking *t)
{
    COPY(t, t->form->line[DOCUMENT_ZONE], "zone", t->form->zone, t->document->zone);
}

static void take_first_day(const struct taking *t)
{
    COPY(t, t->form->line[DOCUMENT_FIRST_DAY], "first_day", t->form->first_day, t->document->first_day);
}

static void take_days(const struct taking *t)
{
    t->document->days = (int)t->form->days;
}

static void take_drill(const struct taking *t)
{
    t->document->drill = t->form->drill;
}

static void take_patrol(const struct taking *t)
{
    t->document->patrol_us = t->form->patrol_us;
}

static void take_hosts(const struct taking *t)
{
    char joined[2 * SCOPE_HOSTS_MAX];
    struct err err;
    if (join(t, DOCUMENT_HOSTS, &t->form->hosts, joined, sizeof joined) &&
        scope_copy_hosts(t->document->hosts, joined, &err) < 0)
        FAULT(t, t->form->line[DOCUMENT_HOSTS], "%s", err.text);
}

static void take_labels(const struct taking *t)
{
    char joined[2 * SCOPE_LABELS_MAX];
    struct err err;
    if (join(t, DOCUMENT_LABELS, &t->form->labels, joined, sizeof joined) &&
        scope_copy_labels(t->document->labels, joined, &err) < 0)
        FAULT(t, t->form->line[DOCUMENT_LABELS], "%s", err.text);
}

static void take_tiers(const struct taking *t)
{
    const struct tier_item *items = t->form->tiers.at;
    t->document->n_tiers = t->form->tiers.n;
    for (size_t i = 0; i < t->form->tiers.n; i++) {
        struct document_tier_row *row = &t->document->tiers[i];
        *row = (struct document_tier_row){ .tier = (enum document_tier)(TIER_CORE + items[i].tier) };
        copy_hosts(t, items[i].line, items[i].hosts, row->hosts);
    }
}

static void take_limits(const struct taking *t)
{
    const struct limits_item *items = t->form->limits.at;
    t->document->n_limits = t->form->limits.n;
    for (size_t i = 0; i < t->form->limits.n; i++) {
        struct document_limits_row *row = &t->document->limits[i];
        bool any = false;
        *row = (struct document_limits_row){ .hosts = "" };
        copy_hosts(t, items[i].line, items[i].hosts, row->hosts);
        memcpy(row->limits, items[i].limits, sizeof row->limits);
        for (int k = 0; k < LIMIT_COUNT; k++)
            any = any || !isnan(row->limits[k]);
        if (!any)
            FAULT(t, items[i].line,
                  "`limits` of %s declares none, want some of egress, ingress, connections,"
                  " new_connections, disk_read, disk_write",
                  row->hosts);
    }
}

static void check_demand(const struct taking *t, const struct demand_item *item, const struct document_demand *row)
{
    struct document noon = { .zone = "UTC", .first_day = "2026-01-01" };
    int64_t at_us;
    if (!metric_find(row->metric))
        FAULT(t, item->line, "there is no metric %s; docs/metrics.md lists them", row->metric);
    if (isnan(row->times) == isnan(row->value))
        FAULT(t, item->line, "`demand` of %s wants either `times` or `value`", row->hosts);
    if (t->given && row->times > DOCUMENT_TIMES_MAX)
        FAULT(t, item->line, "`times` is %g, want %d at most; a `value` says more than that", row->times,
              DOCUMENT_TIMES_MAX);
    if (document_demand_start(&noon, row, &at_us, NULL) < 0)
        FAULT(t, item->line, "`start` is \"%s\", want local time, 2026-12-01T20:00, or 20:00 of the first day",
              row->start);
}

static void take_demand(const struct taking *t)
{
    const struct demand_item *items = t->form->demand.at;
    t->document->n_demand = t->form->demand.n;
    for (size_t i = 0; i < t->form->demand.n; i++) {
        struct document_demand *row = &t->document->demand[i];
        *row = (struct document_demand){ .times = items[i].times,
                                         .value = items[i].value,
                                         .tier = (enum document_tier)(1 + items[i].tier),
                                         .ramp_us = items[i].ramp_us,
                                         .duration_us = items[i].duration_us };
        copy_hosts(t, items[i].line, items[i].hosts, row->hosts);
        COPY(t, items[i].line, "metric", items[i].metric, row->metric);
        COPY(t, items[i].line, "start", items[i].start, row->start);
        check_demand(t, &items[i], row);
    }
}

/* ---- whom incidents tell ---- */

struct whom { /* a step, as it is read */
    const struct taking *t;
    int line;
    size_t n;
    const char *at[WHOM_MAX];
    size_t len[WHOM_MAX];
    size_t bytes; /* of all of them as one text */
};

static void add_whom(struct whom *whom, const char *name, size_t len)
{
    if (!whom_is_name(name, len))
        FAULT(whom->t, whom->line,
              "\"%.*s\" is no name of a contact or rota, want 1 to %d bytes without blanks, commas and semicolons",
              (int)(len < WHOM_NAME_MAX ? len : WHOM_NAME_MAX), name, WHOM_NAME_MAX);
    for (size_t i = 0; i < whom->n && i < WHOM_MAX; i++)
        if (whom->len[i] == len && memcmp(whom->at[i], name, len) == 0)
            FAULT(whom->t, whom->line, "%.*s stands twice in a step", (int)len, name);
    if (whom->n == WHOM_MAX)
        FAULT(whom->t, whom->line, "`contacts` names more than %d, as many as are told at once; escalate to a rota",
              WHOM_MAX);
    if (whom->n < WHOM_MAX) {
        whom->at[whom->n] = name;
        whom->len[whom->n] = len;
    }
    whom->bytes += len + strlen(", ");
    whom->n++;
}

/* "ops, lead": of a step. */
static void add_list_of_whom(struct whom *whom, const char *text)
{
    for (const char *at = text;; at++) {
        at += strspn(at, " ");
        size_t len = strcspn(at, ",");
        const char *end = at + len;
        while (len > 0 && at[len - 1] == ' ')
            len--;
        add_whom(whom, at, len);
        if (!*end)
            return;
        at = end;
    }
}

/* `bytes`: of all steps, one separator too many. */
static void check_length(const struct taking *t, int line, size_t bytes)
{
    if (bytes > WHOM_TEXT_MAX + strlen(", "))
        FAULT(t, line, "whom incidents tell takes more than %d bytes, want fewer or shorter names", WHOM_TEXT_MAX);
}

static void check_contacts(const struct taking *t)
{
    int line = t->form->line[DOCUMENT_CONTACTS];
    struct whom whom = { .t = t, .line = line, .bytes = strlen("0s ") };
    for (size_t i = 0; i < t->form->contacts.n; i++)
        add_whom(&whom, t->form->contacts.at[i], strlen(t->form->contacts.at[i]));
    check_length(t, line, whom.bytes);
}

static void check_steps(const struct taking *t)
{
    const struct step_item *items = t->form->escalation.at;
    size_t bytes = 0;
    for (size_t i = 0; i < t->form->escalation.n; i++) {
        char after[DURATION_TEXT];
        struct whom whom = { .t = t, .line = items[i].line };
        whom.bytes = strlen(duration_format(after, items[i].after_us)) + strlen(" ");
        if (items[i].contacts)
            add_list_of_whom(&whom, items[i].contacts);
        bytes += whom.bytes;
        if (i > 0 && items[i].after_us == items[i - 1].after_us)
            FAULT(t, items[i].line, "`after` is that of the step before: name all of them in one step");
    }
    check_length(t, t->form->line[DOCUMENT_ESCALATION], bytes);
}

static void take_contacts(const struct taking *t)
{
    const struct config_texts *texts = &t->form->contacts;
    t->document->n_contacts = texts->n;
    for (size_t i = 0; i < texts->n; i++) {
        if (!utf8_is_shown(texts->at[i], 1, DOCUMENT_WORD_MAX, ""))
            FAULT(t, t->form->line[DOCUMENT_CONTACTS], "`contacts` holds \"%.63s\", want names of 1 to %d bytes",
                  texts->at[i], DOCUMENT_WORD_MAX);
        snprintf(t->document->contacts[i], sizeof t->document->contacts[i], "%s", texts->at[i]);
    }
    if (t->given)
        check_contacts(t);
}

static void take_escalation(const struct taking *t)
{
    const struct step_item *items = t->form->escalation.at;
    t->document->n_steps = t->form->escalation.n;
    for (size_t i = 0; i < t->form->escalation.n; i++) {
        struct document_step *row = &t->document->steps[i];
        *row = (struct document_step){ .after_us = items[i].after_us };
        COPY(t, items[i].line, "contacts", items[i].contacts, row->contacts);
        if (i > 0 && row->after_us < row[-1].after_us)
            FAULT(t, items[i].line, "`after` is less than that of the step before, want the steps by time");
    }
    if (t->given)
        check_steps(t);
}

static void take_notes(const struct taking *t)
{
    t->document->notes[0] = '\0';
    copy_text(t, t->form->line[DOCUMENT_NOTES], "notes", t->form->notes, "\n\t", t->document->notes,
              sizeof t->document->notes);
}

static bool is_link(const char *url)
{
    return (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) && !strpbrk(url, " \"<>");
}

static void take_runbooks(const struct taking *t)
{
    const struct runbook_item *items = t->form->runbooks.at;
    t->document->n_runbooks = t->form->runbooks.n;
    for (size_t i = 0; i < t->form->runbooks.n; i++) {
        struct document_runbook *row = &t->document->runbooks[i];
        *row = (struct document_runbook){ .title = "" };
        COPY(t, items[i].line, "title", items[i].title, row->title);
        COPY(t, items[i].line, "url", items[i].url, row->url);
        if (!is_link(row->url))
            FAULT(t, items[i].line, "`url` is \"%.64s\", want http://... or https://...", row->url);
    }
}

static void take_rules(const struct taking *t)
{
    const struct rule_item *items = t->form->rules.at;
    t->document->n_rules = t->form->rules.n;
    for (size_t i = 0; i < t->form->rules.n; i++) {
        struct document_rule *row = &t->document->rules[i];
        const struct rule_item *item = &items[i];
        *row = (struct document_rule){ .rule = "" };
        COPY(t, item->line, "rule", item->rule, row->rule);
        copy_hosts(t, item->line, item->hosts, row->hosts);
        COPY(t, item->line, "above", item->above, row->above);
        COPY(t, item->line, "below", item->below, row->below);
        COPY(t, item->line, "clear", item->clear, row->clear);
        COPY(t, item->line, "hold", item->hold, row->hold);
        COPY(t, item->line, "severity", item->severity, row->severity);
        COPY(t, item->line, "page", item->page, row->page);
        COPY(t, item->line, "off", item->off, row->off);
    }
}

static void (*const takes[DOCUMENT_FIELD_COUNT])(const struct taking *t) = {
    [DOCUMENT_NAME] = take_name,
    [DOCUMENT_ZONE] = take_zone,
    [DOCUMENT_FIRST_DAY] = take_first_day,
    [DOCUMENT_DAYS] = take_days,
    [DOCUMENT_DRILL] = take_drill,
    [DOCUMENT_PATROL] = take_patrol,
    [DOCUMENT_HOSTS] = take_hosts,
    [DOCUMENT_LABELS] = take_labels,
    [DOCUMENT_TIERS] = take_tiers,
    [DOCUMENT_LIMITS] = take_limits,
    [DOCUMENT_DEMAND] = take_demand,
    [DOCUMENT_CONTACTS] = take_contacts,
    [DOCUMENT_ESCALATION] = take_escalation,
    [DOCUMENT_NOTES] = take_notes,
    [DOCUMENT_RUNBOOKS] = take_runbooks,
    [DOCUMENT_RULES] = take_rules,
};

/* ---- the whole ---- */

/* What the row's own check says, at the line of what it is about. */
static void check_whole(const struct taking *t)
{
    struct event event;
    struct err err;
    char local[32];
    const int *line = t->form->line;
    if (document_event(t->document, &event, &err) == 0)
        return;
    enum document_field about = DOCUMENT_FIRST_DAY;
    if (strstr(err.text, "event: name"))
        about = DOCUMENT_NAME;
    else if (strstr(err.text, "selects none"))
        about = DOCUMENT_HOSTS;
    else if (calendar_local_text(t->document->zone, 0, local, NULL) < 0)
        about = DOCUMENT_ZONE;
    FAULT(t, line[about], "%s", err.text);
}

static int finish(const struct taking *t, size_t faults_before, struct document *ret)
{
    if (t->faults->n == faults_before)
        check_whole(t);
    if (t->faults->n > faults_before)
        return -EINVAL;
    *ret = *t->document;
    return 0;
}

static int parse(const char *name, const char *text, size_t len, bool given, struct document *ret,
                 struct config_faults *faults)
{
    if (len > DOCUMENT_TEXT_MAX)
        return config_fault(faults, name, 0, "larger than %d bytes", DOCUMENT_TEXT_MAX);
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct form form = { .days = 1 };
    int rc = config_parse(name, text, len, document_fields, &form, sizeof form, &arena, faults);
    if (rc < 0)
        return rc;
    AUTO(auto_free) struct document *document = calloc(1, sizeof *document);
    if (!document)
        return config_fault(faults, name, 0, "out of memory");
    size_t before = faults->n;
    struct taking t = { name, &form, document, faults, given };
    for (int i = 0; i < DOCUMENT_FIELD_COUNT; i++)
        takes[i](&t);
    return finish(&t, before, ret);
}

int document_parse(const char *name, const char *text, size_t len, struct document *ret, struct config_faults *faults)
{
    return parse(name, text, len, false, ret, faults);
}

int document_parse_given(const char *name, const char *text, size_t len, struct document *ret,
                         struct config_faults *faults)
{
    return parse(name, text, len, true, ret, faults);
}

int document_take_field(const char *name, const char *text, size_t len, enum document_field field,
                        struct document *document, struct config_faults *faults)
{
    const struct config_field alone[] = { document_fields[field], { .key = NULL } };
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct form form = { .days = 1 };
    int rc = config_parse(name, text, len, alone, &form, sizeof form, &arena, faults);
    if (rc < 0)
        return rc;
    AUTO(auto_free) struct document *changed = malloc(sizeof *changed);
    if (!changed)
        return config_fault(faults, name, 0, "out of memory");
    size_t before = faults->n;
    *changed = *document;
    struct taking t = { name, &form, changed, faults, true };
    takes[field](&t);
    return finish(&t, before, document);
}
