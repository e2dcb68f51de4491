/* proto/link/ipc_gate.h - who may use a local socket: root, the collector's own user, and the members of one group.
 *
 * The socket's mode says the same, and the kernel holds it; this holds when somebody has loosened the mode, or a folder
 * has given the socket a wider group.
 *
 * Source   uid and gid are the peer's when it connected (SO_PEERCRED, unix(7)). What further groups it had then nng
 *          does not tell; those that the user database gives the user count instead.
 * Threads  any
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct ipc_caller { /* who is at the other end, as the kernel says it */
    uid_t uid;
    gid_t gid;
};

struct ipc_gate {
    uid_t own;
    gid_t group;
    bool (*bars)(void *user, struct ipc_caller caller); /* of those, who may not all the same; NULL: nobody */
    void *user;                                         /* borrowed as long as the gate is used, from any thread */
};

/* The gate of this process as it is now. `group` is a name; NULL: the group of the process. -ENOENT: no such group. */
int ipc_gate_init(struct ipc_gate *ret, const char *group, struct err *err);

/* Whether the user database has the user in the group of this name; not when there is no such group. */
bool ipc_user_in_group(uid_t uid, const char *group);

/* May read the user database. */
bool ipc_gate_admits(const struct ipc_gate *gate, struct ipc_caller caller);
