/* warroom/command/attach.h - a file that was named for the collector to read: its text goes along, for the collector is
 * another program, maybe of another user. */
#pragma once
#include <jansson.h>

#include "base/err.h"

enum { ATTACH_MAX = 32 << 10 };

/* Puts the text of the file that the argument `file` names ("-": standard input) beside it, as `document`. Without that
 * argument nothing is done. -EINVAL: it is too long, or not UTF-8; others: it cannot be read. */
int attach_file(json_t *args, struct err *err);
