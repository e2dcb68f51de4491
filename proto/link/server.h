/* proto/link/server.h - the collector's end of the uplink: the listening side of SP's TCP mapping, on libuv.
 *
 * Shape    peers connect, shake hands (8 bytes each way) and send requests; each is answered when its answer is ready
 * Source   SP TCP mapping: 00 53 50 00, protocol (REQ 0x30, REP 0x31) big endian, 00 00; then messages of a u64
 *          big-endian length and a body that begins with the request id, a u32 with its top bit set
 * Why      nng 1.5.2's own listeners fall to hostile peers before they are authenticated (docs/decisions.md)
 * Limits   those of struct link_limits; a peer over one is closed and counted
 * Strangers a peer is one until link_peer_known(): its address may be anybody's, and a thousand agents may share one.
 *          So only strangers are counted by address, and it is the oldest of them that gives way, not the newest that
 *          is turned away: an honest agent is a stranger for as long as one exchange takes, who fills the places does
 *          it by staying. A flood costs honest ones nothing unless it renews all places within that exchange
 * Held     when all together hold too much, the oldest stranger that holds anything is closed, then the next; only when
 *          none is left, the known peer that holds most: nobody inside is closed for a stranger's bytes
 * Paused   a peer with `in_flight` unanswered requests, or with unread answers, is not read from until it has room, nor
 *          is its leaving noticed: every request gets its answer, or its peer link_peer_close()
 * Again    a request sent again while it is unanswered is not told twice: its answer serves both
 * Vanished a peer that went without a word (power, network, a reset that was lost) counts as open until the kernel has
 *          asked for it in vain, 60 to 90 s later
 * Full     out of descriptors: connections are taken and closed at once, counted as LINK_CLOSE_FULL; what the system
 *          cannot even do that for waits in the backlog, tried again every 100 ms
 * Threads  all calls and callbacks on the loop's thread; link_server_close() and link_peer_close() from any callback
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct link_server; /* opaque */
struct link_peer;   /* opaque: one connection */

/* Why a peer went. */
enum link_close {
    LINK_CLOSE_PEER,      /* it hung up or its network broke */
    LINK_CLOSE_HANDSHAKE, /* not SP, not REQ, or too slow */
    LINK_CLOSE_PROTOCOL,  /* a length over the limit or no request id */
    LINK_CLOSE_SLOW,      /* a message not finished, or an answer not read, in time */
    LINK_CLOSE_FULL,      /* over the connection limit: closed as it came; or no memory for what it sends */
    LINK_CLOSE_CROWDED,   /* too many strangers, in all or from its address: the oldest gave way */
    LINK_CLOSE_OURS,      /* link_peer_close() or the server's own end */
    LINK_CLOSE_COUNT
};

/* "peer", "handshake"...: for logs. */
const char *link_close_name(enum link_close why);

struct link_limits {
    unsigned peers;       /* connections at once */
    unsigned strangers;   /* of them that are not known, at least 1... */
    unsigned crowd;       /* ...and of these from one address, or one /64 of IPv6; at least 1 */
    size_t message_bytes; /* of a body, the request id not counted */
    unsigned in_flight;   /* unanswered requests of a peer */
    size_t answer_bytes;  /* answers of a peer waiting to be written */
    size_t held_bytes;    /* unfinished messages and unread answers of all peers together */
    int64_t handshake_us; /* from accept to a complete handshake */
    int64_t message_us;   /* from a message's first byte to its last; an answer unread for as long closes too */
};

/* 20,000 peers, 4,096 strangers, 1,024 of an address, 64 KiB and an envelope, 4, 256 KiB, 256 MiB, 5 s, 30 s. */
struct link_limits link_limits_default(void);

struct link_server_handlers {
    void (*on_open)(void *user, struct link_peer *peer); /* after the handshake */
    /* `bytes` is borrowed during the call; `ticket` names the request in link_peer_answer(), now or later. */
    void (*on_request)(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len);
    void (*on_close)(void *user, struct link_peer *peer,
                     enum link_close why); /* once for each on_open; the last call */
    void *user;
};

struct link_counts {
    uint64_t accepted;
    uint64_t requests;
    uint64_t answers;
    uint64_t bytes_in; /* SP bytes: what TCP carried for us */
    uint64_t bytes_out;
    uint64_t closed[LINK_CLOSE_COUNT];
    unsigned open;      /* now... */
    unsigned strangers; /* ...and of them not known */
};

/* A socket bound to "HOST:PORT" (an address, no name; port 0: any) that does not listen yet: for who may have the port
 * now, and must not any more when it is time to listen. On 0 the caller owns *ret_fd. -EINVAL: not an address;
 * -EADDRINUSE, -EACCES...: the system. */
int link_bind(const char *address, int *ret_fd, struct err *err);

/* Listens on a socket of link_bind(), which is handed over: also on failure. */
int link_server_adopt(struct link_server **ret_server, uv_loop_t *loop, int bound_fd, struct link_limits limits,
                      struct link_server_handlers handlers, struct err *err);

/* The two in one. */
int link_server_open(struct link_server **ret_server, uv_loop_t *loop, const char *address, struct link_limits limits,
                     struct link_server_handlers handlers, struct err *err);

unsigned link_server_port(const struct link_server *server);
struct link_counts link_server_counts(const struct link_server *server);

/* Copies `bytes`. A ticket already answered is ignored, so is a peer that is closing. An answer to a peer that went
 * meanwhile cannot be: on_close came first and the caller forgot the ticket. */
void link_peer_answer(struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len);

/* Lets what was answered go out, then closes; on_close comes from the loop, never from within this call. */
void link_peer_close(struct link_peer *peer);

/* The caller is sure who it is: a stranger no more, for as long as the connection lasts. */
void link_peer_known(struct link_peer *peer);

void link_peer_set_user(struct link_peer *peer, void *user);
void *link_peer_user(const struct link_peer *peer);
const char *link_peer_address(const struct link_peer *peer); /* "127.0.0.1:40312", the peer's for as long as it is */
uint64_t link_peer_source(const struct link_peer *peer);     /* address_source() of it */

/* Closes every peer (on_close for each) and the listener; the loop must run until then. NULL is fine. Always returns
 * NULL. */
struct link_server *link_server_close(struct link_server *server);
