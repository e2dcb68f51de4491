/* warroom/command/field.h - reading the collector's JSON without trusting it: what is missing, null or of another type
 * is "not there", never a crash. All texts are borrowed from the JSON. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FIELD_NONE "-" /* how absence is shown */

const char *field_text(const json_t *object, const char *key); /* FIELD_NONE when not there or empty */
bool field_is(const json_t *object, const char *key, const char *text);
bool field_true(const json_t *object, const char *key);
bool field_count(const json_t *object, const char *key, int64_t *ret);
bool field_number(const json_t *object, const char *key, double *ret);
bool field_instant(const json_t *object, const char *key, int64_t *ret_us); /* RFC 3339 text */
const json_t *field_object(const json_t *object, const char *key);          /* NULL when not there */
const json_t *field_list(const json_t *object, const char *key);            /* NULL when not there: an empty list */
