#include "collector/store/block/lean.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUES_MAX = 16 << 20, /* of a block that is fitted: 128 MiB */
    HEAD_GUIDE_BITS = 10,
    APART_LEAST_US = 100000, /* ticks */
    APART_MOST_US = 600000000,
    STEPS_A_SECOND = 10, /* a step takes 4..6 ns to read */
    STEP_PRICE = 864     /* what 1/16 step more must save where STEPS_A_SECOND are allowed: 0.2 bits a step */
};

/* ---- memory ---- */

static uint32_t samples_of(const struct block *block)
{
    return block->n_ticks < FIT_SAMPLES_MAX ? block->n_ticks : FIT_SAMPLES_MAX;
}

size_t fit_bytes(const struct block *block)
{
    size_t values = (size_t)block->n_ticks * block->n_columns;
    size_t samples = samples_of(block);
    if (values > VALUES_MAX)
        return 0;
    return model_bytes() + block->n_columns * sizeof(struct fit_column) +
           sizeof(uint64_t) * (values + 2 * (size_t)block->n_ticks + samples * 2 * (block->n_columns + 1)) +
           samples * block->n_columns + block->n_ticks;
}

static void *cut(uint8_t **memory, size_t n, size_t size)
{
    void *at = *memory;
    *memory += n * size;
    return at;
}

/* A tick a second apart may take STEPS_A_SECOND, one further apart as many more: so a day of either takes as long. */
static uint32_t steps_limit(const struct block *block)
{
    int64_t span = block->at_us[block->n_ticks - 1] - block->at_us[0];
    int64_t apart = block->n_ticks > 1 ? span / (block->n_ticks - 1) : APART_MOST_US;
    apart = apart < APART_LEAST_US ? APART_LEAST_US : apart;
    apart = apart > APART_MOST_US ? APART_MOST_US : apart;
    return (uint32_t)(16 * STEPS_A_SECOND * apart / 1000000);
}

void fit_begin(struct fit *fit, const struct block *block, void *memory, struct room *sorted)
{
    uint8_t *at = memory;
    *fit = (struct fit){ .block = block, .n_ticks = block->n_ticks, .sorted = sorted };
    fit->n_samples = samples_of(block);
    fit->steps_max = steps_limit(block);
    fit->step_price = STEP_PRICE * 16 * STEPS_A_SECOND / fit->steps_max;
    fit->columns = cut(&at, block->n_columns, sizeof *fit->columns);
    fit->rest[0] = cut(&at, fit->n_ticks, sizeof(uint64_t));
    fit->rest[1] = cut(&at, fit->n_ticks, sizeof(uint64_t));
    fit->left = cut(&at, fit->n_samples, sizeof(int64_t));
    fit->candidate = cut(&at, fit->n_samples, sizeof(int64_t));
    for (uint32_t c = 0; c < block->n_columns; c++) {
        fit->columns[c].numbers = cut(&at, fit->n_ticks, sizeof(uint64_t));
        fit->columns[c].changes = cut(&at, fit->n_samples, sizeof(int64_t));
        fit->columns[c].ahead = cut(&at, fit->n_samples, sizeof(int64_t));
    }
    fit->model = cut(&at, model_bytes(), 1);
    for (uint32_t c = 0; c < block->n_columns; c++)
        fit->columns[c].lengths = cut(&at, fit->n_samples, 1);
    fit->signal = cut(&at, fit->n_ticks, 1);
}

/* ---- the sample ---- */

static void take_lengths(const int64_t *changes, uint32_t n, uint8_t *lengths)
{
    for (uint32_t i = 0; i < n; i++) {
        unsigned length = length_of(changes[i]);
        lengths[i] = (uint8_t)(length < SIGNAL_MAX ? length : SIGNAL_MAX);
    }
}

static uint64_t loose_bits(const int64_t *changes, uint32_t n)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++)
        bits += length_of(changes[i]);
    return bits;
}

static int64_t change_at(const struct fit *fit, const struct fit_column *column, uint32_t tick)
{
    assert(tick < fit->n_ticks);
    return tick > 0 ? (int64_t)(column->numbers[tick] - column->numbers[tick - 1]) : 0;
}

static void take_sample(const struct fit *fit, struct fit_column *column)
{
    for (uint32_t i = 0; i < fit->n_samples; i++) {
        uint32_t at = (uint32_t)((uint64_t)i * fit->n_ticks / fit->n_samples);
        column->changes[i] = change_at(fit, column, at);
        column->ahead[i] = at + 1 < fit->n_ticks ? change_at(fit, column, at + 1) : 0;
    }
    take_lengths(column->changes, fit->n_samples, column->lengths);
    column->loose_bits = loose_bits(column->changes, fit->n_samples);
}

/* ---- weighing ---- */

struct choice {
    struct coded_head head;
    struct model_cost cost;
    int rest; /* which of fit->rest holds what is told */
};

static uint64_t total_bits(const struct choice *choice)
{
    return choice->cost.bits + (uint64_t)choice->head.n_parts * FIT_PART_BITS +
           (choice->head.guide != CODED_NONE ? HEAD_GUIDE_BITS : 0);
}

static uint64_t most_common(const uint64_t *numbers, uint32_t n)
{
    enum { TRIES = 16 };
    uint64_t best = numbers[0];
    uint32_t best_count = 0;
    for (uint32_t k = 0; k < TRIES; k++) {
        uint64_t number = numbers[(uint64_t)k * n / TRIES];
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++)
            count += numbers[i] == number;
        if (count > best_count) {
            best_count = count;
            best = number;
        }
    }
    return best;
}

static const uint64_t *const *part_numbers(const struct fit *fit, const struct coded_head *head,
                                           const uint64_t *numbers[CODED_PARTS])
{
    for (uint32_t i = 0; i < head->n_parts; i++)
        numbers[i] = fit->columns[head->parts[i].column].numbers;
    return numbers;
}

static uint64_t rough_bits(const uint64_t *rest, uint32_t n)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++)
        bits += length_in_bits(zigzag(rest[i]));
    return bits;
}

/* The mode that leaves the shortest numbers; they are then in fit->rest[slot]. */
static void find_mode(struct fit *fit, uint32_t column, struct coded_head *head, int slot)
{
    const uint64_t *numbers[CODED_PARTS];
    part_numbers(fit, head, numbers);
    uint64_t *rest = fit->rest[slot];
    uint64_t best = UINT64_MAX;
    struct coded_head tried = *head;
    tried.mode = CODED_PLAIN;
    tried.zero = 0;
    coded_take_off(&tried, fit->columns[column].numbers, numbers, rest);
    tried.zero = most_common(rest, head->numbers.n);
    for (int mode = 0; mode < CODED_MODES; mode++) {
        tried.mode = (enum coded_mode)mode;
        coded_take_off(&tried, fit->columns[column].numbers, numbers, rest);
        uint64_t bits = rough_bits(rest, head->numbers.n);
        if (bits < best) {
            best = bits;
            *head = tried;
        }
    }
    if (head->mode != CODED_PLAIN)
        head->zero = 0;
    coded_take_off(head, fit->columns[column].numbers, numbers, rest);
    head->shape.usual = model_usual(rest, head->numbers.n);
}

static void weigh(struct fit *fit, struct choice *best, const struct coded_head *head, int slot,
                  enum model_context context)
{
    struct choice choice = { .head = *head, .rest = slot };
    choice.head.shape.context = context;
    choice.cost = model_cost(fit->model, choice.head.shape, fit->rest[slot], head->numbers.n, fit->signal);
    if (total_bits(&choice) < total_bits(best))
        *best = choice;
}

static void weigh_guided(struct fit *fit, uint32_t column, struct choice *best, const struct coded_head *head, int slot,
                         uint32_t own_steps, const uint8_t *lengths)
{
    struct needs needs = { .steps = own_steps };
    for (uint32_t i = 0; i < head->n_parts; i++)
        needs_add(fit, &needs, head->parts[i].column);
    struct coded_head guided = *head;
    guided.guide = find_guide(fit, column, &needs, lengths);
    if (guided.guide == CODED_NONE)
        return;
    coded_signal(fit->columns[guided.guide].numbers, fit->n_ticks, fit->signal);
    weigh(fit, best, &guided, slot, CONTEXT_SIGNAL);
    weigh(fit, best, &guided, slot, CONTEXT_SIGNAL_LAST_TWO);
}

static void weigh_leaning(struct fit *fit, uint32_t column, struct choice *best, const struct coded_head *loose)
{
    const struct fit_column *self = &fit->columns[column];
    uint32_t own_steps = (uint32_t)(best->cost.steps * 16 / fit->n_ticks);
    uint8_t lengths[FIT_SAMPLES_MAX];
    weigh_guided(fit, column, best, loose, 0, own_steps, self->lengths);
    struct parts parts;
    find_parts(fit, column, own_steps, &parts);
    if (parts.n == 0)
        return;
    struct coded_head head = *loose;
    head.n_parts = parts.n;
    memcpy(head.parts, parts.at, sizeof head.parts);
    take_off_parts(fit, column, &parts);
    take_lengths(fit->left, fit->n_samples, lengths);
    find_mode(fit, column, &head, 1);
    weigh(fit, best, &head, 1, CONTEXT_LAST_TWO);
    weigh(fit, best, &head, 1, CONTEXT_AVERAGE);
    weigh_guided(fit, column, best, &head, 1, own_steps, lengths);
}

static void note_needs(struct fit *fit, uint32_t column, const struct coded_head *head)
{
    struct fit_column *self = &fit->columns[column];
    struct needs needs = { .n = 0 };
    for (uint32_t i = 0; i < head->n_parts; i++)
        needs_add(fit, &needs, head->parts[i].column);
    if (head->guide != CODED_NONE)
        needs_add(fit, &needs, head->guide);
    memcpy(self->needs, needs.columns, needs.n * sizeof *self->needs);
    self->needs[needs.n] = column;
    self->n_needs = needs.n + 1;
}

static void take_numbers(struct fit *fit, uint32_t column)
{
    struct fit_column *self = &fit->columns[column];
    struct coded_head *head = &self->head;
    *head = (struct coded_head){ .kind = CODED_EVEN, .guide = CODED_NONE };
    numbers_take(&fit->block->columns[column], fit->n_ticks, self->numbers, &head->numbers);
    if (!head->numbers.bits)
        numbers_as_shares(&head->numbers, fit->sorted);
    numbers_from(&head->numbers, head->numbers.n > 0 ? self->numbers[0] : 0);
    if (head->numbers.unit > 0)
        head->kind = CODED_MODEL;
}

void fit_column(struct fit *fit, uint32_t column, const uint64_t **ret_rest, const uint8_t **ret_signal)
{
    struct fit_column *self = &fit->columns[column];
    *ret_rest = NULL;
    *ret_signal = NULL;
    self->n_needs = 0;
    take_numbers(fit, column);
    if (self->head.kind == CODED_EVEN)
        return;
    struct coded_head loose = self->head;
    struct choice best = { .cost.bits = UINT64_MAX / 2 };
    find_mode(fit, column, &loose, 0);
    weigh(fit, &best, &loose, 0, CONTEXT_LAST_TWO);
    weigh(fit, &best, &loose, 0, CONTEXT_AVERAGE);
    if (coded_may_lean_on(&loose, fit->n_ticks)) {
        take_sample(fit, self);
        weigh_leaning(fit, column, &best, &loose);
    }
    self->head = best.head;
    self->steps = (uint32_t)(best.cost.steps * 16 / fit->n_ticks) + 8; /* and its own adding up */
    note_needs(fit, column, &best.head);
    if (best.head.guide != CODED_NONE)
        coded_signal(fit->columns[best.head.guide].numbers, fit->n_ticks, fit->signal);
    *ret_rest = fit->rest[best.rest];
    *ret_signal = fit->signal;
}
