/* agent/agent.h - the parts of the agent, wired on one loop.
 *
 * Shape    a timer takes ticks; readers run on a worker, since they may wait for the kernel; what they read goes,
 *          with the agent's own and the probes' numbers, to the uplink Reload log level and probes change at once; of
 *          the rest it is said that it waits for the next start Leaving no more ticks; the uplink has AGENT_DRAIN_US
 *          to deliver; then the agent lets go of the loop. What still hangs in the kernel AGENT_HANG_US later (a dead
 *          file server, a look-up) stops the loop all the same
 * Threads  all calls on the loop's thread
 */
#pragma once
#include <uv.h>

#include "agent/identity.h"
#include "agent/settings.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { AGENT_DRAIN_US = 5000000, AGENT_HANG_US = 2000000 };

struct agent; /* opaque */

/* Settings are borrowed until agent_reload() brings others or the agent is freed; identity, clock and log until then.
 * -ENOENT, -EACCES: a root cannot be read; else the system lacks something. */
int agent_open(struct agent **ret_agent, uv_loop_t *loop, const struct settings *settings,
               const struct identity *identity, const struct clock *clock, struct log *log, struct err *err);

void agent_reload(struct agent *agent, const struct settings *settings);

/* uv_run() returns when it is done; uv_loop_alive() then tells that something hangs and must be left to the process's
 * end. Called again: leaves without delivering. */
void agent_leave(struct agent *agent);

/* After uv_run() returned; the loop must run once more for its last handle. Not when something hangs. Always returns
 * NULL. */
struct agent *agent_free(struct agent *agent);
