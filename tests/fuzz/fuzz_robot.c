/* Whatever a robot's service answers: taken only when its status and its code both say so, and never quoted. */
#include <stdlib.h>
#include <string.h>

#include "collector/channel/dingtalk.h"
#include "collector/channel/feishu.h"
#include "collector/channel/wecom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const judges[])(const struct channel_answer *, struct page_outcome *) = {
        wecom_judge,
        dingtalk_judge,
        feishu_judge,
    };
    static const int statuses[] = { 200, 200, 204, 302, 400, 404, 429, 500 };
    static char body[4096];
    if (size < 2 || size - 2 >= sizeof body)
        return 0;
    memcpy(body, data + 2, size - 2);
    body[size - 2] = '\0';
    struct channel_answer answer = { .status = statuses[data[1] % 8], .body = body };
    struct page_outcome outcome;
    judges[data[0] % 3](&answer, &outcome);
    check(!outcome.delivered || (answer.status / 100 == 2 && strchr(body, '0')));
    check(outcome.delivered == (outcome.error[0] == '\0'));
    check(outcome.retry_after_us == 0 || outcome.status == 429);
    check(!(outcome.delivered && (outcome.permanent || outcome.retry_after_us)));
    return 0;
}
