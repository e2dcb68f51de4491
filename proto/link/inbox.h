/* proto/link/inbox.h - how nng's threads tell the loop's that something is done.
 *
 * Shape    items are nodes in the owner's own structs; taken in the order they were put in; nothing is allocated
 * Threads  inbox_put() from any thread; all else, and `fn`, on the loop's
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

struct inbox; /* opaque */

struct inbox_item {
    struct inbox_item *next; /* the inbox's, while the item is in it */
    bool in;
};

/* Calls `fn` for each item; a NULL item says only that inbox_wake() was called. On 0 the caller owns *ret_inbox. */
int inbox_open(struct inbox **ret_inbox, uv_loop_t *loop, void (*fn)(void *user, struct inbox_item *item), void *user,
               struct err *err);

/* The item is the inbox's until `fn` gets it. An item that is in already is not put in twice. */
void inbox_put(struct inbox *inbox, struct inbox_item *item);

/* Makes the loop call `fn` with NULL. */
void inbox_wake(struct inbox *inbox);

/* Nobody may put anything in any more; what is in is not told. Calls `closed` with the inbox's `user` from the loop, as
 * the last thing: what `fn` was using may be freed there. `inbox` is not NULL. Always returns NULL. */
struct inbox *inbox_close(struct inbox *inbox, void (*closed)(void *user));
