/* The range coder is the carrying one of Martin (1979), a byte at a time: `range` stays above 2^24, a step divides
 * it by its odds. Odds are 22 bits beside a count of what they were learnt from: the first times move them far,
 * later ones by 1/LEARN_SLOWEST. Writing, reading and weighing go through the same code, so that they cannot differ. */
#include "collector/store/block/model.h"

#include <math.h>

enum {
    LEARN_SLOWEST = 160,
    COUNT_BITS = 10,
    ODDS_BITS = 22,
    CHUNK_BITS = 12,
    TOLD_BITS = 6,       /* of longer numbers what follows the length is taken for even */
    SIZE_KEPT_BITS = 40, /* of the numbers looked back on */
    COST_STEPS = 4096,
    RANGE_LEAST = 1 << 24
};

enum task { WRITE, READ, WEIGH };

struct model {
    uint32_t zero[4 * 4 * (SIGNAL_MAX + 1)];
    uint32_t sign[3 * (SIGNAL_MAX + 1)];
    uint32_t outward[MODEL_SIZES * (SIGNAL_MAX + 1)][MODEL_OUTWARD];
    uint32_t next[MODEL_LENGTHS][4];
};

struct range_coder {
    uint32_t range;
    uint32_t code; /* READ */
    struct reader reader;
    uint64_t low; /* WRITE */
    uint8_t *start;
    struct writer *writer;
    struct model_cost cost; /* WEIGH: bits in units of 1/65536 */
};

size_t model_bytes(void)
{
    return sizeof(struct model);
}

/* What the odds are before anything was learnt, in 1/256, as they were found to be on the whole: whether a number is
 * not 0 by the lengths of the last two, and by a signal. They count as much as one or two numbers seen. */
static const uint8_t first_by_two[4][4] = {
    { 16, 90, 128, 128 }, { 90, 112, 180, 175 }, { 170, 160, 185, 210 }, { 157, 205, 225, 236 }
};
static const uint8_t first_by_average[8] = { 50, 80, 100, 100, 110, 120, 140, 236 };
enum { FIRST_SIGNALLED = 200, FIRST_UNSIGNALLED_LEAST = 8, FIRST_LONGER = 90, FIRST_ON = 165, FIRST_SEEN = 2 };

static uint32_t first_odds(unsigned of_256)
{
    return (uint32_t)of_256 << 24 | FIRST_SEEN;
}

static unsigned first_of_zero(enum model_context context, unsigned index)
{
    unsigned signal = index % (SIGNAL_MAX + 1);
    switch (context) {
    case CONTEXT_LAST_TWO:
        return first_by_two[index / 4 % 4][index % 4];
    case CONTEXT_AVERAGE:
        return first_by_average[index / 4 % 8];
    case CONTEXT_SIGNAL:
        return signal > 0 ? FIRST_SIGNALLED : index / (SIGNAL_MAX + 1) > 0 ? 100 : FIRST_UNSIGNALLED_LEAST;
    default:
        return signal > 0 ? FIRST_SIGNALLED : first_by_two[index / 32 % 4][index / 8 % 4] / 2;
    }
}

static void start_learning(struct model *model, enum model_context context)
{
    for (unsigned i = 0; i < sizeof model->zero / sizeof *model->zero; i++)
        model->zero[i] = first_odds(first_of_zero(context, i));
    for (unsigned i = 0; i < sizeof model->sign / sizeof *model->sign; i++)
        model->sign[i] = UINT32_C(1) << 31;
    for (unsigned k = 0; k < sizeof model->outward / sizeof *model->outward; k++)
        for (unsigned i = 0; i < MODEL_OUTWARD; i++)
            model->outward[k][i] = first_odds(i == MODEL_OUTWARD / 2 ? FIRST_LONGER : FIRST_ON);
    for (unsigned k = 0; k < MODEL_LENGTHS; k++)
        for (unsigned i = 0; i < 4; i++)
            model->next[k][i] = UINT32_C(1) << 31;
}

/* ---- the range coder ---- */

static void carry(struct range_coder *coder)
{
    for (uint8_t *at = coder->writer->at; at > coder->start && ++*--at == 0;)
        continue;
}

static void shift_out(struct range_coder *coder)
{
    uint8_t byte = (uint8_t)(coder->low >> 24);
    write_bytes(coder->writer, &byte, 1);
    coder->low = (coder->low & 0xffffff) << 8;
}

static inline __attribute__((always_inline)) void widen(struct range_coder *coder, enum task task)
{
    while (coder->range < RANGE_LEAST) {
        coder->range <<= 8;
        if (task == WRITE)
            shift_out(coder);
        if (task == READ)
            coder->code = coder->code << 8 | (coder->reader.at < coder->reader.end ? *coder->reader.at++ : 0);
    }
}

static void add_low(struct range_coder *coder, uint32_t below)
{
    coder->low += below;
    if (coder->low >> 32) {
        carry(coder);
        coder->low &= UINT32_MAX;
    }
}

/* The shortest bytes within what is left of the range; reading on beyond them gives zeros. */
static void finish(struct range_coder *coder)
{
    for (int keep = 0; keep <= 32; keep += 8) { /* bytes that are not 0 */
        uint64_t mask = (uint64_t)UINT32_MAX >> keep;
        uint64_t end = (coder->low + mask) & ~mask;
        if (end < coder->low + coder->range) {
            add_low(coder, (uint32_t)(end - coder->low));
            break;
        }
    }
    for (int i = 0; i < 4; i++)
        shift_out(coder);
    while (coder->writer->at > coder->start && coder->writer->at[-1] == 0)
        coder->writer->at--;
}

/* Constants: what a step of odds i + 1/2 of COST_STEPS costs, in 1/65536 bits; and by how much a time moves the odds
 * that so many times have moved before, in 1/65536. */
static uint32_t cost_table[COST_STEPS];
static uint32_t learn_by[LEARN_SLOWEST + 1];

__attribute__((constructor)) static void fill_tables(void)
{
    for (uint32_t i = 0; i <= LEARN_SLOWEST; i++)
        learn_by[i] = (uint32_t)(65536 / (i + 1.6));
    for (uint32_t i = 0; i < COST_STEPS; i++)
        cost_table[i] = (uint32_t)(65536 * -log2((i + 0.5) / COST_STEPS));
}

/* What `odds` become when `bit` came. They stand above their count, which goes up by one: both in one addition. */
static inline __attribute__((always_inline)) uint32_t learnt(uint32_t odds, unsigned bit)
{
    uint32_t count = odds & ((1U << COUNT_BITS) - 1);
    int32_t target = (int32_t)(0 - bit) & ((1 << ODDS_BITS) - 1);
    int64_t away = target - (int32_t)(odds >> COUNT_BITS);
    return odds + ((uint32_t)(away * learn_by[count] >> 16) << COUNT_BITS) + (count < LEARN_SLOWEST);
}

static inline __attribute__((always_inline)) uint32_t chance_of(uint32_t odds)
{
    return odds >> 16 | 1; /* never 0 nor all */
}

static inline __attribute__((always_inline)) uint32_t bound_of(const struct range_coder *coder, uint32_t odds)
{
    return (uint32_t)((uint64_t)coder->range * chance_of(odds) >> 16);
}

/* One step. `odds` are those of a 1. What either bit makes of them is worked out before the bit is known: reading, the
 * processor would begin with it only when it had found out that it foresaw the wrong one. */
static inline __attribute__((always_inline)) unsigned step(struct range_coder *coder, enum task task, uint32_t *odds,
                                                           unsigned bit)
{
    if (task == WEIGH) {
        uint32_t chance = chance_of(*odds);
        coder->cost.bits += cost_table[bit ? chance >> 4 : (COST_STEPS - 1) - (chance >> 4)];
        coder->cost.steps++;
        *odds = learnt(*odds, bit);
        return bit;
    }
    uint32_t bound = bound_of(coder, *odds);
    uint32_t after[2] = { learnt(*odds, 0), learnt(*odds, 1) };
    if (task == READ)
        bit = coder->code < bound;
    if (bit) {
        *odds = after[1];
        coder->range = bound;
    } else {
        *odds = after[0];
        coder->range -= bound;
        if (task == WRITE)
            add_low(coder, bound);
        else
            coder->code -= bound;
    }
    widen(coder, task);
    return bit;
}

/* The same where nothing is decided by the bit: read without a branch, as half of those would be foreseen wrongly, and
 * that takes longer than the step. */
static inline __attribute__((always_inline)) unsigned step_blindly(struct range_coder *coder, enum task task,
                                                                   uint32_t *odds, unsigned bit)
{
    if (task != READ)
        return step(coder, task, odds, bit);
    uint32_t bound = bound_of(coder, *odds);
    uint32_t above = coder->code >= bound ? UINT32_MAX : 0;
    coder->code -= bound & above;
    coder->range = bound + ((coder->range - 2 * bound) & above);
    widen(coder, task);
    *odds = learnt(*odds, above + 1);
    return above + 1;
}

/* `bits` even bits. */
static inline __attribute__((always_inline)) uint64_t even(struct range_coder *coder, enum task task, unsigned bits,
                                                           uint64_t value)
{
    if (task == WEIGH) {
        coder->cost.bits += (uint64_t)bits << 16;
        coder->cost.steps += (bits + CHUNK_BITS - 1) / CHUNK_BITS;
        return value;
    }
    uint64_t got = 0;
    while (bits > 0) {
        unsigned some = bits < CHUNK_BITS ? bits : CHUNK_BITS;
        uint32_t mask = (1U << some) - 1;
        bits -= some;
        coder->range >>= some;
        uint32_t piece = (uint32_t)(value >> bits) & mask;
        if (task == READ) {
            piece = coder->code / coder->range;
            piece = piece < mask ? piece : mask;
            coder->code -= piece * coder->range;
        } else {
            add_low(coder, piece * coder->range);
        }
        widen(coder, task);
        got = got << some | piece;
    }
    return got;
}

/* ---- the numbers ---- */

struct past {
    unsigned last, before; /* lengths in bits */
    uint64_t average;      /* in sixteenths */
    unsigned sign;         /* of the last: 0 it was 0, 1 above, 2 below */
};

static inline unsigned capped(unsigned value, unsigned max)
{
    return value < max ? value : max;
}

static inline __attribute__((always_inline)) unsigned code_length(struct range_coder *coder, enum task task,
                                                                  uint32_t *outward, unsigned usual, unsigned length)
{
    enum { UP = MODEL_OUTWARD / 2 };
    if (step(coder, task, &outward[UP], length > usual)) {
        unsigned at = usual + 1;
        while (at < MODEL_LENGTHS && step(coder, task, &outward[UP + capped(at - usual, UP - 1)], length > at))
            at++;
        return at;
    }
    unsigned at = usual;
    while (at > 1 && step(coder, task, &outward[UP - 1 - capped(usual - at, UP - 1)], length < at))
        at--;
    return at;
}

/* A number above 0, so long. */
static inline __attribute__((always_inline)) uint64_t code_size(struct range_coder *coder, enum task task,
                                                                struct model *model, unsigned length, uint64_t size)
{
    if (length <= 1)
        return 1;
    uint32_t *next = model->next[length - 1];
    unsigned left = length - 1;
    if (length > TOLD_BITS)
        return UINT64_C(1) << left | even(coder, task, left, size & ((UINT64_C(1) << left) - 1));
    left--;
    unsigned first = step_blindly(coder, task, &next[0], (unsigned)(size >> left) & 1);
    uint64_t got = 2 | first;
    if (left > 0) {
        left--;
        got = got << 1 | step_blindly(coder, task, &next[1 + first], (unsigned)(size >> left) & 1);
    }
    if (left > 0)
        got = got << left | even(coder, task, left, size & ((UINT64_C(1) << left) - 1));
    return got;
}

static inline __attribute__((always_inline)) void code_numbers(struct range_coder *coder, enum task task,
                                                               enum model_context context, struct model *model,
                                                               unsigned usual, uint64_t *numbers, uint32_t n,
                                                               const uint8_t *signals)
{
    struct past past = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        unsigned last = past.last;
        unsigned before = past.before;
        unsigned average = capped(length_in_bits(past.average >> 4), MODEL_SIZES - 1);
        unsigned signal = signals ? signals[i] : 0;
        unsigned zero = 0;
        unsigned outward = 0;
        switch (context) {
        case CONTEXT_LAST_TWO:
            zero = capped(last, 3) * 4 + capped(before, 3);
            outward = average;
            break;
        case CONTEXT_AVERAGE:
            zero = capped(length_in_bits(past.average >> 2), 7) * 4 + capped(last, 3);
            outward = capped(last, MODEL_SIZES - 1);
            break;
        case CONTEXT_SIGNAL:
            zero = capped(last, 3) * (SIGNAL_MAX + 1) + signal;
            outward = average * (SIGNAL_MAX + 1) + signal;
            break;
        default:
            zero = (capped(last, 3) * 4 + capped(before, 3)) * (SIGNAL_MAX + 1) + signal;
            outward = signal;
            break;
        }
        uint64_t number = task == READ ? 0 : numbers[i];
        bool below = number >> 63;
        uint64_t size = below ? 0 - number : number;
        past.before = past.last;
        past.last = 0;
        if (step(coder, task, &model->zero[zero], size > 0)) {
            below = step_blindly(coder, task, &model->sign[past.sign * (SIGNAL_MAX + 1) + signal], below);
            past.last = code_length(coder, task, model->outward[outward], usual, length_in_bits(size));
            size = code_size(coder, task, model, past.last, size);
            past.sign = 1 + below;
        } else {
            past.sign = 0;
        }
        if (task == READ)
            numbers[i] = below ? 0 - size : size;
        uint64_t kept = size >> SIZE_KEPT_BITS ? UINT64_C(1) << SIZE_KEPT_BITS : size;
        past.average += ((kept << 4) >> 2) - (past.average >> 2);
    }
}

static inline __attribute__((always_inline)) void run(struct range_coder *coder, enum task task,
                                                      struct model_shape shape, struct model *model, uint64_t *numbers,
                                                      uint32_t n, const uint8_t *signal)
{
    start_learning(model, shape.context);
    switch (shape.context) { /* each its own loop */
    case CONTEXT_LAST_TWO:
        code_numbers(coder, task, CONTEXT_LAST_TWO, model, shape.usual, numbers, n, NULL);
        break;
    case CONTEXT_AVERAGE:
        code_numbers(coder, task, CONTEXT_AVERAGE, model, shape.usual, numbers, n, NULL);
        break;
    case CONTEXT_SIGNAL:
        code_numbers(coder, task, CONTEXT_SIGNAL, model, shape.usual, numbers, n, signal);
        break;
    default:
        code_numbers(coder, task, CONTEXT_SIGNAL_LAST_TWO, model, shape.usual, numbers, n, signal);
        break;
    }
}

void model_write(struct model *model, struct model_shape shape, const uint64_t *numbers, uint32_t n,
                 const uint8_t *signal, struct writer *writer)
{
    struct range_coder coder = { .range = UINT32_MAX, .start = writer->at, .writer = writer };
    run(&coder, WRITE, shape, model, (uint64_t *)numbers, n, signal);
    finish(&coder);
}

struct model_cost model_cost(struct model *model, struct model_shape shape, const uint64_t *numbers, uint32_t n,
                             const uint8_t *signal)
{
    struct range_coder coder = { .range = UINT32_MAX };
    run(&coder, WEIGH, shape, model, (uint64_t *)numbers, n, signal);
    coder.cost.bits >>= 16;
    return coder.cost;
}

void model_read(struct model *model, struct model_shape shape, uint64_t *numbers, uint32_t n, const uint8_t *signal,
                const uint8_t *bytes, size_t len)
{
    struct range_coder coder = { .range = UINT32_MAX, .reader = { bytes, bytes + len } };
    for (int i = 0; i < 4; i++)
        coder.code = coder.code << 8 | (coder.reader.at < coder.reader.end ? *coder.reader.at++ : 0);
    run(&coder, READ, shape, model, numbers, n, signal);
}

uint8_t model_usual(const uint64_t *numbers, uint32_t n)
{
    uint32_t counts[MODEL_LENGTHS + 1] = { 0 };
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        counts[length_in_bits(numbers[i] >> 63 ? 0 - numbers[i] : numbers[i])]++;
    uint32_t half = (n - counts[0]) / 2;
    for (unsigned length = 1; length < MODEL_LENGTHS; length++) {
        sum += counts[length];
        if (sum > half)
            return (uint8_t)length;
    }
    return 1;
}
