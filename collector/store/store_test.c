/* What was written comes back as it was. */
#include "collector/store/store_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

static void tenants_and_hosts_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    struct tenant tenant = { .id = 1, .name = "acme", .created_us = 77 };
    struct host host = { .id = INT64_MAX,
                         .tenant = 1,
                         .name = "web-1",
                         .group = "web",
                         .limits = { 1e9, NAN, 5000, 0.5 },
                         .enrolled_us = 88,
                         .standing = HOST_RETIRED };
    assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    assert_int_equal(store_put_host(f->store, &host), 0);
    assert_int_equal(store_put_beat(f->store, 12345), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.tenants, 1);
    assert_memory_equal(&f->loaded.tenant[0], &tenant, sizeof tenant);
    assert_int_equal(f->loaded.hosts, 1);
    const struct host *got = &f->loaded.host[0];
    assert_true(isnan(got->limits[LIMIT_INGRESS]));
    assert_true(got->limits[LIMIT_EGRESS] == 1e9 && got->limits[LIMIT_NEW_CONNECTIONS] == 0.5);
    assert_int_equal(got->id, host.id);
    assert_string_equal(got->group, "web");
    assert_int_equal(got->standing, HOST_RETIRED);
    assert_int_equal(f->loaded.marks.tenant, 1);
    assert_int_equal(f->loaded.marks.beat_us, 12345);
}

static void assert_same_key(const struct host_key *got, const struct host_key *want)
{
    assert_memory_equal(got->key, want->key, sizeof want->key);
    assert_int_equal(got->host, want->host);
    assert_int_equal(got->state, want->state);
    assert_int_equal(got->since_us, want->since_us);
}

static void assert_same_token(const struct token *got, const struct token *want)
{
    assert_memory_equal(got->hash, want->hash, sizeof want->hash);
    assert_int_equal(got->tenant, want->tenant);
    assert_int_equal(got->host, want->host);
    assert_string_equal(got->group, want->group);
    assert_int_equal(got->uses_left, want->uses_left);
    assert_int_equal(got->expires_us, want->expires_us);
    assert_int_equal(got->created_us, want->created_us);
}

static void keys_and_invitations_come_back_until_they_are_gone(void **state)
{
    struct fixture *f = *state;
    struct host_key young = { .key = { 1, [31] = 255 }, .host = 7, .state = KEY_ACTIVE, .since_us = 20 };
    struct host_key old = { .key = { 2 }, .host = 7, .state = KEY_REPLACED, .since_us = 10 };
    struct token token = {
        .hash = { 3 }, .tenant = 1, .group = "web", .uses_left = 2, .expires_us = 99, .created_us = 50
    };
    assert_int_equal(store_put_host_key(f->store, &young), 0);
    assert_int_equal(store_put_host_key(f->store, &old), 0);
    assert_int_equal(store_put_token(f->store, &token), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.host_keys, 2);
    assert_same_key(&f->loaded.host_key[0], &old); /* the oldest first */
    assert_same_key(&f->loaded.host_key[1], &young);
    assert_int_equal(f->loaded.tokens, 1);
    assert_same_token(&f->loaded.token[0], &token);
    old.state = KEY_FORGOTTEN;
    token.uses_left = 0;
    assert_int_equal(store_put_host_key(f->store, &old), 0);
    assert_int_equal(store_put_token(f->store, &token), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.host_keys, 1);
    assert_same_key(&f->loaded.host_key[0], &young);
    assert_int_equal(f->loaded.tokens, 0);
}

static void overrides_of_rotas_come_back(void **state)
{
    struct fixture *f = *state;
    struct rota_override row = { .id = 2,
                                 .rota = "desk",
                                 .contact = "dave",
                                 .from_us = 10,
                                 .to_us = 20,
                                 .by = "lin",
                                 .reason = "ill",
                                 .made_us = 5 };
    assert_int_equal(store_put_rota_override(f->store, &row), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.rota_overrides, 1);
    assert_memory_equal(&f->loaded.rota_override[0], &row, sizeof row);
}

static void alerts_events_incidents_and_pages_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    struct alert alert = alert_of(1);
    struct event event = event_of(9, 1);
    struct incident incident = incident_of(7, 1);
    struct incident_alert member = { .incident = 7, .host_name = "web-1", .summary = "CPU", .alert = alert };
    member.alert.muted = false;
    member.alert.was_us = 0; /* of what people are told nothing hangs on it */
    struct page page = page_of(21, 7, 1);
    add_tenant(f, 1);
    assert_int_equal(store_put_alert(f->store, 1, &alert), 0);
    assert_int_equal(store_put_event(f->store, &event), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(store_put_incident_alert(f->store, 1, &member), 0);
    assert_int_equal(store_put_page(f->store, &page), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    reopen_store(f);
    assert_memory_equal(&f->loaded.alert[0], &alert, sizeof alert);
    assert_memory_equal(&f->loaded.event[0], &event, sizeof event);
    assert_memory_equal(&f->loaded.incident[0], &incident, sizeof incident);
    assert_memory_equal(&f->loaded.incident_alert[0], &member, sizeof member);
    assert_memory_equal(&f->loaded.page[0], &page, sizeof page);
    assert_int_equal(f->loaded.marks.event, 9);
    assert_int_equal(f->loaded.marks.incident, 7);
    assert_int_equal(f->loaded.marks.page, 21);
}

static void gates_and_documents_of_events_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    static struct event_document document = { .event = 9 };
    static struct gate lint = { .event = 9,
                                .gate = GATE_LINT,
                                .state = GATE_OVERRIDDEN,
                                .evidence = "2 faults",
                                .by = "li",
                                .reason = "both are known",
                                .at_us = 77 };
    static struct gate hosts = {
        .event = 9, .gate = GATE_HOSTS, .state = GATE_FAILED, .evidence = "4 of 5 report", .by = "arming", .at_us = 78
    };
    memset(document.text, 'x', sizeof document.text - 1);
    add_tenant(f, 1);
    assert_int_equal(store_put_event_document(f->store, 1, &document), 0);
    assert_int_equal(store_put_gate(f->store, 1, &lint), 0);
    assert_int_equal(store_put_gate(f->store, 1, &hosts), 0);
    hosts.state = GATE_PASSED;
    assert_int_equal(store_put_gate(f->store, 1, &hosts), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    reopen_store(f);
    assert_true(f->loaded.event_documents == 1 && f->loaded.gates == 2);
    assert_memory_equal(&f->loaded.event_document[0], &document, sizeof document);
    assert_memory_equal(&f->loaded.gate[0], &hosts, sizeof hosts); /* by name */
    assert_memory_equal(&f->loaded.gate[1], &lint, sizeof lint);
}

static void contracts_packs_and_draws_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    static struct contract contract = { .id = 1,
                                        .tenant = 1,
                                        .plan = "enterprise",
                                        .first_day = "2026-01-01",
                                        .years = 2,
                                        .zone = "Asia/Shanghai",
                                        .calendar = "cn",
                                        .set_us = 5,
                                        .set_by = "li",
                                        .locked_us = 6 };
    static struct pack pack = { .id = 2,
                                .tenant = 1,
                                .kind = GRANT_ADVICE,
                                .days = 4,
                                .from_day = "2026-01-01",
                                .to_day = "2026-12-31",
                                .bought_us = 7,
                                .bought_by = "li" };
    static struct draw draw = { .id = 3,
                                .tenant = 1,
                                .kind = GRANT_ASSURANCE,
                                .event = 9,
                                .contract = 1,
                                .first_day = "2026-06-01",
                                .days = 3,
                                .state = DRAW_RETURNED,
                                .at_us = 8,
                                .by = "wang" };
    add_tenant(f, 1);
    assert_int_equal(store_put_contract(f->store, &contract), 0);
    assert_int_equal(store_put_pack(f->store, &pack), 0);
    assert_int_equal(store_put_draw(f->store, &draw), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    reopen_store(f);
    assert_memory_equal(&f->loaded.contract[0], &contract, sizeof contract);
    assert_memory_equal(&f->loaded.pack[0], &pack, sizeof pack);
    assert_memory_equal(&f->loaded.draw[0], &draw, sizeof draw);
    contract.years = 0;
    assert_int_equal(store_put_contract(f->store, &contract), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.contracts, 0);
    assert_int_equal(f->loaded.packs, 1);
}

static void a_row_written_twice_is_kept_as_it_was_last(void **state)
{
    struct fixture *f = *state;
    struct incident incident = incident_of(7, 0);
    for (int i = 0; i < 3; i++) {
        incident.clock = (unsigned)i + 1;
        assert_int_equal(store_put_incident(f->store, &incident), 0);
        if (i == 0)
            assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    }
    memset(incident.title, 'x', sizeof incident.title); /* the store has copied */
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.incidents, 1);
    assert_int_equal(f->loaded.incident[0].clock, 3);
    assert_string_equal(f->loaded.incident[0].title, incident_of(7, 0).title);
}

static void alerts_that_are_ok_are_deleted(void **state)
{
    struct fixture *f = *state;
    struct alert alert = alert_of(1);
    struct alert other = alert_of(2);
    assert_int_equal(store_put_alert(f->store, 0, &alert), 0);
    assert_int_equal(store_put_alert(f->store, 0, &other), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    alert.state = ALERT_OK;
    alert.value = NAN;
    memset(alert.rule + strlen(alert.rule) + 1, 'x', 4); /* what stands behind the end of a text is no part of it */
    assert_int_equal(store_put_alert(f->store, 0, &alert), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.alerts, 1);
    assert_string_equal(f->loaded.alert[0].instance, "cpu2");
}

static void pages_of_heartbeats_that_have_ended_are_deleted(void **state)
{
    struct fixture *f = *state;
    struct page ended = page_of(21, 0, 0), queued = page_of(22, 0, 0);
    ended.kind = queued.kind = PAGE_BEAT;
    ended.state = queued.state = PAGE_QUEUED;
    assert_int_equal(store_put_page(f->store, &ended), 0);
    assert_int_equal(store_put_page(f->store, &queued), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    ended.state = PAGE_DELIVERED;
    assert_int_equal(store_put_page(f->store, &ended), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.pages, 1);
    assert_int_equal(f->loaded.page[0].id, 22);
    assert_int_equal(f->loaded.page[0].kind, PAGE_BEAT);
}

static void an_alert_may_have_no_value(void **state)
{
    struct fixture *f = *state;
    struct alert alert = alert_of(1);
    alert.value = NAN;
    alert.state = ALERT_UNKNOWN;
    assert_int_equal(store_put_alert(f->store, 0, &alert), 0);
    reopen_store(f);
    assert_true(isnan(f->loaded.alert[0].value));
    assert_int_equal(f->loaded.alert[0].state, ALERT_UNKNOWN);
}

static void put_incident(struct fixture *f, uint64_t id, enum incident_state incident, uint64_t page_id,
                         enum page_state state)
{
    struct incident row = incident_of(id, 0);
    struct page page = page_of(page_id, id, 0);
    struct incident_alert member = { .incident = id, .alert = alert_of(1) };
    row.state = incident;
    page.state = state;
    page.delivered_us = state == PAGE_DELIVERED ? (int64_t)page_id * 60 * US_PER_S : 0;
    assert_int_equal(store_put_incident(f->store, &row), 0);
    assert_int_equal(store_put_incident_alert(f->store, 0, &member), 0);
    assert_int_equal(store_put_page(f->store, &page), 0);
}

static void incidents_nobody_works_on_or_is_to_be_told_of_stay_in_the_file_alone(void **state)
{
    struct fixture *f = *state;
    put_incident(f, 6, INCIDENT_RESOLVED, 1, PAGE_DELIVERED);
    put_incident(f, 7, INCIDENT_RESOLVED, 2, PAGE_QUEUED);
    put_incident(f, 8, INCIDENT_TRIGGERED, 3, PAGE_FAILED);
    put_incident(f, 9, INCIDENT_RESOLVED, 300, PAGE_DELIVERED); /* people have just heard of it */
    reopen_store(f);
    assert_int_equal(f->loaded.incidents, 3);
    assert_int_equal(f->loaded.incident[0].id, 7);
    assert_int_equal(f->loaded.incident[1].id, 8);
    assert_int_equal(f->loaded.incident[2].id, 9);
    assert_int_equal(f->loaded.incident_alerts, 3);
    assert_int_equal(f->loaded.pages, 3);
    assert_int_equal(f->loaded.page[0].id, 2);
    assert_int_equal(f->loaded.page[1].id, 3);
    assert_int_equal(f->loaded.page[2].id, 300);
}

static void what_was_told_in_the_last_minute_comes_back_however_much_it_is(void **state)
{
    struct fixture *f = *state;
    const int64_t told_us = 1800000000 * US_PER_S;
    for (uint64_t id = 1; id <= 600; id++) {
        struct page page = page_of(id, 0, 0);
        page.state = PAGE_DELIVERED;
        page.delivered_us = id <= 50 ? told_us - 70 * US_PER_S : told_us - (600 - (int64_t)id) * US_PER_S / 10;
        assert_int_equal(store_put_page(f->store, &page), 0);
    }
    reopen_store(f);
    assert_int_equal(f->loaded.pages, 550);
    assert_int_equal(f->loaded.page[0].id, 51);
}

static void an_anchor_comes_back_with_the_time_of_the_newest_stored_tick(void **state)
{
    struct fixture *f = *state;
    struct store_anchor anchor = { .host = 5, .run = run_of(1), .anchor_us = ANCHOR_US, .rtt_us = 900, .stored_us = 3 };
    assert_int_equal(store_put_anchor(f->store, 0, &anchor), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 60), 0);
    assert_int_equal(put_batch(f, 0, 6, 1, 1, 60), 0); /* has no anchor yet */
    reopen_store(f);
    assert_int_equal(f->loaded.anchors, 1);
    assert_int_equal(f->loaded.anchor[0].rtt_us, 900);
    assert_memory_equal(&f->loaded.anchor[0].run, &anchor.run, sizeof anchor.run);
    assert_int_equal(f->loaded.anchor[0].stored_us, ANCHOR_US + 60 * US_PER_S);
}

static void each_tenant_has_a_file_of_its_own(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    assert_int_equal(put_batch(f, 2, 6, 1, 1, 2), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 2);
    assert_int_equal(f->loaded.interval_tenant[0], 1);
    assert_int_equal(f->loaded.interval[0].host, 5);
    assert_int_equal(f->loaded.interval_tenant[1], 2);
    assert_int_equal(f->loaded.interval[1].host, 6);
    struct stat stat_of;
    assert_int_equal(stat(path_in(f, "tenant-2.db"), &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
}

static void highest_ids_are_known_even_when_their_file_is_lost(void **state)
{
    struct fixture *f = *state;
    add_tenant(f, 1);
    struct incident incident = incident_of(41, 1);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(store_put_beat(f->store, 1), 0);
    close_store(f);
    int fd = open(path_in(f, "tenant-1.db"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is no database, as everyone can see", 40), 40);
    close(fd);
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_true(f->loaded.marks.incident > 41);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(tenants_and_hosts_come_back_as_they_were),
        STORE_TEST(keys_and_invitations_come_back_until_they_are_gone),
        STORE_TEST(overrides_of_rotas_come_back),
        STORE_TEST(alerts_events_incidents_and_pages_come_back_as_they_were),
        STORE_TEST(gates_and_documents_of_events_come_back_as_they_were),
        STORE_TEST(contracts_packs_and_draws_come_back_as_they_were),
        STORE_TEST(a_row_written_twice_is_kept_as_it_was_last),
        STORE_TEST(alerts_that_are_ok_are_deleted),
        STORE_TEST(pages_of_heartbeats_that_have_ended_are_deleted),
        STORE_TEST(an_alert_may_have_no_value),
        STORE_TEST(incidents_nobody_works_on_or_is_to_be_told_of_stay_in_the_file_alone),
        STORE_TEST(what_was_told_in_the_last_minute_comes_back_however_much_it_is),
        STORE_TEST(an_anchor_comes_back_with_the_time_of_the_newest_stored_tick),
        STORE_TEST(each_tenant_has_a_file_of_its_own),
        STORE_TEST(highest_ids_are_known_even_when_their_file_is_lost),
    };
    return cmocka_run_group_tests_name("collector.store", tests, NULL, NULL);
}
