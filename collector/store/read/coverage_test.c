#include "collector/store/read/coverage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPANS_MAX = 8, GAPS_MAX = 8, S = 1000000 };

struct ticks { /* first..last of a run, the first at `at_s`; as minutes: the time from at_s to last_s is known alone */
    int run;
    uint64_t first, last;
    double at_s, every_s;
};

struct gap {
    double from_s, to_s;
    const char *cause;
};

/* A window of [100 s, 200 s) but where it says otherwise. */
struct example {
    const char *what;
    struct ticks ticks[SPANS_MAX]; /* by time; run 0 ends them */
    struct coverage_numbers dropped[4];
    struct coverage_step step;
    struct gap gaps[GAPS_MAX]; /* cause NULL ends them */
    bool to_now;
};

static const struct example examples[] = {
    { "a tick each second leaves no gap", { { 1, 1, 300, 0, 1 } }, .gaps = { { .cause = NULL } } },
    { "a tick each ten seconds leaves none either", { { 1, 1, 30, 0, 10 } }, .gaps = { { .cause = NULL } } },
    { "from ten seconds to one and back is no gap",
      { { 1, 1, 13, 0, 10 }, { 1, 14, 43, 121, 1 }, { 1, 44, 60, 160, 10 } },
      .gaps = { { .cause = NULL } } },
    { "a tick that is late by less than half a second is there",
      { { 1, 1, 150, 0, 1 }, { 1, 151, 300, 150.45, 1 } },
      .gaps = { { .cause = NULL } } },
    { "one tick that has not come",
      { { 1, 1, 150, 0, 1 }, { 1, 152, 300, 151, 1 } },
      .gaps = { { 150, 151, "link-down" } } },
    { "ten of them", { { 1, 1, 150, 0, 1 }, { 1, 161, 300, 160, 1 } }, .gaps = { { 150, 160, "link-down" } } },
    { "what the agent gave up has its cause",
      { { 1, 1, 150, 0, 1 }, { 1, 161, 300, 160, 1 } },
      .dropped = { { 1, 151, 160, DROP_OVERFLOW } },
      .gaps = { { 150, 160, "overflow" } } },
    { "a part given up, the rest on its way",
      { { 1, 1, 150, 0, 1 }, { 1, 161, 300, 160, 1 } },
      .dropped = { { 1, 140, 154, DROP_EXPIRED }, { 1, 158, 159, DROP_UNREADABLE } },
      .gaps = { { 150, 154, "expired" },
                { 154, 157, "link-down" },
                { 157, 159, "unreadable" },
                { 159, 160, "link-down" } } },
    { "refused, and for a reason not known",
      { { 1, 1, 150, 0, 1 }, { 1, 161, 300, 160, 1 } },
      .dropped = { { 1, 151, 155, DROP_REFUSED }, { 1, 156, 160, DROP_OTHER } },
      .gaps = { { 150, 155, "refused" }, { 155, 160, "other" } } },
    { "what another run gave up is nothing to this one",
      { { 1, 1, 150, 0, 1 }, { 1, 161, 300, 160, 1 } },
      .dropped = { { 2, 151, 160, DROP_OVERFLOW } },
      .gaps = { { 150, 160, "link-down" } } },
    { "no agent between two runs",
      { { 1, 1, 150, 0, 1 }, { 2, 1, 100, 170, 1 } },
      .gaps = { { 150, 170, "agent-down" } } },
    { "an agent that starts anew within a second",
      { { 1, 1, 150, 0, 1 }, { 2, 1, 100, 150.3, 1 } },
      .gaps = { { .cause = NULL } } },
    { "the second run had read something that has not come",
      { { 1, 1, 150, 0, 1 }, { 2, 6, 100, 170, 1 } },
      .gaps = { { 150, 165, "agent-down" }, { 165, 170, "link-down" } } },
    { "the first run had given something up at its end",
      { { 1, 1, 150, 0, 1 }, { 2, 1, 100, 170, 1 } },
      .dropped = { { 1, 153, 155, DROP_OVERFLOW } },
      .gaps = { { 150, 152, "link-down" }, { 152, 155, "overflow" }, { 155, 170, "agent-down" } } },
    { "consecutive numbers, and time passed",
      { { 1, 1, 150, 0, 1 }, { 1, 151, 300, 180, 1 } },
      .gaps = { { 150, 180, "agent-stalled" } } },
    { "the same where the clock was put right",
      { { 1, 1, 150, 0, 1 }, { 1, 151, 300, 180, 1 } },
      .step = { 1, 180 * (int64_t)S },
      .gaps = { { 150, 180, "clock-step" } } },
    { "a step elsewhere explains nothing",
      { { 1, 1, 150, 0, 1 }, { 1, 151, 300, 180, 1 } },
      .step = { 1, 120 * (int64_t)S },
      .gaps = { { 150, 180, "agent-stalled" } } },
    { "another run's step neither",
      { { 1, 1, 150, 0, 1 }, { 1, 151, 300, 180, 1 } },
      .step = { 2, 180 * (int64_t)S },
      .gaps = { { 150, 180, "agent-stalled" } } },
    { "two stalls one after the other",
      { { 1, 1, 120, 0, 1 }, { 1, 121, 122, 130, 20 }, { 1, 123, 200, 170, 1 } },
      .gaps = { { 120, 130, "agent-stalled" }, { 131, 150, "agent-stalled" }, { 151, 170, "agent-stalled" } } },
    { "nothing before the first tick", { { 1, 1, 100, 130, 1 } }, .gaps = { { 100, 130, "before-first" } } },
    { "nothing at all", { { .run = 0 } }, .gaps = { { 100, 200, "before-first" } } },
    { "no word since", { { 1, 1, 150, 0, 1 } }, .gaps = { { 150, 200, "no-word" } } },
    { "no word since the window began", { { 1, 1, 10, 0, 1 } }, .gaps = { { 100, 200, "no-word" } } },
    { "what was read in the last moments is on its way",
      { { 1, 1, 199, 0, 1 } },
      .to_now = true,
      .gaps = { { .cause = NULL } } },
    { "but not for long", { { 1, 1, 197, 0, 1 } }, .to_now = true, .gaps = { { 197, 200, "no-word" } } },
    { "a gap over the window's beginning",
      { { 1, 1, 50, 0, 1 }, { 2, 1, 200, 120, 1 } },
      .gaps = { { 100, 120, "agent-down" } } },
    { "a gap over its end",
      { { 1, 1, 181, 0, 1 }, { 1, 182, 200, 230, 1 } },
      .gaps = { { 181, 200, "agent-stalled" } } },
    { "a gap over all of it", { { 1, 1, 50, 0, 1 }, { 1, 60, 200, 230, 1 } }, .gaps = { { 100, 200, "link-down" } } },
    { "times that fall and rise leave no gap where there are ticks",
      { { 1, 1, 150, 0, 1 }, { 1, 181, 330, 150, 1 } },
      .gaps = { { .cause = NULL } } },
};

struct got {
    size_t n;
    struct coverage_gap gaps[GAPS_MAX];
};

static void on_gap(void *user, const struct coverage_gap *gap)
{
    struct got *got = user;
    if (got->n < GAPS_MAX)
        got->gaps[got->n] = *gap;
    got->n++;
}

static size_t stored_of(const struct example *example, struct coverage_numbers *ret)
{
    size_t n = 0;
    for (; n < SPANS_MAX && example->ticks[n].run; n++)
        ret[n] = (struct coverage_numbers){ example->ticks[n].run, example->ticks[n].first, example->ticks[n].last,
                                            DROP_OTHER };
    return n;
}

static void judge(const struct example *example, struct coverage *coverage, struct got *got)
{
    struct coverage_numbers stored[SPANS_MAX];
    struct coverage_facts facts = { .stored = stored, .dropped = example->dropped, .steps = &example->step };
    facts.n_stored = stored_of(example, stored);
    facts.n_steps = example->step.run != 0;
    while (facts.n_dropped < 4 && example->dropped[facts.n_dropped].run)
        facts.n_dropped++;
    coverage_begin(coverage, 100 * (int64_t)S, 200 * (int64_t)S, example->to_now, &facts, on_gap, got);
    for (size_t i = 0; i < facts.n_stored; i++) {
        const struct ticks *ticks = &example->ticks[i];
        for (uint64_t n = ticks->first; n <= ticks->last; n++) {
            double at_s = ticks->at_s + (double)(n - ticks->first) * ticks->every_s;
            coverage_tick(coverage, &(struct coverage_tick){ (int64_t)(at_s * S), ticks->run, n });
        }
    }
    coverage_end(coverage);
}

static void check(const struct example *example)
{
    struct coverage coverage;
    struct got got = { .n = 0 };
    int64_t missing_us = 0;
    size_t n = 0;
    judge(example, &coverage, &got);
    for (; n < GAPS_MAX && example->gaps[n].cause; n++) {
        const struct gap *want = &example->gaps[n];
        const struct coverage_gap *gap = &got.gaps[n];
        if (n >= got.n || gap->from_us != (int64_t)(want->from_s * S) || gap->to_us != (int64_t)(want->to_s * S) ||
            strcmp(coverage_cause_name(gap->cause), want->cause) != 0)
            fail_msg("%s: gap %zu is %.3f..%.3f %s", example->what, n, (double)gap->from_us / S, (double)gap->to_us / S,
                     n < got.n ? coverage_cause_name(gap->cause) : "none");
        missing_us += gap->to_us - gap->from_us;
    }
    if (got.n != n)
        fail_msg("%s: %zu gaps, the one too many %.3f..%.3f %s", example->what, got.n, (double)got.gaps[n].from_us / S,
                 (double)got.gaps[n].to_us / S, coverage_cause_name(got.gaps[n].cause));
    assert_int_equal(coverage.missing_us, missing_us);
}

static void gaps_are_found_and_their_causes_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        check(&examples[i]);
}

static void minutes_say_when_there_were_ticks(void **state)
{
    (void)state;
    static const struct coverage_numbers stored[] = { { 1, 1, 120, DROP_OTHER }, { 2, 1, 50, DROP_OTHER } };
    struct coverage_facts facts = { .n_stored = 2, .stored = stored };
    struct coverage coverage;
    struct got got = { .n = 0 };
    coverage_begin(&coverage, 0, 600 * (int64_t)S, false, &facts, on_gap, &got);
    coverage_span(&coverage, &(struct coverage_tick){ 0, 1, 1 }, &(struct coverage_tick){ 120 * (int64_t)S, 1, 120 });
    coverage_span(&coverage, &(struct coverage_tick){ 300 * (int64_t)S, 2, 1 },
                  &(struct coverage_tick){ 360 * (int64_t)S, 2, 50 });
    coverage_tick(&coverage, &(struct coverage_tick){ 330 * (int64_t)S, 1, 120 }); /* within what is known */
    coverage_tick(&coverage, &(struct coverage_tick){ 360 * (int64_t)S, 2, 51 });
    for (int i = 0; i < 100; i++)
        coverage_tick(&coverage, &(struct coverage_tick){ (361 + i) * (int64_t)S, 2, (uint64_t)(52 + i) });
    coverage_end(&coverage);
    assert_int_equal(got.n, 2);
    assert_true(got.gaps[0].from_us == 120 * (int64_t)S && got.gaps[0].to_us == 300 * (int64_t)S);
    assert_int_equal(got.gaps[0].cause, COVERAGE_AGENT_DOWN);
    assert_true(got.gaps[1].from_us == 461 * (int64_t)S && got.gaps[1].cause == COVERAGE_NO_WORD);
}

static void of_many_steps_and_losses_those_of_the_run_and_time_count(void **state)
{
    (void)state;
    struct coverage_step steps[300];
    struct coverage_numbers dropped[300];
    for (int i = 0; i < 300; i++) { /* a hundred of each of runs 1 to 3; only run 2 has a step at 150 s */
        steps[i] =
            (struct coverage_step){ 1 + i / 100, (i / 100 == 1 ? 50 : 500 + 10) * (int64_t)S + i % 100 * (int64_t)S };
        dropped[i] = (struct coverage_numbers){ 1 + i / 100, (uint64_t)(1000 + 2 * (i % 100)),
                                                (uint64_t)(1000 + 2 * (i % 100)), DROP_EXPIRED };
    }
    for (int run = 1; run <= 3; run++) {
        struct coverage_facts facts = { .n_steps = 300, .steps = steps, .n_dropped = 300, .dropped = dropped };
        struct coverage coverage;
        struct got got = { .n = 0 };
        coverage_begin(&coverage, 100 * (int64_t)S, 3000 * (int64_t)S, false, &facts, on_gap, &got);
        for (uint64_t n = 1; n <= 100; n++)
            coverage_tick(&coverage, &(struct coverage_tick){ (50 + (int64_t)n + (n > 50 ? 40 : 0)) * S, run, n });
        coverage_tick(&coverage, &(struct coverage_tick){ 2990 * (int64_t)S, 9, 1 });
        coverage_end(&coverage);
        assert_true(got.n > 2);
        assert_int_equal(got.gaps[0].cause, run == 2 ? COVERAGE_CLOCK_STEP : COVERAGE_AGENT_STALLED);
        assert_int_equal(got.gaps[1].cause, COVERAGE_LINK_DOWN); /* up to 1000, as 1198 is the last given up */
        assert_int_equal(got.gaps[1].to_us - got.gaps[1].from_us, 899 * (int64_t)S);
        assert_int_equal(got.gaps[2].cause, COVERAGE_DECLARED + DROP_EXPIRED);
    }
}

static void every_cause_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < COVERAGE_CAUSE_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(coverage_cause_name((enum coverage_cause)i),
                                    coverage_cause_name((enum coverage_cause)j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_found_and_their_causes_told),
        cmocka_unit_test(minutes_say_when_there_were_ticks),
        cmocka_unit_test(of_many_steps_and_losses_those_of_the_run_and_time_count),
        cmocka_unit_test(every_cause_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("collector.store.coverage", tests, NULL, NULL);
}
