/* tests/sim/clocks.h - the clocks of all incidents, read from the tenants' ledgers as they lie on disk.
 *
 * Shape    an incident has a row a clock: what began it, when, and what became of it by what the ledger says. The
 *          incident's own row in the file has the last clock alone. clocks_read() goes on where it was; it ends the
 *          run when a chain breaks, or an entry it has read is no longer there
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/page/page.h"

struct clock_row {
    uint64_t tenant, event, incident;
    unsigned clock; /* 0: nobody is paged for it */
    char group[NAME_MAX_BYTES + 1];
    char title[160];
    bool late;
    int64_t crossed_us; /* as it was at first */
    int64_t moved_us;   /* and as it was last */
    int64_t detected_us;
    int64_t damped_us;
    int64_t noted_us; /* the entry that began it */
    int64_t ended_us; /* resolved, or another clock began; 0: neither */
    int64_t next_us;  /* the next clock of the incident began; 0: there is none */
    bool recovered;   /* it ended by that */
    bool by_hand;     /* a person has ended it */
    int64_t acknowledged_us;
    unsigned expired; /* acknowledgements, how often */
    int64_t breached_us;
    char cause[PAGE_NOTE_MAX + 1];
};

/* `tenants`: the highest number there is. */
void clocks_read(uint64_t tenants);
const struct clock_row *clocks_all(size_t *ret_n);
/* Entries read so far. */
uint64_t clocks_entries(void);
void clocks_end(void);
