#include "collector/bound.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scan.h"
#include "proto/link/address.h"
#include "proto/link/server.h"

#define VARIABLE "WARROOM_UPLINK" /* its number */
enum { TEXT_LEN_MAX = 16 };

static in_port_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                          : &((struct sockaddr_in *)address)->sin_port;
}

bool bound_is_to(int fd, const char *address)
{
    struct sockaddr_storage wanted = { 0 };
    struct sockaddr_storage bound = { 0 };
    socklen_t len = sizeof bound;
    char texts[2][ADDRESS_TEXT_MAX];
    if (address_numeric(address, &wanted) < 0 || getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
        return false;
    if (*port_of(&wanted) == 0) /* any will do */
        memcpy(port_of(&wanted), port_of(&bound), sizeof(in_port_t));
    address_write(&wanted, texts[0]);
    address_write(&bound, texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

/* -1: none was handed on. */
static int handed_on(void)
{
    const char *text = getenv(VARIABLE);
    if (!text)
        return -1;
    struct scan scan = scan_over(text, strlen(text));
    uint64_t fd;
    int listening = 0;
    socklen_t len = sizeof listening;
    bool ours = scan_u64(&scan, &fd) && fd > STDERR_FILENO && fd < 1 << 20 &&
                getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
    unsetenv(VARIABLE); /* `text` is no more */
    return ours && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0 ? (int)fd : -1;
}

int bound_take(const char *address, int *ret_fd, struct err *err)
{
    int fd = handed_on();
    if (fd >= 0 && bound_is_to(fd, address)) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd); /* first: it may be what stands in the way */
    return link_bind(address, ret_fd, err);
}

int bound_hand_on(int fd, struct err *err)
{
    char text[TEXT_LEN_MAX];
    snprintf(text, sizeof text, "%d", fd);
    if (fcntl(fd, F_SETFD, 0) < 0 || setenv(VARIABLE, text, 1) < 0)
        return err_sys(err, -errno, "cannot hand the uplink's socket on");
    return 0;
}
