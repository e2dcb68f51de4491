#include "collector/store/read/past_fixture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_US (5 * MINUTE_US)
enum { STEPS_MAX = 60 * 288 };

static struct course_copy {
    bool done;
    int rc;
    size_t n, n_steps;
    float max[STEPS_MAX], mean[STEPS_MAX];
} course;

static void on_course(void *user, const struct store_course *result, const struct err *err)
{
    struct course_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    copy->n_steps = result ? result->n_steps : 0;
    if (copy->n) {
        memcpy(copy->max, result->series[0].max, copy->n_steps * sizeof copy->max[0]);
        memcpy(copy->mean, result->series[0].mean, copy->n_steps * sizeof copy->mean[0]);
    }
}

static struct store_course_query course_of(int64_t from_us, int64_t to_us)
{
    struct store_course_query query = { .host = HOST,
                                        .from_us = from_us,
                                        .to_us = to_us,
                                        .step_us = STEP_US,
                                        .n_metrics = 2,
                                        .metrics = { "nobody.has.it", "cpu" } };
    return query;
}

static void read_course(struct fixture *f, const struct store_course_query *query)
{
    memset(&course, 0, sizeof course);
    if (store_course(f->store, query, on_course, &course, &f->err) < 0)
        fail_msg("%s", f->err.text);
    run_until(f, &course.done);
    assert_int_equal(course.rc, 0);
}

static void assert_step(int64_t at_us, size_t step)
{
    static double values[KNOWN_MAX];
    size_t n = values_within(at_us, at_us + STEP_US, values);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    if (n == 0) {
        assert_true(isnan(course.max[step]) && isnan(course.mean[step]));
        return;
    }
    assert_near(course.max[step], values[n - 1], 1e-6);
    assert_near(course.mean[step], sum / (double)n, 1e-6);
}

static void each_step_has_the_highest_and_the_mean_of_its_samples_wherever_they_lie(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        if (seed > 1) {
            fixture_teardown(state);
            fixture_setup(state);
            f = *state;
        }
        make_past(f, seed);
        int64_t from_us = TODAY_US - (DAYS + 1) * DAY_US;
        struct store_course_query query = course_of(from_us, TODAY_US + DAY_US);
        read_course(f, &query);
        assert_int_equal(course.n, 1);
        assert_int_equal(course.n_steps, (DAYS + 2) * 288);
        for (size_t i = 0; i < course.n_steps; i++)
            assert_step(from_us + (int64_t)i * STEP_US, i);
    }
}

static void a_host_without_data_has_no_series(void **state)
{
    struct fixture *f = *state;
    make_past(f, 1);
    struct store_course_query query = course_of(0, DAY_US);
    read_course(f, &query);
    assert_true(course.n == 0 && course.n_steps == 288);
    query = course_of(TODAY_US - DAY_US, TODAY_US);
    query.host = 999;
    read_course(f, &query);
    assert_int_equal(course.n, 0);
}

static void what_cannot_be_asked_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_course_query good = course_of(0, DAY_US);
    struct store_course_query bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].to_us = 0;
    bad[1].from_us = MINUTE_US;
    bad[2].step_us = 90 * US_PER_S;
    bad[3].to_us = 61 * DAY_US;
    bad[4].n_metrics = 0;
    bad[5].n_metrics = STORE_COURSE_METRICS_MAX + 1;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(store_course(f->store, &bad[i], on_course, &course, &f->err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_step_has_the_highest_and_the_mean_of_its_samples_wherever_they_lie,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_host_without_data_has_no_series, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_asked_is_refused, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
