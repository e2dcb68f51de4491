/* A changed configuration is taken up whole, or not at all: also when memory runs out in between. */
#include "collector/collector_fixture.h"

#include <errno.h>

#include "collector/parts.h"

static int fails_at; /* the n-th calloc() from now on finds no memory; 0: none */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    if (fails_at > 0 && --fails_at == 0) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_calloc(n, size);
}

static void when_memory_runs_out_all_is_as_it_was(void **state)
{
    struct fixture *f = *state;
    static struct channel_config channels[] = {
        { .name = "mail", .kind = CHANNEL_WEBHOOK, .url = "http://127.0.0.1:1/", .per_minute = 7 }
    };
    static struct way_config ways[] = { { .channel = "mail" } };
    static struct contact_config contacts[] = { { .name = "alice", .ways = { .n = 1, .at = ways } } };
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = 1), 1, 1);
    assert_int_equal(pages_out(f), 1);
    struct collector_config wider = f->config;
    struct rule rules[] = { f->rules[0], f->rules[0] };
    snprintf(rules[1].name, sizeof rules[1].name, "cpu-higher");
    wider.rule_rows = rules;
    wider.n_rules = 2;
    wider.limits.messages = 5;
    wider.people =
        (struct people_config){ .channels = { .n = 1, .at = channels }, .contacts = { .n = 1, .at = contacts } };
    int failures = 0;
    for (;; failures++) {
        fails_at = failures + 1;
        int rc = collector_reload(f->collector, &wider, &f->err);
        bool ran_out = fails_at == 0;
        fails_at = 0;
        if (!ran_out)
            break;
        if (rc == 0) /* of what can do without */
            assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
        assert_ptr_equal(collector_configuration(f->collector), &f->config);
        assert_null(watch_summary(collector_watch(f->collector), "cpu-higher"));
    }
    assert_true(failures > 4);
    assert_ptr_equal(collector_configuration(f->collector), &wider);
    assert_non_null(watch_summary(collector_watch(f->collector), "cpu-higher"));
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    commit(f, f->tenant);
    assert_int_equal(pages_out(f), 1); /* alice was never reached */
}

static void what_is_refused_changes_no_limit_either(void **state)
{
    struct fixture *f = *state;
    struct collector_config bad = f->config;
    struct limits before = f->collector->limits;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    struct rule twice[] = { f->rules[0], f->rules[0] };
    bad.rule_rows = twice;
    bad.n_rules = 2;
    bad.limits.messages = before.config.messages + 1;
    assert_int_equal(collector_reload(f->collector, &bad, &f->err), -EINVAL);
    assert_int_equal(f->collector->limits.config.messages, before.config.messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(when_memory_runs_out_all_is_as_it_was),
        COLLECTOR_TEST(what_is_refused_changes_no_limit_either),
    };
    return cmocka_run_group_tests_name("collector.core.reload", tests, NULL, NULL);
}
