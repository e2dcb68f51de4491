/* What is to be provable later: one entry of the tenant's ledger for each transition, attempt, override, round. It joins
 * the group that holds what it tells of. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/parts.h"

int ledger_note(struct collector *collector, uint64_t tenant, struct ledger_note note)
{
    AUTO(auto_free) char *body = json_dumps(note.body, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    json_decref(note.body);
    if (!body)
        return -ENOMEM;
    return store_put_ledger(collector->store, &(struct ledger_entry){ .tenant = tenant,
                                                                      .at_us = now_us(collector),
                                                                      .kind = note.kind,
                                                                      .event = note.event,
                                                                      .incident = note.incident,
                                                                      .actor = note.actor,
                                                                      .body = body });
}
