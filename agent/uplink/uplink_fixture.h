/* agent/uplink/uplink_fixture.h - the uplink against a listening link, the real codec and the other end of the secure
 * channel, over loopback: what the collector here decides is a script. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/uplink/parts.h"
#include "base/arena.h"
#include "base/auto.h"
#include "base/folder_fixture.h"
#include "proto/codec/codec.h"
#include "proto/link/server.h"

enum { REPORTS_MAX = 64 };

struct seen { /* one report as it came */
    uint64_t first, highest, revision;
    uint32_t n_ticks;
    uint64_t counter;
    bool has_table;
    struct run_id run;
    int64_t interval_us, sent_us, answered_us;
    bool same_boot;
    uint32_t n_dropped;
    struct dropped dropped; /* the first of them */
};

struct collector {
    struct link_server *server;
    struct link_peer *peer;
    struct key_pair keys;
    struct handshake handshake;
    struct channel channel;
    uint64_t next; /* counter that the channel's next message has at least */
    unsigned hellos;
    unsigned strangers; /* hellos that were not meant for us */
    uint8_t ephemerals[REPORTS_MAX][KEY_BYTES];
    struct {
        size_t len;
        uint8_t bytes[1024];
    } said, before;                             /* the last answer, and what a test keeps of an earlier one */
    void (*spoil)(struct collector *collector); /* does something to what is said next, once */
    unsigned n;
    struct seen reports[REPORTS_MAX];
    struct answer welcome;
    struct answer script[REPORTS_MAX]; /* for reports; kind STORED with last 0: stores what came */
    enum envelope_kind kinds[REPORTS_MAX];
    unsigned silent_from, silent_to; /* reports that get no answer */
    bool garbage;                    /* answers nonsense instead, once */
    uint64_t host;
};

struct fixture {
    uv_loop_t loop;
    struct clock_fake fake;
    struct clock clock;
    struct log log;
    struct arena arena;
    struct collector collector;
    struct uplink *uplink;
    struct readings readings;
    int64_t interval_us;
    unsigned drained;
    uv_timer_t beat;
    unsigned beats;
    bool ticking;    /* a tick comes now and then while the beat goes on */
    uint64_t pushed; /* ticks, of all the uplink's lives */
    unsigned port;
    struct key_pair keys;      /* the agent's */
    struct public_key pinned;  /* by it */
    struct link_server *other; /* the collector listens there as well */
    char folder[64];
    char spool[80]; /* in it; "": none */
    uint64_t host;
    struct boot_id boot;
};

static inline void send_said(struct collector *c, struct link_peer *peer, uint32_t ticket)
{
    void (*spoil)(struct collector * collector) = TAKE(c->spoil);
    if (spoil)
        spoil(c);
    link_peer_answer(peer, ticket, c->said.bytes, c->said.len);
}

static inline void say(struct fixture *f, struct link_peer *peer, uint32_t ticket, enum envelope_kind kind,
                       const struct answer *answer)
{
    struct collector *c = &f->collector;
    uint8_t plain[4096], box[4096 + HANDSHAKE_SECOND_BYTES];
    size_t len = 0;
    struct envelope envelope = { .kind = kind };
    if (answer)
        assert_int_equal(codec_encode_answer(answer, plain, sizeof plain, &len, NULL), 0);
    if (kind == ENVELOPE_SEALED)
        assert_int_equal(channel_seal(&c->channel, plain, len, box, sizeof box, &len, &envelope.counter, NULL), 0);
    if (kind == ENVELOPE_HANDSHAKE)
        assert_int_equal(handshake_write(&c->handshake, plain, len, box, sizeof box, &len, NULL), 0);
    if (kind == ENVELOPE_HANDSHAKE && answer->kind == ANSWER_WELCOME)
        handshake_finish(&c->handshake, &c->channel);
    envelope.inner = (struct bytes){ box, len };
    assert_int_equal(codec_encode_envelope(&envelope, c->said.bytes, sizeof c->said.bytes, &c->said.len, NULL), 0);
    send_said(c, peer, ticket);
}

static inline void hear_hello(struct fixture *f, struct link_peer *peer, uint32_t ticket, const struct hello *hello)
{
    struct collector *c = &f->collector;
    assert_memory_equal(handshake_peer(&c->handshake), &f->keys.public_key, KEY_BYTES);
    assert_true(c->hellos < REPORTS_MAX);
    c->hellos++;
    c->host = hello->host;
    assert_string_equal(hello->hostname, "web-1");
    say(f, peer, ticket, ENVELOPE_HANDSHAKE, &c->welcome);
}

static inline void hear_report(struct fixture *f, struct link_peer *peer, uint32_t ticket, const struct report *report,
                               uint64_t counter)
{
    struct collector *c = &f->collector;
    assert_true(c->n < REPORTS_MAX);
    unsigned i = c->n++;
    const struct batch *batch = &report->batch;
    c->reports[i] = (struct seen){
        .first = batch->first,
        .n_ticks = batch->n_ticks,
        .highest = report->highest,
        .revision = report->policy_revision,
        .counter = counter,
        .has_table = report->has_table,
        .run = batch->run,
        .interval_us = report->interval_us,
        .sent_us = report->sent_us,
        .answered_us = report->answered_us,
        .same_boot = report->same_boot,
        .n_dropped = report->n_dropped,
    };
    if (report->n_dropped > 0)
        c->reports[i].dropped = report->dropped[0];
    if (i >= c->silent_from && i < c->silent_to)
        return;
    if (c->kinds[i] == ENVELOPE_NO_SESSION) {
        say(f, peer, ticket, ENVELOPE_NO_SESSION, NULL);
        return;
    }
    if (c->garbage) {
        c->garbage = false;
        link_peer_answer(peer, ticket, (const uint8_t *)"\xff\xff\xff", 3);
        return;
    }
    struct answer answer = c->script[i];
    if (answer.kind == ANSWER_STORED && answer.last == 0) {
        answer.first = batch->first;
        answer.last = batch->first + batch->n_ticks - 1;
    }
    say(f, peer, ticket, ENVELOPE_SEALED, &answer);
}

/* What the envelope holds; false: it is no message of this host's to this collector. */
static inline bool open_request(struct fixture *f, const struct envelope *envelope, struct request *ret)
{
    static uint8_t plain[CHANNEL_MESSAGE_MAX];
    struct collector *c = &f->collector;
    const struct bytes *inner = &envelope->inner;
    size_t len;
    if (envelope->kind == ENVELOPE_HANDSHAKE) {
        assert_true(inner->len > KEY_BYTES);
        memcpy(c->ephemerals[c->hellos % REPORTS_MAX], inner->at, KEY_BYTES);
        handshake_respond(&c->handshake, CHANNEL_PROLOGUE, &c->keys);
        c->next = 0;
        if (handshake_read(&c->handshake, inner->at, inner->len, plain, sizeof plain, &len, NULL) < 0)
            return false;
    } else {
        assert_true(envelope->counter >= c->next); /* no nonce is used twice */
        c->next = envelope->counter + 1;
        assert_int_equal(
            channel_open(&c->channel, envelope->counter, inner->at, inner->len, plain, sizeof plain, &len, NULL), 0);
    }
    assert_int_equal(codec_decode_request(plain, len, &f->arena, ret, NULL), 0);
    return true;
}

static inline void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct fixture *f = user;
    struct envelope envelope;
    struct request request;
    arena_reset(&f->arena);
    assert_int_equal(codec_decode_envelope(bytes, len, &envelope, NULL), 0);
    if (envelope.kind == ENVELOPE_SEALED && !f->collector.channel.open) { /* REQ's own resend */
        say(f, peer, ticket, ENVELOPE_NO_SESSION, NULL);
        return;
    }
    if (!open_request(f, &envelope, &request)) {
        f->collector.strangers++;
        link_peer_close(peer);
    } else if (request.kind == REQUEST_HELLO) {
        hear_hello(f, peer, ticket, &request.hello);
    } else {
        hear_report(f, peer, ticket, &request.report, envelope.counter);
    }
}

static inline void on_open(void *user, struct link_peer *peer)
{
    struct collector *c = &((struct fixture *)user)->collector;
    c->peer = peer;
    channel_done(&c->channel); /* sessions belong to a connection */
}

static inline void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    (void)why;
    struct fixture *f = user;
    if (f->collector.peer == peer)
        f->collector.peer = NULL;
}

static inline void on_interval(void *user, int64_t interval_us)
{
    ((struct fixture *)user)->interval_us = interval_us;
}

static inline void on_drained(void *user)
{
    ((struct fixture *)user)->drained++;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->fake = (struct clock_fake){ .mono_ns = 100 * NS_PER_S, .wall_ns = 1790000000 * NS_PER_S };
    f->clock = clock_of_fake(&f->fake);
    f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .least = LOG_INFO, .clock = &f->clock };
    f->collector.welcome = (struct answer){ .kind = ANSWER_WELCOME, .text = "", .policy = { 7, US_PER_S } };
    for (size_t i = 0; i < REPORTS_MAX; i++) {
        f->collector.script[i] = (struct answer){ .kind = ANSWER_STORED, .text = "" };
        f->collector.kinds[i] = ENVELOPE_SEALED;
    }
    arena_init(&f->arena, CODEC_ARENA_BYTES);
    assert_non_null(mkdtemp(folder_template(f->folder, sizeof f->folder, "uplink-test")));
    f->host = 0xc0ffee;
    f->boot = (struct boot_id){ { 7 } };
    assert_int_equal(key_pair_draw(&f->keys, NULL), 0);
    assert_int_equal(key_pair_draw(&f->collector.keys, NULL), 0);
    f->pinned = f->collector.keys.public_key;
    int rc = uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->beat);
    f->beat.data = f;
    return rc;
}

static inline void open_collector(struct fixture *f)
{
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", f->port);
    assert_int_equal(link_server_open(&f->collector.server, &f->loop, address, link_limits_default(), handlers, NULL),
                     0);
    f->port = link_server_port(f->collector.server);
}

static inline void open_agent(struct fixture *f, size_t queue_bytes)
{
    char address[32], other[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", f->port);
    snprintf(other, sizeof other, "127.0.0.1:%u", f->other ? link_server_port(f->other) : 0);
    const char *const addresses[] = { address, other };
    struct uplink_config config = {
        .addresses = addresses,
        .n_addresses = f->other ? 2 : 1,
        .collector = f->pinned,
        .own = &f->keys,
        .host = f->host,
        .interval_us = 10 * US_PER_S,
        .queue_bytes = queue_bytes,
        .spool = *f->spool ? f->spool : NULL,
        .spool_bytes = 64 << 20,
        .spool_age_us = 7 * 86400 * US_PER_S,
        .boot = f->boot,
        .hostname = "web-1",
        .system = "Linux",
    };
    assert_int_equal(uplink_open(&f->uplink, &f->loop, &config, on_interval, f, &f->clock, &f->log, NULL), 0);
}

/* The same collector, at another address as well. Before open_agent(). */
static inline void open_other(struct fixture *f)
{
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    assert_int_equal(link_server_open(&f->other, &f->loop, "127.0.0.1:0", link_limits_default(), handlers, NULL), 0);
}

static inline void open_both(struct fixture *f, size_t queue_bytes)
{
    open_collector(f);
    open_agent(f, queue_bytes);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    f->uplink = uplink_close(f->uplink);
    f->collector.server = link_server_close(f->collector.server);
    f->other = link_server_close(f->other);
    uv_close((uv_handle_t *)&f->beat, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    readings_done(&f->readings);
    arena_done(&f->arena);
    close(f->log.fd);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    if (system(command) != 0) /* NOLINT(cert-env33-c): a folder of our own */
        rc = -1;
    free(f);
    return rc;
}

static inline void push(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        clock_fake_pass(&f->fake, NS_PER_S);
        readings_clear(&f->readings);
        readings_add(&f->readings, METRIC_CPU_UTILIZATION, "", 0.5);
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, "vda", i);
        uplink_push(f->uplink, &f->readings, clock_mono_us(&f->clock), clock_wall_us(&f->clock));
        f->pushed++;
    }
}

/* Lets virtual time go with the loop's rounds, so that back-offs pass without being waited for. */
static inline void run_until(struct fixture *f, bool (*reached)(const struct fixture *f))
{
    while (!reached(f)) {
        uv_run(&f->loop, UV_RUN_ONCE);
        clock_fake_pass(&f->fake, 100 * NS_PER_MS);
    }
}

enum { BEATS_A_TICK = 10 };

/* A clock that goes twenty times as fast as the loop's own: a disk answers in the loop's time, so that it never
 * seems to hang, and pauses pass that the loop does not wait out. */
static inline void on_beat(uv_timer_t *beat)
{
    struct fixture *f = beat->data;
    clock_fake_pass(&f->fake, 20 * NS_PER_MS);
    if (f->uplink && f->ticking && ++f->beats % BEATS_A_TICK == 0)
        push(f, 1);
    if (f->uplink)
        uplink_pump(f->uplink);
}

static inline void run_late(struct fixture *f, bool (*reached)(const struct fixture *f))
{
    uv_timer_start(&f->beat, on_beat, 1, 1);
    while (!reached(f))
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_timer_stop(&f->beat);
}

/* In a session: the welcome's policy has come. */
static inline bool is_reporting(const struct fixture *f)
{
    return f->interval_us > 0;
}

static inline bool is_empty(const struct fixture *f)
{
    return uplink_counts(f->uplink).queued == 0;
}

static inline bool has_a_report(const struct fixture *f)
{
    return f->collector.n > 0;
}

static inline bool has_two_reports(const struct fixture *f)
{
    return f->collector.n > 1;
}

static inline bool has_three_reports(const struct fixture *f)
{
    return f->collector.n > 2;
}

static inline bool has_two_hellos(const struct fixture *f)
{
    return f->collector.hellos == 2;
}

static inline bool is_drained(const struct fixture *f)
{
    return f->drained > 0;
}

enum { LOG_ROOM = 16384 };

static inline void read_log(const struct fixture *f, char text[LOG_ROOM])
{
    ssize_t len = pread(f->log.fd, text, LOG_ROOM - 1, 0);
    assert_in_range(len, 0, LOG_ROOM - 2); /* all of it */
    text[len] = '\0';
}

static inline size_t times_logged(const struct fixture *f, const char *words)
{
    char text[LOG_ROOM];
    read_log(f, text);
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* Whether WORDS were logged since BEFORE was, the last time. */
static inline bool is_logged_since(const struct fixture *f, const char *before, const char *words)
{
    char text[LOG_ROOM];
    read_log(f, text);
    const char *from = NULL;
    for (const char *at = text; (at = strstr(at, before)); at++)
        from = at;
    return from && strstr(from, words);
}

static inline void assert_report(const struct fixture *f, unsigned i, uint64_t first, uint32_t n_ticks, bool has_table)
{
    assert_true(f->collector.n > i);
    assert_int_equal(f->collector.reports[i].first, first);
    assert_int_equal(f->collector.reports[i].n_ticks, n_ticks);
    assert_int_equal(f->collector.reports[i].has_table, has_table);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
