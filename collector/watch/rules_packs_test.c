/* Packs: what a file says of all its rules, several files as one, and those that are shipped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/watch/overlay.h"
#include "collector/watch/rules_fixture.h"

/* ---- what a file says of its rules ---- */

#define HEAD_RULES(head, first)                                                                                        \
    head "rules:\n  - name: a\n" CPU_RULE "    above: 0.9\n" first PLAIN "  - name: b\n" CPU_RULE                      \
         "    above: 0.8\n" PLAIN

static void takes(struct fixture *f, const char *text)
{
    if (parse(f, text) != 0)
        fail_msg("%s", f->faults.at[0].text);
}

static void a_file_says_what_pack_its_rules_belong_to(void **state)
{
    struct fixture *f = *state;
    takes(f, HEAD_RULES("pack: spring.sale\n", ""));
    assert_string_equal(f->rules[0].pack, "spring.sale");
    assert_string_equal(f->rules[1].pack, "spring.sale");
    takes(f, HEAD_RULES("", ""));
    assert_string_equal(f->rules[0].pack, "");
}

static void a_rules_own_states_go_before_those_of_its_file(void **state)
{
    struct fixture *f = *state;
    takes(f, HEAD_RULES("in_force: [window]\n", "    in_force: [draft]\n"));
    assert_int_equal(f->rules[0].in_force, IN_FORCE(EVENT_DRAFT));
    assert_int_equal(f->rules[1].in_force, WINDOW_STATES);
    takes(f, HEAD_RULES("in_force: [window]\n", "    in_force: [normal, window]\n"));
    assert_int_equal(f->rules[0].in_force, IN_FORCE_ALWAYS);
}

static void refuses(struct fixture *f, const char *text, const char *says)
{
    assert_int_equal(parse(f, text), -EINVAL);
    assert_int_equal(f->faults.n, 1);
    assert_string_equal(f->faults.at[0].text, says);
    assert_int_equal(f->n, 0);
}

static void faults_of_a_files_head_are_told_once_with_their_line(void **state)
{
    struct fixture *f = *state;
    refuses(f, HEAD_RULES("pack: spring sale\n", ""),
            "rules.yaml:1: `pack` is \"spring sale\", want letters, digits, dots, dashes, underscores");
    refuses(
        f, HEAD_RULES("pack: a.pack.that.has.too.long.a.name-\n", ""),
        "rules.yaml:1: `pack` is \"a.pack.that.has.too.long.a.name-\", want a text of 1 to 31 bytes: 1 to 31 letters, "
        "digits, dots, dashes, underscores");
    refuses(f, HEAD_RULES("pack: a\nin_force: []\n", ""),
            "rules.yaml:2: `in_force` is empty: its rules would never be in force");
    refuses(f, "pack: a\n", "rules.yaml: there are neither `rules` nor `overlays` in it, want some");
    parse(f, HEAD_RULES("in_force: [always]\n", ""));
    assert_non_null(strstr(f->faults.at[0].text, "rules.yaml:1: `in_force` holds \"always\""));
}

/* ---- several files ---- */

enum { FILES_MAX = 3, PATH_ROOM = 64 };

static char folder[32]; /* the files' own; they are a.yaml and so on */
static char paths[FILES_MAX][PATH_ROOM];
static struct overlays overlays;

static int setup_files(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/rules_test.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < FILES_MAX; i++)
        snprintf(paths[i], PATH_ROOM, "%s/%c.yaml", folder, 'a' + i);
    return setup(state);
}

static int teardown_files(void **state)
{
    for (int i = 0; i < FILES_MAX; i++)
        unlink(paths[i]);
    rmdir(folder);
    return teardown(state);
}

/* A text that is NULL: the file is not there. */
static int read_files(struct fixture *f, const char *a, const char *b, const char *c)
{
    const char *texts[FILES_MAX] = { a, b, c };
    const char *at[FILES_MAX] = { paths[0], paths[1], paths[2] };
    for (int i = 0; i < FILES_MAX; i++) {
        FILE *out = texts[i] ? fopen(paths[i], "w") : NULL;
        if (!texts[i])
            unlink(paths[i]);
        if (out) {
            fputs(texts[i], out);
            fclose(out);
        }
    }
    f->n = 0;
    f->faults = (struct config_faults){ .n = 0 };
    return rules_read(&(struct config_texts){ FILES_MAX, at }, f->rules, &f->n, &overlays, &f->faults);
}

/* The fault reads as `says`, in which each '@' stands for the files' folder. */
static void assert_says(const struct fixture *f, size_t i, const char *says)
{
    char want[ERR_TEXT_MAX];
    size_t used = 0;
    for (; *says && used < sizeof want; says++)
        used += (size_t)(*says == '@' ? snprintf(want + used, sizeof want - used, "%s", folder)
                                      : snprintf(want + used, sizeof want - used, "%c", *says));
    assert_true(i < f->faults.n);
    assert_string_equal(f->faults.at[i].text, want);
}

#define ONE(name) "rules:\n  - {name: " name ", metric: system.uptime, above: 1, severity: info, summary: x"

static void several_files_are_one_list_each_with_its_own_head(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        read_files(f, "pack: p\nin_force: [live]\n" ONE("a") "}\n", ONE("b") "}\n", "pack: q\n" ONE("c") "}\n"), 0);
    assert_int_equal(f->n, 3);
    assert_string_equal(f->rules[0].pack, "p");
    assert_string_equal(f->rules[1].pack, "");
    assert_string_equal(f->rules[2].pack, "q");
    assert_int_equal(f->rules[0].in_force, IN_FORCE(EVENT_LIVE));
    assert_int_equal(f->rules[1].in_force, IN_FORCE_ALWAYS);
}

static void a_name_that_another_file_has_is_told_with_both_places(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_files(f, ONE("a") "}\n", ONE("b") "}\n", "pack: q\n" ONE("a") "}\n"), -EINVAL);
    assert_int_equal(f->faults.n, 1);
    assert_says(f, 0, "@/c.yaml:3: rule a stands in @/a.yaml:2 already");
    assert_int_equal(f->n, 0);
}

static void a_rule_may_depend_on_one_of_another_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_files(f, ONE("a") ", depends_on: [c]}\n", ONE("b") ", depends_on: [a]}\n", ONE("c") "}\n"),
                     0);
    assert_string_equal(f->rules[0].depends_on[0], "c");
    assert_int_equal(read_files(f, ONE("a") ", depends_on: [c]}\n", ONE("b") ", depends_on: [d]}\n",
                                ONE("c") ", depends_on: [a]}\n"),
                     -EINVAL);
    assert_int_equal(f->faults.n, 2);
    assert_says(f, 0, "@/a.yaml:2: rules depend on each other in a circle: a -> c -> a");
    assert_says(f, 1, "@/b.yaml:2: rule b depends on d, and there is no such rule");
}

static void a_file_may_lay_overlays_over_the_rules_of_others_and_have_none(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_files(f, "overlays:\n  - {rule: b, group: web, above: 2}\n", ONE("a") "}\n", ONE("b") "}\n"),
                     0);
    assert_int_equal(overlays.n, 1);
    assert_string_equal(overlays.at[0].rule, "b");
    assert_int_equal(read_files(f, "overlays:\n  - {rule: b, group: web, above: 2}\n", ONE("a") "}\n",
                                ONE("b") "}\noverlays:\n  - {rule: d, group: web, off: true}\n"
                                         "  - {rule: b, group: web, off: true}\n"),
                     -EINVAL);
    assert_int_equal(f->faults.n, 2);
    assert_says(f, 0, "@/c.yaml:4: an overlay of rule d, and there is no such rule");
    assert_says(f, 1, "@/c.yaml:5: a second overlay of rule b for web, want one");
}

static void faults_of_all_files_are_told_and_one_that_is_missing_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_files(f, ONE("a") ", hold: 2h}\n", NULL, ONE("c d") "}\n"), -EINVAL);
    assert_int_equal(f->faults.n, 3);
    assert_int_equal(f->faults.n_files, 1);
    assert_non_null(strstr(f->faults.at[0].text, "/a.yaml:2: `hold` is \"2h\""));
    assert_says(f, 1, "@/b.yaml: cannot read the file: No such file or directory");
    assert_says(f, 2, "@/c.yaml:2: rule name \"c d\", want letters, digits, dots, dashes, underscores");
    assert_int_equal(f->n, 0);
}

static char *many(const char *prefix, int n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs("rules:\n", out);
    for (int i = 0; i < n; i++)
        fprintf(out, "  - {name: %s%d, metric: system.uptime, above: 1, severity: info, summary: x}\n", prefix, i);
    fclose(out);
    return text;
}

static void the_files_may_have_as_many_rules_as_one(void **state)
{
    struct fixture *f = *state;
    char *first = many("a", RULES_MAX - 2);
    int fits = read_files(f, first, ONE("b") "}\n", ONE("c") "}\n");
    size_t n = f->n;
    int more = read_files(f, first, ONE("b") "}\n",
                          ONE("c") "}\n  - {name: d, metric: system.uptime, above: 1, severity: info, summary: x}\n");
    free(first);
    assert_int_equal(fits, 0);
    assert_int_equal(n, RULES_MAX);
    assert_int_equal(more, -EINVAL);
    assert_says(f, 0, "@/c.yaml: with it there are 257 rules, want at most 256 in all files");
}

/* ---- the shipped packs ---- */

static void read_shipped(struct fixture *f)
{
    static const char *shipped[] = { "share/rules/normal.yaml", "share/rules/assurance.yaml" };
    if (rules_read(&(struct config_texts){ 2, shipped }, f->rules, &f->n, NULL, &f->faults) != 0)
        fail_msg("%s", f->faults.at[0].text);
}

static void the_assurance_pack_is_what_is_in_force_in_windows_alone(void **state)
{
    struct fixture *f = *state;
    read_shipped(f);
    for (size_t i = 0; i < f->n; i++) {
        bool assurance = strcmp(f->rules[i].pack, "assurance") == 0;
        if (!assurance)
            assert_string_equal(f->rules[i].pack, "normal");
        assert_int_equal(assurance, f->rules[i].in_force == WINDOW_STATES);
    }
}

static const char *const the_ten[] = {
    "system.cpu.utilization",
    "system.memory.utilization",
    "system.filesystem.utilization",
    "system.disk.io.rate{direction=read}",
    "system.disk.io.rate{direction=write}",
    "system.network.io.rate{direction=transmit}",
    "system.network.io.rate{direction=receive}",
    "system.network.connection.count{state=established}",
    "system.network.connection.rate{direction=inbound}",
    "probe.latency",
    "probe.loss",
};

static const struct rule *first_rule(const struct fixture *f, const char *metric, const char *pack,
                                     enum severity severity)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->rules[i].metric, metric) == 0 && strcmp(f->rules[i].pack, pack) == 0 &&
            f->rules[i].severity == severity)
            return &f->rules[i];
    fail_msg("no rule for %s in %s", metric, pack);
    return NULL;
}

static void the_ten_metrics_of_the_service_have_a_normal_pack_and_a_tighter_one(void **state)
{
    struct fixture *f = *state;
    read_shipped(f);
    for (size_t i = 0; i < sizeof the_ten / sizeof the_ten[0]; i++) {
        for (int severity = SEVERITY_WARNING; severity <= SEVERITY_CRITICAL; severity++) {
            const struct rule *normal = first_rule(f, the_ten[i], "normal", (enum severity)severity);
            const struct rule *window = first_rule(f, the_ten[i], "assurance", (enum severity)severity);
            assert_int_equal(normal->in_force, IN_FORCE_ALWAYS & ~WINDOW_STATES);
            assert_int_equal(window->in_force, WINDOW_STATES);
            assert_true(window->threshold <= normal->threshold);
            assert_true(window->hold_us < normal->hold_us);
        }
    }
}

static void shipped_rules_that_page_leave_most_of_the_ten_minutes(void **state)
{
    struct fixture *f = *state;
    read_shipped(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct rule *rule = &f->rules[i];
        assert_int_equal(rule->page, rule->severity == SEVERITY_CRITICAL);
        if (rule->page)
            assert_true(rule->hold_us <= (rule->in_force & WINDOW_STATES ? 60 : 120) * S);
    }
}

static void shipped_rules_clear_on_the_good_side_and_share_out_declared_limits(void **state)
{
    struct fixture *f = *state;
    read_shipped(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct rule *rule = &f->rules[i];
        if (rule->threshold > 0)
            assert_true(rule->clear < rule->threshold); /* hysteresis: one that shares both flaps */
        bool rate = strncmp(rule->metric, "system.network.io", 17) == 0 ||
                    strncmp(rule->metric, "system.disk.io", 14) == 0 ||
                    strncmp(rule->metric, "system.network.connection", 25) == 0;
        assert_int_equal(rule->limit >= 0, rate);
    }
}

static void one_lost_attempt_of_five_is_no_critical_loss_until_it_lasts(void **state)
{
    struct fixture *f = *state;
    read_shipped(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct rule *rule = &f->rules[i];
        if (strcmp(rule->metric, "probe.loss") == 0 && rule->page)
            assert_true(rule->threshold >= 0.2 || rule->hold_us >= 60 * S);
    }
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, setup_files, teardown_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_says_what_pack_its_rules_belong_to),
        TEST(a_rules_own_states_go_before_those_of_its_file),
        TEST(faults_of_a_files_head_are_told_once_with_their_line),
        FILES_TEST(several_files_are_one_list_each_with_its_own_head),
        FILES_TEST(a_name_that_another_file_has_is_told_with_both_places),
        FILES_TEST(a_rule_may_depend_on_one_of_another_file),
        FILES_TEST(a_file_may_lay_overlays_over_the_rules_of_others_and_have_none),
        FILES_TEST(faults_of_all_files_are_told_and_one_that_is_missing_too),
        FILES_TEST(the_files_may_have_as_many_rules_as_one),
        TEST(the_assurance_pack_is_what_is_in_force_in_windows_alone),
        TEST(the_ten_metrics_of_the_service_have_a_normal_pack_and_a_tighter_one),
        TEST(shipped_rules_that_page_leave_most_of_the_ten_minutes),
        TEST(shipped_rules_clear_on_the_good_side_and_share_out_declared_limits),
        TEST(one_lost_attempt_of_five_is_no_critical_loss_until_it_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
