/* base/auto.h - releasing what a local owns when it goes out of scope.
 *
 *   AUTO(auto_close) int fd = open(...);      closed on every way out of the block
 *   AUTO(auto_free) char *text = strdup(...);
 *   *ret_text = TAKE(text);                   handed on: the local no longer owns it
 *
 * An owning local is initialised where it is declared. Not for libuv handles (ours again only in their close callback)
 * and not in cmocka tests (a failed assertion jumps past it).
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))
#define TAKE(p)                                                                                                        \
    __extension__({                                                                                                    \
        __typeof__(p) took_ = (p);                                                                                     \
        (p) = NULL;                                                                                                    \
        took_;                                                                                                         \
    })

/* Frees what the pointer variable at `at` points to. */
static inline void auto_free(void *at)
{
    free(*(void **)at);
}

/* Closes a descriptor; negative means there is none. */
static inline void auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void auto_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}
