#include "collector/store/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

/* ---- what comes back ---- */

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

static void add_tenant(struct fixture *f, uint64_t id)
{
    struct tenant tenant = { .id = id, .name = "tenant" };
    assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
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
    add_tenant(f, 1);
    add_tenant(f, 2);
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

/* ---- groups ---- */

static void a_group_is_one_transaction(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    int before = faulty_vfs_wal_syncs();
    struct incident incident = incident_of(1, 1);
    for (uint64_t i = 2; i < 200; i++)
        assert_int_equal(put_batch(f, 1, 5 + i % 7, 1, i, 1), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(faulty_vfs_wal_syncs() - before, 1);
    assert_int_equal(store_counts(f->store).groups, 2);
}

static void a_group_waits_for_company_unless_it_is_urgent(void **state)
{
    struct fixture *f = *state;
    uv_run(&f->loop, UV_RUN_NOWAIT); /* new handles make the loop's wait 0 once */
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    int wait_ms = uv_backend_timeout(&f->loop);
    assert_true(wait_ms > 0 && wait_ms <= STORE_GATHER_US / US_PER_MS);
    store_hurry(f->store, STORE_TENANT, 1);
    assert_int_equal(uv_backend_timeout(&f->loop), 0);
}

static void without_hurry_a_group_closes_by_itself(void **state)
{
    struct fixture *f = *state;
    struct told told;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until(f, &told.done);
    assert_int_equal(told.rc, 0);
    assert_int_equal(store_counts(f->store).ticks, 1);
}

static void what_is_said_after_hurry_still_belongs_to_the_group(void **state)
{
    struct fixture *f = *state;
    struct told told;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    store_hurry(f->store, STORE_TENANT, 1);
    assert_int_equal(put_batch(f, 1, 5, 1, 2, 1), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until(f, &told.done);
    assert_int_equal(store_counts(f->store).groups, 1);
    assert_int_equal(store_counts(f->store).ticks, 2);
}

static void callbacks_come_in_the_order_of_calls(void **state)
{
    struct fixture *f = *state;
    struct told told[8];
    for (int i = 0; i < 8; i++) {
        if (i % 2 == 0)
            assert_int_equal(put_batch(f, 1, 5, 1, (uint64_t)i + 1, 1), 0);
        expect(f, &told[i], STORE_TENANT, 1);
        if (i % 3 == 0)
            store_hurry(f->store, STORE_TENANT, 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    run_until(f, &told[7].done);
    for (int i = 1; i < 8; i++)
        assert_int_equal(told[i].order, told[i - 1].order + 1);
}

static void a_callback_comes_even_when_there_is_nothing_to_write(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(commit(f, STORE_TENANT, 3), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(store_counts(f->store).groups, 0);
    assert_int_equal(access(path_in(f, "tenant-3.db"), F_OK), -1);
}

struct chain {
    struct store *store;
    int left;
    bool within;
    bool nested;
    bool done;
};

static void on_link(void *user, int rc)
{
    struct chain *chain = user;
    chain->nested |= chain->within || rc != 0;
    chain->within = true;
    if (chain->left-- > 0)
        store_then(chain->store, STORE_TENANT, 1, on_link, chain);
    else
        chain->done = true;
    chain->within = false;
}

static void a_callback_may_ask_for_another_and_is_never_called_within_a_call(void **state)
{
    struct fixture *f = *state;
    struct chain chain = { .store = f->store, .left = 5 };
    assert_int_equal(store_then(f->store, STORE_TENANT, 1, on_link, &chain), 0);
    run_until(f, &chain.done);
    assert_false(chain.nested);
}

static void closing_writes_what_is_gathered(void **state)
{
    struct fixture *f = *state;
    struct told told[2];
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 3), 0);
    expect(f, &told[0], STORE_TENANT, 0);
    store_hurry(f->store, STORE_TENANT, 0);
    uv_run(&f->loop, UV_RUN_NOWAIT); /* this one is in flight */
    assert_int_equal(put_batch(f, 0, 5, 1, 4, 3), 0);
    expect(f, &told[1], STORE_TENANT, 0);
    reopen_store(f);
    assert_true(told[0].done && told[0].rc == 0 && told[1].done && told[1].rc == 0);
    assert_int_equal(f->loaded.interval[0].last, 6);
    assert_int_equal(access(path_in(f, "tenant-0.db-wal"), F_OK), -1); /* all of it is in the file itself */
}

static void a_full_group_answers_eagain_until_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct packed *packed = malloc(sizeof *packed);
    assert_non_null(packed);
    pack(packed, 1, 5, 1, 1, 1, ANCHOR_US);
    packed->row.batch_bytes.len = BATCH_MAX;
    int rc;
    size_t taken = 0;
    while ((rc = store_batch(f->store, &packed->row, &f->err)) == 0) {
        packed->row.first++;
        taken++;
    }
    assert_int_equal(rc, -EAGAIN);
    assert_true(taken * BATCH_MAX <= STORE_GROUP_MAX && taken * BATCH_MAX > STORE_GROUP_MAX / 2);
    struct incident incident = incident_of(1, 1);
    assert_int_equal(store_put_incident(f->store, &incident), 0); /* bounded by what made it, never refused */
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(store_batch(f->store, &packed->row, &f->err), 0);
    assert_int_equal(store_counts(f->store).ticks, taken);
    free(packed);
}

static void batches_that_cannot_be_are_refused(void **state)
{
    struct fixture *f = *state;
    static struct packed packed;
    pack(&packed, 1, 5, 1, 1, 2, ANCHOR_US);
    struct store_batch bad[9];
    for (int i = 0; i < 9; i++)
        bad[i] = packed.row;
    bad[0].n_ticks = 0;
    bad[1].n_ticks = TICKS_MAX + 1;
    bad[2].first = 0;
    bad[3].first = INT64_MAX;
    bad[4].first_us = -1;
    bad[5].last_us = bad[5].first_us - 1;
    bad[6].batch_bytes.len = BATCH_MAX + 1;
    bad[7].batch_bytes.len = 0;
    bad[8].last_us = bad[8].first_us + STORE_SPAN_MAX_US + 1;
    for (int i = 0; i < 9; i++)
        assert_int_equal(store_batch(f->store, &bad[i], &f->err), -EINVAL);
}

static void counts_tell_what_was_stored(void **state)
{
    struct fixture *f = *state;
    static struct packed packed;
    pack(&packed, 1, 5, 1, 1, 10, ANCHOR_US);
    assert_int_equal(store_batch(f->store, &packed.row, NULL), 0);
    assert_int_equal(store_counts(f->store).ticks, 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    struct store_counts counts = store_counts(f->store);
    assert_int_equal(counts.ticks, 10);
    assert_int_equal(counts.samples, 30);
    assert_int_equal(store_commits(f->store).n, counts.groups);
    assert_int_equal(counts.bytes, packed.row.batch_bytes.len);
    assert_int_equal(counts.failed, 0);
}

/* Counts how often the WAL began anew; bytes 12..15 of its header, see fileformat2.html of SQLite. */
static uint32_t wal_generation(struct fixture *f)
{
    unsigned char bytes[4] = { 0 };
    int fd = open(path_in(f, "tenant-1.db-wal"), O_RDONLY);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 12), sizeof bytes);
    close(fd);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void the_wal_is_copied_into_the_file_and_begins_anew(void **state)
{
    struct fixture *f = *state;
    uint64_t tick = 1;
    assert_int_equal(put_batch(f, 1, 5, 1, tick++, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    uint32_t before = wal_generation(f);
    while (wal_generation(f) == before) {
        assert_int_equal(put_batch(f, 1, 5, 1, tick++, 1), 0);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    }
    reopen_store(f);
    assert_int_equal(store_counts(f->store).failed, 0);
}

/* ---- opening ---- */

static void a_second_collector_is_kept_out(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    assert_int_equal(store_open(&second, &f->loop, f->dir, &f->clock, &f->log, &f->err), -EBUSY);
    assert_non_null(strstr(f->err.text, "another collector holds"));
    assert_null(second);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void a_folder_that_cannot_be_made_or_written_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    assert_int_equal(store_open(&store, &f->loop, path_in(f, "no/such"), &f->clock, &f->log, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "cannot make"));
    assert_int_equal(store_open(&store, &f->loop, path_in(f, "lock"), &f->clock, &f->log, &f->err), -ENOTDIR);
    assert_non_null(strstr(f->err.text, "cannot write in"));
    assert_null(store);
}

static void run_sql(struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(f, file), &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static void a_registry_of_a_newer_warroom_is_left_alone(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    run_sql(f, "registry.db", "PRAGMA user_version = 99");
    assert_int_equal(store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err), -ENOTSUP);
    assert_non_null(strstr(f->err.text, "newer Warroom"));
    run_sql(f, "registry.db", "PRAGMA user_version = 5");
    uv_run(&f->loop, UV_RUN_DEFAULT);
    open_store(f);
}

/* As the first version made it. */
static void a_registry_of_before_there_were_keys_is_taken_over(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    assert_int_equal(unlink(path_in(f, "registry.db")), 0);
    run_sql(f, "registry.db",
            "CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_us INTEGER NOT NULL);"
            "CREATE TABLE host (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL,"
            "  host_group TEXT NOT NULL, limit_egress REAL, limit_ingress REAL, limit_connections REAL,"
            "  limit_new_connections REAL, limit_disk_read REAL, limit_disk_write REAL, enrolled_us INTEGER NOT NULL);"
            "CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "INSERT INTO tenant VALUES (1, 'acme', 77);"
            "INSERT INTO host VALUES (7, 1, 'web-1', 'web', NULL, NULL, NULL, NULL, NULL, NULL, 88);"
            "INSERT INTO mark VALUES ('beat_us', 12345);"
            "PRAGMA application_id = 0x57524d52; PRAGMA user_version = 1;");
    open_store(f);
    reopen_store(f);
    assert_int_equal(f->loaded.tenants, 1);
    assert_int_equal(f->loaded.hosts, 1);
    assert_string_equal(f->loaded.host[0].name, "web-1");
    assert_int_equal(f->loaded.host[0].standing, HOST_ACTIVE);
    assert_string_equal(f->loaded.host[0].labels, "");
    assert_int_equal(f->loaded.host_keys, 0);
    assert_int_equal(f->loaded.tokens, 0);
    assert_int_equal(f->loaded.rota_overrides, 0);
    assert_int_equal(f->loaded.marks.beat_us, 12345);
}

static void a_database_that_is_not_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    assert_int_equal(unlink(path_in(f, "registry.db")), 0);
    run_sql(f, "registry.db", "CREATE TABLE theirs (x)");
    assert_int_equal(store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "not a registry file of Warroom"));
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void a_copy_of_another_tenants_file_is_refused(void **state)
{
    struct fixture *f = *state;
    add_tenant(f, 1);
    add_tenant(f, 2);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    close_store(f);
    char from[128];
    snprintf(from, sizeof from, "%s", path_in(f, "tenant-1.db"));
    assert_int_equal(rename(from, path_in(f, "tenant-2.db")), 0);
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(f->loaded.intervals, 0);
    assert_true(store_fault(f->store, STORE_TENANT, 2));
    assert_false(store_fault(f->store, STORE_TENANT, 1));
    assert_true(was_logged(f, "holds tenant 1, not 2"));
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
        STORE_TEST(an_anchor_comes_back_with_the_time_of_the_newest_stored_tick),
        STORE_TEST(each_tenant_has_a_file_of_its_own),
        STORE_TEST(highest_ids_are_known_even_when_their_file_is_lost),
        STORE_TEST(a_group_is_one_transaction),
        STORE_TEST(a_group_waits_for_company_unless_it_is_urgent),
        STORE_TEST(without_hurry_a_group_closes_by_itself),
        STORE_TEST(what_is_said_after_hurry_still_belongs_to_the_group),
        STORE_TEST(callbacks_come_in_the_order_of_calls),
        STORE_TEST(a_callback_comes_even_when_there_is_nothing_to_write),
        STORE_TEST(a_callback_may_ask_for_another_and_is_never_called_within_a_call),
        STORE_TEST(closing_writes_what_is_gathered),
        STORE_TEST(a_full_group_answers_eagain_until_it_is_written),
        STORE_TEST(batches_that_cannot_be_are_refused),
        STORE_TEST(counts_tell_what_was_stored),
        STORE_TEST(the_wal_is_copied_into_the_file_and_begins_anew),
        STORE_TEST(a_second_collector_is_kept_out),
        STORE_TEST(a_folder_that_cannot_be_made_or_written_is_an_error),
        STORE_TEST(a_registry_of_a_newer_warroom_is_left_alone),
        STORE_TEST(a_registry_of_before_there_were_keys_is_taken_over),
        STORE_TEST(a_database_that_is_not_ours_is_refused),
        STORE_TEST(a_copy_of_another_tenants_file_is_refused),
    };
    return cmocka_run_group_tests_name("collector.store", tests, NULL, NULL);
}
