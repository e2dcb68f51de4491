/* collector/channel/receiver_fixture.h - for tests: a real HTTP receiver on loopback, on the test's own loop.
 *
 * Shape    each path has a fixed answer, written as soon as a request with it is whole; unknown paths get a 404
 * Threads  the loop's thread; sharing it with the sender under test shows that neither blocks it
 */
#pragma once
#include <uv.h>

struct receiver_rule {
    const char *path;
    const char *answer;                                           /* bytes on the wire; NULL: none */
    enum { RECEIVER_KEEP, RECEIVER_CLOSE, RECEIVER_RESET } after; /* what becomes of the connection */
};

struct receiver; /* opaque */

/* `rules` (ended by a NULL path) is borrowed. Aborts when the loopback fails it. */
struct receiver *receiver_open(uv_loop_t *loop, const struct receiver_rule *rules);
/* The loop must run until its handles are gone. */
void receiver_close(struct receiver *receiver);

unsigned receiver_port(const struct receiver *receiver);
unsigned receiver_requests(const struct receiver *receiver);         /* whole ones so far */
unsigned receiver_connections_most(const struct receiver *receiver); /* open at once, ever */
const char *receiver_last(const struct receiver *receiver);          /* head and body of the last one; borrowed */
