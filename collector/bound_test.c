/* The uplink's socket from one life to the next, as bound.c hands it on; the exec between is left out. */
#include "collector/bound.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/link/address.h"

/* Listens, and says where. */
static int listen_on(const char *address, char where[ADDRESS_TEXT_MAX])
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    int fd = -1;
    assert_int_equal(bound_take(address, &fd, NULL), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    address_write(&at, where);
    return fd;
}

static void the_next_life_has_the_same_socket(void **state)
{
    (void)state;
    char where[ADDRESS_TEXT_MAX];
    int next = -1, fd = listen_on("127.0.0.1:0", where);
    assert_int_equal(bound_hand_on(fd, NULL), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0); /* it outlives an exec */
    assert_int_equal(bound_take(where, &next, NULL), 0);
    assert_int_equal(next, fd);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(bound_hand_on(fd, NULL), 0);
    assert_int_equal(bound_take("127.0.0.1:0", &next, NULL), 0); /* any port: this one will do */
    assert_int_equal(next, fd);
    close(fd);
}

static void the_next_life_listens_where_the_file_says_by_then(void **state)
{
    (void)state;
    char where[ADDRESS_TEXT_MAX];
    static const char *const others[] = { "127.0.0.2:0", "[::1]:0", "0.0.0.0:0" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        int next = -1, fd = listen_on("127.0.0.1:0", where);
        assert_int_equal(bound_hand_on(fd, NULL), 0);
        assert_int_equal(bound_take(others[i], &next, NULL), 0);
        assert_true(bound_is_to(next, others[i]));
        assert_false(bound_is_to(next, where));
        close(next);
        assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed: nobody would answer there */
    }
}

static void another_port_is_another_address(void **state)
{
    (void)state;
    char where[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX];
    int fd = listen_on("127.0.0.1:0", where), taken = listen_on("127.0.0.1:0", other);
    assert_true(bound_is_to(fd, where));
    assert_false(bound_is_to(fd, other));
    assert_false(bound_is_to(fd, "nonsense"));
    close(fd);
    close(taken);
}

static void what_was_not_handed_on_by_us_is_not_taken(void **state)
{
    (void)state;
    char where[ADDRESS_TEXT_MAX];
    int next = -1, idle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bound_hand_on(idle, NULL), 0); /* it does not listen */
    next = listen_on("127.0.0.1:0", where);
    assert_int_not_equal(next, idle);
    close(next);
    close(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_life_has_the_same_socket),
        cmocka_unit_test(the_next_life_listens_where_the_file_says_by_then),
        cmocka_unit_test(another_port_is_another_address),
        cmocka_unit_test(what_was_not_handed_on_by_us_is_not_taken),
    };
    return cmocka_run_group_tests_name("collector.bound", tests, NULL, NULL);
}
