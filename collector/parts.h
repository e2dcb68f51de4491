/* collector/parts.h - the collector's insides, for the files of this folder alone (see collector.h for which does
 * what). */
#pragma once
#include <jansson.h>

#include "collector/channel/channel.h"
#include "collector/channel/message.h"
#include "collector/collector.h"
#include "collector/event/lead.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/keyring.h"
#include "proto/link/address.h"
#include "proto/link/channel.h"
#include "uthash.h"

enum {
    COLLECTOR_EVENTS_MAX = 4096,
    TENANT_EVENTS_MAX = 64,      /* that are not over */
    EVENT_CHANGES_MAX = 500,     /* of its document: each is an entry of the ledger, for good */
    EVENT_HANDOVERS_MAX = 500,   /* likewise: the longest window handed over each hour and a half */
    INTERVAL_CALM_US = 10000000, /* between ticks of a host in no window, unless the configuration says less */
    INTERVAL_WINDOW_US = 1000000,
    HELLO_WITHIN_US = 5000000,   /* of a connection */
    REPORT_WITHIN_US = 60000000, /* of its first welcome: the agent has a tick each 10 s at least */
    BEAT_US = 10000000,
    DOWNTIME_MAX_US = 60000000,    /* longer within a window is an incident */
    RECONNECT_GRACE_US = 30000000, /* agents' longest back-off */
    ANCHOR_SAVE_US = 60000000,     /* between saves of a run's anchor */
    STEP_TOLD_US = 60000000        /* between clock steps of a host that are stored and told */
};
#define PASSED_OVER_TOLD_US (3600 * US_PER_S) /* between telling that declarations of a host were passed over */
#define CHANNEL_LIFE_US     (3900 * US_PER_S) /* agents shake hands anew after an hour */
#define CLONE_SLACK_US      US_PER_S          /* by how much the times of two runs may be off each other */
#define SKEW_TOLD_US        (3600 * US_PER_S) /* between telling that a host's wall clock is off */
#define CLONE_TOLD_US       (3600 * US_PER_S) /* between telling that a host is two machines */
#define FORGET_US           (3600 * US_PER_S) /* resolved incidents stay in memory for as long */
#define EPOCH_LEAST_US      (INT64_C(946684800) * US_PER_S) /* 2000-01-01: no tick of ours is older */
#define BATCH_SPAN_MAX_US   (INT64_C(24 * 3600) * US_PER_S)
#define BUSY_RETRY_US       INT64_C(1000000)
#define NOBODY_TENANT       UINT64_MAX /* of a contact whose tenant does not exist yet */

struct session;

struct host_state { /* what the collector knows of a host beside its row */
    uint64_t id;
    const struct host *row;
    struct session *sessions; /* connections on which its agent, or whoever has its key, has a session... */
    struct session *session;  /* ...and the one that counts: where its last report came from; NULL: none */
    struct session *newest;   /* where its newest tick came from; NULL: that one is gone */
    struct watched *watched;  /* what the watch has of it; NULL: not asked for yet */
    bool exercised[EXERCISE_REHEARSAL + 1]; /* by what the way from it to people is being tried: exercise_set() */
    struct policy policy;                   /* in force */
    int64_t interval_us;                    /* the agent confirmed; 0: not yet */
    uint64_t confirmed_revision;            /* of its policy, likewise */
    bool beats;                             /* WATCH_HEARTBEAT_RULE fires */
    bool rehearses;                         /* WATCH_REHEARSAL_RULE does */
    double limits[LIMIT_COUNT];             /* in force: an event's, or else the host's own */
    unsigned in_force;                      /* rules': IN_FORCE(...) bits */
    uint64_t event;                         /* the live event it is in; 0: none */
    int64_t last_tick_us;
    int64_t cloned_us;     /* two agents reported by turns; 0: never... */
    int64_t clone_told_us; /* ...and when that was last told */
    struct host_meter meter;
    struct damper turned_away; /* handshakes by a key of it that is heard no more, or that claim what is not its */
    int64_t skew_told_us;      /* monotonic: when its wall clock was last said to be off; 0: never */
    int64_t stepped_us;        /* monotonic: when a clock step of it was last told */
    int64_t passed_over_us;    /* likewise: that declarations of it were passed over */
    bool has_stepped, has_passed_over;
    bool silent;          /* the alert of silence fires */
    bool too_many_alerts; /* said already */
    char version[TEXT_MAX + 1];
    double cpu, memory;
    unsigned firing;
    UT_hash_handle by_id;
};

/* A handshake, from its message 1 to the first sealed message that opens: only then is it sure that it is of now. What
 * the connection had before goes on until then. */
struct opening {
    struct collector *collector;
    struct session *session; /* NULL: the connection went, or shook hands anew */
    uint32_t ticket;         /* of message 1 */
    struct handshake handshake;
    bool answered; /* welcomed: its channel is the session's next one */
    bool waits;    /* for the registry's disk: its enrolment is not known to be on it */
    uint8_t key[HOST_KEY_BYTES];
    struct host_state *host;
    struct run_id run;
    int64_t mono_us, wall_us; /* of the agent */
    struct exchange exchange; /* stamps of our message 2 */
    char version[TEXT_MAX + 1];
    char system[TEXT_MAX + 1];
};

struct session { /* of one connection */
    struct collector *collector;
    struct link_peer *peer;
    struct session **list;       /* strangers, guests or its host's, in which it is; NULL: none */
    struct session *next, *prev; /* in that list */
    int64_t since_us;            /* monotonic: it is in that list */
    struct opening *opening;     /* NULL: none */
    struct channel channels[2];
    unsigned current;        /* channel; the other one is the opening's */
    unsigned number;         /* of sessions on this connection so far: what waits is answered in its own */
    struct host_state *host; /* NULL: no session yet */
    struct ingest_run *run;
    struct exchange exchange; /* stamps of our last answer */
    int64_t learned_us;       /* sent_us of the exchange last learned from */
    int64_t ahead_us;         /* the host's wall clock, of ours, when it said hello */
    int64_t displaced_us;     /* first tick of the connection that took its place; 0: none has */
    bool told_unopened;       /* said already */
    unsigned charged;         /* handshakes without a session: given back when it has one... */
    unsigned asked;           /* ...and what else it sent since the last of them */
    struct waiting *waiting;  /* reports of it that wait for the disk */
};

/* A report to be answered when its ticks are on disk. */
struct waiting {
    struct session *session;     /* NULL: the connection went */
    unsigned number;             /* of the session, when the report came */
    struct waiting *next, *prev; /* in the session's list */
    uint32_t ticket;
    struct host_state *host;
    struct ingest_run *run;
    uint64_t first, last;
    bool owner; /* the report that brought the ticks, not a duplicate of it */
    bool with_table;
    struct table_hash table;
    uint64_t policy_revision; /* the agent's */
    int64_t received_us;
};

/* An event, and what is kept beside its row. */
struct assured {
    struct event row; /* first: collector->events leads to it */
    struct gate gates[GATE_COUNT];
    char *document; /* owned: its canonical text; NULL: none was written */
    struct overlays
        *overlays; /* owned: what the same lays over rules, while it is armed or live and does so; else NULL */
    struct rehearsal *rehearsal; /* owned: the latest; NULL: there was none */
    int64_t rehearse_asked_us;   /* its host was, by this process; monotonic */
    struct document *declared;   /* owned: the same, read, while it is armed or live and declares limits; else NULL */
};

enum strange { /* what strangers do that is worth a line now and then */
               STRANGE_NOT_OURS,
               STRANGE_NO_HELLO,
               STRANGE_NO_REPORT,
               STRANGE_HANDSHAKE, /* that does not open */
               STRANGE_MESSAGE,   /* likewise */
               STRANGE_COUNT
};

struct kept_silence {
    struct silence row;
    struct kept_silence *next;
};

struct dead_man {   /* deadman.c */
    int64_t due_us; /* monotonic */
    int64_t fed_us; /* when he last was; 0: not since the start */
    bool under_way;
    bool held_back; /* on purpose, and that was said */
    bool stale;     /* what is under way is of a URL from before */
    unsigned failures;
    uint64_t incident; /* 0: none */
};

struct kept_notice {
    struct notice row;
    struct kept_notice *next;
};

struct collector {
    uv_loop_t *loop;
    const struct clock *clock;
    struct log log;
    const struct collector_config *config;
    struct collector_listener listener;
    struct store *store;
    struct fleet *fleet;
    struct limits limits;
    uint64_t turned_away[LINK_CLOSE_COUNT]; /* connections, that were counted as over a limit */
    struct damper strange[STRANGE_COUNT];
    struct damper refused_strangers[REFUSAL_COUNT]; /* who said hello by a key that nobody has */
    struct keyring *keyring;
    int64_t expiry_us;                 /* no invitation expires before; 0: not looked at yet */
    struct key_pair key;               /* its own */
    char listens_on[ADDRESS_TEXT_MAX]; /* what invitations say when the file has no `public` */
    struct ingest *ingest;
    struct watch *watch;
    struct pager *pager;
    struct link_server *server;
    struct channel_sender *sender;
    struct sending *sendings; /* pages on their way: desk.c */
    struct tryout *tryouts;   /* contacts being tested: tryout.c */
    struct bucket tryouts_taken;
    struct importing *imports; /* requests that wait for the disk: import.c */
    struct session *strangers; /* connections that were not welcomed, the oldest first */
    struct session *guests;    /* that were, and have not sent anything sealed */
    struct host_state *hosts;
    struct kept_silence *silences; /* in force: silences.c */
    struct kept_notice *notices;   /* not over yet: notices.c */
    uint64_t last_silence, last_notice, last_override;
    struct rota_override *overrides[COLLECTOR_OVERRIDES_MAX]; /* of rotas, not over yet: oncall.c */
    size_t n_overrides;
    struct tenant_book *books; /* contract.c */
    struct event **events;     /* in the order of their ids, each in a struct assured */
    size_t n_events;
    uv_timer_t second;
    int64_t started_us;
    int64_t beat_us;
    int64_t ticked_us; /* wall and monotonic time of the last second... */
    int64_t ticked_mono_us;
    int64_t stepped_us;      /* by how much the wall clock last jumped; 0: never... */
    int64_t stepped_mono_us; /* ...and when */
    int64_t rehearsed_us;    /* the last second of rehearse.c */
    uint64_t last_tenant, last_event;
    enum {
        LEDGER_KEY_KEPT,
        LEDGER_KEY_NEW,
        LEDGER_KEY_WAITS, /* for its heads to be on disk */
        LEDGER_KEY_NONE,  /* nobody signs */
    } ledger_key;
    bool fault;               /* some file was in declared fault at the last tick */
    struct trouble *troubles; /* of the disk, that people were told of: trouble.c */
    struct probe *probes;     /* of channels: probes.c */
    int64_t probes_us;        /* monotonic: the next minute of them begins... */
    size_t probes_live;       /* ...and how many events were live a second ago */
    struct dead_man dead_man;
    struct heart *hearts;  /* of live events: pulse.c */
    struct rounds *rounds; /* of patrol: rounds.c; NULL: none yet */
    bool closing;
    struct arena arena;             /* of the message in hand */
    struct transitions transitions; /* of the call in hand */
    struct page_effects effects;    /* likewise */
    uint64_t reports;
    uint64_t refused[REFUSAL_COUNT];
    uint64_t unopened_handshakes, unopened_messages;
    uint64_t pages_delivered, pages_failed;
};

static inline int64_t now_us(const struct collector *collector)
{
    return clock_wall_us(collector->clock);
}

/* collector.c: what each second brings; tests call it in the timer's place. */
void collector_tick(struct collector *collector);

/* uplink.c */
#define UPLINK_RUN_RESERVED "ids of this form are those of imported runs: an agent's run id is random"
struct link_server_handlers uplink_handlers(struct collector *collector);
/* Closes connections that do not say hello, or nothing after it. Each second. */
void uplink_tick(struct collector *collector);
/* The connection is a stranger's again. */
void uplink_leave_host(struct session *session);
/* It was told to go; its on_close comes later. */
void uplink_dismiss(struct session *session);
/* The connections of a host whose key is heard no more are closed at once. */
void uplink_send_away(struct collector *collector, struct host_state *host);

/* Within the session. */
void uplink_answer(struct session *session, uint32_t ticket, struct answer *answer, int64_t received_us);
void uplink_refuse(struct session *session, uint32_t ticket, enum refusal refusal, struct answer *answer,
                   int64_t received_us);
void uplink_no_session(struct session *session, uint32_t ticket);
/* The connection was welcomed: it may take its time now. */
void uplink_welcomed(struct session *session);

/* uplink_tell.c: counts, and says so now and then. */
/* `session` may be NULL. */
void uplink_over(struct collector *collector, enum limit limit, uint64_t n, const struct session *session);
/* `host` may be NULL: it is not known. `times`: as damper_count() has it, 0: not now. */
void uplink_tell_refusal(struct session *session, const struct host_state *host, enum refusal refusal, const char *text,
                         uint64_t times);
void uplink_tell_strange(const struct session *session, enum strange strange, const char *error);
void uplink_tell_unopened(struct session *session, const struct err *err);
/* Connections that the link closed by itself. Each second. */
void uplink_tell_turned_away(struct collector *collector);

/* enrol.c */
/* Message 1 of a handshake. */
void enrol_take(struct session *session, uint32_t ticket, struct bytes message, int64_t received_us);
/* What is under way of a handshake is over. */
void enrol_drop(struct session *session);

/* command.c: changes the host's row, or makes it. */
int command_keep_host(struct collector *collector, const struct host *row, const struct host **ret_row,
                      struct err *err);
int command_random_host_id(const struct collector *collector, uint64_t *ret, struct err *err);

/* invite.c */
int invite_open_key(struct collector *collector, struct err *err);
/* Invitations that have expired are deleted. Each second. */
void invite_tick(struct collector *collector);
/* One use less; the last one deletes it. */
int invite_use(struct collector *collector, const struct token *token);
enum host_admission invite_admission(const struct collector *collector, const struct host *row);

/* report.c */
void report_take(struct session *session, uint32_t ticket, const struct report *report, int64_t received_us);

/* desk.c: takes collector->transitions and collector->effects, writes them into their groups, and tells people
 * once they are on disk. Both lists are empty afterwards. */
void desk_settle(struct collector *collector);
/* What it held back and still fires is raised now. It is not in force any more. */
void desk_silence_ended(struct collector *collector, const struct silence *silence);
void desk_event_changed(struct collector *collector, const struct event *event);
void desk_host_changed(struct collector *collector, uint64_t host);
void desk_send_due(struct collector *collector);
/* At the end: what is still on its way ends without an outcome. */
void desk_forget_sendings(struct collector *collector);

/* scope.c */
/* The way from the host to people is tried by `exercise` (EXERCISE_HEARTBEAT, EXERCISE_REHEARSAL) from its next policy
 * on, or no more. Of two the larger one is what its agent says. Settles nothing: it may be called while transitions are
 * being settled. Whether the host can do it: watch_can_exercise(). */
void exercise_set(struct host_state *state, unsigned exercise, bool on);
struct host_state *scope_host(const struct collector *collector, uint64_t host);
int scope_add_host(struct collector *collector, const struct host *row, struct host_state **ret_state);
/* Works out anew what holds for the hosts of a tenant (0: all): rules in force, live event, policy. Settles what
 * follows. */
void scope_refresh(struct collector *collector, uint64_t tenant);
void scope_refresh_host(struct collector *collector, struct host_state *state); /* one alone: it is new, or changed */
/* Tells the watch what holds for one host. The caller settles. */
void scope_tell_watch(struct collector *collector, struct host_state *state);
int scope_add_event(struct collector *collector, const struct event *event, struct event **ret_event);
struct event *scope_event(const struct collector *collector, uint64_t id);
/* Whether the host is of the event's tenant and in its scope. */
bool scope_is_in(const struct event *event, const struct host *host);
/* Where the first event of an id not below `id` stands. */
size_t scope_event_index(const struct collector *collector, uint64_t id);

/* life.c */
struct assured *life_of(const struct collector *collector, uint64_t event); /* NULL: there is none */
/* An entry of the event's in its tenant's ledger. `body` is handed over. */
void life_note(struct collector *collector, const struct event *event, const char *kind, const char *actor,
               json_t *body);
void life_note_created(struct collector *collector, const struct event *event, const struct decision *decision);
/* What a part has found of a gate: kept, and on record. Nothing of it is for drills: the caller leaves them out. */
void life_judge(struct collector *collector, struct assured *assured, enum gate_kind kind, bool passed,
                const char *evidence);
/* Opens the gate again that an earlier rehearsal passed, if whom the event would tell are not those who were told. */
void life_judge_rehearsal(struct collector *collector, struct assured *assured);
/* What these gates (bits) rested on is another now. */
void life_reopen(struct collector *collector, struct assured *assured, unsigned gates, const struct decision *decision);
struct life_gathered { /* of a tenant: owned lists of what is borrowed */
    struct event **events;
    size_t n_events;
    struct scope_host *hosts;
    size_t n_hosts;
};
int life_gather(const struct collector *collector, uint64_t tenant, struct life_gathered *ret); /* -ENOMEM */
void life_gathered_done(struct life_gathered *gathered);
/* describe.c */
/* What its document says of hosts is of some that there are. */
int describe_check_hosts(const struct assured *assured, const struct life_gathered *gathered, struct err *err);
/* Its state, or its document, is another. */
void describe_refresh(const struct collector *collector, struct assured *assured);
/* What its document lays over the rules goes with them. */
int describe_check_rules(const struct collector *collector, const struct assured *assured, struct err *err);
/* overlays.c */
/* What the document of an event lays over the rules, but what does not go with them, which is said. NULL: out of
 * memory. The caller owns it. */
struct overlays *overlays_of_event(const struct collector *collector, const struct event *event,
                                   const struct document *document);
/* -EINVAL: says what does not go with them. */
int overlays_check(const struct collector *collector, const struct document *document, struct err *err);
/* Tells `watch` which rules are other on the host now. */
void overlays_tune(const struct collector *collector, struct watch *watch, const struct host_state *state,
                   struct transitions *out);
/* life.c: what the clock alone does to events. Each second. */
void life_tick(struct collector *collector);

/* shelf.c: fills config->plans and config->calendars. -EINVAL: `faults` says why. */
int shelf_read(struct collector_config *config, struct arena *arena, struct config_faults *faults);

/* contract.c: what tenants may draw (docs/entitlement.md). Nothing of it is for drills: the caller leaves them out.
 * Days are those of the contract's zone. The rows join the tenant's group. */
struct contract_finding {
    bool late;               /* its lead time is not kept, or cannot be told */
    bool enough;             /* its days could be drawn now */
    char lead[ERR_TEXT_MAX]; /* both in words, as evidence */
    char evidence[ERR_TEXT_MAX];
};
/* What a request for the event would find, were it made now; changes nothing. */
void contract_look(const struct collector *collector, const struct event *event, struct contract_finding *ret);
/* The event is requested: from now on its contract is locked. */
int contract_lock(struct collector *collector, const struct event *event, const char *by);
/* The event is accepted: draws its days, and locks its contract if it is not yet. `evidence` says from where. -EPERM:
 * not enough, or drawn already; -ENOENT: its contract's plan is not there; -ENOMEM. */
int contract_draw(struct collector *collector, const struct event *event, const char *by, char evidence[ERR_TEXT_MAX],
                  struct err *err);
/* The event is cancelled: gives its days back if its window has not begun. *ret_days: as many. */
int contract_give_back(struct collector *collector, const struct event *event, const char *by, int *ret_days);

/* Rows at start. -EBADMSG, -ENOMEM, -ENOSPC. */
int contract_restore(struct collector *collector, const struct contract *row);
int contract_restore_pack(struct collector *collector, const struct pack *row);
int contract_restore_draw(struct collector *collector, const struct draw *row);
void contract_free(struct collector *collector);

/* ledger.c: who signs the heads of ledgers; before anything is read from the store. Makes the key when
 * there is none; where none can be made, nobody signs, and that is said. */
int ledger_open_key(struct collector *collector, struct err *err);
/* A key that was made at this start is kept once what it has found is signed, on disk. Each second. */
void ledger_tick(struct collector *collector);
/* Adds an entry to the tenant's chain, in the group now gathering. -ENOMEM; -EINVAL: larger than an entry may
 * be. In either case there is none. */
struct ledger_note {
    const char *kind;  /* "event", "gate", "document", "contract", "draw", "round", "handover", "silence", "notice",
                         "oncall", "contact", "ledger", "rehearsal", "incident", "page"... */
    uint64_t event;    /* 0: none */
    uint64_t incident; /* 0: none */
    const char *actor; /* a user, or "clock", "recovery"... */
    json_t *body;      /* an object; handed over, also on failure */
};
int ledger_note(struct collector *collector, uint64_t tenant, struct ledger_note note);

/* What was done about an incident, what became of an attempt at a page. */
void ledger_note_incident(struct collector *collector, const struct incident_taken *taken);
/* `lead`: the page that its message was sent for, with `together` pages in all. */
void ledger_note_attempt(struct collector *collector, const struct page *page, uint64_t lead, size_t together,
                         const struct page_outcome *outcome);

/* rounds.c: patrol's rounds over events (collector/patrol). Each second, behind life_tick(). */
void rounds_tick(struct collector *collector);
void rounds_free(struct collector *collector);
/* How an attempt at a page went. */
void rounds_note_attempt(struct collector *collector, const struct page *page, const struct page_outcome *outcome);

/* silences.c */
/* Whether a silence in force mutes this rule of the host. */
bool silence_over(const struct collector *collector, const struct host_state *host, const char *rule);
/* Those whose time is over end. Each second. */
void silences_tick(struct collector *collector);
/* The event is armed, or live without having been: from then on muting its hosts is a commander's decision, and what
 * others have silenced of them ends. */
void silences_yield(struct collector *collector, const struct event *event, const char *by);
/* A host is new, or was changed: it may have come into such a window. */
void silences_yield_host(struct collector *collector, const struct host *host);
int silences_restore(struct collector *collector, const struct silence *row);
void silences_free(struct collector *collector);

/* notices.c */
/* How many unanswered changes stand against the event's window and hosts; `text` names them, cut to fit. */
size_t notices_conflict(const struct collector *collector, const struct event *event, char *text, size_t size);
void notices_tick(struct collector *collector);
int notices_restore(struct collector *collector, const struct notice *row);
void notices_free(struct collector *collector);

/* told.c */
enum told { TOLD_BY_POLICY = 0, TOLD_EVERYBODY = 1 };
/* Contacts and channels of the configuration, to the pager. */
int told_feed(struct collector *collector, struct err *err);
/* What an incident of this tenant and event (0: none) is escalated by: the event's document, its tenant's escalation,
 * that of all. TOLD_EVERYBODY: nothing is said. Negative: the document says what cannot be. */
int told_policy(const struct collector *collector, uint64_t tenant, uint64_t event, struct page_policy *ret,
                struct err *err);
/* Of a channel, or of a webhook that is its own. False: the configuration has none of that name. */
bool told_route(const struct collector *collector, const char *name, struct channel_route *ret);
enum language told_language(const struct collector *collector, const char *name);
/* Calls `fn` with each contact that any step of the event's could tell, once: all members of rotas, and who is put on
 * duty for a while. Machines, which are told of everything, are not among them. */
typedef void told_contact_fn(void *user, const char *name,
                             const struct contact_config *contact /* NULL: there is no such contact */);
int told_each(const struct collector *collector, const struct event *event, told_contact_fn *fn, void *user,
              struct err *err);
/* Whether everybody that the event would have told is there and can be by two channels; in words, with who is not. */
bool told_reached(const struct collector *collector, const struct event *event, char evidence[GATE_TEXT_MAX + 1]);

/* As the pager has it. False: the configuration has none of that name. */
bool told_contact(const struct collector *collector, const char *name, struct page_contact *ret);

/* tryout.c: at the end, behind the sender: what is still under way ends unheard of. */
void tryouts_forget(struct collector *collector);

/* rehearse.c: the way to people, walked. */
/* A transition of WATCH_REHEARSAL_RULE. The caller settles. */
void rehearse_heard(struct collector *collector, const struct transition *transition);
void rehearse_tick(struct collector *collector);
/* rehearse_whom.c */
struct rehearse_whom { /* an event would have told; machines, which hear of everything, are not among the names */
    const struct collector *collector;
    const char *tenant;
    size_t n;
    const char *names[PEOPLE_CONTACTS_MAX]; /* borrowed from the configuration */
    char *told;                             /* the caller's: whom, and by which ways */
};
/* -EPERM: nobody; others as told_each(). `told` has REHEARSAL_TOLD_MAX + 1 bytes. */
int rehearse_find_whom(const struct collector *collector, const struct event *event, struct rehearse_whom *ret,
                       char *told, struct err *err);
/* Whether whom the event would have told are not those who were told then, by the same ways: "since then ...". */
bool rehearse_is_stale(const struct collector *collector, const struct assured *assured, char *why, size_t size);
int rehearse_restore(struct collector *collector, const struct rehearsal *row);
void rehearse_go_on(struct collector *collector); /* behind the rows: those under way */

/* lint.c: whether ten minutes are enough for everybody the event would have told; in words, with the longest way. */
bool lint_holds(const struct collector *collector, const struct event *event, char evidence[GATE_TEXT_MAX + 1]);

/* chatter.c: how an event goes, to the contacts that hear of it. The caller settles. */
struct patrol_round;
struct patrol_report;
void chatter_change(struct collector *collector, const struct event *event, const struct event_change *change);
void chatter_round(struct collector *collector, const struct event *event, const struct patrol_round *round,
                   const struct patrol_report *report);
void chatter_missed(struct collector *collector, const struct event *event, const struct patrol_round *first,
                    unsigned n, const char *cause);
void chatter_handover(struct collector *collector, const struct event *event, const char *by, const char *note);

/* oncall.c */
void oncall_tick(struct collector *collector); /* overrides whose time is over are let go */
int oncall_restore(struct collector *collector, const struct rota_override *row);
void oncall_free(struct collector *collector);

/* trouble.c: what is wrong with the disk, told to people as incidents of the collector's own. */
void trouble_restore(struct collector *collector); /* behind the rows: those that were open go on */
void trouble_tick(struct collector *collector);
void trouble_free(struct collector *collector);

/* concern.c: other incidents of the collector's own. The caller settles. */
/* An open one of that group; 0: none. */
uint64_t concern_find(const struct collector *collector, const char *group);
enum { CONCERN_NAME_ROOM = 25 };
/* A name as a title has it: short enough that what is wrong with it is not cut off behind it. Returns `text`. */
const char *concern_name(char text[CONCERN_NAME_ROOM], const char *name);
/* Opens one, unless *incident is one already. `title` is cut. */
void concern_raise(struct collector *collector, uint64_t *incident, const char *group, const char *title);
/* *incident is 0 afterwards, and may be before. */
void concern_end(struct collector *collector, uint64_t *incident);

/* probes.c: whether channels can be reached. */
void probes_restore(struct collector *collector); /* behind the rows */
void probes_tick(struct collector *collector);
void probes_free(struct collector *collector);

/* pulse.c: heartbeats of the way to people. The caller settles. */
void pulse_restore(struct collector *collector); /* behind the rows */
void pulse_tick(struct collector *collector);
void pulse_free(struct collector *collector);
/* A transition of WATCH_HEARTBEAT_RULE. */
void pulse_heard(struct collector *collector, const struct transition *transition);
/* A page of PAGE_BEAT is on disk; it was taken from the queue. */
void pulse_recorded(struct collector *collector, uint64_t page);
void pulse_came(struct collector *collector, uint64_t page);
/* No live event's last beat was lost, of those that have a host that can be asked for another. */
bool pulse_is_well(const struct collector *collector);

/* deadman.c */
void dead_man_restore(struct collector *collector); /* behind the rows */
void dead_man_tick(struct collector *collector);
void dead_man_is_another(struct collector *collector); /* his URL has changed */

/* restore.c */
int restore_all(struct collector *collector, struct err *err);
