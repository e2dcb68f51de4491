/* The text is YAML, for people; it is read by a parser of our own that wants it just as it was written, since a YAML
 * reader leaves copies of a secret in memory that nobody wipes. */
#include "agent/identity.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/scan.h"
#include "proto/link/address.h"

#define HEAD                                                                                                           \
    "# Who this host is to its collector, as `warroom-agent join` wrote it. A secret: whoever has it is this host.\n"

void identity_done(struct identity *identity)
{
    explicit_bzero(identity, sizeof *identity);
}

void identity_addresses(const struct identity *identity, const char *ret[INVITE_ADDRESSES_MAX])
{
    for (size_t i = 0; i < identity->n_addresses; i++)
        ret[i] = identity->addresses[i];
}

/* ---- text ---- */

static bool read_comments(struct scan *scan)
{
    struct scan_text line;
    while (!scan_done(scan) && *scan->at == '#')
        if (!scan_line(scan, &line))
            return false;
    return true;
}

static bool read_quoted(struct scan *scan, struct scan_text *ret)
{
    return scan_char(scan, '"') && scan_until(scan, '"', ret);
}

static bool read_address(struct scan *scan, struct identity *ret)
{
    struct scan_text text;
    struct address address;
    if (ret->n_addresses == INVITE_ADDRESSES_MAX || !read_quoted(scan, &text) || text.len > TEXT_MAX ||
        memchr(text.at, '\0', text.len))
        return false;
    char *copy = ret->addresses[ret->n_addresses];
    memcpy(copy, text.at, text.len); /* terminated: the identity was zero */
    ret->n_addresses++;
    return address_split(copy, &address) == 0 && address.port != 0;
}

static bool read_addresses(struct scan *scan, struct identity *ret)
{
    if (!scan_literal(scan, "collector: [") || !read_address(scan, ret))
        return false;
    while (scan_literal(scan, ", "))
        if (!read_address(scan, ret))
            return false;
    return scan_literal(scan, "]\n");
}

static bool read_collector_key(struct scan *scan, struct identity *ret)
{
    struct scan_text text;
    return scan_literal(scan, "collector_key: ") && read_quoted(scan, &text) && scan_char(scan, '\n') &&
           public_key_parse(&ret->collector, text.at, text.len, NULL) == 0;
}

static bool read_host(struct scan *scan, struct identity *ret)
{
    struct scan_text text;
    if (!scan_literal(scan, "host: ") || !read_quoted(scan, &text) || !scan_char(scan, '\n') || text.len != 16)
        return false;
    struct scan digits = scan_over(text.at, text.len);
    return scan_hex64(&digits, &ret->host) && scan_done(&digits) && ret->host != 0;
}

static bool read_secret_key(struct scan *scan, struct identity *ret)
{
    struct scan_text text;
    return scan_literal(scan, "secret_key: ") && read_quoted(scan, &text) && scan_char(scan, '\n') &&
           key_pair_parse(&ret->keys, text.at, text.len, NULL) == 0;
}

static const struct line {
    const char *what;
    bool (*read)(struct scan *scan, struct identity *ret);
} lines[] = {
    { "collector", read_addresses },
    { "collector_key", read_collector_key },
    { "host", read_host },
    { "secret_key", read_secret_key },
};

int identity_parse(const char *text, size_t len, struct identity *ret, struct err *err)
{
    AUTO(identity_done) struct identity identity = { .n_addresses = 0 };
    struct scan scan = scan_over(text, len);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!read_comments(&scan) || !lines[i].read(&scan, &identity))
            return err_set(err, -EBADMSG,
                           "identity: `%s` is not as `warroom-agent join` wrote it: put back a copy of the file, or "
                           "join again with --replace",
                           lines[i].what);
    if (!read_comments(&scan) || !scan_done(&scan))
        return err_set(err, -EBADMSG, "identity: something stands behind `secret_key`: remove it");
    *ret = identity;
    return 0;
}

/* Returns its length. `text` has room for the longest. */
static size_t print(const struct identity *identity, char text[IDENTITY_TEXT_MAX])
{
    char public[KEY_TEXT + 1], secret[KEY_TEXT + 1];
    int n = snprintf(text, IDENTITY_TEXT_MAX, "%scollector: [", HEAD);
    for (size_t i = 0; i < identity->n_addresses; i++)
        n += snprintf(text + n, IDENTITY_TEXT_MAX - (size_t)n, "%s\"%s\"", i > 0 ? ", " : "", identity->addresses[i]);
    n += snprintf(text + n, IDENTITY_TEXT_MAX - (size_t)n,
                  "]\ncollector_key: \"%s\"\nhost: \"%016" PRIx64 "\"\nsecret_key: \"%s\"\n",
                  public_key_print(public, &identity->collector), identity->host,
                  key_pair_print(secret, &identity->keys));
    explicit_bzero(secret, sizeof secret);
    assert(n > 0 && n < IDENTITY_TEXT_MAX);
    return (size_t)n;
}

/* ---- the file ---- */

static ssize_t read_all(int fd, char *text, size_t room)
{
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<room; len += n> 0 ? (size_t)n : 0) {
        n = read(fd, text + len, room - len);
        if (n < 0)
            return -errno;
    }
    return (ssize_t)len;
}

int identity_read(struct identity *ret, const char *path, struct err *err)
{
    AUTO(auto_close) int fd = -1;
    int rc = key_file_open(&fd, path, err);
    if (rc == -ENOENT)
        return err_set(err, rc, "identity: no %s: this host has not joined a collector, see `warroom-agent --help`",
                       path);
    if (rc < 0)
        return rc;
    char text[IDENTITY_TEXT_MAX + 1]; /* one more, to see that it is longer */
    ssize_t len = read_all(fd, text, sizeof text);
    if (len < 0)
        rc = err_sys(err, (int)len, "identity: cannot read %s", path);
    else if (len > IDENTITY_TEXT_MAX)
        rc = err_set(err, -EBADMSG, "identity: over %d bytes are no identity", IDENTITY_TEXT_MAX);
    else
        rc = identity_parse(text, (size_t)len, ret, err);
    explicit_bzero(text, sizeof text);
    return rc == -EBADMSG ? err_within(err, rc, "%s", path) : rc;
}

static int open_folder(int *ret_fd, const char *path, struct err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s.", slash ? (int)(slash + 1 - path) : 0, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, -errno, "identity: cannot open %.*s, the directory of %s", (int)strlen(folder) - 1, folder,
                       path);
    *ret_fd = fd;
    return 0;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int say_exists(const char *path, struct err *err)
{
    return err_set(err, -EEXIST, "identity: %s is there already: this host has joined; --replace makes it a new one",
                   path);
}

int identity_check_place(const char *path, bool replace, struct err *err)
{
    AUTO(auto_close) int folder = -1;
    int rc = open_folder(&folder, path, err);
    if (rc < 0)
        return rc;
    struct stat stat;
    if (!replace && fstatat(folder, name_of(path), &stat, AT_SYMLINK_NOFOLLOW) == 0)
        return say_exists(path, err);
    if (faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return err_sys(err, -errno, "identity: cannot write to the directory of %s", path);
    return 0;
}

static int fill(int fd, int folder, const struct identity *identity)
{
    struct stat owner;
    if (geteuid() == 0 && (fstat(folder, &owner) < 0 || fchown(fd, owner.st_uid, owner.st_gid) < 0))
        return -errno;
    char text[IDENTITY_TEXT_MAX];
    size_t len = print(identity, text);
    ssize_t n = write(fd, text, len);
    int rc = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    explicit_bzero(text, sizeof text);
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    return rc;
}

/* A new name takes no place that is taken; a replacement takes it in one step. */
static int put_in_place(int folder, const char *fresh, const char *name, bool replace)
{
    if (replace)
        return renameat(folder, fresh, folder, name) < 0 ? -errno : 0;
    if (linkat(folder, fresh, folder, name, 0) < 0)
        return -errno;
    unlinkat(folder, fresh, 0);
    return 0;
}

int identity_write(const char *path, bool replace, const struct identity *identity, struct err *err)
{
    AUTO(auto_close) int folder = -1;
    int rc = open_folder(&folder, path, err);
    if (rc < 0)
        return rc;
    char fresh[NAME_MAX + 1];
    snprintf(fresh, sizeof fresh, ".identity.%d", (int)getpid());
    unlinkat(folder, fresh, 0); /* of a process that had our number and did not get to the end */
    AUTO(auto_close) int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, -errno, "identity: cannot write to the directory of %s", path);
    rc = fill(fd, folder, identity);
    if (rc == 0)
        rc = put_in_place(folder, fresh, name_of(path), replace);
    if (rc < 0)
        unlinkat(folder, fresh, 0);
    if (rc == -EEXIST)
        return say_exists(path, err);
    if (rc == 0 && fsync(folder) < 0) /* without this the name may not survive a power cut */
        rc = -errno;
    return rc < 0 ? err_sys(err, rc, "identity: cannot write %s", path) : 0;
}
