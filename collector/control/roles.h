/* collector/control/roles.h - who may do what: users and groups of this host, by the configuration's `roles`.
 *
 * Shape    commander over operator over viewer over customer: of the rows that fit a caller the highest wins, of two
 *          customers' rows the first. Without `roles` everybody the socket lets in is commander; with them, who is in
 *          no row has no role and may not even read. root and the collector's own user are always commanders
 * Threads  pure functions over rows that do not change while the collector runs
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "collector/collector.h"
#include "collector/event/role.h"

/* The sets that verbs' rows name. What an event's steps want is the events' own table's to say. */
enum {
    ROLES_COMMANDERS = 1 << ROLE_COMMANDER,
    ROLES_OPERATORS = 1 << ROLE_OPERATOR | ROLES_COMMANDERS,
    ROLES_ASKERS = 1 << ROLE_CUSTOMER | ROLES_OPERATORS, /* may want something */
    ROLES_STAFF = 1 << ROLE_VIEWER | ROLES_OPERATORS,
    ROLES_ALL = 1 << ROLE_CUSTOMER | ROLES_STAFF /* a customer within its tenant alone */
};

struct roles_caller {
    bool always; /* root, or the collector's own user */
    const char *name;
    bool (*in_group)(const void *user, const char *group);
    const void *user;
};

struct granted {
    enum role role;
    const char *tenant; /* a customer's; NULL otherwise. Borrowed from the rows */
};

/* `rows` is a list of struct role_config. False: the caller has no role. */
bool roles_grant(const struct config_list *rows, const struct roles_caller *caller, struct granted *ret);

bool roles_allow(unsigned roles, enum role role);

/* A copy with its texts in `arena`: the configuration may be read anew meanwhile. -ENOMEM. */
int roles_copy(const struct config_list *rows, struct arena *arena, struct config_list *ret, struct err *err);

enum { ROLES_WHO_TEXT = 160 };
/* "operator or commander: ada, group night-shift": the set's names, and who has them by the rows; cut to fit. Returns
 * `text`. */
const char *roles_who(char text[ROLES_WHO_TEXT], const struct config_list *rows, unsigned roles);
