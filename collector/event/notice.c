#include "collector/event/notice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[NOTICE_KIND_COUNT] = { [NOTICE_ADVISORY] = "advisory", [NOTICE_CHANGE] = "change" };

const char *notice_kind_name(enum notice_kind kind)
{
    return kinds[kind];
}

static int find_kind(const char *name, enum notice_kind *ret, struct err *err)
{
    for (int i = 0; i < NOTICE_KIND_COUNT; i++) {
        if (strcmp(kinds[i], name) == 0) {
            *ret = (enum notice_kind)i;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "kind is \"%.20s\", want advisory or change", name);
}

static int copy_text(char *to, size_t size, const char *what, const char *text, struct err *err)
{
    if (!*text || strlen(text) >= size)
        return err_set(err, -EINVAL, "%s is to be a text of 1 to %zu bytes", what, size - 1);
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

int notice_init(struct notice *ret, const struct notice_wish *wish, struct err *err)
{
    struct notice notice = { .from_us = wish->from_us, .to_us = wish->to_us };
    int rc = find_kind(wish->kind, &notice.kind, err);
    if (rc == 0)
        rc = copy_text(notice.title, sizeof notice.title, "title", wish->title, err);
    if (rc == 0)
        rc = copy_text(notice.impact, sizeof notice.impact, "impact", wish->impact, err);
    if (rc == 0)
        rc = scope_copy_hosts(notice.hosts, wish->hosts, err);
    if (rc == 0 && !notice.hosts[0])
        rc = err_set(err, -EINVAL, "hosts is to be names or globs, separated by commas");
    if (rc == 0 && notice.to_us <= notice.from_us)
        rc = err_set(err, -EINVAL, "a notice ends after it begins");
    if (rc < 0)
        return rc;
    snprintf(notice.by, sizeof notice.by, "%s", wish->by);
    *ret = notice;
    return 0;
}

bool notice_stands_against(const struct notice *notice, int64_t from_us, int64_t to_us)
{
    return notice->kind == NOTICE_CHANGE && notice->answered_us == 0 && notice->from_us < to_us &&
           notice->to_us > from_us;
}
