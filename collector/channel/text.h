/* collector/channel/text.h - a message as people read it: plain lines, in the contact's language, no longer than a
 * channel carries.
 *
 * Limits   what does not fit is left out line by line and counted in "+N more"; a single long line is cut between
 *          characters. What is always there: the headline, the marks (exercise, possible copy...) and what to do
 * Text     names and titles come from outside: controls become spaces, what is not UTF-8 becomes '?'
 * Threads  pure
 */
#pragma once
#include <stddef.h>

#include "collector/channel/message.h"

enum { TEXT_ROOM_MIN = 1536, TEXT_ROOM_MAX = 32 << 10, HEADLINE_ROOM = 400 };

/* Terminated, at most `room` bytes with the terminator, TEXT_ROOM_MIN..TEXT_ROOM_MAX; freed by free(). NULL: out of
 * memory. */
char *text_of(const struct message *message, size_t room);

/* The first line of it: what a subject says. Returns `ret`. */
char *text_headline(const struct message *message, char ret[HEADLINE_ROOM]);
