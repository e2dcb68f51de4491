/* A server, and peers that speak SP by hand. */
#pragma once
#include "proto/link/server.h"

#include "proto/link/address.h"
#include "proto/link/link_fixture.h"

#define HELLO "\0SP\0\0\x30\0\0"

enum { PEERS_MAX = 64, REQUESTS_MAX = 6000, ANSWER_LEN = 32 << 10 };

struct fixture {
    struct test_loop t;
    struct link_server *server;
    struct link_limits limits;
    unsigned opened;
    unsigned closed;
    enum link_close why;    /* of the last */
    struct link_peer *peer; /* the last opened */
    struct {
        struct link_peer *peer;
        uint32_t ticket;
        bool gone; /* its peer is */
    } requests[REQUESTS_MAX];
    unsigned requested;
    unsigned asking; /* how many of them are to come */
    char text[256];  /* of the last request */
    size_t text_len;
    bool echo; /* answer at once */
    bool close_on_open;
    bool close_on_request;
    bool shut_on_request;
    int sockets[PEERS_MAX];
    unsigned n_sockets;
};

void on_open(void *user, struct link_peer *peer);
void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len);
void on_close(void *user, struct link_peer *peer, enum link_close why);
void listen_with(struct fixture *f, struct link_limits limits);
int setup(void **state);
int teardown(void **state);
struct link_counts counts(const struct fixture *f);
uint64_t closed_for(const struct fixture *f, enum link_close why);
/* From 127.0.0.`last`. */
int dial_from(struct fixture *f, uint8_t last);
int dial(struct fixture *f);
void hang_up(struct fixture *f, int fd);
void say(int fd, const void *bytes, size_t len);
/* A request of `len` bytes of text. */
void ask(int fd, uint32_t id, const void *text, size_t len);
int dial_and_shake(struct fixture *f);
bool has_ended(int fd);
/* Fills what the kernel holds for the peer until answers have to wait; returns how many were given. */
unsigned fill_until_waiting(struct fixture *f, int fd, uint8_t *answer);
