/* collector/bound.h - the uplink's socket, which outlives what the collector may do and what it is.
 *
 * It is bound before root is given up, for a port below 1024 is root's alone; and it is handed on when the process
 * executes itself, for by then nobody could bind it again. What is handed on stands in the environment, and counts only
 * for the address it is bound to: by then the file may say another one.
 *
 * Threads  one
 */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/* Port 0 is any. */
bool bound_is_to(int fd, const char *address);

/* What an earlier life handed on, if it is for this address, otherwise a new one (link_bind()). On 0 the caller owns
 * *ret_fd. */
int bound_take(const char *address, int *ret_fd, struct err *err);

/* Before an exec: the next life finds it. */
int bound_hand_on(int fd, struct err *err);
