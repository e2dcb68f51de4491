/* tests/sim/world.h - one world a run: virtual time, the processes that live in it, and what happens to them when.
 *
 * Shape    a process is a uv loop of its own. The world runs the loops that have something to do at this instant; when
 *          none has, time moves to the next timer of any of them or to the next entry of the agenda. Nothing sleeps
 * Time     clock_gettime() and getrandom() are the world's own in this program: libuv's loops live on its time, and run
 *          and host ids come from its seed
 * Units    microseconds since the world began; wall time is true time, which no host's clock need show
 * Failing  world_fail() says what broke, and how to see it again, and ends the process
 * Threads  one
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "tests/sim/dice.h"

struct line;

struct process {
    uv_loop_t loop;    /* its data is the process */
    bool stopped;      /* SIGSTOP: it does not run, its kernel goes on */
    bool dead;         /* kill -9: nothing it says or writes gets out any more, only its memory is yet to be cleared */
    struct line *line; /* to the collector; NULL: it is the collector */
    struct process *next, *prev;
};

static inline struct process *process_of(const uv_loop_t *loop)
{
    return loop->data;
}

void process_start(struct process *process);
/* All its handles are closing: runs the loop until they are gone. */
void process_end(struct process *process);

/* `replay` is how to see this run again. */
void world_begin(uint64_t seed, int64_t wall_us, const char *replay);
void world_end(void);
int64_t world_now_us(void);
int64_t world_wall_us(void);
/* Everybody's wall clock jumps; what is monotonic goes on. */
void world_step_wall(int64_t by_us);
static inline int64_t world_wall_of(int64_t at_us)
{
    return world_wall_us() - world_now_us() + at_us;
}
/* True time; the collector's machine has it. */
const struct clock *world_clock(void);
struct dice *world_dice(void);

/* Calls `fn` when it is `at_us`; what is due at once comes in the order of the calls. */
void world_at(int64_t at_us, void (*fn)(void *user), void *user);
/* Lets time pass. `each` (may be NULL) is called whenever something has moved. */
void world_run(int64_t until_us, void (*each)(void));
uint64_t world_turns(void);

/* Of the machine the simulation runs on. */
double world_real_seconds(void);

_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
