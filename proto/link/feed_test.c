#include "proto/link/feed.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <sys/stat.h>

#include "proto/link/link_fixture.h"

enum { PATIENCE_US = 30000000, NOBODY = 65534 };

struct fixture {
    struct test_loop t;
    struct ipc_gate gate;
    uid_t stranger;
    unsigned refused;
    struct feed *feed;
    struct feed_reader *reader;
    char dir[64];
    char path[96];
    unsigned sockets; /* before the test */
};

static void on_refused(void *user, uid_t uid, unsigned n)
{
    struct fixture *f = user;
    f->stranger = uid;
    f->refused += n;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->sockets = count_sockets();
    test_loop_open(&f->t);
    assert_int_equal(ipc_gate_init(&f->gate, NULL, NULL), 0);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/warroom-feed-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/feed.sock", f->dir);
    chmod(f->dir, 0755);
    assert_int_equal(feed_open(&f->feed, &f->t.loop, f->path, &f->gate, on_refused, f, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->reader = feed_reader_close(f->reader);
    f->feed = feed_close(f->feed);
    test_loop_close(&f->t);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(rmdir(f->dir), 0);
    wait_for_sockets(f->sockets);
    free(f);
    return 0;
}

/* A reader is known to the publisher a moment after its handshake. Publishes until the first item arrives. */
static void open_reader(struct fixture *f)
{
    assert_int_equal(feed_reader_open(&f->reader, f->path, NULL), 0);
    char *text = NULL;
    size_t len;
    int rc;
    do {
        feed_publish(f->feed, "first", 5);
        rc = feed_read(f->reader, 1000, &text, &len, NULL);
    } while (rc == -ETIMEDOUT);
    assert_int_equal(rc, 0);
    free(text);
    while (feed_read(f->reader, 20000, &text, &len, NULL) == 0)
        free(text);
}

static void items_come_in_order(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    for (int i = 0; i < 30; i++) {
        char item[32];
        int len = snprintf(item, sizeof item, "{\"id\":%d}", i);
        feed_publish(f->feed, item, (size_t)len);
    }
    for (int i = 0; i < 30; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "{\"id\":%d}", i);
        char *text;
        size_t len;
        assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
        assert_string_equal(text, wanted);
        assert_int_equal(len, strlen(wanted));
        free(text);
    }
}

static void no_item_in_time_is_a_timeout_and_leaves_the_reader_usable(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    char *text = NULL;
    size_t len = 7;
    struct err err;
    assert_int_equal(feed_read(f->reader, 1000, &text, &len, &err), -ETIMEDOUT);
    assert_null(text);
    assert_int_equal(len, 7);
    feed_publish(f->feed, "later", 5);
    assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
    assert_string_equal(text, "later");
    free(text);
}

static void a_reader_that_is_too_slow_misses_the_oldest_and_sees_the_gap(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    enum { ITEMS = 400, LEN = 8000 };
    static char item[LEN];
    memset(item, ' ', sizeof item);
    for (int i = 0; i < ITEMS; i++) {
        snprintf(item, sizeof item, "%d", i);
        feed_publish(f->feed, item, sizeof item); /* never waits */
    }
    int expected = 0;
    int missed = 0;
    while (expected < ITEMS) {
        char *text;
        size_t len;
        assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
        assert_int_equal(len, LEN);
        int id = atoi(text);
        free(text);
        assert_true(id >= expected); /* rising, whatever is missing */
        missed += id - expected;
        expected = id + 1;
    }
    assert_true(missed > 0);
}

static void one_slow_reader_does_not_cost_another_its_items(void **state)
{
    struct fixture *f = *state;
    struct feed_reader *slow;
    assert_int_equal(feed_reader_open(&slow, f->path, NULL), 0); /* never reads */
    open_reader(f);
    static char item[8000];
    for (int i = 0; i < 400; i++) {
        snprintf(item, sizeof item, "%d", i);
        feed_publish(f->feed, item, sizeof item);
        char *text;
        size_t len;
        assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
        assert_int_equal(atoi(text), i);
        free(text);
    }
    assert_null(feed_reader_close(slow));
}

static void the_largest_item_fits(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    static char item[FEED_ITEM_MAX];
    memset(item, 'x', sizeof item);
    feed_publish(f->feed, item, sizeof item);
    char *text;
    size_t len;
    assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
    assert_int_equal(len, FEED_ITEM_MAX);
    free(text);
}

static void a_publisher_that_is_gone_is_noticed(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    f->feed = feed_close(f->feed);
    char *text = NULL;
    size_t len;
    struct err err;
    assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, &err), -EPIPE);
    struct feed_reader *again = NULL;
    assert_int_equal(feed_reader_open(&again, f->path, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "is warroom-collector running?"));
    assert_null(again);
    assert_null(feed_reader_close(NULL));
    assert_null(feed_close(NULL));
}

static void a_second_publisher_is_refused_and_the_mode_is_0660(void **state)
{
    struct fixture *f = *state;
    unsigned sockets = count_sockets();
    struct feed *second = NULL;
    struct err err;
    assert_int_equal(feed_open(&second, &f->t.loop, f->path, &f->gate, on_refused, f, &err), -EADDRINUSE);
    run_some(&f->t);
    wait_for_sockets(sockets);
    assert_null(second);
    struct stat at;
    assert_int_equal(stat(f->path, &at), 0);
    assert_int_equal(at.st_mode & 07777, 0660);
}

/* Over a socket whose mode somebody has loosened. Only root can come as somebody else. */
static void strangers_are_hung_up_on_and_told_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    enum { STRANGERS = 200 };
    if (geteuid() != 0)
        skip();
    open_reader(f);
    unsigned sockets = count_sockets();
    assert_int_equal(chmod(f->path, 0666), 0);
    for (int i = 0; i < STRANGERS; i++) {
        struct feed_reader *stranger = NULL;
        assert_true(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
        int rc = feed_reader_open(&stranger, f->path, NULL);
        assert_true(seteuid(0) == 0 && setegid(0) == 0);
        assert_int_equal(rc, 0);
        char *text = NULL;
        size_t len;
        struct err err;
        assert_int_equal(feed_read(stranger, PATIENCE_US, &text, &len, &err), -EPIPE);
        assert_non_null(strstr(err.text, "group"));
        feed_reader_close(stranger);
    }
    run_until(&f->t, f->refused == STRANGERS);
    assert_int_equal(f->stranger, NOBODY);
    wait_for_sockets(sockets);
    feed_publish(f->feed, "still", 5);
    char *text = NULL;
    size_t len;
    assert_int_equal(feed_read(f->reader, PATIENCE_US, &text, &len, NULL), 0);
    assert_string_equal(text, "still");
    free(text);
}

static void nngs_own_sub_reads_the_feed_too(void **state)
{
    struct fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "ipc://%s", f->path);
    nng_socket sub;
    assert_int_equal(nng_sub0_open(&sub), 0);
    assert_int_equal(nng_socket_set(sub, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
    assert_int_equal(nng_socket_set_ms(sub, NNG_OPT_RECVTIMEO, 1), 0);
    assert_int_equal(nng_dial(sub, url, NULL, 0), 0);
    char item[16];
    size_t len;
    int rv;
    do { /* until the publisher knows of it */
        feed_publish(f->feed, "item", 4);
        len = sizeof item;
        rv = nng_recv(sub, item, &len, 0);
    } while (rv == NNG_ETIMEDOUT);
    assert_int_equal(rv, 0);
    assert_memory_equal(item, "item", 4);
    nng_close(sub);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(items_come_in_order),
        TEST(no_item_in_time_is_a_timeout_and_leaves_the_reader_usable),
        TEST(a_reader_that_is_too_slow_misses_the_oldest_and_sees_the_gap),
        TEST(one_slow_reader_does_not_cost_another_its_items),
        TEST(the_largest_item_fits),
        TEST(a_publisher_that_is_gone_is_noticed),
        TEST(a_second_publisher_is_refused_and_the_mode_is_0660),
        TEST(strangers_are_hung_up_on_and_told_and_the_others_go_on),
        TEST(nngs_own_sub_reads_the_feed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
