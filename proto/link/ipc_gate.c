#include "proto/link/ipc_gate.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

enum { ENTRY_MAX = 65536, GROUPS_MAX = 256 };

int ipc_gate_init(struct ipc_gate *ret, const char *group, struct err *err)
{
    struct ipc_gate gate = { .own = geteuid(), .group = getegid() };
    if (group) {
        struct group entry, *found = NULL;
        char buffer[ENTRY_MAX]; /* with all its members */
        int code = getgrnam_r(group, &entry, buffer, sizeof buffer, &found);
        if (code != 0)
            return err_sys(err, -code, "cannot look the group %s up", group);
        if (!found)
            return err_set(err, -ENOENT, "there is no group %s on this host", group);
        gate.group = entry.gr_gid;
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

bool ipc_gate_admits(const struct ipc_gate *gate, struct ipc_caller caller)
{
    return caller.uid == 0 || caller.uid == gate->own || caller.gid == gate->group ||
           is_member(caller.uid, gate->group);
}
