/* tests/sim/check.h - what must hold at each step: it listens to the network, the receiver and the collector, and ends
 * the run at the first word that is not true.
 *
 * Acks     what an answer calls stored is in the files at that moment, as one interval
 * Silence  is only told of a host nothing came from
 * Pages    a page that was taken, and whose sender heard so, comes again only marked as a possible copy
 * Notes    it keeps what was told, for verdict.h
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "collector/collector.h"
#include "tests/sim/hosts.h"
#include "tests/sim/receiver.h"
#include "tests/sim/room.h"
#include "tests/sim/tap.h"

struct firing { /* a rule's alert that fired, as it was told */
    uint64_t host;
    char rule[RULE_NAME_MAX + 1];
    int64_t crossed_us, detected_us;
    bool late;
};

struct downtime {           /* of the collector, wall */
    int64_t from_us, to_us; /* to 0: it goes on */
};

void check_begin(struct sim_host *hosts, size_t n_hosts);
void check_end(void);
/* Looks at the files for each so many-th ack only. */
void check_seldom(unsigned each);
struct tap check_tap(void);
struct room_watcher check_watcher(void);
void check_took(const struct receipt *receipt);
/* Contacts that are no people: telling them keeps no promise. NULL: all are. Borrowed. */
void check_set_machines(const char *const *machines);
bool check_is_machine(const char *contact);

/* A run begins whose first tick is the host's next one: it may end before it reports. */
void check_runs(const struct sim_host *host, const struct run_id *run);
/* The serial of tick `n` of a run; 0: there is no such run, or it had no such tick. */
uint64_t check_serial(const struct sim_host *host, const struct run_id *run, uint64_t n);
struct sim_host *check_host(uint64_t id);

/* All so far. */
const struct firing *check_firings(size_t *ret_n);
const struct receipt *check_receipts(size_t *ret_n);
const struct downtime *check_downtimes(size_t *ret_n);

struct check_counts {
    uint64_t reports, acks, pages;
};
struct check_counts check_counts(void);
