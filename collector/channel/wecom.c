#include "collector/channel/wecom.h"

#include "base/auto.h"
#include "collector/channel/robot.h"
#include "collector/channel/text.h"

static int put_mention(json_t *text, const struct message *message)
{
    struct mention mention = mention_of(message);
    switch (mention.what) {
    case MENTION_NOBODY:
        break;
    case MENTION_ALL:
        return robot_put_list(text, "mentioned_list", "@all");
    case MENTION_MOBILE:
        return robot_put_list(text, "mentioned_mobile_list", mention.who);
    case MENTION_USER:
        return robot_put_list(text, "mentioned_list", mention.who);
    }
    return 0;
}

char *wecom_body(const struct channel_route *route, const struct message *message)
{
    (void)route;
    AUTO(auto_free) char *content = text_of(message, WECOM_TEXT_MAX + 1);
    if (!content)
        return NULL;
    json_t *text = json_object();
    AUTO(json_undo) json_t *body = json_object();
    int rc = json_put_text(text, "content", content);
    rc |= put_mention(text, message);
    rc |= json_put_text(body, "msgtype", "text");
    rc |= json_put(body, "text", text);
    return rc == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
}

void wecom_judge(const struct channel_answer *answer, struct page_outcome *ret)
{
    static const struct robot_code codes[] = {
        { -1, false, 0, "the service is busy" },
        { 40008, true, 0, "the kind of message is refused" },
        { 40058, true, 0, "the message is refused: a field is missing or too long" },
        { 45009, false, 60 * US_PER_S, "more messages than the robot may send" },
        { 45033, false, 10 * US_PER_S, "more messages at once than the robot may send" },
        { 93000, true, 0, "no such robot: its key is wrong, or it was removed" },
        { 93004, true, 0, "the robot was switched off" },
        { 93008, true, 0, "the robot is not in the group" },
    };
    static const struct robot_answer form = { { "errcode", NULL }, codes, sizeof codes / sizeof codes[0] };
    robot_judge(answer, &form, ret);
}
