/* base/privilege.h - what this process may do and shows: less, as soon as it has what it needs.
 *
 * Order    privilege_hide() first of all. Then what only root can do: reading secrets, binding a port. Then
 *          privilege_drop(), before the first thread: capabilities are a thread's own. Then the work.
 * Source   capabilities(7), credentials(7), prctl(2), core(5); by system calls, without a library
 * Threads  one, the only one
 */
#pragma once
#include "base/err.h"

/* Of this process's memory nothing goes into a core dump or to another process of its user: RLIMIT_CORE is 0, and it is
 * not dumpable, for RLIMIT_CORE does not hold back a dump that the system pipes to a program. Of /proc/PID the
 * memory, descriptors and counters of I/O are root's alone from here on. */
int privilege_hide(struct err *err);

/* Becomes `user` with its groups, gives every capability up, and so that no exec gives any back (no_new_privs, an empty
 * bounding set where the system lets us). NULL, or who we are already: stays that user, with its groups. `group`, if it
 * is not NULL, is one of ours from here on as well, if we may. Hides again, for a change of user undoes that. On 0 all
 * of it was seen to hold. -ENOENT: no such user or group; -EPERM: only root can become somebody else. On failure the
 * process may be half of it: it has to end. */
int privilege_drop(const char *user, const char *group, struct err *err);
