/* Joining against a collector on another thread: a listening link, the real codec and the channel's other end. */
#include "agent/join.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/arena.h"
#include "proto/codec/codec.h"
#include "proto/link/channel.h"
#include "proto/link/server.h"

struct collector { /* its thread's, while that runs */
    uv_loop_t loop;
    uv_async_t stop;
    uv_thread_t thread;
    bool runs;
    struct link_server *server;
    char address[32];
    struct key_pair keys;
    struct answer answer;
    bool spoil, leave;
    unsigned hellos, strangers;
    struct public_key peer; /* of the last hello */
    uint64_t host;
    uint8_t token[TOKEN_BYTES];
    char hostname[TEXT_MAX + 1];
};

struct fixture {
    struct collector collector;
    struct clock_fake fake;
    struct clock clock;
    struct invite invite;
    char folder[64], path[96];
    struct join_config config;
    char *said;
    size_t said_len;
    struct joined joined;
    struct err err;
};

/* ---- the collector ---- */

static void say(struct collector *c, struct link_peer *peer, uint32_t ticket, struct handshake *handshake)
{
    uint8_t plain[1024], box[2048], bytes[2048];
    size_t len;
    struct envelope envelope = { .kind = ENVELOPE_LEAVE, .retry_us = 30 * US_PER_S };
    assert_int_equal(codec_encode_answer(&c->answer, plain, sizeof plain, &len, NULL), 0);
    assert_int_equal(handshake_write(handshake, plain, len, box, sizeof box, &len, NULL), 0);
    if (c->spoil)
        box[len - 1] ^= 1;
    if (!c->leave)
        envelope = (struct envelope){ .kind = ENVELOPE_HANDSHAKE, .inner = { box, len } };
    assert_int_equal(codec_encode_envelope(&envelope, bytes, sizeof bytes, &len, NULL), 0);
    link_peer_answer(peer, ticket, bytes, len);
}

static void hear_hello(struct collector *c, const struct hello *hello)
{
    c->hellos++;
    c->host = hello->host;
    assert_int_equal(hello->token.len, TOKEN_BYTES);
    memcpy(c->token, hello->token.at, TOKEN_BYTES);
    snprintf(c->hostname, sizeof c->hostname, "%s", hello->hostname);
}

static void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct collector *c = user;
    struct envelope envelope;
    struct request request;
    struct handshake handshake;
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX];
    size_t n;
    assert_int_equal(codec_decode_envelope(bytes, len, &envelope, NULL), 0);
    assert_int_equal(envelope.kind, ENVELOPE_HANDSHAKE);
    handshake_respond(&handshake, CHANNEL_PROLOGUE, &c->keys);
    if (handshake_read(&handshake, envelope.inner.at, envelope.inner.len, payload, sizeof payload, &n, NULL) < 0) {
        c->strangers++;
        link_peer_close(peer);
        return;
    }
    struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    assert_int_equal(codec_decode_request(payload, n, &arena, &request, NULL), 0);
    assert_int_equal(request.kind, REQUEST_HELLO);
    hear_hello(c, &request.hello);
    c->peer = *handshake_peer(&handshake);
    arena_done(&arena);
    say(c, peer, ticket, &handshake);
    handshake_done(&handshake);
}

static void on_open(void *user, struct link_peer *peer)
{
    (void)user, (void)peer;
}

static void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    (void)user, (void)peer, (void)why;
}

static void on_stop(uv_async_t *stop)
{
    struct collector *c = stop->data;
    c->server = link_server_close(c->server);
    uv_close((uv_handle_t *)stop, NULL);
}

static void run(void *user)
{
    uv_run(&((struct collector *)user)->loop, UV_RUN_DEFAULT);
}

static void stop_collector(struct fixture *f)
{
    struct collector *c = &f->collector;
    if (!c->runs)
        return;
    c->runs = false;
    uv_async_send(&c->stop);
    uv_thread_join(&c->thread);
    assert_int_equal(uv_loop_close(&c->loop), 0);
}

static void start_collector(struct fixture *f)
{
    struct collector *c = &f->collector;
    struct link_server_handlers handlers = { on_open, on_request, on_close, c };
    assert_int_equal(uv_loop_init(&c->loop), 0);
    uv_async_init(&c->loop, &c->stop, on_stop);
    c->stop.data = c;
    assert_int_equal(link_server_open(&c->server, &c->loop, "127.0.0.1:0", link_limits_default(), handlers, NULL), 0);
    snprintf(c->address, sizeof c->address, "127.0.0.1:%u", link_server_port(c->server));
    f->invite.addresses[0] = c->address;
    f->invite.n_addresses = 1;
    memcpy(f->invite.collector, c->keys.public_key.bytes, sizeof f->invite.collector);
    c->runs = true;
    assert_int_equal(uv_thread_create(&c->thread, run, c), 0);
}

/* ---- stage ---- */

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->fake = (struct clock_fake){ .mono_ns = 100 * NS_PER_S, .wall_ns = 1790000000 * NS_PER_S };
    f->clock = clock_of_fake(&f->fake);
    strcpy(f->folder, "/tmp/join-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/identity", f->folder);
    f->config = (struct join_config){ .path = f->path, .wait_us = 30 * US_PER_S, .clock = &f->clock };
    f->config.say = open_memstream(&f->said, &f->said_len);
    f->collector.answer = (struct answer){ .kind = ANSWER_WELCOME,
                                           .text = "",
                                           .host = 0xc0ffee,
                                           .name = "web-7",
                                           .tenant = "acme",
                                           .policy = { 1, US_PER_S } };
    f->invite.expires_us = clock_wall_us(&f->clock) + 3600 * US_PER_S;
    memset(f->invite.token, 0x70, sizeof f->invite.token);
    return key_pair_draw(&f->collector.keys, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop_collector(f);
    fclose(f->config.say);
    free(f->said);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    int rc = system(command); /* NOLINT(cert-env33-c): a folder of our own */
    free(f);
    return rc;
}

/* What was said has no byte of the secrets, as the invitation spells them. */
static int join_now(struct fixture *f)
{
    char line[INVITE_TEXT_MAX + 16] = "\t ";
    assert_int_equal(codec_print_invite(&f->invite, line + 2, NULL), 0);
    size_t len = strlen(line);
    memcpy(line + len, " \r\n", 3);
    int rc = join(&f->config, line, len + 3, &f->joined, &f->err);
    fflush(f->config.say);
    static const char token[] = "cHBwcHBwcHBw"; /* 0x70 in base64, however it lies */
    assert_null(strstr(f->said, token));
    if (rc < 0)
        assert_null(strstr(f->err.text, token));
    stop_collector(f);
    return rc;
}

static bool has_joined(const struct fixture *f)
{
    return access(f->path, F_OK) == 0;
}

static void a_welcome_becomes_the_identity(void **state)
{
    struct fixture *f = *state;
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    assert_string_equal(f->joined.address, f->collector.address);
    assert_string_equal(f->joined.name, "web-7");
    assert_string_equal(f->joined.tenant, "acme");
    assert_true(f->joined.host == 0xc0ffee);
    struct identity identity;
    assert_int_equal(identity_read(&identity, f->path, NULL), 0);
    assert_int_equal(identity.n_addresses, 1);
    assert_string_equal(identity.addresses[0], f->collector.address);
    assert_memory_equal(&identity.collector, &f->collector.keys.public_key, sizeof identity.collector);
    assert_true(identity.host == 0xc0ffee);
    assert_memory_equal(&identity.keys.public_key, &f->collector.peer, sizeof f->collector.peer);
    assert_int_equal(f->said_len, 0);
}

static void the_hello_has_the_token_and_names_no_host(void **state)
{
    struct fixture *f = *state;
    char hostname[TEXT_MAX + 1];
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    assert_int_equal(f->collector.hellos, 1);
    assert_true(f->collector.host == 0);
    assert_memory_equal(f->collector.token, f->invite.token, TOKEN_BYTES);
    assert_int_equal(gethostname(hostname, sizeof hostname), 0);
    assert_string_equal(f->collector.hostname, hostname);
}

static void each_joining_has_a_key_of_its_own(void **state)
{
    struct fixture *f = *state;
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    struct public_key first = f->collector.peer;
    f->config.replace = true;
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    assert_memory_not_equal(&f->collector.peer, &first, sizeof first);
    struct identity identity;
    assert_int_equal(identity_read(&identity, f->path, NULL), 0);
    assert_memory_equal(&identity.keys.public_key, &f->collector.peer, sizeof first);
}

static void a_refusal_is_told_in_the_collectors_words(void **state)
{
    struct fixture *f = *state;
    f->collector.answer =
        (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_TOKEN, .text = "this invitation was used" };
    start_collector(f);
    f->invite.addresses[1] = "127.0.0.1:1"; /* it decided: nobody else is asked */
    f->invite.n_addresses = 2;
    assert_int_equal(join_now(f), -EPERM);
    assert_non_null(strstr(f->err.text, "this invitation was used"));
    assert_int_equal(f->collector.hellos, 1);
    assert_false(has_joined(f));
}

static void who_has_another_key_is_told_nothing_and_not_believed(void **state)
{
    struct fixture *f = *state;
    start_collector(f);
    f->invite.collector[5] ^= 1;
    assert_int_equal(join_now(f), -EHOSTUNREACH);
    assert_int_equal(f->collector.hellos, 0);
    assert_int_equal(f->collector.strangers, 1); /* nor is it told again */
    assert_non_null(strstr(f->said, "hung up on us"));
    assert_false(has_joined(f));
}

static void an_answer_that_was_altered_is_not_believed(void **state)
{
    struct fixture *f = *state;
    f->collector.spoil = true;
    start_collector(f);
    assert_int_equal(join_now(f), -EHOSTUNREACH);
    assert_non_null(strstr(f->said, "somebody else"));
    assert_false(has_joined(f));
}

static void an_address_that_cannot_be_reached_is_told_and_the_next_one_tried(void **state)
{
    struct fixture *f = *state;
    start_collector(f);
    f->config.wait_us = 300 * US_PER_MS; /* the collector is on this very host */
    f->invite.addresses[1] = f->invite.addresses[0];
    f->invite.addresses[0] = "127.0.0.1:1";
    f->invite.n_addresses = 2;
    assert_int_equal(join_now(f), 0);
    assert_string_equal(f->joined.address, f->collector.address);
    assert_non_null(strstr(f->said, "127.0.0.1:1 cannot be reached"));
    struct identity identity;
    assert_int_equal(identity_read(&identity, f->path, NULL), 0);
    assert_int_equal(identity.n_addresses, 2);
    assert_string_equal(identity.addresses[0], "127.0.0.1:1"); /* it may be back by then */
}

static void a_collector_without_time_says_when_to_come_again(void **state)
{
    struct fixture *f = *state;
    f->collector.answer = (struct answer){ .kind = ANSWER_BUSY, .retry_us = 5 * US_PER_S, .text = "" };
    start_collector(f);
    assert_int_equal(join_now(f), -EHOSTUNREACH);
    assert_non_null(strstr(f->said, "join again in 5s"));
    f->collector.leave = true;
    start_collector(f);
    assert_int_equal(join_now(f), -EHOSTUNREACH);
    assert_non_null(strstr(f->said, "join again in 30s"));
    assert_false(has_joined(f));
}

static void a_welcome_that_does_not_say_who_we_are_is_none(void **state)
{
    struct fixture *f = *state;
    f->collector.answer.host = 0;
    start_collector(f);
    assert_int_equal(join_now(f), -EHOSTUNREACH);
    assert_non_null(strstr(f->said, "who this host is"));
    assert_false(has_joined(f));
}

static void an_invitation_that_has_expired_by_our_clock_is_only_warned_of(void **state)
{
    struct fixture *f = *state;
    f->invite.expires_us = clock_wall_us(&f->clock);
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    assert_non_null(strstr(f->said, "has expired"));
    assert_true(has_joined(f));
}

static void with_an_identity_there_nobody_is_asked(void **state)
{
    struct fixture *f = *state;
    start_collector(f);
    assert_int_equal(join_now(f), 0);
    start_collector(f);
    assert_int_equal(join_now(f), -EEXIST);
    assert_int_equal(f->collector.hellos, 1);
    assert_non_null(strstr(f->err.text, "--replace"));
}

static void without_a_place_for_the_identity_nobody_is_asked(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/not/identity", f->folder);
    start_collector(f);
    assert_int_equal(join_now(f), -ENOENT);
    assert_int_equal(f->collector.hellos, 0);
}

static void what_is_no_invitation_or_not_whole_is_told(void **state)
{
    struct fixture *f = *state;
    static const char no[] = "wr2:AAAA";
    char line[INVITE_TEXT_MAX];
    assert_int_equal(join(&f->config, no, strlen(no), &f->joined, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "not an invitation"));
    f->invite.addresses[0] = "127.0.0.1:1";
    f->invite.n_addresses = 1;
    assert_int_equal(codec_print_invite(&f->invite, line, NULL), 0);
    for (size_t len = 4; len < strlen(line); len++) {
        assert_int_equal(join(&f->config, line, len, &f->joined, &f->err), -EBADMSG);
        assert_non_null(strstr(f->err.text, "not whole"));
    }
    f->invite.addresses[0] = "no address";
    assert_int_equal(codec_print_invite(&f->invite, line, NULL), 0);
    assert_int_equal(join(&f->config, line, strlen(line), &f->joined, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "no address"));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_welcome_becomes_the_identity),
        test(the_hello_has_the_token_and_names_no_host),
        test(each_joining_has_a_key_of_its_own),
        test(a_refusal_is_told_in_the_collectors_words),
        test(who_has_another_key_is_told_nothing_and_not_believed),
        test(an_answer_that_was_altered_is_not_believed),
        test(an_address_that_cannot_be_reached_is_told_and_the_next_one_tried),
        test(a_collector_without_time_says_when_to_come_again),
        test(a_welcome_that_does_not_say_who_we_are_is_none),
        test(an_invitation_that_has_expired_by_our_clock_is_only_warned_of),
        test(with_an_identity_there_nobody_is_asked),
        test(without_a_place_for_the_identity_nobody_is_asked),
        test(what_is_no_invitation_or_not_whole_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
