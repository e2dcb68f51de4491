/* Base64 is libsodium's here, not proto/text's: its way with a text does not depend on what the text says. */
#include "proto/link/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"

#define WORD "warroom-secret-key-1 "

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL, WORD_LEN = sizeof WORD - 1, FILE_LEN = WORD_LEN + KEY_TEXT + 1 };

_Static_assert(sodium_base64_ENCODED_LEN(KEY_BYTES, BASE64) == KEY_TEXT + 1, "a key's text");

int key_pair_of(struct key_pair *ret, const uint8_t secret[KEY_BYTES], struct err *err)
{
    /* sodium_init() chooses the CPU's fastest code and readies the random source; more than once does no harm. */
    if (sodium_init() < 0 || crypto_scalarmult_curve25519_base(ret->public_key.bytes, secret) < 0)
        return err_set(err, -EIO, "keys: libsodium cannot start");
    memcpy(ret->secret, secret, KEY_BYTES);
    return 0;
}

int key_pair_draw(struct key_pair *ret, struct err *err)
{
    uint8_t secret[KEY_BYTES];
    randombytes_buf(secret, sizeof secret); /* ends the program where the system has no random bytes */
    int rc = key_pair_of(ret, secret, err);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

void key_pair_done(struct key_pair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

/* ---- texts ---- */

/* libsodium 1.0.18 takes some bytes that are not even ASCII for letters: only what it would write itself is a key. */
static bool parse(uint8_t ret[KEY_BYTES], const char *text, size_t len)
{
    uint8_t bytes[KEY_BYTES];
    char again[KEY_TEXT + 1] = "";
    size_t n;
    bool good = len == KEY_TEXT && sodium_base642bin(bytes, sizeof bytes, text, len, NULL, &n, NULL, BASE64) == 0 &&
                n == KEY_BYTES &&
                sodium_memcmp(sodium_bin2base64(again, sizeof again, bytes, n, BASE64), text, KEY_TEXT) == 0;
    if (good)
        memcpy(ret, bytes, KEY_BYTES);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(again, sizeof again);
    return good;
}

char *public_key_print(char ret[KEY_TEXT + 1], const struct public_key *key)
{
    return sodium_bin2base64(ret, KEY_TEXT + 1, key->bytes, sizeof key->bytes, BASE64);
}

int public_key_parse(struct public_key *ret, const char *text, size_t len, struct err *err)
{
    if (parse(ret->bytes, text, len))
        return 0;
    return err_set(err, -EINVAL, "keys: not a public key: %d characters of base64 are one", KEY_TEXT);
}

char *key_pair_print(char ret[KEY_TEXT + 1], const struct key_pair *pair)
{
    return sodium_bin2base64(ret, KEY_TEXT + 1, pair->secret, sizeof pair->secret, BASE64);
}

int key_pair_parse(struct key_pair *ret, const char *text, size_t len, struct err *err)
{
    uint8_t secret[KEY_BYTES];
    if (!parse(secret, text, len))
        return err_set(err, -EINVAL, "keys: not a secret key: %d characters of base64 are one", KEY_TEXT);
    int rc = key_pair_of(ret, secret, err);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

/* ---- files ---- */

/* The name of a new file is on disk only when its folder is. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s.", slash ? (int)(slash + 1 - path) : 0, path);
    AUTO(auto_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_line(int fd, const char *line)
{
    ssize_t n = write(fd, line, FILE_LEN);
    if (n != FILE_LEN)
        return n < 0 ? -errno : -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

int key_file_create(const char *path, const struct key_pair *pair, struct err *err)
{
    char line[FILE_LEN + 1] = WORD; /* with the terminator that becomes the newline's */
    AUTO(auto_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, -EEXIST, "keys: %s is there already: a key is never overwritten", path);
    if (fd < 0)
        return err_sys(err, -errno, "keys: cannot create %s", path);
    key_pair_print(line + WORD_LEN, pair);
    line[FILE_LEN - 1] = '\n';
    int rc = write_line(fd, line);
    sodium_memzero(line, sizeof line);
    if (rc == 0)
        rc = sync_folder(path);
    if (rc == 0)
        return 0;
    unlink(path); /* ours: O_EXCL made it */
    return err_sys(err, rc, "keys: cannot write %s", path);
}

/* Some file systems cannot rename without replacing (rename(2): EINVAL): there it has both names for a moment. */
static int rename_file(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    return link(from, to) < 0 || unlink(from) < 0 ? -errno : 0;
}

int key_file_rename(const char *from, const char *to, struct err *err)
{
    int rc = rename_file(from, to);
    if (rc == 0)
        rc = sync_folder(to);
    return rc < 0 ? err_sys(err, rc, "keys: cannot name %s %s", from, to) : 0;
}

static int check_file(int fd, const char *path, struct err *err)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return err_sys(err, -errno, "keys: cannot look at %s", path);
    if (!S_ISREG(stat.st_mode))
        return err_set(err, -EINVAL, "keys: %s is not a regular file: name the key file itself", path);
    if (stat.st_uid != geteuid())
        return err_set(err, -EPERM, "keys: %s belongs to uid %u, this program runs as uid %u: chown %u it", path,
                       (unsigned)stat.st_uid, (unsigned)geteuid(), (unsigned)geteuid());
    if (stat.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(err, -EPERM,
                       "keys: %s has mode %03o, others may touch it: chmod 600 it, or make a new key if they did", path,
                       (unsigned)(stat.st_mode & 07777));
    return 0;
}

static bool parse_line(uint8_t ret[KEY_BYTES], const char *line, size_t len)
{
    return len == FILE_LEN && memcmp(line, WORD, WORD_LEN) == 0 && line[FILE_LEN - 1] == '\n' &&
           parse(ret, line + WORD_LEN, KEY_TEXT);
}

int key_file_open(int *ret_fd, const char *path, struct err *err)
{
    /* O_NONBLOCK: a FIFO of that name must not hold the program up before it is refused */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return err_set(err, -ELOOP, "keys: %s is a symbolic link: name the key file itself", path);
    if (fd < 0)
        return err_sys(err, -errno, "keys: cannot open %s", path);
    int rc = check_file(fd, path, err);
    if (rc == 0)
        *ret_fd = fd;
    else
        close(fd);
    return rc;
}

int key_file_read(struct key_pair *ret, const char *path, struct err *err)
{
    AUTO(auto_close) int fd = -1;
    int rc = key_file_open(&fd, path, err);
    if (rc < 0)
        return rc;
    char line[FILE_LEN + 1]; /* one more than a key file has, to see that it is longer */
    uint8_t secret[KEY_BYTES];
    ssize_t len = read(fd, line, sizeof line);
    if (len < 0)
        rc = err_sys(err, -errno, "keys: cannot read %s", path);
    else if (!parse_line(secret, line, (size_t)len))
        rc = err_set(err, -EBADMSG, "keys: %s holds no key: put back a copy of it, or remove it and make a new key",
                     path);
    else
        rc = key_pair_of(ret, secret, err);
    sodium_memzero(line, sizeof line);
    sodium_memzero(secret, sizeof secret);
    return rc;
}
