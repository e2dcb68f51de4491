#include "collector/channel/dingtalk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/channel/robot.h"
#include "collector/channel/sign.h"
#include "collector/channel/text.h"

/* Base64 within a query: three of its characters mean something else there. */
static void escape(const char sign[SIGN_TEXT], char ret[3 * SIGN_TEXT])
{
    for (; *sign; sign++)
        ret += strchr("+/=", *sign) ? sprintf(ret, "%%%02X", (unsigned)*sign) : sprintf(ret, "%c", *sign);
}

char *dingtalk_url(const struct channel_route *route, int64_t now_us)
{
    if (!route->secret)
        return strdup(route->url);
    char sign[SIGN_TEXT], escaped[3 * SIGN_TEXT];
    AUTO(auto_free) char *signed_text = NULL;
    char *url = NULL;
    int64_t now_ms = now_us / US_PER_MS;
    int len = asprintf(&signed_text, "%" PRId64 "\n%s", now_ms, route->secret);
    if (len < 0)
        return NULL;
    escape(sign_hmac(route->secret, strlen(route->secret), signed_text, (size_t)len, sign), escaped);
    char joint = strchr(route->url, '?') ? '&' : '?';
    len = asprintf(&url, "%s%ctimestamp=%" PRId64 "&sign=%s", route->url, joint, now_ms, escaped);
    return len < 0 ? NULL : url;
}

static json_t *mention_json(const struct mention *mention)
{
    json_t *at = json_object();
    int rc = json_put(at, "isAtAll", json_boolean(mention->what == MENTION_ALL));
    if (mention->what == MENTION_MOBILE)
        rc |= robot_put_list(at, "atMobiles", mention->who);
    if (mention->what == MENTION_USER)
        rc |= robot_put_list(at, "atUserIds", mention->who);
    if (rc == 0)
        return at;
    json_decref(at);
    return NULL;
}

/* Whom it calls must stand in the text as well. */
static char *content_of(const struct message *message, const struct mention *mention)
{
    AUTO(auto_free) char *text = text_of(message, DINGTALK_TEXT_MAX);
    char *content = NULL;
    if (!text || (mention->what != MENTION_MOBILE && mention->what != MENTION_USER))
        return TAKE(text);
    return asprintf(&content, "%s\n@%s", text, mention->who) < 0 ? NULL : content;
}

char *dingtalk_body(const struct channel_route *route, const struct message *message)
{
    (void)route;
    struct mention mention = mention_of(message);
    AUTO(auto_free) char *content = content_of(message, &mention);
    if (!content)
        return NULL;
    json_t *text = json_object();
    AUTO(json_undo) json_t *body = json_object();
    int rc = json_put_text(text, "content", content);
    rc |= json_put_text(body, "msgtype", "text");
    rc |= json_put(body, "text", text);
    rc |= json_put(body, "at", mention_json(&mention));
    return rc == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
}

void dingtalk_judge(const struct channel_answer *answer, struct page_outcome *ret)
{
    static const struct robot_code codes[] = {
        { -1, false, 0, "the service is busy" },
        { 40035, true, 0, "the message is refused: a field is missing" },
        { 90030, false, 600 * US_PER_S, "the robot has used up its messages" },
        { 130101, false, 600 * US_PER_S, "more messages than the robot may send" },
        { 310000, true, 0, "the robot's security setting: signature or clock, key word, or address" },
        { 400013, true, 0, "the group is gone" },
        { 400101, true, 0, "no such access token" },
        { 400102, true, 0, "the robot was switched off" },
        { 400106, true, 0, "no such robot" },
        { 410100, false, 600 * US_PER_S, "more messages than the robot may send" },
        { 460101, true, 0, "the message is too long" },
    };
    static const struct robot_answer form = { { "errcode", NULL }, codes, sizeof codes / sizeof codes[0] };
    robot_judge(answer, &form, ret);
}
