/* collector/control/rows.h - rows of many hosts, page by page.
 *
 * Shape    a page ends when its bytes are enough; its token is the host it ended in and how many rows of that host were
 *          told, or the host it ended with
 */
#pragma once
#include "collector/control/call.h"

enum { ROWS_HOSTS = 512 /* asked of the store at a time */, ROWS_BYTES = 200 << 10, ROWS_A_PAGE = 1500 };

struct rows {
    struct call *call;
    json_t *list;
    size_t bytes;
    uint64_t after; /* the host before the first one */
    uint64_t host;  /* the one of which `skip` rows were told already; 0: none */
    uint64_t skip;
    size_t asked; /* hosts of this page */
    bool full;
};

/* Where call->next says. -EINVAL: it is none of ours. */
int rows_begin(struct rows *rows, struct call *call, struct err *err);
/* The hosts from there on. */
int rows_hosts(struct rows *rows, struct call_hosts *ret, struct err *err);

/* Row `i` of a host's `series`, a new reference. */
typedef json_t *rows_form_fn(const char *host, const void *series, size_t i);
/* Adds those of a host's `n` rows to rows->list that no earlier page told, as long as the page has room. */
void rows_add(struct rows *rows, uint64_t host, size_t n, rows_form_fn *form, const void *series);
/* Sets the token, if there is more: `n` hosts were answered, the last of them `last`. */
void rows_end(struct rows *rows, size_t n, uint64_t last);

/* Globs of the arguments `metric` and `instance`, "*" where they were not given. -EINVAL: too long; -ENOENT: no metric
 * is meant. */
int rows_filter(const struct call *call, struct store_filter *ret, struct err *err);
