/* collector/control/call.h - one request of the console, for the files of this folder.
 *
 * Shape    a verb's function fills call->data (a new reference) and says how the answer goes out
 * Errors   negative, with the text in err; the code of the answer follows from the number: see code_of() in control.c
 */
#pragma once
#include <jansson.h>
#include <sys/types.h>

#include "collector/control/control.h"
#include "collector/control/roles.h"
#include "collector/store/ask.h"
#include "proto/link/control.h"
#include "proto/link/feed.h"

enum call_end {
    CALL_ANSWER = 0,      /* call->data is the answer */
    CALL_WHEN_STORED = 1, /* the same, once call->file of call->tenant is on disk */
    CALL_LATER = 2        /* the verb has taken the call and ends it by call_finish() */
};

struct verb;

struct call {
    struct control *control;
    struct collector *collector;
    const struct verb *verb;
    unsigned ticket;
    char by[64];          /* that user's name */
    enum role role;       /* and what it is here */
    uint64_t role_tenant; /* a customer's: `tenant` is among the arguments then; 0: not one */
    uint64_t strangers;   /* requests and readers that were not admitted, so far */
    json_t *args;         /* checked: only what the verb takes, of the right kind */
    char *next;           /* continuation token; NULL: from the beginning */
    json_t *data;
    char *more; /* continuation token of the answer; NULL: nothing behind it */
    enum store_file file;
    uint64_t tenant;
};

/* Ends a call that was taken: answers and frees it. `err` NULL: call->data is the answer. */
void call_finish(struct call *call, const struct err *err);

/* The same, once its data is on disk: collector_then()'s. */
void call_stored(void *user, int rc);

/* Arguments, as checked. */
const char *call_text(const struct call *call, const char *name); /* NULL: not given */
double call_real(const struct call *call, const char *name);      /* NaN: not given */
int64_t call_int(const struct call *call, const char *name, int64_t otherwise);

/* Which tenant is meant where one must be: the argument `tenant`, that of `event` (may be NULL), the only one there is
 * (scope.c). -ENOENT, -ENOTUNIQ. */
int call_one_tenant(const struct call *call, const struct event *event, uint64_t *ret_id, struct err *err);

/* The tenant of the argument `tenant`: *ret_id 0 when it was not given. -ENOENT. */
int call_tenant(const struct call *call, uint64_t *ret_id, struct err *err);

/* The event of the argument `event`: by name within the tenant given, else among all, else by id (events.c). -ENOENT,
 * -ENOTUNIQ. */
int call_event(const struct call *call, const struct event **ret, struct err *err);

/* In whose name, and why (events.c). */
struct decision call_decision(const struct call *call);
/* The event as it is now, when that is on disk (events.c). */
int call_answer_event(struct call *call, const struct event *row);

/* The host of the argument `host`, and what the others change of one (hosts.c). -ENOENT, -ENOTUNIQ. */
int call_host(const struct call *call, const struct host **ret, struct err *err);
struct host_change call_change(const struct call *call);

/* An instant's argument. *ret_us stays as it is when it was not given. -EINVAL. (query.c) */
int call_instant(const struct call *call, const char *name, int64_t *ret_us, struct err *err);

/* The instants `from` and `to` of a verb that needs both. -EINVAL: also when they are not in that order. (query.c) */
int call_range(const struct call *call, int64_t *ret_from_us, int64_t *ret_to_us, struct err *err);

/* The state of events of the argument `state`, as a bit of IN_FORCE(...). -EINVAL. (rules.c) */
int call_in_force(const struct call *call, unsigned otherwise, unsigned *ret, struct err *err);

/* The hosts a read is over, by the arguments `tenant`, `host` (one), `hosts` (globs): hosts of one tenant (scope.c). */
struct call_hosts {
    uint64_t tenant;
    size_t n;
    uint64_t *at; /* owned; in the order they were enrolled */
};
/* Those behind the host `after` (0: all), `most` of them; `event`: of its hosts, may be NULL. -ENOTUNIQ: there are
 * several tenants, and it was not said which; -EINVAL: also when both `host` and `hosts` were given. */
int call_hosts(const struct call *call, const struct event *event, uint64_t after, size_t most, struct call_hosts *ret,
               struct err *err);
void call_hosts_done(struct call_hosts *hosts);

enum arg_kind { ARG_TEXT, ARG_INT, ARG_REAL, ARG_BOOL };

struct arg {
    const char *name; /* NULL ends the list */
    enum arg_kind kind;
    bool required;
};

enum { CALL_ARGS_MAX = 24 };

struct verb {
    const char *name;
    int (*run)(struct call *call, struct err *err);
    struct arg args[CALL_ARGS_MAX];
    unsigned roles; /* who may: ROLES_... */
};

struct console_request {
    const struct verb *verb;
    json_t *args;     /* owned: an object */
    const char *next; /* borrowed from `whole`; NULL: none */
    json_t *whole;    /* owned */
};

/* Whether the verb takes an argument of this name. */
bool verb_takes(const struct verb *verb, const char *name);

/* Reads a request and checks its arguments (request.c). Pure: the fuzz target. -EINVAL: the text says what is
 * wrong; *ret is untouched. */
int console_request_parse(const char *text, size_t len, struct console_request *ret, struct err *err);
void console_request_done(struct console_request *request);

/* The verbs' functions, by file. */
int verb_status(struct call *call, struct err *err); /* status.c */

int verb_tenant_add(struct call *call, struct err *err); /* hosts.c */
int verb_tenant_list(struct call *call, struct err *err);
int verb_host_set(struct call *call, struct err *err);
int verb_hosts(struct call *call, struct err *err);

int verb_plan_list(struct call *call, struct err *err); /* contracts.c */
int verb_tenant_set(struct call *call, struct err *err);
int verb_tenant_show(struct call *call, struct err *err);
int verb_entitlement_show(struct call *call, struct err *err);
int verb_entitlement_buy(struct call *call, struct err *err);
int verb_entitlement_advise(struct call *call, struct err *err);
int verb_entitlement_cancel(struct call *call, struct err *err);

int verb_host_enroll(struct call *call, struct err *err); /* enrol.c */
int verb_host_rotate(struct call *call, struct err *err);
int verb_host_revoke(struct call *call, struct err *err);
int verb_host_retire(struct call *call, struct err *err);

int verb_host_invitations(struct call *call, struct err *err); /* invitations.c */
int verb_host_uninvite(struct call *call, struct err *err);

int verb_event_create(struct call *call, struct err *err); /* describe.c */
int verb_event_set(struct call *call, struct err *err);
int verb_event_list(struct call *call, struct err *err); /* events.c */
int verb_event_show(struct call *call, struct err *err);
int verb_event_do(struct call *call, struct err *err); /* "event request"... */
int verb_event_override(struct call *call, struct err *err);

int verb_incident_list(struct call *call, struct err *err); /* incidents.c */
int verb_incident_show(struct call *call, struct err *err);
int verb_incident_ack(struct call *call, struct err *err);
int verb_incident_resolve(struct call *call, struct err *err);
int verb_incident_assign(struct call *call, struct err *err);
int verb_incident_note(struct call *call, struct err *err);
int verb_incident_reopen(struct call *call, struct err *err);

int verb_silence_add(struct call *call, struct err *err); /* silences.c */
int verb_silence_list(struct call *call, struct err *err);
int verb_silence_end(struct call *call, struct err *err);
int verb_notice_add(struct call *call, struct err *err);
int verb_notice_list(struct call *call, struct err *err);
int verb_notice_answer(struct call *call, struct err *err);

int verb_lint(struct call *call, struct err *err);     /* lint.c */
int verb_rehearse(struct call *call, struct err *err); /* rehearse.c */
int verb_rehearsal_stop(struct call *call, struct err *err);
int verb_rehearsal_show(struct call *call, struct err *err);

int verb_contact_list(struct call *call, struct err *err); /* contacts.c */
int verb_contact_show(struct call *call, struct err *err);
int verb_contact_test(struct call *call, struct err *err);
int verb_oncall_list(struct call *call, struct err *err); /* oncall.c */
int verb_oncall_show(struct call *call, struct err *err);
int verb_oncall_override(struct call *call, struct err *err);

int verb_ledger_list(struct call *call, struct err *err); /* ledger.c */
int verb_ledger_export(struct call *call, struct err *err);
int verb_ledger_accept(struct call *call, struct err *err);

int verb_patrol_log(struct call *call, struct err *err); /* patrol.c */
int verb_patrol_handover(struct call *call, struct err *err);
int verb_rule_list(struct call *call, struct err *err); /* rules.c */
int verb_rule_export(struct call *call, struct err *err);
int verb_rule_test(struct call *call, struct err *err); /* rule_replay.c */

int verb_query(struct call *call, struct err *err);           /* query.c */
int verb_query_latest(struct call *call, struct err *err);    /* latest.c */
int verb_query_quantiles(struct call *call, struct err *err); /* quantiles.c */
int verb_query_top(struct call *call, struct err *err);       /* top.c */
int verb_coverage(struct call *call, struct err *err);        /* coverage.c */

int verb_export(struct call *call, struct err *err); /* export.c */
int verb_export_series(struct call *call, struct err *err);
int verb_import(struct call *call, struct err *err); /* import.c */

int verb_backup(struct call *call, struct err *err); /* backup.c */
struct backup_watch *backup_watch_new(void);         /* NULL: out of memory */
void backup_watch_leave(struct backup_watch *watch); /* control closes */
struct backup_watch *call_backup(const struct call *call);

/* Rows as JSON (forms.c): new references, NULL when out of memory. */
json_t *form_instant(int64_t at_us); /* null for 0 */
json_t *form_real(double value);     /* null for NaN */
json_t *form_text(const char *text); /* null for "" */
json_t *form_tenant(const struct tenant *row);
const char *form_tenant_name(const struct collector *collector, uint64_t tenant);
json_t *form_host(const struct collector *collector, const struct host *row);
json_t *form_host_id(uint64_t id);
/* When two agents last reported by the host's one key, if that was within the hour; 0: not. Clones displace each other,
 * so while there are two of them it is renewed. */
int64_t form_cloned_us(const struct collector *collector, const struct host_view *view);
json_t *form_seconds(int64_t us);
json_t *form_host_brief(const struct collector *collector, uint64_t host);
json_t *form_event(const struct collector *collector, const struct event *row); /* form_event.c */
json_t *form_heartbeat(const struct collector *collector, const struct event *row);
json_t *form_gates(const struct collector *collector, const struct event *row);
json_t *form_document(const struct collector *collector,
                      const struct event *row); /* form_document.c; null: unreadable */
json_t *form_said(
    const struct ledger_entry *entry); /* ledger.c: its body, without what makes it long; null: unreadable */
json_t *form_incident(const struct collector *collector, const struct incident *row);
json_t *form_alert(const struct alert *row, const char *host_name, const char *summary);
json_t *form_page(const struct page *row);
json_t *form_happening(const struct collector *collector, const struct happening *happening, uint64_t id);
