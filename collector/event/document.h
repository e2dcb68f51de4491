/* collector/event/document.h - what an event is, written down: its scope and what it stands for. YAML. Pure.
 *
 * Shape    a struct with room for all of it; document_parse() reads a file, document_write() writes the one canonical
 *          text of a document: keys in the order of the struct, what is empty left out, so that equal documents have equal
 *          texts and document_parse(document_write(d)) is d. The text is what is kept (struct event_document)
 * Lists    each is bounded (DOCUMENT_..._MAX); hosts within lists are texts as of scope.h, over the event's own hosts
 * Owner    the caller's memory; a struct document is about 60 KiB: heap or static, not the stack
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "collector/event/event.h"

enum {
    DOCUMENT_TEXT_MAX = 32768, /* bytes of its YAML, as given and as kept */
    DOCUMENT_TIERS_MAX = 16,
    DOCUMENT_LIMITS_MAX = 32,
    DOCUMENT_DEMAND_MAX = 64,
    DOCUMENT_CONTACTS_MAX = 16,
    DOCUMENT_STEPS_MAX = 8,
    DOCUMENT_RUNBOOKS_MAX = 16,
    DOCUMENT_RULES_MAX = 32,
    DOCUMENT_NAME_MAX = 63,
    DOCUMENT_TITLE_MAX = 127,
    DOCUMENT_URL_MAX = 511,
    DOCUMENT_SERIES_MAX = 127,
    DOCUMENT_NOTES_MAX = 8191
};

/* ---- as it is kept ---- */

struct event_document { /* a row */
    uint64_t event;
    char text[DOCUMENT_TEXT_MAX + 1]; /* canonical */
};
