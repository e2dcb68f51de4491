/* collector/store/heads.h - what is signed of each tenant's ledger, and what is still to be.
 *
 * Shape    a chain's end is told once it is on disk; it is signed when somebody asks for the head, or when heads go to
 *          registry.db. What registry.db had at start is what the files are measured by: a chain that does not go on
 *          from its head is broken, and keeps that head, for it is the proof
 * Threads  the loop's
 */
#pragma once
#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"
#include "collector/store/chain.h"
#include "collector/store/group.h"
#include "collector/store/store.h"

struct heads; /* opaque */

/* Clock, log borrowed. NULL: out of memory. */
struct heads *heads_new(const struct clock *clock, const struct log *log);
/* Always returns NULL; NULL is fine. */
struct heads *heads_free(struct heads *heads);

void heads_sign_with(struct heads *heads, const struct ledger_key *key, bool fresh); /* as store_sign() */
/* At start. -ENOMEM. */
int heads_restore(struct heads *heads, const struct store_head *row);

/* What the head of registry.db says; zeroed: there is none. */
struct chain_end heads_vouched(const struct heads *heads, uint64_t tenant);
/* There is no head of it, and there is a key that must have signed one unless the ledger has just begun. */
bool heads_misses(const struct heads *heads, uint64_t tenant);
/* The chain ends here, on disk, unless it is broken. One that is accepted is signed anew, whatever was wrong with it.
 * -ENOMEM. */
int heads_moved(struct heads *heads, uint64_t tenant, const struct chain_end *end, enum chain_state state);

/* Some are newer than those that were put. */
bool heads_waiting(const struct heads *heads);
/* Signs them and puts them into a group of the registry's. -ENOMEM: the rest goes with the next one. */
int heads_put(struct heads *heads, struct group *group);

/* As store_ledger_head(), store_ledger_broken(). */
int heads_show(struct heads *heads, uint64_t tenant, struct store_head *ret);
const char *heads_broken(const struct heads *heads, uint64_t tenant);
