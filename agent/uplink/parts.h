/* agent/uplink/parts.h - the inside of the uplink, shared by uplink.c, which asks, and hear.c, which is answered.
 * Nobody else's. */
#pragma once
#include "agent/uplink/declare.h"
#include "agent/uplink/queue.h"
#include "agent/uplink/secure.h"
#include "agent/uplink/session.h"
#include "agent/uplink/shelf.h"
#include "agent/uplink/table.h"
#include "agent/uplink/uplink.h"
#include "proto/link/client.h"

struct uplink {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_timer_t drain_timer;
    unsigned handles; /* still open */
    const struct clock *clock;
    const struct log *log;
    char *hostname, *system;
    uint64_t host;
    size_t queue_bytes;
    struct run_id run;
    struct tables tables;
    struct queue *queue;
    struct shelf *shelf; /* NULL: there is no spool */
    struct declare declare;
    struct table_hash known[SHELF_KNOWN_MAX]; /* tables the collector has that came out of the spool, newest last */
    size_t n_known;
    struct session session;
    struct secure secure;
    struct link_client *link;
    size_t n_addresses;
    unsigned unwelcome; /* hellos in a row that led to nothing */
    void (*on_interval)(void *user, int64_t interval_us);
    void (*on_drained)(void *user);
    void *user, *drain_user;
    bool leaving;         /* drained, but for the spool */
    struct policy policy; /* in force; revision 0: our own */
    uint64_t highest;
    struct uplink_counts counts;
    uint64_t overflowed_from; /* ticks dropped when this overflow began */
    bool overflowing;
    bool leaving_out; /* series of the ticks */
    bool pumping;
    enum refusal last_refusal; /* said once in a row */
    bool told_busy;            /* likewise: that the collector asked to come again later */
    bool told_stranger;        /* that somebody else answers */
    bool told_unopened;        /* once a session */
    bool had_table;
    struct parcel parcel;      /* reported last, out of the queue... */
    struct spool_parcel *late; /* ...or out of the spool */
    struct sent sent;
    uint8_t heard[SECURE_PLAIN_MAX];
};

/* Asks what the session wants asked now; every event ends here. */
void uplink_pump(struct uplink *uplink);

/* A hello led to nothing: after a few of them in a row the collector's next address is tried. */
void uplink_unwelcome(struct uplink *uplink);

/* More than a little to be delivered: its beginning is scattered. */
void uplink_scatter(struct uplink *uplink);

/* Ticks that will never come: to be declared. */
void uplink_drop(struct uplink *uplink, const struct run_id *run, uint64_t first, uint64_t last, enum drop_cause cause);

/* What was on its way was not carried after all. */
void uplink_take_back(struct uplink *uplink);

/* The link's callbacks; `user` is the uplink. */
void uplink_hear_up(void *user);
void uplink_hear_down(void *user);
void uplink_hear_answer(void *user, const uint8_t *bytes, size_t len);
