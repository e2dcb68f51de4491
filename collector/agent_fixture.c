/* An agent as the collector sees one: SP's REQ over TCP, one envelope a request, the initiator's side of the channel,
 * written and read by hand, so that a test may say what no real agent would. */
#include "collector/agent_fixture.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"
#include "proto/codec/codec.h"
#include "proto/link/sp.h"
#include "utlist.h"

#define SP_REQUEST_BIT UINT32_C(0x80000000)
enum { N_SERIES = 2, REPORT_TICKS = 64, ANSWERS_ARENA = 1 << 20, OUT_BYTES = 16 << 10, IN_BYTES = 16 << 10 };

struct agent {
    struct fixture *f;
    struct agent *next, *prev;
    uv_tcp_t tcp;
    bool shaken; /* SP's handshake is done */
    bool closed; /* by the other side */
    bool leaving;
    uint64_t host;
    uint8_t run;
    struct key_pair key;
    struct handshake handshake;
    struct channel channel;
    unsigned n_requests;
    struct reply replies[AGENT_REPLIES];
    struct arena arena; /* of the answers' texts */
    size_t have;
    uint8_t in[IN_BYTES];
};

static const struct series series[N_SERIES] = {
    { CPU, "", "1", -4 },
    { EGRESS, "eth0", "By/s", 0 },
};

/* Where cmocka's assertions may not jump from: loop callbacks. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "agent: %s\n", what);
    abort();
}

/* ---- in ---- */

static int open_answer(struct agent *agent, const struct envelope *envelope, uint8_t *plain, size_t *ret_len)
{
    const struct bytes *box = &envelope->inner;
    if (envelope->kind == ENVELOPE_HANDSHAKE)
        return handshake_read(&agent->handshake, box->at, box->len, plain, IN_BYTES, ret_len, NULL);
    return channel_open(&agent->channel, envelope->counter, box->at, box->len, plain, IN_BYTES, ret_len, NULL);
}

static void take_answer(struct agent *agent, struct reply *reply)
{
    const struct envelope *envelope = &reply->envelope;
    uint8_t plain[IN_BYTES];
    size_t len;
    if (reply->played)
        return;
    int rc = open_answer(agent, envelope, plain, &len);
    must(rc == 0, "an answer that does not open");
    must(codec_decode_answer(plain, len, &agent->arena, &reply->answer, NULL) == 0, "an envelope without an answer");
    if (envelope->kind == ENVELOPE_SEALED)
        return;
    if (reply->answer.kind == ANSWER_WELCOME)
        handshake_finish(&agent->handshake, &agent->channel);
    else
        handshake_done(&agent->handshake);
}

static void take_reply(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t len)
{
    struct err err;
    uint32_t request = id & ~SP_REQUEST_BIT;
    must((id & SP_REQUEST_BIT) && request < agent->n_requests && request + AGENT_REPLIES >= agent->n_requests,
         "an answer to nothing asked");
    struct reply *reply = &agent->replies[request % AGENT_REPLIES];
    must(!reply->came, "a second answer");
    must(codec_decode_envelope(bytes, len, &reply->envelope, &err) == 0, "an answer in no envelope");
    if (reply->envelope.kind == ENVELOPE_HANDSHAKE || reply->envelope.kind == ENVELOPE_SEALED)
        take_answer(agent, reply);
    reply->envelope.inner = (struct bytes){ NULL, 0 };
    reply->came = true;
}

/* The bytes of the message at the front; 0: it is not whole yet. */
static size_t take_message(struct agent *agent)
{
    uint64_t len;
    uint32_t id;
    if (!agent->shaken) {
        uint8_t want[SP_HELLO_LEN];
        sp_write_hello(want);
        if (agent->have < SP_HELLO_LEN)
            return 0;
        must(memcmp(agent->in, want, SP_HELLO_LEN) == 0, "not SP's REP");
        agent->shaken = true;
        return SP_HELLO_LEN;
    }
    if (agent->have < SP_HEAD_LEN)
        return 0;
    memcpy(&len, agent->in, sizeof len);
    memcpy(&id, agent->in + sizeof len, sizeof id);
    len = be64toh(len);
    must(len >= sizeof id && len <= IN_BYTES - sizeof len, "an answer of no length we know");
    if (agent->have < sizeof len + len)
        return 0;
    take_reply(agent, be32toh(id), agent->in + SP_HEAD_LEN, (size_t)len - sizeof id);
    return (size_t)len + sizeof len;
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct agent *agent = handle->data;
    (void)size;
    *buf = uv_buf_init((char *)agent->in + agent->have, (unsigned)(IN_BYTES - agent->have));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct agent *agent = stream->data;
    (void)buf;
    if (n < 0) {
        agent->closed = true;
        uv_read_stop(stream);
        return;
    }
    agent->have += (size_t)n;
    for (size_t used; (used = take_message(agent)) > 0;) {
        agent->have -= used;
        memmove(agent->in, agent->in + used, agent->have);
    }
}

/* ---- out ---- */

struct writing {
    uv_write_t write;
    uint8_t bytes[];
};

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* reading says what became of the connection */
    free(write->data);
}

static void write_bytes(struct agent *agent, const uint8_t *bytes, size_t len)
{
    struct writing *writing = malloc(sizeof *writing + len);
    must(writing != NULL, "out of memory");
    writing->write.data = writing;
    memcpy(writing->bytes, bytes, len);
    uv_buf_t buf = uv_buf_init((char *)writing->bytes, (unsigned)len);
    must(uv_write(&writing->write, (uv_stream_t *)&agent->tcp, &buf, 1, on_written) == 0, "cannot write");
}

unsigned send_raw(struct agent *agent, const void *bytes, size_t len)
{
    uint8_t out[SP_HEAD_LEN + OUT_BYTES];
    assert_true(len <= OUT_BYTES);
    unsigned request = agent->n_requests++;
    agent->replies[request % AGENT_REPLIES] = (struct reply){ .came = false };
    sp_write_head(out, SP_REQUEST_BIT | request, len);
    memcpy(out + SP_HEAD_LEN, bytes, len);
    write_bytes(agent, out, SP_HEAD_LEN + len);
    return request;
}

static unsigned send_envelope(struct agent *agent, const struct envelope *envelope)
{
    uint8_t outer[OUT_BYTES];
    size_t len;
    assert_int_equal(codec_encode_envelope(envelope, outer, sizeof outer, &len, NULL), 0);
    return send_raw(agent, outer, len);
}

static size_t encode_request(const struct request *request, uint8_t *buffer, size_t size)
{
    struct err err;
    size_t len = 0;
    if (codec_encode_request(request, buffer, size, &len, &err) < 0)
        fail_msg("%s", err.text);
    return len;
}

static struct run_id run_of(uint8_t n)
{
    struct run_id run = { .bytes = { n } };
    if (n == IMPORTED_RUN)
        memcpy(run.bytes, STORE_IMPORT_MARK, sizeof STORE_IMPORT_MARK - 1);
    return run;
}

size_t write_hello(struct agent *agent, const uint8_t *token, uint8_t *message, size_t size)
{
    const struct request request = {
        .kind = REQUEST_HELLO,
        .hello = { .host = agent->host,
                   .run = run_of(agent->run),
                   .mono_us = clock_mono_us(&agent->f->clock),
                   .wall_us = clock_wall_us(&agent->f->clock),
                   .version = "0.1.0",
                   .hostname = "web-1",
                   .system = "Linux",
                   .token = { token, token ? TOKEN_BYTES : 0 } },
    };
    uint8_t inner[1024];
    size_t len = encode_request(&request, inner, sizeof inner);
    handshake_initiate(&agent->handshake, CHANNEL_PROLOGUE, &agent->key, &agent->f->collector->key.public_key);
    assert_int_equal(handshake_write(&agent->handshake, inner, len, message, size, &len, NULL), 0);
    return len;
}

unsigned send_handshake(struct agent *agent, const uint8_t *message, size_t len)
{
    return send_envelope(agent, &(struct envelope){ .kind = ENVELOPE_HANDSHAKE, .inner = { message, len } });
}

unsigned play_handshake(struct agent *agent, const uint8_t *message, size_t len)
{
    unsigned request = send_handshake(agent, message, len);
    agent->replies[request % AGENT_REPLIES].played = true;
    return request;
}

void change_key(struct agent *agent)
{
    agent->host = 0;
    assert_int_equal(key_pair_draw(&agent->key, NULL), 0);
}

static unsigned send_hello_with(struct agent *agent, const uint8_t *token)
{
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    return send_handshake(agent, message, write_hello(agent, token, message, sizeof message));
}

unsigned send_hello(struct agent *agent)
{
    return send_hello_with(agent, NULL);
}

unsigned send_join(struct agent *agent, const struct invite *invite)
{
    return send_hello_with(agent, invite->token);
}

static size_t encode_table(const struct report_of *of, uint8_t *buffer, size_t size)
{
    char instance[16] = "";
    struct series rows[N_SERIES];
    const struct series_table table = { .n = N_SERIES, .at = rows };
    memcpy(rows, series, sizeof rows);
    if (of->table > 0)
        snprintf(instance, sizeof instance, "%" PRIu32, of->table);
    if (of->table > 0)
        rows[N_SERIES - 1].instance = instance;
    if (of->probed)
        rows[N_SERIES - 1] = (struct series){ LOSS, of->probed, "1", 0 };
    if (of->exercises)
        rows[N_SERIES - 1] = (struct series){ EXERCISE, "", "1", 0 };
    size_t len = 0;
    assert_int_equal(codec_encode_table(&table, buffer, size, &len, NULL), 0);
    return len;
}

static size_t encode_batch(const struct agent *agent, const struct report_of *of, uint32_t n,
                           const struct table_hash *table, uint8_t *buffer, size_t size)
{
    int64_t mono_us[REPORT_TICKS], wall_us[REPORT_TICKS], cpu[REPORT_TICKS], egress[REPORT_TICKS];
    struct column columns[N_SERIES] = { { .fixed = cpu }, { .fixed = egress } };
    size_t len = 0;
    assert_true(n <= REPORT_TICKS);
    for (uint32_t i = 0; i < n; i++) {
        int64_t ago_us = of->age_us + (int64_t)(n - 1 - i) * US_PER_S;
        mono_us[i] = clock_mono_us(&agent->f->clock) - ago_us + of->mono_off_us;
        wall_us[i] = clock_wall_us(&agent->f->clock) - ago_us + of->wall_off_us;
        cpu[i] = llround((i == n - 1 && of->last_cpu > 0 ? of->last_cpu : of->cpu) * 1e4);
        egress[i] = of->exercises ? (int64_t)of->exercise : llround(of->probed ? of->loss : of->egress);
    }
    const struct batch batch = {
        .run = run_of(of->run ? of->run : agent->run),
        .first = of->first,
        .n_ticks = n,
        .n_columns = N_SERIES - of->empty_column,
        .table = *table,
        .mono_us = mono_us,
        .wall_us = wall_us,
        .columns = columns,
    };
    assert_int_equal(codec_encode_batch(&batch, buffer, size, &len, NULL), 0);
    return len;
}

/* Without a channel it goes as it is: the collector cannot tell. */
static unsigned send_sealed(struct agent *agent, const struct request *request, bool spoilt)
{
    uint8_t box[OUT_BYTES - 64];
    struct envelope envelope = { .kind = ENVELOPE_SEALED, .inner.at = box };
    size_t len = encode_request(request, box, sizeof box - CHANNEL_TAG_BYTES);
    envelope.inner.len = len;
    assert_true(
        channel_seal(&agent->channel, box, len, box, sizeof box, &envelope.inner.len, &envelope.counter, NULL) >= 0);
    box[0] ^= spoilt;
    return send_envelope(agent, &envelope);
}

unsigned send_report(struct agent *agent, const struct report_of *of)
{
    uint8_t table[1024];
    uint8_t batch[8192];
    uint32_t n = of->n ? of->n : 1;
    int64_t interval_us = of->interval_us ? of->interval_us : 10 * US_PER_S;
    struct request request = { .kind = REQUEST_REPORT };
    struct report *row = &request.report;
    row->table_bytes = (struct bytes){ table, encode_table(of, table, sizeof table) };
    struct table_hash hash = codec_table_hash(table, row->table_bytes.len);
    row->batch_bytes = (struct bytes){ batch, encode_batch(agent, of, n, &hash, batch, sizeof batch) };
    row->has_table = !of->without_table;
    row->highest = of->highest ? of->highest : of->first + n - 1;
    row->interval_us = interval_us;
    row->policy_revision = of->policy_revision ? of->policy_revision : (uint64_t)(interval_us / US_PER_MS);
    uint8_t run = of->run ? of->run : agent->run;
    struct dropped dropped = { .run = run_of(of->dropped_run ? of->dropped_run : run),
                               .first = of->dropped_first ? of->dropped_first : 1,
                               .last = of->dropped };
    dropped.cause = DROP_OVERFLOW;
    row->same_boot = of->same_boot;
    if (of->sent_off_us != 0)
        row->sent_us = row->answered_us = clock_mono_us(&agent->f->clock) + of->sent_off_us;
    row->n_dropped = of->dropped > 0;
    row->dropped = &dropped;
    if (of->counter)
        agent->channel.next_seal = *of->counter;
    return send_sealed(agent, &request, of->spoilt);
}

/* ---- replies ---- */

bool has_reply(const struct agent *agent, unsigned request)
{
    return agent->replies[request % AGENT_REPLIES].came;
}

const struct reply *wait_reply(struct agent *agent, unsigned request)
{
    RUN_UNTIL(agent->f, has_reply(agent, request) || agent->closed);
    assert_true(has_reply(agent, request));
    return &agent->replies[request % AGENT_REPLIES];
}

const struct reply *hello(struct agent *agent)
{
    return wait_reply(agent, send_hello(agent));
}

const struct reply *join(struct agent *agent, const struct invite *invite)
{
    return wait_reply(agent, send_join(agent, invite));
}

const struct reply *report(struct agent *agent, const struct report_of *of)
{
    return wait_reply(agent, send_report(agent, of));
}

/* ---- connections ---- */

static void on_connected(uv_connect_t *connecting, int status)
{
    static const uint8_t hello_of_req[SP_HELLO_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };
    struct agent *agent = connecting->data;
    free(connecting);
    must(status == 0, "cannot connect");
    uv_read_start((uv_stream_t *)&agent->tcp, give_room, on_bytes);
    write_bytes(agent, hello_of_req, SP_HELLO_LEN);
}

struct agent *connect_with(struct fixture *f, const struct key_pair *key, uint64_t host, uint8_t run)
{
    struct agent *agent = calloc(1, sizeof *agent);
    uv_connect_t *connecting = malloc(sizeof *connecting);
    assert_true(agent && connecting);
    struct sockaddr_in address;
    agent->f = f;
    agent->host = host;
    agent->run = run;
    agent->key = *key;
    agent->tcp.data = agent;
    connecting->data = agent;
    arena_init(&agent->arena, ANSWERS_ARENA);
    DL_APPEND(f->agents, agent);
    uv_tcp_init(&f->beyond, &agent->tcp);
    uv_ip4_addr("127.0.0.1", (int)status_of(f).port, &address);
    assert_int_equal(uv_tcp_connect(connecting, &agent->tcp, (struct sockaddr *)&address, on_connected), 0);
    RUN_UNTIL(f, agent->shaken);
    return agent;
}

struct agent *connect_stranger(struct fixture *f, uint64_t host)
{
    struct key_pair key;
    assert_int_equal(key_pair_draw(&key, NULL), 0);
    return connect_with(f, &key, host, 1);
}

/* As people do it: by an invitation, over a connection of its own. */
static void enrol(struct fixture *f, const struct key_pair *key, uint64_t host)
{
    struct invite invite = invite_host(f, host);
    unsigned open = status_of(f).link.open;
    struct agent *agent = connect_with(f, key, 0, 1);
    assert_int_equal(join(agent, &invite)->answer.kind, ANSWER_WELCOME);
    close_agent(agent);
    RUN_UNTIL(f, status_of(f).link.open == open);
}

const struct key_pair *key_of(struct fixture *f, uint64_t host)
{
    for (size_t i = 0; i < f->n_keys; i++)
        if (f->keys[i].host == host)
            return &f->keys[i].pair;
    assert_true(f->n_keys < FIXTURE_KEYS);
    struct fixture_key *key = &f->keys[f->n_keys++];
    key->host = host;
    assert_int_equal(key_pair_draw(&key->pair, NULL), 0);
    if (fleet_host(collector_fleet(f->collector), host))
        enrol(f, &key->pair, host);
    return &key->pair;
}

struct agent *connect_agent(struct fixture *f, uint64_t host, uint8_t run)
{
    return connect_with(f, key_of(f, host), host, run);
}

struct agent *join_agent(struct fixture *f, uint64_t host, uint8_t run)
{
    struct agent *agent = connect_agent(f, host, run);
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME);
    return agent;
}

bool agent_was_closed(const struct agent *agent)
{
    return agent->closed;
}

void close_agent(struct agent *agent)
{
    if (!agent->leaving)
        uv_close((uv_handle_t *)&agent->tcp, NULL);
    agent->leaving = true;
}

void free_agents(struct fixture *f)
{
    struct agent *agent, *after;
    DL_FOREACH(f->agents, agent)
    close_agent(agent);
    uv_run(&f->beyond, UV_RUN_NOWAIT); /* a closed handle is let go of within one turn */
    DL_FOREACH_SAFE(f->agents, agent, after)
    {
        arena_done(&agent->arena);
        free(agent);
    }
}
