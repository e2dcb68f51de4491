#include "base/privilege.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRY_MAX = 65536, GROUPS_MAX = 256, CAPABILITIES_MAX = 64 };
#define NO_GROUP ((gid_t)-1)

struct groups {
    gid_t at[GROUPS_MAX + 1]; /* and one more */
    int n;
};

struct person {
    uid_t uid;
    gid_t gid;
    struct groups groups;
};

int privilege_hide(struct err *err)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, -errno, "cannot keep the memory from other processes");
    struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_sys(err, -errno, "cannot forbid core dumps");
    return 0;
}

static int look_up(const char *user, struct person *ret, struct err *err)
{
    struct passwd entry, *found = NULL;
    char buffer[ENTRY_MAX];
    int code = getpwnam_r(user, &entry, buffer, sizeof buffer, &found);
    if (code != 0)
        return err_sys(err, -code, "cannot look the user %s up", user);
    if (!found)
        return err_set(err, -ENOENT, "there is no user %s on this host", user);
    struct person person = { .uid = found->pw_uid, .gid = found->pw_gid, .groups.n = GROUPS_MAX };
    if (getgrouplist(user, person.gid, person.groups.at, &person.groups.n) < 0)
        return err_set(err, -E2BIG, "the user %s is in more than %d groups", user, GROUPS_MAX);
    *ret = person;
    return 0;
}

/* Real, effective and saved. */
static bool is_wholly(const struct person *person)
{
    uid_t uid[3];
    gid_t gid[3];
    getresuid(&uid[0], &uid[1], &uid[2]); /* these cannot fail with our own addresses */
    getresgid(&gid[0], &gid[1], &gid[2]);
    for (int i = 0; i < 3; i++)
        if (uid[i] != person->uid || gid[i] != person->gid)
            return false;
    return true;
}

static int look_up_group(const char *group, gid_t *ret, struct err *err)
{
    struct group entry, *found = NULL;
    char buffer[ENTRY_MAX]; /* with all its members */
    int code = getgrnam_r(group, &entry, buffer, sizeof buffer, &found);
    if (code != 0)
        return err_sys(err, -code, "cannot look the group %s up", group);
    if (!found)
        return err_set(err, -ENOENT, "there is no group %s on this host", group);
    *ret = entry.gr_gid;
    return 0;
}

/* Whether it was missing. */
static bool add_group(struct groups *groups, gid_t group)
{
    for (int i = 0; i < groups->n; i++)
        if (groups->at[i] == group)
            return false;
    groups->at[groups->n++] = group;
    return true;
}

static int stay(gid_t group, struct err *err)
{
    struct groups groups = { .n = 0 };
    if (group == NO_GROUP || group == getegid())
        return 0;
    groups.n = getgroups(GROUPS_MAX, groups.at);
    if (groups.n < 0)
        return err_sys(err, -errno, "cannot read our groups");
    if (add_group(&groups, group) && setgroups((size_t)groups.n, groups.at) < 0 && errno != EPERM)
        return err_sys(err, -errno, "cannot add a group to ours");
    return 0;
}

static int become(const char *user, gid_t group, struct err *err)
{
    struct person person = { 0 };
    int rc = look_up(user, &person, err);
    if (rc < 0)
        return rc;
    if (geteuid() == person.uid)
        return stay(group, err);
    if (geteuid() != 0)
        return err_set(err, -EPERM, "only root can become the user %s: start it as root or as that user", user);
    if (group != NO_GROUP)
        add_group(&person.groups, group);
    /* The groups first: once we are somebody else we may not. */
    if (setgroups((size_t)person.groups.n, person.groups.at) < 0 || setresgid(person.gid, person.gid, person.gid) < 0 ||
        setresuid(person.uid, person.uid, person.uid) < 0)
        return err_sys(err, -errno, "cannot become the user %s", user);
    return is_wholly(&person) ? 0 : err_set(err, -EPERM, "did not wholly become the user %s", user);
}

/* Needs CAP_SETPCAP. Who has not got that has nothing that no_new_privs does not hold either. */
static int empty_bounding_set(struct err *err)
{
    for (unsigned long cap = 0; cap < CAPABILITIES_MAX; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1) /* -1: the kernel knows no such capability */
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
            return err_sys(err, -errno, "cannot give capability %lu up", cap);
    }
    return 0;
}

static int give_capabilities_up(struct err *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return err_sys(err, -errno, "cannot give the ambient capabilities up");
    if (syscall(SYS_capset, &head, sets) < 0)
        return err_sys(err, -errno, "cannot give the capabilities up");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(err, -errno, "cannot set no_new_privs");
    return 0;
}

/* What was asked for was granted: a seccomp filter may answer "done" and do nothing. */
static int look_again(struct err *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    memset(sets, 0xff, sizeof sets);
    if (syscall(SYS_capget, &head, sets) < 0)
        return err_sys(err, -errno, "cannot read the capabilities back");
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (sets[i].effective || sets[i].permitted || sets[i].inheritable)
            return err_set(err, -EPERM, "capabilities were given up and are still there");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return err_set(err, -EPERM, "no_new_privs was set and is not there");
    return 0;
}

int privilege_drop(const char *user, const char *group, struct err *err)
{
    gid_t also = NO_GROUP;
    int rc = empty_bounding_set(err); /* while there is CAP_SETPCAP */
    if (rc == 0 && group)
        rc = look_up_group(group, &also, err);
    if (rc == 0)
        rc = user ? become(user, also, err) : stay(also, err);
    if (rc == 0)
        rc = give_capabilities_up(err);
    if (rc == 0)
        rc = privilege_hide(err);
    if (rc == 0)
        rc = look_again(err);
    return rc;
}
