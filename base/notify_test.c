/* The test plays the service manager: it has the other end of the socket. */
#include "base/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { BEATS_US = 30000 }; /* a watchdog's patience: beats are 10 ms apart */

struct fixture {
    uv_loop_t loop;
    struct notifier *notifier;
    char dir[64];
    char name[96];
    int fd;
};

static void listen_at(struct fixture *f, bool abstract)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(f->name, sizeof f->name, "%s%s/notify", abstract ? "@" : "", f->dir);
    memcpy(at.sun_path, f->name, strlen(f->name));
    if (abstract)
        at.sun_path[0] = '\0';
    f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(f->name));
    assert_int_equal(bind(f->fd, (struct sockaddr *)&at, len), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fd = -1;
    uv_loop_init(&f->loop);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/warroom-notify-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->notifier = notifier_close(f->notifier);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    if (f->fd >= 0)
        close(f->fd);
    if (f->name[0] == '/')
        unlink(f->name);
    assert_int_equal(rmdir(f->dir), 0);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    free(f);
    return 0;
}

static void open_notifier(struct fixture *f, int64_t watchdog_us)
{
    struct notify_settings settings = { .socket = f->name, .watchdog_us = watchdog_us };
    assert_int_equal(notifier_open(&f->notifier, &f->loop, &settings, NULL), 0);
    assert_non_null(f->notifier);
}

/* "" when nothing was told. */
static const char *told(struct fixture *f)
{
    static char word[64];
    ssize_t len = recv(f->fd, word, sizeof word - 1, 0);
    word[len < 0 ? 0 : len] = '\0';
    return word;
}

static void each_word_is_a_datagram_of_its_own(void **state)
{
    struct fixture *f = *state;
    listen_at(f, false);
    open_notifier(f, 0);
    assert_string_equal(told(f), "");
    notifier_ready(f->notifier);
    notifier_stopping(f->notifier);
    notifier_stopping(f->notifier);
    assert_string_equal(told(f), "READY=1");
    assert_string_equal(told(f), "STOPPING=1");
    assert_string_equal(told(f), "");
}

static void an_abstract_socket_is_told_too(void **state)
{
    struct fixture *f = *state;
    listen_at(f, true);
    open_notifier(f, 0);
    notifier_ready(f->notifier);
    assert_string_equal(told(f), "READY=1");
}

static void on_guard(uv_timer_t *guard)
{
    uv_timer_stop(guard);
}

static void the_watchdog_is_fed_at_once_and_then_only_while_the_loop_turns(void **state)
{
    struct fixture *f = *state;
    listen_at(f, false);
    open_notifier(f, BEATS_US);
    assert_string_equal(told(f), "WATCHDOG=1");
    assert_string_equal(told(f), "");
    uv_timer_t guard; /* keeps the loop going, which the beats do not */
    uv_timer_init(&f->loop, &guard);
    uv_timer_start(&guard, on_guard, 60000, 0);
    for (int beats = 0; beats < 5 && uv_is_active((uv_handle_t *)&guard);) {
        uv_run(&f->loop, UV_RUN_ONCE);
        beats += strcmp(told(f), "WATCHDOG=1") == 0;
    }
    assert_true(uv_is_active((uv_handle_t *)&guard));
    assert_string_equal(told(f), "");
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT); /* ends: the beats do not keep it going */
}

static void without_a_service_manager_nothing_happens(void **state)
{
    struct fixture *f = *state;
    struct notify_settings settings = notify_settings_from_environment();
    assert_null(settings.socket);
    assert_int_equal(settings.watchdog_us, 0);
    assert_int_equal(notifier_open(&f->notifier, &f->loop, &settings, NULL), 0);
    assert_null(f->notifier);
    notifier_ready(f->notifier);
    notifier_stopping(f->notifier);
    assert_null(notifier_close(f->notifier));
}

static void one_that_is_gone_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    listen_at(f, false);
    open_notifier(f, 0);
    close(f->fd);
    f->fd = -1;
    notifier_ready(f->notifier);
    unlink(f->name);
    notifier_stopping(f->notifier);
}

static void what_is_no_address_is_said(void **state)
{
    struct fixture *f = *state;
    char longest[200];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    const char *const names[] = { "", "@", "/", "relative", "vsock:2:1", longest };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct notify_settings settings = { .socket = names[i] };
        struct err err;
        assert_int_equal(notifier_open(&f->notifier, &f->loop, &settings, &err), -EINVAL);
        assert_non_null(strstr(err.text, "NOTIFY_SOCKET"));
        assert_null(f->notifier);
    }
}

static void the_environment_says_who_listens_and_how_patient_the_watchdog_is(void **state)
{
    (void)state;
    char pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("NOTIFY_SOCKET", "/run/x", 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_string_equal(notify_settings_from_environment().socket, "/run/x");
    assert_int_equal(notify_settings_from_environment().watchdog_us, 30000000);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_settings_from_environment().watchdog_us, 30000000);
    static const char *const others[] = { "1", "", "x" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        setenv("WATCHDOG_PID", others[i], 1);
        assert_int_equal(notify_settings_from_environment().watchdog_us, 0);
    }
    setenv("WATCHDOG_PID", pid, 1);
    static const char *const no_numbers[] = { "", "0", "-5", "5s", "99999999999999999999" };
    for (size_t i = 0; i < sizeof no_numbers / sizeof no_numbers[0]; i++) {
        setenv("WATCHDOG_USEC", no_numbers[i], 1);
        assert_int_equal(notify_settings_from_environment().watchdog_us, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_word_is_a_datagram_of_its_own),
        TEST(an_abstract_socket_is_told_too),
        TEST(the_watchdog_is_fed_at_once_and_then_only_while_the_loop_turns),
        TEST(without_a_service_manager_nothing_happens),
        TEST(one_that_is_gone_holds_nobody_up),
        TEST(what_is_no_address_is_said),
        TEST(the_environment_says_who_listens_and_how_patient_the_watchdog_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
