/* proto/link/control.h - how the console asks the collector: SP's REQ/REP on a local socket, mode 0660.
 *
 * Shape    a request is one JSON text, an answer is one JSON text (docs/control.md); the link looks into neither
 * Limits   CONTROL_MESSAGE_MAX bytes each way; CONTROL_IN_FLIGHT requests at once, further ones wait in their sockets
 *          Once a request is never sent again by itself: a command whose answer was lost may have been obeyed
 * Threads  the server: all calls and callbacks on the loop's thread; the client: one caller, blocking
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "proto/link/ipc_gate.h"

enum { CONTROL_MESSAGE_MAX = 256 << 10, CONTROL_IN_FLIGHT = 32 };

struct control_server; /* opaque */

struct control_request {
    unsigned ticket;  /* names it in control_answer(), which must follow, now or later */
    uid_t uid;        /* the user at the other end, as the kernel says it */
    bool admitted;    /* by the gate; if not, the answer can only be a refusal */
    const char *text; /* borrowed during the call */
    size_t len;
};
typedef void control_request_fn(void *user, const struct control_request *request);

/* Listens on the path; one left by a dead collector is replaced, one that answers is -EADDRINUSE. -EEXIST: what is
 * there is not a socket; -ENAMETOOLONG: over 107 bytes; -ENOENT: no such folder; -EPERM: the gate's group is
 * not ours. */
int control_server_open(struct control_server **ret_server, uv_loop_t *loop, const char *path,
                        const struct ipc_gate *gate, control_request_fn *fn, void *user, struct err *err);

/* Copies `text`. One over CONTROL_MESSAGE_MAX is our own bug; it is dropped and whoever asked runs into its timeout. */
void control_answer(struct control_server *server, unsigned ticket, const char *text, size_t len);

/* Unanswered requests are dropped. The loop must run once more. NULL is fine. Always returns NULL. */
struct control_server *control_server_close(struct control_server *server);

/* Asks and waits. On 0 *ret_text is the caller's, freed by free(), and terminated. -ECONNREFUSED: nobody listens there;
 * -ETIMEDOUT: no answer in time; -EACCES: the socket is there but not for this user; -EPIPE: the collector left before
 * it had answered; -EMSGSIZE; -ENAMETOOLONG; -EPROTO: something else listens there. */
int control_ask(const char *path, const char *text, size_t len, int64_t timeout_us, char **ret_text, size_t *ret_len,
                struct err *err);
