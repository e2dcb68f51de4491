/* base/config_say.h - the wording of base/config.c's faults: what is there, what is allowed, what was probably meant.
 *
 * Threads  pure functions
 */
#pragma once
#include "base/config.h"
#include "base/config_tree.h"

/* "`port` is "x", want a whole number from 1 to 65535". A secret's text is not shown. */
void config_say_misfit(struct config_faults *faults, const char *name, const struct config_field *field,
                       const struct config_node *given);

/* "`states` holds "x", want a list of some of draft, live": one item of a list. */
void config_say_item_misfit(struct config_faults *faults, const char *name, const struct config_field *list,
                            const struct config_node *item);

/* "`port` is missing, want ...". */
void config_say_missing(struct config_faults *faults, const char *name, int line, const struct config_field *field);

/* "unknown key `prot`, did you mean `port`?", or the list of what is allowed when nothing is close. */
void config_say_unknown(struct config_faults *faults, const char *name, const struct config_field *fields,
                        const struct config_node *key);
