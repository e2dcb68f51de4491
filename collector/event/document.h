/* collector/event/document.h - what an event is, written down: its scope and what it stands for. YAML. Pure.
 *
 * Shape    a struct with room for all of it; document_parse() reads a file, document_write() writes the one canonical
 *          text of a document: keys in the order of the struct, what is empty left out, so that equal documents have
 *          equal texts and reading it back gives the document again. That text is what is kept (struct event_document)
 * Fields   the keys of the file, one bit each (DOCUMENT_...), in the order of the struct
 * Lists    each is bounded (DOCUMENT_..._MAX). `hosts` within lists are names and globs as of scope.h, over the event's
 *          own hosts; where several rows fit a host the first one counts
 * Faults   of a file: all of them, each with its line; of a field set alone: one
 * Owner    the caller's memory; a struct document is some 80 KiB: heap or static, not the stack. Its functions take
 *          memory of their own while they run: -ENOMEM
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "collector/event/event.h"
#include "collector/ingest/fleet.h"

enum {
    DOCUMENT_TEXT_MAX = 32768, /* bytes of its YAML, as given and as kept */
    DOCUMENT_TIERS_MAX = 16,
    DOCUMENT_LIMITS_MAX = 32,
    DOCUMENT_DEMAND_MAX = 64,
    DOCUMENT_CONTACTS_MAX = 16,
    DOCUMENT_STEPS_MAX = 8,
    DOCUMENT_RUNBOOKS_MAX = 16,
    DOCUMENT_RULES_MAX = 32,
    DOCUMENT_HOSTS_MAX = 255, /* of one row of a list */
    DOCUMENT_WORD_MAX = 63,   /* names, and the words of an overlay */
    DOCUMENT_METRIC_MAX = 96,
    DOCUMENT_TITLE_MAX = 127,
    DOCUMENT_URL_MAX = 511,
    DOCUMENT_NOTES_MAX = 8191,
    DOCUMENT_START_MAX = 16,
    DOCUMENT_TIMES_MAX = 1000 /* what is usual: more is a slip */
};
#define DOCUMENT_AFTER_MAX_US    (86400 * US_PER_S)               /* of a step of escalation */
#define DOCUMENT_DURATION_MAX_US (31 * INT64_C(86400) * US_PER_S) /* of a demand */

enum document_field {
    DOCUMENT_NAME,
    DOCUMENT_ZONE,
    DOCUMENT_FIRST_DAY,
    DOCUMENT_DAYS,
    DOCUMENT_DRILL,
    DOCUMENT_PATROL,
    DOCUMENT_HOSTS,
    DOCUMENT_LABELS,
    DOCUMENT_TIERS,
    DOCUMENT_LIMITS,
    DOCUMENT_DEMAND,
    DOCUMENT_CONTACTS,
    DOCUMENT_ESCALATION,
    DOCUMENT_NOTES,
    DOCUMENT_RUNBOOKS,
    DOCUMENT_RULES,
    DOCUMENT_FIELD_COUNT
};
#define DOCUMENT_BIT(field) (1U << (unsigned)(field))

enum document_tier { TIER_NONE, TIER_CORE, TIER_SUPPORTING };

struct document {
    char name[EVENT_NAME_MAX + 1];
    char zone[EVENT_ZONE_MAX + 1];
    char first_day[EVENT_DAY_TEXT];
    int days;
    bool drill;
    int64_t patrol_us; /* between rounds while it is live; 0: as patrol has it */
    char hosts[EVENT_HOSTS_MAX + 1];
    char labels[EVENT_LABELS_MAX + 1];
    size_t n_tiers, n_limits, n_demand, n_contacts, n_steps, n_runbooks, n_rules;
    struct document_tier_row {
        char hosts[DOCUMENT_HOSTS_MAX + 1];
        enum document_tier tier;
    } tiers[DOCUMENT_TIERS_MAX];
    struct document_limits_row { /* declared for the window: they go before the host's own */
        char hosts[DOCUMENT_HOSTS_MAX + 1];
        double limits[LIMIT_COUNT]; /* NaN: not declared */
    } limits[DOCUMENT_LIMITS_MAX];
    struct document_demand { /* expected at its peak */
        char hosts[DOCUMENT_HOSTS_MAX + 1];
        char metric[DOCUMENT_METRIC_MAX + 1]; /* of the catalogue */
        double times;                         /* so many times what is usual; NaN: `value` is given... */
        double value;                         /* ...in the metric's unit, a host; NaN: `times` is */
        enum document_tier tier;              /* of hosts of this tier alone; TIER_NONE: of all */
        char start[DOCUMENT_START_MAX + 1];   /* local time, "2026-12-01T20:00", or "20:00" of the first day; "": of the
                                                 window */
        int64_t ramp_us;                      /* until it is full */
        int64_t duration_us;                  /* 0: to the window's end */
    } demand[DOCUMENT_DEMAND_MAX];
    char contacts[DOCUMENT_CONTACTS_MAX][DOCUMENT_WORD_MAX + 1];
    struct document_step { /* of escalation, by time */
        int64_t after_us;
        char contacts[DOCUMENT_WORD_MAX + 1];
    } steps[DOCUMENT_STEPS_MAX];
    char notes[DOCUMENT_NOTES_MAX + 1]; /* may have lines */
    struct document_runbook {
        char title[DOCUMENT_TITLE_MAX + 1];
        char url[DOCUMENT_URL_MAX + 1];
    } runbooks[DOCUMENT_RUNBOOKS_MAX];
    struct document_rule { /* an overlay: texts as given, "" not given */
        char rule[DOCUMENT_WORD_MAX + 1];
        char hosts[DOCUMENT_HOSTS_MAX + 1];
        char above[DOCUMENT_WORD_MAX + 1];
        char below[DOCUMENT_WORD_MAX + 1];
        char clear[DOCUMENT_WORD_MAX + 1];
        char hold[DOCUMENT_WORD_MAX + 1];
        char severity[DOCUMENT_WORD_MAX + 1];
        char page[DOCUMENT_WORD_MAX + 1];
        char off[DOCUMENT_WORD_MAX + 1];
    } rules[DOCUMENT_RULES_MAX];
};

/* ---- reading and writing (document_take.c, document_write.c; document.c the rest) ---- */

/* -EINVAL: `faults` says why, *ret is untouched. `name` stands for the file in faults. */
int document_parse(const char *name, const char *text, size_t len, struct document *ret, struct config_faults *faults);

/* The same of a document that somebody gives now: contacts and steps that no incident could be escalated by
 * (collector/event/whom.h) are refused, too. What was kept before that was looked at can still be read. */
int document_parse_given(const char *name, const char *text, size_t len, struct document *ret,
                         struct config_faults *faults);

/* The canonical text. -EMSGSIZE: it would be longer than DOCUMENT_TEXT_MAX. */
int document_write(const struct document *document, char text[DOCUMENT_TEXT_MAX + 1], struct err *err);

/* Sets one field by its key. Values are as people type them: "2", "true", "web-*,db-1" for a list of words, any text
 * for notes, YAML for the other lists ("[{hosts: db-*, tier: core}]"); "" empties what may be empty. The document as a
 * whole is checked. -EINVAL; -ENOENT: there is no such field: the text lists them. */
int document_set(struct document *document, const char *key, const char *value, struct err *err);

/* "first_day"... */
const char *document_key(enum document_field field);

/* ---- and its event ---- */

/* The draft it describes (event_init()). */
int document_event(const struct document *document, struct event *ret, struct err *err);

/* What a row alone says: of an event that was kept without a document. */
void document_of(const struct event *event, struct document *ret);

/* The fields (bits) in which two documents differ. */
int document_compare(const struct document *a, const struct document *b, unsigned *ret_fields, struct err *err);

/* Whether a change of these fields is allowed to this event now: until it is armed, of its name, days and kind as a
 * draft only. -EPERM: says which is not. */
int document_may_change(const struct event *event, unsigned fields, struct err *err);

/* Takes what the document says of scope and window into the row. The caller has asked document_may_change(). */
int document_apply(const struct document *document, struct event *event, struct err *err);

/* The gates (bits) that rest on these fields, to be reopened when they change. */
unsigned document_gates(unsigned fields);

/* Each `hosts` of its lists must name some host of the event's own scope: `hosts` are the tenant's. -ENOENT: says which
 * one does not. The event's own selectors are event_do()'s to check. */
int document_check_hosts(const struct document *document, const struct scope_host *hosts, size_t n, struct err *err);

/* "core"..., "" for TIER_NONE. */
const char *document_tier_name(enum document_tier tier);
enum document_tier document_tier(const struct document *document, const char *host_name);
/* Writes over those of `limits` that the document declares for the host. */
void document_limits(const struct document *document, const char *host_name, double limits[LIMIT_COUNT]);

/* When a demand begins. -EINVAL: it is no such time. */
int document_demand_start(const struct document *document, const struct document_demand *demand, int64_t *ret_us,
                          struct err *err);

/* ---- as it is kept ---- */

struct event_document { /* a row */
    uint64_t event;
    char text[DOCUMENT_TEXT_MAX + 1]; /* canonical */
};
