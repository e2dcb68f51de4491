/* warroom-seal: what the secure channel costs as code, without a socket: the collector's side of a handshake, and
 * sealing and opening the report that warroom-swarm sends, and the answer to it.
 *
 * Everything is one thread's processor time. Messages are made and taken in rounds, so that the clock, which costs a
 * system call, is asked once a round. Prints one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/channel.h"
#include "tests/bench/sample.h"

enum { ROUND = 256, HANDSHAKE_ROUNDS = 40, SEAL_ROUNDS = 400, COLUMNS = 100, SHAPE_ARENA_BYTES = 1 << 20 };

struct text { /* an encoded message, plain or not */
    uint8_t bytes[HANDSHAKE_MESSAGE_MAX];
    size_t len;
};

struct bench {
    struct key_pair collector, agent;
    struct text hello, welcome, report, stored;
    struct text messages[ROUND];
    uint64_t counters[ROUND];
    struct channel agents, collectors; /* the ends of one channel */
    double handshake_us, seal_us, open_us, seal_answer_us, open_answer_us;
};

static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "seal: %s: %d\n", what, rc);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return at.tv_sec * NS_PER_S + at.tv_nsec;
}

static double us_each(int64_t ns, unsigned n)
{
    return (double)ns / (double)n / (double)NS_PER_US;
}

/* ---- what is said ---- */

static void encode_hello(struct bench *bench)
{
    const struct request request = { .kind = REQUEST_HELLO,
                                     .hello = { .host = 0x1122334455667788,
                                                .mono_us = 3600 * US_PER_S,
                                                .wall_us = 1795000000 * US_PER_S,
                                                .version = WARROOM_VERSION,
                                                .hostname = "web-1.example.com",
                                                .system = "Linux 6.1.0-18-amd64 x86_64" } };
    must(codec_encode_request(&request, bench->hello.bytes, sizeof bench->hello.bytes, &bench->hello.len, NULL),
         "hello");
}

static void encode_answer(struct text *ret, const struct answer *answer)
{
    must(codec_encode_answer(answer, ret->bytes, sizeof ret->bytes, &ret->len, NULL), "answer");
}

/* As a swarm's member sends it: one tick, without the table. */
static void encode_report(struct bench *bench, struct arena *arena)
{
    struct sample_shape *shape = arena_alloc(arena, 1, sizeof *shape);
    int64_t values[COLUMNS], mono_us = 3600 * US_PER_S, wall_us = 1795000000 * US_PER_S;
    struct column columns[COLUMNS];
    uint64_t seed = 1;
    uint8_t bytes[HANDSHAKE_PAYLOAD_MAX];
    must(shape ? sample_shape_make(shape, COLUMNS, arena, NULL) : -1, "shape");
    sample_begin(shape, &seed, values);
    for (unsigned i = 0; i < COLUMNS; i++)
        columns[i] = (struct column){ .fixed = &values[i] };
    const struct batch batch = { .first = 3600,
                                 .n_ticks = 1,
                                 .n_columns = COLUMNS,
                                 .table = shape->table.hash,
                                 .mono_us = &mono_us,
                                 .wall_us = &wall_us,
                                 .columns = columns };
    struct request request = { .kind = REQUEST_REPORT,
                               .report = { .highest = 3600,
                                           .interval_us = US_PER_S,
                                           .sent_us = mono_us,
                                           .answered_us = mono_us + 20000,
                                           .batch_bytes.at = bytes } };
    must(codec_encode_batch(&batch, bytes, sizeof bytes, &request.report.batch_bytes.len, NULL), "batch");
    must(codec_encode_request(&request, bench->report.bytes, sizeof bench->report.bytes, &bench->report.len, NULL),
         "report");
}

/* ---- handshakes ---- */

/* Message 1 read, answered and the channel made: what a login costs the collector beside its transport. */
static void answer_one(struct bench *bench, const struct text *first, struct text *second)
{
    AUTO(handshake_done) struct handshake handshake;
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX];
    size_t len;
    handshake_respond(&handshake, CHANNEL_PROLOGUE, &bench->collector);
    must(handshake_read(&handshake, first->bytes, first->len, payload, sizeof payload, &len, NULL), "message 1");
    must(handshake_write(&handshake, bench->welcome.bytes, bench->welcome.len, second->bytes, sizeof second->bytes,
                         &second->len, NULL),
         "message 2");
    handshake_finish(&handshake, &bench->collectors);
}

static void measure_handshakes(struct bench *bench)
{
    struct text second;
    struct handshake handshake;
    int64_t spent_ns = 0;
    for (unsigned round = 0; round < HANDSHAKE_ROUNDS; round++) {
        for (unsigned i = 0; i < ROUND; i++) {
            struct text *first = &bench->messages[i];
            handshake_initiate(&handshake, CHANNEL_PROLOGUE, &bench->agent, &bench->collector.public_key);
            must(handshake_write(&handshake, bench->hello.bytes, bench->hello.len, first->bytes, sizeof first->bytes,
                                 &first->len, NULL),
                 "message 1");
        }
        int64_t began_ns = cpu_ns();
        for (unsigned i = 0; i < ROUND; i++)
            answer_one(bench, &bench->messages[i], &second);
        spent_ns += cpu_ns() - began_ns;
    }
    bench->handshake_us = us_each(spent_ns, HANDSHAKE_ROUNDS * ROUND);

    uint8_t payload[HANDSHAKE_PAYLOAD_MAX]; /* the last agent goes on */
    size_t len;
    must(handshake_read(&handshake, second.bytes, second.len, payload, sizeof payload, &len, NULL), "message 2");
    handshake_finish(&handshake, &bench->agents);
}

/* ---- transport ---- */

/* `plain` from one end to the other. */
static void measure_messages(struct bench *bench, struct channel *from, struct channel *to, const struct text *plain,
                             double *ret_seal_us, double *ret_open_us)
{
    int64_t seal_ns = 0, open_ns = 0;
    uint8_t opened[HANDSHAKE_MESSAGE_MAX];
    size_t len = 0;
    for (unsigned round = 0; round < SEAL_ROUNDS; round++) {
        int64_t began_ns = cpu_ns();
        for (unsigned i = 0; i < ROUND; i++) {
            struct text *box = &bench->messages[i];
            must(channel_seal(from, plain->bytes, plain->len, box->bytes, sizeof box->bytes, &box->len,
                              &bench->counters[i], NULL),
                 "seal");
        }
        int64_t sealed_ns = cpu_ns();
        for (unsigned i = 0; i < ROUND; i++) {
            const struct text *box = &bench->messages[i];
            must(channel_open(to, bench->counters[i], box->bytes, box->len, opened, sizeof opened, &len, NULL), "open");
        }
        open_ns += cpu_ns() - sealed_ns;
        seal_ns += sealed_ns - began_ns;
    }
    must(len == plain->len && memcmp(opened, plain->bytes, len) == 0 ? 0 : -1,
         "what was opened is not what was sealed");
    *ret_seal_us = us_each(seal_ns, SEAL_ROUNDS * ROUND);
    *ret_open_us = us_each(open_ns, SEAL_ROUNDS * ROUND);
}

int main(void)
{
    AUTO(auto_free) struct bench *bench = calloc(1, sizeof *bench);
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SHAPE_ARENA_BYTES);
    must(bench ? 0 : -1, "memory");
    must(key_pair_draw(&bench->collector, NULL), "key");
    must(key_pair_draw(&bench->agent, NULL), "key");
    encode_hello(bench);
    encode_answer(&bench->welcome, &(struct answer){ .kind = ANSWER_WELCOME,
                                                     .received_us = 1795000000 * US_PER_S,
                                                     .sent_us = 1795000000 * US_PER_S + 200,
                                                     .policy = { 1, US_PER_S },
                                                     .host = 0x1122334455667788,
                                                     .name = "web-1",
                                                     .tenant = "acme" });
    encode_answer(&bench->stored, &(struct answer){ .kind = ANSWER_STORED,
                                                    .received_us = 1795000000 * US_PER_S,
                                                    .sent_us = 1795000000 * US_PER_S + 20000,
                                                    .first = 1,
                                                    .last = 3600 });
    encode_report(bench, &arena);
    measure_handshakes(bench);
    measure_messages(bench, &bench->agents, &bench->collectors, &bench->report, &bench->seal_us, &bench->open_us);
    measure_messages(bench, &bench->collectors, &bench->agents, &bench->stored, &bench->seal_answer_us,
                     &bench->open_answer_us);
    printf("{\"handshake_us\": %.2f, \"hello_bytes\": %zu, \"report_bytes\": %zu, \"answer_bytes\": %zu, "
           "\"report_seal_us\": %.3f, \"report_open_us\": %.3f, \"answer_seal_us\": %.3f, \"answer_open_us\": %.3f}\n",
           bench->handshake_us, bench->hello.len, bench->report.len, bench->stored.len, bench->seal_us, bench->open_us,
           bench->seal_answer_us, bench->open_answer_us);
    key_pair_done(&bench->collector);
    key_pair_done(&bench->agent);
    return 0;
}
