#include "proto/link/nng_error.h"

#include <errno.h>
#include <nng/nng.h>
#include <stddef.h>

/* NNG_EPERM: nng folds EACCES into it, and on a socket that is what it is. */
static const struct pair {
    int nng;
    int code;
} pairs[] = {
    { NNG_EINTR, -EINTR },           { NNG_ENOMEM, -ENOMEM },       { NNG_EINVAL, -EINVAL },
    { NNG_EBUSY, -EBUSY },           { NNG_ETIMEDOUT, -ETIMEDOUT }, { NNG_ECONNREFUSED, -ECONNREFUSED },
    { NNG_ECLOSED, -EPIPE },         { NNG_EAGAIN, -EAGAIN },       { NNG_ENOTSUP, -ENOTSUP },
    { NNG_EADDRINUSE, -EADDRINUSE }, { NNG_ENOENT, -ENOENT },       { NNG_EPROTO, -EPROTO },
    { NNG_EADDRINVAL, -EINVAL },     { NNG_EPERM, -EACCES },        { NNG_EMSGSIZE, -EMSGSIZE },
    { NNG_ECONNRESET, -ECONNRESET }, { NNG_ECANCELED, -ECANCELED }, { NNG_ENOFILES, -EMFILE },
    { NNG_ENOSPC, -ENOSPC },         { NNG_EEXIST, -EEXIST },
};

int nng_error(int rv)
{
    if (rv & NNG_ESYSERR)
        return -(rv & ~NNG_ESYSERR);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].nng == rv)
            return pairs[i].code;
    }
    return -EIO;
}

int nng_error_set(struct err *err, int rv, const char *what)
{
    return err_set(err, nng_error(rv), "%s: %s", what, nng_strerror(rv));
}
