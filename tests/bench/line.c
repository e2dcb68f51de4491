#include "tests/bench/line.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/sp.h"

static const uint8_t hello_of_req[SP_HELLO_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

static void on_closed(uv_handle_t *handle)
{
    struct line *line = handle->data;
    line->phase = LINE_IDLE;
    line->home->on_gone(line, line->why);
}

/* false: it has left already. */
static bool begin_to_leave(struct line *line, const char *why)
{
    if (line->phase == LINE_IDLE || line->phase == LINE_CLOSING)
        return false;
    line->waiting = false;
    line->why = why;
    line->phase = LINE_CLOSING;
    handshake_done(&line->handshake);
    channel_done(&line->channel);
    return true;
}

static void leave(struct line *line, const char *why)
{
    if (begin_to_leave(line, why))
        uv_close((uv_handle_t *)&line->tcp, on_closed);
}

void line_stop(struct line *line)
{
    leave(line, NULL);
}

void line_reset(struct line *line)
{
    if (begin_to_leave(line, NULL) && uv_tcp_close_reset(&line->tcp, on_closed) < 0)
        uv_close((uv_handle_t *)&line->tcp, on_closed);
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

static void put(struct line *line, const uint8_t *bytes, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)&line->tcp;
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
    int taken = uv_try_write(stream, &buf, 1);
    line->home->bytes_out += len;
    if (taken == (int)len)
        return;
    if (taken < 0)
        taken = 0;
    size_t left = len - (size_t)taken;
    struct rest *rest = malloc(sizeof *rest + left);
    if (!rest) {
        leave(line, "out of memory");
        return;
    }
    rest->write.data = rest;
    memcpy(rest->bytes, bytes + taken, left);
    buf = uv_buf_init((char *)rest->bytes, (unsigned)left);
    if (uv_write(&rest->write, stream, &buf, 1, on_written) < 0) {
        free(rest);
        leave(line, "cannot write");
    }
}

/* What lies in home->inner. */
static void send_envelope(struct line *line, enum envelope_kind kind, uint64_t counter, size_t inner_len)
{
    struct line_home *home = line->home;
    const struct envelope envelope = { .kind = kind, .counter = counter, .inner = { home->inner, inner_len } };
    size_t len;
    if (codec_encode_envelope(&envelope, home->outer + SP_HEAD_LEN, sizeof home->outer - SP_HEAD_LEN, &len, NULL) < 0) {
        leave(line, "an envelope that cannot be encoded");
        return;
    }
    sp_write_head(home->outer, UINT32_C(0x80000000) | ++line->request, len);
    line->waiting = true;
    line->sent_ns = (int64_t)uv_hrtime();
    put(line, home->outer, len + SP_HEAD_LEN);
}

void line_hello(struct line *line, const struct hello *hello)
{
    struct line_home *home = line->home;
    const struct request request = { .kind = REQUEST_HELLO, .hello = *hello };
    size_t len, inner_len = 0;
    line->answered_us = 0;
    line->before_us = 0;
    handshake_initiate(&line->handshake, CHANNEL_PROLOGUE, line->own, line->collector);
    int rc = codec_encode_request(&request, home->plain, sizeof home->plain, &len, NULL);
    if (rc == 0)
        rc = handshake_write(&line->handshake, home->plain, len, home->inner, sizeof home->inner, &inner_len, NULL);
    if (rc < 0)
        leave(line, "a hello that cannot be encoded");
    else
        send_envelope(line, ENVELOPE_HANDSHAKE, 0, inner_len);
}

void line_report(struct line *line, struct report *report)
{
    struct line_home *home = line->home;
    size_t len, inner_len = 0;
    uint64_t counter;
    report->sent_us = line->before_us;
    report->answered_us = line->answered_us;
    const struct request request = { .kind = REQUEST_REPORT, .report = *report };
    int rc = codec_encode_request(&request, home->plain, sizeof home->plain, &len, NULL);
    if (rc == 0)
        rc =
            channel_seal(&line->channel, home->plain, len, home->inner, sizeof home->inner, &inner_len, &counter, NULL);
    if (rc != 0)
        leave(line, "a report that cannot be sealed");
    else
        send_envelope(line, ENVELOPE_SEALED, counter, inner_len);
}

/* ---- in ---- */

/* The answer as it was encoded, at home->plain. */
static int open_answer(struct line *line, const struct envelope *envelope, size_t *ret_len)
{
    struct line_home *home = line->home;
    const struct bytes *inner = &envelope->inner;
    if (envelope->kind == ENVELOPE_HANDSHAKE)
        return handshake_read(&line->handshake, inner->at, inner->len, home->plain, sizeof home->plain, ret_len, NULL);
    return channel_open(&line->channel, envelope->counter, inner->at, inner->len, home->plain, sizeof home->plain,
                        ret_len, NULL);
}

static void on_body(struct line *line, const uint8_t *bytes, size_t len)
{
    struct line_home *home = line->home;
    struct envelope envelope;
    struct answer answer = { 0 };
    size_t plain_len = 0;
    arena_reset(&home->arena);
    int rc = codec_decode_envelope(bytes, len, &envelope, NULL);
    if (rc == 0 && envelope.kind != ENVELOPE_HANDSHAKE && envelope.kind != ENVELOPE_SEALED) {
        leave(line, "the collector has no session for it");
        return;
    }
    if (rc == 0)
        rc = open_answer(line, &envelope, &plain_len);
    if (rc == 0)
        rc = codec_decode_answer(home->plain, plain_len, &home->arena, &answer, NULL);
    if (rc != 0) {
        leave(line, "an answer that does not open or cannot be decoded");
        return;
    }
    if (envelope.kind == ENVELOPE_HANDSHAKE && answer.kind == ANSWER_WELCOME)
        handshake_finish(&line->handshake, &line->channel);
    line->waiting = false;
    line->before_us = line->sent_ns / NS_PER_US;
    line->answered_us = (int64_t)uv_hrtime() / NS_PER_US;
    home->on_answer(line, &answer);
}

/* One SP message from the front of what is there; the bytes it took, 0: not whole yet, negative: not SP. */
static ssize_t take_message(struct line *line)
{
    uint64_t len;
    uint32_t id;
    if (line->have < SP_HEAD_LEN)
        return 0;
    memcpy(&len, line->in, sizeof len);
    memcpy(&id, line->in + sizeof len, sizeof id);
    len = be64toh(len);
    if (len < sizeof id || len > sizeof line->in - sizeof len)
        return -EPROTO;
    if (line->have < sizeof len + len)
        return 0;
    if (!line->waiting || be32toh(id) != (UINT32_C(0x80000000) | line->request))
        return -EPROTO;
    on_body(line, line->in + SP_HEAD_LEN, (size_t)len - sizeof id);
    return (ssize_t)(sizeof len + len);
}

static ssize_t take_hello(struct line *line)
{
    uint8_t hello_of_rep[SP_HELLO_LEN];
    if (line->have < SP_HELLO_LEN)
        return 0;
    sp_write_hello(hello_of_rep);
    if (memcmp(line->in, hello_of_rep, SP_HELLO_LEN) != 0)
        return -EPROTO;
    line->phase = LINE_OPEN;
    line->home->on_open(line);
    return SP_HELLO_LEN;
}

static void take(struct line *line)
{
    ssize_t used = 1;
    while (used > 0 && line->phase != LINE_CLOSING) {
        used = line->phase == LINE_SHAKING ? take_hello(line) : take_message(line);
        if (used < 0) {
            leave(line, "what answers there is no collector");
            return;
        }
        line->have -= (size_t)used;
        memmove(line->in, line->in + used, line->have);
    }
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)wanted;
    struct line *line = handle->data;
    *ret = uv_buf_init((char *)line->in + line->have, (unsigned)(sizeof line->in - line->have));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    struct line *line = stream->data;
    if (len < 0) {
        leave(line, len == UV_EOF ? "the collector hung up" : uv_strerror((int)len));
        return;
    }
    line->have += (size_t)len;
    line->home->bytes_in += (uint64_t)len;
    take(line);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct line *line = connect->data;
    if (status == UV_ECANCELED)
        return;
    if (status < 0) {
        leave(line, uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&line->tcp, 1);
    line->phase = LINE_SHAKING;
    put(line, hello_of_req, sizeof hello_of_req);
    uv_read_start((uv_stream_t *)&line->tcp, on_room, on_read);
}

void line_start(struct line *line)
{
    line->phase = LINE_CONNECTING;
    line->have = 0;
    line->waiting = false;
    uv_tcp_init(line->home->loop, &line->tcp);
    line->tcp.data = line;
    line->connect.data = line;
    int rc = uv_tcp_connect(&line->connect, &line->tcp, (const struct sockaddr *)&line->home->address, on_connected);
    if (rc < 0)
        leave(line, uv_strerror(rc));
}

void line_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
