/* tests/bench/enrol.h - invitations for the hosts of a swarm, by the collector's control socket.
 *
 * Threads  blocks its caller
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

/* Makes tenants bench-1..bench-`n_tenants`, and for each an invitation that `uses` hosts may join by, at `ret_invites`;
 * their texts lie in the arena. */
int enrol_invite(const char *control, unsigned n_tenants, unsigned uses, struct arena *arena,
                 struct invite *ret_invites, struct err *err);
