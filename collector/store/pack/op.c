#include "collector/store/pack/op.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

/* What a change costs the writer, measured with rows of 100 series: an inbox row with its index entry, a page of the
 * inbox from which rows go, a row of any other table, each byte that is written, and a page that is given back. A page
 * costs as much as ten rows, so an op is the cheaper a row the more of its rows lie together. */
enum { INBOX_NS = 1000, INBOX_PAGE_NS = 10000, ROW_NS = 15000, BYTE_NS = 2, PAGE_NS = 30000 };
enum { ROWS_A_PAGE = 12 }; /* of the inbox, of one tick each */

struct pack_op *pack_op_new(void)
{
    struct pack_op *op = calloc(1, sizeof *op);
    if (!op)
        return NULL;
    op->holders = 1;
    op->end = &op->first;
    arena_init(&op->arena, SIZE_MAX);
    return op;
}

struct pack_op *pack_op_hold(struct pack_op *op)
{
    op->holders++;
    return op;
}

struct pack_op *pack_op_release(struct pack_op *op)
{
    if (!op || --op->holders > 0)
        return NULL;
    arena_done(&op->arena);
    free(op->sealed);
    free(op);
    return NULL;
}

static int add(struct pack_op *op, const struct pack_change *change, int64_t cost_ns)
{
    struct pack_change *copy = arena_alloc(&op->arena, 1, sizeof *copy);
    if (!copy)
        return -ENOMEM;
    *copy = *change;
    *op->end = copy;
    op->end = &copy->next;
    op->bytes += sizeof *copy;
    op->cost_ns += cost_ns;
    return 0;
}

int pack_op_host(struct pack_op *op, int64_t no, uint64_t host)
{
    return add(op, &(struct pack_change){ .verb = PACK_HOST, .id = no, .host = host }, ROW_NS);
}

int pack_op_insert(struct pack_op *op, enum pack_table table, const struct pack_row *row)
{
    assert(table == PACK_BLOCK || table == PACK_MINUTE || table == PACK_SKETCH);
    struct pack_row *copy = arena_alloc(&op->arena, 1, sizeof *copy);
    uint8_t *bytes = arena_alloc(&op->arena, 1, row->bytes.len);
    if (!copy || !bytes)
        return -ENOMEM;
    *copy = *row;
    memcpy(bytes, row->bytes.at, row->bytes.len);
    copy->bytes.at = bytes;
    op->bytes += row->bytes.len;
    struct pack_change change = { .verb = PACK_INSERT, .table = table, .id = row->id, .row = copy };
    return add(op, &change, ROW_NS + BYTE_NS * (int64_t)row->bytes.len);
}

int pack_op_delete(struct pack_op *op, enum pack_table table, int64_t id, size_t bytes)
{
    assert(table == PACK_BLOCK || table == PACK_MINUTE || table == PACK_SKETCH);
    int64_t cost_ns = ROW_NS + BYTE_NS * (int64_t)bytes;
    return add(op, &(struct pack_change){ .verb = PACK_DELETE, .table = table, .id = id }, cost_ns);
}

int pack_op_sealed(struct pack_op *op, int64_t id)
{
    if (op->n_sealed == op->sealed_room) {
        size_t room = op->sealed_room ? op->sealed_room * 2 : 256;
        int64_t *sealed = realloc(op->sealed, room * sizeof *sealed);
        if (!sealed)
            return -ENOMEM;
        op->sealed = sealed;
        op->sealed_room = room;
    }
    op->sealed[op->n_sealed++] = id;
    return 0;
}

struct pack_mark pack_op_mark(const struct pack_op *op)
{
    return (struct pack_mark){ op->end, op->n_sealed, op->bytes, op->cost_ns, op->expires };
}

void pack_op_undo(struct pack_op *op, const struct pack_mark *mark)
{
    op->end = mark->end;
    *op->end = NULL;
    op->n_sealed = mark->n_sealed;
    op->bytes = mark->bytes;
    op->cost_ns = mark->cost_ns;
    op->expires = mark->expires;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Both parts are in order; what is behind the first goes to where it belongs among it. */
static void merge(int64_t *ids, size_t n_first, int64_t *second, size_t n_second)
{
    size_t at = n_first + n_second;
    while (n_second > 0)
        ids[--at] = n_first > 0 && ids[n_first - 1] > second[n_second - 1] ? ids[--n_first] : second[--n_second];
}

/* Rows in the order of the file. What came since the last time is little, and mostly in order. */
static void order_sealed(struct pack_op *op)
{
    size_t n = op->n_sealed - op->n_ordered;
    if (n == 0)
        return;
    int64_t *fresh = op->sealed + op->n_ordered;
    qsort(fresh, n, sizeof *fresh, by_number);
    AUTO(auto_free) int64_t *copy = op->n_ordered > 0 ? malloc(n * sizeof *copy) : NULL;
    if (copy) {
        memcpy(copy, fresh, n * sizeof *copy);
        merge(op->sealed, op->n_ordered, copy, n);
    } else {
        qsort(op->sealed, op->n_sealed, sizeof *op->sealed, by_number);
    }
    op->n_ordered = op->n_sealed;
}

static size_t count_pages(const struct pack_op *op)
{
    size_t n = 0;
    int64_t end = 0;
    for (size_t i = 0; i < op->n_sealed; i++) {
        if (i > 0 && op->sealed[i] < end)
            continue;
        n++;
        end = op->sealed[i] + ROWS_A_PAGE;
    }
    return n;
}

int64_t pack_op_cost_ns(struct pack_op *op)
{
    order_sealed(op);
    return op->cost_ns + INBOX_NS * (int64_t)op->n_sealed + INBOX_PAGE_NS * (int64_t)count_pages(op);
}

void pack_op_finish(struct pack_op *op)
{
    order_sealed(op);
    op->bytes += op->n_sealed * sizeof *op->sealed;
}

bool pack_op_is_empty(const struct pack_op *op)
{
    return !op->first && op->n_sealed == 0;
}

int pack_op_settle(struct pack_op *op, enum pack_table table, int64_t id)
{
    return add(op, &(struct pack_change){ .verb = PACK_SETTLE, .table = table, .id = id }, ROW_NS);
}

int pack_op_aside(struct pack_op *op, int64_t id, bool table_missing)
{
    enum pack_verb verb = table_missing ? PACK_AWAIT : PACK_ASIDE;
    return add(op, &(struct pack_change){ .verb = verb, .table = PACK_BATCH, .id = id }, ROW_NS);
}

int pack_op_expire(struct pack_op *op, enum pack_table table, int64_t id, int64_t before_us)
{
    assert(table > PACK_SKETCH);
    struct pack_change change = { .verb = PACK_EXPIRE, .table = table, .id = id, .before_us = before_us };
    op->expires = true;
    return add(op, &change, ROW_NS);
}

int pack_op_shrink(struct pack_op *op, int64_t pages)
{
    return add(op, &(struct pack_change){ .verb = PACK_SHRINK, .id = pages }, PAGE_NS * pages);
}
