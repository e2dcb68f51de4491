#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/link/ipc.h"
#include "proto/link/take_fd.h"

enum { HELLO_LEN = 8, FRAME_LEN = 9, MESSAGE = 1 };

/* These waits are the system's, not the program's: poll() and connect() know no handed-in clock. */
int64_t ipc_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

static int64_t left_us(int64_t deadline_us)
{
    int64_t left = deadline_us - ipc_now_us();
    return left > 0 ? left : 0;
}

/* -ETIMEDOUT: not in time. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };
    for (;;) {
        int64_t left_ms = (left_us(deadline_us) + US_PER_MS - 1) / US_PER_MS;
        int n = poll(&poll_fd, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* *ret_got counts on failure, too. -EPIPE: the peer is gone. */
static int read_all(int fd, void *bytes, size_t len, int64_t deadline_us, size_t *ret_got)
{
    *ret_got = 0;
    while (*ret_got < len) {
        ssize_t n = recv(fd, (char *)bytes + *ret_got, len - *ret_got, MSG_DONTWAIT);
        if (n > 0) {
            *ret_got += (size_t)n;
            continue;
        }
        if (n == 0 || errno == ECONNRESET)
            return -EPIPE;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return -errno;
        int rc = wait_for(fd, POLLIN, deadline_us);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void advance(struct iovec **at, size_t *left, size_t n)
{
    while (*left > 0 && n >= (*at)->iov_len) {
        n -= (*at)->iov_len;
        (*at)++;
        (*left)--;
    }
    if (*left > 0) {
        (*at)->iov_base = (char *)(*at)->iov_base + n;
        (*at)->iov_len -= n;
    }
}

/* Changes the iovecs. */
static int write_all(int fd, struct iovec *at, size_t left, int64_t deadline_us)
{
    advance(&at, &left, 0);
    while (left > 0) {
        struct msghdr message = { .msg_iov = at, .msg_iovlen = left };
        ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            advance(&at, &left, (size_t)n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return errno == ECONNRESET ? -EPIPE : -errno;
        int rc = wait_for(fd, POLLOUT, deadline_us);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int refuse(int code, const char *path, struct err *err)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return err_set(err, -ECONNREFUSED, "is warroom-collector running? there is no socket at %s", path);
    case ECONNREFUSED:
        return err_set(err, -ECONNREFUSED, "is warroom-collector running? nobody listens at %s any more", path);
    case EACCES:
    case EPERM:
        return err_set(err, -EACCES, "%s is not for this user: run as root or as a member of its group", path);
    case EAGAIN: /* the backlog stayed full: it does not accept */
        return err_set(err, -ETIMEDOUT, "the collector at %s did not take the connection in time", path);
    case EPROTOTYPE:
        return err_set(err, -EPROTO, "%s is not the collector's socket", path);
    default:
        return err_sys(err, -code, "cannot connect to %s", path);
    }
}

/* Connecting waits only for room in the backlog, as long as SO_SNDTIMEO says. */
static int connect_by(int fd, const char *path, int64_t deadline_us, struct err *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path)
        return err_set(err, -ENAMETOOLONG, "the path of the socket has %zu bytes, want at most %zu", strlen(path),
                       sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, strlen(path));
    int64_t left = left_us(deadline_us) + 1; /* none at all would mean for ever */
    struct timeval patience = { .tv_sec = left / US_PER_S, .tv_usec = left % US_PER_S };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
        return err_sys(err, -errno, "cannot set a socket up");
    while (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        if (errno != EINTR)
            return refuse(errno, path, err);
    }
    return 0;
}

static int shake_hands(int fd, unsigned protocol, unsigned peer, int64_t deadline_us)
{
    uint8_t ours[HELLO_LEN] = { 0, 'S', 'P', 0, 0, (uint8_t)protocol, 0, 0 };
    uint8_t wanted[HELLO_LEN] = { 0, 'S', 'P', 0, 0, (uint8_t)peer, 0, 0 };
    uint8_t theirs[HELLO_LEN];
    struct iovec all = { .iov_base = ours, .iov_len = sizeof ours };
    int rc = write_all(fd, &all, 1, deadline_us);
    if (rc < 0)
        return rc;
    size_t got;
    rc = read_all(fd, theirs, sizeof theirs, deadline_us, &got);
    if (rc < 0)
        return rc;
    return memcmp(theirs, wanted, sizeof theirs) == 0 ? 0 : -EPROTO;
}

int ipc_connect(int *ret_fd, const char *path, unsigned protocol, unsigned peer, int64_t deadline_us, struct err *err)
{
    AUTO(auto_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, -errno, "cannot make a socket");
    int rc = connect_by(fd, path, deadline_us, err);
    if (rc < 0)
        return rc;
    rc = shake_hands(fd, protocol, peer, deadline_us);
    if (rc == -ETIMEDOUT)
        return err_set(err, rc, "the collector at %s does not answer", path);
    if (rc == -EPROTO || rc == -EPIPE)
        return err_set(err, -EPROTO, "%s is not the collector's socket for this", path);
    if (rc < 0)
        return err_sys(err, rc, "cannot talk to %s", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

int ipc_send(int fd, const void *head, size_t head_len, const void *body, size_t body_len, int64_t deadline_us,
             struct err *err)
{
    uint8_t frame[FRAME_LEN] = { MESSAGE };
    uint64_t len = (uint64_t)head_len + body_len;
    for (size_t i = FRAME_LEN; i-- > 1; len >>= 8)
        frame[i] = (uint8_t)len;
    struct iovec parts[] = {
        { .iov_base = frame, .iov_len = sizeof frame },
        { .iov_base = (void *)head, .iov_len = head_len },
        { .iov_base = (void *)body, .iov_len = body_len },
    };
    int rc = write_all(fd, parts, 3, deadline_us);
    if (rc == -ETIMEDOUT)
        return err_set(err, rc, "the collector did not take the request in time");
    if (rc < 0)
        return err_sys(err, rc, "cannot send to the collector");
    return 0;
}

/* A collector gone within a message and one silent within it are the same to us: the stream is of no more use. */
static int receive_failed(int rc, size_t got, struct err *err)
{
    if (rc == -ETIMEDOUT && got == 0)
        return err_set(err, rc, "the collector did not answer in time");
    if (rc == -ETIMEDOUT || rc == -EPIPE)
        return err_set(err, -EPIPE, "the collector left before it had answered");
    return err_sys(err, rc, "cannot read from the collector");
}

int ipc_receive(int fd, size_t max, int64_t deadline_us, char **ret_bytes, size_t *ret_len, struct err *err)
{
    uint8_t frame[FRAME_LEN];
    size_t got;
    int rc = read_all(fd, frame, sizeof frame, deadline_us, &got);
    if (rc < 0)
        return receive_failed(rc, got, err);
    uint64_t len = 0;
    for (size_t i = 1; i < FRAME_LEN; i++)
        len = len << 8 | frame[i];
    if (frame[0] != MESSAGE)
        return err_set(err, -EPROTO, "the collector sent what is no message");
    if (len > max)
        return err_set(err, -EMSGSIZE, "the collector sent a message over %zu bytes", max);
    AUTO(auto_free) char *bytes = malloc((size_t)len + 1);
    if (!bytes)
        return err_set(err, -ENOMEM, "out of memory");
    rc = read_all(fd, bytes, (size_t)len, deadline_us, &got);
    if (rc < 0)
        return receive_failed(rc, sizeof frame + got, err);
    bytes[len] = '\0';
    *ret_len = (size_t)len;
    *ret_bytes = TAKE(bytes);
    return 0;
}
