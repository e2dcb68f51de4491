/* docs/protocol.md against the codec: its examples are the golden bytes, so that neither can change unnoticed. A block
 * of the page opens with "```hex NAME"; a line of it is hexadecimal bytes, then '|' and words for people. */
#include "proto/codec/codec_fixture.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#include "base/scan.h"

static char page[64 << 10];
static size_t page_len;

static int load_page(void **state)
{
    (void)state;
    FILE *file = fopen("docs/protocol.md", "re");
    if (!file)
        return -errno;
    page_len = fread(page, 1, sizeof page, file);
    fclose(file);
    return page_len > 0 && page_len < sizeof page ? 0 : -EIO;
}

static void read_line(struct scan_text line, struct hand *hand)
{
    struct scan scan = scan_over(line.at, line.len);
    struct scan_text word;
    while (scan_blanks(&scan), scan_word(&scan, &word) && !scan_text_is(word, "|")) {
        struct scan digits = scan_over(word.at, word.len);
        uint64_t value;
        assert_true(word.len == 2 && scan_hex64(&digits, &value) && scan_done(&digits));
        write_bytes(&hand->writer, &(uint8_t){ (uint8_t)value }, 1);
    }
}

/* The bytes of a block of the page, into f->more. */
static void read_block(struct fixture *f, const char *name)
{
    char opening[32];
    snprintf(opening, sizeof opening, "```hex %s", name);
    struct scan scan = scan_over(page, page_len);
    struct scan_text line;
    do
        assert_true(scan_line(&scan, &line));
    while (!scan_text_is(line, opening));
    struct hand hand = hand_over(f->more, sizeof f->more);
    while (scan_line(&scan, &line) && !scan_text_is(line, "```"))
        read_line(line, &hand);
    f->more_len = hand_len(&hand);
    assert_true(f->more_len > 0);
}

static void assert_as_on_the_page(struct fixture *f)
{
    assert_int_equal(f->len, f->more_len);
    assert_memory_equal(f->bytes, f->more, f->len);
}

static struct batch page_batch(struct fixture *f)
{
    struct batch batch = sample_batch();
    read_block(f, "name");
    assert_int_equal(f->more_len, TABLE_HASH_BYTES);
    memcpy(batch.table.bytes, f->more, TABLE_HASH_BYTES);
    return batch;
}

static void the_table_is_the_bytes_on_the_page(void **state)
{
    struct fixture *f = *state;
    struct series_table table = sample_table();
    read_block(f, "table");
    assert_int_equal(codec_encode_table(&table, f->bytes, sizeof f->bytes, &f->len, &f->err), 0);
    assert_as_on_the_page(f);
    struct series_table got;
    assert_int_equal(codec_decode_table(f->more, f->more_len, &f->arena, &got, &f->err), 0);
    assert_same_table(&got, &table);
}

static void the_tables_name_is_the_bytes_on_the_page(void **state)
{
    struct fixture *f = *state;
    read_block(f, "table");
    struct table_hash hash = codec_table_hash(f->more, f->more_len);
    read_block(f, "name");
    assert_int_equal(f->more_len, TABLE_HASH_BYTES);
    assert_memory_equal(f->more, hash.bytes, TABLE_HASH_BYTES);
}

static void the_batch_is_the_bytes_on_the_page(void **state)
{
    struct fixture *f = *state;
    struct batch batch = page_batch(f);
    read_block(f, "batch");
    assert_int_equal(codec_encode_batch(&batch, f->bytes, sizeof f->bytes, &f->len, &f->err), 0);
    assert_as_on_the_page(f);
    struct batch got;
    assert_int_equal(codec_decode_batch(f->more, f->more_len, &f->arena, &got, &f->err), 0);
    assert_same_batch(&got, &batch);
}

static void the_answer_is_the_bytes_on_the_page_with_its_frame(void **state)
{
    struct fixture *f = *state;
    struct answer answer = {
        .kind = ANSWER_STORED,
        .received_us = 1795400002030000,
        .sent_us = 1795400002053456,
        .first = 1,
        .last = 302,
    };
    uint8_t inner[64];
    struct envelope envelope = { .kind = ENVELOPE_SEALED, .counter = 299, .inner = { .at = inner } };
    assert_int_equal(codec_encode_answer(&answer, inner, sizeof inner, &envelope.inner.len, &f->err), 0);
    size_t len;
    assert_int_equal(codec_encode_envelope(&envelope, f->bytes + 12, sizeof f->bytes - 12, &len, &f->err), 0);
    uint64_t frame = htobe64(4 + len);
    uint32_t id = htobe32(0x80000007);
    memcpy(f->bytes, &frame, 8);
    memcpy(f->bytes + 8, &id, 4);
    f->len = 12 + len;
    read_block(f, "answer");
    assert_as_on_the_page(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(the_table_is_the_bytes_on_the_page),
        CODEC_TEST(the_tables_name_is_the_bytes_on_the_page),
        CODEC_TEST(the_batch_is_the_bytes_on_the_page),
        CODEC_TEST(the_answer_is_the_bytes_on_the_page_with_its_frame),
    };
    return cmocka_run_group_tests_name("proto.codec.protocol", tests, load_page, NULL);
}
