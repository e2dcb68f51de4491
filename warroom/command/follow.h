/* warroom/command/follow.h - incidents as they change: the list first, then the feed, until interrupted. */
#pragma once
#include "warroom/command/command.h"
#include "warroom/command/settings.h"
#include "warroom/command/words.h"

/* Comes back only when the feed cannot be read any more; the text says why. As JSON each item is a line, without the
 * list. */
int follow_incidents(const struct console *console, const struct settings *settings, const struct request *request,
                     struct err *err);
