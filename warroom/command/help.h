/* warroom/command/help.h - what --help prints, made from the table of verbs. */
#pragma once
#include <stdio.h>

#include "warroom/command/verb.h"

void help_all(FILE *out);
void help_verb(FILE *out, const struct verb *verb);
