/* Random documents are written, read and written again; damaged ones are refused or read as something whole. Seeds are
 * fixed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collector/event/document.h"

enum { DOCUMENTS = 1500, DAMAGES = 4000 };

struct fixture {
    uint64_t seed;
    struct document made, read;
    struct config_faults faults;
    char text[DOCUMENT_TEXT_MAX + 1];
    char again[DOCUMENT_TEXT_MAX + 1];
    char damaged[DOCUMENT_TEXT_MAX + 1];
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

static uint64_t dice(struct fixture *f)
{
    f->seed ^= f->seed << 13;
    f->seed ^= f->seed >> 7;
    f->seed ^= f->seed << 17;
    return f->seed;
}

static size_t below(struct fixture *f, size_t n)
{
    return (size_t)(dice(f) % n);
}

/* Words of what YAML gives a meaning, what has more than one byte, and what is nothing special. */
static void some_text(struct fixture *f, char *ret, size_t room, bool lines)
{
    static const char *const bits[] = {
        "a",
        "Z9",
        " ",
        "  ",
        "- ",
        ": ",
        "#",
        " #",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&x",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "~",
        "null",
        "true",
        "0x1",
        "\xc3\xb6",
        "\xe5\x80\xbc",
        "\xf0\x9f\x94\xa5",
        "\n",
        "\t",
        "\n\n ",
    };
    size_t n = sizeof bits / sizeof bits[0] - (lines ? 0 : 3);
    size_t used = 0;
    for (size_t left = 1 + below(f, 12); left > 0; left--) {
        const char *bit = bits[below(f, n)];
        if (used + strlen(bit) >= room)
            break;
        used += (size_t)snprintf(ret + used, room - used, "%s", bit);
    }
}

static void some_hosts(struct fixture *f, char *ret, size_t room)
{
    static const char *const hosts[] = { "*", "web-*", "db-1", "web-1,db-*", "q?",    "[ab]1", "null", "no",
                                         "0", "-x",    ".a",   "9.9",        "a*b,c", "TRUE",  "[!a]", "1e3" };
    snprintf(ret, room, "%s", hosts[below(f, sizeof hosts / sizeof hosts[0])]);
}

static double some_number(struct fixture *f)
{
    static const double numbers[] = { 1, 0.1, 125e6, 1e-9, 1.0 / 3, 123456789.123456789, 1e18, 99.99, 5e-5 };
    return numbers[below(f, sizeof numbers / sizeof numbers[0])];
}

static void make_lists(struct fixture *f)
{
    static const char *const starts[] = { "", "20:00", "2026-12-01T08:30" };
    struct document *d = &f->made;
    d->n_tiers = below(f, 4);
    for (size_t i = 0; i < d->n_tiers; i++) {
        some_hosts(f, d->tiers[i].hosts, sizeof d->tiers[i].hosts);
        d->tiers[i].tier = below(f, 2) ? TIER_CORE : TIER_SUPPORTING;
    }
    d->n_limits = below(f, 4);
    for (size_t i = 0; i < d->n_limits; i++) {
        some_hosts(f, d->limits[i].hosts, sizeof d->limits[i].hosts);
        for (int k = 0; k < LIMIT_COUNT; k++)
            d->limits[i].limits[k] = k == 2 || below(f, 2) ? some_number(f) : (double)NAN;
    }
    d->n_demand = below(f, 4);
    for (size_t i = 0; i < d->n_demand; i++) {
        bool times = below(f, 2);
        some_hosts(f, d->demand[i].hosts, sizeof d->demand[i].hosts);
        snprintf(d->demand[i].metric, sizeof d->demand[i].metric, "system.network.io.rate{direction=transmit}");
        d->demand[i].times = times ? fmin(some_number(f), DOCUMENT_TIMES_MAX) : (double)NAN;
        d->demand[i].value = times ? (double)NAN : some_number(f);
        d->demand[i].tier = (enum document_tier)below(f, 3);
        snprintf(d->demand[i].start, sizeof d->demand[i].start, "%s", starts[below(f, 3)]);
        d->demand[i].ramp_us = (int64_t)below(f, 3) * 90 * US_PER_S;
        d->demand[i].duration_us = (int64_t)below(f, 3) * 3600 * US_PER_S;
    }
    d->n_contacts = below(f, 4);
    for (size_t i = 0; i < d->n_contacts; i++)
        some_text(f, d->contacts[i], sizeof d->contacts[i], false);
}

static void make_texts(struct fixture *f)
{
    struct document *d = &f->made;
    d->n_steps = below(f, 4);
    for (size_t i = 0; i < d->n_steps; i++) {
        d->steps[i].after_us = (int64_t)(i * 100 + below(f, 100)) * US_PER_S;
        some_text(f, d->steps[i].contacts, sizeof d->steps[i].contacts, false);
    }
    if (below(f, 2))
        some_text(f, d->notes, sizeof d->notes, true);
    d->n_runbooks = below(f, 4);
    for (size_t i = 0; i < d->n_runbooks; i++) {
        some_text(f, d->runbooks[i].title, sizeof d->runbooks[i].title, false);
        snprintf(d->runbooks[i].url, sizeof d->runbooks[i].url, "https://x/?a=%zu&b={c}#'%zu", below(f, 9), i);
    }
    d->n_rules = below(f, 4);
    for (size_t i = 0; i < d->n_rules; i++) {
        some_text(f, d->rules[i].rule, sizeof d->rules[i].rule, false);
        if (below(f, 2))
            some_hosts(f, d->rules[i].hosts, sizeof d->rules[i].hosts);
        if (below(f, 2))
            some_text(f, d->rules[i].above, sizeof d->rules[i].above, false);
        if (below(f, 2))
            some_text(f, d->rules[i].page, sizeof d->rules[i].page, false);
        if (below(f, 2))
            some_text(f, d->rules[i].off, sizeof d->rules[i].off, false);
    }
}

static void make(struct fixture *f, uint64_t seed)
{
    static const char *const names[] = { "sale", "null", "1", "-", "true", "2026-12-01", "y", "..", "a.b-c_d" };
    f->seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    memset(&f->made, 0, sizeof f->made);
    snprintf(f->made.name, sizeof f->made.name, "%s", names[below(f, sizeof names / sizeof names[0])]);
    snprintf(f->made.zone, sizeof f->made.zone, "%s", below(f, 2) ? "Asia/Shanghai" : "UTC");
    snprintf(f->made.first_day, sizeof f->made.first_day, "2026-12-%02zu", 1 + below(f, 31));
    f->made.days = 1 + (int)below(f, EVENT_DAYS_MAX);
    f->made.drill = below(f, 2);
    f->made.patrol_us = below(f, 2) ? (int64_t)(60 + below(f, 3541)) * US_PER_S : 0;
    some_hosts(f, f->made.hosts, sizeof f->made.hosts);
    if (below(f, 2))
        snprintf(f->made.labels, sizeof f->made.labels, "a=*,role=%s", below(f, 2) ? "web" : "[ab]?");
    make_lists(f);
    make_texts(f);
}

static void a_document_is_what_its_text_says(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= DOCUMENTS; seed++) {
        make(f, seed);
        assert_int_equal(document_write(&f->made, f->text, NULL), 0);
        f->faults.n = 0;
        if (document_parse("e", f->text, strlen(f->text), &f->read, &f->faults) < 0)
            fail_msg("seed %u: %s in\n%s", (unsigned)seed, f->faults.at[0].text, f->text);
        assert_int_equal(document_write(&f->read, f->again, NULL), 0);
        assert_string_equal(f->again, f->text);
        assert_memory_equal(&f->read, &f->made, sizeof f->made);
    }
}

/* Each field of one document given to another makes it the same document. */
static void a_document_can_be_made_field_by_field(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= DOCUMENTS / 5; seed++) {
        unsigned fields = 1;
        struct err err;
        make(f, seed + DOCUMENTS);
        memcpy(&f->read, &f->made, sizeof f->read);
        make(f, seed);
        assert_int_equal(document_set(&f->read, "name", f->made.name, &err), 0);
        assert_int_equal(document_set(&f->read, "hosts", f->made.hosts, &err), 0);
        assert_int_equal(document_set(&f->read, "labels", f->made.labels, &err), 0);
        assert_int_equal(document_set(&f->read, "notes", f->made.notes, &err), 0);
        assert_int_equal(document_compare(&f->read, &f->made, &fields, NULL), 0);
        assert_int_equal(fields & (DOCUMENT_BIT(DOCUMENT_NAME) | DOCUMENT_BIT(DOCUMENT_HOSTS) |
                                   DOCUMENT_BIT(DOCUMENT_LABELS) | DOCUMENT_BIT(DOCUMENT_NOTES)),
                         0);
    }
}

static size_t damage(struct fixture *f)
{
    size_t len = strlen(f->text);
    memcpy(f->damaged, f->text, len);
    for (size_t n = 1 + below(f, 3); n > 0; n--) {
        size_t at = below(f, len);
        if (below(f, 2)) {
            f->damaged[at] = (char)dice(f);
        } else {
            size_t gone = below(f, len - at);
            memmove(f->damaged + at, f->damaged + at + gone, len - at - gone);
            len -= gone;
        }
        if (len == 0)
            break;
    }
    return len;
}

static void what_is_damaged_is_refused_or_something_whole(void **state)
{
    struct fixture *f = *state;
    size_t refused = 0;
    for (uint64_t seed = 1; seed <= DAMAGES; seed++) {
        make(f, seed);
        assert_int_equal(document_write(&f->made, f->text, NULL), 0);
        size_t len = damage(f);
        f->faults.n = 0;
        memcpy(&f->read, &f->made, sizeof f->read);
        if (document_parse("e", f->damaged, len, &f->read, &f->faults) < 0) {
            assert_true(f->faults.n > 0);
            assert_memory_equal(&f->read, &f->made, sizeof f->made);
            refused++;
            continue;
        }
        assert_int_equal(document_write(&f->read, f->text, NULL), 0);
        assert_int_equal(document_parse("e", f->text, strlen(f->text), &f->read, &f->faults), 0);
        assert_int_equal(document_write(&f->read, f->again, NULL), 0);
        assert_string_equal(f->again, f->text);
    }
    assert_true(refused > DAMAGES / 3 && refused < DAMAGES); /* both have been tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_is_what_its_text_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_document_can_be_made_field_by_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_refused_or_something_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
