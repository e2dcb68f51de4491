/* The server against the other side as it really is: nng's REQ in threads of its own, and nngcat as a program. */
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "proto/link/link_fixture.h"
#include "proto/link/server.h"

enum { REQUESTS = 200, AGENTS = 16, ABUSERS = 40 };

struct held {
    struct link_peer *peer;
    uint32_t ticket;
    size_t len;
    uint8_t bytes[64];
    struct held *next;
};

struct fixture {
    struct test_loop t;
    struct link_server *server;
    uv_async_t wake;
    unsigned finished;
    unsigned opened;
    unsigned closed;
    unsigned requests;
    bool defer; /* answers are given from `commit`, as after a commit */
    struct held *held;
    uv_timer_t commit;
    char url[64];
};

struct agent {
    struct fixture *f;
    pthread_t thread;
    unsigned n;
    int rv;
};

static void on_open(void *user, struct link_peer *peer)
{
    struct fixture *f = user;
    (void)peer;
    f->opened++;
}

static void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct fixture *f = user;
    f->requests++;
    if (!f->defer) {
        link_peer_answer(peer, ticket, bytes, len);
        return;
    }
    struct held *held = calloc(1, sizeof *held);
    *held = (struct held){ .peer = peer, .ticket = ticket, .len = len < 64 ? len : 64, .next = f->held };
    memcpy(held->bytes, bytes, held->len);
    f->held = held;
}

static void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    struct fixture *f = user;
    (void)why;
    f->closed++;
    for (struct held **at = &f->held; *at;) {
        struct held *held = *at;
        if (held->peer == peer) {
            *at = held->next;
            free(held);
        } else {
            at = &held->next;
        }
    }
}

static void on_commit(uv_timer_t *timer)
{
    struct fixture *f = timer->data;
    while (f->held) {
        struct held *held = f->held;
        f->held = held->next;
        link_peer_answer(held->peer, held->ticket, held->bytes, held->len);
        free(held);
    }
}

static void on_wake(uv_async_t *wake)
{
    (void)wake;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    test_loop_open(&f->t);
    uv_async_init(&f->t.loop, &f->wake, on_wake);
    uv_timer_init(&f->t.loop, &f->commit);
    f->commit.data = f;
    uv_timer_start(&f->commit, on_commit, 1, 1);
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    assert_int_equal(link_server_open(&f->server, &f->t.loop, "127.0.0.1:0", link_limits_default(), handlers, NULL), 0);
    snprintf(f->url, sizeof f->url, "tcp://127.0.0.1:%u", link_server_port(f->server));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->server = link_server_close(f->server);
    uv_close((uv_handle_t *)&f->wake, NULL);
    uv_close((uv_handle_t *)&f->commit, NULL);
    test_loop_close(&f->t);
    assert_int_equal(f->opened, f->closed);
    assert_null(f->held);
    free(f);
    return 0;
}

static unsigned finished(struct fixture *f)
{
    return __atomic_load_n(&f->finished, __ATOMIC_SEQ_CST);
}

static int ask_once(nng_socket req, unsigned n)
{
    char text[32];
    char answer[32];
    size_t len = sizeof answer;
    snprintf(text, sizeof text, "report %u", n);
    int rv = nng_send(req, text, sizeof text, 0);
    if (rv == 0)
        rv = nng_recv(req, answer, &len, 0);
    if (rv == 0 && (len != sizeof text || memcmp(answer, text, len) != 0))
        rv = NNG_EPROTO;
    return rv;
}

static void *run_agent(void *arg)
{
    struct agent *agent = arg;
    nng_socket req;
    agent->rv = nng_req0_open(&req);
    if (agent->rv == 0)
        agent->rv = nng_dial(req, agent->f->url, NULL, 0);
    for (unsigned i = 0; i < agent->n && agent->rv == 0; i++)
        agent->rv = ask_once(req, i);
    nng_close(req);
    __atomic_add_fetch(&agent->f->finished, 1, __ATOMIC_SEQ_CST);
    uv_async_send(&agent->f->wake);
    return NULL;
}

static void start(struct agent *agent, struct fixture *f, unsigned n)
{
    *agent = (struct agent){ .f = f, .n = n };
    assert_int_equal(pthread_create(&agent->thread, NULL, run_agent, agent), 0);
}

static void a_real_req_gets_all_its_answers(void **state)
{
    struct fixture *f = *state;
    struct agent agent;
    start(&agent, f, REQUESTS);
    run_until(&f->t, finished(f) == 1);
    pthread_join(agent.thread, NULL);
    assert_int_equal(agent.rv, 0);
    assert_int_equal(f->requests, REQUESTS);
    run_until(&f->t, f->closed == 1);
}

static void many_reqs_get_answers_that_wait_for_a_commit(void **state)
{
    struct fixture *f = *state;
    f->defer = true;
    struct agent agents[AGENTS];
    for (int i = 0; i < AGENTS; i++)
        start(&agents[i], f, 50);
    run_until(&f->t, finished(f) == AGENTS);
    for (int i = 0; i < AGENTS; i++) {
        pthread_join(agents[i].thread, NULL);
        assert_int_equal(agents[i].rv, 0);
    }
    assert_int_equal(f->requests, AGENTS * 50);
    run_until(&f->t, f->closed == AGENTS);
}

/* Its stdout goes to `out`. */
static pid_t start_nngcat(const char *const argv[], int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, "nngcat", &actions, NULL, (char *const *)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Serves it until it ends. Returns what it wrote, and its exit code. */
static int run_nngcat(struct fixture *f, const char *const argv[], char *ret, size_t size)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = start_nngcat(argv, ends[1]);
    close(ends[1]);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    size_t got = 0;
    ssize_t n = -1;
    while (n != 0 && !f->t.late) {
        n = read(ends[0], ret + got, size - 1 - got);
        if (n > 0)
            got += (size_t)n;
        else if (n < 0)
            uv_run(&f->t.loop, UV_RUN_ONCE);
    }
    ret[got] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void nngcat_gets_its_answer(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "nngcat", "--req0", "--connect",      f->url, "--data",
                                 "hi",     "--raw",  "--recv-timeout", "20",   NULL };
    char out[256];
    f->defer = true;
    assert_int_equal(run_nngcat(f, argv, out, sizeof out), 0);
    assert_string_equal(out, "hi");
    assert_int_equal(f->requests, 1);
    run_until(&f->t, f->closed == 1);
}

/* As a program of its own: nng 1.5.2 loses the memory of a connection that is closed within its handshake. */
static void a_pair_is_not_taken_for_an_agent(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "nngcat", "--pair0", "--connect", f->url, NULL };
    pid_t pid = start_nngcat(argv, STDERR_FILENO);
    run_until(&f->t, link_server_counts(f->server).closed[LINK_CLOSE_HANDSHAKE] == 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(f->opened, 0);
}

/* One connection by hand that sends three requests without waiting and resets. */
static void abuse(unsigned port)
{
    static const char stream[] = "\0SP\0\0\x30\0\0"
                                 "\0\0\0\0\0\0\0\x05\x80\0\0\x01"
                                 "a"
                                 "\0\0\0\0\0\0\0\x05\x80\0\0\x02"
                                 "b"
                                 "\0\0\0\0\0\0\0\x05\x80\0\0\x03"
                                 "c";
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct linger at_once = { .l_onoff = 1 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        send(fd, stream, sizeof stream - 1, MSG_NOSIGNAL);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static void *run_abuser(void *arg)
{
    struct fixture *f = arg;
    while (finished(f) == 0)
        abuse(link_server_port(f->server));
    return NULL;
}

/* What wedges nng 1.5.2's own listener for good within seconds (docs/decisions.md). */
static void forty_abusers_that_pipeline_and_reset_do_not_hinder_an_honest_req(void **state)
{
    struct fixture *f = *state;
    f->defer = true;
    struct agent honest;
    pthread_t abusers[ABUSERS];
    for (int i = 0; i < ABUSERS; i++)
        assert_int_equal(pthread_create(&abusers[i], NULL, run_abuser, f), 0);
    run_until(&f->t, link_server_counts(f->server).closed[LINK_CLOSE_PEER] >= 100);
    start(&honest, f, REQUESTS);
    run_until(&f->t, finished(f) == 1);
    pthread_join(honest.thread, NULL);
    for (int i = 0; i < ABUSERS; i++)
        pthread_join(abusers[i], NULL);
    assert_int_equal(honest.rv, 0);
    run_until(&f->t, link_server_counts(f->server).open == 0); /* every one is noticed and given back */
    start(&honest, f, 1);
    run_until(&f->t, finished(f) == 2);
    pthread_join(honest.thread, NULL);
    assert_int_equal(honest.rv, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_real_req_gets_all_its_answers),
        TEST(many_reqs_get_answers_that_wait_for_a_commit),
        TEST(nngcat_gets_its_answer),
        TEST(a_pair_is_not_taken_for_an_agent),
        TEST(forty_abusers_that_pipeline_and_reset_do_not_hinder_an_honest_req),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
