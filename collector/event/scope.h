/* collector/event/scope.h - which hosts are meant: by names and globs, or by labels.
 *
 * Shape    two texts. Hosts: "web-*,db-1", names or globs (fnmatch), any of them is enough. Labels:
 *          "role=web,site=sh*", key=value or key=glob, all of them must fit. A host is in scope when it is named or
 *          when its labels fit; an empty text fits nothing
 * Labels   a host's own are one text too, "role=web,site=sh": collector/ingest/labels.h
 * Limits   SCOPE_HOSTS_MAX and SCOPE_LABELS_MAX bytes, SCOPE_WORD_MAX each name, key or value
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { SCOPE_HOSTS_MAX = 1023, SCOPE_LABELS_MAX = 255, SCOPE_WORD_MAX = 63 };

struct scope_host { /* as far as a scope looks at one; texts borrowed */
    const char *name;
    const char *labels; /* its own: "" none */
};

/* Checks a list of names and globs and writes it without its spaces. "" is none. -EINVAL: says which; `ret` is
 * untouched. */
int scope_copy_hosts(char ret[SCOPE_HOSTS_MAX + 1], const char *hosts, struct err *err);

/* The same for labels, sorted by key. -EINVAL: also for a key that comes twice. */
int scope_copy_labels(char ret[SCOPE_LABELS_MAX + 1], const char *labels, struct err *err);

/* On texts the functions above have written; others select nothing they would not. */
bool scope_names(const char *hosts, const char *name);
bool scope_fits(const char *selector, const char *labels);

/* Each name and glob, and the labels together, must select some of `all`: -ENOENT says which one does not. */
int scope_check(const char *hosts, const char *labels, const struct scope_host *all, size_t n, struct err *err);
