/* proto/link/feed.h - what the collector tells whoever listens: SP's PUB/SUB on a local socket, mode 0660.
 *
 * Shape    each item is one JSON text whose "id" rises by one (docs/control.md); a reader that sees a gap asks for a
 *          snapshot by control and goes on from there: items are never kept for anybody
 * Limit    FEED_ITEM_MAX bytes an item. A reader that is behind by its socket's buffer and 64 items misses the oldest
 * Threads  the publisher: all calls and the callback on the loop's thread; a reader: one caller, blocking
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "proto/link/ipc_gate.h"

enum { FEED_ITEM_MAX = 64 << 10 };

struct feed;        /* opaque: the publishing end */
struct feed_reader; /* opaque */

/* Readers came that the gate does not admit, the last of them `uid`; they were hung up on. `n` since the last call. */
typedef void feed_refused_fn(void *user, uid_t uid, unsigned n);

/* -EADDRINUSE, -EEXIST, -ENAMETOOLONG...: as control_server_open(). */
int feed_open(struct feed **ret_feed, uv_loop_t *loop, const char *path, const struct ipc_gate *gate,
              feed_refused_fn *refused, void *user, struct err *err);
/* Copies `text`; never waits: a reader that is too slow misses items. */
void feed_publish(struct feed *feed, const char *text, size_t len);
/* The loop must run once more. NULL is fine. Always returns NULL. */
struct feed *feed_close(struct feed *feed);

/* Items published from a moment after it returned are read. -ECONNREFUSED: nobody publishes there; -EACCES: not for
 * this user. */
int feed_reader_open(struct feed_reader **ret_reader, const char *path, struct err *err);
/* Waits for the next item. On 0 *ret_text is the caller's, freed by free(), and terminated. -ETIMEDOUT: none in time,
 * try again. -EPIPE: the publisher is gone. */
int feed_read(struct feed_reader *reader, int64_t timeout_us, char **ret_text, size_t *ret_len, struct err *err);
struct feed_reader *feed_reader_close(struct feed_reader *reader);
