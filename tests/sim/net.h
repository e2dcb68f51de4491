/* tests/sim/net.h - the network: proto/link's client and server over simulated TCP, one line a host.
 *
 * Shape    a connection is two queues of packets that arrive in order, after the line's delay. While a way is cut
 *          nothing passes on it; what was sent waits (TCP sends it again), unless an end gives up before: a client
 *          LINK_USER_TIMEOUT_S after it sent what could not be acknowledged, a server that is not told 60 to 90 s later
 * Client   as client.h says: dials with growing, jittered pauses, one request at a time, an unanswered one is sent
 *          again on the next connection, before on_up; late answers are dropped
 * Server   as server.h says; its limits are not simulated, that a request sent again is told once is
 * Killed   the kernel closes the connections of a process that ended; of one that is `dead` nothing else gets out
 * Source   docs of nng 1.5.2 and its core/dialer.c for the pauses; tcp(7) for TCP_USER_TIMEOUT
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum net_way { NET_UP, NET_DOWN }; /* to the collector, from it */

struct line {
    int64_t least_us, most_us; /* delay, one way */
    int64_t cut_us[2];         /* until then nothing passes that way */
    void *user;                /* tap.h's */
};

void net_cut(struct line *line, enum net_way way, int64_t until_us);
/* All its connections break; what was on its way may or may not have arrived. */
void net_reset(struct line *line);
