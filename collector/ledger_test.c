/* What the collector does of itself stands in the ledger: incidents and what became of them, each attempt at a page. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/parts.h"

#define BAD  1.0
#define GOOD 0.1

static struct agent *fired(struct fixture *f)
{
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = BAD), 1, 1);
    return agent;
}

static void an_incident_is_on_record_from_its_opening_to_its_end(void **state)
{
    struct fixture *f = *state;
    uint64_t event = start_event(f, "sale");
    fired(f);
    assert_int_equal(pages_out(f), 1);
    pass(f, 5);
    assert_int_equal(collector_acknowledge(f->collector, 1, "alice", &f->err), 0);
    assert_int_equal(collector_acknowledge(f->collector, 1, "bob", &f->err), 0); /* it lasts anew */
    assert_int_equal(collector_resolve(f->collector, 1, "carol", &f->err), 0);
    assert_int_equal(pages_out(f), 2);
    static const char *const lines[] = {
        "incident opened by collector", "page delivered by collector", "incident acknowledged by alice",
        "incident acknowledged by bob", "incident resolved by carol",  "page delivered by collector",
    };
    struct recorded recorded[16];
    size_t n = read_record(f, f->tenant, "", recorded, 16);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(recorded[i].kind, "incident") != 0 && strcmp(recorded[i].kind, "page") != 0)
            continue;
        char line[200];
        snprintf(line, sizeof line, "%s %s by %s", recorded[i].kind, recorded[i].what, recorded[i].actor);
        assert_true(at < sizeof lines / sizeof *lines);
        assert_string_equal(line, lines[at++]);
        assert_int_equal(recorded[i].incident, 1);
        assert_int_equal(recorded[i].event, event);
    }
    assert_int_equal(at, sizeof lines / sizeof *lines);
}

static void stamps_stand_in_the_entry_as_they_were_then(void **state)
{
    struct fixture *f = *state;
    int64_t crossed_us = collector_now_us(f->collector);
    fired(f);
    pages_out(f);
    struct recorded recorded[4];
    char said[64];
    assert_int_equal(read_record(f, f->tenant, "incident", recorded, 4), 1);
    snprintf(said, sizeof said, "\"crossed_us\":%lld,", (long long)crossed_us);
    assert_non_null(strstr(recorded[0].body, said));
    assert_non_null(strstr(recorded[0].body, "\"delivered_us\":0,"));
    assert_non_null(strstr(recorded[0].body, "\"title\":\"cpu-high above 90 % on web-1\""));
}

static void each_attempt_at_a_page_is_on_record_with_its_outcome(void **state)
{
    struct fixture *f = *state;
    f->config.webhooks.n = 0;
    add_webhook(f, "duty", "/no", NULL); /* no such path: refused */
    struct agent *agent = fired(f);
    (void)agent;
    RUN_UNTIL(f, read_record(f, f->tenant, "page", (struct recorded[1]){ { 0 } }, 1) == 1);
    pass(f, 61);
    RUN_UNTIL(f, read_record(f, f->tenant, "page", (struct recorded[2]){ { 0 } }, 2) == 2);
    struct recorded recorded[2];
    assert_int_equal(read_record(f, f->tenant, "page", recorded, 2), 2);
    for (int i = 0; i < 2; i++) {
        char said[32];
        snprintf(said, sizeof said, "\"attempt\":%d,", i + 1);
        assert_string_equal(recorded[i].what, "refused");
        assert_non_null(strstr(recorded[i].body, said));
        assert_non_null(strstr(recorded[i].body, "\"contact\":\"duty\""));
    }
}

static void a_breach_is_on_record_once(void **state)
{
    struct fixture *f = *state;
    fired(f);
    pages_out(f);
    pass(f, PAGE_BUDGET_US / US_PER_S + 5);
    struct recorded recorded[8];
    assert_int_equal(read_record(f, f->tenant, "incident", recorded, 8), 4);
    assert_string_equal(recorded[1].what, "warned"); /* at half of the budget, and at four fifths */
    assert_string_equal(recorded[2].what, "warned");
    assert_string_equal(recorded[3].what, "breached");
    assert_non_null(strstr(recorded[3].body, "not acknowledged"));
}

static void what_happens_in_a_fault_of_the_disk_is_on_record_in_its_order_after_it(void **state)
{
    struct fixture *f = *state;
    fired(f);
    pages_out(f);
    break_disk();
    assert_int_equal(collector_acknowledge(f->collector, 1, "alice", &f->err), 0);
    run_until_declared(f);
    assert_int_equal(collector_resolve(f->collector, 1, "bob", &f->err), 0);
    pages_out(f);
    heal_disk();
    run_until_recovered(f);
    restart_collector(f);
    static const char *const whats[] = { "opened", "acknowledged", "resolved" };
    struct recorded recorded[8];
    assert_int_equal(read_record(f, f->tenant, "incident", recorded, 8), 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(recorded[i].what, whats[i]);
    assert_int_equal(read_record(f, f->tenant, "page", recorded, 8), 2);
    assert_non_null(strstr(recorded[1].body, "\"unrecorded\":true"));
}

static void what_cannot_be_said_leaves_an_entry_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct ledger_note note = { .kind = "note", .actor = "alice", .body = json_pack("{s:s}", "what", "\xff") };
    assert_int_equal(ledger_note(f->collector, f->tenant, note), 0);
    struct recorded recorded[1];
    assert_int_equal(read_record(f, f->tenant, "note", recorded, 1), 1);
    assert_string_equal(recorded[0].body, "{}");
    assert_true(was_logged(f, "event=ledger_entry_empty kind=note"));
}

static const char *path_of(const struct fixture *f, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", f->dir, name);
    return path;
}

static bool is_there(const struct fixture *f, const char *name)
{
    char path[128];
    return access(path_of(f, name, path), F_OK) == 0;
}

static struct ledger_public signer(struct fixture *f)
{
    struct store_head head;
    commit(f, f->tenant);
    assert_int_equal(store_ledger_head(f->collector->store, f->tenant, &head), 0);
    return head.key;
}

static void a_new_key_has_its_name_once_what_it_signed_first_is_on_disk(void **state)
{
    struct fixture *f = *state;
    char from[128], to[128];
    struct ledger_note note = { .kind = "note", .actor = "alice", .body = json_object() };
    assert_int_equal(ledger_note(f->collector, f->tenant, note), 0);
    RUN_UNTIL(f, is_there(f, "ledger.key"));
    assert_false(is_there(f, "ledger.key.new"));
    struct ledger_public before = signer(f);
    close_collector(f);
    /* killed before that: the next start has the same key, and may sign what it finds still */
    assert_int_equal(rename(path_of(f, "ledger.key", from), path_of(f, "ledger.key.new", to)), 0);
    open_collector(f);
    assert_true(f->collector->ledger_key != LEDGER_KEY_KEPT);
    RUN_UNTIL(f, is_there(f, "ledger.key"));
    struct ledger_public after = signer(f);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(times_logged(f, "event=ledger_key_made"), 1);
    restart_collector(f);
    assert_int_equal(f->collector->ledger_key, LEDGER_KEY_KEPT);
    assert_false(was_logged(f, "event=ledger_broken"));
}

static void a_new_key_that_was_cut_short_as_it_was_made_is_made_again(void **state)
{
    struct fixture *f = *state;
    char path[128];
    RUN_UNTIL(f, is_there(f, "ledger.key"));
    close_collector(f);
    assert_int_equal(unlink(path_of(f, "ledger.key", path)), 0);
    int fd = open(path_of(f, "ledger.key.new", path), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
    open_collector(f);
    RUN_UNTIL(f, is_there(f, "ledger.key"));
    assert_int_equal(times_logged(f, "event=ledger_key_made"), 2);
}

/* As a backup from before has it: what was signed since is not in it. */
static void put_back(const struct fixture *f, const char *from, const char *to)
{
    char path[128];
    struct stat stat = { .st_size = 0 };
    int in = open(path_of(f, from, path), O_RDONLY);
    assert_true(in >= 0 && fstat(in, &stat) == 0);
    int out = open(path_of(f, to, path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(out >= 0);
    assert_int_equal(sendfile(out, in, NULL, (size_t)stat.st_size), stat.st_size);
    close(in);
    close(out);
}

static void note_one(struct fixture *f)
{
    struct ledger_note note = { .kind = "note", .actor = "alice", .body = json_object() };
    assert_int_equal(ledger_note(f->collector, f->tenant, note), 0);
    commit(f, f->tenant);
    RUN_UNTIL(f, is_there(f, "ledger.key"));
}

static void break_ledger(struct fixture *f)
{
    char file[32];
    snprintf(file, sizeof file, "tenant-%u.db", (unsigned)f->tenant);
    note_one(f);
    close_collector(f);
    put_back(f, file, "older");
    open_collector(f);
    note_one(f);
    close_collector(f);
    put_back(f, "older", file);
}

static void a_broken_ledger_is_accepted_only_where_somebody_signs_it(void **state)
{
    struct fixture *f = *state;
    const struct decision decision = { .by = "lin", .reason = "restored" };
    char path[128], to[128];
    break_ledger(f);
    assert_int_equal(rename(path_of(f, "ledger.key", path), path_of(f, "away", to)), 0);
    assert_int_equal(mkdir(path_of(f, "ledger.key.new", path), 0700), 0); /* nor can one be made */
    open_collector(f);
    assert_true(was_logged(f, "event=ledger_unsigned"));
    assert_true(was_logged(f, "event=ledger_broken"));
    assert_int_equal(collector_accept_ledger(f->collector, f->tenant, &decision, &f->err), -EPERM);
    assert_non_null(strstr(f->err.text, "nobody signs ledgers here"));
    assert_int_equal(read_record(f, f->tenant, "ledger", (struct recorded[1]){ { 0 } }, 1), 0);
    close_collector(f);
    assert_int_equal(rmdir(path_of(f, "ledger.key.new", path)), 0);
    assert_int_equal(rename(path_of(f, "away", to), path_of(f, "ledger.key", path)), 0);
    open_collector(f);
    assert_int_equal(collector_accept_ledger(f->collector, f->tenant, &decision, &f->err), 0);
    assert_int_equal(read_record(f, f->tenant, "ledger", (struct recorded[1]){ { 0 } }, 1), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(an_incident_is_on_record_from_its_opening_to_its_end),
        COLLECTOR_TEST(stamps_stand_in_the_entry_as_they_were_then),
        COLLECTOR_TEST(each_attempt_at_a_page_is_on_record_with_its_outcome),
        COLLECTOR_TEST(a_breach_is_on_record_once),
        COLLECTOR_TEST(what_happens_in_a_fault_of_the_disk_is_on_record_in_its_order_after_it),
        COLLECTOR_TEST(a_new_key_has_its_name_once_what_it_signed_first_is_on_disk),
        COLLECTOR_TEST(a_new_key_that_was_cut_short_as_it_was_made_is_made_again),
        COLLECTOR_TEST(a_broken_ledger_is_accepted_only_where_somebody_signs_it),
        COLLECTOR_TEST(what_cannot_be_said_leaves_an_entry_all_the_same),
    };
    return cmocka_run_group_tests_name("collector.core.ledger", tests, NULL, NULL);
}
