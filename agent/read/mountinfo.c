#include <errno.h>
#include <string.h>

#include "agent/read/filesystem.h"

/* Asking any of these stays on this host. overlay is not here: its space is that of a filesystem below it. Nor are
 * iso9660, squashfs and erofs: they are always full. */
static bool is_local(const char *type)
{
    static const char *const local[] = { "bcachefs", "btrfs",  "exfat", "ext2",     "ext3", "ext4", "f2fs",
                                         "jfs",      "nilfs2", "ntfs3", "reiserfs", "vfat", "xfs",  "zfs" };
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strcmp(type, local[i]) == 0)
            return true;
    return false;
}

static bool octal(const char *at, const char *end, char *ret)
{
    if (end - at < 4 || at[0] != '\\' || at[1] < '0' || at[1] > '3')
        return false;
    int value = 0;
    for (int i = 1; i < 4; i++) {
        if (at[i] < '0' || at[i] > '7')
            return false;
        value = value * 8 + (at[i] - '0');
    }
    *ret = (char)value;
    return true;
}

/* The kernel writes space, tab, newline and backslash as \ooo. False: too long, or a NUL. */
static bool unescape(struct scan_text text, char *ret, size_t size)
{
    const char *end = text.at + text.len;
    size_t n = 0;
    for (const char *at = text.at; at < end; n++) {
        if (n + 1 == size)
            return false;
        char c;
        if (octal(at, end, &c))
            at += 4;
        else
            c = *at++;
        if (c == '\0')
            return false;
        ret[n] = c;
    }
    ret[n] = '\0';
    return true;
}

static bool next_word(struct scan *scan, struct scan_text *ret)
{
    scan_blanks(scan);
    return scan_word(scan, ret);
}

enum line_kind { LINE_STRANGE, LINE_UNWANTED, LINE_WANTED };

/* Behind the mount options stand any number of optional fields, ended by "-". */
static bool skip_optional(struct scan *scan)
{
    struct scan_text word;
    while (next_word(scan, &word))
        if (scan_text_is(word, "-"))
            return true;
    return false;
}

/* "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw" */
static enum line_kind parse_line(struct scan line, struct mount *ret)
{
    struct scan_text id, parent, root, point, options, type, source;
    uint64_t major, minor;
    if (!next_word(&line, &id) || !next_word(&line, &parent))
        return LINE_STRANGE;
    scan_blanks(&line);
    if (!scan_u64(&line, &major) || !scan_char(&line, ':') || !scan_u64(&line, &minor) || !next_word(&line, &root) ||
        !next_word(&line, &point) || !next_word(&line, &options) || !skip_optional(&line) || !next_word(&line, &type) ||
        !next_word(&line, &source))
        return LINE_STRANGE;
    *ret = (struct mount){ .major = (uint32_t)major, .minor = (uint32_t)minor, .whole = scan_text_is(root, "/") };
    bool fits = unescape(point, ret->point, sizeof ret->point) && unescape(source, ret->source, sizeof ret->source) &&
                unescape(type, ret->type, sizeof ret->type);
    return fits ? LINE_WANTED : LINE_UNWANTED;
}

static bool is_better(const struct mount *mount, const struct mount *than)
{
    if (mount->whole != than->whole)
        return mount->whole;
    return strlen(mount->point) < strlen(than->point);
}

/* Later lines are mounted later: what was at the same place before can't be seen any more. */
static size_t forget_point(struct mount *list, size_t n, const char *point)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].point, point) != 0) {
            if (kept != i)
                list[kept] = list[i];
            kept++;
        }
    return kept;
}

static size_t put(struct mount *list, size_t n, size_t room, const struct mount *mount)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].major != mount->major || list[i].minor != mount->minor)
            continue;
        if (is_better(mount, &list[i]))
            list[i] = *mount;
        return n;
    }
    if (n < room)
        list[n++] = *mount;
    return n;
}

int mountinfo_parse(const char *text, size_t len, struct mount *ret, size_t room, size_t *ret_n, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct scan_text line;
    struct mount mount;
    size_t n = 0;
    while (scan_line(&scan, &line)) {
        switch (parse_line(scan_over(line.at, line.len), &mount)) {
        case LINE_STRANGE:
            return err_set(err, -EBADMSG, "mountinfo: a line is not what proc(5) says");
        case LINE_UNWANTED:
            break;
        case LINE_WANTED:
            n = forget_point(ret, n, mount.point);
            if (is_local(mount.type))
                n = put(ret, n, room, &mount);
            break;
        }
    }
    if (len == 0)
        return err_set(err, -ENODATA, "mountinfo: empty");
    *ret_n = n;
    return 0;
}
