/* warroom/carry/series.h - how a series is called in a file: "metric[instance] (unit)".
 *
 * Unit     left out: the catalogue's, "1" for a metric it does not know. Another than the catalogue's is refused: the
 *          figures would be wrong wherever both are shown together
 * Input    untrusted. -EINVAL: the text says what is wrong
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

enum { SERIES_TEXT = SERIES_KEY_MAX + INSTANCE_MAX + SERIES_UNIT_MAX + 8 };

/* Texts of *ret lie in `arena`; its exponent is 0. */
int series_parse(const char *text, size_t len, struct arena *arena, struct series *ret, struct err *err);

/* The same for a metric, an instance and a unit that already stand apart; `unit` "": none was given. */
int series_make(const char *metric, const char *instance, const char *unit, struct arena *arena, struct series *ret,
                struct err *err);

/* Returns `text`. */
char *series_print(char text[SERIES_TEXT], const struct series *series);

/* -EINVAL: two of them are of the same metric and instance. */
int series_check_distinct(const struct series *series, uint32_t n, struct err *err);
