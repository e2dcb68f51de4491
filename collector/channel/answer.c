#include "collector/channel/answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool worth_retrying(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

void answer_put_error(struct page_outcome *outcome, const char *text)
{
    size_t len = text ? utf8_clean(outcome->error, PAGE_ERROR_MAX, text, strlen(text)) : 0;
    outcome->error[len] = '\0';
}

void answer_judge_status(const struct channel_answer *answer, struct page_outcome *ret)
{
    struct page_outcome outcome = { .status = answer->status };
    if (answer->status == 0) {
        answer_put_error(&outcome, answer->error ? answer->error : "no answer");
        outcome.perhaps = answer->perhaps;
    } else if (answer->status >= 200 && answer->status < 300) {
        outcome.delivered = true;
    } else {
        outcome.permanent = !worth_retrying(answer->status);
        outcome.retry_after_us = outcome.permanent ? 0 : answer->retry_after_us;
        /* The body stays out of it: many a 404 repeats the path it was asked for, and the path may be the secret. */
        bool redirect = answer->status >= 300 && answer->status < 400;
        snprintf(outcome.error, sizeof outcome.error, "HTTP %d%s", answer->status,
                 redirect ? ": redirects are not followed; configure the URL it leads to" : "");
    }
    *ret = outcome;
}
