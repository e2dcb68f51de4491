#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for the two ids below on Linux >= 2.6.39 */
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t system_mono(void *user)
{
    (void)user;
    return read_clock(CLOCK_BOOTTIME);
}

static int64_t system_wall(void *user)
{
    (void)user;
    return read_clock(CLOCK_REALTIME);
}

struct clock clock_system(void)
{
    return (struct clock){ .mono_ns = system_mono, .wall_ns = system_wall };
}

static int64_t fake_mono(void *user)
{
    return ((struct clock_fake *)user)->mono_ns;
}

static int64_t fake_wall(void *user)
{
    return ((struct clock_fake *)user)->wall_ns;
}

struct clock clock_of_fake(struct clock_fake *fake)
{
    return (struct clock){ .mono_ns = fake_mono, .wall_ns = fake_wall, .user = fake };
}

void clock_fake_pass(struct clock_fake *fake, int64_t ns)
{
    fake->mono_ns += ns;
    fake->wall_ns += ns;
}
