/* collector/channel/json.h - putting texts into JSON bodies.
 *
 * Failures only come of memory: they are gathered with |= and looked at once, at the end.
 */
#pragma once
#include <jansson.h>

/* 0, or -1: out of memory. `value` is handed over, also on failure; NULL is a failure. */
int json_put(json_t *object, const char *key, json_t *value);
/* Text that is not UTF-8 is repaired. */
int json_put_text(json_t *object, const char *key, const char *value);

/* For AUTO(). */
void json_undo(json_t **json);
