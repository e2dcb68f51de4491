#include "collector/event/document.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define HEAD "name: spring-sale\nzone: Asia/Shanghai\nfirst_day: 2026-12-01\n"
#define MINE HEAD "hosts: [\"web-*\", db-1]\n"

static const char whole[] = /* canonical already */
    "name: spring-sale\n"
    "zone: Asia/Shanghai\n"
    "first_day: 2026-12-01\n"
    "days: 2\n"
    "drill: true\n"
    "patrol: 5m\n"
    "hosts: [\"web-*\", db-1]\n"
    "labels: [\"role=web\", \"site=sh-*\"]\n"
    "tiers:\n"
    "  - { hosts: \"db-*\", tier: core }\n"
    "  - { hosts: \"web-*,db-1\", tier: supporting }\n"
    "limits:\n"
    "  - { hosts: \"web-*\", egress: 125000000, new_connections: 0.1 }\n"
    "demand:\n"
    "  - { hosts: \"web-*\", metric: \"system.network.io.rate{direction=transmit}\", times: 3 }\n"
    "  - { hosts: db-1, metric: system.cpu.utilization, value: 0.75 }\n"
    "contacts:\n"
    "  - ops-webhook\n"
    "  - \"\xe5\x80\xbc\xe7\x8f\xad\"\n"
    "escalation:\n"
    "  - { after: 0s, contacts: ops }\n"
    "  - { after: 3m, contacts: lead }\n"
    "notes: \"two lines:\\n\\\"a\\\" \\\\ # no comment\\tend\\n\"\n"
    "runbooks:\n"
    "  - { title: \"Fail over: db\", url: \"https://wiki.example/db?a=1#top\" }\n"
    "rules:\n"
    "  - { rule: cpu-high, hosts: \"web-*\", above: \"0.8\", hold: \"60s\", severity: critical, page: \"true\" }\n";

struct fixture {
    struct document document;
    struct document other;
    struct config_faults faults;
    struct err err;
    char text[DOCUMENT_TEXT_MAX + 1];
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static int parse(struct fixture *f, const char *text)
{
    f->faults.n = 0;
    return document_parse("e.yaml", text, strlen(text), &f->document, &f->faults);
}

static void parsed(struct fixture *f, const char *text)
{
    if (parse(f, text) < 0)
        fail_msg("%s", f->faults.at[0].text);
}

/* The first fault is this one, and the document is as it was. */
static void assert_refused(struct fixture *f, const char *text, const char *fault)
{
    memcpy(&f->other, &f->document, sizeof f->document);
    if (parse(f, text) != -EINVAL)
        fail_msg("taken: %s", text);
    if (!strstr(f->faults.at[0].text, fault))
        fail_msg("\"%s\" does not say \"%s\"", f->faults.at[0].text, fault);
    assert_memory_equal(&f->document, &f->other, sizeof f->document);
}

static const char *written(struct fixture *f)
{
    if (document_write(&f->document, f->text, &f->err) < 0)
        fail_msg("%s", f->err.text);
    return f->text;
}

static void set(struct fixture *f, const char *key, const char *value)
{
    if (document_set(&f->document, key, value, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

static void assert_not_set(struct fixture *f, const char *key, const char *value, int rc, const char *says)
{
    memcpy(&f->other, &f->document, sizeof f->document);
    assert_int_equal(document_set(&f->document, key, value, &f->err), rc);
    if (!strstr(f->err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, says);
    assert_memory_equal(&f->document, &f->other, sizeof f->document);
}

static void a_file_says_all_of_an_event(void **state)
{
    struct fixture *f = *state;
    const struct document *d = &f->document;
    parsed(f, whole);
    assert_string_equal(d->name, "spring-sale");
    assert_string_equal(d->first_day, "2026-12-01");
    assert_true(d->days == 2 && d->drill && d->patrol_us == 300 * US_PER_S);
    assert_string_equal(d->hosts, "web-*,db-1");
    assert_string_equal(d->labels, "role=web,site=sh-*");
    assert_true(d->n_tiers == 2 && d->tiers[0].tier == TIER_CORE && d->tiers[1].tier == TIER_SUPPORTING);
    assert_true(d->n_limits == 1 && d->limits[0].limits[LIMIT_EGRESS] == 125e6 &&
                isnan(d->limits[0].limits[LIMIT_INGRESS]) && d->limits[0].limits[LIMIT_NEW_CONNECTIONS] == 0.1);
    assert_true(d->n_demand == 2 && d->demand[0].times == 3 && isnan(d->demand[0].value) && d->demand[1].value == 0.75);
    assert_true(d->n_contacts == 2 && d->n_steps == 2 && d->steps[1].after_us == 180 * US_PER_S);
    assert_string_equal(d->steps[1].contacts, "lead");
    assert_string_equal(d->notes, "two lines:\n\"a\" \\ # no comment\tend\n");
    assert_true(d->n_runbooks == 1 && d->n_rules == 1);
    assert_string_equal(d->rules[0].above, "0.8");
    assert_string_equal(d->rules[0].below, "");
}

static void what_is_canonical_comes_back_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    parsed(f, whole);
    assert_string_equal(written(f), whole);
    parsed(f, MINE);
    assert_string_equal(written(f), HEAD "days: 1\nhosts: [\"web-*\", db-1]\n");
}

static void a_word_that_yaml_takes_for_something_else_is_quoted(void **state)
{
    struct fixture *f = *state;
    parsed(f, MINE "contacts: [\"null\", \"true\", \"no\", \"1\", \"~\", \"- a\", \"a: b\", \"a #b\"]\n");
    assert_int_equal(f->document.n_contacts, 8);
    memcpy(&f->other, &f->document, sizeof f->document);
    char text[DOCUMENT_TEXT_MAX + 1];
    snprintf(text, sizeof text, "%s", written(f));
    parsed(f, text);
    assert_memory_equal(&f->document, &f->other, sizeof f->document);
}

static void the_file_that_is_shown_to_people_is_one(void **state)
{
    struct fixture *f = *state;
    FILE *page = fopen("docs/event-file.md", "r");
    if (!page)
        fail_msg("no docs/event-file.md");
    size_t len = fread(f->text, 1, sizeof f->text - 1, page);
    fclose(page);
    f->text[len] = '\0';
    char *from = strstr(f->text, "```yaml\n");
    assert_non_null(from);
    char *to = strstr(from + 8, "```");
    assert_non_null(to);
    *to = '\0';
    parsed(f, from + 8);
    assert_string_equal(f->document.labels, "role=cache,site=sh-*");
    assert_true(f->document.n_tiers == 2 && f->document.n_steps == 2 && f->document.n_runbooks == 1);
}

static void every_fault_is_told_with_its_line(void **state)
{
    struct fixture *f = *state;
    static const char bad[] = "name: a\nzone: UTC\nfirst_day: 2026-12-01\nhosts: [\"web 1\"]\n"
                              "tiers:\n  - { hosts: \"a b\", tier: core }\n  - { hosts: x, tier: cor }\n"
                              "demand:\n  - { hosts: x, metric: system.cpu }\nnote: x\n";
    assert_int_equal(parse(f, bad), -EINVAL);
    assert_int_equal(f->faults.n, 2); /* of form first... */
    assert_non_null(strstr(f->faults.at[0].text, "e.yaml:7: `tier` is \"cor\", want one of core, supporting"));
    assert_non_null(strstr(f->faults.at[1].text, "e.yaml:10: unknown key `note`, did you mean `notes`?"));
    static const char worse[] = "name: a\nzone: UTC\nfirst_day: 2026-12-01\nhosts: [\"web 1\"]\n"
                                "tiers:\n  - { hosts: \"a b\", tier: core }\n"
                                "demand:\n  - { hosts: x, metric: system.cpu }\n";
    assert_int_equal(parse(f, worse), -EINVAL);
    assert_int_equal(f->faults.n, 4); /* ...then of sense */
    assert_non_null(strstr(f->faults.at[0].text, "e.yaml:4: hosts: \"web 1\""));
    assert_non_null(strstr(f->faults.at[1].text, "e.yaml:6: hosts: \"a b\""));
    assert_non_null(strstr(f->faults.at[2].text, "e.yaml:8: there is no metric system.cpu"));
    assert_non_null(strstr(f->faults.at[3].text, "e.yaml:8: `demand` of x wants either `times` or `value`"));
}

static void what_makes_no_sense_is_refused_with_what_would(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *fault;
    } rows[] = {
        { "", "`name` is missing" },
        { "name: a b\nzone: UTC\nfirst_day: 2026-12-01\nhosts: [a]", "e.yaml:1: event: name \"a b\"" },
        { "name: a\nzone: Mars/X\nfirst_day: 2026-12-01\nhosts: [a]", "e.yaml:2: calendar: no time zone \"Mars/X\"" },
        { "name: a\nzone: UTC\nfirst_day: 2026-02-30\nhosts: [a]", "e.yaml:3: calendar: \"2026-02-30\" is not a day" },
        { "name: a\nzone: UTC\nfirst_day: 2026-2-3\nhosts: [a]", "e.yaml:3: `first_day` is \"2026-2-3\"" },
        { MINE "days: 0\n", "e.yaml:5: `days` is \"0\", want a whole number from 1 to 31" },
        { MINE "days: 32\n", "from 1 to 31" },
        { MINE "patrol: 59s\n", "e.yaml:5: `patrol` is \"59s\", want" },
        { MINE "patrol: 61m\n", "`patrol` is \"61m\", want" },
        { MINE "patrol: 10\n", "`patrol` is \"10\", want" },
        { HEAD, "selects none" },
        { HEAD "labels: [role]\n", "e.yaml:4: labels: \"role\" is no label" },
        { HEAD "labels: [a=1, a=2]\n", "e.yaml:4: labels: \"a=1\" and \"a=2\" have the same key" },
        { MINE "limits: [{ hosts: x }]\n", "`limits` of x declares none" },
        { MINE "limits: [{ hosts: x, egress: 0 }]\n", "`egress` is \"0\", want a number of at least" },
        { MINE "limits: [{ hosts: x, egres: 1 }]\n", "did you mean `egress`" },
        { MINE "demand: [{ hosts: x, metric: system.cpu.utilization, times: 1, value: 1 }]\n", "either" },
        { MINE "escalation: [{ after: 3m, contacts: a }, { after: 1m, contacts: b }]\n", "steps by time" },
        { MINE "escalation: [{ after: 25h, contacts: a }]\n", "`after` is \"25h\"" },
        { MINE "runbooks: [{ title: a, url: ftp://x }]\n", "want http://... or https://..." },
        { MINE "runbooks: [{ title: a, url: \"http://x y\" }]\n", "want http://..." },
        { MINE "contacts: [\"a\\nb\"]\n", "e.yaml:5: `contacts` holds" },
        { MINE "notes: \"\\x01\"\n", "e.yaml:5: `notes` holds control characters" },
        { MINE "rules: [{ rule: \"a\\nb\" }]\n", "`rule` holds control characters, want text of one line" },
        { MINE "name: b\n", "e.yaml:5: `name` is given again, line 1" },
        { MINE "hosts: web-*\n", "given again" },
        { HEAD "hosts: \"web-*\"\n", "e.yaml:4: `hosts` is \"web-*\", want a list" },
        { "- a\n", "the file is not a mapping" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(f, rows[i].text, rows[i].fault);
}

#define LONG_NAME "a23456789012345678901234567890123456789012345678901234567890123"

static void whom_no_incident_could_tell_is_refused_at_the_door_and_read_where_it_was_kept(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *fault; /* NULL: fine */
    } rows[] = {
        { "contacts: [a, b, c, d, e, f, g, h]\n", NULL },
        { "contacts: [a, b, c, d, e, f, g, h, i]\n", "e.yaml:5: `contacts` names more than 8, as many as are told" },
        { "contacts:\n  - \"war room\"\n", "e.yaml:5: \"war room\" is no name of a contact or rota" },
        { "contacts: [a, \"b,c\"]\n", "\"b,c\" is no name" },
        { "contacts: [a, b, a]\n", "e.yaml:5: a stands twice in a step" },
        { "escalation:\n  - { after: 0s, contacts: \"a, b\" }\n  - { after: 3m, contacts: \"a\" }\n", NULL },
        { "escalation:\n  - { after: 3m, contacts: a }\n  - { after: 180s, contacts: b }\n",
          "e.yaml:7: `after` is that of the step before" },
        { "escalation:\n  - { after: 0s, contacts: \"a, b c\" }\n", "e.yaml:6: \"b c\" is no name" },
        { "escalation: [{ after: 0s, contacts: \"a,\" }]\n", "\"\" is no name" },
        { "escalation: [{ after: 0s, contacts: \"a,b,c,d,e,f,g,h,i\" }]\n", "names more than 8" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, MINE "%s", rows[i].text);
        f->faults.n = 0;
        int rc = document_parse_given("e.yaml", text, strlen(text), &f->document, &f->faults);
        assert_int_equal(rc, rows[i].fault ? -EINVAL : 0);
        if (rows[i].fault && !strstr(f->faults.at[0].text, rows[i].fault))
            fail_msg("\"%s\" does not say \"%s\"", f->faults.at[0].text, rows[i].fault);
        parsed(f, text);
    }
    parsed(f, MINE);
    assert_int_equal(document_set(&f->document, "contacts", "a,war room", &f->err), -EINVAL);
    assert_non_null(strstr(f->err.text, "event: \"war room\" is no name"));
}

static void whom_incidents_tell_has_room_as_one_text(void **state)
{
    struct fixture *f = *state;
    static char text[2048];
    for (int n = 7; n <= 8; n++) { /* "0s " and seven of 65 bytes are less than 511, eight are more */
        size_t used = (size_t)snprintf(text, sizeof text, MINE "contacts: [");
        for (int i = 0; i < n; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%.62s%d, ", LONG_NAME, i);
        snprintf(text + used, sizeof text - used, "]\n");
        f->faults.n = 0;
        int rc = document_parse_given("e.yaml", text, strlen(text), &f->document, &f->faults);
        assert_int_equal(rc, n == 7 ? 0 : -EINVAL);
    }
    assert_non_null(strstr(f->faults.at[0].text, "e.yaml:5: whom incidents tell takes more than 511 bytes"));
}

static void every_list_and_text_has_its_limit(void **state)
{
    struct fixture *f = *state;
    static char text[2 * DOCUMENT_TEXT_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, MINE "contacts: [a");
    for (int i = 0; i < DOCUMENT_CONTACTS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ", a");
    snprintf(text + used, sizeof text - used, "]\n");
    assert_refused(f, text, "want a list of at most 16 texts");
    used = (size_t)snprintf(text, sizeof text, MINE "notes: ");
    memset(text + used, 'x', DOCUMENT_NOTES_MAX + 1);
    text[used + DOCUMENT_NOTES_MAX + 1] = '\0';
    assert_refused(f, text, "at most 8191 bytes");
    text[used + DOCUMENT_NOTES_MAX] = '\0';
    parsed(f, text);
    memset(text, '#', DOCUMENT_TEXT_MAX + 1);
    text[DOCUMENT_TEXT_MAX + 1] = '\0';
    assert_refused(f, text, "larger than 32768 bytes");
    used = (size_t)snprintf(text, sizeof text, HEAD "hosts: [");
    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "web-%04d, ", i);
    snprintf(text + used, sizeof text - used, "x]\n");
    assert_refused(f, text, "hosts: more than 1023 bytes; use patterns");
}

static void what_would_take_too_long_a_text_is_not_written(void **state)
{
    struct fixture *f = *state;
    parsed(f, MINE);
    memset(f->document.notes, '"', DOCUMENT_NOTES_MAX);
    for (int i = 0; i < DOCUMENT_RUNBOOKS_MAX; i++) {
        memset(f->document.runbooks[i].title, '"', DOCUMENT_TITLE_MAX);
        memset(f->document.runbooks[i].url, '"', DOCUMENT_URL_MAX);
    }
    f->document.n_runbooks = DOCUMENT_RUNBOOKS_MAX;
    assert_int_equal(document_write(&f->document, f->text, &f->err), -EMSGSIZE);
    assert_non_null(strstr(f->err.text, "event spring-sale: its document takes more than 32768 bytes"));
}

static void a_field_is_set_as_people_type_it(void **state)
{
    struct fixture *f = *state;
    parsed(f, MINE);
    set(f, "days", "3");
    set(f, "drill", "true");
    set(f, "patrol", "90s");
    set(f, "zone", "Europe/Berlin");
    set(f, "hosts", " web-1, cache-[0-3] ");
    set(f, "labels", "site=sh,role=web");
    set(f, "contacts", "ops,lead");
    set(f, "notes", "call \"li\": # 5\nthen wang");
    set(f, "tiers", "[{hosts: db-*, tier: core}]");
    set(f, "escalation", "[{after: 90s, contacts: ops}]");
    assert_string_equal(written(f),
                        "name: spring-sale\nzone: Europe/Berlin\nfirst_day: 2026-12-01\ndays: 3\ndrill: true\n"
                        "patrol: 90s\n"
                        "hosts: [web-1, \"cache-[0-3]\"]\nlabels: [\"role=web\", \"site=sh\"]\n"
                        "tiers:\n  - { hosts: \"db-*\", tier: core }\ncontacts:\n  - ops\n  - lead\n"
                        "escalation:\n  - { after: 90s, contacts: ops }\n"
                        "notes: \"call \\\"li\\\": # 5\\nthen wang\"\n");
    set(f, "hosts", "[ab]"); /* a pattern, not YAML */
    assert_string_equal(f->document.hosts, "[ab]");
}

static void a_field_is_emptied_where_it_may_be(void **state)
{
    struct fixture *f = *state;
    parsed(f, whole);
    static const char *const keys[] = { "labels",     "tiers", "limits",   "demand", "contacts",
                                        "escalation", "notes", "runbooks", "rules" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        set(f, keys[i], "");
    assert_string_equal(written(f), HEAD "days: 2\ndrill: true\npatrol: 5m\nhosts: [\"web-*\", db-1]\n");
    assert_not_set(f, "hosts", "", -EINVAL, "selects none");
    assert_not_set(f, "name", "", -EINVAL, "`name` is \"\", want a text of 1 to 63 bytes");
    assert_not_set(f, "days", "", -EINVAL, "`days` is empty");
}

static void a_field_that_is_wrong_is_refused_and_nothing_is_changed(void **state)
{
    struct fixture *f = *state;
    parsed(f, whole);
    assert_not_set(f, "owner", "li", -ENOENT, "no field \"owner\", want one of name, zone, first_day, days");
    assert_not_set(f, "days", "40", -EINVAL, "event: `days` is \"40\", want a whole number from 1 to 31");
    assert_not_set(f, "patrol", "2h", -EINVAL, "event: `patrol` is \"2h\", want");
    assert_not_set(f, "zone", "Mars/X", -EINVAL, "no time zone \"Mars/X\"");
    assert_not_set(f, "first_day", "2026-02-30", -EINVAL, "\"2026-02-30\" is not a day");
    assert_not_set(f, "tiers", "[{hosts: x}]", -EINVAL, "`tier` is missing");
    assert_not_set(f, "tiers", "core", -EINVAL, "`tiers` is \"core\", want a list");
    assert_not_set(f, "days", "2\nname: other", -EINVAL, "unknown key `name`");
    assert_not_set(f, "hosts", "web-1,,db", -EINVAL, "hosts: \"\" is neither");
    assert_not_set(f, "hosts", "[a", -EINVAL, "hosts: \"[a\" is neither");
    assert_not_set(f, "tiers", "[{", -EINVAL, "event: ");
    assert_not_set(f, "notes", "\x07", -EINVAL, "control characters");
    assert_not_set(f, "notes", "\x7f", -EINVAL, "control characters");
    assert_not_set(f, "notes", "\xff", -EINVAL, "event: ");
}

static void a_document_describes_its_event_and_a_row_a_document(void **state)
{
    struct fixture *f = *state;
    struct event event;
    parsed(f, MINE "days: 2\ndrill: true\npatrol: 60m\nlabels: [role=web]\n");
    assert_int_equal(document_event(&f->document, &event, &f->err), 0);
    assert_int_equal(event.state, EVENT_DRAFT);
    assert_string_equal(event.hosts, "web-*,db-1");
    assert_string_equal(event.labels, "role=web");
    assert_true(event.days == 2 && event.drill && event.end_us - event.start_us == 172800 * US_PER_S);
    assert_int_equal(event.patrol.interval_us, 3600 * US_PER_S);
    document_of(&event, &f->other);
    assert_memory_equal(&f->other, &f->document, sizeof f->document);
}

static void what_was_changed_is_found_field_by_field(void **state)
{
    struct fixture *f = *state;
    unsigned fields = 99;
    parsed(f, whole);
    memcpy(&f->other, &f->document, sizeof f->document);
    assert_int_equal(document_compare(&f->document, &f->other, &fields, &f->err), 0);
    assert_int_equal(fields, 0);
    set(f, "days", "3");
    set(f, "demand", "");
    set(f, "notes", "other");
    assert_int_equal(document_compare(&f->document, &f->other, &fields, &f->err), 0);
    assert_int_equal(fields,
                     DOCUMENT_BIT(DOCUMENT_DAYS) | DOCUMENT_BIT(DOCUMENT_DEMAND) | DOCUMENT_BIT(DOCUMENT_NOTES));
}

static void days_and_kind_are_changed_as_a_draft_only_and_nothing_once_it_is_armed(void **state)
{
    struct fixture *f = *state;
    for (int at = 0; at < EVENT_STATE_COUNT; at++) {
        struct event event = { .name = "sale", .state = (enum event_state)at };
        int scope = document_may_change(&event, DOCUMENT_BIT(DOCUMENT_HOSTS), &f->err);
        assert_int_equal(scope, at < EVENT_ARMED ? 0 : -EPERM);
        int window = document_may_change(&event, DOCUMENT_BIT(DOCUMENT_NOTES) | DOCUMENT_BIT(DOCUMENT_ZONE), &f->err);
        assert_int_equal(window, at == EVENT_DRAFT ? 0 : -EPERM);
        if (at > EVENT_DRAFT && at < EVENT_ARMED)
            assert_non_null(strstr(f->err.text, "its zone can be changed while it is a draft"));
        assert_int_equal(document_may_change(&event, 0, &f->err), 0);
    }
}

static void a_change_is_taken_into_the_row_and_leaves_its_life_alone(void **state)
{
    struct fixture *f = *state;
    struct event event, before;
    parsed(f, MINE);
    assert_int_equal(document_event(&f->document, &event, &f->err), 0);
    event.id = 9;
    event.created_us = 5;
    event.state = EVENT_REQUESTED;
    event.patrol.preparing = 3;
    before = event;
    set(f, "hosts", "db-*");
    set(f, "days", "2");
    set(f, "patrol", "1m");
    assert_int_equal(document_apply(&f->document, &event, &f->err), 0);
    assert_string_equal(event.hosts, "db-*");
    assert_true(event.days == 2 && event.end_us == before.end_us + 86400 * US_PER_S);
    assert_true(event.patrol.interval_us == 60 * US_PER_S && event.patrol.preparing == 3);
    assert_true(event.id == 9 && event.created_us == 5 && event.state == EVENT_REQUESTED);
}

static void what_rested_on_a_field_is_told(void **state)
{
    (void)state;
    assert_int_equal(document_gates(0), 0);
    assert_int_equal(document_gates(DOCUMENT_BIT(DOCUMENT_NOTES) | DOCUMENT_BIT(DOCUMENT_RUNBOOKS)), 0);
    assert_int_equal(document_gates(DOCUMENT_BIT(DOCUMENT_DEMAND)), GATE_BIT(GATE_VERDICT) | GATE_BIT(GATE_LINT));
    assert_int_equal(document_gates(DOCUMENT_BIT(DOCUMENT_LABELS)),
                     GATE_BIT(GATE_VERDICT) | GATE_BIT(GATE_LINT) | GATE_BIT(GATE_NOTICES) | GATE_BIT(GATE_HOSTS));
    assert_int_equal(document_gates(DOCUMENT_BIT(DOCUMENT_ESCALATION)),
                     GATE_BIT(GATE_REHEARSAL) | GATE_BIT(GATE_LINT) | GATE_BIT(GATE_CONTACTS));
}

static void hosts_of_its_lists_are_held_against_its_own_scope(void **state)
{
    struct fixture *f = *state;
    static const struct scope_host hosts[] = { { "web-1", "" }, { "db-1", "" }, { "db-2", "role=web" }, { "x", "" } };
    parsed(f, whole);
    set(f, "labels", "role=web");
    assert_int_equal(document_check_hosts(&f->document, hosts, 4, &f->err), 0);
    set(f, "demand", "[{hosts: x, metric: system.cpu.utilization, times: 2}]"); /* there is one, but not its own */
    assert_int_equal(document_check_hosts(&f->document, hosts, 4, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "event spring-sale: demand: \"x\" is none of the event's own hosts"));
    set(f, "demand", "");
    set(f, "rules", "[{rule: a}, {rule: b, hosts: db-7}]");
    assert_int_equal(document_check_hosts(&f->document, hosts, 4, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "rules: \"db-7\""));
}

static void of_rows_that_fit_a_host_the_first_counts(void **state)
{
    struct fixture *f = *state;
    double limits[LIMIT_COUNT] = { 1, 2, 3, 4, 5, 6 };
    parsed(f, MINE);
    set(f, "tiers", "[{hosts: db-1, tier: supporting}, {hosts: db-*, tier: core}]");
    set(f, "limits", "[{hosts: db-1, egress: 10}, {hosts: \"*\", egress: 20, disk_read: 30}]");
    assert_int_equal(document_tier(&f->document, "db-1"), TIER_SUPPORTING);
    assert_int_equal(document_tier(&f->document, "db-2"), TIER_CORE);
    assert_int_equal(document_tier(&f->document, "web-1"), TIER_NONE);
    document_limits(&f->document, "db-1", limits);
    assert_true(limits[LIMIT_EGRESS] == 10 && limits[LIMIT_DISK_READ] == 30 && limits[LIMIT_INGRESS] == 2);
}

#define DOCUMENT_CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_CASE(a_file_says_all_of_an_event),
        DOCUMENT_CASE(what_is_canonical_comes_back_byte_by_byte),
        DOCUMENT_CASE(a_word_that_yaml_takes_for_something_else_is_quoted),
        DOCUMENT_CASE(the_file_that_is_shown_to_people_is_one),
        DOCUMENT_CASE(every_fault_is_told_with_its_line),
        DOCUMENT_CASE(whom_no_incident_could_tell_is_refused_at_the_door_and_read_where_it_was_kept),
        DOCUMENT_CASE(whom_incidents_tell_has_room_as_one_text),
        DOCUMENT_CASE(what_makes_no_sense_is_refused_with_what_would),
        DOCUMENT_CASE(every_list_and_text_has_its_limit),
        DOCUMENT_CASE(what_would_take_too_long_a_text_is_not_written),
        DOCUMENT_CASE(a_field_is_set_as_people_type_it),
        DOCUMENT_CASE(a_field_is_emptied_where_it_may_be),
        DOCUMENT_CASE(a_field_that_is_wrong_is_refused_and_nothing_is_changed),
        DOCUMENT_CASE(a_document_describes_its_event_and_a_row_a_document),
        DOCUMENT_CASE(what_was_changed_is_found_field_by_field),
        DOCUMENT_CASE(days_and_kind_are_changed_as_a_draft_only_and_nothing_once_it_is_armed),
        DOCUMENT_CASE(a_change_is_taken_into_the_row_and_leaves_its_life_alone),
        DOCUMENT_CASE(what_rested_on_a_field_is_told),
        DOCUMENT_CASE(hosts_of_its_lists_are_held_against_its_own_scope),
        DOCUMENT_CASE(of_rows_that_fit_a_host_the_first_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
