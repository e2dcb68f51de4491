/* collector/channel/robot.h - what the robots of WeCom, DingTalk and Feishu groups have in common.
 *
 * Mention  an address at a robot is whom its message calls: "" nobody, "all", "mobile:13800000000", else a user id of
 *          the service: letters, digits and ._@-
 * Answer   JSON with a code, whatever the HTTP status: 0 is taken, everything else is not. Codes for "too often" become
 *          429 with a time to wait; those we do not know are tried again once a minute
 * Text     plain, so that no title can be read as markup
 * Threads  pure
 */
#pragma once
#include "collector/channel/json.h"
#include "collector/channel/message.h"
#include "collector/channel/route.h"

struct mention {
    enum { MENTION_NOBODY, MENTION_ALL, MENTION_MOBILE, MENTION_USER } what;
    const char *who; /* borrowed of the address */
};

/* -EINVAL: not an address, and what one looks like. */
int mention_read(const char *address, struct mention *ret, struct err *err);
/* Of an address that was checked; nobody is called for what asks nobody to do anything. */
struct mention mention_of(const struct message *message);

struct robot_code {
    int64_t code;
    bool permanent;
    int64_t wait_us; /* not 0: it came too often */
    const char *meaning;
};

struct robot_answer {            /* how a service answers */
    const char *const fields[3]; /* where the code stands; NULL ends them. Each that is there must be 0 */
    const struct robot_code *codes;
    size_t n_codes;
};
void robot_judge(const struct channel_answer *answer, const struct robot_answer *form, struct page_outcome *ret);

/* {"key": ["value"]} and so on into `object`: as json_put(). */
int robot_put_list(json_t *object, const char *key, const char *value);
