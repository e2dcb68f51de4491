#include <errno.h>
#include <stdlib.h>

#include "collector/page/parts.h"

bool slip_is_earlier(const struct slip *a, const struct slip *b)
{
    if (a->row.next_us != b->row.next_us)
        return a->row.next_us < b->row.next_us;
    return a->row.id < b->row.id;
}

static void put(struct slip_queue *queue, size_t at, struct slip *slip)
{
    queue->at[at] = slip;
    slip->queue = queue;
    slip->queue_at = at;
}

static void move_up(struct slip_queue *queue, size_t at)
{
    struct slip *slip = queue->at[at];
    for (; at > 0 && queue->is_before(slip, queue->at[(at - 1) / 2]); at = (at - 1) / 2)
        put(queue, at, queue->at[(at - 1) / 2]);
    put(queue, at, slip);
}

static void move_down(struct slip_queue *queue, size_t at)
{
    struct slip *slip = queue->at[at];
    for (size_t child; (child = at * 2 + 1) < queue->n; at = child) {
        if (child + 1 < queue->n && queue->is_before(queue->at[child + 1], queue->at[child]))
            child++;
        if (!queue->is_before(queue->at[child], slip))
            break;
        put(queue, at, queue->at[child]);
    }
    put(queue, at, slip);
}

int queue_add(struct slip_queue *queue, struct slip *slip)
{
    if (queue->n == queue->room) {
        size_t room = queue->room ? queue->room * 2 : 64;
        struct slip **at = reallocarray(queue->at, room, sizeof(struct slip *));
        if (!at)
            return -ENOMEM;
        queue->at = at;
        queue->room = room;
    }
    queue->at[queue->n] = slip;
    move_up(queue, queue->n++);
    return 0;
}

void queue_remove(struct slip *slip)
{
    struct slip_queue *queue = slip->queue;
    if (!queue)
        return;
    size_t at = slip->queue_at;
    slip->queue = NULL;
    struct slip *last = queue->at[--queue->n];
    if (last == slip)
        return;
    put(queue, at, last);
    move_up(queue, at);
    move_down(queue, last->queue_at);
}

struct slip *queue_first(const struct slip_queue *queue)
{
    return queue->n > 0 ? queue->at[0] : NULL;
}

void queue_done(struct slip_queue *queue)
{
    free(queue->at);
    queue->at = NULL;
    queue->n = queue->room = 0;
}
