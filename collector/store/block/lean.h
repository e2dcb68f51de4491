/* collector/store/block/lean.h - finding the columns that a column of a block leans on, from a sample of its ticks.
 *
 * Shape    needs are the columns that must be read for one, and what that takes; parts and guide are as coded.h
 *          has them. All that is found keeps to what struct fit allows
 */
#pragma once
#include "collector/store/block/fit.h"

struct needs {
    uint32_t n;
    uint32_t columns[CODED_NEEDS_MAX];
    uint32_t steps;
};

/* False: it would be too many or too slow. */
bool needs_add(const struct fit *fit, struct needs *needs, uint32_t column);

struct parts {
    uint32_t n;
    struct coded_part at[CODED_PARTS];
    uint64_t bits; /* of the sample */
};

/* `own_steps` are those of the column itself. */
void find_parts(struct fit *fit, uint32_t column, uint32_t own_steps, struct parts *ret);
/* Leaves in fit->left what the column's changes are without its parts. */
void take_off_parts(struct fit *fit, uint32_t column, const struct parts *parts);
/* The column that tells most of how long changes are; CODED_NONE: none is worth it. */
uint32_t find_guide(const struct fit *fit, uint32_t column, const struct needs *needs, const uint8_t *lengths);

static inline unsigned length_of(int64_t change)
{
    return length_in_bits(zigzag((uint64_t)change));
}
