/* collector/control/control.h - answers the console and feeds it: docs/control.md in code.
 *
 * Shape    a table of verbs; each row has its arguments, which are checked before its function runs. Commands are
 *          answered when they are on disk, long reads when the reader thread is done, everything else at once.
 * Who      the user at the other end of the socket, as the kernel says it. Who is not admitted (proto/link/ipc_gate.h)
 *          is refused, counted and logged.
 * Limits   CONTROL_MESSAGE_MAX bytes a request and an answer; lists come in pages with a `next`
 * Threads  the loop's thread
 */
#pragma once
#include <uv.h>

#include "base/err.h"
#include "collector/collector.h"

struct control; /* opaque */

/* Listens on both sockets of the collector's configuration. `collector` and `log` are borrowed and must outlive the
 * control. -ENOENT, -EPERM: `console_group` is no group, or not one of this process's. */
int control_open(struct control **ret_control, uv_loop_t *loop, struct collector *collector, const struct log *log,
                 struct err *err);

/* The roles are those of the collector's configuration from now on, as after a reload. Who follows the feed already is
 * not hung up on. -ENOMEM: they stay as they were. */
int control_take_roles(struct control *control, struct err *err);

/* Tells the feed's readers. */
void control_happened(struct control *control, const struct happening *happening);

/* Reads under way end unanswered, but must end before this frees: the loop must run. NULL is fine. Always returns
 * NULL. */
struct control *control_close(struct control *control);
