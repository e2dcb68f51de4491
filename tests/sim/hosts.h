/* tests/sim/hosts.h - the hosts: real uplinks that push ticks by clocks of their own, and what is true of each tick.
 *
 * Shape    a host lives through many lives of its agent; its line, its clocks and its truth stay. Each tick carries its
 *          serial, counted over all lives, as a series: what comes out of the store says which tick it is
 * Truth    when each tick was really taken, whether the collector said that it is stored, whether it may be lost
 * Plan     spells of what is bad, by the seed or as the scenario adds them: long enough to page, or too short to
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/read/readings.h"
#include "agent/ticker.h"
#include "agent/uplink/uplink.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

#define HOST_BAD    0.99
#define HOST_SERIAL METRIC_MEMORY_USED
enum { HOSTS_MAX = 20 };

enum ill { ILL_CPU, ILL_MEMORY, ILL_FILESYSTEM, ILL_COUNT }; /* what a spell is of */

struct tick {
    int64_t at_us;       /* wall */
    uint32_t life;       /* which life of the agent took it, from 1 */
    int64_t wall_off_us; /* of the host, then */
    int64_t booted_us;   /* likewise */
    bool misdated;       /* it came under a later boot, when the wall clock was off by something else, of a run that
                          * nothing had been stored of while it went on */
    bool acked;          /* the collector said that it is stored */
    bool losable;        /* its agent died before it was in the spool */
    bool declared;       /* as dropped, and the collector has it on record: files_audit()... */
    bool lost;           /* ...and it is not stored */
    int64_t asked_us;    /* when a report with it got to the collector first, whatever came of that; wall; 0: not yet */
    int64_t arrived_us;  /* when the collector got it first, this life of it or another; wall; 0: not yet */
};

struct spell { /* [from, to), wall */
    int64_t from_us, to_us;
    int64_t first_us, last_us; /* of its ticks; 0: there was none */
    bool broken;               /* the agent missed part of it */
};

struct spells { /* of one kind, by time */
    size_t n;
    struct spell *at;
    size_t now; /* the first that is not over */
};

struct sim_host {
    struct process process;
    struct line line;
    char name[16];
    uint64_t id, tenant;
    bool up;
    struct key_pair keys;
    struct uplink *uplink;
    char spool[32]; /* its folder, in the current one */
    uint64_t spool_bytes;
    int64_t spool_age_us;
    size_t queue_bytes;
    struct boot_id boot;
    struct clock clock;
    int64_t booted_us; /* its monotonic clock began */
    int64_t drift_ppm;
    int64_t wall_off_us; /* what its wall clock is ahead of true time */
    struct log log;
    uv_timer_t timer;
    struct ticker ticker;
    struct readings readings;
    uint32_t life;
    size_t n_ticks, room;
    struct tick *ticks; /* by serial, from 1: [0] is unused */
    struct spells ills[ILL_COUNT];
    bool wide;     /* eleven series, not five */
    bool together; /* all hosts tick at one moment, but for each second */
    struct dice dice;
};

void host_init(struct sim_host *host, unsigned number, uint64_t seed, int log_fd);
/* The next spell of its kind; they do not overlap. */
void host_add_spell(struct sim_host *host, enum ill ill, int64_t from_us, int64_t span_us);
/* Spells of high CPU until then, once the host is known to the collector. `hold_us`: how long its rule wants them. */
void host_plan(struct sim_host *host, int64_t until_wall_us, int64_t hold_us);
void host_done(struct sim_host *host);
/* "CPU", "Memory"...: what titles of its incidents begin with; "cpu_", "memory_"...: the names of its rules. */
const char *ill_title(enum ill ill);
const char *ill_rule(enum ill ill);

/* The collector's key, as the hosts pin it: the same in each replay. */
void host_collector_keys(struct key_pair *ret);

void host_open(struct sim_host *host);
/* kill -9: what it has written stays, whatever its end would have written does not. */
void host_kill(struct sim_host *host);
void host_reboot(struct sim_host *host); /* its monotonic clock begins anew; while it is down */
void host_stop(struct sim_host *host);
void host_continue(struct sim_host *host);
/* Long after the last fault none of them holds ticks back. */
void hosts_must_be_drained(const struct sim_host *hosts, size_t n);
