/* collector/store/block/model.h - small numbers as few bits: a binary range coder whose probabilities learn as it goes.
 *
 * Shape    each number is told by yes-or-no steps: is it 0, its sign, its length in bits (outwards from a usual one),
 *          its next two bits; what is left of it costs what it is long. The odds of each step are learnt apart for each
 *          *context*: how large the last numbers were, and what a *signal* says, a number 0..SIGNAL_MAX that is known
 *          for each of them beforehand
 * Speed    4..8 ns a step, so numbers that are mostly 0 are cheap in time as well as in bytes
 * Threads  pure, memory from the caller
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "collector/store/block/form.h"

enum {
    SIGNAL_MAX = 7,
    MODEL_SIZES = 12,   /* of the recent numbers */
    MODEL_OUTWARD = 16, /* steps from the usual length, eight each way */
    MODEL_LENGTHS = 64
};

/* Which contexts: all have the last number, and... */
enum model_context {
    CONTEXT_LAST_TWO,        /* ...the one before it */
    CONTEXT_AVERAGE,         /* ...the recent average */
    CONTEXT_SIGNAL,          /* ...the signal */
    CONTEXT_SIGNAL_LAST_TWO, /* ...the one before it and the signal */
    CONTEXT_COUNT
};

struct model_shape {
    enum model_context context;
    uint8_t usual; /* length in bits, 1..63, where telling the length begins */
};

struct model; /* what was learnt */

size_t model_bytes(void);

/* The numbers are int64_t as differences that wrap. `signal` may be NULL when the context has none in it. */
void model_write(struct model *model, struct model_shape shape, const uint64_t *numbers, uint32_t n,
                 const uint8_t *signal, struct writer *writer);
/* About how many bits model_write() would take, and how many steps. */
struct model_cost {
    uint64_t bits;
    uint64_t steps;
};
struct model_cost model_cost(struct model *model, struct model_shape shape, const uint64_t *numbers, uint32_t n,
                             const uint8_t *signal);
/* Any bytes give some numbers. */
void model_read(struct model *model, struct model_shape shape, uint64_t *numbers, uint32_t n, const uint8_t *signal,
                const uint8_t *bytes, size_t len);

/* The usual length of `n` numbers. */
uint8_t model_usual(const uint64_t *numbers, uint32_t n);
