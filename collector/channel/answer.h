/* collector/channel/answer.h - what an answer over HTTP means for the page it is about.
 *
 * Rule     any 2xx is taken. 408, 425, 429 and 5xx are tried again, honouring Retry-After; 3xx (redirects are not
 *          followed) and other 4xx count as permanent; no answer is tried again
 * Secrets  nothing of an answer's body is quoted: many a receiver repeats what it was asked for
 * Threads  pure
 */
#pragma once
#include "collector/channel/channel.h"
#include "collector/page/page.h"

/* What stands there for an error: whole characters alone, for it goes on record. NULL: "". */
void answer_put_error(struct page_outcome *outcome, const char *text);

void answer_judge_status(const struct channel_answer *answer, struct page_outcome *ret);
