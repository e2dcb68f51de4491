/* tests/sim/crew.h - the people who are told: some answer at once, some late, some never.
 *
 * Shape    whoever is told of an incident acknowledges it after a while, by the seed, or resolves it, assigns it,
 *          writes a note; what the collector was asked while it died is asked again
 * Checks   as a page is handed to its channel: nobody is told of what somebody has acknowledged, as long as that
 *          lasts; it stands in the outbox on disk, unless the disk is at fault and it says so. That it has begun to go
 *          stands there as well where its channel has a limit, unless the disk is at fault
 */
#pragma once
#include <stdint.h>

#include "tests/sim/receiver.h"

void crew_begin(uint64_t seed);
void crew_took(const struct receipt *receipt);
/* Whether it stands on disk that it has begun. */
bool crew_sends(const struct channel_route *route, const struct message *message);
struct crew_counts {
    unsigned acknowledged, resolved, asked_again;
};
struct crew_counts crew_counts(void);
void crew_end(void);
