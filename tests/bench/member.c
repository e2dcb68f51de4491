#include "tests/bench/member.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/sp.h"

enum { FAILURES_TOLD = 5 };

static const uint8_t hello_of_req[SP_HELLO_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

static void on_closed(uv_handle_t *handle)
{
    struct member *member = handle->data;
    free(member->values);
    member->values = NULL;
}

static void leave(struct member *member)
{
    if (member->waiting)
        member->crew->in_flight--;
    member->waiting = false;
    member->phase = MEMBER_GONE;
    uv_close((uv_handle_t *)&member->tcp, on_closed);
}

static void fail(struct member *member, const char *why)
{
    if (member->crew->tally.failed++ < FAILURES_TOLD)
        fprintf(stderr, "swarm: host %016" PRIx64 ": %s\n", member->host, why);
    leave(member);
}

/* ---- out ---- */

struct rest { /* what the kernel did not take at once */
    uv_write_t write;
    uint8_t bytes[];
};

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* reading says what became of the connection */
    free(write->data);
}

static void put(struct member *member, const uint8_t *bytes, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)&member->tcp;
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
    int taken = uv_try_write(stream, &buf, 1);
    member->crew->tally.bytes_out += len;
    if (taken == (int)len)
        return;
    if (taken < 0)
        taken = 0;
    size_t left = len - (size_t)taken;
    struct rest *rest = malloc(sizeof *rest + left);
    if (!rest) {
        fail(member, "out of memory");
        return;
    }
    rest->write.data = rest;
    memcpy(rest->bytes, bytes + taken, left);
    buf = uv_buf_init((char *)rest->bytes, (unsigned)left);
    if (uv_write(&rest->write, stream, &buf, 1, on_written) < 0) {
        free(rest);
        fail(member, "cannot write");
    }
}

static void send_envelope(struct member *member, enum envelope_kind kind, const struct request *request)
{
    struct crew *crew = member->crew;
    struct envelope envelope = { .kind = kind, .counter = member->counter, .inner.at = crew->inner };
    struct err err;
    size_t len = 0;
    int rc = codec_encode_request(request, crew->inner, sizeof crew->inner, &envelope.inner.len, &err);
    if (rc == 0)
        rc = codec_encode_envelope(&envelope, crew->outer + SP_HEAD_LEN, sizeof crew->outer - SP_HEAD_LEN, &len, &err);
    if (rc < 0) {
        fail(member, err.text);
        return;
    }
    sp_write_head(crew->outer, UINT32_C(0x80000000) | ++member->request, len);
    if (kind == ENVELOPE_SEALED)
        member->counter++;
    member->waiting = true;
    crew->in_flight++;
    member->sent_ns = (int64_t)uv_hrtime();
    put(member, crew->outer, len + SP_HEAD_LEN);
}

static void send_hello(struct member *member)
{
    struct request request = {
        .kind = REQUEST_HELLO,
        .hello = { .host = member->host,
                   .run = member->run,
                   .mono_us = (int64_t)uv_hrtime() / NS_PER_US,
                   .wall_us = member->wall_us,
                   .version = WARROOM_VERSION,
                   .hostname = "swarm",
                   .system = "Linux" },
    };
    send_envelope(member, ENVELOPE_HANDSHAKE, &request);
}

static void next_tick(struct member *member)
{
    struct clock clock = clock_system();
    sample_move(member->crew->shape, &member->seed, member->values);
    member->n++;
    member->mono_us = (int64_t)uv_hrtime() / NS_PER_US;
    member->wall_us = clock_wall_us(&clock);
}

static void send_report(struct member *member)
{
    struct crew *crew = member->crew;
    const struct sample_shape *shape = crew->shape;
    struct request request = { .kind = REQUEST_REPORT };
    struct report *report = &request.report;
    struct err err;
    for (uint32_t i = 0; i < shape->table.n; i++)
        crew->columns[i] = (struct column){ .fixed = &member->values[i] };
    const struct batch batch = {
        .run = member->run,
        .first = member->n,
        .n_ticks = 1,
        .n_columns = shape->table.n,
        .table = shape->table.hash,
        .mono_us = &member->mono_us,
        .wall_us = &member->wall_us,
        .columns = crew->columns,
    };
    if (codec_encode_batch(&batch, crew->batch, sizeof crew->batch, &report->batch_bytes.len, &err) < 0) {
        fail(member, err.text);
        return;
    }
    report->batch_bytes.at = crew->batch;
    report->highest = member->n;
    report->policy_revision = member->policy.revision;
    report->interval_us = member->policy.interval_us;
    report->sent_us = member->before_us;
    report->answered_us = member->answered_us;
    report->has_table = member->phase == MEMBER_JOINING;
    report->table_bytes = shape->table_bytes;
    crew->tally.sent++;
    send_envelope(member, ENVELOPE_SEALED, &request);
}

static void go_on(struct member *member)
{
    if (member->phase != MEMBER_JOINED || member->waiting || member->owed == 0 ||
        (int64_t)uv_hrtime() < member->retry_ns)
        return;
    if (!member->again)
        next_tick(member);
    member->again = false;
    send_report(member);
}

void member_due(struct member *member, int64_t due_ns)
{
    if (member->owed++ == 0)
        member->due_ns = due_ns;
    go_on(member);
}

/* ---- in ---- */

static void on_stored(struct member *member, int64_t now_ns)
{
    struct tally *tally = &member->crew->tally;
    if (member->phase == MEMBER_JOINING) {
        member->phase = MEMBER_JOINED;
        member->crew->joined++;
        member->crew->on_joined(member->crew);
        return;
    }
    tally->stored++;
    latency_add(&tally->from_sent, now_ns - member->sent_ns);
    latency_add(&tally->from_due, now_ns - member->due_ns);
    member->owed--;
    member->due_ns += member->crew->period_ns;
    go_on(member);
}

static void on_answer(struct member *member, const struct answer *answer)
{
    int64_t now_ns = (int64_t)uv_hrtime();
    member->before_us = member->sent_ns / NS_PER_US;
    member->answered_us = now_ns / NS_PER_US;
    if (answer->policy.revision != 0)
        member->policy = answer->policy;
    switch (answer->kind) {
    case ANSWER_WELCOME:
        member->phase = MEMBER_JOINING;
        next_tick(member);
        send_report(member);
        return;
    case ANSWER_STORED:
        on_stored(member, now_ns);
        return;
    case ANSWER_BUSY:
        member->crew->tally.busy++;
        member->again = true;
        member->retry_ns = now_ns + answer->retry_us * NS_PER_US;
        if (member->phase == MEMBER_JOINING)
            fail(member, "busy before it had joined");
        return;
    case ANSWER_REFUSED:
        member->crew->tally.refused++;
        fail(member, answer->text);
        return;
    case ANSWER_NO_TABLE:
        fail(member, "the collector lost its table");
        return;
    }
}

static void on_body(struct member *member, const uint8_t *bytes, size_t len)
{
    struct crew *crew = member->crew;
    struct envelope envelope;
    struct answer answer = { 0 };
    struct err err;
    arena_reset(&crew->arena);
    int rc = codec_decode_envelope(bytes, len, &envelope, &err);
    if (rc == 0 && envelope.kind != ENVELOPE_HANDSHAKE && envelope.kind != ENVELOPE_SEALED)
        rc = err_set(&err, -ENOTCONN, "the collector has no session for it");
    if (rc == 0)
        rc = codec_decode_answer(envelope.inner.at, envelope.inner.len, &crew->arena, &answer, &err);
    if (rc < 0) {
        fail(member, err.text);
        return;
    }
    member->waiting = false;
    crew->in_flight--;
    on_answer(member, &answer);
}

/* One SP message from the front of what is there; the bytes it took, 0: not whole yet, negative: not SP. */
static ssize_t take_message(struct member *member)
{
    uint64_t len;
    uint32_t id;
    if (member->have < SP_HEAD_LEN)
        return 0;
    memcpy(&len, member->in, sizeof len);
    memcpy(&id, member->in + sizeof len, sizeof id);
    len = be64toh(len);
    if (len < sizeof id || len > sizeof member->in - sizeof len)
        return -EPROTO;
    if (member->have < sizeof len + len)
        return 0;
    if (!member->waiting || be32toh(id) != (UINT32_C(0x80000000) | member->request))
        return -EPROTO;
    on_body(member, member->in + SP_HEAD_LEN, (size_t)len - sizeof id);
    return (ssize_t)(sizeof len + len);
}

static ssize_t take_hello(struct member *member)
{
    uint8_t hello_of_rep[SP_HELLO_LEN];
    if (member->have < SP_HELLO_LEN)
        return 0;
    sp_write_hello(hello_of_rep);
    if (memcmp(member->in, hello_of_rep, SP_HELLO_LEN) != 0)
        return -EPROTO;
    member->phase = MEMBER_GREETING;
    send_hello(member);
    return SP_HELLO_LEN;
}

static void take(struct member *member)
{
    ssize_t used = 1;
    while (used > 0 && member->phase != MEMBER_GONE) {
        used = member->phase == MEMBER_SHAKING ? take_hello(member) : take_message(member);
        if (used < 0) {
            fail(member, "what answers there is no collector");
            return;
        }
        member->have -= (size_t)used;
        memmove(member->in, member->in + used, member->have);
    }
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)wanted;
    struct member *member = handle->data;
    *ret = uv_buf_init((char *)member->in + member->have, (unsigned)(sizeof member->in - member->have));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    struct member *member = stream->data;
    if (len < 0) {
        fail(member, len == UV_EOF ? "the collector hung up" : uv_strerror((int)len));
        return;
    }
    member->have += (size_t)len;
    member->crew->tally.bytes_in += (uint64_t)len;
    take(member);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct member *member = connect->data;
    if (status == UV_ECANCELED)
        return;
    if (status < 0) {
        fail(member, uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&member->tcp, 1);
    member->phase = MEMBER_SHAKING;
    put(member, hello_of_req, sizeof hello_of_req);
    uv_read_start((uv_stream_t *)&member->tcp, on_room, on_read);
}

void member_start(struct member *member, struct crew *crew, uint64_t host)
{
    member->crew = crew;
    member->host = host;
    member->phase = MEMBER_CONNECTING;
    uv_tcp_init(crew->loop, &member->tcp);
    member->tcp.data = member;
    member->connect.data = member;
    member->values = calloc(crew->shape->table.n, sizeof *member->values);
    if (!member->values || getrandom(&member->run, sizeof member->run, 0) != sizeof member->run ||
        getrandom(&member->seed, sizeof member->seed, 0) != sizeof member->seed) {
        fail(member, "out of memory or randomness");
        return;
    }
    member->seed |= 1; /* xorshift stays at 0 for ever */
    sample_begin(crew->shape, &member->seed, member->values);
    int rc = uv_tcp_connect(&member->connect, &member->tcp, (const struct sockaddr *)&crew->address, on_connected);
    if (rc < 0)
        fail(member, uv_strerror(rc));
}

void member_stop(struct member *member)
{
    if (member->phase != MEMBER_IDLE && member->phase != MEMBER_GONE)
        leave(member);
}
