#include "tests/sim/fate.h"

#include <stdlib.h>

#include "base/log.h"
#include "tests/sim/disk.h"
#include "tests/sim/receiver.h"
#include "tests/sim/room.h"

#define ILL_OFF_US (60 * US_PER_S)
enum { CHANNELS_MAX = 8 };

struct fault {
    const struct kind *kind;
    struct sim_host *host;     /* NULL: everybody's */
    const char *file;          /* of disk faults; of a receiver's, its channel */
    size_t channel;            /* of a receiver's */
    int64_t from_us, to_us;    /* wall */
    int64_t asked_us;          /* likewise: at its end it wanted to be left alone until then; 0: it did not */
    int64_t least_us, most_us; /* the line's delay before */
    bool off;                  /* it could not begin */
};

struct kind {
    const char *name;
    unsigned weight;
    int64_t least_s, most_s; /* how long */
    bool one_host;
    bool (*begin)(struct fault *fault); /* false: not now */
    void (*end)(struct fault *fault);   /* NULL: it ends by itself */
    int detail;
};

static struct {
    struct fate_plan plan;
    struct dice dice;
    size_t n;
    struct fault **faults;
    enum receiver_mood moods[CHANNELS_MAX];
    const char *sick; /* the file with a fault; NULL: none */
} fate;

static int64_t left_us(const struct fault *fault)
{
    return fault->to_us - world_wall_us();
}

/* ---- agents ---- */

static bool kill_agent(struct fault *fault)
{
    if (!fault->host->up || fault->host->process.stopped)
        return false;
    host_kill(fault->host);
    return true;
}

static void open_agent(struct fault *fault)
{
    if (dice_chance(&fate.dice, 20))
        host_reboot(fault->host);
    host_open(fault->host);
}

static bool stop_agent(struct fault *fault)
{
    if (!fault->host->up || fault->host->process.stopped)
        return false;
    host_stop(fault->host);
    return true;
}

static void continue_agent(struct fault *fault)
{
    host_continue(fault->host);
}

static bool step_wall(struct fault *fault)
{
    fault->host->wall_off_us += dice_between(&fate.dice, -7200, 7200) * US_PER_S;
    return true;
}

/* ---- lines ---- */

static void cut_line(struct sim_host *host, int ways, int64_t until_us)
{
    for (int way = NET_UP; way <= NET_DOWN; way++)
        if (ways & (1 << way))
            net_cut(&host->line, (enum net_way)way, until_us);
}

static bool cut_one(struct fault *fault)
{
    cut_line(fault->host, (int)dice_between(&fate.dice, 1, 3), world_now_us() + left_us(fault));
    return true;
}

static bool cut_all(struct fault *fault)
{
    for (size_t i = 0; i < fate.plan.n_hosts; i++)
        cut_line(&fate.plan.hosts[i], 3, world_now_us() + left_us(fault));
    return true;
}

static bool reset_line(struct fault *fault)
{
    net_reset(&fault->host->line);
    return true;
}

static bool slow_line(struct fault *fault)
{
    struct line *line = &fault->host->line;
    if (line->most_us > US_PER_S)
        return false;
    fault->least_us = line->least_us;
    fault->most_us = line->most_us;
    line->most_us = dice_span(&fate.dice, 500 * US_PER_MS, 15 * US_PER_S);
    line->least_us = line->most_us / 4;
    return true;
}

static void mend_line(struct fault *fault)
{
    fault->host->line.least_us = fault->least_us;
    fault->host->line.most_us = fault->most_us;
}

/* ---- the collector ---- */

static bool room_is_up(void)
{
    return room_collector() && !room_process()->stopped;
}

static bool kill_room(struct fault *fault)
{
    if (!room_is_up())
        return false;
    room_end((enum room_end)fault->kind->detail);
    if (fault->kind->detail == ROOM_POWER_CUT)
        cut_all(fault); /* nobody is there to say that the connections are gone */
    room_open_after(left_us(fault));
    return true;
}

static bool restart_room(struct fault *fault)
{
    if (!room_is_up())
        return false;
    room_close();
    room_open_after(left_us(fault));
    return true;
}

static bool die_at_write(struct fault *fault)
{
    (void)fault;
    if (!room_is_up())
        return false;
    disk_die_at_write((uint64_t)dice_span(&fate.dice, 1, 200));
    return true;
}

static bool stop_room(struct fault *fault)
{
    (void)fault;
    if (!room_is_up())
        return false;
    room_process()->stopped = true;
    return true;
}

static void continue_room(struct fault *fault)
{
    (void)fault;
    room_process()->stopped = false;
}

/* ---- disk and receiver ---- */

static bool break_disk(struct fault *fault)
{
    /* The agents' own disk can only be slow, or hang. */
    static const char *const files[] = { "tenant-1.db", "tenant-2.db", "registry.db", "", "spool" };
    bool waits = fault->kind->detail == DISK_SLOW || fault->kind->detail == DISK_HANG;
    if (fate.sick)
        return false;
    fate.sick = fault->file = files[dice_between(&fate.dice, 0, waits ? 4 : 3)];
    disk_set(fault->file, (enum disk_fault)fault->kind->detail);
    return true;
}

static void mend_disk(struct fault *fault)
{
    disk_set(fault->file, DISK_WELL);
    fate.sick = NULL;
}

static const char *channel_of(const struct fault *fault)
{
    return fate.plan.channels ? fate.plan.channels[fault->channel] : NULL;
}

static bool upset_receiver(struct fault *fault)
{
    fault->channel = fate.plan.channels ? (size_t)dice_between(&fate.dice, 0, (int64_t)fate.plan.n_channels - 1) : 0;
    enum receiver_mood *mood = &fate.moods[fault->channel];
    if (*mood != RECEIVER_WELL)
        return false;
    *mood = (enum receiver_mood)fault->kind->detail;
    fault->file = channel_of(fault);
    receiver_set_mood(channel_of(fault), *mood);
    return true;
}

static void calm_receiver(struct fault *fault)
{
    fault->asked_us = receiver_asked_us(channel_of(fault));
    fate.moods[fault->channel] = RECEIVER_WELL;
    receiver_set_mood(channel_of(fault), RECEIVER_WELL);
}

/* ---- what there is ---- */

static const struct kind kinds[] = {
    { "agent_killed", 6, 1, 600, true, kill_agent, open_agent, 0 },
    { "agent_stopped", 6, 1, 300, true, stop_agent, continue_agent, 0 },
    { "clock_stepped", 2, 0, 1, true, step_wall, NULL, 0 },
    { "line_cut", 10, 1, 1800, true, cut_one, NULL, 0 },
    { "line_reset", 8, 0, 1, true, reset_line, NULL, 0 },
    { "line_slow", 4, 5, 600, true, slow_line, mend_line, 0 },
    { "lines_cut", 2, 1, 300, false, cut_all, NULL, 0 },
    { "room_killed", 4, 0, 300, false, kill_room, NULL, ROOM_KILLED },
    { "room_without_power", 3, 5, 300, false, kill_room, NULL, ROOM_POWER_CUT },
    { "room_dies_writing", 3, 1, 60, false, die_at_write, NULL, 0 },
    { "room_restarted", 2, 0, 20, false, restart_room, NULL, 0 },
    { "room_stopped", 2, 1, 120, false, stop_room, continue_room, 0 },
    { "disk_write", 2, 1, 120, false, break_disk, mend_disk, DISK_WRITE },
    { "disk_full", 2, 1, 120, false, break_disk, mend_disk, DISK_FULL },
    { "disk_sync", 2, 1, 120, false, break_disk, mend_disk, DISK_SYNC },
    { "disk_read", 2, 1, 120, false, break_disk, mend_disk, DISK_READ },
    { "disk_slow", 2, 5, 300, false, break_disk, mend_disk, DISK_SLOW },
    { "disk_hangs", 2, 1, 60, false, break_disk, mend_disk, DISK_HANG },
    { "receiver_down", 1, 5, 300, false, upset_receiver, calm_receiver, RECEIVER_DOWN },
    { "receiver_failing", 1, 5, 300, false, upset_receiver, calm_receiver, RECEIVER_FAILING },
    { "receiver_refusing", 1, 5, 300, false, upset_receiver, calm_receiver, RECEIVER_REFUSING },
    { "receiver_mute", 2, 5, 300, false, upset_receiver, calm_receiver, RECEIVER_MUTE },
    { "receiver_slow", 1, 5, 300, false, upset_receiver, calm_receiver, RECEIVER_SLOW },
    { "receiver_lying", 1, 5, 900, false, upset_receiver, calm_receiver, RECEIVER_LYING },
    { "receiver_limited", 1, 5, 900, false, upset_receiver, calm_receiver, RECEIVER_LIMITED },
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static const struct kind *draw_kind(void)
{
    int64_t sum = 0;
    for (int i = 0; i < N_KINDS; i++)
        sum += kinds[i].weight;
    int64_t at = dice_between(&fate.dice, 0, sum - 1);
    int i = 0;
    for (; at >= kinds[i].weight; i++)
        at -= kinds[i].weight;
    return &kinds[i];
}

/* ---- when ---- */

static struct fault *new_fault(const struct kind *kind)
{
    struct fault *fault = calloc(1, sizeof *fault);
    struct fault **grown = reallocarray(fate.faults, fate.n + 1, sizeof(struct fault *));
    if (!fault || !grown)
        world_fail("out of memory");
    fate.faults = grown;
    fate.faults[fate.n++] = fault;
    fault->kind = kind;
    fault->from_us = world_wall_us();
    return fault;
}

static void end_fault(void *user)
{
    struct fault *fault = user;
    fault->kind->end(fault);
}

static void begin_fault(void)
{
    const struct kind *kind = draw_kind();
    struct fault *fault = new_fault(kind);
    if (kind->one_host)
        fault->host = &fate.plan.hosts[dice_between(&fate.dice, 0, (int64_t)fate.plan.n_hosts - 1)];
    fault->to_us = fault->from_us + dice_span(&fate.dice, kind->least_s * 1000, kind->most_s * 1000) * US_PER_MS;
    int64_t most_us = world_wall_of(fate.plan.until_us);
    fault->to_us = fault->to_us < most_us ? fault->to_us : most_us;
    if (!kind->begin(fault)) {
        fault->off = true;
        return;
    }
    room_say(kind->name, fault->host ? fault->host->name : fault->file, (double)left_us(fault) / 1e6);
    if (kind->end)
        world_at(world_now_us() + left_us(fault), end_fault, fault);
}

static void next_fault(void *user)
{
    (void)user;
    if (world_now_us() >= fate.plan.until_us)
        return;
    begin_fault();
    int64_t pause_us = dice_span(&fate.dice, fate.plan.least_s * 1000, fate.plan.most_s * 1000) * US_PER_MS;
    world_at(world_now_us() + pause_us, next_fault, NULL);
}

void fate_begin(const struct fate_plan *plan)
{
    fate.plan = *plan;
    fate.dice = dice_of(plan->seed, 'f');
    world_at(plan->from_us, next_fault, NULL);
}

void fate_room_died(void)
{
    static const struct kind died = { .name = "room_died" };
    struct fault *fault = new_fault(&died);
    fault->to_us = fault->from_us + dice_span(&fate.dice, 1, 60000) * US_PER_MS;
    room_say(died.name, NULL, (double)left_us(fault) / 1e6);
    room_open_after(left_us(fault));
}

/* ---- the record ---- */

static bool concerns(const struct fault *fault, const struct sim_host *host)
{
    return !fault->off && (!fault->host || fault->host == host);
}

static int64_t asked_until(const struct fault *fault)
{
    return fault->asked_us > fault->to_us ? fault->asked_us : fault->to_us;
}

static int64_t plainly_over(const struct fault *fault)
{
    return fault->to_us;
}

/* Behind all that concerns the host and lasts until `over()`. */
static int64_t behind(const struct sim_host *host, int64_t at_us, int64_t span_us,
                      int64_t (*over)(const struct fault *fault))
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < fate.n; i++) {
            const struct fault *fault = fate.faults[i];
            if (!concerns(fault, host) || fault->from_us > at_us || over(fault) + span_us <= at_us)
                continue;
            at_us = over(fault) + span_us;
            moved = true;
        }
    }
    return at_us;
}

int64_t fate_calm(const struct sim_host *host, int64_t at_us, int64_t span_us)
{
    return behind(host, at_us, span_us, plainly_over);
}

int64_t fate_free(const struct sim_host *host, int64_t at_us, int64_t span_us)
{
    return behind(host, at_us, span_us, asked_until);
}

/* `begin` NULL: whatever it was. */
static bool was_at_work(bool (*begin)(struct fault *fault), int64_t from_us, int64_t to_us)
{
    for (size_t i = 0; i < fate.n; i++) {
        const struct fault *fault = fate.faults[i];
        if (!fault->off && (!begin || fault->kind->begin == begin) && fault->from_us <= to_us + ILL_OFF_US &&
            fault->to_us >= from_us - ILL_OFF_US)
            return true;
    }
    return false;
}

bool fate_disk_was_ill(int64_t at_us)
{
    return was_at_work(break_disk, at_us, at_us);
}

bool fate_receiver_was_ill(int64_t at_us)
{
    return was_at_work(upset_receiver, at_us, at_us);
}

bool fate_was_at_work(int64_t from_us, int64_t to_us)
{
    return was_at_work(NULL, from_us, to_us);
}

size_t fate_count(void)
{
    size_t n = 0;
    for (size_t i = 0; i < fate.n; i++)
        n += !fate.faults[i]->off;
    return n;
}

void fate_end(void)
{
    for (size_t i = 0; i < fate.n; i++)
        free(fate.faults[i]);
    free(fate.faults);
}
