#include "proto/link/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"

struct inbox {
    uv_async_t wake;
    uv_mutex_t lock;
    struct inbox_item *first; /* under lock */
    struct inbox_item **end;  /* under lock */
    void (*fn)(void *user, struct inbox_item *item);
    void (*closed)(void *user);
    void *user;
};

static struct inbox_item *pop(struct inbox *inbox)
{
    uv_mutex_lock(&inbox->lock);
    struct inbox_item *item = inbox->first;
    if (item) {
        inbox->first = item->next;
        if (!inbox->first)
            inbox->end = &inbox->first;
        item->in = false;
    }
    uv_mutex_unlock(&inbox->lock);
    return item;
}

static void on_wake(uv_async_t *wake)
{
    struct inbox *inbox = wake->data;
    inbox->fn(inbox->user, NULL);
    /* libuv folds many wake-ups into one: take everything. `fn` may close the inbox, which lives until its handle's
     * close callback. */
    for (struct inbox_item *item; !inbox->closed && (item = pop(inbox));)
        inbox->fn(inbox->user, item);
}

int inbox_open(struct inbox **ret_inbox, uv_loop_t *loop, void (*fn)(void *user, struct inbox_item *item), void *user,
               struct err *err)
{
    assert(ret_inbox && loop && fn);
    AUTO(auto_free) struct inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return err_set(err, -ENOMEM, "link: out of memory");
    inbox->fn = fn;
    inbox->user = user;
    inbox->end = &inbox->first;
    int rc = uv_async_init(loop, &inbox->wake, on_wake);
    if (rc < 0)
        return err_sys(err, rc, "link: cannot make a wake-up for the loop");
    inbox->wake.data = inbox;
    uv_mutex_init(&inbox->lock); /* aborts on misuse and cannot fail otherwise on Linux */
    *ret_inbox = TAKE(inbox);
    return 0;
}

void inbox_put(struct inbox *inbox, struct inbox_item *item)
{
    uv_mutex_lock(&inbox->lock);
    if (!item->in) {
        item->in = true;
        item->next = NULL;
        *inbox->end = item;
        inbox->end = &item->next;
    }
    uv_mutex_unlock(&inbox->lock);
    uv_async_send(&inbox->wake);
}

void inbox_wake(struct inbox *inbox)
{
    uv_async_send(&inbox->wake);
}

static void on_closed(uv_handle_t *handle)
{
    AUTO(auto_free) struct inbox *inbox = handle->data;
    uv_mutex_destroy(&inbox->lock);
    inbox->closed(inbox->user);
}

struct inbox *inbox_close(struct inbox *inbox, void (*closed)(void *user))
{
    assert(inbox && closed);
    inbox->closed = closed;
    uv_close((uv_handle_t *)&inbox->wake, on_closed);
    return NULL;
}
