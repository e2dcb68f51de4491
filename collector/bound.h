/* collector/bound.h - the uplink's socket, which outlives what the collector may do and what it is.
 *
 * It is bound before root is given up, for a port below 1024 is root's alone; and it is handed on when the process
 * executes itself, for by then nobody could bind it again. What is handed on stands in the environment, and counts only
 * for the address it was bound to.
 *
 * Threads  one
 */
#pragma once
#include "base/err.h"

/* What an earlier life handed on, if it is for this address, otherwise a new one (link_bind()). On 0 the caller owns
 * *ret_fd. */
int bound_take(const char *address, int *ret_fd, struct err *err);

/* Before an exec: the next life finds it. */
int bound_hand_on(const char *address, int fd, struct err *err);
