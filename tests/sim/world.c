/* Time moves in whole milliseconds, as libuv's loops see it: a timer that is due by a loop's clock is then due by the
 * programs' clocks as well. */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/moment.h"
#include "utlist.h"

#define BOOT_US (1000 * US_PER_S) /* the machine has been up for as long: nothing happens at zero */
enum { TURNS_AT_ONCE_MAX = 20000 };

struct entry {
    struct entry *next;
    int64_t at_us;
    void (*fn)(void *user);
    void *user;
};

static struct {
    int64_t now_us;
    int64_t began_wall_us;
    struct dice dice;
    struct process *processes;
    struct entry *agenda; /* by time */
    uint64_t turns;
    const char *replay;
    uint64_t seed;
} world;

/* ---- what libc and libuv ask ---- */

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names begin with underscores */

__attribute__((no_sanitize_address)) int clock_gettime(clockid_t id, struct timespec *now)
{
    if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYS_clock_gettime, id, now);
    int64_t us = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE ? world.began_wall_us : BOOT_US;
    us += world.now_us;
    now->tv_sec = us / US_PER_S;
    now->tv_nsec = us % US_PER_S * NS_PER_US;
    return 0;
}

ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
    (void)flags;
    uint8_t *at = buffer;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(dice_bits(&world.dice) >> 32);
    return (ssize_t)len;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

double world_real_seconds(void)
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- life ---- */

void world_begin(uint64_t seed, int64_t wall_us, const char *replay)
{
    world.began_wall_us = wall_us;
    world.seed = seed;
    world.replay = replay;
    world.dice = dice_of(seed, 'w');
}

void world_end(void)
{
    struct entry *entry, *next;
    LL_FOREACH_SAFE(world.agenda, entry, next)
    free(entry);
    world.agenda = NULL;
}

int64_t world_now_us(void)
{
    return world.now_us;
}

int64_t world_wall_us(void)
{
    return world.began_wall_us + world.now_us;
}

void world_step_wall(int64_t by_us)
{
    world.began_wall_us += by_us;
}

static int64_t mono_ns(void *user)
{
    (void)user;
    return (BOOT_US + world.now_us) * NS_PER_US;
}

static int64_t wall_ns(void *user)
{
    (void)user;
    return world_wall_us() * NS_PER_US;
}

const struct clock *world_clock(void)
{
    static const struct clock clock = { .mono_ns = mono_ns, .wall_ns = wall_ns };
    return &clock;
}

struct dice *world_dice(void)
{
    return &world.dice;
}

uint64_t world_turns(void)
{
    return world.turns;
}

void world_fail(const char *format, ...)
{
    char text[1024], when[MOMENT_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    moment_format(when, world_wall_us());
    AUTO(auto_free) char *left = get_current_dir_name();
    fprintf(stderr, "sim: seed %" PRIu64 ": %s (second %.3f): %s\nsim: its files are left in %s; again with: %s\n",
            world.seed, when, (double)world.now_us / (double)US_PER_S, text, left ? left : "?", world.replay);
    _exit(1);
}

/* ---- processes ---- */

void process_start(struct process *process)
{
    uv_loop_init(&process->loop);
    process->loop.data = process;
    process->stopped = process->dead = false;
    DL_APPEND(world.processes, process);
}

void process_end(struct process *process)
{
    for (int turns = 0; uv_loop_alive(&process->loop); turns++) {
        if (turns > 100)
            world_fail("a process that was closed keeps handles open");
        uv_run(&process->loop, UV_RUN_NOWAIT);
    }
    DL_DELETE(world.processes, process);
    if (uv_loop_close(&process->loop) < 0)
        world_fail("a process that was closed keeps its loop busy");
}

/* ---- time ---- */

void world_at(int64_t at_us, void (*fn)(void *user), void *user)
{
    struct entry *entry = malloc(sizeof *entry);
    if (!entry)
        world_fail("out of memory");
    *entry = (struct entry){ .at_us = at_us, .fn = fn, .user = user };
    struct entry **to = &world.agenda;
    while (*to && (*to)->at_us <= at_us)
        to = &(*to)->next;
    entry->next = *to;
    *to = entry;
}

static bool take_entry(void)
{
    struct entry *entry = world.agenda;
    if (!entry || entry->at_us > world.now_us)
        return false;
    world.agenda = entry->next;
    entry->fn(entry->user);
    free(entry);
    return true;
}

/* Runs what has something to do now; else `*ret_next_us` is when somebody will have. */
static bool run_processes(int64_t *ret_next_us)
{
    struct process *process, *next;
    bool moved = false;
    DL_FOREACH_SAFE(world.processes, process, next)
    {
        if (process->stopped || !uv_loop_alive(&process->loop))
            continue;
        uv_update_time(&process->loop);
        int wait_ms = uv_backend_timeout(&process->loop);
        if (wait_ms == 0) {
            uv_run(&process->loop, UV_RUN_NOWAIT);
            moved = true;
        } else if (wait_ms > 0 && world.now_us + wait_ms * US_PER_MS < *ret_next_us) {
            *ret_next_us = world.now_us + wait_ms * US_PER_MS;
        }
    }
    return moved;
}

void world_run(int64_t until_us, void (*each)(void))
{
    for (unsigned at_once = 0; world.now_us < until_us;) {
        int64_t next_us = until_us;
        if (take_entry() || run_processes(&next_us)) {
            world.turns++;
            if (++at_once > TURNS_AT_ONCE_MAX)
                world_fail("time stands still: something goes round in circles");
            if (each)
                each();
            continue;
        }
        if (world.agenda && world.agenda->at_us < next_us)
            next_us = world.agenda->at_us;
        world.now_us = (next_us + US_PER_MS - 1) / US_PER_MS * US_PER_MS;
        at_once = 0;
    }
}
