#include "collector/store/block/coded.h"

/* A head is varints: what, then what `what` says is there. */
enum {
    WHAT_KIND = 3, /* mask */
    WHAT_REAL = 1 << 2,
    WHAT_BITS = 1 << 3,
    WHAT_ABSENT = 1 << 4,
    WHAT_SHARE = 1 << 5,
    WHAT_MODE_SHIFT = 6,    /* two bits */
    WHAT_CONTEXT_SHIFT = 8, /* two bits */
    WHAT_PARTS_SHIFT = 10,  /* two bits */
    WHAT_GUIDE = 1 << 12,
    WHAT_MAX = (1 << 13) - 1
};

size_t coded_head_bytes_max(uint32_t n_ticks)
{
    return 16 * VARINT_MAX + 2 * (size_t)n_ticks;
}

static void write_model_head(const struct coded_head *head, uint32_t column, struct writer *writer)
{
    write_varint(writer, head->shape.usual);
    if (head->mode == CODED_PLAIN)
        write_varint(writer, zigzag(head->zero));
    for (uint32_t i = 0; i < head->n_parts; i++) {
        write_varint(writer, (uint64_t)(column - head->parts[i].column) << 1 | head->parts[i].ahead);
        write_varint(writer, zigzag(head->parts[i].times));
    }
    if (head->guide != CODED_NONE)
        write_varint(writer, column - head->guide);
}

void coded_head_write(const struct coded_head *head, uint32_t column, struct writer *writer)
{
    const struct numbers *numbers = &head->numbers;
    bool absent = reader_left(&head->runs) > 0;
    write_varint(writer,
                 (uint64_t)head->kind | (numbers->real ? WHAT_REAL : 0) | (numbers->bits ? WHAT_BITS : 0) |
                     (absent ? WHAT_ABSENT : 0) | (numbers->total ? WHAT_SHARE : 0) |
                     (uint64_t)head->mode << WHAT_MODE_SHIFT | (uint64_t)head->shape.context << WHAT_CONTEXT_SHIFT |
                     (uint64_t)head->n_parts << WHAT_PARTS_SHIFT | (head->guide != CODED_NONE ? WHAT_GUIDE : 0));
    if (head->kind != CODED_EVEN)
        write_varint(writer, head->len);
    if (head->kind == CODED_PACKED)
        return;
    if (numbers->real && !numbers->bits)
        write_varint(writer, numbers->decimals);
    if (absent)
        write_bytes(writer, head->runs.at, reader_left(&head->runs));
    if (numbers->n == 0)
        return;
    write_varint(writer, zigzag(numbers->base));
    if (numbers->total) {
        write_varint(writer, numbers->total);
        write_varint(writer, numbers->scale);
    }
    if (head->kind == CODED_EVEN)
        return;
    write_varint(writer, numbers->unit);
    write_model_head(head, column, writer);
}

/* False: `back` columns before `column` there is none. */
static bool column_before(uint32_t column, uint64_t back, uint32_t *ret)
{
    if (back == 0 || back > column)
        return false;
    *ret = column - (uint32_t)back;
    return true;
}

static bool read_part(struct reader *reader, uint32_t column, struct coded_part *part)
{
    uint64_t where;
    if (!read_varint(reader, &where) || !read_varint(reader, &part->times))
        return false;
    part->ahead = where & 1;
    part->times = unzigzag(part->times);
    return column_before(column, where >> 1, &part->column);
}

static bool read_model_head(struct reader *reader, uint32_t column, uint64_t what, struct coded_head *head)
{
    uint64_t usual;
    if (!read_varint(reader, &usual) || usual == 0 || usual >= MODEL_LENGTHS)
        return false;
    head->shape = (struct model_shape){ (enum model_context)(what >> WHAT_CONTEXT_SHIFT & 3), (uint8_t)usual };
    head->n_parts = what >> WHAT_PARTS_SHIFT & 3;
    if (head->mode >= CODED_MODES || head->n_parts > CODED_PARTS)
        return false;
    if (head->mode == CODED_PLAIN) {
        if (!read_varint(reader, &head->zero))
            return false;
        head->zero = unzigzag(head->zero);
    }
    for (uint32_t i = 0; i < head->n_parts; i++)
        if (!read_part(reader, column, &head->parts[i]))
            return false;
    uint64_t back = 0;
    return !(what & WHAT_GUIDE) || (read_varint(reader, &back) && column_before(column, back, &head->guide));
}

static bool read_head(struct reader *reader, uint32_t n_ticks, uint32_t column, struct coded_head *head)
{
    uint64_t what;
    uint64_t number = 0;
    if (!read_varint(reader, &what) || what > WHAT_MAX || (what & WHAT_KIND) >= CODED_KINDS)
        return false;
    *head = (struct coded_head){ .kind = (enum coded_kind)(what & WHAT_KIND), .guide = CODED_NONE };
    struct numbers *numbers = &head->numbers;
    numbers->real = what & WHAT_REAL;
    numbers->bits = what & WHAT_BITS;
    numbers->n = n_ticks;
    head->mode = (enum coded_mode)(what >> WHAT_MODE_SHIFT & 3);
    if (head->kind != CODED_EVEN && (!read_varint(reader, &number) || number > BLOCK_BYTES_MAX))
        return false;
    head->len = (uint32_t)number;
    if (head->kind == CODED_PACKED)
        return true;
    number = 0;
    if (numbers->real && !numbers->bits && (!read_varint(reader, &number) || number > DECIMALS_MAX))
        return false;
    numbers->decimals = (uint8_t)number;
    if ((what & WHAT_ABSENT) && !runs_read(reader, n_ticks, &head->runs, &numbers->n))
        return false;
    if (numbers->n == 0)
        return head->kind == CODED_EVEN;
    if (!read_varint(reader, &numbers->base))
        return false;
    numbers->base = unzigzag(numbers->base);
    if ((what & WHAT_SHARE) &&
        (!read_varint(reader, &numbers->total) || !read_varint(reader, &numbers->scale) || !share_is_sane(numbers)))
        return false;
    if (head->kind == CODED_EVEN)
        return true;
    return read_varint(reader, &numbers->unit) && read_model_head(reader, column, what, head);
}

static bool leans_well(const struct coded_head *heads, const struct coded_head *head, uint32_t n_ticks)
{
    if ((head->n_parts > 0 || head->guide != CODED_NONE) && !coded_may_lean_on(head, n_ticks))
        return false;
    for (uint32_t i = 0; i < head->n_parts; i++)
        if (!coded_may_lean_on(&heads[head->parts[i].column], n_ticks))
            return false;
    return head->guide == CODED_NONE || coded_may_lean_on(&heads[head->guide], n_ticks);
}

bool coded_heads_read(struct reader *reader, uint32_t n_ticks, uint32_t n_columns, struct coded_head *heads)
{
    size_t at = 0;
    for (uint32_t c = 0; c < n_columns; c++) {
        if (!read_head(reader, n_ticks, c, &heads[c]) || !leans_well(heads, &heads[c], n_ticks))
            return false;
        heads[c].at = at;
        at += heads[c].len;
    }
    return reader_left(reader) == 0;
}

static inline uint32_t part_tick(const struct coded_part *part, uint32_t tick, uint32_t n)
{
    return part->ahead && tick + 1 < n ? tick + 1 : tick;
}

void coded_take_off(const struct coded_head *head, const uint64_t *numbers, const uint64_t *const *parts,
                    uint64_t *rest)
{
    uint64_t last = 0;
    uint64_t before = 0;
    for (uint32_t i = 0; i < head->numbers.n; i++) {
        uint64_t number = numbers[i];
        for (uint32_t k = 0; k < head->n_parts; k++)
            number -= head->parts[k].times * parts[k][part_tick(&head->parts[k], i, head->numbers.n)];
        if (head->mode == CODED_PLAIN)
            rest[i] = number - head->zero;
        else if (head->mode == CODED_DELTA || i < 2)
            rest[i] = number - last;
        else
            rest[i] = number - 2 * last + before;
        before = last;
        last = number;
    }
}

static void add_part(const struct coded_part *part, const uint64_t *numbers, uint32_t n, uint64_t *to)
{
    uint64_t times = part->times;
    uint32_t ahead = part->ahead ? 1 : 0;
    for (uint32_t i = 0; i + ahead < n; i++)
        to[i] += times * numbers[i + ahead];
    if (ahead > 0)
        to[n - 1] += times * numbers[n - 1];
}

void coded_put_back(const struct coded_head *head, uint64_t *numbers, const uint64_t *const *parts)
{
    uint32_t n = head->numbers.n;
    uint64_t last = 0;
    uint64_t step = 0;
    switch (head->mode) {
    case CODED_PLAIN:
        for (uint32_t i = 0; i < n; i++)
            numbers[i] += head->zero;
        break;
    case CODED_DELTA:
        for (uint32_t i = 0; i < n; i++)
            numbers[i] = last += numbers[i];
        break;
    default:
        for (uint32_t i = 0; i < n; i++) {
            step = numbers[i] + (i > 1 ? step : 0);
            numbers[i] = last += step;
        }
    }
    for (uint32_t k = 0; k < head->n_parts; k++)
        add_part(&head->parts[k], parts[k], n, numbers);
}

void coded_signal(const uint64_t *guide, uint32_t n, uint8_t *signal)
{
    uint64_t last = n > 0 ? guide[0] : 0;
    for (uint32_t i = 0; i < n; i++) {
        unsigned length = length_in_bits(zigzag(guide[i] - last));
        signal[i] = (uint8_t)(length < SIGNAL_MAX ? length : SIGNAL_MAX);
        last = guide[i];
    }
}
