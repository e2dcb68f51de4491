/* That the client closes whatever nng is in the middle of. nng's threads run what has come in; here they are kept busy,
 * so that it is in the middle of something for as long as a test wants. */
#include <nng/nng.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "proto/link/client.h"
#include "proto/link/link_fixture.h"

enum { TASK_THREADS_MAX = 16, BODY = 30 };

struct fixture {
    struct test_loop t;
    struct link_client *client;
    unsigned sockets; /* before all */
    int accepted;     /* the collector's end */
    bool up;
    nng_aio *busy[TASK_THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned running; /* under lock */
    bool released;    /* under lock */
    bool until_gone;  /* nng's threads are released when the client has ended the connection */
};

static void on_up(void *user)
{
    ((struct fixture *)user)->up = true;
}

static void on_answer(void *user, const uint8_t *bytes, size_t len)
{
    (void)user;
    (void)bytes;
    (void)len;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    test_loop_open(&f->t);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->sockets = count_sockets();
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    char address[32], hello[8];
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    struct link_client_handlers handlers = { .on_up = on_up, .on_answer = on_answer, .user = f };
    assert_int_equal(link_client_open(&f->client, &f->t.loop, (const char *[]){ address }, 1, handlers, NULL), 0);
    f->accepted = accept(listening, NULL, NULL);
    close(listening);
    assert_int_equal(recv(f->accepted, hello, sizeof hello, MSG_WAITALL), sizeof hello);
    assert_int_equal(send(f->accepted, "\0SP\0\0\x31\0\0", 8, MSG_NOSIGNAL), 8);
    run_until(&f->t, f->up);
    return 0;
}

static void release(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    f->released = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    release(f);
    for (size_t i = 0; i < TASK_THREADS_MAX; i++)
        nng_aio_free(f->busy[i]); /* waits for it */
    f->client = link_client_close(f->client);
    close(f->accepted);
    test_loop_close(&f->t);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

/* On a thread of nng's. */
static void stay(void *arg)
{
    struct fixture *f = arg;
    char byte;
    pthread_mutex_lock(&f->lock);
    f->running++;
    pthread_cond_broadcast(&f->changed);
    while (!f->until_gone && !f->released)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    if (f->until_gone)
        assert_int_equal(recv(f->accepted, &byte, 1, MSG_PEEK), 0);
}

/* Two for each CPU, 16 at most. */
static unsigned count_task_threads(void)
{
    long n = 2 * sysconf(_SC_NPROCESSORS_ONLN);
    return n < TASK_THREADS_MAX ? (unsigned)n : TASK_THREADS_MAX;
}

static void keep_nng_busy(struct fixture *f)
{
    unsigned n = count_task_threads();
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(nng_aio_alloc(&f->busy[i], stay, f), 0);
        nng_sleep_aio(0, f->busy[i]);
    }
    pthread_mutex_lock(&f->lock);
    while (f->running < n)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

/* What the client's descriptor has that nng has not read. */
static int unread(const struct fixture *f)
{
    struct sockaddr_in peer = { 0 }, local = { 0 };
    socklen_t len = sizeof peer;
    assert_int_equal(getpeername(f->accepted, (struct sockaddr *)&peer, &len), 0);
    for (int fd = 3; fd < 256; fd++) {
        int n;
        len = sizeof local;
        if (getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.sin_family == AF_INET &&
            local.sin_port == peer.sin_port && ioctl(fd, FIONREAD, &n) == 0)
            return n;
    }
    return -1;
}

static void closing_amid_a_message_ends_its_connection(void **state)
{
    struct fixture *f = *state;
    const uint8_t message[8 + BODY] = { [7] = BODY };
    f->until_gone = true;
    keep_nng_busy(f);
    assert_int_equal(send(f->accepted, message, sizeof message, MSG_NOSIGNAL), sizeof message);
    run_until(&f->t, unread(f) == BODY); /* its length is read, and nobody has looked at it */
    f->client = link_client_close(f->client);
    wait_for_sockets(f->sockets + 1); /* the collector's */
}

static void closing_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    keep_nng_busy(f);
    f->client = link_client_close(f->client);
    run_some(&f->t);
    assert_int_equal(count_sockets(), f->sockets + 2); /* nng still has it */
    release(f);
    wait_for_sockets(f->sockets + 1); /* it was waited for no longer, but ends when it can */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closing_amid_a_message_ends_its_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_does_not_wait_for_ever, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
