/* collector/page/policy.h - whom to tell, and how long after: the steps of an escalation.
 *
 * Shape    up to PAGE_STEPS_MAX steps, each later than the one before, each of 1..PAGE_WHOM_MAX names of contacts or
 *          rotas, none of them twice in a step
 * Text     "0s night-desk; 3m lead; 6m manager, war-room": one canonical text for a policy, kept in the incident's row
 * Units    delays in microseconds, 0..PAGE_AFTER_MAX_US, written as base/moment has durations
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/event/whom.h"

#define PAGE_AFTER_MAX_US (86400 * US_PER_S)
enum {
    CONTACT_NAME_MAX = WHOM_NAME_MAX,
    PAGE_STEPS_MAX = WHOM_STEPS_MAX,
    PAGE_WHOM_MAX = WHOM_MAX,
    PAGE_POLICY_TEXT_MAX = WHOM_TEXT_MAX
};

struct page_policy {
    unsigned n_steps; /* 0: none; everybody is told at once */
    struct page_policy_step {
        int64_t after_us;
        unsigned n;
        char whom[PAGE_WHOM_MAX][CONTACT_NAME_MAX + 1];
    } steps[PAGE_STEPS_MAX];
};

/* Reads the whole of `text`, blanks around names and between steps as one likes; "" is no steps. -EINVAL: `err` says
 * what is wrong; -E2BIG: its canonical text is longer than PAGE_POLICY_TEXT_MAX. *ret is untouched on failure. */
int page_policy_parse(const char *text, size_t len, struct page_policy *ret, struct err *err);

/* The canonical text. -E2BIG: it is too long; `text` is "" then. */
int page_policy_text(const struct page_policy *policy, char text[PAGE_POLICY_TEXT_MAX + 1], struct err *err);

/* -EINVAL: no whom_is_name(). */
int page_name_check(const char *name, size_t len, struct err *err);
