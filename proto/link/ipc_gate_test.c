#include "proto/link/ipc_gate.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { OWN = 4000000001u, GROUP = 4000000002u, STRANGER = 4000000003u, STRANGERS_GROUP = 4000000004u };

static const struct ipc_gate gate = { .own = OWN, .group = GROUP };

static void root_the_own_user_and_the_group_are_admitted(void **state)
{
    (void)state;
    assert_true(ipc_gate_admits(&gate, (struct ipc_caller){ 0, STRANGERS_GROUP }));
    assert_true(ipc_gate_admits(&gate, (struct ipc_caller){ OWN, STRANGERS_GROUP }));
    assert_true(ipc_gate_admits(&gate, (struct ipc_caller){ STRANGER, GROUP }));
}

static void nobody_else_is(void **state)
{
    (void)state;
    assert_false(ipc_gate_admits(&gate, (struct ipc_caller){ STRANGER, STRANGERS_GROUP }));
    assert_false(ipc_gate_admits(&gate, (struct ipc_caller){ STRANGER, 0 }));
    struct passwd *known = getpwnam("nobody");
    assert_non_null(known);
    assert_false(ipc_gate_admits(&gate, (struct ipc_caller){ known->pw_uid, known->pw_gid }));
}

static void whom_the_user_database_has_in_the_group_is_admitted_with_another_group_on(void **state)
{
    (void)state;
    struct passwd *known = getpwnam("nobody");
    assert_non_null(known);
    struct ipc_gate theirs = { .own = OWN, .group = known->pw_gid };
    assert_true(ipc_gate_admits(&theirs, (struct ipc_caller){ known->pw_uid, STRANGERS_GROUP }));
}

static bool bars_the_group(void *user, struct ipc_caller caller)
{
    return caller.gid == *(const gid_t *)user;
}

static void who_is_barred_is_not_admitted_whatever_else(void **state)
{
    static gid_t barred = GROUP;
    struct ipc_gate strict = { .own = OWN, .group = GROUP, .bars = bars_the_group, .user = &barred };
    (void)state;
    assert_false(ipc_gate_admits(&strict, (struct ipc_caller){ STRANGER, GROUP }));
    assert_true(ipc_gate_admits(&strict, (struct ipc_caller){ OWN, STRANGERS_GROUP }));
}

static void the_user_database_says_who_is_in_a_group(void **state)
{
    (void)state;
    struct passwd *known = getpwnam("nobody");
    assert_non_null(known);
    struct group *theirs = getgrgid(known->pw_gid);
    assert_non_null(theirs);
    assert_true(ipc_user_in_group(known->pw_uid, theirs->gr_name));
    assert_false(ipc_user_in_group(STRANGER, theirs->gr_name));
    assert_false(ipc_user_in_group(known->pw_uid, "no-such-group-here"));
}

static void the_gate_is_of_this_process_or_of_the_named_group(void **state)
{
    (void)state;
    struct ipc_gate made;
    assert_int_equal(ipc_gate_init(&made, NULL, NULL), 0);
    assert_int_equal(made.own, geteuid());
    assert_int_equal(made.group, getegid());
    struct group *daemon = getgrnam("daemon");
    assert_non_null(daemon);
    gid_t gid = daemon->gr_gid;
    assert_int_equal(ipc_gate_init(&made, "daemon", NULL), 0);
    assert_int_equal(made.own, geteuid());
    assert_int_equal(made.group, gid);
}

static void a_group_that_is_not_there_is_said_and_changes_nothing(void **state)
{
    (void)state;
    struct ipc_gate made = gate;
    struct err err;
    assert_int_equal(ipc_gate_init(&made, "no-such-group", &err), -ENOENT);
    assert_non_null(strstr(err.text, "no-such-group"));
    assert_int_equal(made.own, OWN);
    assert_int_equal(made.group, GROUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_the_own_user_and_the_group_are_admitted),
        cmocka_unit_test(nobody_else_is),
        cmocka_unit_test(whom_the_user_database_has_in_the_group_is_admitted_with_another_group_on),
        cmocka_unit_test(who_is_barred_is_not_admitted_whatever_else),
        cmocka_unit_test(the_user_database_says_who_is_in_a_group),
        cmocka_unit_test(the_gate_is_of_this_process_or_of_the_named_group),
        cmocka_unit_test(a_group_that_is_not_there_is_said_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
