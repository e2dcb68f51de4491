#include "proto/link/nng_shut.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"

/* Whether `fd` is a TCP socket bound to `local`. */
static bool is_bound_to(int fd, const nng_sockaddr *local)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return false;
    if (own.ss_family == AF_INET && local->s_family == NNG_AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&own;
        return ip4->sin_port == local->s_in.sa_port && ip4->sin_addr.s_addr == local->s_in.sa_addr;
    }
    if (own.ss_family == AF_INET6 && local->s_family == NNG_AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&own;
        return ip6->sin6_port == local->s_in6.sa_port &&
               memcmp(&ip6->sin6_addr, local->s_in6.sa_addr, sizeof ip6->sin6_addr) == 0;
    }
    return false;
}

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

void nng_shut(const nng_sockaddr *local)
{
    AUTO(auto_closedir) DIR *own = opendir("/proc/self/fd");
    if (!own)
        return;
    for (struct dirent *entry; (entry = readdir(own));) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && is_bound_to((int)fd, local))
            shutdown((int)fd, SHUT_RDWR);
    }
}
