/* Who may do what in which state, and the way of an event through them. */
#include "collector/event/life_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

/* The whole of what people may do: c commander, o operator, u customer. */
static const struct {
    bool drill;
    const char *from, *verb, *to, *roles;
} allowed[] = {
    { false, "draft", "request", "requested", "cou" }, { false, "draft", "cancel", "cancelled", "co" },
    { false, "requested", "accept", "accepted", "c" }, { false, "requested", "cancel", "cancelled", "c" },
    { false, "accepted", "check", "checked", "c" },    { false, "accepted", "cancel", "cancelled", "c" },
    { false, "checked", "arm", "checked", "c" },       { false, "checked", "cancel", "cancelled", "c" },
    { false, "armed", "start", "live", "c" },          { false, "armed", "cancel", "cancelled", "c" },
    { false, "live", "end", "closing", "c" },          { false, "closing", "report", "reported", "co" },
    { false, "reported", "close", "closed", "cu" },

    { true, "draft", "request", "requested", "cou" },  { true, "draft", "start", "live", "co" },
    { true, "draft", "cancel", "cancelled", "co" },    { true, "requested", "accept", "accepted", "c" },
    { true, "requested", "start", "live", "co" },      { true, "requested", "cancel", "cancelled", "c" },
    { true, "accepted", "check", "checked", "c" },     { true, "accepted", "start", "live", "co" },
    { true, "accepted", "cancel", "cancelled", "c" },  { true, "checked", "arm", "armed", "c" },
    { true, "checked", "start", "live", "co" },        { true, "checked", "cancel", "cancelled", "c" },
    { true, "armed", "start", "live", "c" },           { true, "armed", "cancel", "cancelled", "c" },
    { true, "live", "end", "closed", "co" },           { true, "live", "close", "closed", "co" },
};

static const char *goes_to(bool drill, enum event_state from, enum event_verb verb, enum role role)
{
    static const char letters[] = {
        [ROLE_VIEWER] = 'v', [ROLE_OPERATOR] = 'o', [ROLE_COMMANDER] = 'c', [ROLE_CUSTOMER] = 'u'
    };
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (allowed[i].drill == drill && strcmp(allowed[i].from, event_state_name(from)) == 0 &&
            strcmp(allowed[i].verb, event_verb_name(verb)) == 0 && strchr(allowed[i].roles, letters[role]))
            return allowed[i].to;
    return NULL;
}

static void try_step(bool drill, enum event_state from, enum event_verb verb, enum role role)
{
    struct fixture f = in_state(from, drill), before = f;
    const char *to = goes_to(drill, from, verb, role);
    int64_t now_us = verb == EVENT_REQUEST ? f.event.start_us - HOUR_US : f.event.start_us;
    int rc = do_as(&f, verb, role, now_us, "because");
    assert_int_equal(rc, to ? 0 : -EPERM);
    assert_int_equal(event_may(&before.event, verb, role, NULL), rc);
    if (!to) {
        assert_memory_equal(&f.event, &before.event, sizeof f.event);
        assert_non_null(strstr(f.err.text, "spring-sale"));
        return;
    }
    assert_string_equal(event_state_name(f.event.state), to);
    assert_true(f.change.from == from && f.change.to == f.event.state && f.change.verb == verb);
    assert_true(f.change.at_us == now_us);
    assert_string_equal(f.change.by, "li");
    assert_string_equal(f.change.role, role_name(role));
    assert_string_equal(f.change.reason, "because");
}

static void each_step_is_taken_from_its_state_by_its_roles_and_no_other(void **state)
{
    (void)state;
    for (int drill = 0; drill < 2; drill++)
        for (int from = 0; from < EVENT_STATE_COUNT; from++)
            for (int verb = 0; verb < EVENT_VERB_COUNT; verb++)
                for (int role = 0; role < ROLE_COUNT; role++)
                    try_step(drill, (enum event_state)from, (enum event_verb)verb, (enum role)role);
}

static void a_refusal_says_from_where_or_who_may(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false), before = f;
    assert_refused(&f, ask(&f, EVENT_ARM, ""), -EPERM, "event spring-sale is draft; arm wants one that is checked",
                   &before);
    f = before = in_state(EVENT_CANCELLED, false);
    assert_refused(&f, ask(&f, EVENT_CANCEL, ""), -EPERM,
                   "is cancelled; cancel wants one that is draft or requested or accepted or checked or armed",
                   &before);
    f = before = in_state(EVENT_REQUESTED, false);
    assert_refused(&f, do_as(&f, EVENT_ACCEPT, ROLE_CUSTOMER, 1, ""), -EPERM,
                   "accept is for commander, not for a customer", &before);
    assert_refused(&f, do_as(&f, EVENT_ACCEPT, ROLE_OPERATOR, 1, ""), -EPERM,
                   "accept is for commander, not for an operator", &before);
    f = before = in_state(EVENT_LIVE, true);
    assert_refused(&f, ask(&f, EVENT_REPORT, ""), -EPERM, "is a drill: it knows no report, `close` ends it", &before);
}

/* ---- the way of an event ---- */

static void an_event_goes_from_draft_to_closed_and_each_step_is_stamped(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false);
    struct event *event = &f.event;
    int64_t before_us = event->start_us - HOUR_US;
    asked(&f, EVENT_REQUEST);
    asked(&f, EVENT_ACCEPT);
    asked(&f, EVENT_CHECK);
    asked(&f, EVENT_ARM);
    assert_true(event->requested_us == before_us && event->accepted_us == before_us && event->arming_us == before_us);
    assert_true(event->armed_us == 0 && f.change.what == EVENT_ARMING);
    assert_true(tick(&f, before_us + MINUTE_US));
    assert_true(event->state == EVENT_ARMED && event->armed_us == before_us + MINUTE_US);
    assert_true(tick(&f, event->start_us));
    assert_true(event->state == EVENT_LIVE && event->started_us == event->start_us);
    assert_true(tick(&f, event->end_us));
    assert_true(event->state == EVENT_CLOSING && event->closing_us == event->end_us);
    assert_int_equal(do_as(&f, EVENT_REPORT, ROLE_OPERATOR, event->end_us + HOUR_US, ""), 0);
    assert_true(event->reported_us == event->end_us + HOUR_US && event->closed_us == 0);
    assert_int_equal(do_as(&f, EVENT_CLOSE, ROLE_CUSTOMER, event->end_us + 2 * HOUR_US, ""), 0);
    assert_true(event->closed_us == event->end_us + 2 * HOUR_US && event->state == EVENT_CLOSED);
    assert_string_equal(event->by, "li");
}

static void a_request_is_for_a_window_that_lies_ahead(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false), before = f;
    assert_refused(&f, do_as(&f, EVENT_REQUEST, ROLE_CUSTOMER, f.event.start_us, ""), -ERANGE,
                   "its window began at 2026-11-24 00:00:00 Asia/Shanghai (2026-11-23T16:00:00.000Z); want a first_day"
                   " that lies ahead",
                   &before);
    assert_int_equal(do_as(&f, EVENT_REQUEST, ROLE_CUSTOMER, f.event.start_us - 1, ""), 0);
}

static void a_request_is_for_hosts_there_are(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false), before = f;
    snprintf(f.event.hosts, sizeof f.event.hosts, "web-*,bd-1");
    before.event = f.event;
    assert_refused(&f, ask(&f, EVENT_REQUEST, ""), -ENOENT,
                   "event spring-sale: hosts: \"bd-1\" is none of the tenant's 2 hosts", &before);
}

static struct event another(int64_t shift_us, enum event_state state)
{
    struct event other = a_draft(false);
    other.id = 8;
    snprintf(other.name, sizeof other.name, "autumn-sale");
    other.start_us += shift_us;
    other.end_us += shift_us;
    other.state = state;
    return other;
}

static int request_beside(struct fixture *f, struct event *other)
{
    struct event *others[] = { &f->event, other };
    struct event_ask wanted = { .verb = EVENT_REQUEST,
                                .role = ROLE_CUSTOMER,
                                .by = "li",
                                .now_us = f->event.start_us - HOUR_US,
                                .others = others,
                                .n_others = 2,
                                .hosts = hosts,
                                .n_hosts = 2 };
    return event_do(&f->event, &wanted, &f->change, &f->err);
}

static void windows_of_one_tenant_do_not_overlap(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false), before = f;
    struct event other = another(23 * HOUR_US, EVENT_REQUESTED);
    assert_refused(&f, request_beside(&f, &other), -EEXIST,
                   "its window overlaps that of autumn-sale, from 2026-11-24 23:00:00 Asia/Shanghai"
                   " (2026-11-24T15:00:00.000Z) to 2026-11-25 23:00:00; want days apart",
                   &before);
    other = another(-23 * HOUR_US, EVENT_LIVE);
    assert_refused(&f, request_beside(&f, &other), -EEXIST, "autumn-sale", &before);
    static const struct {
        int64_t shift_us;
        enum event_state state;
        uint64_t tenant;
        bool drill;
    } harmless[] = {
        { 24 * HOUR_US, EVENT_ARMED, 1, false },
        { -24 * HOUR_US, EVENT_LIVE, 1, false },
        { 0, EVENT_DRAFT, 1, false },
        { 0, EVENT_CLOSING, 1, false },
        { 0, EVENT_CANCELLED, 1, false },
        { 0, EVENT_LIVE, 2, false },
        { 0, EVENT_LIVE, 1, true },
    };
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        f = before;
        other = another(harmless[i].shift_us, harmless[i].state);
        other.tenant = harmless[i].tenant;
        other.drill = harmless[i].drill;
        assert_int_equal(request_beside(&f, &other), 0);
    }
}

static void an_event_does_not_overlap_itself(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_REQUESTED, false);
    struct event *const all[] = { &f.event };
    assert_int_equal(event_check_overlap(&f.event, all, 1, &f.err), 0);
}

static void a_drill_is_never_late(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, true);
    const struct event_ask late = { .verb = EVENT_REQUEST, .role = ROLE_CUSTOMER, .by = "acme", .late = true };
    assert_int_equal(event_do(&f.event, &late, &f.change, &f.err), 0);
    assert_false(f.event.late_request || f.change.late_request);
    assert_int_equal(ask(&f, EVENT_ACCEPT, ""), 0);
}

static void a_late_request_is_flagged_and_accepted_by_a_reason(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, false);
    struct event_ask late = { .verb = EVENT_REQUEST,
                              .role = ROLE_CUSTOMER,
                              .by = "acme",
                              .now_us = f.event.start_us - HOUR_US,
                              .late = true,
                              .hosts = hosts,
                              .n_hosts = 2 };
    assert_int_equal(event_do(&f.event, &late, &f.change, &f.err), 0);
    assert_true(f.event.late_request && f.change.late_request);
    struct fixture before = f;
    assert_refused(&f, ask(&f, EVENT_ACCEPT, ""), -EINVAL, "was requested late", &before);
    assert_refused(&f, ask(&f, EVENT_ACCEPT, NULL), -EINVAL, "--reason", &before);
    assert_int_equal(ask(&f, EVENT_ACCEPT, "they sell all of it that day"), 0);
    assert_true(f.change.late_request);
    assert_string_equal(f.change.reason, "they sell all of it that day");
}

/* ---- by hand ---- */

static void a_start_by_hand_is_for_within_the_window_and_says_when_that_is(void **state)
{
    (void)state;
    for (int drill = 0; drill < 2; drill++) {
        struct fixture f = in_state(drill ? EVENT_DRAFT : EVENT_ARMED, drill), before = f;
        assert_refused(&f, do_as(&f, EVENT_START, ROLE_COMMANDER, f.event.start_us - 1, ""), -ERANGE,
                       "event spring-sale: its window opens at 2026-11-24 00:00:00 Asia/Shanghai "
                       "(2026-11-23T16:00:00.000Z); start it then",
                       &before);
        assert_refused(&f, do_as(&f, EVENT_START, ROLE_COMMANDER, f.event.end_us, ""), -ERANGE,
                       "was over at 2026-11-25 00:00:00 Asia/Shanghai (2026-11-24T16:00:00.000Z)", &before);
        assert_int_equal(do_as(&f, EVENT_START, ROLE_COMMANDER, f.event.end_us - 1, ""), 0);
        assert_int_equal(f.event.started_us, f.event.end_us - 1);
    }
}

static void an_end_before_the_window_ends_wants_a_reason(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_LIVE, false), before = f;
    assert_refused(&f, do_as(&f, EVENT_END, ROLE_COMMANDER, f.event.start_us, ""), -EINVAL, "wants a reason: --reason",
                   &before);
    assert_int_equal(do_as(&f, EVENT_END, ROLE_COMMANDER, f.event.start_us, "sold out"), 0);
    assert_true(f.event.state == EVENT_CLOSING && f.change.late_us == 0);
    assert_string_equal(f.change.reason, "sold out");
}

static void names_and_reasons_are_one_line_of_so_many_bytes(void **state)
{
    (void)state;
    char too_long[EVENT_REASON_MAX + 2];
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    const char *const bad[] = { "a\nb", "\xff", too_long };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture f = in_state(EVENT_DRAFT, false), before = f;
        assert_refused(&f, ask(&f, EVENT_CANCEL, bad[i]), -EINVAL, "reason: want one line", &before);
        struct event_ask nobody = { .verb = EVENT_CANCEL, .role = ROLE_COMMANDER, .by = i ? bad[i] : "" };
        assert_refused(&f, event_do(&f.event, &nobody, &f.change, &f.err), -EINVAL, "want the name of who asks",
                       &before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_is_taken_from_its_state_by_its_roles_and_no_other),
        cmocka_unit_test(a_refusal_says_from_where_or_who_may),
        cmocka_unit_test(an_event_goes_from_draft_to_closed_and_each_step_is_stamped),
        cmocka_unit_test(a_request_is_for_a_window_that_lies_ahead),
        cmocka_unit_test(a_request_is_for_hosts_there_are),
        cmocka_unit_test(windows_of_one_tenant_do_not_overlap),
        cmocka_unit_test(an_event_does_not_overlap_itself),
        cmocka_unit_test(a_drill_is_never_late),
        cmocka_unit_test(a_late_request_is_flagged_and_accepted_by_a_reason),
        cmocka_unit_test(a_start_by_hand_is_for_within_the_window_and_says_when_that_is),
        cmocka_unit_test(an_end_before_the_window_ends_wants_a_reason),
        cmocka_unit_test(names_and_reasons_are_one_line_of_so_many_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
