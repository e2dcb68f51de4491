/* That proto_link_process takes effect on libnng, seen from outside: threads and socket options. */
#include <dirent.h>
#include <netinet/tcp.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>

#include "proto/link/client.h"
#include "proto/link/link_fixture.h"
#include "proto/link/nng_process.h"

/* One poller, one reaper, one timer, four resolvers; two task threads and one expiry thread for each CPU. */
enum { NNG_THREADS = 7 + 3 * NNG_PROCESS_CPUS };

static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static void *nothing(void *arg)
{
    return arg;
}

static void nng_starts_the_threads_of_one_cpu(void **state)
{
    (void)state;
    pthread_t first; /* with which a sanitizer starts one of its own */
    assert_int_equal(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    assert_int_equal(sysconf(_SC_NPROCESSORS_ONLN), NNG_PROCESS_CPUS);
    nng_socket socket;
    int before = count_threads();
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(count_threads() - before, NNG_THREADS);
    nng_close(socket);
}

static void all_else_is_answered_by_libc(void **state)
{
    (void)state;
    assert_int_equal(sysconf(_SC_PAGESIZE), getpagesize());
    assert_true(sysconf(_SC_CLK_TCK) > 0);
    errno = 0;
    assert_int_equal(sysconf(-12345), -1);
    assert_int_equal(errno, EINVAL);
    int on = 1;
    errno = 0;
    assert_int_equal(setsockopt(-1, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), -1);
    assert_int_equal(errno, EBADF);
}

static unsigned user_timeout_of(int fd)
{
    unsigned value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
    return value;
}

static void only_nodelay_brings_the_timeout(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
    assert_int_equal(user_timeout_of(fd), 0);
    errno = 7;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(errno, 7);
    assert_int_equal(user_timeout_of(fd), LINK_USER_TIMEOUT_S * 1000);
    close(fd);
}

static void on_answer(void *user, const uint8_t *bytes, size_t len)
{
    (void)user;
    (void)bytes;
    (void)len;
}

static void on_up(void *user)
{
    *(bool *)user = true;
}

/* nng's own descriptor: the one whose peer is the listener's address. */
static int find_dialled(const struct sockaddr_in *listener)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer = { 0 };
        socklen_t len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == listener->sin_port)
            return fd;
    }
    return -1;
}

static void a_connection_of_nngs_has_the_timeout(void **state)
{
    (void)state;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    struct test_loop t;
    test_loop_open(&t);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    struct link_client *client;
    bool up = false;
    struct link_client_handlers handlers = { .on_up = on_up, .on_answer = on_answer, .user = &up };
    assert_int_equal(link_client_open(&client, &t.loop, (const char *[]){ address }, 1, handlers, NULL), 0);
    int accepted = accept(listening, NULL, NULL);
    char hello[8]; /* nng sends it after the options are set */
    assert_int_equal(recv(accepted, hello, sizeof hello, MSG_WAITALL), 8);
    assert_int_equal(user_timeout_of(find_dialled(&at)), LINK_USER_TIMEOUT_S * 1000);
    /* nng 1.5.2 loses the memory of a connection that is closed within its handshake */
    assert_int_equal(send(accepted, "\0SP\0\0\x31\0\0", 8, MSG_NOSIGNAL), 8);
    run_until(&t, up);
    client = link_client_close(client);
    close(accepted);
    close(listening);
    test_loop_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nng_starts_the_threads_of_one_cpu),
        cmocka_unit_test(all_else_is_answered_by_libc),
        cmocka_unit_test(only_nodelay_brings_the_timeout),
        cmocka_unit_test(a_connection_of_nngs_has_the_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
