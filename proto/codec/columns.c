/* Two time series come first, in a field of their own: the monotonic clock as second differences, for an even beat is
 * then a row of zeros, and the wall clock as first differences of what it is ahead of the monotonic one. Then the
 * columns, one after another: each the differences from its last value there was, the first from 0.
 *
 * All of it is arithmetic modulo 2^64. A hostile peer can make sums wrap, never overflow; what must not come out of it
 * (a time that stands still, the value that means "absent") is looked for in the sums. */
#include "proto/codec/columns.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "proto/codec/wire.h"

void times_write(struct writer *writer, const struct batch *batch)
{
    uint64_t last = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        uint64_t mono = (uint64_t)batch->mono_us[i];
        assert(mono <= (uint64_t)TIME_US_MAX && (i == 0 || mono > last));
        write_varint(writer, zigzag(mono - last - step));
        step = i == 0 ? 0 : mono - last; /* the first tick's distance from 0 is no step */
        last = mono;
    }
    uint64_t ahead = 0;
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        uint64_t now = (uint64_t)batch->wall_us[i] - (uint64_t)batch->mono_us[i];
        write_varint(writer, zigzag(now - ahead));
        ahead = now;
    }
}

int times_read(struct reader reader, uint32_t n_ticks, int64_t *mono_us, int64_t *wall_us, struct err *err)
{
    uint64_t last = 0;
    uint64_t step = 0;
    uint64_t code;
    for (uint32_t i = 0; i < n_ticks; i++) {
        if (!read_varint(&reader, &code))
            return err_set(err, -EBADMSG, "codec: batch: times end at tick %u of %u", i, n_ticks);
        uint64_t mono = last + step + unzigzag(code);
        if (mono > (uint64_t)TIME_US_MAX || (i > 0 && mono <= last))
            return err_set(err, -EBADMSG, "codec: batch: time of tick %u does not rise or is out of range", i);
        step = i == 0 ? 0 : mono - last;
        last = mono;
        mono_us[i] = (int64_t)mono;
    }
    uint64_t ahead = 0;
    for (uint32_t i = 0; i < n_ticks; i++) {
        if (!read_varint(&reader, &code))
            return err_set(err, -EBADMSG, "codec: batch: wall times end at tick %u of %u", i, n_ticks);
        ahead += unzigzag(code);
        wall_us[i] = wire_wall_read((int64_t)(ahead + (uint64_t)mono_us[i]));
    }
    if (reader_left(&reader) > 0)
        return err_set(err, -EBADMSG, "codec: batch: %zu bytes after the times", reader_left(&reader));
    return 0;
}

static bool is_present(const struct column *column, uint32_t tick)
{
    return column->real ? isfinite(column->values[tick]) : column->fixed[tick] != FIXED_ABSENT;
}

static bool is_sparse(const struct column *column, uint32_t n_ticks)
{
    for (uint32_t i = 0; i < n_ticks; i++)
        if (!is_present(column, i))
            return true;
    return false;
}

static size_t bitmap_bytes(uint32_t n_ticks)
{
    return (n_ticks + 7) / 8;
}

static void write_bitmap(struct writer *writer, const struct column *column, uint32_t n_ticks)
{
    uint8_t bits[(TICKS_MAX + 7) / 8] = { 0 };
    for (uint32_t i = 0; i < n_ticks; i++)
        if (is_present(column, i))
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    write_bytes(writer, bits, bitmap_bytes(n_ticks));
}

static void write_column(struct writer *writer, const struct column *column, uint32_t n_ticks)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < n_ticks; i++) {
        if (!is_present(column, i))
            continue;
        if (column->real) {
            write_double(writer, column->values[i]);
            continue;
        }
        write_varint(writer, zigzag((uint64_t)column->fixed[i] - last));
        last = (uint64_t)column->fixed[i];
    }
}

void columns_write(struct writer *writer, const struct batch *batch, struct column_list *ret_real,
                   struct column_list *ret_sparse)
{
    ret_real->n = 0;
    ret_sparse->n = 0;
    for (uint32_t c = 0; c < batch->n_columns; c++) {
        const struct column *column = &batch->columns[c];
        if (column->real)
            ret_real->at[ret_real->n++] = c;
        if (is_sparse(column, batch->n_ticks)) {
            ret_sparse->at[ret_sparse->n++] = c;
            write_bitmap(writer, column, batch->n_ticks);
        }
        write_column(writer, column, batch->n_ticks);
    }
}

static bool rises_below(const uint32_t *list, size_t n, uint32_t end)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] >= end || (i > 0 && list[i] <= list[i - 1]))
            return false;
    return true;
}

int columns_shape_check(const struct columns_shape *shape, struct err *err)
{
    if (!rises_below(shape->real, shape->n_real, shape->n_columns))
        return err_set(err, -EBADMSG, "codec: batch: the list of columns of doubles is out of order or range");
    if (!rises_below(shape->sparse, shape->n_sparse, shape->n_columns))
        return err_set(err, -EBADMSG, "codec: batch: the list of columns with gaps is out of order or range");
    return 0;
}

size_t columns_least(const struct columns_shape *shape)
{
    size_t whole = shape->n_columns - shape->n_sparse;
    return whole * shape->n_ticks + shape->n_sparse * bitmap_bytes(shape->n_ticks);
}

/* A column being read: without a bitmap every tick has a value. */
struct lane {
    uint32_t n_ticks;
    const uint8_t *bitmap;
};

static bool has_value(const struct lane *lane, uint32_t tick)
{
    return !lane->bitmap || (lane->bitmap[tick / 8] >> (tick % 8) & 1);
}

static bool read_bitmap(struct reader *reader, struct lane *lane)
{
    if (!read_bytes(reader, bitmap_bytes(lane->n_ticks), &lane->bitmap))
        return false;
    /* Bits past the last tick must be 0: they are room for a meaning nobody has given them yet. */
    unsigned used = lane->n_ticks % 8;
    return used == 0 || lane->bitmap[lane->n_ticks / 8] >> used == 0;
}

static bool read_fixed(struct reader *reader, const struct lane *lane, int64_t *values)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < lane->n_ticks; i++) {
        if (!has_value(lane, i)) {
            values[i] = FIXED_ABSENT;
            continue;
        }
        uint64_t code;
        if (!read_varint(reader, &code))
            return false;
        last += unzigzag(code);
        values[i] = (int64_t)last;
        if (values[i] == FIXED_ABSENT)
            return false;
    }
    return true;
}

static bool read_real(struct reader *reader, const struct lane *lane, double *values)
{
    for (uint32_t i = 0; i < lane->n_ticks; i++) {
        if (!has_value(lane, i))
            values[i] = NAN;
        else if (!read_double(reader, &values[i]) || !isfinite(values[i]))
            return false;
    }
    return true;
}

/* Whether `column` is next in a rising list; if so, steps past it. */
static bool take(const uint32_t *list, size_t n, size_t *next, uint32_t column)
{
    if (*next == n || list[*next] != column)
        return false;
    ++*next;
    return true;
}

/* How many columns, from the first on, are good. */
static uint32_t read_columns(struct reader *reader, const struct columns_shape *shape, uint64_t *cells,
                             struct column *columns)
{
    size_t next_real = 0;
    size_t next_sparse = 0;
    for (uint32_t c = 0; c < shape->n_columns; c++) {
        struct lane lane = { .n_ticks = shape->n_ticks };
        bool good = !take(shape->sparse, shape->n_sparse, &next_sparse, c) || read_bitmap(reader, &lane);
        if (take(shape->real, shape->n_real, &next_real, c)) {
            columns[c] = (struct column){ .real = true, .values = (double *)cells };
            good = good && read_real(reader, &lane, (double *)cells);
        } else {
            columns[c] = (struct column){ .fixed = (int64_t *)cells };
            good = good && read_fixed(reader, &lane, (int64_t *)cells);
        }
        if (!good)
            return c;
        cells += shape->n_ticks;
    }
    return shape->n_columns;
}

/* The same of what live ticks are: one tick, no gaps, no doubles. There are as many of them as samples. */
static uint32_t read_plain_tick(struct reader *reader, uint32_t n_columns, int64_t *cells, struct column *columns)
{
    struct reader at = *reader; /* not looked up for each value */
    for (uint32_t c = 0; c < n_columns; c++) {
        uint64_t code;
        if (!read_varint(&at, &code))
            return c;
        cells[c] = (int64_t)unzigzag(code);
        if (cells[c] == FIXED_ABSENT)
            return c;
        columns[c] = (struct column){ .fixed = &cells[c] };
    }
    *reader = at;
    return n_columns;
}

int columns_read(struct reader reader, const struct columns_shape *shape, uint64_t *cells, struct column *columns,
                 struct err *err)
{
    bool plain = shape->n_ticks == 1 && shape->n_real == 0 && shape->n_sparse == 0;
    uint32_t good = plain ? read_plain_tick(&reader, shape->n_columns, (int64_t *)cells, columns)
                          : read_columns(&reader, shape, cells, columns);
    if (good < shape->n_columns)
        return err_set(err, -EBADMSG, "codec: batch: column %u is cut short or holds what is no value", good);
    if (reader_left(&reader) > 0)
        return err_set(err, -EBADMSG, "codec: batch: %zu bytes after the last column", reader_left(&reader));
    return 0;
}
