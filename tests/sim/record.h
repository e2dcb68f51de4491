/* tests/sim/record.h - a tenant's ledger as it lies on disk, read on from where it was read to before.
 *
 * Chain    each entry must be the next one, of the bytes its columns tell of, with the hash that chains it to the one
 *          before; what was read once must still be there. Otherwise the run ends
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "proto/ledger/ledger.h"

struct record { /* zeroed but for the tenant: nothing was read yet */
    uint64_t tenant;
    uint64_t n; /* the last entry read... */
    struct ledger_hash hash;
};

/* Calls `fn` with each entry that is new, in the order of the chain; all is borrowed. */
void record_read(struct record *record, void (*fn)(void *user, const struct ledger_entry *entry, const json_t *body),
                 void *user);

/* "" where the body has no such text. */
const char *record_text(const json_t *body, const char *key);

/* The first number this query of the tenant's file gives; 0: it gives none. */
int64_t record_number(uint64_t tenant, const char *sql);
