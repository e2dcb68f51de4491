/* Whether ten minutes are enough, from the config and the event's document to the gate. */
#include "collector/collector_fixture.h"

#include <string.h>

#include "collector/parts.h"

enum { ROWS_MAX = 64 };

struct seen {
    size_t n;
    struct lint_row rows[ROWS_MAX];
};

static void see(void *user, const struct lint_row *row)
{
    struct seen *seen = user;
    assert_true(seen->n < ROWS_MAX);
    seen->rows[seen->n++] = *row;
}

static const struct lint_row *row_of(const struct seen *seen, const char *rule, const char *contact)
{
    for (size_t i = 0; i < seen->n; i++)
        if (strcmp(seen->rows[i].rule, rule) == 0 && strcmp(seen->rows[i].contact, contact) == 0)
            return &seen->rows[i];
    fail_msg("no way of %s to %s", rule, contact);
    return NULL;
}

/* ---- who is told: alice on duty at once, the boss after six minutes ---- */

static struct channel_config channels[] = { { .name = "mail", .kind = CHANNEL_SMTP, .url = "smtp://127.0.0.1" },
                                            { .name = "robot", .kind = CHANNEL_WECOM, .url = "http://127.0.0.1" } };
static struct way_config ways[] = { { .channel = "robot" }, { .channel = "mail", .address = "a@example.com" } };
static struct contact_config contacts[] = { { .name = "alice", .ways = { .n = 2, .at = ways } },
                                            { .name = "boss", .ways = { .n = 2, .at = ways } } };
static const char *members[] = { "alice" };
static struct rota_config rotas[] = { { .name = "desk",
                                        .zone = "UTC",
                                        .members = { .n = 1, .at = members },
                                        .from = "2026-11-23",
                                        .at = "08:00",
                                        .turn_us = 43200 * US_PER_S } };
static const char *at_once[] = { "desk" };
static const char *later[] = { "boss" };
static struct step_config steps[] = { { .after_us = 0, .contacts = { .n = 1, .at = at_once } },
                                      { .after_us = 360 * US_PER_S, .contacts = { .n = 1, .at = later } } };
static struct escalation_config escalations[] = { { .name = "default", .steps = { .n = 2, .at = steps } } };

static void tell_people(struct fixture *f)
{
    f->config.people = (struct people_config){ .channels = { .n = 2, .at = channels },
                                               .contacts = { .n = 2, .at = contacts },
                                               .rotas = { .n = 1, .at = rotas },
                                               .escalations = { .n = 1, .at = escalations } };
    restart_collector(f);
}

static uint64_t sale(struct fixture *f)
{
    return plan_event(f, &(struct event_plan){
                             .name = "sale", .zone = "UTC", .first_day = "2026-12-24", .days = 1, .hosts = "web-*" });
}

static void look(struct fixture *f, uint64_t id, struct seen *ret)
{
    ret->n = 0;
    if (collector_lint(f->collector, collector_event(f->collector, id), see, ret, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void each_rule_that_pages_has_a_way_to_each_contact_and_so_has_silence(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    add_rule(f, "cpu-high", CPU, 0.9, 30);
    tell_people(f);
    look(f, sale(f), &seen);
    const struct worst *alice = &row_of(&seen, "cpu-high", "alice")->worst;
    const struct worst *boss = &row_of(&seen, "cpu-high", "boss")->worst;
    assert_int_equal(alice->stages[WORST_HOLD], 30 * US_PER_S);
    assert_int_equal(boss->total_us - alice->total_us, 360 * US_PER_S);
    assert_int_equal(row_of(&seen, "cpu-high", "boss")->step, 1);
    assert_int_equal(row_of(&seen, "silence", "alice")->worst.stages[WORST_HOLD], 3 * US_PER_S);
}

static void who_shares_a_robot_waits_for_its_turn_there(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    tell_people(f);
    look(f, sale(f), &seen);
    /* two contacts at twenty a minute */
    assert_int_equal(row_of(&seen, "silence", "alice")->worst.stages[WORST_QUEUE], 6 * US_PER_S);
}

static void a_relay_that_hangs_takes_longer_than_a_robot_that_does(void **state)
{
    struct fixture *f = *state;
    static struct way_config mail_first[] = { { .channel = "mail", .address = "a@example.com" },
                                              { .channel = "robot" } };
    static struct contact_config by_mail[] = { { .name = "alice", .ways = { .n = 2, .at = mail_first } },
                                               { .name = "boss", .ways = { .n = 2, .at = ways } } };
    struct seen seen;
    tell_people(f);
    f->config.people.contacts.at = by_mail;
    restart_collector(f);
    look(f, sale(f), &seen);
    assert_int_equal(row_of(&seen, "silence", "alice")->worst.stages[WORST_CHANNEL], 71 * US_PER_S);
    assert_int_equal(row_of(&seen, "silence", "boss")->worst.stages[WORST_CHANNEL], 51 * US_PER_S);
}

static void who_is_put_on_duty_for_a_while_is_one_of_those_told(void **state)
{
    struct fixture *f = *state;
    struct seen seen;
    struct rota_override wanted;
    const struct rota_override *row;
    tell_people(f);
    int64_t now_us = collector_now_us(f->collector);
    const struct rota_wish wish = { .rota = "desk",
                                    .contact = "boss",
                                    .by = "alice",
                                    .reason = "a wedding",
                                    .from_us = now_us + 60 * US_PER_S,
                                    .to_us = now_us + 3600 * US_PER_S };
    assert_int_equal(rota_override_init(&wanted, &wish, now_us, &f->err), 0);
    assert_int_equal(collector_override_rota(f->collector, &wanted, &row, &f->err), 0);
    look(f, sale(f), &seen);
    assert_int_equal(row_of(&seen, "silence", "boss")->step, 0);
    assert_int_equal(row_of(&seen, "silence", "boss")->worst.stages[WORST_STEP], 0);
}

static void a_rule_that_takes_too_long_keeps_the_gate_shut_and_is_named(void **state)
{
    struct fixture *f = *state;
    char evidence[GATE_TEXT_MAX + 1];
    add_rule(f, "cpu-high", CPU, 0.9, 30);
    tell_people(f);
    uint64_t id = sale(f);
    assert_true(lint_holds(f->collector, collector_event(f->collector, id), evidence));
    assert_non_null(strstr(evidence, "of 600 s at worst: cpu-high to boss"));
    f->config.rule_rows[0].hold_us = 200 * US_PER_S;
    assert_false(lint_holds(f->collector, collector_event(f->collector, id), evidence));
    assert_non_null(strstr(evidence, "more than 600 s: cpu-high to boss (1 of 6 ways); warroom lint sale"));
}

static void what_an_event_lays_over_a_rule_counts_at_its_longest(void **state)
{
    struct fixture *f = *state;
    static struct document document;
    const struct event *row;
    struct seen seen;
    add_rule(f, "cpu-high", CPU, 0.9, 30);
    tell_people(f);
    uint64_t id = sale(f);
    assert_int_equal(collector_document(f->collector, id, &document, &f->err), 0);
    assert_int_equal(document_set(&document, "rules", "[{rule: cpu-high, hosts: web-1, hold: 120s}]", &f->err), 0);
    assert_int_equal(collector_set_event(f->collector, id, &document, &fixture_commander, &row, &f->err), 0);
    look(f, id, &seen);
    assert_int_equal(row_of(&seen, "cpu-high", "alice")->worst.stages[WORST_HOLD], 120 * US_PER_S);
}

static void where_nobody_is_told_nothing_is_soon_enough(void **state)
{
    struct fixture *f = *state;
    char evidence[GATE_TEXT_MAX + 1];
    f->config.webhooks.n = 0;
    restart_collector(f);
    assert_false(lint_holds(f->collector, collector_event(f->collector, sale(f)), evidence));
    assert_string_equal(evidence, "nobody would be told of anything");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(each_rule_that_pages_has_a_way_to_each_contact_and_so_has_silence),
        COLLECTOR_TEST(who_shares_a_robot_waits_for_its_turn_there),
        COLLECTOR_TEST(a_relay_that_hangs_takes_longer_than_a_robot_that_does),
        COLLECTOR_TEST(who_is_put_on_duty_for_a_while_is_one_of_those_told),
        COLLECTOR_TEST(a_rule_that_takes_too_long_keeps_the_gate_shut_and_is_named),
        COLLECTOR_TEST(what_an_event_lays_over_a_rule_counts_at_its_longest),
        COLLECTOR_TEST(where_nobody_is_told_nothing_is_soon_enough),
    };
    return cmocka_run_group_tests_name("collector.core.lint", tests, NULL, NULL);
}
