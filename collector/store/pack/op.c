#include "collector/store/pack/op.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a change costs the writer, measured with rows of 100 series: an inbox row with its index entry, a row of any
 * other table, and each byte that is written or whose page is given back. */
enum { INBOX_NS = 3000, ROW_NS = 15000, BYTE_NS = 2, PAGE_NS = 30000 };

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
    op->cost_ns += INBOX_NS;
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

void pack_op_finish(struct pack_op *op)
{
    if (op->n_sealed > 0)
        qsort(op->sealed, op->n_sealed, sizeof *op->sealed, by_number);
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
