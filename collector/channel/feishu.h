/* collector/channel/feishu.h - the custom robot of a Feishu (Lark) group.
 *
 * Source   open.feishu.cn, custom bot guide: POST to a URL that is the secret; with a signing secret the body carries
 *          the seconds and an HMAC-SHA256 of nothing under "seconds\nsecret"; 20 KB a body; 100 messages a minute, 5 a
 *          second; code, or StatusCode of older answers, says what became of it
 * Secrets  the URL and the secret
 * Threads  pure
 */
#pragma once
#include "collector/channel/message.h"
#include "collector/channel/route.h"

enum { FEISHU_TEXT_MAX = 4096 }; /* before a '<' becomes the three bytes of one that begins no tag */

/* JSON, terminated, freed by free(). NULL: out of memory. */
char *feishu_body(const struct channel_route *route, const struct message *message);
void feishu_judge(const struct channel_answer *answer, struct page_outcome *ret);
