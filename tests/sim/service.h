/* tests/sim/service.h - the services behind the channels: what each answers, as it feels at that moment.
 *
 * Shape    a channel that nobody has named has no limit and is well. What a kind says and how it says it is as
 *          docs/channels.md tells: a robot says everything with HTTP 200
 * Limit    a message beyond what a channel takes in a minute ends the run: nobody may send it. Those before it that
 *          only a process knew of that is gone do not count
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "collector/channel/route.h"
#include "tests/sim/receiver.h"

struct reply {
    bool arrived, taken, answered;
    int64_t after_us;
    int status;
    const char *body;  /* a literal */
    const char *error; /* when no answer comes, and of mail when it is not taken; else NULL */
    int64_t retry_after_us;
};
/* To a message that is sent now. `is_known`: a process that starts now would know of it. */
struct reply service_reply(const struct channel_route *route, bool is_known);
/* To one who only connects; nobody counts that. */
struct reply service_knock(const struct channel_route *route);
void service_end(void);
