/* collector/channel/dingtalk.h - the custom robot of a DingTalk group.
 *
 * Source   open.dingtalk.com, custom robot access: POST to a URL that holds the access token, signed in its query by
 *          HMAC-SHA256 over "milliseconds\nsecret" under the secret when it has one; 20,000 bytes a body; 20 messages a
 *          minute, else nothing for up to 10 minutes; errcode says what became of it
 * Secrets  the URL and the secret
 * Threads  pure
 */
#pragma once
#include "collector/channel/message.h"
#include "collector/channel/route.h"

enum { DINGTALK_TEXT_MAX = 4096 };

/* Where to: the URL, signed for `now_us` (the service allows an hour either way). Freed by free(). NULL: out of
 * memory. */
char *dingtalk_url(const struct channel_route *route, int64_t now_us);
/* JSON, terminated, freed by free(). NULL: out of memory. */
char *dingtalk_body(const struct channel_route *route, const struct message *message);
void dingtalk_judge(const struct channel_answer *answer, struct page_outcome *ret);
