/* collector/event/notice.h - what others plan or warn of: platform changes, incidents elsewhere. Pure.
 *
 * Shape    a notice has hosts, a time and what it may mean for them. A *change* that falls into an event's window is a
 *          conflict until a commander has answered it; an *advisory* is there to be read
 * Units    microseconds of wall time
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/event/scope.h"

enum { NOTICE_TITLE_MAX = 127, NOTICE_TEXT_MAX = 511, NOTICE_BY_MAX = 63 };

enum notice_kind { NOTICE_ADVISORY, NOTICE_CHANGE, NOTICE_KIND_COUNT };

struct notice {  /* row */
    uint64_t id; /* unique in the collector, from 1 */
    uint64_t tenant;
    enum notice_kind kind;
    char hosts[SCOPE_HOSTS_MAX + 1];
    char title[NOTICE_TITLE_MAX + 1];
    char impact[NOTICE_TEXT_MAX + 1];
    char by[NOTICE_BY_MAX + 1];
    int64_t from_us; /* [from, to) */
    int64_t to_us;
    int64_t created_us;
    char answer[NOTICE_TEXT_MAX + 1]; /* why it may go on, or what is done about it; "": none yet */
    char answered_by[NOTICE_BY_MAX + 1];
    int64_t answered_us; /* 0: not yet */
};

struct notice_wish { /* texts borrowed */
    const char *kind;
    const char *hosts;
    const char *title;
    const char *impact;
    const char *by;
    int64_t from_us, to_us;
};

/* Checks all of it; id, tenant and created_us are the caller's to set. -EINVAL: the text says which and what would be
 * right. */
int notice_init(struct notice *ret, const struct notice_wish *wish, struct err *err);

/* "advisory", "change" */
const char *notice_kind_name(enum notice_kind kind);

/* A change that nobody has answered and whose time overlaps [from, to). Which hosts they share is the caller's to look
 * at. */
bool notice_stands_against(const struct notice *notice, int64_t from_us, int64_t to_us);
