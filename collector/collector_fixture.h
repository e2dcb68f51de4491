/* collector/collector_fixture.h - what the tests of the collector as a whole share: a real collector with its
 * store in a temporary folder, agents that speak to it over loopback, and a receiver of its pages.
 *
 * Shape    the collector has a loop to itself, so that closing it can be waited for by the loop's own word; agents
 *          and receiver share another. RUN_UNTIL() turns both
 * Time     a fake clock, moved by pass() alone, which calls the collector's tick for each second of it; the
 *          collector's own timer is stopped. 2026-11-23T02:13:20Z at first
 * Disk     faulty_vfs_set() breaks it; the file of the first tenant is TENANT_FILE
 * Failing  a test that waits for what never comes is ended by ctest
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collector/channel/receiver_fixture.h"
#include "collector/collector.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "proto/link/keys.h"

#define TENANT_FILE "tenant-1.db"
#define CPU         "system.cpu.utilization"
#define EGRESS      "system.network.io.rate{direction=transmit}"
#define LOSS        "probe.loss"
#define EXERCISE    "warroom.agent.exercise"

enum { IMPORTED_RUN = 255 }; /* the run of a fixture's agent whose id is of the form of imported ones */
enum { FIXTURE_RULES = 4, FIXTURE_WEBHOOKS = 3, FIXTURE_HAPPENED = 256, FIXTURE_KEYS = 32 };
enum { AGENT_REPLIES = 128 /* are kept, the latest */ };

struct agent;

struct fixture_key { /* of the agent of a host */
    uint64_t host;
    struct key_pair pair;
};

struct fixture {
    char dir[64];
    uv_loop_t loop;   /* the collector's */
    uv_loop_t beyond; /* everybody else's */
    struct clock_fake fake;
    struct clock clock;
    struct log log; /* into a file of its own */
    struct err err;
    struct receiver *receiver;
    struct collector_config config;
    struct rule rules[FIXTURE_RULES];
    struct webhook_config webhooks[FIXTURE_WEBHOOKS];
    char urls[FIXTURE_WEBHOOKS][64];
    char key[80];
    struct collector *collector;
    uint64_t tenant, host; /* "acme", its "web-1" */
    struct agent *agents;
    size_t n_keys;
    struct fixture_key keys[FIXTURE_KEYS];
    size_t n_happened; /* may exceed what is kept */
    struct happening happened[FIXTURE_HAPPENED];
};

/* No rules, one webhook "duty" for all tenants, tenant and host added. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define COLLECTOR_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Waits for whatever happens next. */
void step(struct fixture *f);
#define RUN_UNTIL(f, condition)                                                                                        \
    do {                                                                                                               \
        while (!(condition))                                                                                           \
            step(f);                                                                                                   \
    } while (0)

/* ---- its life ---- */

void open_collector(struct fixture *f);
/* Runs its loop until it is empty. */
void close_collector(struct fixture *f);
/* Closes and opens at the same instant of the clock; agents lose their connections. */
void restart_collector(struct fixture *f);
/* Lets `seconds` pass, with a tick after each. */
void pass(struct fixture *f, int64_t seconds);

struct reporting { /* an agent that goes on reporting */
    struct agent *agent;
    uint64_t next; /* its tick */
};
/* Lets so many times 30 seconds pass, with a tick after each 30: until then every agent has reported its ticks, one a
 * second, and each hour it shakes hands anew. A day takes seconds. */
void pass_reporting(struct fixture *f, struct reporting *reporting, size_t n, int64_t seconds);
struct collector_status status_of(const struct fixture *f);
/* What it has logged so far holds `text`, so many times. */
size_t times_logged(const struct fixture *f, const char *text);
bool was_logged(const struct fixture *f, const char *text);

/* ---- its configuration: in force with the next open or reload ---- */

/* Critical, pages, in force always; `clear` is the threshold. */
struct rule *add_rule(struct fixture *f, const char *name, const char *metric, double threshold, int64_t hold_s);
/* `path` on the receiver: "/ok" takes pages, "/mute" never answers. `tenant` NULL: of all. */
void add_webhook(struct fixture *f, const char *name, const char *path, const char *tenant);

/* ---- commands ---- */

uint64_t add_tenant(struct fixture *f, const char *name);
uint64_t add_host(struct fixture *f, uint64_t tenant, const char *name);
/* For one hour; of one host, or of `uses` new ones of the first tenant. */
struct invite invite_host(struct fixture *f, uint64_t host);
struct invite invite_hosts(struct fixture *f, const char *group, unsigned uses);
/* Whether it may report. */
enum host_admission admission(const struct fixture *f, uint64_t host);
/* "alice", with a reason. */
extern const struct decision fixture_commander;
/* A draft of the first tenant's. */
uint64_t plan_event(struct fixture *f, const struct event_plan *plan);
/* A drill of web-* that is live; its window is the UTC day of the clock's start. Nobody patrols it. */
uint64_t start_event(struct fixture *f, const char *name);

/* ---- the ledger ---- */

struct recorded { /* an entry */
    uint64_t event, incident;
    char kind[LEDGER_KIND_MAX + 1], actor[LEDGER_ACTOR_MAX + 1];
    char what[64]; /* of its body; "": it says none */
    char body[1024];
};
/* The first `most` entries of a kind ("": all) that are on disk, once what was gathered is, the oldest first; how many
 * there are, `most` at most. */
size_t read_record(struct fixture *f, uint64_t tenant, const char *kind, struct recorded *ret, size_t most);

/* ---- the disk ---- */

/* Everything gathered for the tenant so far is on disk. */
void commit(struct fixture *f, uint64_t tenant);
/* Breaks the first tenant's file; nothing is declared yet. */
void break_disk(void);
void heal_disk(void);
/* Runs until an attempt begun from now on has failed. */
void run_until_failed(struct fixture *f);
/* Runs until the fault of the first tenant's file is declared; there must be something to write. */
void run_until_declared(struct fixture *f);
void run_until_recovered(struct fixture *f);

/* ---- pages ---- */

/* Runs until no page is queued any more; the number of requests the receiver has taken. */
unsigned pages_out(struct fixture *f);
/* The last of them says so. */
bool page_says(const struct fixture *f, const char *text);
/* How many alerts have entered a state, as told to the listener. */
size_t count_alerts(const struct fixture *f, enum alert_state state);
size_t count_happened(const struct fixture *f, enum happening_kind kind);
/* The incident of this id, in memory; it must exist. */
const struct incident *incident(const struct fixture *f, uint64_t id);

/* ---- agents ---- */

struct reply {
    bool came;
    bool played;              /* play_handshake() */
    struct envelope envelope; /* its inner bytes are gone */
    struct answer answer;     /* of HANDSHAKE and SEALED ones; its text is the agent's, as long as it lives */
};

struct report_of { /* what a test says of a report; zeros stand for what follows in brackets */
    uint64_t first;
    uint32_t n;               /* ticks, a second apart [1] */
    double cpu;               /* of all of them */
    double last_cpu;          /* of the last one [cpu] */
    double egress;            /* By/s */
    const char *probed;       /* a target: there is its loss instead of egress */
    double loss;              /* 0 or 1 */
    bool exercises;           /* there is warroom.agent.exercise instead of egress... */
    unsigned exercise;        /* ...and this is what it says */
    int64_t age_us;           /* how long ago the last one was read */
    uint64_t highest;         /* [that of the last tick] */
    int64_t interval_us;      /* [10 s] */
    uint64_t policy_revision; /* [that of the interval] */
    uint8_t run;              /* [the hello's] */
    bool same_boot;           /* that run, and the hello's */
    int64_t wall_off_us;      /* the host's wall clock is ahead by so much, in this batch */
    int64_t mono_off_us;      /* likewise its monotonic one: another boot */
    uint64_t dropped;         /* ticks 1..dropped of `run` are declared to have overflown */
    uint8_t dropped_run;      /* of another run [run] */
    uint64_t dropped_first;   /* [1] */
    int64_t sent_off_us;      /* the stamps of the exchange before are those of now, so far off [no stamps] */
    uint32_t table;           /* which of many series tables of one shape [0] */
    bool without_table;
    bool empty_column;       /* one column fewer than its table has */
    bool spoilt;             /* a bit of what was sealed is turned */
    const uint64_t *counter; /* [the next] */
};

/* A connection that has SP's handshake behind it. The fixture's. A host that is known to the collector has joined. */
struct agent *connect_agent(struct fixture *f, uint64_t host, uint8_t run);
/* By another key than the host's own; it has not joined. */
struct agent *connect_with(struct fixture *f, const struct key_pair *key, uint64_t host, uint8_t run);
struct agent *connect_stranger(struct fixture *f, uint64_t host);
/* The host's; it has joined from here on. */
const struct key_pair *key_of(struct fixture *f, uint64_t host);
/* Says hello too, and was welcomed. */
struct agent *join_agent(struct fixture *f, uint64_t host, uint8_t run);
void close_agent(struct agent *agent);
/* The collector closed the connection. */
bool agent_was_closed(const struct agent *agent);

/* These send, and return the number to ask for the reply by. */
unsigned send_hello(struct agent *agent);
unsigned send_join(struct agent *agent, const struct invite *invite);
/* A handshake's message 1 in two steps, to be kept or spoilt between; the answer to the last one written is read.
 * `token` may be NULL. */
size_t write_hello(struct agent *agent, const uint8_t *token, uint8_t *message, size_t size);
unsigned send_handshake(struct agent *agent, const uint8_t *message, size_t len);
/* As somebody who has only recorded it: what is answered is not opened. */
unsigned play_handshake(struct agent *agent, const uint8_t *message, size_t len);
/* The agent's next handshake is by a new key, and without a host. */
void change_key(struct agent *agent);
unsigned send_report(struct agent *agent, const struct report_of *of);
unsigned send_raw(struct agent *agent, const void *bytes, size_t len);
bool has_reply(const struct agent *agent, unsigned request);
const struct reply *wait_reply(struct agent *agent, unsigned request);

/* Sends and waits. */
const struct reply *hello(struct agent *agent);
const struct reply *join(struct agent *agent, const struct invite *invite);
const struct reply *report(struct agent *agent, const struct report_of *of);
#define REPORT(agent, ...) report((agent), &(const struct report_of){ __VA_ARGS__ })
#define SEND(agent, ...)   send_report((agent), &(const struct report_of){ __VA_ARGS__ })

#define assert_stored(got, first_tick, last_tick)                                                                      \
    do {                                                                                                               \
        const struct reply *stored_ = (got);                                                                           \
        assert_int_equal(stored_->envelope.kind, ENVELOPE_SEALED);                                                     \
        assert_int_equal(stored_->answer.kind, ANSWER_STORED);                                                         \
        assert_int_equal(stored_->answer.first, (first_tick));                                                         \
        assert_int_equal(stored_->answer.last, (last_tick));                                                           \
    } while (0)
#define assert_refused(got, why)                                                                                       \
    do {                                                                                                               \
        const struct reply *refused_ = (got);                                                                          \
        assert_int_equal(refused_->answer.kind, ANSWER_REFUSED);                                                       \
        assert_int_equal(refused_->answer.refusal, (why));                                                             \
    } while (0)
