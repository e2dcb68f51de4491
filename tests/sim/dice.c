#include "tests/sim/dice.h"

#include <assert.h>

static uint64_t split(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t purpose)
{
    struct dice dice;
    uint64_t state = seed * UINT64_C(0x2545f4914f6cdd1d) + purpose;
    for (int i = 0; i < 4; i++)
        dice.state[i] = split(&state);
    return dice;
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t dice_bits(struct dice *dice)
{
    uint64_t *s = dice->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

int64_t dice_between(struct dice *dice, int64_t least, int64_t most)
{
    assert(least <= most);
    return least + (int64_t)(dice_bits(dice) % (uint64_t)(most - least + 1));
}

bool dice_chance(struct dice *dice, unsigned percent)
{
    return dice_bits(dice) % 100 < percent;
}

int64_t dice_span(struct dice *dice, int64_t least, int64_t most)
{
    int64_t cap = least > 0 ? least : 1;
    unsigned doublings = 0;
    while (cap < most && doublings < 62) {
        cap *= 2;
        doublings++;
    }
    int64_t upper = least > 0 ? least : 1;
    for (int64_t n = dice_between(dice, 0, doublings); n > 0; n--)
        upper *= 2;
    return dice_between(dice, least, upper < most ? (upper > least ? upper : least) : most);
}
