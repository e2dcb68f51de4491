/* proto/link/server_parts.h - what the server's own files share; nobody else includes it.
 *
 * server.c        listening, accepting, the end
 * server_peer.c   one connection: reading, answering, closing
 * server_crowd.c  strangers, and where they come from
 * server_timer.c  who has until when: one timer for all of them
 */
#pragma once
#include <stdbool.h>
#include <sys/queue.h>

#include "proto/link/address.h"
#include "proto/link/server.h"
#include "proto/link/sp.h"

/* Every peer in a list was given the same time, so the order of coming is the order of falling due: no timer a peer, no
 * heap, and a look at the heads is enough. */
enum timer_kind {
    TIMER_HANDSHAKE, /* accepted, not yet shaken hands; or said good-bye to */
    TIMER_MESSAGE,   /* a message has begun */
    TIMER_UNREAD,    /* an answer waits to be written */
    TIMER_RESUME,    /* has room again for requests that have already come: due at once */
    TIMER_KINDS
};

struct peer_timer {
    TAILQ_ENTRY(peer_timer) entry;
    struct link_peer *peer;
    uint64_t due_ms; /* on the loop's clock */
    uint8_t kind;
    bool on;
};

enum { SERVER_READ_MAX = 64 << 10 };

enum peer_stage { PEER_SHAKING, PEER_OPEN, PEER_LEAVING, PEER_GONE };

/* An address that strangers come from, for as long as there are any. */
struct source {
    LIST_ENTRY(source) entry; /* in its chain */
    uint64_t key;             /* address_source() */
    unsigned n;
    TAILQ_HEAD(, link_peer) strangers; /* the oldest first */
};

enum { SOURCE_CHAINS = 1024 };

/* What an idle agent costs, so kept small: no buffer of its own, no timer of its own. */
struct link_peer {
    uv_tcp_t tcp;
    struct link_server *server;
    void *user;
    TAILQ_ENTRY(link_peer) entry;  /* in the server's strangers or peers */
    TAILQ_ENTRY(link_peer) beside; /* in its source's strangers */
    struct source *source;         /* NULL: no stranger */
    uint64_t source_key;
    struct peer_timer reading; /* TIMER_HANDSHAKE, TIMER_MESSAGE or TIMER_RESUME: never two of them at once */
    struct peer_timer writing; /* TIMER_UNREAD */
    struct sp sp;
    uint8_t *tail; /* owned: bytes that came while there was no room for their requests */
    size_t tail_at;
    size_t tail_len;
    size_t queued; /* bytes of answers waiting to be written */
    size_t held;   /* its share of the server's held bytes */
    unsigned unanswered;
    uint8_t stage;
    uint8_t why;
    bool opened; /* the caller knows of it */
    bool reading_on;
    bool taking; /* in peer_take(): an answer given from on_request must not start another */
    char address[ADDRESS_TEXT_MAX];
    uint32_t tickets[]; /* link_limits.in_flight of them, the first `unanswered` in use */
};

struct link_server {
    uv_loop_t *loop;
    uv_poll_t listening;
    uv_timer_t timer;
    int fd;
    int spare_fd; /* given up for a moment to turn a connection away when descriptors run out; -1: lost */
    unsigned port;
    unsigned parts; /* handles and peers that are not closed yet */
    bool closing;
    bool resting; /* not accepting until rest_due_ms */
    uint64_t rest_due_ms;
    uint64_t timer_due_ms; /* while the timer is active */
    size_t held;           /* unfinished messages and unread answers of all peers, in bytes */
    struct link_limits limits;
    struct link_server_handlers handlers;
    struct link_counts counts;
    TAILQ_HEAD(, link_peer) peers;     /* that are known */
    TAILQ_HEAD(, link_peer) strangers; /* the oldest first */
    LIST_HEAD(, source) chains[SOURCE_CHAINS];
    uint64_t chain_seed; /* drawn: nobody shall know which addresses share a chain */
    TAILQ_HEAD(peer_timer_list, peer_timer) timers[TIMER_KINDS];
    uint8_t buffer[SERVER_READ_MAX]; /* every read goes here first */
};

/* Takes `fd` over, also on failure. */
void peer_admit(struct link_server *server, int fd, const struct sockaddr_storage *from);
void peer_end(struct link_peer *peer, enum link_close why);
void peer_resume(struct link_peer *peer);

int crowd_open(struct link_server *server);
/* A new peer is a stranger; if that is one too many, the oldest goes. -ENOMEM: it is on no list. */
int crowd_enter(struct link_peer *peer);
/* Off its list, whichever it is. */
void crowd_leave(struct link_peer *peer);
/* Who gives way when all together hold too much: of the strangers that hold anything the oldest; if there is none, who
 * holds most. Somebody must. */
struct link_peer *crowd_holder(const struct link_server *server);

/* Starts anew if it is on. */
void peer_timer_start(struct link_server *server, struct peer_timer *timer, enum timer_kind kind);
void peer_timer_stop(struct link_server *server, struct peer_timer *timer);
void peer_timers_open(struct link_server *server);
/* Makes the timer come no later than `due_ms`. */
void peer_timers_by(struct link_server *server, uint64_t due_ms);

void server_stop_resting(struct link_server *server);
/* One handle or peer less; frees the server after the last. */
void server_part_closed(struct link_server *server);
