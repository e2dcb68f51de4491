#include "proto/link/nng_process.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/link/client.h"

typedef long sysconf_fn(int name);
typedef int setsockopt_fn(int fd, int level, int name, const void *value, socklen_t len);

/* Puts the function libc has under `symbol` into the function pointer at `ret`. ISO C knows no cast from the one kind
 * of pointer to the other; POSIX promises that they look the same. Looked up at each call: they are rare, and a table
 * would be shared by threads. */
static int find_next(const char *symbol, void *ret)
{
    void *found = dlsym(RTLD_NEXT, symbol);
    *(void **)ret = found;
    return found ? 0 : -1;
}

long sysconf(int name)
{
    if (name == _SC_NPROCESSORS_ONLN)
        return NNG_PROCESS_CPUS;
    sysconf_fn *next;
    if (find_next("sysconf", &next) < 0) {
        errno = EINVAL;
        return -1;
    }
    return next(name);
}

int setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen)
{
    setsockopt_fn *next;
    if (find_next("setsockopt", &next) < 0) {
        errno = ENOSYS;
        return -1;
    }
    int rc = next(fd, level, optname, optval, optlen);
    if (rc == 0 && level == IPPROTO_TCP && optname == TCP_NODELAY) {
        const unsigned timeout_ms = LINK_USER_TIMEOUT_S * 1000;
        int before = errno;
        /* Fails for a connection that is broken already, which the caller will learn in its own way. */
        (void)next(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
        errno = before;
    }
    return rc;
}
