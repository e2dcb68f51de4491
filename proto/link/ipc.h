/* proto/link/ipc.h - the local sockets of control and feed: what their two ends share.
 *
 * The listening ends are nng's. Its listeners fall to hostile peers (docs/decisions.md); these are local sockets of
 * mode 0660, so whoever can do that is already trusted with the collector. Who sends is looked at besides (ipc_gate.h).
 *
 * The asking ends speak SP over the socket themselves: a console asks one thing and ends, and nng's dialer would start
 * a dozen threads for it, swallow the reason of a connection refused, and wait 10 s for a collector that is stopped
 * whatever timeout was given.
 *
 * Source   nng's ipc mapping: the handshake of SP over TCP, then messages of u8 1, u64 big-endian length, body
 * Threads  the listener: any; a connection: one caller, blocking
 */
#pragma once
#include <nng/nng.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/link/ipc_gate.h"

enum { IPC_PAIR_V0 = 0x10, IPC_PUB = 0x20, IPC_SUB = 0x21, IPC_REQ = 0x30, IPC_REP = 0x31 }; /* SP's protocol numbers */

/* Makes `socket`, which speaks `protocol` with peers of `peer`, listen at the path with mode 0660 and the gate's group.
 * A socket left there by a dead process is replaced. -EADDRINUSE: one that answers. -EEXIST: something that is not a
 * socket. -EPERM: the group is not one of this process's. -ENAMETOOLONG. `what` begins the messages. */
int ipc_listen(nng_socket socket, const char *path, unsigned protocol, unsigned peer, const struct ipc_gate *gate,
               const char *what, struct err *err);

/* Who is at the other end of a pipe. -EPIPE: it is gone already and cannot be asked. */
int ipc_caller_of(nng_pipe pipe, struct ipc_caller *ret);

/* Connects as `protocol` to a peer that must be `peer`, by `deadline_us` of ipc_now_us(). On 0 the caller owns the
 * descriptor *ret_fd. -ECONNREFUSED: nobody listens there; -EACCES: not for this user; -ETIMEDOUT: it does not take us
 * in time; -EPROTO: something else listens there; -ENAMETOOLONG. */
int ipc_connect(int *ret_fd, const char *path, unsigned protocol, unsigned peer, int64_t deadline_us, struct err *err);

/* Sends head and body as one message. -ETIMEDOUT, -EPIPE: the peer is gone. */
int ipc_send(int fd, const void *head, size_t head_len, const void *body, size_t body_len, int64_t deadline_us,
             struct err *err);

/* Receives one message of at most `max` bytes. On 0 *ret_bytes is the caller's, freed by free(), and followed by a 0.
 * -EMSGSIZE; -EPROTO; -ETIMEDOUT: nothing of a message came, which may be tried again; -EPIPE: the peer is gone, or
 * stopped within a message. */
int ipc_receive(int fd, size_t max, int64_t deadline_us, char **ret_bytes, size_t *ret_len, struct err *err);

int64_t ipc_now_us(void);
