/* proto/link/client.h - the agent's end of the uplink: an nng REQ socket that dials out and asks one thing at a time.
 *
 * Shape    one request in flight; a new request replaces the one before it, whose late answer is dropped
 * Order    on_up after each (re)connection and before any answer that came by it, on_down when it breaks; one that
 *          breaks as soon as it is made may not be told at all; REQ itself sends an unanswered request again after a
 *          reconnection, so an answer may also come to a request from before on_down
 * Dialling starts at open, never gives up: pauses from 200 ms on, doubling, jittered by nng, never longer than a
 *          quarter of the time that nothing was up, 1 s to 30 s; a dead path is noticed after LINK_USER_TIMEOUT_S by
 *          TCP_USER_TIMEOUT (proto/link/nng_process.c)
 * Addresses of several, one is dialled at a time, and kept while it works. One without a connection for its turn, a
 *          random half to whole LINK_TURN_MS, gives way to the next, and so round. After each round in vain turns and
 *          pauses double, turns to a minute: many agents of a collector that is away do not dial it more often than
 *          those that know but one address
 * Limit    requests and answers have at most LINK_MESSAGE_MAX bytes; a longer answer breaks the connection
 * Threads  all calls and callbacks on the loop's thread; every call from any callback
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

enum { LINK_MESSAGE_MAX = 128 << 10, LINK_USER_TIMEOUT_S = 10, LINK_ADDRESSES_MAX = 4, LINK_TURN_MS = 4000 };

struct link_client; /* opaque */

struct link_client_handlers {
    void (*on_up)(void *user);
    void (*on_down)(void *user);
    void (*on_answer)(void *user, const uint8_t *bytes, size_t len); /* bytes: borrowed during the call */
    void *user;
};

/* `addresses` are 1..LINK_ADDRESSES_MAX times "HOST:PORT", copied; the first is dialled first. -EINVAL: one is not an
 * address. On 0 the caller owns *ret_client. */
int link_client_open(struct link_client **ret_client, uv_loop_t *loop, const char *const *addresses, size_t n,
                     struct link_client_handlers handlers, struct err *err);

/* The address that is dialled, or connected to, now. Borrowed until the loop runs again. */
const char *link_client_address(const struct link_client *client);

/* Copies `bytes`. -EMSGSIZE: over the limit; -ENOMEM. While down, the request waits for the next connection. */
int link_client_ask(struct link_client *client, const uint8_t *bytes, size_t len, struct err *err);

/* What is asked from now on goes by one connection alone: when that breaks, the request is dropped. on_down tells. */
void link_client_ask_but_once(struct link_client *client);

/* Drops the request without an answer, if there is one: REQ does not send it again on the next connection. */
void link_client_forget(struct link_client *client);

/* Breaks the connection and dials again at once; an unanswered request is dropped. */
void link_client_redial(struct link_client *client);

/* The same, at the next address. */
void link_client_move_on(struct link_client *client);

/* Ends the connection, then nng, then the wake-up; the loop must run once more for the handles' close. Waits for nng,
 * but never longer than two seconds: what it is not done with by then is left to it. NULL is fine. Always returns
 * NULL. */
struct link_client *link_client_close(struct link_client *client);
