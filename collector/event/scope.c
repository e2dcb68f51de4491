#include "collector/event/scope.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
enum { PAIRS_MAX = (SCOPE_LABELS_MAX + 1) / 4 }; /* "a=b," */

struct piece {
    const char *at;
    size_t len;
};

/* fnmatch() takes an unclosed bracket for itself; nobody means that in a host name. */
static bool is_pattern(struct piece text)
{
    bool open = false;
    if (text.len < 1 || text.len > SCOPE_WORD_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!text.at[i] || !strchr(NAME_CHARS "*?[]!^", text.at[i]))
            return false;
        if (text.at[i] == '[' && open)
            return false;
        if (text.at[i] == ']' && (!open || text.at[i - 1] == '['))
            return false;
        open = text.at[i] == '[' || (open && text.at[i] != ']');
    }
    return !open;
}

static bool is_word(struct piece text)
{
    if (text.len < 1 || text.len > SCOPE_WORD_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!text.at[i] || !strchr(NAME_CHARS, text.at[i]))
            return false;
    return true;
}

/* The next of a comma-separated list, spaces around it cut. False: the list is over. */
static bool next_piece(const char **at, struct piece *ret)
{
    if (!*at)
        return false;
    const char *text = *at + strspn(*at, " ");
    size_t len = strcspn(text, ",");
    *at = text[len] == ',' ? text + len + 1 : NULL;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    *ret = (struct piece){ text, len };
    return true;
}

static const char *start_of(const char *list)
{
    return list[0] ? list : NULL;
}

static int shown(struct piece piece)
{
    return (int)(piece.len < SCOPE_WORD_MAX ? piece.len : SCOPE_WORD_MAX);
}

/* "key=value"; a piece without the sign has an empty value. */
static void split(struct piece pair, struct piece *ret_key, struct piece *ret_value)
{
    const char *sign = memchr(pair.at, '=', pair.len);
    *ret_key = (struct piece){ pair.at, sign ? (size_t)(sign - pair.at) : pair.len };
    *ret_value = sign ? (struct piece){ sign + 1, pair.len - ret_key->len - 1 } : (struct piece){ pair.at, 0 };
}

static bool same(struct piece a, struct piece b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool fits(struct piece pattern, const char *text)
{
    char glob[SCOPE_WORD_MAX + 1];
    if (pattern.len > SCOPE_WORD_MAX)
        return false; /* scope_copy_...() let none through */
    memcpy(glob, pattern.at, pattern.len);
    glob[pattern.len] = '\0';
    return fnmatch(glob, text, 0) == 0;
}

/* ---- checking and writing ---- */

struct writing {
    char text[SCOPE_HOSTS_MAX + 1];
    size_t used;
    size_t most;
};

/* False: no room. */
static bool add(struct writing *w, struct piece piece)
{
    if (w->used + (w->used > 0) + piece.len > w->most)
        return false;
    if (w->used > 0)
        w->text[w->used++] = ',';
    memcpy(w->text + w->used, piece.at, piece.len);
    w->used += piece.len;
    return true;
}

int scope_copy_hosts(char ret[SCOPE_HOSTS_MAX + 1], const char *hosts, struct err *err)
{
    struct writing w = { .most = SCOPE_HOSTS_MAX };
    struct piece piece;
    for (const char *at = start_of(hosts); next_piece(&at, &piece);) {
        if (!is_pattern(piece))
            return err_set(err, -EINVAL,
                           "hosts: \"%.*s\" is neither a host name nor a pattern; want such as web-*,db-1",
                           shown(piece), piece.at);
        if (!add(&w, piece))
            return err_set(err, -EINVAL, "hosts: more than %d bytes; use patterns", SCOPE_HOSTS_MAX);
    }
    memcpy(ret, w.text, w.used);
    ret[w.used] = '\0';
    return 0;
}

static int check_label(struct piece pair, struct err *err)
{
    struct piece key, value;
    split(pair, &key, &value);
    if (is_word(key) && is_pattern(value))
        return 0;
    return err_set(err, -EINVAL, "labels: \"%.*s\" is no label; want such as role=web or site=sh-*", shown(pair),
                   pair.at);
}

static int by_key(const void *a, const void *b)
{
    struct piece left, right, value;
    split(*(const struct piece *)a, &left, &value);
    split(*(const struct piece *)b, &right, &value);
    size_t n = left.len < right.len ? left.len : right.len;
    int order = memcmp(left.at, right.at, n);
    return order ? order : (left.len > right.len) - (left.len < right.len);
}

static int gather(const char *labels, struct piece pairs[PAIRS_MAX], size_t *ret_n, struct err *err)
{
    struct piece pair;
    size_t n = 0;
    for (const char *at = start_of(labels); next_piece(&at, &pair);) {
        int rc = check_label(pair, err);
        if (rc < 0)
            return rc;
        if (n == PAIRS_MAX)
            return err_set(err, -EINVAL, "labels: more than %d", PAIRS_MAX);
        pairs[n++] = pair;
    }
    qsort(pairs, n, sizeof *pairs, by_key);
    *ret_n = n;
    return 0;
}

int scope_copy_labels(char ret[SCOPE_LABELS_MAX + 1], const char *labels, struct err *err)
{
    struct writing w = { .most = SCOPE_LABELS_MAX };
    struct piece pairs[PAIRS_MAX];
    size_t n = 0;
    int rc = gather(labels, pairs, &n, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && by_key(&pairs[i - 1], &pairs[i]) == 0)
            return err_set(err, -EINVAL, "labels: \"%.*s\" and \"%.*s\" have the same key, want it once",
                           shown(pairs[i - 1]), pairs[i - 1].at, shown(pairs[i]), pairs[i].at);
        if (!add(&w, pairs[i]))
            return err_set(err, -EINVAL, "labels: more than %d bytes", SCOPE_LABELS_MAX);
    }
    memcpy(ret, w.text, w.used);
    ret[w.used] = '\0';
    return 0;
}

/* ---- selecting ---- */

bool scope_names(const char *hosts, const char *name)
{
    struct piece piece;
    for (const char *at = start_of(hosts); next_piece(&at, &piece);)
        if (fits(piece, name))
            return true;
    return false;
}

static bool has_label(const char *labels, struct piece wanted_key, struct piece wanted)
{
    struct piece pair, key, value;
    for (const char *at = start_of(labels); next_piece(&at, &pair);) {
        split(pair, &key, &value);
        if (!same(key, wanted_key) || value.len > SCOPE_WORD_MAX)
            continue;
        char text[SCOPE_WORD_MAX + 1];
        memcpy(text, value.at, value.len);
        text[value.len] = '\0';
        return fits(wanted, text);
    }
    return false;
}

bool scope_fits(const char *selector, const char *labels)
{
    struct piece pair, key, value;
    for (const char *at = start_of(selector); next_piece(&at, &pair);) {
        split(pair, &key, &value);
        if (!has_label(labels, key, value))
            return false;
    }
    return selector[0] != '\0';
}

static int check_piece(struct piece piece, const struct scope_host *all, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (fits(piece, all[i].name))
            return 0;
    return err_set(err, -ENOENT, "hosts: \"%.*s\" is none of the tenant's %zu hosts; want names or patterns of some",
                   shown(piece), piece.at, n);
}

int scope_check(const char *hosts, const char *labels, const struct scope_host *all, size_t n, struct err *err)
{
    struct piece piece;
    for (const char *at = start_of(hosts); next_piece(&at, &piece);) {
        int rc = check_piece(piece, all, n, err);
        if (rc < 0)
            return rc;
    }
    if (!labels[0])
        return 0;
    for (size_t i = 0; i < n; i++)
        if (scope_fits(labels, all[i].labels))
            return 0;
    return err_set(err, -ENOENT, "labels: none of the tenant's %zu hosts has \"%.128s\"; want labels some host has", n,
                   labels);
}
