/* collector/namesake.h - names for hosts that come by themselves: what they call themselves, or the like.
 *
 * Shape    NAME as far as it may be one of ours, then NAME-2, NAME-3...; where names between are free it may be any of
 *          those behind one that is taken
 * Cost     a few dozen questions however many bear the name: whole fleets come as `localhost`
 * Threads  pure; any
 */
#pragma once
#include <stdbool.h>

#include "collector/ingest/fleet.h"

enum { NAMESAKES_MAX = 10000 };

/* -EEXIST: too many are called so. */
int namesake_find(const char *hostname, bool (*is_taken_by)(void *user, const char *name), void *user,
                  char ret[NAME_MAX_BYTES + 1]);
