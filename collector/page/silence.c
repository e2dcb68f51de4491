#include "collector/page/silence.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static int check_time(const struct silence_wish *wish, struct err *err)
{
    if (wish->to_us <= wish->from_us)
        return err_set(err, -EINVAL, "a silence ends after now");
    if (wish->to_us - wish->from_us > SILENCE_MAX_US)
        return err_set(err, -EINVAL, "a silence lasts 7 days at most: take a shorter one, and another when it is over");
    return 0;
}

int silence_init(struct silence *ret, const struct silence_wish *wish, struct err *err)
{
    struct silence silence = { .from_us = wish->from_us, .to_us = wish->to_us };
    const char *rule = wish->rule ? wish->rule : "*";
    int rc = check_time(wish, err);
    if (rc < 0)
        return rc;
    if (!wish->reason || !*wish->reason || strlen(wish->reason) > SILENCE_REASON_MAX)
        return err_set(err, -EINVAL, "a silence needs a reason, 1 to %d bytes of it", SILENCE_REASON_MAX);
    if (!*rule || strlen(rule) > RULE_NAME_MAX)
        return err_set(err, -EINVAL, "rule is to be the name of a rule or a glob, %d bytes at most", RULE_NAME_MAX);
    rc = scope_copy_hosts(silence.hosts, wish->hosts, err);
    if (rc == 0 && !silence.hosts[0])
        rc = err_set(err, -EINVAL, "hosts is to be names or globs, separated by commas");
    if (rc < 0)
        return rc;
    snprintf(silence.rule, sizeof silence.rule, "%s", rule);
    snprintf(silence.reason, sizeof silence.reason, "%s", wish->reason);
    snprintf(silence.owner, sizeof silence.owner, "%s", wish->owner);
    *ret = silence;
    return 0;
}

bool silence_means(const struct silence *silence, const char *host_name, const char *rule)
{
    bool fits =
        strcmp(rule, WATCH_SILENCE_RULE) == 0 ? strcmp(silence->rule, rule) == 0 : fnmatch(silence->rule, rule, 0) == 0;
    return fits && scope_names(silence->hosts, host_name);
}
