/* tests/sim/dice.h - everything a run leaves to chance, from one seed.
 *
 * Source   xoshiro256** by Blackman and Vigna, seeded by splitmix64
 * Use      one struct dice a purpose: what one part draws then does not change what another gets
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state[4];
};

/* `purpose` tells streams of one seed apart. */
struct dice dice_of(uint64_t seed, uint64_t purpose);
uint64_t dice_bits(struct dice *dice);
/* least..most, both included. */
int64_t dice_between(struct dice *dice, int64_t least, int64_t most);
/* True `percent` times in a hundred. */
bool dice_chance(struct dice *dice, unsigned percent);
/* Mostly short, now and then long: least..most, evenly over the orders of magnitude. */
int64_t dice_span(struct dice *dice, int64_t least, int64_t most);
