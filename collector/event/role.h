/* collector/event/role.h - what a person may be here.
 *
 * Shape    viewer reads; operator works incidents; commander decides on events and overrides; customer sees its own
 *          tenant and asks for its events. They are no ladder: who may take a verb is a set of roles
 * Clock    what happens by the clock alone has its own bit beside theirs
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_COMMANDER, ROLE_CUSTOMER, ROLE_COUNT };

#define ROLE_BIT(role) (1U << (unsigned)(role))
#define ROLE_CLOCK     (1U << ROLE_COUNT)
enum { ROLES_TEXT = 64 };

/* By role, NULL at the end: for a configuration. */
extern const char *const role_names[ROLE_COUNT + 1];
/* "viewer"...: as configured, shown and kept in the ledger. */
const char *role_name(enum role role);
/* "a viewer", "an operator"...: within a sentence. */
const char *role_one(enum role role);
/* False: no role has that name. */
bool role_find(const char *name, enum role *ret);

/* "operator, commander or customer": the people of a set of bits. Returns `text`. */
const char *role_list(char text[ROLES_TEXT], unsigned roles);
