/* collector/channel/wecom.h - the robot of a WeCom group.
 *
 * Source   developer.work.weixin.qq.com, document 91770 (group robots): POST to a URL that holds the key; text of at
 *          most 2048 bytes; 20 messages a minute; HTTP 200 for everything, errcode says what became of it
 * Secrets  the URL
 * Threads  pure
 */
#pragma once
#include "collector/channel/message.h"
#include "collector/channel/route.h"

enum { WECOM_TEXT_MAX = 2048 };

/* JSON, terminated, freed by free(). NULL: out of memory. */
char *wecom_body(const struct channel_route *route, const struct message *message);
void wecom_judge(const struct channel_answer *answer, struct page_outcome *ret);
