/* What an event is, written down: made, and changed until it is armed. Its document is kept as its canonical text; what
 * it declares of limits is at hand while it is armed and live, for every host of it is judged by them. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"

enum { EVERY_FIELD = DOCUMENT_BIT(DOCUMENT_FIELD_COUNT) - 1 };

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- as it is kept ---- */

static int read_kept(const struct assured *assured, struct document *ret, struct err *err)
{
    struct config_faults faults = { .n = 0 };
    if (!assured->document) {
        document_of(&assured->row, ret);
        return 0;
    }
    if (document_parse("document", assured->document, strlen(assured->document), ret, &faults) < 0)
        return err_set(err, -EBADMSG, "event %s: %s", assured->row.name, faults.at[0].text);
    return 0;
}

int collector_document(const struct collector *collector, uint64_t event, struct document *ret, struct err *err)
{
    const struct assured *assured = life_of(collector, event);
    return assured ? read_kept(assured, ret, err) : err_set(err, -ENOENT, "there is no event %" PRIu64, event);
}

static bool declares(const struct event *event)
{
    return event->state == EVENT_ARMED || event->state == EVENT_LIVE;
}

void describe_refresh(const struct collector *collector, struct assured *assured)
{
    struct document *document = NULL;
    struct overlays *overlays = NULL;
    if (declares(&assured->row) && assured->document && (document = malloc(sizeof *document))) {
        bool read = read_kept(assured, document, NULL) == 0;
        if (read && document->n_rules > 0)
            overlays = overlays_of_event(collector, &assured->row, document);
        if (!read || document->n_limits == 0) {
            free(document);
            document = NULL;
        }
    }
    free(assured->declared);
    free(assured->overlays);
    assured->declared = document;
    assured->overlays = overlays;
}

int describe_check_rules(const struct collector *collector, const struct assured *assured, struct err *err)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document)
        return out_of_memory(err);
    int rc = read_kept(assured, document, err);
    return rc < 0 ? rc : overlays_check(collector, document, err);
}

static int keep(struct collector *collector, struct assured *assured, const char *text)
{
    char *copy = strdup(text);
    struct event_document *row = calloc(1, sizeof *row);
    int rc = copy && row ? 0 : -ENOMEM;
    if (rc == 0) {
        row->event = assured->row.id;
        snprintf(row->text, sizeof row->text, "%s", text);
        rc = store_put_event_document(collector->store, assured->row.tenant, row);
    }
    free(row);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    free(assured->document);
    assured->document = copy;
    describe_refresh(collector, assured);
    return 0;
}

/* ---- the ledger ---- */

/* What a canonical text has under a key, that key included: up to the next line that begins at the margin. */
static json_t *part_of(const char *text, const char *key)
{
    size_t len = strlen(key);
    const char *at = text;
    while (strncmp(at, key, len) != 0 || at[len] != ':') {
        at = strchr(at, '\n');
        if (!at || !*++at)
            return json_string("");
    }
    const char *end = strchr(at, '\n');
    while (end && (end[1] == ' ' || end[1] == '-'))
        end = strchr(end + 1, '\n');
    return json_stringn(at, end ? (size_t)(end - at) : strlen(at));
}

static void note(struct collector *collector, const struct event *event, unsigned fields, const char *text,
                 const struct decision *decision)
{
    json_t *changed = json_object();
    bool made = fields == EVERY_FIELD;
    for (enum document_field field = 0; field < DOCUMENT_FIELD_COUNT; field++) {
        json_t *part = fields & DOCUMENT_BIT(field) ? part_of(text, document_key(field)) : NULL;
        if (part && (!made || json_string_length(part) > 0))
            json_object_set(changed, document_key(field), part);
        json_decref(part);
    }
    life_note(collector, event, "document", decision->by,
              json_pack("{s:o, s:s, s:s}", "changed", changed, "role", role_name(decision->role), "reason",
                        decision->reason ? decision->reason : ""));
}

/* ---- making and changing ---- */

static int check_name(const struct collector *collector, const struct event *event, struct err *err)
{
    for (size_t i = 0; i < collector->n_events; i++) {
        const struct event *other = collector->events[i];
        if (other->id != event->id && other->tenant == event->tenant && strcmp(other->name, event->name) == 0)
            return err_set(err, -EEXIST, "this tenant already has an event %s", event->name);
    }
    return 0;
}

/* One tenant's plans leave room for the others'. */
static int check_room(const struct collector *collector, uint64_t tenant, struct err *err)
{
    int n = 0;
    for (size_t i = 0; i < collector->n_events; i++)
        n += collector->events[i]->tenant == tenant && collector->events[i]->state < EVENT_CLOSED;
    if (n < TENANT_EVENTS_MAX)
        return 0;
    return err_set(
        err, -ENOSPC,
        "this tenant has %d events that are not over, as many as it may have: `warroom event cancel` those that"
        " nobody wants",
        n);
}

static int add_row(struct collector *collector, struct event *row, struct err *err)
{
    struct event *kept;
    row->id = collector->last_event + 1;
    row->created_us = now_us(collector);
    int rc = scope_add_event(collector, row, &kept);
    if (rc == -ENOSPC)
        return err_set(err, rc, "a collector keeps %d events at most", COLLECTOR_EVENTS_MAX);
    if (rc < 0)
        return out_of_memory(err);
    collector->last_event = row->id;
    return 0;
}

int collector_add_event(struct collector *collector, uint64_t tenant, const struct document *document,
                        const struct decision *decision, const struct event **ret_row, struct err *err)
{
    struct event row;
    AUTO(auto_free) char *text = malloc(DOCUMENT_TEXT_MAX + 1);
    if (!text)
        return out_of_memory(err);
    int rc = document_event(document, &row, err);
    if (rc < 0)
        return rc;
    row.tenant = tenant;
    snprintf(row.by, sizeof row.by, "%s", decision->by);
    rc = check_name(collector, &row, err);
    if (rc == 0)
        rc = check_room(collector, tenant, err);
    if (rc == 0)
        rc = document_write(document, text, err);
    if (rc == 0)
        rc = add_row(collector, &row, err);
    if (rc < 0)
        return rc;
    struct assured *assured = life_of(collector, row.id);
    if (keep(collector, assured, text) < 0)
        return out_of_memory(err);
    life_note_created(collector, &assured->row, decision);
    note(collector, &assured->row, EVERY_FIELD, text, decision);
    desk_event_changed(collector, &assured->row);
    *ret_row = &assured->row;
    return 0;
}

int describe_check_hosts(const struct assured *assured, const struct life_gathered *gathered, struct err *err)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document)
        return out_of_memory(err);
    int rc = read_kept(assured, document, err);
    return rc < 0 ? rc : document_check_hosts(document, gathered->hosts, gathered->n_hosts, err);
}

/* What has been asked for stands on hosts: they must be there. A draft's may come yet. */
static int check_hosts(const struct collector *collector, const struct event *event, const struct document *document,
                       struct err *err)
{
    AUTO(life_gathered_done) struct life_gathered gathered = { 0 };
    if (event->state == EVENT_DRAFT)
        return 0;
    if (life_gather(collector, event->tenant, &gathered) < 0)
        return out_of_memory(err);
    int rc = scope_check(event->hosts, event->labels, gathered.hosts, gathered.n_hosts, err);
    return rc < 0 ? rc : document_check_hosts(document, gathered.hosts, gathered.n_hosts, err);
}

static int check_changes(const struct event *event, struct err *err)
{
    if (event->changes < EVENT_CHANGES_MAX)
        return 0;
    return err_set(
        err, -ENOSPC,
        "event %s was changed %u times, as often as an event may be, and each is on record for good: `warroom"
        " event cancel` it and make another",
        event->name, event->changes);
}

static int check_change(const struct collector *collector, const struct assured *assured,
                        const struct document *document, struct event *ret_after, unsigned *ret_fields, struct err *err)
{
    AUTO(auto_free) struct document *before = malloc(sizeof *before);
    if (!before)
        return out_of_memory(err);
    *ret_after = assured->row;
    int rc = read_kept(assured, before, err);
    if (rc == 0)
        rc = document_compare(before, document, ret_fields, err);
    if (rc == 0 && *ret_fields)
        rc = document_may_change(&assured->row, *ret_fields, err);
    if (rc == 0 && *ret_fields)
        rc = check_changes(&assured->row, err);
    if (rc == 0)
        rc = document_apply(document, ret_after, err);
    if (rc == 0)
        rc = check_name(collector, ret_after, err);
    return rc < 0 ? rc : check_hosts(collector, ret_after, document, err);
}

int collector_set_event(struct collector *collector, uint64_t event, const struct document *document,
                        const struct decision *decision, const struct event **ret_row, struct err *err)
{
    struct assured *assured = life_of(collector, event);
    struct event after;
    unsigned fields = 0;
    if (!assured)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    AUTO(auto_free) char *text = malloc(DOCUMENT_TEXT_MAX + 1);
    if (!text)
        return out_of_memory(err);
    int rc = document_write(document, text, err);
    if (rc == 0)
        rc = check_change(collector, assured, document, &after, &fields, err);
    if (rc < 0)
        return rc;
    *ret_row = &assured->row;
    if (fields == 0)
        return 0;
    if (keep(collector, assured, text) < 0)
        return out_of_memory(err);
    assured->row = after;
    assured->row.changes++;
    note(collector, &assured->row, fields, text, decision);
    life_reopen(collector, assured, document_gates(fields), decision);
    log_event(&collector->log, LOG_INFO, "event_described", KV_TEXT("name", assured->row.name),
              KV_TEXT("by", decision->by));
    desk_event_changed(collector, &assured->row);
    scope_refresh(collector, assured->row.tenant);
    return 0;
}
