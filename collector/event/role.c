#include "collector/event/role.h"

#include <stdio.h>
#include <string.h>

const char *const role_names[ROLE_COUNT + 1] = {
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_COMMANDER] = "commander",
    [ROLE_CUSTOMER] = "customer",
};

const char *role_name(enum role role)
{
    return role_names[role];
}

const char *role_one(enum role role)
{
    static const char *const ones[] = {
        [ROLE_VIEWER] = "a viewer",
        [ROLE_OPERATOR] = "an operator",
        [ROLE_COMMANDER] = "a commander",
        [ROLE_CUSTOMER] = "a customer",
    };
    return ones[role];
}

bool role_find(const char *name, enum role *ret)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(role_names[i], name) == 0) {
            *ret = (enum role)i;
            return true;
        }
    }
    return false;
}

const char *role_list(char text[ROLES_TEXT], unsigned roles)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (!(roles & ROLE_BIT(i)))
            continue;
        unsigned behind = (roles & (ROLE_CLOCK - 1)) >> (i + 1);
        const char *between = used == 0 ? "" : behind == 0 ? " or " : ", ";
        used += (size_t)snprintf(text + used, ROLES_TEXT - used, "%s%s", between, role_names[i]);
    }
    return text;
}
