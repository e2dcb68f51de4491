#include "proto/link/ipc_gate.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

enum { ENTRY_MAX = 65536, GROUPS_MAX = 256 };

static int find_group(const char *name, gid_t *ret, struct err *err)
{
    struct group entry, *found = NULL;
    char buffer[ENTRY_MAX]; /* with all its members */
    int code = getgrnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (code != 0)
        return err_sys(err, -code, "cannot look the group %s up", name);
    if (!found)
        return err_set(err, -ENOENT, "there is no group %s on this host", name);
    *ret = entry.gr_gid;
    return 0;
}

int ipc_gate_init(struct ipc_gate *ret, const char *group, struct err *err)
{
    struct ipc_gate gate = { .own = geteuid(), .group = getegid() };
    if (group) {
        int rc = find_group(group, &gate.group, err);
        if (rc < 0)
            return rc;
    }
    *ret = gate;
    return 0;
}

static bool is_member(uid_t uid, gid_t group)
{
    struct passwd entry, *found = NULL;
    char buffer[ENTRY_MAX];
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || !found)
        return false;
    if (getgrouplist(found->pw_name, found->pw_gid, groups, &n) < 0)
        n = GROUPS_MAX; /* it has more: the first count */
    for (int i = 0; i < n; i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool ipc_user_in_group(uid_t uid, const char *group)
{
    gid_t gid = 0;
    return find_group(group, &gid, NULL) == 0 && is_member(uid, gid);
}

static bool is_let_in(const struct ipc_gate *gate, struct ipc_caller caller)
{
    return caller.uid == 0 || caller.uid == gate->own || caller.gid == gate->group ||
           is_member(caller.uid, gate->group);
}

bool ipc_gate_admits(const struct ipc_gate *gate, struct ipc_caller caller)
{
    return is_let_in(gate, caller) && !(gate->bars && gate->bars(gate->user, caller));
}
