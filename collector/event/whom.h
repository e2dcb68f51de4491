/* collector/event/whom.h - who is told, by name: what documents, the configuration and incidents agree on.
 *
 * Shape    a step of an escalation names up to WHOM_MAX contacts or rotas, none of them twice; an escalation has up to
 *          WHOM_STEPS_MAX steps, each later than the one before, and takes up to WHOM_TEXT_MAX bytes as one text:
 *          "0s night-desk; 3m lead; 6m manager, war-room"
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WHOM_NAME_MAX = 63, WHOM_MAX = 8, WHOM_STEPS_MAX = 8, WHOM_TEXT_MAX = 511 };

/* A name for a contact, a channel or a rota: 1..WHOM_NAME_MAX bytes of shown text without blanks, ',' or ';'. */
bool whom_is_name(const char *name, size_t len);
