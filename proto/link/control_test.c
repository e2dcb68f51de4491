#include "proto/link/control.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "proto/link/link_fixture.h"

enum { NOBODY = 65534, PATIENCE_US = 30000000, ASKERS = 40 };

struct asked {
    unsigned ticket;
    uid_t uid;
    bool admitted;
    char text[32];
    size_t len;
};

struct fixture {
    struct test_loop t;
    struct control_server *server;
    char dir[64];
    char path[96];
    struct ipc_gate gate;
    struct asked asked[1024];
    unsigned n;
    bool echo;
    bool close_on_request;
    uv_async_t done;
    unsigned finished;
    unsigned sockets; /* before the test */
};

/* One thread that asks, as a console does. */
struct asker {
    struct fixture *f;
    pthread_t thread;
    const char *text;
    size_t len;
    int64_t timeout_us;
    unsigned as; /* a user and group; 0: as the test runs */
    char *answer;
    size_t answer_len;
    int times;
    int rc;
    struct err err;
};

static void on_request(void *user, const struct control_request *request)
{
    struct fixture *f = user;
    struct asked *asked = &f->asked[f->n++ % 1024];
    *asked = (struct asked){
        .ticket = request->ticket, .uid = request->uid, .admitted = request->admitted, .len = request->len
    };
    memcpy(asked->text, request->text, request->len < sizeof asked->text ? request->len : sizeof asked->text);
    if (f->close_on_request)
        f->server = control_server_close(f->server);
    else if (f->echo)
        control_answer(f->server, request->ticket, request->text, request->len);
}

static void on_done(uv_async_t *done)
{
    (void)done;
}

static void serve(struct fixture *f)
{
    struct err err = { 0 };
    int rc = control_server_open(&f->server, &f->t.loop, f->path, &f->gate, on_request, f, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->sockets = count_sockets();
    test_loop_open(&f->t);
    uv_async_init(&f->t.loop, &f->done, on_done);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/warroom-control-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    chmod(f->dir, 0755);
    snprintf(f->path, sizeof f->path, "%s/control.sock", f->dir);
    assert_int_equal(ipc_gate_init(&f->gate, NULL, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->server = control_server_close(f->server);
    uv_close((uv_handle_t *)&f->done, NULL);
    test_loop_close(&f->t);
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
    wait_for_sockets(f->sockets);
    free(f);
    return 0;
}

static void *run_asker(void *arg)
{
    struct asker *a = arg;
    if (a->as != 0) /* the thread alone, not the process as setresuid() would */
        a->rc = syscall(SYS_setresgid, a->as, a->as, a->as) == 0 && syscall(SYS_setresuid, a->as, a->as, a->as) == 0
                    ? 0
                    : -errno;
    for (int i = 0; i < a->times && a->rc == 0; i++) {
        free(a->answer);
        a->answer = NULL;
        a->rc = control_ask(a->f->path, a->text, a->len, a->timeout_us, &a->answer, &a->answer_len, &a->err);
    }
    __atomic_add_fetch(&a->f->finished, 1, __ATOMIC_SEQ_CST);
    uv_async_send(&a->f->done);
    return NULL;
}

static unsigned finished(struct fixture *f)
{
    return __atomic_load_n(&f->finished, __ATOMIC_SEQ_CST);
}

static void start(struct asker *a, struct fixture *f, const char *text, int times)
{
    *a = (struct asker){ .f = f, .text = text, .len = strlen(text), .timeout_us = PATIENCE_US, .times = times };
    assert_int_equal(pthread_create(&a->thread, NULL, run_asker, a), 0);
}

static void end(struct asker *a)
{
    pthread_join(a->thread, NULL);
    free(a->answer);
}

static void a_request_is_answered_later_and_its_user_is_known(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct asker a;
    start(&a, f, "{\"verb\":\"status\"}", 1);
    run_until(&f->t, f->n == 1);
    assert_int_equal(f->asked[0].uid, geteuid());
    assert_true(f->asked[0].admitted);
    assert_int_equal(f->asked[0].len, a.len);
    assert_memory_equal(f->asked[0].text, a.text, a.len);
    run_some(&f->t);
    assert_int_equal(finished(f), 0);
    control_answer(f->server, f->asked[0].ticket, "{\"ok\":true}", 11);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.answer_len, 11);
    assert_string_equal(a.answer, "{\"ok\":true}"); /* terminated */
    end(&a);
}

static void forty_consoles_at_once_all_get_their_own_answer(void **state)
{
    struct fixture *f = *state;
    serve(f);
    f->echo = true;
    struct asker askers[ASKERS];
    char texts[ASKERS][16];
    for (int i = 0; i < ASKERS; i++) {
        snprintf(texts[i], sizeof texts[i], "asker %d", i);
        start(&askers[i], f, texts[i], 20);
    }
    run_until(&f->t, finished(f) == ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(askers[i].rc, 0);
        assert_string_equal(askers[i].answer, texts[i]);
        end(&askers[i]);
    }
}

static void further_requests_wait_in_their_sockets(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct asker askers[ASKERS];
    for (int i = 0; i < ASKERS; i++)
        start(&askers[i], f, "x", 1);
    run_until(&f->t, f->n == CONTROL_IN_FLIGHT);
    run_some(&f->t);
    assert_int_equal(f->n, CONTROL_IN_FLIGHT);
    for (unsigned i = 0; i < ASKERS; i++) {
        run_until(&f->t, f->n > i);
        control_answer(f->server, f->asked[i].ticket, "y", 1);
    }
    run_until(&f->t, finished(f) == ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(askers[i].rc, 0);
        end(&askers[i]);
    }
}

static void the_largest_texts_fit_and_larger_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    serve(f);
    f->echo = true;
    char *large = malloc(CONTROL_MESSAGE_MAX + 2);
    memset(large, 'x', CONTROL_MESSAGE_MAX + 1);
    large[CONTROL_MESSAGE_MAX + 1] = '\0';
    char *text = NULL;
    size_t len = 7;
    struct err err;
    assert_int_equal(control_ask(f->path, large, CONTROL_MESSAGE_MAX + 1, PATIENCE_US, &text, &len, &err), -EMSGSIZE);
    assert_null(text);
    assert_int_equal(len, 7);
    large[CONTROL_MESSAGE_MAX] = '\0';
    struct asker a;
    start(&a, f, large, 1);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.answer_len, CONTROL_MESSAGE_MAX);
    end(&a);
    free(large);
}

static void nobody_there_is_said_at_once_and_says_what_to_do(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    size_t len = 0;
    struct err err;
    assert_int_equal(control_ask(f->path, "x", 1, PATIENCE_US, &text, &len, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "is warroom-collector running?"));
    assert_non_null(strstr(err.text, f->path));
    assert_int_equal(control_ask("/nonexistent/x.sock", "x", 1, PATIENCE_US, &text, &len, NULL), -ECONNREFUSED);
    assert_null(text);
}

/* Leaves a socket file nobody listens on, as a killed collector does. */
static void leave_stale_socket(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
}

static void a_socket_left_by_a_dead_collector_refuses_and_is_replaced(void **state)
{
    struct fixture *f = *state;
    leave_stale_socket(f->path);
    char *text = NULL;
    size_t len = 0;
    struct err err;
    assert_int_equal(control_ask(f->path, "x", 1, PATIENCE_US, &text, &len, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "is warroom-collector running?"));
    serve(f);
    f->echo = true;
    struct asker a;
    start(&a, f, "alive", 1);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    end(&a);
}

static void a_second_collector_does_not_take_the_socket_of_the_first(void **state)
{
    struct fixture *f = *state;
    serve(f);
    f->echo = true;
    unsigned sockets = count_sockets();
    struct control_server *second = NULL;
    struct err err;
    assert_int_equal(control_server_open(&second, &f->t.loop, f->path, &f->gate, on_request, f, &err), -EADDRINUSE);
    assert_null(second);
    assert_non_null(strstr(err.text, f->path));
    wait_for_sockets(sockets);
    struct asker a;
    start(&a, f, "still the first", 1);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    end(&a);
}

static void what_is_not_a_socket_is_left_alone(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fclose(file);
    struct err err;
    assert_int_equal(control_server_open(&f->server, &f->t.loop, f->path, &f->gate, on_request, f, &err), -EEXIST);
    assert_int_equal(access(f->path, F_OK), 0);
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(control_ask(f->path, "x", 1, PATIENCE_US, &text, &len, &err), -ECONNREFUSED);
}

static void paths_too_long_or_missing_are_said(void **state)
{
    struct fixture *f = *state;
    char path[200];
    memset(path, 'x', sizeof path);
    memcpy(path, "/tmp/", 5);
    path[108] = '\0';
    struct err err;
    assert_int_equal(control_server_open(&f->server, &f->t.loop, path, &f->gate, on_request, f, &err), -ENAMETOOLONG);
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(control_ask(path, "x", 1, PATIENCE_US, &text, &len, &err), -ENAMETOOLONG);
    assert_int_equal(control_server_open(&f->server, &f->t.loop, "", &f->gate, on_request, f, &err), -ENAMETOOLONG);
    assert_int_equal(control_server_open(&f->server, &f->t.loop, "/nonexistent/c.sock", &f->gate, on_request, f, &err),
                     -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/c.sock"));
    assert_null(f->server);
    assert_null(control_server_close(NULL));
}

static void the_mode_is_0660_whatever_the_umask(void **state)
{
    struct fixture *f = *state;
    static const mode_t masks[] = { 0, 022, 077, 0777 };
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        mode_t before = umask(masks[i]);
        serve(f);
        umask(before);
        struct stat at;
        assert_int_equal(stat(f->path, &at), 0);
        assert_int_equal(at.st_mode & 07777, 0660);
        f->server = control_server_close(f->server);
        assert_int_equal(access(f->path, F_OK), -1); /* and it goes with its collector */
    }
}

static void who_may_not_connect_is_told_so(void **state)
{
    struct fixture *f = *state;
    serve(f);
    bool root = geteuid() == 0;
    if (root)
        assert_true(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    else
        assert_int_equal(chmod(f->path, 0), 0);
    char *text = NULL;
    size_t len = 0;
    struct err err;
    int rc = control_ask(f->path, "x", 1, PATIENCE_US, &text, &len, &err);
    if (root)
        assert_true(seteuid(0) == 0 && setegid(0) == 0);
    assert_int_equal(rc, -EACCES);
    assert_non_null(strstr(err.text, f->path));
}

/* Over a socket whose mode somebody has loosened. Only root can ask as somebody else. */
static void a_stranger_comes_as_not_admitted_and_can_be_answered(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    serve(f);
    assert_int_equal(chmod(f->path, 0666), 0);
    f->echo = true;
    struct asker a = { .f = f, .text = "x", .len = 1, .timeout_us = PATIENCE_US, .times = 1, .as = NOBODY };
    assert_int_equal(pthread_create(&a.thread, NULL, run_asker, &a), 0);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    assert_string_equal(a.answer, "x");
    end(&a);
    assert_int_equal(f->asked[0].uid, NOBODY);
    assert_false(f->asked[0].admitted);
}

static void the_socket_gets_the_gates_group_or_is_not_opened(void **state)
{
    struct fixture *f = *state;
    f->gate.group = NOBODY;
    if (geteuid() == 0) {
        serve(f);
        struct stat at;
        assert_int_equal(stat(f->path, &at), 0);
        assert_int_equal(at.st_gid, NOBODY);
        assert_int_equal(at.st_mode & 07777, 0660);
        return;
    }
    struct err err;
    assert_int_equal(control_server_open(&f->server, &f->t.loop, f->path, &f->gate, on_request, f, &err), -EPERM);
    assert_non_null(strstr(err.text, f->path));
}

static void an_answer_that_does_not_come_is_a_timeout(void **state)
{
    struct fixture *f = *state;
    serve(f);
    unsigned sockets = count_sockets();
    struct asker a = { .f = f, .text = "x", .len = 1, .timeout_us = 20000, .times = 1 };
    assert_int_equal(pthread_create(&a.thread, NULL, run_asker, &a), 0);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, -ETIMEDOUT);
    assert_null(a.answer);
    end(&a);
    /* The slot comes back with the answer nobody waits for. */
    wait_for_sockets(sockets);
    f->echo = true;
    for (unsigned i = 0; i < f->n; i++)
        control_answer(f->server, f->asked[i].ticket, "late", 4);
    for (int i = 0; i < 3; i++) {
        f->finished = 0;
        start(&a, f, "next", 1);
        run_until(&f->t, finished(f) == 1);
        assert_int_equal(a.rc, 0);
        end(&a);
    }
}

static void a_collector_that_is_stopped_does_not_outlast_the_timeout(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memcpy(at.sun_path, f->path, sizeof f->path);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0); /* accepts nobody */
    assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listening, 0), 0);
    char *text = NULL;
    size_t len = 0;
    struct err err;
    int waiting[4];
    assert_int_equal(control_ask(f->path, "x", 1, 20000, &text, &len, &err), -ETIMEDOUT); /* connects, no hello */
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&at, sizeof at);
    }
    assert_int_equal(control_ask(f->path, "x", 1, 20000, &text, &len, &err), -ETIMEDOUT); /* the backlog is full */
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(listening);
}

static void a_collector_that_leaves_before_the_answer_is_noticed(void **state)
{
    struct fixture *f = *state;
    serve(f);
    f->close_on_request = true;
    struct asker a;
    start(&a, f, "x", 1);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, -EPIPE);
    assert_null(f->server);
    end(&a);
}

static void consoles_that_give_up_do_not_cost_slots(void **state)
{
    struct fixture *f = *state;
    serve(f);
    unsigned sockets = count_sockets();
    for (unsigned i = 0; i < 2 * CONTROL_IN_FLIGHT; i++) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        memcpy(at.sun_path, f->path, sizeof f->path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
        static const char bytes[] = "\0SP\0\0\x30\0\0\x01\0\0\0\0\0\0\0\x05\x80\0\0\x01x";
        assert_int_equal(send(fd, bytes, sizeof bytes - 1, MSG_NOSIGNAL), sizeof bytes - 1);
        run_until(&f->t, f->n == i + 1);
        close(fd);
        wait_for_sockets(sockets);
        control_answer(f->server, f->asked[i].ticket, "to nobody", 9);
    }
    f->echo = true;
    struct asker a;
    start(&a, f, "me", 1);
    run_until(&f->t, finished(f) == 1);
    assert_int_equal(a.rc, 0);
    end(&a);
}

static void nngs_own_req_is_answered_too(void **state)
{
    struct fixture *f = *state;
    serve(f);
    f->echo = true;
    char url[128];
    snprintf(url, sizeof url, "ipc://%s", f->path);
    nng_socket req;
    nng_aio *aio;
    assert_int_equal(nng_req0_open(&req), 0);
    assert_int_equal(nng_dial(req, url, NULL, 0), 0);
    assert_int_equal(nng_send(req, (void *)"nng", 3, 0), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    nng_recv_aio(req, aio);
    run_until(&f->t, f->n == 1);
    nng_aio_wait(aio);
    assert_int_equal(nng_aio_result(aio), 0);
    assert_memory_equal(nng_msg_body(nng_aio_get_msg(aio)), "nng", 3);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
    nng_close(req);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered_later_and_its_user_is_known),
        TEST(forty_consoles_at_once_all_get_their_own_answer),
        TEST(further_requests_wait_in_their_sockets),
        TEST(the_largest_texts_fit_and_larger_ones_are_refused),
        TEST(nobody_there_is_said_at_once_and_says_what_to_do),
        TEST(a_socket_left_by_a_dead_collector_refuses_and_is_replaced),
        TEST(a_second_collector_does_not_take_the_socket_of_the_first),
        TEST(what_is_not_a_socket_is_left_alone),
        TEST(paths_too_long_or_missing_are_said),
        TEST(the_mode_is_0660_whatever_the_umask),
        TEST(who_may_not_connect_is_told_so),
        TEST(a_stranger_comes_as_not_admitted_and_can_be_answered),
        TEST(the_socket_gets_the_gates_group_or_is_not_opened),
        TEST(an_answer_that_does_not_come_is_a_timeout),
        TEST(a_collector_that_is_stopped_does_not_outlast_the_timeout),
        TEST(a_collector_that_leaves_before_the_answer_is_noticed),
        TEST(consoles_that_give_up_do_not_cost_slots),
        TEST(nngs_own_req_is_answered_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
