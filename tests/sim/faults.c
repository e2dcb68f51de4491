/* Hosts whose CPU is high now and then, a live event of one tenant, and whatever can go wrong. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/check.h"
#include "tests/sim/fate.h"
#include "tests/sim/files.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdict.h"

#define HOUR_US      (3600 * US_PER_S)
#define SETTLE_US    (120 * US_PER_S)  /* before the first fault */
#define HEAL_US      (1200 * US_PER_S) /* behind the last */
#define IN_FLIGHT_US (60 * US_PER_S)
#define PROMPT_US    (30 * US_PER_S)
enum { HOLD_WINDOW_S = 30, HOLD_CALM_S = 120 }; /* of the rules as shipped */

static uint64_t calm_tenant;

static int64_t hold_of(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    (void)ill;
    (void)spell;
    return (host->tenant == calm_tenant ? HOLD_CALM_S : HOLD_WINDOW_S) * US_PER_S;
}

static void look(void)
{
    if (room_bury())
        fate_room_died();
}

static void people_the_world(struct stage *stage)
{
    struct dice dice = dice_of(stage->seed, 'p');
    int64_t end_us = stage->hours * HOUR_US;
    stage->n_hosts = stage->most_hosts ? stage->most_hosts : (size_t)dice_between(&dice, 3, HOSTS_MAX);
    uint64_t busy = room_add_tenant("busy");
    calm_tenant = room_add_tenant("calm");
    for (unsigned i = 0; i < stage->n_hosts; i++) {
        host_init(&stage->hosts[i], i, stage->seed, stage->log_fd);
        stage->hosts[i].tenant = i % 3 == 2 ? calm_tenant : busy;
        stage->hosts[i].id =
            room_add_host(stage->hosts[i].tenant, stage->hosts[i].name, &stage->hosts[i].keys.public_key);
        host_plan(&stage->hosts[i], world_wall_of(end_us), hold_of(&stage->hosts[i], ILL_CPU, NULL));
    }
    /* All of the run lies within the window: what changes at its ends is not what is looked at here. */
    room_do_event(room_add_event(busy, "sale", "UTC", 1 + end_us / (24 * HOUR_US) + 1), EVENT_START);
}

void play_faults(struct stage *stage)
{
    int64_t end_us = stage->hours * HOUR_US;
    tap_set(check_tap());
    receiver_listen(check_took, NULL);
    check_begin(stage->hosts, HOSTS_MAX);
    room_open();
    people_the_world(stage);
    for (size_t i = 0; i < stage->n_hosts; i++)
        host_open(&stage->hosts[i]);
    if (!stage->calm)
        fate_begin(&(struct fate_plan){ .seed = stage->seed,
                                        .hosts = stage->hosts,
                                        .n_hosts = stage->n_hosts,
                                        .from_us = SETTLE_US,
                                        .until_us = end_us - HEAL_US,
                                        .least_s = 5,
                                        .most_s = 300 });
    while (world_now_us() < end_us) {
        int64_t next_us = world_now_us() + HOUR_US;
        world_run(next_us < end_us ? next_us : end_us, look);
        files_audit(stage->hosts, stage->n_hosts, 0);
    }
    hosts_must_be_drained(stage->hosts, stage->n_hosts);
    struct files_counts files = files_audit(stage->hosts, stage->n_hosts, world_wall_us() - IN_FLIGHT_US);
    const struct trial trial = {
        .hosts = stage->hosts, .n_hosts = stage->n_hosts, .hold_us = hold_of, .prompt_us = PROMPT_US
    };
    struct verdict verdict = verdict_of(&trial);
    struct check_counts counts = check_counts();
    printf("seed %" PRIu64 ": %zu hosts, %zu faults, %" PRIu64 " reports; ticks: %" PRIu64 " stored (%" PRIu64
           " in blocks, %" PRIu64 " in minutes), %" PRIu64
           " declared dropped, at most %.3f s off; %zu of %zu spells judged, %zu clocks, %" PRIu64
           " pages, the slowest without a fault %.1f s\n",
           stage->seed, stage->n_hosts, fate_count(), counts.reports, files.ticks, files.packed, files.minuted,
           files.declared, (double)files.worst_us / 1e6, verdict.judged, verdict.spells, verdict.clocks, counts.pages,
           verdict.worst_s);
}
