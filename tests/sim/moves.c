/* People, clocks and kills in any order: what the seed says is asked of the collector by whatever role, allowed or not,
 * time passes in seconds or leaps, its wall clock jumps an hour, it is killed at any moment or in the middle of a
 * write. After each move what is on disk must be right (model.h). */
#include <inttypes.h>
#include <stdio.h>

#include "collector/patrol/schedule.h"
#include "tests/sim/asks.h"
#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/files.h"
#include "tests/sim/model.h"
#include "tests/sim/receiver.h"
#include "tests/sim/scenario.h"
#include "tests/sim/tap.h"

#define MINUTE (60 * US_PER_S)
#define HOUR   (60 * MINUTE)
enum { MOVES = 160, DRAIN_MAX = 4000 };

static struct {
    struct stage *stage;
    struct dice dice;
    uint64_t tenant;
    unsigned asked, refused, kills;
} moves;

static int64_t draw(int64_t least, int64_t most)
{
    return dice_between(&moves.dice, least, most);
}

static bool chance(unsigned percent)
{
    return dice_chance(&moves.dice, percent);
}

/* ---- the collector's ends, and time ---- */

static void reopen(void)
{
    moves.kills++;
    for (int i = 0; i < 2; i++)
        net_cut(&moves.stage->hosts[0].line, (enum net_way)i, world_now_us() + US_PER_S);
    world_run(world_now_us() + draw(1, chance(80) ? 30 : 1800) * US_PER_S, NULL);
    room_open();
    if (!room_collector())
        world_fail("the collector did not open");
}

static void settle(void)
{
    if (room_bury() || !room_collector())
        reopen();
}

static void pass(int64_t us)
{
    int64_t until_us = world_now_us() + us;
    while (world_now_us() < until_us) {
        int64_t next_us = world_now_us() + US_PER_S;
        world_run(next_us < until_us ? next_us : until_us, NULL);
        settle();
    }
}

/* Nobody runs meanwhile, as on a machine that was suspended. */
static void leap(int64_t us)
{
    settle();
    if (us <= 0)
        return;
    room_process()->stopped = true;
    host_stop(&moves.stage->hosts[0]);
    world_run(world_now_us() + us, NULL);
    room_process()->stopped = false;
    host_continue(&moves.stage->hosts[0]);
}

/* When the next thing is due of some event; 0: nothing is. */
static int64_t next_due_us(void)
{
    int64_t next_us = 0;
    for (const struct event *event = NULL; (event = collector_next_event(room_collector(), event));) {
        const int64_t due[] = { patrol_next_us(event), event->state < EVENT_LIVE ? event->start_us : 0,
                                event->state <= EVENT_LIVE ? event->end_us : 0 };
        for (int i = 0; i < 3; i++)
            if (due[i] > world_wall_us() && (next_us == 0 || due[i] < next_us))
                next_us = due[i];
    }
    return next_us;
}

static void leap_to_next(void)
{
    int64_t due_us = next_due_us();
    if (due_us)
        leap(due_us - world_wall_us());
    pass(2 * US_PER_S);
}

/* ---- what else happens ---- */

static int wait_a_little(struct err *err)
{
    (void)err;
    pass(draw(1, 40) * US_PER_S);
    return 0;
}

static int wait_for_next(struct err *err)
{
    (void)err;
    for (int64_t n = draw(1, 20); n > 0; n--)
        leap_to_next();
    return 0;
}

static int sleep_long(struct err *err)
{
    (void)err;
    leap(dice_span(&moves.dice, 60, 12 * 3600) * US_PER_S);
    pass(2 * US_PER_S);
    return 0;
}

static int step_clock(struct err *err)
{
    (void)err;
    world_step_wall((chance(50) ? 1 : -1) * (chance(60) ? HOUR : draw(1, 3600) * US_PER_S));
    pass(draw(0, 3) * US_PER_S);
    return 0;
}

static int kill_room(struct err *err)
{
    (void)err;
    room_end(chance(50) ? ROOM_KILLED : ROOM_POWER_CUT);
    reopen();
    return 0;
}

static int die_writing(struct err *err)
{
    (void)err;
    disk_die_at_write((uint64_t)draw(1, 60));
    pass(draw(1, 20) * US_PER_S);
    return 0;
}

static const struct move {
    unsigned weight;
    int (*make)(struct err *err); /* below 0: it was refused, or there was nothing to ask */
    bool asks;
} table[] = {
    { 8, ask_make, true },    { 40, ask_lead_on, true }, { 8, ask_any_step, true },    { 4, ask_override_gate, true },
    { 5, ask_change, true },  { 3, ask_contract, true }, { 3, ask_pack, true },        { 4, ask_advice, true },
    { 3, ask_silence, true }, { 3, ask_notice, true },   { 14, wait_a_little, false }, { 10, wait_for_next, false },
    { 3, sleep_long, false }, { 5, step_clock, false },  { 7, kill_room, false },      { 5, die_writing, false },
};
enum { N_MOVES = sizeof table / sizeof table[0] };

static const struct move *draw_move(void)
{
    int64_t sum = 0;
    for (int i = 0; i < N_MOVES; i++)
        sum += table[i].weight;
    int64_t at = draw(0, sum - 1);
    int i = 0;
    for (; at >= table[i].weight; i++)
        at -= table[i].weight;
    return &table[i];
}

static void move_on(void)
{
    struct err err;
    const struct move *move = draw_move();
    int rc = move->make(&err);
    moves.asked += move->asks;
    moves.refused += move->asks && rc < 0;
    settle();
    if (chance(15)) { /* while it is on its way */
        pass(draw(0, 40) * US_PER_MS);
        kill_room(NULL);
    }
    bool written = chance(70) && room_wait(moves.tenant);
    settle();
    model_look();
    if (written)
        model_compare();
}

/* To the end of every window, each thing when it is due. */
static void drain(void)
{
    disk_die_at_write(0);
    for (int i = 0; i < DRAIN_MAX && next_due_us(); i++)
        leap_to_next();
    pass(5 * US_PER_S);
    room_wait(moves.tenant);
    model_look();
    model_compare();
    model_end();
}

/* ---- all of it ---- */

static void on_asked(void *user, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    (void)user, (void)ticket, (void)bytes, (void)len;
}

static void on_took(const struct receipt *receipt)
{
    (void)receipt;
}

static void on_happened(const struct happening *happening)
{
    (void)happening;
}

static void on_up(void)
{
}

struct room_watcher moves_watcher(void)
{
    return (struct room_watcher){ .happened = on_happened, .up = on_up, .down = files_close };
}

void play_moves(struct stage *stage)
{
    struct sim_host *host = &stage->hosts[0];
    moves.stage = stage;
    moves.dice = dice_of(stage->seed, 'm');
    tap_set((struct tap){ .asked = on_asked, .answered = on_asked });
    receiver_listen(on_took, NULL);
    check_begin(stage->hosts, HOSTS_MAX);
    room_open();
    moves.tenant = room_add_tenant("shop");
    asks_begin(moves.tenant, &moves.dice);
    asks_sign();
    model_begin(moves.tenant);
    host_init(host, 0, stage->seed, stage->log_fd);
    host->tenant = moves.tenant;
    host->id = room_add_host(moves.tenant, host->name, &host->keys.public_key);
    stage->n_hosts = 1;
    host_open(host);
    for (int i = 0; i < MOVES; i++)
        move_on();
    drain();
    struct model_counts counts = model_counts();
    printf("seed %" PRIu64 ": %u of %u commands refused, %u ends of the collector; %u events, %u steps, %u live, %u"
           " rounds (%u late, %u missed), %u draws\n",
           stage->seed, moves.refused, moves.asked, moves.kills, counts.events, counts.steps, counts.starts,
           counts.rounds, counts.late, counts.missed, counts.draws);
}
