#include "collector/control/roles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How much a role counts where several fit. */
static const int ranks[ROLE_COUNT] = {
    [ROLE_CUSTOMER] = 0, [ROLE_VIEWER] = 1, [ROLE_OPERATOR] = 2, [ROLE_COMMANDER] = 3
};

static bool fits(const struct role_config *row, const struct roles_caller *caller)
{
    return row->user ? strcmp(row->user, caller->name) == 0 : caller->in_group(caller->user, row->group);
}

bool roles_grant(const struct config_list *rows, const struct roles_caller *caller, struct granted *ret)
{
    const struct role_config *best = NULL;
    if (caller->always || rows->n == 0) {
        *ret = (struct granted){ .role = ROLE_COMMANDER };
        return true;
    }
    for (size_t i = 0; i < rows->n; i++) {
        const struct role_config *row = (const struct role_config *)rows->at + i;
        if ((!best || ranks[row->role] > ranks[best->role]) && fits(row, caller))
            best = row;
    }
    if (best)
        *ret = (struct granted){ .role = (enum role)best->role, .tenant = best->tenant };
    return best != NULL;
}

static bool copy_text(const char **text, struct arena *arena)
{
    size_t size = *text ? strlen(*text) + 1 : 0;
    char *copy = size ? arena_alloc(arena, size, 1) : NULL;
    if (copy)
        memcpy(copy, *text, size);
    *text = copy;
    return copy || size == 0;
}

int roles_copy(const struct config_list *rows, struct arena *arena, struct config_list *ret, struct err *err)
{
    struct role_config *copy = arena_alloc(arena, rows->n + 1, sizeof *copy);
    bool whole = copy != NULL;
    for (size_t i = 0; whole && i < rows->n; i++) {
        copy[i] = ((const struct role_config *)rows->at)[i];
        whole =
            copy_text(&copy[i].user, arena) && copy_text(&copy[i].group, arena) && copy_text(&copy[i].tenant, arena);
    }
    if (!whole)
        return err_set(err, -ENOMEM, "out of memory");
    *ret = (struct config_list){ .n = rows->n, .at = copy };
    return 0;
}

bool roles_allow(unsigned roles, enum role role)
{
    return roles & ROLE_BIT(role);
}

const char *roles_who(char text[ROLES_WHO_TEXT], const struct config_list *rows, unsigned roles)
{
    char names[ROLES_TEXT];
    int len = snprintf(text, ROLES_WHO_TEXT, "%s", role_list(names, roles));
    const char *between = ": ";
    for (size_t i = 0; i < rows->n && len < ROLES_WHO_TEXT; i++) {
        const struct role_config *row = (const struct role_config *)rows->at + i;
        if (!roles_allow(roles, (enum role)row->role))
            continue;
        len += snprintf(text + len, (size_t)(ROLES_WHO_TEXT - len), "%s%s%s", between, row->user ? "" : "group ",
                        row->user ? row->user : row->group);
        between = ", ";
    }
    return text;
}
