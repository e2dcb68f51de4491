#include "proto/link/keys.h"

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
/* What libsodium takes for 32 bytes, too. */
#define NOT_ASCII                                                                                                      \
    "hSDwCYkwp0R0i33ctD73Wg2/Og0mOBr066Spjqq\xa1\xab"                                                                  \
    "mo="
#define LINE "warroom-secret-key-1 " SECRET "\n"

/* ---- a disk that says no when it is told to: the linker puts these in the place of libc's ---- */

static struct disk {
    int write;   /* errno; 0: all is well */
    size_t room; /* bytes it takes; 0: all */
    int sync;    /* which fsync() from now fails; 0: none */
    int synced;  /* calls that did not */
    int rename;  /* errno of a rename that is to replace nothing; 0: all is well */
} disk;

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (disk.rename == 0)
        return __real_renameat2(from_dir, from, to_dir, to, flags);
    errno = disk.rename;
    return -1;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (disk.write) {
        errno = disk.write;
        return -1;
    }
    return __real_write(fd, bytes, disk.room && disk.room < len ? disk.room : len);
}

int __wrap_fsync(int fd)
{
    if (disk.sync && --disk.sync == 0) {
        errno = EIO;
        return -1;
    }
    disk.synced++;
    return __real_fsync(fd);
}

struct fixture {
    char folder[64];
    char path[80];
    char other[80];
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    snprintf(f->folder, sizeof f->folder, "/tmp/warroom-keys-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/agent.key", f->folder);
    snprintf(f->other, sizeof f->other, "%s/other.key", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (unlink(f->path) < 0 && errno == EISDIR)
        rmdir(f->path);
    unlink(f->other);
    return rmdir(f->folder);
}

static void write_file(const char *path, mode_t mode, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_read(const char *path)
{
    struct key_pair pair;
    struct public_key public_key;
    assert_int_equal(key_file_read(&pair, path, NULL), 0);
    assert_int_equal(public_key_parse(&public_key, PUBLIC, KEY_TEXT, NULL), 0);
    assert_memory_equal(&pair.public_key, &public_key, KEY_BYTES);
}

/* And says what to do, names the file, and nothing of what is in it. */
static void assert_refused(const char *path, int code, const char *advice)
{
    struct key_pair pair;
    struct key_pair untouched;
    struct err err;
    memset(&pair, 7, sizeof pair);
    untouched = pair;
    assert_int_equal(key_file_read(&pair, path, &err), code);
    assert_non_null(strstr(err.text, advice));
    assert_non_null(strstr(err.text, path));
    assert_null(strstr(err.text, "dwdt"));
    assert_memory_equal(&pair, &untouched, sizeof pair);
}

static void a_key_file_is_one_line_that_only_its_owner_may_touch(void **state)
{
    struct fixture *f = *state;
    struct key_pair pair;
    struct stat stat_;
    char text[128] = "";
    write_file(f->other, 0600, LINE, strlen(LINE));
    assert_int_equal(key_file_read(&pair, f->other, NULL), 0);
    assert_int_equal(key_file_create(f->path, &pair, NULL), 0);
    assert_int_equal(stat(f->path, &stat_), 0);
    assert_int_equal(stat_.st_mode, S_IFREG | 0600);
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), strlen(LINE));
    close(fd);
    assert_string_equal(text, LINE);
    assert_read(f->path);
}

static void a_drawn_key_comes_back_from_its_file(void **state)
{
    struct fixture *f = *state;
    struct key_pair pair;
    struct key_pair again;
    struct key_pair another;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    assert_int_equal(key_pair_draw(&another, NULL), 0);
    assert_memory_not_equal(&pair, &another, KEY_BYTES);
    assert_int_equal(key_file_create(f->path, &pair, NULL), 0);
    assert_int_equal(key_file_read(&again, f->path, NULL), 0);
    assert_memory_equal(&pair, &again, sizeof pair);
}

static void a_key_that_is_there_is_never_overwritten(void **state)
{
    struct fixture *f = *state;
    struct key_pair pair;
    struct err err;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    write_file(f->path, 0600, LINE, strlen(LINE));
    assert_int_equal(key_file_create(f->path, &pair, &err), -EEXIST);
    assert_non_null(strstr(err.text, "never overwritten"));
    assert_read(f->path);
}

static void gets_a_name_that_no_other_has(struct fixture *f)
{
    struct err err;
    write_file(f->other, 0600, LINE, strlen(LINE));
    assert_int_equal(key_file_rename(f->other, f->path, &err), 0);
    assert_int_equal(access(f->other, F_OK), -1);
    assert_read(f->path);
    write_file(f->other, 0600, "mine", 4);
    assert_int_equal(key_file_rename(f->other, f->path, &err), -EEXIST);
    assert_read(f->path);
    assert_int_equal(access(f->other, F_OK), 0);
}

static void a_key_gets_another_name_that_no_other_has(void **state)
{
    gets_a_name_that_no_other_has(*state);
}

static void so_it_does_where_no_rename_can_say_that_it_replaces_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err;
    disk.rename = EIO;
    assert_int_equal(key_file_rename(f->other, f->path, &err), -EIO);
    disk.rename = EINVAL;
    gets_a_name_that_no_other_has(f);
    disk.rename = 0;
}

static void a_key_is_not_written_through_a_symbolic_link(void **state)
{
    struct fixture *f = *state;
    struct key_pair pair;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    assert_int_equal(symlink(f->other, f->path), 0); /* to nowhere */
    assert_int_equal(key_file_create(f->path, &pair, NULL), -EEXIST);
    assert_int_equal(access(f->other, F_OK), -1);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct key_pair pair;
    struct err err;
    (void)state;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    assert_int_equal(key_file_create("/nowhere/at/all.key", &pair, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/at/all.key"));
}

static void a_disk_that_says_no_keeps_no_half_key(void **state)
{
    static const struct {
        struct disk disk;
        int code;
    } cases[] = {
        { { .write = ENOSPC }, -ENOSPC }, { { .room = 7 }, -ENOSPC }, { { .sync = 1 }, -EIO }, { { .sync = 2 }, -EIO }
    };
    struct fixture *f = *state;
    struct key_pair pair;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        disk = cases[i].disk;
        int rc = key_file_create(f->path, &pair, NULL);
        disk = (struct disk){ 0 };
        assert_int_equal(rc, cases[i].code);
        assert_int_equal(access(f->path, F_OK), -1);
    }
    assert_int_equal(key_file_create(f->path, &pair, NULL), 0);
}

/* Its content alone would outlive a loss of power, its name would not. */
static void a_new_key_and_its_name_are_both_on_disk(void **state)
{
    struct fixture *f = *state;
    struct key_pair pair;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    disk.synced = 0;
    assert_int_equal(key_file_create(f->path, &pair, NULL), 0);
    assert_int_equal(disk.synced, 2);
}

static void a_symbolic_link_is_refused(void **state)
{
    struct fixture *f = *state;
    write_file(f->other, 0600, LINE, strlen(LINE));
    assert_int_equal(symlink(f->other, f->path), 0);
    assert_refused(f->path, -ELOOP, "name the key file itself");
}

static void what_is_no_regular_file_is_refused_without_waiting_for_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_refused(f->path, -EINVAL, "not a regular file");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_refused(f->path, -EINVAL, "not a regular file");
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
    struct fixture *f = *state;
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        write_file(f->path, 0600 | bit, LINE, strlen(LINE));
        assert_refused(f->path, -EPERM, "chmod 600");
    }
    write_file(f->path, 0400, LINE, strlen(LINE));
    assert_read(f->path);
}

/* Root gives a file away; anybody else has /etc/passwd, which is root's. */
static void a_file_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *path = "/etc/passwd";
    if (geteuid() == 0) {
        path = f->path;
        write_file(path, 0600, LINE, strlen(LINE));
        assert_int_equal(chown(path, 1, 1), 0);
    }
    assert_refused(path, -EPERM, "chown");
}

static void no_file_is_an_answer_of_its_own(void **state)
{
    struct fixture *f = *state;
    assert_refused(f->path, -ENOENT, "No such file");
}

static void what_is_not_a_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        SECRET "\n",
        "warroom-secret-key-1 " SECRET,
        "warroom-secret-key-1 " SECRET "\n\n",
        "warroom-secret-key-1 " SECRET " ",
        "warroom-secret-key-1  " SECRET "\n",
        "warroom-secret-key-2 " SECRET "\n",
        "warroom-public-key-1 " SECRET "\n",
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LA==\n", /* 31 bytes */
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCoA\n", /* 33 bytes */
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCp=\n", /* bits for no byte */
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LC==\n",
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LC =\n",
        "warroom-secret-key-1 dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=LCo=\n",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(f->path, 0600, texts[i], strlen(texts[i]));
        assert_refused(f->path, -EBADMSG, "make a new key");
    }
    char line[] = LINE; /* as a disk leaves it that lost power */
    memset(line, 0, sizeof line);
    write_file(f->path, 0600, line, sizeof line - 1);
    assert_refused(f->path, -EBADMSG, "make a new key");
}

static void a_public_key_is_told_as_text_and_read_back(void **state)
{
    struct public_key key;
    char text[KEY_TEXT + 1];
    (void)state;
    assert_int_equal(public_key_parse(&key, PUBLIC, KEY_TEXT, NULL), 0);
    assert_string_equal(public_key_print(text, &key), PUBLIC);
    struct public_key untouched = key;
    assert_int_equal(public_key_parse(&key, PUBLIC, KEY_TEXT - 1, NULL), -EINVAL);
    assert_int_equal(public_key_parse(&key, PUBLIC "=", KEY_TEXT + 1, NULL), -EINVAL);
    assert_int_equal(public_key_parse(&key, "", 0, NULL), -EINVAL);
    assert_int_equal(public_key_parse(&key, NOT_ASCII, KEY_TEXT, NULL), -EINVAL);
    assert_memory_equal(&key, &untouched, sizeof key);
}

static void a_pair_that_is_done_is_wiped(void **state)
{
    static const struct key_pair none;
    struct key_pair pair;
    (void)state;
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    key_pair_done(&pair);
    assert_memory_equal(&pair, &none, sizeof pair);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_secret_comes_back_from_its_text_and_no_other_does(void **state)
{
    (void)state;
    struct key_pair pair, again;
    struct err err;
    char text[KEY_TEXT + 1];
    assert_int_equal(key_pair_draw(&pair, NULL), 0);
    assert_int_equal(key_pair_parse(&again, key_pair_print(text, &pair), KEY_TEXT, NULL), 0);
    assert_memory_equal(&again, &pair, sizeof pair);
    assert_int_equal(key_pair_parse(&again, text, KEY_TEXT - 1, &err), -EINVAL);
    text[3] = '!';
    assert_int_equal(key_pair_parse(&again, text, KEY_TEXT, &err), -EINVAL);
    assert_null(strstr(err.text, text));
    assert_memory_equal(&again, &pair, sizeof pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(a_key_file_is_one_line_that_only_its_owner_may_touch),
        SENTENCE(a_drawn_key_comes_back_from_its_file),
        SENTENCE(a_key_that_is_there_is_never_overwritten),
        SENTENCE(a_key_gets_another_name_that_no_other_has),
        SENTENCE(so_it_does_where_no_rename_can_say_that_it_replaces_nothing),
        SENTENCE(a_key_is_not_written_through_a_symbolic_link),
        SENTENCE(a_folder_that_is_not_there_is_named),
        SENTENCE(a_disk_that_says_no_keeps_no_half_key),
        SENTENCE(a_new_key_and_its_name_are_both_on_disk),
        SENTENCE(a_symbolic_link_is_refused),
        SENTENCE(what_is_no_regular_file_is_refused_without_waiting_for_it),
        SENTENCE(a_file_that_others_may_touch_is_refused),
        SENTENCE(a_file_of_another_user_is_refused),
        SENTENCE(no_file_is_an_answer_of_its_own),
        SENTENCE(what_is_not_a_key_is_refused),
        SENTENCE(a_public_key_is_told_as_text_and_read_back),
        SENTENCE(a_secret_comes_back_from_its_text_and_no_other_does),
        SENTENCE(a_pair_that_is_done_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
