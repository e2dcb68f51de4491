#include "proto/link/sp.h"

#include "proto/link/link_fixture.h"

#define HELLO    "\0SP\0\0\x30\0\0"
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

struct fixture {
    struct sp sp;
};

static int setup(void **state)
{
    static struct fixture fixture;
    sp_init(&fixture.sp, 100);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sp_done(&f->sp);
    return 0;
}

static int take_all(struct sp *sp, const uint8_t *bytes, size_t len, struct sp_request *ret)
{
    size_t used;
    int rc = sp_take(sp, bytes, len, &used, ret);
    if (rc >= 0)
        assert_int_equal(used, len);
    return rc;
}

static void shake(struct fixture *f)
{
    struct sp_request request;
    assert_int_equal(take_all(&f->sp, BYTES(HELLO), &request), SP_OPENED);
}

static void a_handshake_and_a_request_become_two_events(void **state)
{
    struct fixture *f = *state;
    static const char stream[] = HELLO "\0\0\0\0\0\0\0\x06\x80\0\0\x07hi";
    const uint8_t *bytes = (const uint8_t *)stream;
    size_t used;
    struct sp_request request;
    assert_int_equal(sp_take(&f->sp, bytes, sizeof stream - 1, &used, &request), SP_OPENED);
    assert_int_equal(used, 8);
    assert_int_equal(sp_take(&f->sp, bytes + used, sizeof stream - 1 - used, &used, &request), SP_REQUEST);
    assert_int_equal(request.id, 0x80000007);
    assert_int_equal(request.len, 2);
    assert_ptr_equal(request.bytes, bytes + 20); /* not copied */
}

static void bytes_may_come_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    static const char stream[] = HELLO "\0\0\0\0\0\0\0\x06\x80\0\0\x07hi\0\0\0\0\0\0\0\x04\xff\xff\xff\xff";
    int events = 0;
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        struct sp_request request;
        int rc = take_all(&f->sp, (const uint8_t *)stream + i, 1, &request);
        if (rc == SP_REQUEST && events == 1) {
            assert_memory_equal(request.bytes, "hi", 2);
            assert_false(sp_midway(&f->sp));
        }
        if (rc == SP_REQUEST && events == 2)
            assert_int_equal(request.len, 0);
        events += rc != SP_MORE;
    }
    assert_int_equal(events, 3);
}

static void a_message_is_midway_from_its_first_byte_to_its_last(void **state)
{
    struct fixture *f = *state;
    struct sp_request request;
    assert_false(sp_midway(&f->sp));
    shake(f);
    assert_false(sp_midway(&f->sp));
    assert_int_equal(take_all(&f->sp, BYTES("\0"), &request), SP_MORE);
    assert_true(sp_midway(&f->sp));
    assert_int_equal(take_all(&f->sp, BYTES("\0\0\0\0\0\0\x05\x80\0\0\0"), &request), SP_MORE);
    assert_true(sp_midway(&f->sp));
    assert_int_equal(take_all(&f->sp, BYTES("x"), &request), SP_REQUEST);
    assert_false(sp_midway(&f->sp));
}

static void strangers_are_known_by_their_first_wrong_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } strangers[] = { { "GET / HTTP/1.1\r\n", 1 }, { "\x16\x03\x01", 1 },
                      { "\0SP\x01", 4 },           { "\0SP\0\0\x31", 6 }, /* a REP */
                      { "\0SP\0\x01\x30", 5 },     { "\0SP\0\0\x30\0\x01", 8 } };
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        struct sp sp;
        struct sp_request request;
        size_t used;
        sp_init(&sp, 100);
        assert_int_equal(sp_take(&sp, (const uint8_t *)strangers[i].bytes, strangers[i].len, &used, &request), -EPROTO);
        assert_int_equal(sp_take(&sp, (const uint8_t *)HELLO, 8, &used, &request), -EPROTO); /* and for good */
        sp_done(&sp);
    }
}

static void a_length_over_the_limit_is_refused_before_anything_is_kept(void **state)
{
    struct fixture *f = *state;
    struct sp_request request;
    shake(f);
    assert_int_equal(take_all(&f->sp, BYTES("\0\0\x01\0\0\0\0\0"), &request), -EMSGSIZE); /* 2^40 */
    assert_null(f->sp.body);
}

static void the_limit_itself_is_allowed_and_one_more_is_not(void **state)
{
    struct fixture *f = *state;
    struct sp_request request;
    uint8_t body[100] = { 1 };
    shake(f);
    assert_int_equal(take_all(&f->sp, BYTES("\0\0\0\0\0\0\0\x68\x80\0\0\0"), &request), SP_MORE);
    assert_int_equal(take_all(&f->sp, body, sizeof body, &request), SP_REQUEST);
    assert_int_equal(request.len, 100);
    assert_int_equal(take_all(&f->sp, BYTES("\0\0\0\0\0\0\0\x69"), &request), -EMSGSIZE);
}

static void a_message_without_a_request_id_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "\0\0\0\0\0\0\0\0----", "\0\0\0\0\0\0\0\x03----",
                                       "\0\0\0\0\0\0\0\x04\x7f\xff\xff\xff" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sp sp;
        struct sp_request request;
        size_t used;
        sp_init(&sp, 100);
        assert_int_equal(sp_take(&sp, (const uint8_t *)HELLO, 8, &used, &request), SP_OPENED);
        assert_int_equal(sp_take(&sp, (const uint8_t *)bad[i], 12, &used, &request), -EBADMSG);
        sp_done(&sp);
    }
}

static void memory_follows_what_came_not_what_was_claimed(void **state)
{
    (void)state;
    struct sp sp;
    struct sp_request request;
    static uint8_t piece[1000];
    sp_init(&sp, 1 << 30);
    assert_int_equal(take_all(&sp, BYTES(HELLO), &request), SP_OPENED);
    assert_int_equal(take_all(&sp, BYTES("\0\0\0\0\x20\0\0\x04\x80\0\0\0"), &request), SP_MORE); /* 512 MiB */
    assert_int_equal(sp.room, 0);
    for (size_t came = sizeof piece; came < 100 * sizeof piece; came += sizeof piece) {
        assert_int_equal(take_all(&sp, piece, sizeof piece, &request), SP_MORE);
        assert_in_range(sp.room, came, 2 * came);
    }
    sp_done(&sp);
}

static void a_requests_memory_can_be_given_back_at_once(void **state)
{
    struct fixture *f = *state;
    struct sp_request request;
    shake(f);
    assert_int_equal(take_all(&f->sp, BYTES("\0\0\0\0\0\0\0\x06\x80\0\0\0h"), &request), SP_MORE);
    sp_release(&f->sp); /* not of one that is still coming */
    assert_int_equal(take_all(&f->sp, BYTES("i"), &request), SP_REQUEST);
    assert_memory_equal(request.bytes, "hi", 2);
    sp_release(&f->sp);
    assert_null(f->sp.body);
}

static void an_answers_head_is_length_and_id(void **state)
{
    (void)state;
    uint8_t head[SP_HEAD_LEN];
    sp_write_head(head, 0x80000102, 0x01020304);
    assert_memory_equal(head, "\0\0\0\0\x01\x02\x03\x08\x80\0\x01\x02", 12);
    uint8_t hello[SP_HELLO_LEN];
    sp_write_hello(hello);
    assert_memory_equal(hello, "\0SP\0\0\x31\0\0", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handshake_and_a_request_become_two_events, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_may_come_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_is_midway_from_its_first_byte_to_its_last, setup, teardown),
        cmocka_unit_test(strangers_are_known_by_their_first_wrong_byte),
        cmocka_unit_test_setup_teardown(a_length_over_the_limit_is_refused_before_anything_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_limit_itself_is_allowed_and_one_more_is_not, setup, teardown),
        cmocka_unit_test(a_message_without_a_request_id_is_refused),
        cmocka_unit_test(memory_follows_what_came_not_what_was_claimed),
        cmocka_unit_test_setup_teardown(a_requests_memory_can_be_given_back_at_once, setup, teardown),
        cmocka_unit_test(an_answers_head_is_length_and_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
