/* Reading columns that lean on others: those are read first, in their order, for a column leans only on ones before
 * it. */
#include <errno.h>
#include <stdlib.h>

#include "collector/store/block/coded.h"

struct reading {
    struct block_coder *coder;
    const struct block_view *view;
    const struct coded_head *heads;
    struct model *model;
    uint8_t *signal;
    uint32_t checked; /* the entry of the group that was last checked */
    struct entry group;
    const uint8_t *groups_at;
};

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "block: out of memory");
}

static int unpack_heads(struct block_coder *coder, const struct block_view *view, uint32_t wanted, struct err *err)
{
    struct entry entry;
    uint64_t hash;
    int rc = entry_check(view, wanted, &entry, &hash, err);
    if (rc < 0)
        return rc;
    if (coder->heads_packed > 0 && coder->heads_packed == entry.len && coder->heads_hash == hash &&
        coder->heads_ticks == view->n_ticks && coder->heads_columns == view->n_columns)
        return 0;
    coder->heads_packed = 0;
    unsigned long long len = ZSTD_getFrameContentSize(entry.at, entry.len);
    if (len > view->n_columns * coded_head_bytes_max(view->n_ticks)) /* also its two values for "unknown" */
        return entry_damaged(view, wanted, err);
    uint8_t *plain = room_for(&coder->heads_plain, len + 1);
    struct coded_head *heads = room_for(&coder->heads, view->n_columns * sizeof *heads);
    if (!plain || !heads)
        return out_of_memory(err);
    struct reader reader = { plain, plain + len };
    if (ZSTD_decompressDCtx(coder->unpack, plain, len, entry.at, entry.len) != len ||
        !coded_heads_read(&reader, view->n_ticks, view->n_columns, heads))
        return entry_damaged(view, wanted, err);
    coder->heads_packed = entry.len;
    coder->heads_hash = hash;
    coder->heads_ticks = view->n_ticks;
    coder->heads_columns = view->n_columns;
    return 0;
}

static int start_reading(struct block_coder *coder, const struct block_view *view, struct reading *ret, struct err *err)
{
    int rc = unpack_heads(coder, view, ENTRY_GROUPS + view->n_groups, err);
    if (rc < 0)
        return rc;
    *ret = (struct reading){ .coder = coder, .view = view, .heads = coder->heads.at };
    ret->model = room_for(&coder->model, model_bytes());
    ret->signal = room_for(&coder->signal, view->n_ticks);
    ret->groups_at = entry_at(view, ENTRY_GROUPS).at;
    return ret->model && ret->signal ? 0 : out_of_memory(err);
}

/* The bytes of a column, out of its group, which is checked. */
static int find_bytes(struct reading *r, uint32_t column, struct reader *ret, struct err *err)
{
    uint32_t wanted = ENTRY_GROUPS + column / r->view->group;
    if (r->checked != wanted) {
        uint64_t hash;
        r->checked = 0;
        int rc = entry_check(r->view, wanted, &r->group, &hash, err);
        if (rc < 0)
            return rc;
        r->checked = wanted;
    }
    const struct coded_head *head = &r->heads[column];
    size_t before = (size_t)(r->group.at - r->groups_at);
    if (head->at < before || head->at - before > r->group.len || head->len > r->group.len - (head->at - before))
        return entry_damaged(r->view, ENTRY_GROUPS + r->view->n_groups, err);
    *ret = (struct reader){ r->groups_at + head->at, r->groups_at + head->at + head->len };
    return 0;
}

/* The numbers of a column, or its values when it is packed. `columns` has the numbers of those it leans on. */
static int read_numbers(struct reading *r, uint32_t column, uint64_t *const *columns, uint64_t *numbers,
                        struct err *err)
{
    const struct coded_head *head = &r->heads[column];
    struct reader reader = { NULL, NULL };
    if (head->kind != CODED_MODEL)
        return 0;
    int rc = find_bytes(r, column, &reader, err);
    if (rc < 0)
        return rc;
    const uint64_t *parts[CODED_PARTS];
    for (uint32_t i = 0; i < head->n_parts; i++)
        parts[i] = columns[head->parts[i].column];
    if (head->guide != CODED_NONE)
        coded_signal(columns[head->guide], r->view->n_ticks, r->signal);
    model_read(r->model, head->shape, numbers, head->numbers.n, head->guide != CODED_NONE ? r->signal : NULL, reader.at,
               reader_left(&reader));
    coded_put_back(head, numbers, parts);
    return 0;
}

static int read_packed(struct reading *r, uint32_t column, uint64_t *values, bool *ret_real, struct err *err)
{
    struct reader packed = { NULL, NULL };
    int rc = find_bytes(r, column, &packed, err);
    if (rc < 0)
        return rc;
    size_t max = column_bytes_max(r->view->n_ticks);
    uint8_t *plain = room_for(&r->coder->plain, max);
    if (!plain)
        return out_of_memory(err);
    size_t len = ZSTD_decompressDCtx(r->coder->unpack, plain, max, packed.at, reader_left(&packed));
    struct reader reader = { plain, plain + (ZSTD_isError(len) ? 0 : len) };
    if (!column_read(&reader, r->view->n_ticks, values, ret_real) || reader_left(&reader) > 0)
        return entry_damaged(r->view, ENTRY_GROUPS + column / r->view->group, err);
    return 0;
}

/* Numbers become values. */
static int give(struct reading *r, uint32_t column, uint64_t *values, struct column *ret, struct err *err)
{
    const struct coded_head *head = &r->heads[column];
    bool real = head->numbers.real;
    if (head->kind == CODED_PACKED) {
        int rc = read_packed(r, column, values, &real, err);
        if (rc < 0)
            return rc;
    } else {
        struct numbers numbers = head->numbers;
        numbers.at = values;
        numbers_give(&numbers, &head->runs, r->view->n_ticks);
    }
    *ret = (struct column){ .real = real, .fixed = (const int64_t *)values };
    return 0;
}

struct needed {
    uint32_t n;
    uint32_t columns[CODED_NEEDS_MAX]; /* rising */
};

/* The column and all it leans on. False: they are too many. */
static bool collect(const struct coded_head *heads, uint32_t column, struct needed *needed)
{
    uint32_t at = needed->n;
    while (at > 0 && needed->columns[at - 1] > column)
        at--;
    if (at > 0 && needed->columns[at - 1] == column)
        return true;
    if (needed->n == CODED_NEEDS_MAX)
        return false;
    memmove(needed->columns + at + 1, needed->columns + at, (needed->n - at) * sizeof *needed->columns);
    needed->columns[at] = column;
    needed->n++;
    const struct coded_head *head = &heads[column];
    for (uint32_t i = 0; i < head->n_parts; i++)
        if (!collect(heads, head->parts[i].column, needed))
            return false;
    return head->guide == CODED_NONE || collect(heads, head->guide, needed);
}

int coded_column(struct block_coder *coder, const struct block_view *view, uint32_t column, struct arena *arena,
                 struct column *ret, struct err *err)
{
    struct reading r;
    int rc = start_reading(coder, view, &r, err);
    if (rc < 0)
        return rc;
    struct needed needed = { .n = 0 };
    if (!collect(r.heads, column, &needed))
        return entry_damaged(view, ENTRY_GROUPS + view->n_groups, err);
    uint64_t *values = arena_alloc(arena, view->n_ticks, sizeof *values);
    uint64_t *others = room_for(&coder->numbers, (size_t)needed.n * view->n_ticks * sizeof *others);
    uint64_t **columns = room_for(&coder->sorted, view->n_columns * sizeof *columns);
    if (!values || !others || !columns)
        return out_of_memory(err);
    for (uint32_t i = 0; rc == 0 && i < needed.n; i++) {
        uint32_t c = needed.columns[i];
        columns[c] = c == column ? values : others + (size_t)i * view->n_ticks;
        rc = read_numbers(&r, c, columns, columns[c], err);
    }
    return rc < 0 ? rc : give(&r, column, values, ret, err);
}

int coded_columns(struct block_coder *coder, const struct block_view *view, struct arena *arena, struct column *columns,
                  struct err *err)
{
    struct reading r;
    int rc = start_reading(coder, view, &r, err);
    if (rc < 0)
        return rc;
    uint64_t **values = room_for(&coder->sorted, view->n_columns * sizeof *values);
    if (!values)
        return out_of_memory(err);
    for (uint32_t c = 0; rc == 0 && c < view->n_columns; c++) {
        values[c] = arena_alloc(arena, view->n_ticks, sizeof **values);
        rc = values[c] ? read_numbers(&r, c, values, values[c], err) : out_of_memory(err);
    }
    for (uint32_t c = 0; rc == 0 && c < view->n_columns; c++) /* after all: they lean on numbers, not on values */
        rc = give(&r, c, values[c], &columns[c], err);
    return rc;
}
