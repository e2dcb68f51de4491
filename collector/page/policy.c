#include "collector/page/policy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "base/scan.h"

int page_name_check(const char *name, size_t len, struct err *err)
{
    if (!whom_is_name(name, len))
        return err_set(err, -EINVAL, "a name is 1 to %d bytes of text without blanks, ',' or ';'", CONTACT_NAME_MAX);
    return 0;
}

/* Up to `stop` or the end, without the blanks around it. */
static struct scan_text piece_until(struct scan *scan, char stop)
{
    struct scan_text piece;
    if (!scan_until(scan, stop, &piece)) {
        piece = (struct scan_text){ scan->at, (size_t)(scan->end - scan->at) };
        scan->at = scan->end;
    }
    while (piece.len > 0 && *piece.at == ' ') {
        piece.at++;
        piece.len--;
    }
    while (piece.len > 0 && piece.at[piece.len - 1] == ' ')
        piece.len--;
    return piece;
}

static bool has_name(const struct page_policy_step *step, struct scan_text name)
{
    for (unsigned i = 0; i < step->n; i++)
        if (scan_text_is(name, step->whom[i]))
            return true;
    return false;
}

static int add_name(struct page_policy_step *step, struct scan_text name, struct err *err)
{
    int rc = page_name_check(name.at, name.len, err);
    if (rc < 0)
        return rc;
    if (has_name(step, name))
        return err_set(err, -EINVAL, "%.*s stands twice in a step", (int)name.len, name.at);
    if (step->n == PAGE_WHOM_MAX)
        return err_set(err, -EINVAL, "a step names %d contacts or rotas at most", PAGE_WHOM_MAX);
    memcpy(step->whom[step->n], name.at, name.len);
    step->whom[step->n++][name.len] = '\0';
    return 0;
}

static int add_step(struct page_policy *policy, struct scan_text text, struct err *err)
{
    struct page_policy_step step = { .n = 0 };
    struct scan scan = scan_over(text.at, text.len);
    struct scan_text after = piece_until(&scan, ' ');
    if (policy->n_steps == PAGE_STEPS_MAX)
        return err_set(err, -EINVAL, "an escalation has %d steps at most", PAGE_STEPS_MAX);
    if (duration_parse(after.at, after.len, &step.after_us) < 0 || step.after_us > PAGE_AFTER_MAX_US)
        return err_set(err, -EINVAL, "a step begins with its delay, 0s to 24h: \"3m lead, manager\"");
    if (policy->n_steps > 0 && step.after_us <= policy->steps[policy->n_steps - 1].after_us)
        return err_set(err, -EINVAL, "each step comes later than the one before it");
    do {
        int rc = add_name(&step, piece_until(&scan, ','), err);
        if (rc < 0)
            return rc;
    } while (!scan_done(&scan));
    policy->steps[policy->n_steps++] = step;
    return 0;
}

int page_policy_parse(const char *text, size_t len, struct page_policy *ret, struct err *err)
{
    struct page_policy policy = { .n_steps = 0 };
    struct scan scan = scan_over(text, len);
    char canonical[PAGE_POLICY_TEXT_MAX + 1];
    while (!scan_done(&scan)) {
        int rc = add_step(&policy, piece_until(&scan, ';'), err);
        if (rc < 0)
            return rc;
    }
    int rc = page_policy_text(&policy, canonical, err);
    if (rc == 0)
        *ret = policy;
    return rc;
}

int page_policy_text(const struct page_policy *policy, char text[PAGE_POLICY_TEXT_MAX + 1], struct err *err)
{
    size_t len = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < policy->n_steps; i++) {
        const struct page_policy_step *step = &policy->steps[i];
        char after[DURATION_TEXT];
        duration_format(after, step->after_us);
        for (unsigned k = 0; k < step->n; k++) {
            size_t room = PAGE_POLICY_TEXT_MAX + 1 - len;
            int n = k > 0 ? snprintf(text + len, room, ", %s", step->whom[k])
                          : snprintf(text + len, room, "%s%s %s", i > 0 ? "; " : "", after, step->whom[k]);
            len += (size_t)n;
            if (len > PAGE_POLICY_TEXT_MAX) {
                text[0] = '\0';
                return err_set(err, -E2BIG, "an escalation takes %d bytes at most", PAGE_POLICY_TEXT_MAX);
            }
        }
    }
    return 0;
}
