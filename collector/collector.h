/* collector/collector.h - the collector as a whole: its parts wired, its commands, and views of its state for the
 * console.
 *
 * Shape    reports come in by the uplink, are admitted, judged and gathered into their tenant's commit group; when
 *          the group is on disk acks, pages, console answers and happenings go out (docs/decisions.md,
 *          ARCHITECTURE.md)
 * Files    collector.c life and timer · uplink.c connections and sessions · uplink_tell.c what is logged of them ·
 *          limits.c what they may ask · enrol.c their handshakes · namesake.c names of those who come · report.c their
 *          reports · desk.c what follows from transitions, and pages out · ledger.c what can be proven of it ·
 *          trouble.c the disk's troubles, concern.c others of its own · pulse.c heartbeats · probes.c whether channels
 *          can be reached · deadman.c who is told outside that all is well · rehearse.c the way to people, walked ·
 *          rounds.c patrol's rounds, rounds_sight.c what they see, rounds_form.c how they stand in the ledger ·
 *          scope.c events over hosts, policies · life.c the life of events · describe.c what they are, as written down
 *          · contract.c contracts, and what events draw on them · shelf.c plans and calendars · restore.c the start ·
 *          invite.c its key, invitations, hosts that are sent away · command.c what else people ask for · import.c
 *          history from elsewhere · backup.c copies · config.c its file, people*.c who is told as that has it ·
 *          oncall.c who is on duty, told.c what comes of both · tryout.c whether they are reached
 * Units    microseconds of wall time
 * Threads  the loop's thread
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "collector/event/document.h"
#include "collector/event/entitlement.h"
#include "collector/event/event.h"
#include "collector/ingest/fleet.h"
#include "collector/ingest/keyring.h"
#include "collector/limits.h"
#include "collector/page/page.h"
#include "collector/page/worst.h"
#include "collector/people.h"
#include "collector/store/store.h"
#include "collector/watch/overlay.h"
#include "collector/watch/watch.h"
#include "proto/codec/message.h"
#include "proto/link/server.h"

struct collector; /* opaque */

/* ---- its file ---- */

enum { COLLECTOR_WEBHOOKS_MAX = 32, COLLECTOR_ROLES_MAX = 256 };

struct webhook_config { /* a contact told by HTTP */
    const char *name;
    const char *url;
    const char *tenant; /* NULL: of all tenants */
    int line;
};

struct dead_man_config { /* somebody outside who pages when he is not fed any more */
    const char *url;     /* NULL: there is none */
    int64_t every_us;
    int line;
};

struct role_config {    /* what a user, or who is in a group, may do at the console */
    const char *user;   /* either... */
    const char *group;  /* ...or */
    int role;           /* enum role */
    const char *tenant; /* a customer's; NULL: it is none */
    int line;
};

struct collector_config { /* texts live in the arena it was read into */
    const char *listen;
    int listen_line;
    const char *control;
    const char *feed;
    const char *console_group; /* whose members may use these sockets; NULL: the group it runs as */
    const char *user;          /* to run as, when started as root; NULL: whoever started it */
    const char *state;
    const char *key; /* path of its secret key; made when it is not there */
    int key_line;
    struct config_texts public; /* "HOST:PORT" that agents dial; none: `listen`, which is concrete then */
    int public_line;
    const char *backup; /* folder for backups; NULL: none */
    int backup_line;
    struct config_texts rules; /* paths; none stands twice */
    int rules_line;
    const char *plans_folder; /* NULL: PLANS_FOLDER, which may be missing; so the next one */
    const char *calendars_folder;
    int log_level;                    /* enum log_level */
    int64_t calm_us;                  /* between ticks of a host in no window; 0: the most there may be, 10 s */
    struct store_retention retention; /* 0: as the store has it */
    struct limits_config limits;      /* 0: as limits_default() has it */
    struct config_list webhooks;      /* of struct webhook_config */
    struct people_config people;
    struct dead_man_config dead_man;
    struct config_list roles; /* of struct role_config; none: all are commanders */
    struct rule *rule_rows;   /* read from `rules` */
    size_t n_rules;
    struct overlays *overlays; /* likewise; NULL: none */
    struct plans plans;        /* read from `plans_folder` */
    struct calendars calendars;
};

/* Where the key lies that signs the ledgers' heads: `ledger.key` beside the collector's own. NULL: out of memory. The
 * caller frees it. */
char *collector_ledger_key_file(const struct collector_config *config);

#define RULES_FOLDER     "/usr/share/warroom/rules"
#define PLANS_FOLDER     "/usr/share/warroom/plans"
#define CALENDARS_FOLDER "/usr/share/warroom/calendars"

/* Reads the file, the rule files it names, plans and calendars. -EINVAL: `faults` says why. */
int collector_config_read(const char *path, struct collector_config *ret, struct arena *arena,
                          struct config_faults *faults);

/* ---- its life ---- */

/* Something that is on disk and that people may be told of. */
enum happening_kind { HAPPENED_INCIDENT, HAPPENED_PAGE, HAPPENED_EVENT, HAPPENED_ALERT, HAPPENED_HOST };

struct happening {
    enum happening_kind kind;
    int64_t at_us;
    union {
        struct incident incident;
        struct page page;
        struct event event;
        struct transition alert;
        uint64_t host; /* its state changed */
    };
};

struct collector_listener {
    void (*happened)(void *user, const struct happening *happening); /* borrowed during the call */
    /* What could not be read at start can be read now: the collector wants to be closed and opened anew. NULL: it
     * goes on without, as each second until then. */
    void (*start_anew)(void *user);
    void *user;
    /* A socket of link_bind() for config's `listen`, borrowed: the collector uses a copy. 0: it makes its own. */
    int uplink_fd;
};

/* Opens the store, puts back what it holds, and listens. Config, clock, log and loop are borrowed; the config until
 * collector_reload() gives another. */
int collector_open(struct collector **ret_collector, uv_loop_t *loop, const struct collector_config *config,
                   const struct clock *clock, const struct log *log, struct collector_listener listener,
                   struct err *err);

/* Takes another config's rules, webhooks and log level; what cannot change while running is logged and left. */
int collector_reload(struct collector *collector, const struct collector_config *config, struct err *err);

/* Writes what is gathered, acks it, leaves. The loop must run until it is empty. Always returns NULL; NULL is fine. */
struct collector *collector_close(struct collector *collector);

/* ---- commands: on 0 the change holds and is in a group; collector_then() says when it is on disk ---- */

void collector_then(struct collector *collector, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc),
                    void *user);

int collector_add_tenant(struct collector *collector, const char *name, const struct tenant **ret_row, struct err *err);

struct host_change { /* what is NULL or NaN stays as it is */
    const char *group;
    const char *labels; /* as labels_change() has it */
    double limits[LIMIT_COUNT];
};
int collector_enroll_host(struct collector *collector, uint64_t tenant, const char *name,
                          const struct host_change *change, const struct host **ret_row, struct err *err);
int collector_change_host(struct collector *collector, uint64_t host, const struct host_change *change,
                          const struct host **ret_row, struct err *err);

enum { INVITE_USES_MAX = 10000 };
#define INVITE_WITHIN_MAX_US (INT64_C(90 * 86400) * US_PER_S)

struct host_invite {
    uint64_t host;     /* who is invited; its earlier invitation is void; 0: whoever comes, as new hosts */
    uint64_t tenant;   /* of new hosts */
    const char *group; /* of new hosts; NULL: each its own */
    unsigned uses;     /* 1..INVITE_USES_MAX new hosts; a host's own is for one use */
    int64_t within_us; /* 1..INVITE_WITHIN_MAX_US from now on */
};
/* Whether one more could be made, whoever it is for: to be asked before anything is made for it. -EPERM: nobody has
 * said where agents find us; -ENOSPC: too many are outstanding. */
int collector_can_invite(struct collector *collector, struct err *err);
/* Its addresses are borrowed from the configuration; whoever has printed it wipes it. -EINVAL, -ENOENT; -EPERM,
 * -ENOSPC: as above. */
int collector_invite(struct collector *collector, const struct host_invite *invite, struct invite *ret,
                     struct err *err);

/* Its key is heard no more, its connections are closed at once, its invitation is void. -ENOENT. */
/* Nobody joins by it any more, but those who have stay. -ENOENT: there is none of this id (any more). */
int collector_uninvite(struct collector *collector, uint64_t id, struct token *ret, struct err *err);
int collector_revoke_host(struct collector *collector, uint64_t host, const struct host **ret_row, struct err *err);
/* The same, and it is judged no more, so it is not silent either. What is stored of it stays. An invitation brings it
 * back. */
int collector_retire_host(struct collector *collector, uint64_t host, const struct host **ret_row, struct err *err);

struct decision { /* of a person; borrowed */
    const char *by;
    enum role role;
    const char *reason; /* NULL: none was given */
};
/* A draft. -EEXIST: the tenant has an event of that name; other errors as document_event(). */
int collector_add_event(struct collector *collector, uint64_t tenant, const struct document *document,
                        const struct decision *decision, const struct event **ret_row, struct err *err);
/* Puts another document in the place of the event's. -EPERM: its state does not allow that; -ENOSPC: it was
 * changed as often as it may be. */
int collector_set_event(struct collector *collector, uint64_t event, const struct document *document,
                        const struct decision *decision, const struct event **ret_row, struct err *err);
/* What the event is, as it was written, or as its row has it. -ENOENT. */
int collector_document(const struct collector *collector, uint64_t event, struct document *ret, struct err *err);
struct collector_rules { /* borrowed */
    const struct rule *rows;
    size_t n;
    const struct overlays *overlays; /* of their file, for groups; NULL: none */
};
struct collector_overlays_ask {
    struct collector_rules rules; /* the collector's own, or others */
    const struct host *host;
    const struct event *event; /* NULL: those that are armed or live for the host */
    bool groups_only;          /* no event at all */
    bool part;                 /* the rules are not all there are: rows of others mean nothing */
};
/* What lies over the rules on the host. `ret` is to be done in any case. -EINVAL: the event's document has a row that
 * keeps it from being armed with these rules; -ENOMEM; others as collector_document(). */
struct collector_overlays {
    struct overlay_where where; /* its events' are owned */
};
int collector_overlays(const struct collector *collector, const struct collector_overlays_ask *ask,
                       struct collector_overlays *ret, struct err *err);
void collector_overlays_done(struct collector_overlays *over);
struct lint_row { /* one rule to one contact; texts are the configuration's */
    const char *rule;
    const char *contact;
    unsigned step; /* the first that tells it */
    struct worst worst;
};
typedef void collector_lint_fn(void *user, const struct lint_row *row);
/* Each way from a rule that pages in the event's window to somebody it would tell, by configuration alone, with what is
 * laid over the rules at its longest. -EINVAL: its document says what cannot be; -ENOMEM. */
int collector_lint(const struct collector *collector, const struct event *event, collector_lint_fn *fn, void *user,
                   struct err *err);
/* Walks the way from a host of the event (0: the first that can) to everybody whom it would have told. -EPERM: its
 * state does not allow it, nobody would be told, or the host cannot; -EEXIST: one is under way. */
int collector_rehearse(struct collector *collector, uint64_t event, uint64_t host, const char *by,
                       const struct rehearsal **ret_row, struct err *err);
/* It has failed by that. -EPERM: none is under way. */
int collector_stop_rehearsal(struct collector *collector, uint64_t event, const char *by,
                             const struct rehearsal **ret_row, struct err *err);
/* The latest of the event; borrowed. NULL: there was none. */
const struct rehearsal *collector_rehearsal(const struct collector *collector, uint64_t event);
/* Errors as event.h and contract_draw() have them. */
int collector_event_do(struct collector *collector, uint64_t event, enum event_verb verb,
                       const struct decision *decision, const struct event **ret_row, struct err *err);
int collector_override_gate(struct collector *collector, uint64_t event, enum gate_kind gate,
                            const struct decision *decision, const struct event **ret_row, struct err *err);

/* ---- silences and notices (silences.c, notices.c): rows are borrowed until the next change of any ---- */

enum { COLLECTOR_SILENCES_MAX = 1024, COLLECTOR_NOTICES_MAX = 4096 };

/* `silence` is silence_init()'s, its tenant set. -ENOENT: no such host; -EPERM: within a window it takes a commander;
 * -ENOSPC. */
int collector_add_silence(struct collector *collector, const struct silence *silence, enum role role,
                          const struct silence **ret_row, struct err *err);
/* `tenant` 0: whosever it is. What it held back and still fires is raised. -ENOENT. */
int collector_end_silence(struct collector *collector, uint64_t tenant, uint64_t id, const char *by,
                          struct silence *ret, struct err *err);
/* Those in force; NULL: no more, start with NULL. */
const struct silence *collector_next_silence(const struct collector *collector, const struct silence *after);
bool collector_is_silenced(const struct collector *collector, const struct alert *alert);

/* `notice` is notice_init()'s, its tenant set. -ENOENT, -ERANGE, -ENOSPC. */
int collector_add_notice(struct collector *collector, const struct notice *notice, const struct notice **ret_row,
                         struct err *err);
/* -ENOENT; -EPERM: answered already; -EINVAL: without a reason. */
int collector_answer_notice(struct collector *collector, uint64_t tenant, uint64_t id, const struct decision *decision,
                            const struct notice **ret_row, struct err *err);
/* Those that are not over. */
const struct notice *collector_next_notice(const struct collector *collector, const struct notice *after);
/* The events, from requested to live, whose windows it stands against: the next behind `after` (NULL: the first). */
const struct event *collector_notice_against(const struct collector *collector, const struct notice *notice,
                                             const struct event *after);

/* ---- who is on duty (oncall.c, docs/contacts.md) ---- */

enum { COLLECTOR_OVERRIDES_MAX = 256 };

/* As rota_duty(), by the configuration and the overrides in memory: those that are over are not. An override by a
 * contact that a reload has taken away counts no more. -ENOENT: there is no such rota. */
int collector_duty(const struct collector *collector, const char *rota, int64_t at_us, struct rota_duty *ret,
                   struct err *err);
/* `wanted` is rota_override_init()'s. -ENOENT: no such rota or contact; -EPERM: its members hear of other tenants'
 * incidents than the contact does; -ENOSPC. */
int collector_override_rota(struct collector *collector, const struct rota_override *wanted,
                            const struct rota_override **ret_row, struct err *err);
/* The tenant in whose ledger it stands. */
uint64_t collector_override_chain(const struct collector *collector, const struct rota_override *row);
/* Those that are not over, by id; NULL: no more, start with NULL. */
const struct rota_override *collector_next_override(const struct collector *collector,
                                                    const struct rota_override *after);

/* ---- ledgers (ledger.c, docs/ledger.md) ---- */

/* A broken ledger may be as it is, by a commander's word, which is its next entry: with that on disk all of it is
 * signed by a new head. -EPERM: it is not broken; -EINVAL: no reason. */
int collector_accept_ledger(struct collector *collector, uint64_t tenant, const struct decision *decision,
                            struct err *err);

/* ---- whether a contact is reached (tryout.c) ---- */

struct collector_tried_way {
    struct page_way way;
    struct page_outcome outcome;
    int64_t took_us;
};
struct collector_tryout {
    char contact[CONTACT_NAME_MAX + 1];
    char by[64];
    uint64_t tenant; /* in whose ledger it stands: the contact's, or TENANT_RESERVED */
    size_t n;
    struct collector_tried_way ways[PAGE_WAYS_MAX];
};
/* Borrowed during the call; NULL: the collector closes, and nobody will know. */
typedef void collector_tryout_fn(void *user, const struct collector_tryout *result);
/* Sends a message that is marked as a test by each of the contact's ways. `fn` is called once, when each was heard of;
 * the entry of it is in its group then. -ENOENT: no such contact; -EBUSY: it is being tested, or too many were; `fn` is
 * not called then. */
int collector_try_contact(struct collector *collector, const char *contact, const char *by, collector_tryout_fn *fn,
                          void *user, struct err *err);

/* ---- contracts (contract.c, docs/entitlement.md) ---- */

struct contract_terms { /* of the tenant's contract that begins on first_day, or of a new one */
    const char *first_day;
    const char *plan, *zone, *calendar; /* NULL: as they are */
    int64_t years;                      /* 0: as they are; of a new one: 1 */
};
/* -EPERM: it is locked, or what is drawn would have no cover; -EEXIST: it would overlap another one; -ENOENT: there is
 * no such plan or calendar; -EINVAL. */
int collector_set_contract(struct collector *collector, uint64_t tenant, const struct contract_terms *terms,
                           const char *by, const struct contract **ret_row, struct err *err);
/* -ENOENT: none begins on that day; -EPERM: it is locked, the text says until when. */
int collector_end_contract(struct collector *collector, uint64_t tenant, const char *first_day, const char *by,
                           struct err *err);
/* Its id and bought_us are given here. -EINVAL; -EPERM: the tenant has no contract. */
int collector_buy_pack(struct collector *collector, const struct pack *pack, const struct pack **ret_row,
                       struct err *err);
/* Draws `days` working days of advice from first_day on. -EPERM: no contract, too soon (the text says from when on), no
 * working day, not enough left. */
int collector_advise(struct collector *collector, uint64_t tenant, const char *first_day, int64_t days, const char *by,
                     struct draw ret[TAKES_MAX], size_t *ret_n, struct err *err);
/* Gives a draw of advice back. -ENOENT: there is none of that number; -EPERM: it has begun. */
int collector_cancel_advice(struct collector *collector, uint64_t tenant, uint64_t draw, const char *by,
                            struct draw *ret, struct err *err);

int collector_acknowledge(struct collector *collector, uint64_t incident, const char *by, struct err *err);
int collector_resolve(struct collector *collector, uint64_t incident, const char *by, struct err *err);
/* As pager_assign(), pager_note() and pager_reopen(). */
int collector_assign(struct collector *collector, uint64_t incident, const char *to, const char *by, struct err *err);
int collector_note(struct collector *collector, uint64_t incident, const char *text, const char *by, struct err *err);
int collector_reopen(struct collector *collector, uint64_t incident, const char *by, struct err *err);

/* ---- patrol (rounds.c) ---- */

/* One shift leaves the event to the next: `body`, a JSON object, goes into its ledger. -ENOENT; -ENOSPC: it was done
 * too often; -ENOMEM. */
int collector_hand_over(struct collector *collector, uint64_t event, const char *by, const char *body, struct err *err);

/* ---- history from elsewhere (import.c) ---- */

struct import_source { /* what tells one file from another */
    uint8_t bytes[16];
};

struct import_batch { /* borrowed during the call */
    uint64_t host;
    struct import_source source;
    struct bytes table; /* codec's; both empty: only ask how far it is */
    struct bytes batch;
};

struct collector_imported {
    struct run_id run; /* the ticks of this source are of */
    uint64_t stored;   /* ticks 1..stored are on disk */
    int64_t stored_us; /* time of the last of them; 0: none */
    bool had;          /* the batch brought nothing new */
};
typedef void collector_imported_fn(void *user, const struct collector_imported *result, const struct err *err);

/* `fn` is called once, on the loop, when the batch is on disk. -EINVAL: it is not whole; -EAGAIN: another import into
 * this host is under way, or too much waits; as `err` of `fn` also -EPERM: it is not the next of its run, -EIO: the
 * disk. */
int collector_import(struct collector *collector, const struct import_batch *import, collector_imported_fn *fn,
                     void *user, struct err *err);

/* ---- backup (backup.c) ---- */

/* As store_backup(), into the configured folder; how it went is logged. -EPERM: none is configured; -EAGAIN: one is
 * under way. */
int collector_backup(struct collector *collector, uint64_t tenant,
                     void (*fn)(void *user, const struct store_backup *state, const struct err *err), void *user,
                     struct err *err);

/* ---- views ---- */

enum host_presence { /* no tick ever; neither of the others; silence fires; retired */
                     HOST_NEVER,
                     HOST_REPORTING,
                     HOST_SILENT,
                     HOST_GONE
};

enum host_admission {                    /* whether it may report */
                      ADMISSION_NONE,    /* enrolled, and nothing since */
                      ADMISSION_INVITED, /* it has an invitation and no key */
                      ADMISSION_JOINED,
                      ADMISSION_REVOKED,
                      ADMISSION_RETIRED,
                      ADMISSION_COUNT
};
/* "none", "invited", "joined", "revoked", "retired". */
const char *host_admission_name(enum host_admission admission);

struct host_view {
    enum host_presence presence;
    enum host_admission key;
    int64_t cloned_us;          /* two agents were last seen to report under its one key; 0: never since the start */
    bool connected;             /* a connection of it reports now */
    int64_t last_tick_us;       /* corrected; 0: none yet */
    int64_t interval_us;        /* confirmed by the agent; 0: not yet */
    char version[TEXT_MAX + 1]; /* of the agent; "" unknown */
    double cpu, memory;         /* 0..1, latest; NaN unknown */
    unsigned firing;            /* alerts */
    unsigned in_force;          /* rules': those of the IN_FORCE(...) bits that count */
    double limits[LIMIT_COUNT]; /* in force: its own, and what an armed or live event declares for it; NaN: none */
};
void collector_host_view(const struct collector *collector, uint64_t host, struct host_view *ret);

/* NULL: no more; start with NULL. In the order they were created. */
const struct event *collector_next_event(const struct collector *collector, const struct event *after);
const struct event *collector_event(const struct collector *collector, uint64_t id);
/* GATE_COUNT of them. NULL: there is no such event. */
const struct gate *collector_gates(const struct collector *collector, uint64_t event);

/* Never NULL: a tenant without any has an empty book. Borrowed until the next command. */
const struct book *collector_book(const struct collector *collector, uint64_t tenant);

struct collector_status {
    int64_t started_us;
    unsigned reporting, silent;
    unsigned firing, pending, unknown; /* alerts */
    unsigned silenced;                 /* of the firing ones */
    uint64_t pages_delivered, pages_failed;
    size_t pages_queued;
    uint64_t reports;
    uint64_t refused[REFUSAL_COUNT];
    uint64_t unopened_handshakes; /* message 1 of a handshake that was not made for us */
    uint64_t unopened_messages;   /* sealed, of a session, but not by its agent */
    uint64_t over[OVER_COUNT];    /* how often something was over a limit */
    struct link_counts link;
    struct store_counts store;
    unsigned port; /* it listens on */
};
void collector_status(const struct collector *collector, struct collector_status *ret);

struct heart_view {      /* heartbeats of a live event, since it is or since the start */
    bool able;           /* there is a host that can be asked: it reports, and its agent knows of exercises */
    uint64_t came, lost; /* through, or not */
    unsigned in_a_row;   /* lost, since one came */
    const char *stuck;   /* what the last one got stuck at; NULL: it did not */
    int64_t last_us;     /* when one last came; 0: none has... */
    int64_t took_us;     /* ...and how long it took; as the slowest did */
    int64_t slowest_us;
};
/* False: it has none, as it is not live. */
bool collector_heart(const struct collector *collector, uint64_t event, struct heart_view *ret);

/* What is wrong with the disk, each in words for people; start with NULL. NULL: no more. Borrowed until the next
 * second. */
const char *collector_next_trouble(const struct collector *collector, const char *after);

struct fleet *collector_fleet(const struct collector *collector);
const struct keyring *collector_keyring(const struct collector *collector);
struct pager *collector_pager(const struct collector *collector);
struct watch *collector_watch(const struct collector *collector);
struct store *collector_store(const struct collector *collector);
const struct collector_config *collector_configuration(const struct collector *collector);
int64_t collector_now_us(const struct collector *collector);
