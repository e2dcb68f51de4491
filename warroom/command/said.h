/* warroom/command/said.h - what an entry of the ledger says, as a line that can be read aloud.
 *
 * Shape    a table of sentences by kind and by what happened; all of an entry stands in its JSON
 * Threads  pure but for the local time zone
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

enum { SAID_MAX = 400 };

/* `body` may lack anything: what has to be there is FIELD_NONE then. Times are told as of `now_us`. Returns `text`. */
const char *said_text(char text[SAID_MAX], const char *kind, const json_t *body, int64_t now_us);
