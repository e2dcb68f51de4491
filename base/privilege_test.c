/* Each test runs in a child of its own: what is given up does not come back. The child's exit status says how it went,
 * and /proc/self/status is the witness. */
#include "base/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STATUS_MAX = 8192 };

static char status[STATUS_MAX];

static void read_status(void)
{
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, status, sizeof status - 1);
    status[len < 0 ? 0 : len] = '\0';
    close(fd);
}

/* Whether /proc/self/status has the line, as it was read last. */
static bool says(const char *line)
{
    size_t len = strlen(line);
    for (const char *at = status; (at = strstr(at, line)); at += len)
        if ((at == status || at[-1] == '\n') && (at[len] == '\n' || at[len] == '\0'))
            return true;
    return false;
}

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n%s", __FILE__, __LINE__, #condition, status);                                  \
            _exit(EXIT_FAILURE);                                                                                       \
        }                                                                                                              \
    } while (0)

static void in_a_child(void (*part)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        part();
        _exit(EXIT_SUCCESS);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), EXIT_SUCCESS);
}

static void expect_nothing_left(void)
{
    read_status();
    EXPECT(says("CapInh:\t0000000000000000"));
    EXPECT(says("CapPrm:\t0000000000000000"));
    EXPECT(says("CapEff:\t0000000000000000"));
    EXPECT(says("CapAmb:\t0000000000000000"));
    EXPECT(says("NoNewPrivs:\t1"));
    EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    struct rlimit core;
    EXPECT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
}

static void drop_and_stay(void)
{
    uid_t before = geteuid();
    EXPECT(privilege_drop(NULL, NULL, NULL) == 0);
    expect_nothing_left();
    EXPECT(geteuid() == before);
    EXPECT(before != 0 || says("CapBnd:\t0000000000000000"));
    EXPECT(setgroups(0, NULL) < 0 && errno == EPERM);
}

static void who_stays_loses_every_capability(void **state)
{
    (void)state;
    in_a_child(drop_and_stay);
}

static void drop_to_nobody(void)
{
    struct passwd *nobody = getpwnam("nobody");
    gid_t extra[] = { 4000000001u, 4000000002u };
    EXPECT(setgroups(2, extra) == 0);
    EXPECT(privilege_drop("nobody", NULL, NULL) == 0);
    expect_nothing_left();
    EXPECT(says("CapBnd:\t0000000000000000"));
    char line[96];
    snprintf(line, sizeof line, "Uid:\t%u\t%u\t%u\t%u", nobody->pw_uid, nobody->pw_uid, nobody->pw_uid, nobody->pw_uid);
    EXPECT(says(line));
    snprintf(line, sizeof line, "Gid:\t%u\t%u\t%u\t%u", nobody->pw_gid, nobody->pw_gid, nobody->pw_gid, nobody->pw_gid);
    EXPECT(says(line));
    EXPECT(!strstr(status, "4000000001") && !strstr(status, "4000000002"));
    EXPECT(setuid(0) < 0 && errno == EPERM);
    EXPECT(setgid(0) < 0 && errno == EPERM);
    EXPECT(setgroups(2, extra) < 0 && errno == EPERM);
}

static void root_becomes_the_user_with_its_groups_alone_and_never_root_again(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_a_child(drop_to_nobody);
}

static void drop_with_a_group(const char *user, const char *groups)
{
    EXPECT(setgroups(0, NULL) == 0);
    EXPECT(privilege_drop(user, "daemon", NULL) == 0);
    EXPECT(privilege_drop(user, "daemon", NULL) == 0);
    expect_nothing_left();
    EXPECT(says(groups));
}

static void drop_to_nobody_with_a_group(void)
{
    char line[64];
    snprintf(line, sizeof line, "Groups:\t%u %u ", getgrnam("daemon")->gr_gid, getpwnam("nobody")->pw_gid);
    drop_with_a_group("nobody", line);
}

static void stay_with_a_group(void)
{
    char line[64];
    snprintf(line, sizeof line, "Groups:\t%u ", getgrnam("daemon")->gr_gid);
    drop_with_a_group(NULL, line);
}

static void a_further_group_is_had_by_who_becomes_another_and_by_who_stays(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_a_child(drop_to_nobody_with_a_group);
    in_a_child(stay_with_a_group);
}

static void drop_with_no_such_group(void)
{
    struct err err;
    EXPECT(privilege_drop(NULL, "no-such-group", &err) == -ENOENT);
    EXPECT(strstr(err.text, "no-such-group") != NULL);
}

static void who_may_not_have_the_group_goes_on(void)
{
    EXPECT(privilege_drop(NULL, NULL, NULL) == 0); /* from here on nobody may */
    EXPECT(privilege_drop(NULL, "games", NULL) == 0);
    expect_nothing_left();
}

static void a_group_that_is_not_there_is_said_and_one_that_is_not_for_us_is_left(void **state)
{
    (void)state;
    in_a_child(drop_with_no_such_group);
    in_a_child(who_may_not_have_the_group_goes_on);
}

static void drop_twice(void)
{
    EXPECT(privilege_drop("nobody", NULL, NULL) == 0);
    EXPECT(privilege_drop("nobody", NULL, NULL) == 0); /* as after an exec of itself */
    expect_nothing_left();
}

static void who_is_that_user_already_may_say_so_again(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_a_child(drop_twice);
}

static void drop_and_try_another(void)
{
    struct err err;
    EXPECT(privilege_drop("nobody", NULL, NULL) == 0);
    EXPECT(privilege_drop("daemon", NULL, &err) == -EPERM);
    EXPECT(strstr(err.text, "daemon") != NULL);
}

static void only_root_becomes_somebody_else(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_a_child(drop_and_try_another);
}

static void drop_to_no_one(void)
{
    struct err err;
    EXPECT(privilege_drop("no-such-user", NULL, &err) == -ENOENT);
    EXPECT(strstr(err.text, "no-such-user") != NULL);
}

static void a_user_that_is_not_there_is_said(void **state)
{
    (void)state;
    in_a_child(drop_to_no_one);
}

static void drop_and_exec(void)
{
    EXPECT(privilege_drop(NULL, NULL, NULL) == 0);
    /* Root's exec would give it all capabilities again. */
    execl("/bin/sh", "sh", "-c",
          "while read -r key value; do [ \"$key\" != CapEff: ] || break; done; "
          "[ \"$value\" = 0000000000000000 ]",
          "sh", (char *)NULL);
    _exit(EXIT_FAILURE);
}

static void exec_child(void)
{
    EXPECT(freopen("/proc/self/status", "r", stdin) != NULL); /* of the thread that reads: this very process */
    drop_and_exec();
}

static void an_exec_gives_nothing_back(void **state)
{
    (void)state;
    in_a_child(exec_child);
}

static void hide(void)
{
    EXPECT(privilege_hide(NULL) == 0);
    EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    struct rlimit core;
    EXPECT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
}

static void who_hides_leaves_no_core(void **state)
{
    (void)state;
    in_a_child(hide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_hides_leaves_no_core),
        cmocka_unit_test(who_stays_loses_every_capability),
        cmocka_unit_test(root_becomes_the_user_with_its_groups_alone_and_never_root_again),
        cmocka_unit_test(a_further_group_is_had_by_who_becomes_another_and_by_who_stays),
        cmocka_unit_test(a_group_that_is_not_there_is_said_and_one_that_is_not_for_us_is_left),
        cmocka_unit_test(who_is_that_user_already_may_say_so_again),
        cmocka_unit_test(only_root_becomes_somebody_else),
        cmocka_unit_test(a_user_that_is_not_there_is_said),
        cmocka_unit_test(an_exec_gives_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
