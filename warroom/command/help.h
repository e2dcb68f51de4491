/* warroom/command/help.h - what --help prints, made from the table of verbs. */
#pragma once
#include <stdio.h>

#include "warroom/command/verb.h"

void help_all(FILE *out);
/* The verbs that begin with `word`. */
void help_group(FILE *out, const char *word);
void help_verb(FILE *out, const struct verb *verb);
