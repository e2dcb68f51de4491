#include "agent/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* RFC 7748, section 6.1: Alice's keys. */
#define SECRET "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
#define PUBLIC "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
#define LINES                                                                                                          \
    "collector: [\"collector.example.org:9740\", \"[2001:db8::7]:9740\"]\n"                                            \
    "collector_key: \"" PUBLIC "\"\n"                                                                                  \
    "host: \"00c0ffee00c0ffee\"\n"                                                                                     \
    "secret_key: \"" SECRET "\"\n"

/* ---- a disk that says no when it is told to: the linker puts these in the place of libc's ---- */

static int write_fails, sync_fails; /* errno; 0: all is well */

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (write_fails == 0)
        return __real_write(fd, bytes, len);
    errno = write_fails;
    return -1;
}

int __wrap_fsync(int fd)
{
    if (sync_fails == 0)
        return __real_fsync(fd);
    errno = sync_fails;
    return -1;
}

/* ---- stage ---- */

struct fixture {
    char folder[64], path[96];
    struct identity identity, got;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    write_fails = sync_fails = 0;
    strcpy(f->folder, "/tmp/identity-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/identity", f->folder);
    return identity_parse(LINES, strlen(LINES), &f->identity, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    write_fails = sync_fails = 0;
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    int rc = system(command); /* NOLINT(cert-env33-c): a folder of our own */
    free(f);
    return rc;
}

static void put(const struct fixture *f, const char *text, mode_t mode)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static unsigned files_in(const struct fixture *f)
{
    char command[128];
    unsigned n = 0;
    snprintf(command, sizeof command, "ls -A %s | wc -l", f->folder);
    FILE *pipe = popen(command, "r");            /* NOLINT(cert-env33-c): a folder of our own */
    assert_int_equal(fscanf(pipe, "%u", &n), 1); /* NOLINT(cert-err34-c) */
    pclose(pipe);
    return n;
}

static void assert_same(const struct identity *a, const struct identity *b)
{
    assert_int_equal(a->n_addresses, b->n_addresses);
    for (size_t i = 0; i < a->n_addresses; i++)
        assert_string_equal(a->addresses[i], b->addresses[i]);
    assert_memory_equal(&a->collector, &b->collector, sizeof a->collector);
    assert_true(a->host == b->host);
    assert_memory_equal(&a->keys, &b->keys, sizeof a->keys);
}

static void an_identity_is_four_lines(void **state)
{
    struct fixture *f = *state;
    char public[KEY_TEXT + 1];
    assert_int_equal(f->identity.n_addresses, 2);
    assert_string_equal(f->identity.addresses[0], "collector.example.org:9740");
    assert_string_equal(f->identity.addresses[1], "[2001:db8::7]:9740");
    assert_string_equal(public_key_print(public, &f->identity.collector), PUBLIC);
    assert_true(f->identity.host == 0x00c0ffee00c0ffee);
    assert_string_equal(public_key_print(public, &f->identity.keys.public_key), PUBLIC); /* worked out */
    const char *addresses[INVITE_ADDRESSES_MAX] = { NULL };
    identity_addresses(&f->identity, addresses);
    assert_string_equal(addresses[1], "[2001:db8::7]:9740");
    assert_null(addresses[2]);
}

static void what_is_written_is_read_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(identity_check_place(f->path, false, NULL), 0);
    assert_int_equal(identity_write(f->path, false, &f->identity, NULL), 0);
    assert_int_equal(identity_read(&f->got, f->path, NULL), 0);
    assert_same(&f->got, &f->identity);
    struct stat stat_of;
    assert_int_equal(stat(f->path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0600);
    assert_int_equal(files_in(f), 1);
}

static void the_longest_identity_has_room(void **state)
{
    struct fixture *f = *state;
    f->identity.n_addresses = INVITE_ADDRESSES_MAX;
    for (size_t i = 0; i < INVITE_ADDRESSES_MAX; i++) {
        memset(f->identity.addresses[i], 'a', TEXT_MAX);
        memcpy(f->identity.addresses[i] + TEXT_MAX - 6, ":65535", 7);
    }
    assert_int_equal(identity_write(f->path, false, &f->identity, NULL), 0);
    assert_int_equal(identity_read(&f->got, f->path, NULL), 0);
    assert_same(&f->got, &f->identity);
}

static void one_that_is_there_is_replaced_only_when_that_is_asked_for(void **state)
{
    struct fixture *f = *state;
    put(f, "precious", 0600);
    assert_int_equal(identity_check_place(f->path, false, &f->err), -EEXIST);
    assert_non_null(strstr(f->err.text, "--replace"));
    assert_int_equal(identity_write(f->path, false, &f->identity, &f->err), -EEXIST);
    assert_int_equal(identity_read(&f->got, f->path, NULL), -EBADMSG); /* it is as it was */
    assert_int_equal(identity_check_place(f->path, true, NULL), 0);
    assert_int_equal(identity_write(f->path, true, &f->identity, NULL), 0);
    assert_int_equal(identity_read(&f->got, f->path, NULL), 0);
    assert_same(&f->got, &f->identity);
    assert_int_equal(files_in(f), 1);
}

static void a_disk_that_says_no_leaves_what_was_there(void **state)
{
    struct fixture *f = *state;
    put(f, LINES, 0600);
    write_fails = ENOSPC;
    assert_int_equal(identity_write(f->path, true, &f->identity, &f->err), -ENOSPC);
    write_fails = 0;
    sync_fails = EIO;
    assert_int_equal(identity_write(f->path, true, &f->identity, &f->err), -EIO);
    assert_null(strstr(f->err.text, SECRET));
    assert_int_equal(identity_read(&f->got, f->path, NULL), 0);
    assert_int_equal(files_in(f), 1);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/not/identity", f->folder);
    assert_int_equal(identity_check_place(f->path, false, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "/not/"));
    assert_int_equal(identity_write(f->path, false, &f->identity, &f->err), -ENOENT);
}

static void a_directory_that_may_not_be_written_to_is_told_before(void **state)
{
    struct fixture *f = *state;
    if (geteuid() == 0) /* who may write everywhere but there */
        strcpy(f->path, "/proc/sys/identity");
    else
        assert_int_equal(chmod(f->folder, 0500), 0);
    int rc = identity_check_place(f->path, false, &f->err);
    chmod(f->folder, 0700);
    assert_true(rc == -EACCES || rc == -EROFS || rc == -EPERM);
}

static void written_by_root_it_is_the_owners_of_its_directory(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(f->folder, 12345, 23456), 0);
    assert_int_equal(identity_write(f->path, false, &f->identity, NULL), 0);
    struct stat stat_of;
    assert_int_equal(stat(f->path, &stat_of), 0);
    assert_int_equal(stat_of.st_uid, 12345);
    assert_int_equal(stat_of.st_gid, 23456);
    assert_int_equal(identity_read(&f->got, f->path, &f->err), -EPERM); /* and nobody else's, root's neither */
}

static void a_host_that_has_not_joined_is_told_what_to_do(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(identity_read(&f->got, f->path, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "has not joined"));
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
    struct fixture *f = *state;
    put(f, LINES, 0640);
    assert_int_equal(identity_read(&f->got, f->path, &f->err), -EPERM);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(identity_read(&f->got, f->path, NULL), 0);
    char link[96];
    snprintf(link, sizeof link, "%s/link", f->folder);
    assert_int_equal(symlink(f->path, link), 0);
    assert_int_equal(identity_read(&f->got, link, &f->err), -ELOOP);
}

static void comments_are_passed_over(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "# one\n#\n" LINES "# last\n";
    assert_int_equal(identity_parse(text, strlen(text), &f->got, NULL), 0);
    assert_same(&f->got, &f->identity);
}

static void no_part_of_it_is_taken_for_the_whole(void **state)
{
    struct fixture *f = *state;
    f->got.host = 7;
    for (size_t len = 0; len < strlen(LINES); len++) {
        assert_int_equal(identity_parse(LINES, len, &f->got, &f->err), -EBADMSG);
        assert_null(strstr(f->err.text, "dwdtCnMY"));
    }
    assert_true(f->got.host == 7);
}

static void what_was_altered_is_refused_and_the_line_named(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *was, *is, *what;
    } cases[] = {
        { "collector: [", "collector: ", "`collector`" },
        { "example.org:9740", "example.org", "`collector`" },
        { "example.org:9740", "example.org:0", "`collector`" },
        { "[2001:db8::7]:9740\"", "[2001:db8::7]:9740\", \"a:1\", \"b:1\", \"c:1\"", "`collector`" },
        { PUBLIC, "hSDwCYkwp1R0i33ctD73Wg2", "`collector_key`" },
        { "00c0ffee00c0ffee", "0000000000000000", "`host`" },
        { "00c0ffee00c0ffee", "00c0ffee00c0ffe", "`host`" },
        { "00c0ffee00c0ffee", "00c0ffee00c0ffxx", "`host`" },
        { "secret_key: ", "secret_key_file: ", "`secret_key`" },
        { SECRET "\"\n", SECRET "\"\nhost: 1\n", "behind `secret_key`" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[IDENTITY_TEXT_MAX];
        const char *at = strstr(LINES, cases[i].was);
        int n =
            snprintf(text, sizeof text, "%.*s%s%s", (int)(at - LINES), LINES, cases[i].is, at + strlen(cases[i].was));
        assert_int_equal(identity_parse(text, (size_t)n, &f->got, &f->err), -EBADMSG);
        assert_non_null(strstr(f->err.text, cases[i].what));
        assert_null(strstr(f->err.text, "dwdtCnMY"));
    }
}

static void what_is_done_with_is_wiped(void **state)
{
    struct fixture *f = *state;
    static const struct identity zero;
    identity_done(&f->identity);
    assert_memory_equal(&f->identity, &zero, sizeof zero);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_identity_is_four_lines),
        test(what_is_written_is_read_again),
        test(the_longest_identity_has_room),
        test(one_that_is_there_is_replaced_only_when_that_is_asked_for),
        test(a_disk_that_says_no_leaves_what_was_there),
        test(a_directory_that_is_not_there_is_named),
        test(a_directory_that_may_not_be_written_to_is_told_before),
        test(written_by_root_it_is_the_owners_of_its_directory),
        test(a_host_that_has_not_joined_is_told_what_to_do),
        test(a_file_that_others_may_touch_is_refused),
        test(comments_are_passed_over),
        test(no_part_of_it_is_taken_for_the_whole),
        test(what_was_altered_is_refused_and_the_line_named),
        test(what_is_done_with_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
