/* What peers of earlier versions said means the same to this one's codec, to the last value, and is sealed and opened
 * as it was. */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>

#include "proto/codec/codec_fixture.h"
#include "proto/link/channel.h"
#include "proto/link/random_fixture.h"
#include "tests/recorded/recorded.h"

#define FOLDER "tests/recorded"

enum { PATH_BYTES = 300, TOLD_BYTES = 1 << 20 };

struct recording {
    struct recorded plain, wire;
    struct key_pair agent, collector;
    FILE *keys; /* at the next ephemeral one */
};

static const uint8_t later[] = { 0xc2, 0x3e, 0x05, 'l', 'a', 't', 'e', 'r' }; /* field 1000, five bytes */

static const char *path_of(const char *version, const char *file)
{
    static char path[PATH_BYTES];
    snprintf(path, sizeof path, FOLDER "/%s/%s", version, file);
    return path;
}

static void read_messages(const char *version, const char *file, struct recorded *ret)
{
    struct err err;
    if (recorded_read(path_of(version, file), ret, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(ret->n >= 2 && ret->n % 2 == 0);
}

/* Calls `hold` for each version on record. */
static void for_each_version(void (*hold)(const char *version))
{
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    size_t n = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (isdigit((unsigned char)entry->d_name[0])) {
            hold(entry->d_name);
            n++;
        }
    closedir(folder);
    assert_true(n > 0);
}

/* ---- what they mean ---- */

static void assert_told(const char *version, const void *more, size_t more_len)
{
    static struct recorded plain;
    static char want[TOLD_BYTES];
    static uint8_t said[MESSAGE_MAX + 64];
    read_messages(version, "plain", &plain);
    FILE *file = fopen(path_of(version, "told"), "re");
    assert_non_null(file);
    size_t want_len = fread(want, 1, sizeof want, file);
    fclose(file);
    char *got = NULL;
    size_t got_len = 0;
    FILE *to = open_memstream(&got, &got_len);
    for (size_t i = 0; i < plain.n; i++) {
        struct bytes message = plain.at[i].said;
        struct err err;
        memcpy(said, message.at, message.len);
        if (more_len > 0)
            memcpy(said + message.len, more, more_len);
        if (recorded_tell(to, plain.at[i].request, said, message.len + more_len, &err) < 0)
            fail_msg("%s: message %zu: %s", version, i + 1, err.text);
    }
    fclose(to);
    assert_int_equal(got_len, want_len);
    assert_memory_equal(got, want, want_len);
    free(got);
}

static void hold_meaning(const char *version)
{
    assert_told(version, NULL, 0);
}

static void what_was_said_means_what_it_meant(void **state)
{
    (void)state;
    for_each_version(hold_meaning);
}

static void hold_with_more(const char *version)
{
    assert_told(version, later, sizeof later);
}

static void a_field_of_a_later_version_changes_nothing(void **state)
{
    (void)state;
    for_each_version(hold_with_more);
}

static void hold_table_with_more(const char *version)
{
    static struct recorded plain;
    static struct fixture f;
    size_t n = 0;
    read_messages(version, "plain", &plain);
    arena_init(&f.arena, CODEC_ARENA_BYTES);
    for (size_t i = 0; i < plain.n; i += 2) {
        struct request request;
        assert_int_equal(codec_decode_request(plain.at[i].said.at, plain.at[i].said.len, &f.arena, &request, &f.err),
                         0);
        if (request.kind == REQUEST_HELLO || !request.report.has_table)
            continue;
        struct bytes bytes = request.report.table_bytes;
        struct series_table got;
        memcpy(f.bytes, bytes.at, bytes.len);
        memcpy(f.bytes + bytes.len, later, sizeof later);
        assert_int_equal(codec_decode_table(f.bytes, bytes.len + sizeof later, &f.arena, &got, &f.err), 0);
        assert_same_table(&got, &request.report.table);
        n++;
    }
    arena_done(&f.arena);
    assert_true(n > 0);
}

static void a_field_of_a_later_version_in_a_table_changes_nothing(void **state)
{
    (void)state;
    for_each_version(hold_table_with_more);
}

static void hold_envelopes_with_more(const char *version)
{
    static struct recorded wire;
    static uint8_t said[MESSAGE_MAX + sizeof later];
    read_messages(version, "wire", &wire);
    for (size_t i = 0; i < wire.n; i++) {
        struct bytes message = wire.at[i].said;
        struct envelope got;
        struct envelope want;
        memcpy(said, message.at, message.len);
        memcpy(said + message.len, later, sizeof later);
        assert_int_equal(codec_decode_envelope(message.at, message.len, &want, NULL), 0);
        assert_int_equal(codec_decode_envelope(said, message.len + sizeof later, &got, NULL), 0);
        assert_int_equal(got.kind, want.kind);
        assert_int_equal(got.counter, want.counter);
        assert_int_equal(got.inner.len, want.inner.len);
        assert_memory_equal(got.inner.at, want.inner.at, want.inner.len);
    }
}

static void a_field_of_a_later_version_in_an_envelope_changes_nothing(void **state)
{
    (void)state;
    for_each_version(hold_envelopes_with_more);
}

/* ---- how they are sealed ---- */

static void next_key(struct recording *recording, uint8_t ret[KEY_BYTES])
{
    char line[2 * KEY_BYTES + 2];
    size_t len;
    assert_non_null(fgets(line, sizeof line, recording->keys));
    assert_int_equal(sodium_hex2bin(ret, KEY_BYTES, line, strlen(line), "\n", &len, NULL), 0);
    assert_int_equal(len, KEY_BYTES);
}

static void next_pair(struct recording *recording, struct key_pair *ret)
{
    uint8_t secret[KEY_BYTES];
    next_key(recording, secret);
    assert_int_equal(key_pair_of(ret, secret, NULL), 0);
}

static struct envelope envelope_of(const struct recording *recording, size_t i, enum envelope_kind want)
{
    struct envelope envelope;
    const struct bytes *bytes = &recording->wire.at[i].said;
    assert_int_equal(codec_decode_envelope(bytes->at, bytes->len, &envelope, NULL), 0);
    assert_int_equal(envelope.kind, want);
    return envelope;
}

static void assert_bytes(const uint8_t *got, size_t len, struct bytes want)
{
    assert_int_equal(len, want.len);
    assert_memory_equal(got, want.at, len);
}

static void pass_handshake(struct recording *recording, size_t i, struct handshake *from, struct handshake *to)
{
    uint8_t bytes[HANDSHAKE_MESSAGE_MAX];
    size_t len;
    struct bytes plain = recording->plain.at[i].said;
    struct bytes inner = envelope_of(recording, i, ENVELOPE_HANDSHAKE).inner;
    next_key(recording, next_random);
    assert_int_equal(handshake_write(from, plain.at, plain.len, bytes, sizeof bytes, &len, NULL), 0);
    assert_bytes(bytes, len, inner);
    assert_int_equal(handshake_read(to, inner.at, inner.len, bytes, sizeof bytes, &len, NULL), 0);
    assert_bytes(bytes, len, plain);
}

static void shake(struct recording *recording, size_t i, struct channel ends[2])
{
    struct handshake asks;
    struct handshake answers;
    handshake_initiate(&asks, CHANNEL_PROLOGUE, &recording->agent, &recording->collector.public_key);
    handshake_respond(&answers, CHANNEL_PROLOGUE, &recording->collector);
    pass_handshake(recording, i, &asks, &answers);
    pass_handshake(recording, i + 1, &answers, &asks);
    handshake_finish(&asks, &ends[0]);
    handshake_finish(&answers, &ends[1]);
}

static void pass_sealed(const struct recording *recording, size_t i, struct channel *from, struct channel *to)
{
    static uint8_t bytes[CHANNEL_MESSAGE_MAX];
    size_t len;
    uint64_t counter;
    struct bytes plain = recording->plain.at[i].said;
    struct envelope envelope = envelope_of(recording, i, ENVELOPE_SEALED);
    assert_int_equal(channel_seal(from, plain.at, plain.len, bytes, sizeof bytes, &len, &counter, NULL), 0);
    assert_int_equal(counter, envelope.counter);
    assert_bytes(bytes, len, envelope.inner);
    assert_int_equal(channel_open(to, counter, envelope.inner.at, envelope.inner.len, bytes, sizeof bytes, &len, NULL),
                     0);
    assert_bytes(bytes, len, plain);
}

static bool begins_session(const struct recording *recording, size_t i)
{
    struct envelope envelope;
    const struct bytes *bytes = &recording->wire.at[i].said;
    return codec_decode_envelope(bytes->at, bytes->len, &envelope, NULL) == 0 && envelope.kind == ENVELOPE_HANDSHAKE;
}

static void hold_sealing(const char *version)
{
    static struct recording recording;
    struct channel ends[2] = { 0 };
    read_messages(version, "plain", &recording.plain);
    read_messages(version, "wire", &recording.wire);
    assert_int_equal(recording.plain.n, recording.wire.n);
    recording.keys = fopen(path_of(version, "keys"), "re");
    assert_non_null(recording.keys);
    next_pair(&recording, &recording.agent);
    next_pair(&recording, &recording.collector);
    for (size_t i = 0; i < recording.plain.n; i += 2) {
        if (begins_session(&recording, i)) {
            shake(&recording, i, ends);
            continue;
        }
        pass_sealed(&recording, i, &ends[0], &ends[1]);
        pass_sealed(&recording, i + 1, &ends[1], &ends[0]);
    }
    fclose(recording.keys);
}

static void what_was_sealed_is_sealed_as_it_was_and_opens(void **state)
{
    (void)state;
    for_each_version(hold_sealing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_means_what_it_meant),
        cmocka_unit_test(a_field_of_a_later_version_changes_nothing),
        cmocka_unit_test(a_field_of_a_later_version_in_a_table_changes_nothing),
        cmocka_unit_test(a_field_of_a_later_version_in_an_envelope_changes_nothing),
        cmocka_unit_test(what_was_sealed_is_sealed_as_it_was_and_opens),
    };
    return cmocka_run_group_tests(tests, script_random, NULL);
}
