/* base/clock.h - the time, handed in.
 *
 * Shape    a struct of two functions, copied by value; main() hands in clock_system(), tests a struct clock_fake
 * Units    nanoseconds; wall time counts from 1970-01-01T00:00:00Z
 * Use      mono_ns for ages, rates and timeouts; wall_ns only for what people or other hosts read
 * Threads  clock_system() from any thread; a fake from one
 */
#pragma once
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define US_PER_MS INT64_C(1000)
#define US_PER_S  INT64_C(1000000)

struct clock {
    int64_t (*mono_ns)(void *user); /* never goes back; counts through a suspend (CLOCK_BOOTTIME) */
    int64_t (*wall_ns)(void *user); /* may jump either way */
    void *user;                     /* borrowed for as long as the clock is used */
};

struct clock clock_system(void);

static inline int64_t clock_mono_ns(const struct clock *clock)
{
    return clock->mono_ns(clock->user);
}

static inline int64_t clock_wall_ns(const struct clock *clock)
{
    return clock->wall_ns(clock->user);
}

static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock_mono_ns(clock) / NS_PER_US;
}

static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock_wall_ns(clock) / NS_PER_US;
}

/* A clock that stands still until a test moves it. */
struct clock_fake {
    int64_t mono_ns;
    int64_t wall_ns;
};

/* `fake` is borrowed for as long as the clock is used. */
struct clock clock_of_fake(struct clock_fake *fake);
void clock_fake_pass(struct clock_fake *fake, int64_t ns);
