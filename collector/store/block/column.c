/* One column as bytes that compress well: the numbers, their differences, or the differences of those, whichever are
 * shorter; or, where asked for, their lowest bytes, then their second ones and so on: the *planes*. */
#include "collector/store/block/form.h"

#include <assert.h>

enum mode { MODE_PLAIN, MODE_DELTA, MODE_DOUBLE_DELTA, MODE_PLANES, MODE_COUNT };
enum { MODES_WEIGHED = MODE_PLANES };
enum { FLAG_REAL = 1, FLAG_BITS = 2, FLAG_ABSENT = 4, MODE_SHIFT = 4 };

static enum mode cheapest(const struct numbers *numbers)
{
    uint64_t costs[MODES_WEIGHED] = { 0 };
    uint64_t last = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < numbers->n; i++) {
        uint64_t difference = numbers->at[i] - last;
        costs[MODE_PLAIN] += length_in_bits(numbers->at[i]);
        costs[MODE_DELTA] += length_in_bits(zigzag(difference));
        costs[MODE_DOUBLE_DELTA] += length_in_bits(zigzag(difference - (i > 1 ? step : 0)));
        step = difference;
        last = numbers->at[i];
    }
    enum mode best = MODE_PLAIN;
    for (int mode = 1; mode < MODES_WEIGHED; mode++)
        if (costs[mode] < costs[best])
            best = (enum mode)mode;
    return best;
}

/* column_bytes_max() has left room. */
static inline uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static void write_numbers(const struct numbers *numbers, enum mode mode, struct writer *writer)
{
    uint8_t *at = writer->at;
    uint64_t last = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < numbers->n; i++) {
        uint64_t difference = numbers->at[i] - last;
        if (mode == MODE_PLAIN)
            at = put_varint(at, numbers->at[i]);
        else
            at = put_varint(at, zigzag(difference - (mode == MODE_DOUBLE_DELTA && i > 1 ? step : 0)));
        step = difference;
        last = numbers->at[i];
    }
    writer->at = at;
}

static void write_planes(const struct numbers *numbers, struct writer *writer)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        for (uint32_t i = 0; i < numbers->n; i++)
            *writer->at++ = (uint8_t)(numbers->at[i] >> shift);
}

static bool read_planes(struct reader *reader, const struct numbers *numbers)
{
    const uint8_t *planes;
    if (!read_bytes(reader, numbers->n * sizeof(uint64_t), &planes))
        return false;
    memset(numbers->at, 0, numbers->n * sizeof *numbers->at);
    for (unsigned shift = 0; shift < 64; shift += 8)
        for (uint32_t i = 0; i < numbers->n; i++)
            numbers->at[i] |= (uint64_t)*planes++ << shift;
    return true;
}

static uint64_t least(const struct numbers *numbers)
{
    int64_t found = INT64_MAX;
    for (uint32_t i = 0; i < numbers->n; i++)
        if ((int64_t)numbers->at[i] < found)
            found = (int64_t)numbers->at[i];
    return (uint64_t)found;
}

size_t column_bytes_max(uint32_t n_ticks)
{
    return (size_t)n_ticks * (VARINT_MAX + 2) + 32; /* a run of one tick takes one byte, of 128 or more two */
}

void column_write(const struct column *column, uint32_t n_ticks, bool planes, uint64_t *ints, struct writer *writer)
{
    struct numbers numbers;
    numbers_take(column, n_ticks, ints, &numbers);
    numbers_from(&numbers, numbers.n > 0 ? least(&numbers) : 0);
    enum mode mode = planes ? MODE_PLANES : numbers.unit > 0 ? cheapest(&numbers) : MODE_PLAIN;
    uint8_t flags = (uint8_t)((numbers.real ? FLAG_REAL : 0) | (numbers.bits ? FLAG_BITS : 0) |
                              (numbers.n < n_ticks ? FLAG_ABSENT : 0) | mode << MODE_SHIFT);
    write_bytes(writer, &flags, 1);
    if (numbers.real && !numbers.bits)
        write_varint(writer, numbers.decimals);
    if (numbers.n < n_ticks)
        runs_write(column, n_ticks, writer);
    if (numbers.n == 0)
        return;
    write_varint(writer, zigzag(numbers.base));
    write_varint(writer, numbers.unit);
    assert(!writer->full && (size_t)(writer->end - writer->at) >= (size_t)numbers.n * VARINT_MAX);
    if (numbers.unit > 0 && planes)
        write_planes(&numbers, writer);
    else if (numbers.unit > 0)
        write_numbers(&numbers, mode, writer);
}

struct column_head {
    struct numbers numbers;
    enum mode mode;
    struct reader runs; /* empty: all are present */
};

static bool read_head(struct reader *reader, uint32_t n_ticks, struct column_head *ret)
{
    const uint8_t *flags;
    if (!read_bytes(reader, 1, &flags) || *flags >> MODE_SHIFT >= MODE_COUNT || (*flags & 8))
        return false;
    *ret = (struct column_head){ .mode = (enum mode)(*flags >> MODE_SHIFT) };
    struct numbers *numbers = &ret->numbers;
    numbers->real = *flags & FLAG_REAL;
    numbers->bits = *flags & FLAG_BITS;
    numbers->n = n_ticks;
    if (numbers->bits && !numbers->real)
        return false;
    uint64_t decimals = 0;
    if (numbers->real && !numbers->bits && (!read_varint(reader, &decimals) || decimals > DECIMALS_MAX))
        return false;
    numbers->decimals = (uint8_t)decimals;
    if ((*flags & FLAG_ABSENT) && !runs_read(reader, n_ticks, &ret->runs, &numbers->n))
        return false;
    if (numbers->n == 0)
        return true;
    if (!read_varint(reader, &numbers->base) || !read_varint(reader, &numbers->unit))
        return false;
    numbers->base = unzigzag(numbers->base);
    return true;
}

/* Most are one byte. */
static inline bool read_code(struct reader *reader, uint64_t *ret)
{
    if (reader->at == reader->end || *reader->at >= 0x80)
        return read_varint(reader, ret);
    *ret = *reader->at++;
    return true;
}

static inline __attribute__((always_inline)) bool read_as(struct reader *from, enum mode mode, uint64_t *numbers,
                                                          uint32_t n)
{
    struct reader reader = *from;
    uint64_t last = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t code;
        if (!read_code(&reader, &code))
            return false;
        if (mode == MODE_PLAIN) {
            last = code;
        } else {
            step = unzigzag(code) + (mode == MODE_DOUBLE_DELTA && i > 1 ? step : 0);
            last += step;
        }
        numbers[i] = last;
    }
    *from = reader;
    return true;
}

static bool read_numbers(struct reader *reader, struct column_head *head)
{
    struct numbers *numbers = &head->numbers;
    if (numbers->unit == 0)
        return true;
    switch (head->mode) { /* each its own loop */
    case MODE_PLANES:
        return read_planes(reader, numbers);
    case MODE_PLAIN:
        return read_as(reader, MODE_PLAIN, numbers->at, numbers->n);
    case MODE_DELTA:
        return read_as(reader, MODE_DELTA, numbers->at, numbers->n);
    default:
        return read_as(reader, MODE_DOUBLE_DELTA, numbers->at, numbers->n);
    }
}

bool column_read(struct reader *reader, uint32_t n_ticks, void *values, bool *ret_real)
{
    struct column_head head;
    if (!read_head(reader, n_ticks, &head))
        return false;
    head.numbers.at = values;
    if (!read_numbers(reader, &head))
        return false;
    numbers_give(&head.numbers, &head.runs, n_ticks);
    *ret_real = head.numbers.real;
    return true;
}
