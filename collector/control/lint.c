/* Whether ten minutes are enough for an event, by configuration: the longest ways from a bad sample to an answer. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/control/call.h"

enum { LINT_SHOWN = 100 };

struct longest { /* the longest ones first */
    size_t n, total, over;
    struct lint_row rows[LINT_SHOWN];
};

static void keep_longest(void *user, const struct lint_row *row)
{
    struct longest *longest = user;
    longest->total++;
    longest->over += row->worst.total_us > PAGE_BUDGET_US;
    size_t at = longest->n < LINT_SHOWN ? longest->n++ : LINT_SHOWN - 1;
    if (at == LINT_SHOWN - 1 && longest->total > LINT_SHOWN && longest->rows[at].worst.total_us >= row->worst.total_us)
        return;
    for (; at > 0 && longest->rows[at - 1].worst.total_us < row->worst.total_us; at--)
        longest->rows[at] = longest->rows[at - 1];
    longest->rows[at] = *row;
}

static json_t *form_way(const struct lint_row *row)
{
    json_t *stages = json_object();
    for (enum worst_stage stage = 0; stage < WORST_STAGE_COUNT; stage++)
        json_object_set_new(stages, worst_stage_name(stage),
                            json_real((double)row->worst.stages[stage] / (double)US_PER_S));
    return json_pack("{s:s, s:s, s:i, s:f, s:o}", "rule", row->rule, "contact", row->contact, "step", (int)row->step,
                     "total_s", (double)row->worst.total_us / (double)US_PER_S, "stages", stages);
}

/* Nobody to tell is as bad as too late; from 80 % of the budget on it is as good as gone. */
static const char *state_of(const struct longest *longest)
{
    if (longest->n == 0 || longest->over > 0)
        return "critical";
    return longest->rows[0].worst.total_us > PAGE_BUDGET_US / 5 * 4 ? "warning" : "ok";
}

int verb_lint(struct call *call, struct err *err)
{
    const struct event *event = NULL;
    AUTO(auto_free) struct longest *longest = calloc(1, sizeof *longest);
    if (!longest)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = call_event(call, &event, err);
    if (rc == 0)
        rc = collector_lint(call->collector, event, keep_longest, longest, err);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    for (size_t i = 0; i < longest->n; i++)
        json_array_append_new(rows, form_way(&longest->rows[i]));
    call->data = json_pack("{s:s, s:s, s:f, s:I, s:I, s:o}", "event", event->name, "state", state_of(longest),
                           "budget_s", (double)PAGE_BUDGET_US / (double)US_PER_S, "total", (json_int_t)longest->total,
                           "over", (json_int_t)longest->over, "ways", rows);
    return CALL_ANSWER;
}
