#include "collector/channel/feishu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/channel/robot.h"
#include "collector/channel/sign.h"
#include "collector/channel/text.h"

#define WIDE_LESS_THAN "\xef\xbc\x9c" /* U+FF1C */

/* A title must not call people: of the text's tags only ours are tags. */
static char *without_tags(const char *text)
{
    char *plain = malloc(strlen(text) * strlen(WIDE_LESS_THAN) + 1);
    char *to = plain;
    for (; plain && *text; text++)
        to = *text == '<' ? stpcpy(to, WIDE_LESS_THAN) : (*to = *text, to + 1);
    if (plain)
        *to = '\0';
    return plain;
}

static char *content_of(const struct message *message)
{
    struct mention mention = mention_of(message);
    AUTO(auto_free) char *text = text_of(message, FEISHU_TEXT_MAX);
    AUTO(auto_free) char *plain = text ? without_tags(text) : NULL;
    char *content = NULL;
    if (!plain || (mention.what != MENTION_ALL && mention.what != MENTION_USER))
        return TAKE(plain);
    return asprintf(&content, "%s\n<at user_id=\"%s\"></at>", plain, mention.who) < 0 ? NULL : content;
}

static int put_sign(json_t *body, const char *secret, int64_t now_us)
{
    char seconds[24], sign[SIGN_TEXT];
    AUTO(auto_free) char *key = NULL;
    snprintf(seconds, sizeof seconds, "%" PRId64, now_us / US_PER_S);
    int len = asprintf(&key, "%s\n%s", seconds, secret);
    if (len < 0)
        return -1;
    int rc = json_put_text(body, "timestamp", seconds);
    return rc | json_put_text(body, "sign", sign_hmac(key, (size_t)len, "", 0, sign));
}

char *feishu_body(const struct channel_route *route, const struct message *message)
{
    AUTO(auto_free) char *text = content_of(message);
    if (!text)
        return NULL;
    json_t *content = json_object();
    AUTO(json_undo) json_t *body = json_object();
    int rc = json_put_text(content, "text", text);
    rc |= json_put_text(body, "msg_type", "text");
    rc |= json_put(body, "content", content);
    if (route->secret)
        rc |= put_sign(body, route->secret, message->now_us);
    return rc == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
}

void feishu_judge(const struct channel_answer *answer, struct page_outcome *ret)
{
    static const struct robot_code codes[] = {
        { 9499, true, 0, "the message is refused" },
        { 11232, false, 10 * US_PER_S, "more messages than the robot may send" },
        { 19001, true, 0, "no such robot" },
        { 19002, true, 0, "the message is refused: a field is missing" },
        { 19021, true, 0, "the robot's security setting: signature or clock" },
        { 19022, true, 0, "the robot's security setting: address" },
        { 19024, true, 0, "the robot's security setting: key word" },
        { 99991400, false, 10 * US_PER_S, "more messages than the robot may send" },
    };
    static const struct robot_answer form = { { "code", "StatusCode", NULL }, codes, sizeof codes / sizeof codes[0] };
    robot_judge(answer, &form, ret);
}
