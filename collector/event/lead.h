/* collector/event/lead.h - whether something is asked for early enough.
 *
 * Days     numbers of calendar.h; what "working days ahead" means: holidays.h
 * Unknown  what the calendar does not reach is late: nobody guesses, and the text says what is missing
 * Threads  pure
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/event/holidays.h"

struct lead {
    int working_days;        /* wanted ahead */
    int64_t asked, first;    /* days */
    int64_t earliest;        /* that would be in time; 0: not to be told, the calendar does not reach so far */
    bool late;               /* also when it cannot be told */
    char text[ERR_TEXT_MAX]; /* in words */
};
/* For something on `first` that is asked for on `asked`. `holidays` NULL: none of that name is known. */
void lead_check(const struct holidays *holidays, int working_days, int64_t asked, int64_t first, struct lead *ret);
