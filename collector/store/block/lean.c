#include "collector/store/block/lean.h"

#include <math.h>
#include <string.h>

enum {
    LOOK_BACK = 512, /* columns */
    AHEAD_BACK = 4,  /* columns whose next tick may tell: the others of a series' rollup */
    PROBES = 12,     /* samples a pair of parts is first tried on */
    TIMES_MAX = 4096
};

/* ---- what leaning on a column costs whoever reads ---- */

bool needs_add(const struct fit *fit, struct needs *needs, uint32_t column)
{
    const struct fit_column *from = &fit->columns[column];
    for (uint32_t i = 0; i < from->n_needs; i++) {
        uint32_t k = 0;
        while (k < needs->n && needs->columns[k] != from->needs[i])
            k++;
        if (k < needs->n)
            continue;
        if (needs->n == CODED_NEEDS_MAX - 1) /* the column itself comes last */
            return false;
        needs->columns[needs->n++] = from->needs[i];
        needs->steps += fit->columns[from->needs[i]].steps;
    }
    return needs->steps <= fit->steps_max;
}

/* False: a column cannot be leaned on. Else *ret_price is how many bits of the sample the slower reading must save. */
static bool may_lean(const struct fit *fit, const struct needs *needs, uint32_t column, uint64_t *ret_price)
{
    struct needs more = *needs;
    if (!coded_may_lean_on(&fit->columns[column].head, fit->n_ticks) || !needs_add(fit, &more, column))
        return false;
    *ret_price = (uint64_t)(more.steps - needs->steps) * fit->n_samples * fit->step_price >> FIT_PRICE_SHIFT;
    return true;
}

/* ---- parts ---- */

static const int64_t *part_changes(const struct fit *fit, const struct coded_part *part)
{
    const struct fit_column *column = &fit->columns[part->column];
    return part->ahead ? column->ahead : column->changes;
}

static double product(const int64_t *a, const int64_t *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* 0: it is too many, or none. */
static int64_t whole_times(double times)
{
    if (!(times > -TIMES_MAX && times < TIMES_MAX))
        return 0;
    return (int64_t)(times < 0 ? times - 0.5 : times + 0.5);
}

/* About how many times `part` is in `whole`: the slope of least squares. */
static int64_t slope(const int64_t *whole, const int64_t *part, uint32_t n)
{
    double square = product(part, part, n);
    return square > 0 ? whole_times(product(whole, part, n) / square) : 0;
}

/* Bits of the sample with `times` the part taken off; anything above `limit` when it is more. */
static uint64_t bits_without(const int64_t *whole, const int64_t *part, int64_t times, uint32_t n, uint64_t limit)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n && bits <= limit; i++)
        bits += length_of((int64_t)((uint64_t)whole[i] - (uint64_t)times * (uint64_t)part[i]));
    return bits;
}

/* Bits that leave something gained after the head's. */
static uint64_t worth(uint64_t bits)
{
    uint64_t wanted = bits / 32 + FIT_PART_BITS / 4;
    return bits > wanted ? bits - wanted : 0;
}

static void take_part(struct parts *parts, struct coded_part part, uint64_t bits)
{
    parts->at[parts->n++] = part;
    parts->bits = bits;
}

/* Bits of the sample when `part` is taken off what is left, as many times as is best; `limit` or more: never mind. */
static uint64_t try_part(const struct fit *fit, struct coded_part *part, uint64_t price, uint64_t limit)
{
    const int64_t *changes = part_changes(fit, part);
    uint64_t best = limit;
    const int64_t times[] = { 1, -1, slope(fit->left, changes, fit->n_samples) };
    for (int k = 0; k < 3 && price < best; k++) {
        if (times[k] == 0 || (k == 2 && (times[k] == 1 || times[k] == -1)))
            continue;
        uint64_t bits = price + bits_without(fit->left, changes, times[k], fit->n_samples, best - price);
        if (bits < best) {
            best = bits;
            part->times = (uint64_t)times[k];
        }
    }
    return best;
}

/* One more part of what is left in fit->left. */
static bool find_part(const struct fit *fit, uint32_t column, const struct needs *needs, struct parts *parts)
{
    uint64_t best = worth(parts->bits); /* price of reading included */
    struct coded_part found = { .times = 0 };
    for (uint32_t c = column > LOOK_BACK ? column - LOOK_BACK : 0; c < column; c++) {
        uint64_t price;
        if (!may_lean(fit, needs, c, &price))
            continue;
        for (int ahead = 0; ahead <= (column - c <= AHEAD_BACK); ahead++) {
            struct coded_part part = { .column = c, .ahead = ahead };
            uint64_t bits = try_part(fit, &part, price, best);
            if (bits < best) {
                best = bits;
                found = part;
            }
        }
    }
    if (found.times == 0)
        return false;
    take_part(parts, found, best);
    return true;
}

static void take_off_sample(int64_t *left, const int64_t *changes, uint64_t times, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        left[i] = (int64_t)((uint64_t)left[i] - times * (uint64_t)changes[i]);
}

static void find_one_by_one(struct fit *fit, uint32_t column, uint32_t own_steps, struct parts *parts)
{
    const struct fit_column *self = &fit->columns[column];
    struct needs needs = { .steps = own_steps };
    *parts = (struct parts){ .bits = self->loose_bits };
    memcpy(fit->left, self->changes, fit->n_samples * sizeof *fit->left);
    while (parts->n < CODED_PARTS && find_part(fit, column, &needs, parts)) {
        const struct coded_part *part = &parts->at[parts->n - 1];
        needs_add(fit, &needs, part->column);
        take_off_sample(fit->left, part_changes(fit, part), part->times, fit->n_samples);
    }
}

/* ---- sums: two parts of which neither helps by itself ---- */

/* The samples where most happens tell fastest. */
static void pick_probes(const struct fit_column *column, uint32_t n_samples, uint32_t *probes)
{
    uint32_t found = 0;
    for (unsigned least = 4; found<PROBES; least = least> 0 ? least - 1 : 0) {
        uint32_t step = n_samples / 31 + 1;
        for (uint32_t k = 0; k < n_samples && found < PROBES; k++) {
            uint32_t i = (uint32_t)((uint64_t)k * step % n_samples);
            if (length_of(column->changes[i]) >= least)
                probes[found++] = i;
        }
    }
}

struct probed {
    uint32_t column;
    int64_t changes[PROBES];
};

static void find_sum(struct fit *fit, uint32_t column, uint32_t own_steps, struct parts *parts)
{
    const struct fit_column *self = &fit->columns[column];
    if (self->loose_bits < fit->n_samples / 2 || parts->bits < self->loose_bits / 4)
        return;
    uint32_t probes[PROBES];
    pick_probes(self, fit->n_samples, probes);
    static const int signs[][2] = { { 1, 1 }, { 1, -1 }, { -1, 1 } };
    uint64_t whole = 0;
    for (uint32_t i = 0; i < PROBES; i++)
        whole += length_of(self->changes[probes[i]]);
    for (uint32_t a = column > LOOK_BACK / 2 ? column - LOOK_BACK / 2 : 0; a < column; a++) {
        struct needs one = { .steps = own_steps };
        uint64_t price;
        if (fit->columns[a].loose_bits < self->loose_bits / 16 || !may_lean(fit, &one, a, &price))
            continue;
        needs_add(fit, &one, a);
        const int64_t *first = fit->columns[a].changes;
        for (uint32_t b = a + 1; b < column; b++) {
            const int64_t *second = fit->columns[b].changes;
            if (fit->columns[b].loose_bits < self->loose_bits / 16 || fit->columns[b].head.kind != CODED_MODEL)
                continue;
            for (int s = 0; s < 3; s++) {
                uint64_t bits = 0;
                for (uint32_t i = 0; i < PROBES && bits <= whole / 2; i++) {
                    uint32_t at = probes[i];
                    bits += length_of((int64_t)((uint64_t)self->changes[at] -
                                                (uint64_t)(int64_t)signs[s][0] * (uint64_t)first[at] -
                                                (uint64_t)(int64_t)signs[s][1] * (uint64_t)second[at]));
                }
                uint64_t more;
                if (bits > whole / 2 || !may_lean(fit, &one, b, &more))
                    continue;
                for (uint32_t i = 0; i < fit->n_samples; i++)
                    fit->candidate[i] =
                        (int64_t)((uint64_t)self->changes[i] - (uint64_t)(int64_t)signs[s][0] * (uint64_t)first[i]);
                uint64_t all = price + more;
                all += bits_without(fit->candidate, second, signs[s][1], fit->n_samples, parts->bits);
                if (all < worth(parts->bits)) {
                    *parts = (struct parts){ .n = 0 };
                    take_part(parts, (struct coded_part){ a, (uint64_t)(int64_t)signs[s][0], false }, all);
                    take_part(parts, (struct coded_part){ b, (uint64_t)(int64_t)signs[s][1], false }, all);
                }
            }
        }
    }
}

/* ---- guides ---- */

/* n log2 n, in 1/256: a constant */
static uint32_t n_log_n[FIT_SAMPLES_MAX + 1];

__attribute__((constructor)) static void fill_n_log_n(void)
{
    for (uint32_t n = 2; n <= FIT_SAMPLES_MAX; n++)
        n_log_n[n] = (uint32_t)(n * log2(n) * 256);
}

/* What the lengths are worth when the guide's are known, in 1/256 bits. */
static uint64_t guided_bits(const uint8_t *lengths, const uint8_t *guide, uint32_t n)
{
    uint16_t counts[SIGNAL_MAX + 1][SIGNAL_MAX + 1] = { { 0 } };
    for (uint32_t i = 0; i < n; i++)
        counts[guide[i]][lengths[i]]++;
    uint64_t bits = 0;
    for (int g = 0; g <= SIGNAL_MAX; g++) {
        uint32_t sum = 0;
        for (int k = 0; k <= SIGNAL_MAX; k++) {
            sum += counts[g][k];
            bits -= n_log_n[counts[g][k]];
        }
        bits += n_log_n[sum];
    }
    return bits;
}

uint32_t find_guide(const struct fit *fit, uint32_t column, const struct needs *needs, const uint8_t *lengths)
{
    static const uint8_t nothing[FIT_SAMPLES_MAX];
    uint64_t best = guided_bits(lengths, nothing, fit->n_samples);
    best -= best / 64;
    uint32_t guide = CODED_NONE;
    for (uint32_t c = column > LOOK_BACK ? column - LOOK_BACK : 0; c < column; c++) {
        uint64_t price;
        if (!may_lean(fit, needs, c, &price) || price << 8 >= best)
            continue;
        uint64_t bits = (price << 8) + guided_bits(lengths, fit->columns[c].lengths, fit->n_samples);
        if (bits < best) {
            best = bits;
            guide = c;
        }
    }
    return guide;
}

void find_parts(struct fit *fit, uint32_t column, uint32_t own_steps, struct parts *ret)
{
    find_one_by_one(fit, column, own_steps, ret);
    find_sum(fit, column, own_steps, ret);
}

void take_off_parts(struct fit *fit, uint32_t column, const struct parts *parts)
{
    memcpy(fit->left, fit->columns[column].changes, fit->n_samples * sizeof *fit->left);
    for (uint32_t i = 0; i < parts->n; i++)
        take_off_sample(fit->left, part_changes(fit, &parts->at[i]), parts->at[i].times, fit->n_samples);
}
