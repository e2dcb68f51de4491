#include "collector/bound.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scan.h"
#include "proto/link/server.h"

#define VARIABLE "WARROOM_UPLINK" /* "FD ADDRESS" */
enum { TEXT_LEN_MAX = 300 };

/* -1: none was handed on, or for another address: then it is closed. */
static int handed_on(const char *address)
{
    const char *text = getenv(VARIABLE);
    if (!text)
        return -1;
    struct scan scan = scan_over(text, strlen(text));
    uint64_t fd;
    int listening = 0;
    socklen_t len = sizeof listening;
    bool ours = scan_u64(&scan, &fd) && scan_char(&scan, ' ') && fd > STDERR_FILENO && fd < 1 << 20 &&
                getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
    bool wanted = ours && strcmp(strchr(text, ' ') + 1, address) == 0;
    unsetenv(VARIABLE); /* `text` is no more */
    if (wanted && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
        return (int)fd;
    if (ours)
        close((int)fd);
    return -1;
}

int bound_take(const char *address, int *ret_fd, struct err *err)
{
    int fd = handed_on(address);
    if (fd < 0)
        return link_bind(address, ret_fd, err);
    *ret_fd = fd;
    return 0;
}

int bound_hand_on(const char *address, int fd, struct err *err)
{
    char text[TEXT_LEN_MAX];
    if (snprintf(text, sizeof text, "%d %s", fd, address) >= (int)sizeof text)
        return err_set(err, -ENAMETOOLONG, "the address is too long to be handed on");
    if (fcntl(fd, F_SETFD, 0) < 0 || setenv(VARIABLE, text, 1) < 0)
        return err_sys(err, -errno, "cannot hand the uplink's socket on");
    return 0;
}
