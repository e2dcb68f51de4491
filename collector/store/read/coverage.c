#include "collector/store/read/coverage.h"

#include <assert.h>
#include <string.h>

#define STEP_NEAR_US INT64_C(5000000) /* a clock step is told at the tick that showed it */
enum { NOW_INTERVALS = 3 };           /* silence, as everywhere */

const char *coverage_cause_name(enum coverage_cause cause)
{
    static const char *const names[COVERAGE_DECLARED] = {
        [COVERAGE_BEFORE_FIRST] = "before-first", [COVERAGE_AGENT_DOWN] = "agent-down",
        [COVERAGE_LINK_DOWN] = "link-down",       [COVERAGE_AGENT_STALLED] = "agent-stalled",
        [COVERAGE_CLOCK_STEP] = "clock-step",     [COVERAGE_NO_WORD] = "no-word",
    };
    assert((int)cause < COVERAGE_CAUSE_COUNT);
    return cause < COVERAGE_DECLARED ? names[cause] : drop_cause_name((enum drop_cause)(cause - COVERAGE_DECLARED));
}

/* ---- gaps ---- */

static void flush(struct coverage *coverage)
{
    if (!coverage->has_gap)
        return;
    coverage->has_gap = false;
    coverage->missing_us += coverage->gap.to_us - coverage->gap.from_us;
    coverage->fn(coverage->user, &coverage->gap);
}

static void put(struct coverage *coverage, int64_t from_us, int64_t to_us, enum coverage_cause cause)
{
    if (from_us < coverage->from_us)
        from_us = coverage->from_us;
    if (to_us > coverage->to_us)
        to_us = coverage->to_us;
    if (from_us >= to_us)
        return;
    if (coverage->has_gap && coverage->gap.cause == cause && coverage->gap.to_us == from_us) {
        coverage->gap.to_us = to_us;
        return;
    }
    flush(coverage);
    coverage->gap = (struct coverage_gap){ from_us, to_us, cause };
    coverage->has_gap = true;
}

/* Of numbers of `run` from `n` on: which of the list holds it, or where the next one that it holds begins. */
static const struct coverage_numbers *holds(const struct coverage_numbers *list, size_t count, int64_t run, uint64_t n,
                                            uint64_t *until)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) { /* the first one that ends at n or behind it */
        size_t middle = low + (high - low) / 2;
        bool before = list[middle].run != run ? list[middle].run < run : list[middle].last < n;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count || list[low].run != run)
        return NULL;
    if (list[low].first > n) {
        if (list[low].first - 1 < *until)
            *until = list[low].first - 1;
        return NULL;
    }
    if (list[low].last < *until)
        *until = list[low].last;
    return &list[low];
}

/* Why tick n of a run is not there where it should be; *until: the last one of which the same holds. */
static enum coverage_cause why_missing(const struct coverage_facts *facts, int64_t run, uint64_t n,
                                       enum coverage_cause if_stored, uint64_t *until)
{
    if (holds(facts->stored, facts->n_stored, run, n, until))
        return if_stored;
    const struct coverage_numbers *dropped = holds(facts->dropped, facts->n_dropped, run, n, until);
    return dropped ? (enum coverage_cause)(COVERAGE_DECLARED + (int)dropped->cause) : COVERAGE_LINK_DOWN;
}

static bool is_stepped(const struct coverage_facts *facts, int64_t run, int64_t from_us, int64_t to_us)
{
    size_t low = 0;
    size_t high = facts->n_steps;
    while (low < high) { /* the first one of the run that is not before that time */
        size_t middle = low + (high - low) / 2;
        const struct coverage_step *step = &facts->steps[middle];
        bool before = step->run != run ? step->run < run : step->at_us < from_us - STEP_NEAR_US;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low < facts->n_steps && facts->steps[low].run == run && facts->steps[low].at_us <= to_us + STEP_NEAR_US;
}

/* Numbers first..last of a run, spread evenly over the time. */
static void put_numbers(struct coverage *coverage, int64_t run, uint64_t first, uint64_t last, int64_t from_us,
                        int64_t to_us, enum coverage_cause if_stored)
{
    double each_us = (double)(to_us - from_us) / ((double)(last - first) + 1);
    int64_t at_us = from_us;
    for (uint64_t n = first; n <= last;) {
        uint64_t until = last;
        coverage->looked++;
        enum coverage_cause cause = why_missing(&coverage->facts, run, n, if_stored, &until);
        int64_t end_us = until == last ? to_us : from_us + (int64_t)(each_us * ((double)(until - first) + 1));
        put(coverage, at_us, end_us, cause);
        at_us = end_us;
        n = until + 1;
    }
}

/* The highest number above `n` that the agent has given up: its run went on at least so long. */
static uint64_t highest_dropped(const struct coverage_facts *facts, int64_t run, uint64_t n)
{
    size_t low = 0;
    size_t high = facts->n_dropped;
    while (low < high) { /* the first one of a later run; the one before it is the run's last */
        size_t middle = low + (high - low) / 2;
        if (facts->dropped[middle].run <= run)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && facts->dropped[low - 1].run == run && facts->dropped[low - 1].last > n)
        n = facts->dropped[low - 1].last;
    return n;
}

/* `count` intervals before or behind an instant, but no more than half of the gap when both sides want some. */
static int64_t width_of(uint64_t count, int64_t interval_us, int64_t most_us)
{
    return (double)count * (double)interval_us < (double)most_us ? (int64_t)count * interval_us : most_us;
}

/* Between two runs: what the first one had read and lost, the time without an agent, what the second one lost. */
static void put_between_runs(struct coverage *coverage, const struct coverage_tick *a, const struct coverage_tick *b,
                             int64_t from_us, int64_t to_us, int64_t interval_us)
{
    uint64_t last = highest_dropped(&coverage->facts, a->run, a->n);
    int64_t left_us = from_us + width_of(last - a->n, interval_us, to_us - from_us);
    int64_t right_us = to_us - width_of(b->n - 1, interval_us, to_us - left_us);
    if (last > a->n)
        put_numbers(coverage, a->run, a->n + 1, last, from_us, left_us, COVERAGE_AGENT_DOWN);
    put(coverage, left_us, right_us, COVERAGE_AGENT_DOWN);
    if (b->n > 1)
        put_numbers(coverage, b->run, 1, b->n - 1, right_us, to_us, COVERAGE_AGENT_DOWN);
}

static void put_between(struct coverage *coverage, const struct coverage_tick *a, const struct coverage_tick *b,
                        int64_t from_us, int64_t to_us, int64_t interval_us)
{
    if (a->run != b->run) {
        put_between_runs(coverage, a, b, from_us, to_us, interval_us);
        return;
    }
    bool stepped = is_stepped(&coverage->facts, a->run, from_us, to_us);
    enum coverage_cause none_missing = stepped ? COVERAGE_CLOCK_STEP : COVERAGE_AGENT_STALLED;
    if (b->n > a->n + 1)
        put_numbers(coverage, a->run, a->n + 1, b->n - 1, from_us, to_us, none_missing);
    else /* numbers that fall while time rises: only a clock put right does that */
        put(coverage, from_us, to_us, b->n > a->n ? none_missing : COVERAGE_CLOCK_STEP);
}

/* ---- intervals ---- */

static bool follow(const struct coverage_tick *a, const struct coverage_tick *b)
{
    return a->run == b->run && b->n == a->n + 1 && b->at_us > a->at_us;
}

/* The middle one of up to three, of two the smaller; 0 of none. */
static int64_t median_us(const int64_t *of, size_t n)
{
    int64_t sorted[COVERAGE_BEFORE];
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > of[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = of[i];
    }
    return n ? sorted[(n - 1) / 2] : 0;
}

static int64_t least_us(const int64_t *of, size_t n)
{
    int64_t least = n ? of[0] : 0;
    for (size_t i = 1; i < n; i++)
        least = of[i] < least ? of[i] : least;
    return least;
}

/* Of the last tick. The wider of what was before and what comes after: where the policy changes from one second to ten
 * the first ten are no gap. But then all that come after are so wide: several stalls in a row change no policy. */
static int64_t interval_us(const struct coverage *coverage)
{
    int64_t after_us[COVERAGE_BEFORE] = { 0 };
    size_t n = 0;
    for (size_t i = 1; i < coverage->n_ahead && n < COVERAGE_BEFORE; i++)
        if (follow(&coverage->ahead[i - 1], &coverage->ahead[i]))
            after_us[n++] = coverage->ahead[i].at_us - coverage->ahead[i - 1].at_us;
    int64_t before = median_us(coverage->before_us, coverage->n_before);
    int64_t after = before ? least_us(after_us, n) : median_us(after_us, n);
    if (before || after)
        return before > after ? before : after;
    bool alone = coverage->n_ahead == 0 || coverage->last.closed || !follow(&coverage->last.tick, &coverage->ahead[0]);
    int64_t only_us = alone ? COVERAGE_CALM_US : coverage->ahead[0].at_us - coverage->last.tick.at_us;
    return only_us < COVERAGE_CALM_US ? only_us : COVERAGE_CALM_US;
}

static void remember(struct coverage *coverage, int64_t distance_us)
{
    if (coverage->n_before == COVERAGE_BEFORE)
        memmove(coverage->before_us, coverage->before_us + 1, (COVERAGE_BEFORE - 1) * sizeof coverage->before_us[0]);
    else
        coverage->n_before++;
    coverage->before_us[coverage->n_before - 1] = distance_us;
}

/* ---- ticks ---- */

/* From the last tick to the one behind it. */
static void advance(struct coverage *coverage)
{
    struct coverage_tick next = coverage->ahead[0];
    bool within = coverage->has_last && coverage->last.closed && next.at_us < coverage->last.tick.at_us;
    if (within) {
        ; /* that time is known to have ticks */
    } else if (coverage->has_last) {
        const struct coverage_end *last = &coverage->last;
        int64_t interval = interval_us(coverage);
        int64_t until_us = last->tick.at_us + (last->closed ? 0 : interval);
        if (next.at_us - until_us > interval / 2)
            put_between(coverage, &last->tick, &next, until_us, next.at_us, interval);
        else if (!last->closed && follow(&last->tick, &next))
            remember(coverage, next.at_us - last->tick.at_us);
    } else {
        put(coverage, coverage->from_us, next.at_us, COVERAGE_BEFORE_FIRST);
    }
    if (!within)
        coverage->last = (struct coverage_end){ .tick = next };
    coverage->has_last = true;
    coverage->n_ahead--;
    memmove(coverage->ahead, coverage->ahead + 1, coverage->n_ahead * sizeof coverage->ahead[0]);
}

static void drain(struct coverage *coverage)
{
    while (coverage->n_ahead > 0)
        advance(coverage);
}

void coverage_begin(struct coverage *coverage, int64_t from_us, int64_t to_us, bool to_now,
                    const struct coverage_facts *facts, void (*fn)(void *user, const struct coverage_gap *gap),
                    void *user)
{
    *coverage = (struct coverage){
        .from_us = from_us, .to_us = to_us, .to_now = to_now, .facts = *facts, .fn = fn, .user = user
    };
}

void coverage_tick(struct coverage *coverage, const struct coverage_tick *tick)
{
    if (coverage->n_ahead == COVERAGE_AHEAD)
        advance(coverage);
    coverage->ahead[coverage->n_ahead++] = *tick;
}

void coverage_span(struct coverage *coverage, const struct coverage_tick *first, const struct coverage_tick *last)
{
    coverage_tick(coverage, first);
    drain(coverage);
    coverage->last = (struct coverage_end){ .tick = *last, .closed = true };
}

void coverage_end(struct coverage *coverage)
{
    drain(coverage);
    if (!coverage->has_last) {
        put(coverage, coverage->from_us, coverage->to_us, COVERAGE_BEFORE_FIRST);
    } else {
        const struct coverage_end *last = &coverage->last;
        int64_t interval = interval_us(coverage);
        int64_t until_us = last->tick.at_us + (last->closed ? 0 : interval);
        int64_t grace_us = coverage->to_now ? (NOW_INTERVALS - 1) * interval : interval / 2;
        if (coverage->to_us - until_us > grace_us)
            put(coverage, until_us, coverage->to_us, COVERAGE_NO_WORD);
    }
    flush(coverage);
}
