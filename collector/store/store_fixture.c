#include "collector/store/store_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/folder_fixture.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "proto/codec/codec.h"

const char fixture_drop_ways[] = "ALTER TABLE incident DROP COLUMN policy;"
                                 "ALTER TABLE incident DROP COLUMN turn;"
                                 "ALTER TABLE incident DROP COLUMN step;"
                                 "ALTER TABLE incident DROP COLUMN steps_us;"
                                 "ALTER TABLE incident DROP COLUMN expires_us;"
                                 "ALTER TABLE incident DROP COLUMN damped_us;"
                                 "ALTER TABLE incident DROP COLUMN flaps;"
                                 "ALTER TABLE incident DROP COLUMN warned_pct;"
                                 "ALTER TABLE incident DROP COLUMN held;"
                                 "ALTER TABLE incident DROP COLUMN assigned_to;"
                                 "ALTER TABLE incident DROP COLUMN rehearsal;"
                                 "ALTER TABLE page DROP COLUMN channel;"
                                 "ALTER TABLE page DROP COLUMN address;"
                                 "ALTER TABLE page DROP COLUMN step;"
                                 "ALTER TABLE page DROP COLUMN turn;"
                                 "ALTER TABLE page DROP COLUMN class;"
                                 "ALTER TABLE page DROP COLUMN text;"
                                 "DROP TABLE IF EXISTS capacity_check;"
                                 "DROP TABLE IF EXISTS capacity_piece;"
                                 "DROP TABLE IF EXISTS capacity_span;";

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat;
    (void)flag;
    (void)walk;
    return remove(path);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_non_null(mkdtemp(folder_template(f->dir, sizeof f->dir, "warroom-store")));
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->fake = (struct clock_fake){ .mono_ns = NS_PER_S, .wall_ns = INT64_C(1795400000) * NS_PER_S };
    f->clock = clock_of_fake(&f->fake);
    f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .least = LOG_DEBUG, .clock = &f->clock };
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    open_store(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    close_store(f);
    int rc = uv_loop_close(&f->loop);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    close(f->log.fd);
    free(f);
    return rc;
}

void close_store(struct fixture *f)
{
    f->store = store_close(f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

void open_store(struct fixture *f)
{
    if (store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err) < 0)
        fail_msg("%s", f->err.text);
}

void reopen_store(struct fixture *f)
{
    close_store(f);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
}

const char *path_in(struct fixture *f, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

bool was_logged(struct fixture *f, const char *text)
{
    static char log[1 << 16];
    ssize_t n = pread(f->log.fd, log, sizeof log - 1, 0);
    log[n > 0 ? n : 0] = '\0';
    return strstr(log, text);
}

void run_until(struct fixture *f, const bool *done)
{
    while (!*done)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* ---- answers ---- */

static void on_told(void *user, int rc)
{
    static int order;
    struct told *told = user;
    told->done = true;
    told->rc = rc;
    told->order = ++order;
}

void expect(struct fixture *f, struct told *told, enum store_file file, uint64_t tenant)
{
    *told = (struct told){ .done = false };
    assert_int_equal(store_then(f->store, file, tenant, on_told, told), 0);
    assert_false(told->done);
}

int commit(struct fixture *f, enum store_file file, uint64_t tenant)
{
    struct told told;
    expect(f, &told, file, tenant);
    store_hurry(f->store, file, tenant);
    run_until(f, &told.done);
    return told.rc;
}

void add_tenant(struct fixture *f, uint64_t id)
{
    struct tenant tenant = { .id = id, .name = "tenant" };
    assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
}

void add_tenants(struct fixture *f)
{
    add_tenant(f, 1);
    add_tenant(f, 2);
}

/* ---- reading back ---- */

#define KEEP(list, array, count)                                                                                       \
    do {                                                                                                               \
        if ((list)->count < FIXTURE_KEPT)                                                                              \
            (list)->array[(list)->count] = *row;                                                                       \
        (list)->count++;                                                                                               \
    } while (0)

static void on_tenant(void *user, const struct tenant *row)
{
    KEEP((struct loaded *)user, tenant, tenants);
}

static void on_host(void *user, const struct host *row)
{
    KEEP((struct loaded *)user, host, hosts);
}

static void on_host_key(void *user, const struct host_key *row)
{
    KEEP((struct loaded *)user, host_key, host_keys);
}

static void on_token(void *user, const struct token *row)
{
    KEEP((struct loaded *)user, token, tokens);
}

static void on_rota_override(void *user, const struct rota_override *row)
{
    KEEP((struct loaded *)user, rota_override, rota_overrides);
}

static void on_interval(void *user, uint64_t tenant, const struct store_interval *row)
{
    struct loaded *loaded = user;
    if (loaded->intervals < FIXTURE_KEPT)
        loaded->interval_tenant[loaded->intervals] = tenant;
    KEEP(loaded, interval, intervals);
}

static void on_anchor(void *user, uint64_t tenant, const struct store_anchor *row)
{
    (void)tenant;
    KEEP((struct loaded *)user, anchor, anchors);
}

static void on_alert(void *user, uint64_t tenant, const struct alert *row)
{
    (void)tenant;
    KEEP((struct loaded *)user, alert, alerts);
}

static void on_event(void *user, const struct event *row)
{
    KEEP((struct loaded *)user, event, events);
}

static void on_event_document(void *user, const struct event_document *row)
{
    KEEP((struct loaded *)user, event_document, event_documents);
}

static void on_gate(void *user, const struct gate *row)
{
    KEEP((struct loaded *)user, gate, gates);
}

static void on_incident(void *user, const struct incident *row)
{
    KEEP((struct loaded *)user, incident, incidents);
}

static void on_incident_alert(void *user, const struct incident_alert *row)
{
    KEEP((struct loaded *)user, incident_alert, incident_alerts);
}

static void on_page(void *user, const struct page *row)
{
    KEEP((struct loaded *)user, page, pages);
}

static void on_contract(void *user, const struct contract *row)
{
    KEEP((struct loaded *)user, contract, contracts);
}

static void on_pack(void *user, const struct pack *row)
{
    KEEP((struct loaded *)user, pack, packs);
}

static void on_draw(void *user, const struct draw *row)
{
    KEEP((struct loaded *)user, draw, draws);
}

int load_store(struct fixture *f)
{
    memset(&f->loaded, 0, sizeof f->loaded);
    struct store_loader loader = {
        .tenant = on_tenant,
        .host = on_host,
        .host_key = on_host_key,
        .token = on_token,
        .rota_override = on_rota_override,
        .interval = on_interval,
        .anchor = on_anchor,
        .alert = on_alert,
        .event = on_event,
        .event_document = on_event_document,
        .gate = on_gate,
        .incident = on_incident,
        .incident_alert = on_incident_alert,
        .page = on_page,
        .contract = on_contract,
        .pack = on_pack,
        .draw = on_draw,
        .user = &f->loaded,
    };
    return store_load(f->store, &loader, &f->loaded.marks, &f->err);
}

/* ---- rows ---- */

struct run_id run_of(uint8_t n)
{
    struct run_id run;
    memset(run.bytes, n, sizeof run.bytes);
    return run;
}

struct alert alert_of(unsigned n)
{
    struct alert alert = {
        .host = 70 + n,
        .rule = "cpu-high",
        .metric = "system.cpu.utilization",
        .state = ALERT_FIRING,
        .crossed_us = 1000 + n,
        .was_us = 900 + n,
        .changed_us = 2000 + n,
        .value = 0.97,
        .threshold = 0.9,
        .unit = "By/s",
        .severity = SEVERITY_CRITICAL,
        .page = true,
        .muted = true,
    };
    snprintf(alert.instance, sizeof alert.instance, "cpu%u", n);
    return alert;
}

struct event event_of(uint64_t id, uint64_t tenant)
{
    return (struct event){
        .id = id,
        .tenant = tenant,
        .name = "double eleven",
        .zone = "Asia/Shanghai",
        .hosts = "web-*,db-1",
        .labels = "role=web",
        .drill = true,
        .late_request = true,
        .state = EVENT_LIVE,
        .days = 3,
        .start_us = 10,
        .end_us = 20,
        .created_us = 5,
        .requested_us = 6,
        .accepted_us = 7,
        .arming_us = 8,
        .arming_by = "li",
        .armed_us = 9,
        .unarmed_us = 10,
        .started_us = 11,
        .closing_us = 21,
        .reported_us = 22,
        .closed_us = 23,
        .by = "clock",
    };
}

struct incident incident_of(uint64_t id, uint64_t tenant)
{
    return (struct incident){
        .id = id,
        .tenant = tenant,
        .event = 3,
        .group = "web",
        .title = "CPU utilisation above 90 % on web-1",
        .state = INCIDENT_TRIGGERED,
        .severity = SEVERITY_CRITICAL,
        .clock = 1,
        .late = true,
        .breached = true,
        .crossed_us = 100,
        .detected_us = 101,
        .delivered_us = 102,
        .n_alerts = 1,
    };
}

struct page page_of(uint64_t id, uint64_t incident, uint64_t tenant)
{
    return (struct page){
        .id = id,
        .tenant = tenant,
        .incident = incident,
        .kind = PAGE_TRIGGER,
        .contact = "night shift",
        .key = "7-trigger-1-night shift",
        .state = PAGE_QUEUED,
        .attempts = 2,
        .created_us = 100,
        .next_us = 900,
        .status = 503,
        .error = "HTTP 503",
    };
}

/* ---- batches ---- */

static const struct series sample_series[] = {
    { "cpu", "", "1", 0 },
    { "disk.read", "vda", "By/s", 0 },
    { "disk.read", "vdb", "By/s", 0 },
};

void pack(struct packed *ret, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n,
          int64_t anchor_us)
{
    pack_apart(ret, tenant, host, run, first, n, anchor_us, US_PER_S);
}

void pack_apart(struct packed *ret, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n,
                int64_t anchor_us, int64_t apart_us)
{
    enum { SERIES = 3 };
    static int64_t mono_us[TICKS_MAX];
    static int64_t values[SERIES][TICKS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        int64_t t = (int64_t)(first + i);
        mono_us[i] = t * apart_us;
        values[0][i] = t;
        values[1][i] = 2 * t;
        values[2][i] = t % 4 == 0 ? 7 : FIXED_ABSENT;
    }
    struct series_table table = { .n = SERIES, .at = sample_series };
    struct column columns[SERIES] = { { .fixed = values[0] }, { .fixed = values[1] }, { .fixed = values[2] } };
    size_t table_len;
    size_t batch_len;
    assert_int_equal(codec_encode_table(&table, ret->table, sizeof ret->table, &table_len, NULL), 0);
    struct batch batch = { .run = run_of(run),
                           .table = codec_table_hash(ret->table, table_len),
                           .first = first,
                           .n_ticks = n,
                           .n_columns = SERIES,
                           .mono_us = mono_us,
                           .wall_us = mono_us,
                           .columns = columns };
    assert_int_equal(codec_encode_batch(&batch, ret->batch, sizeof ret->batch, &batch_len, NULL), 0);
    ret->row = (struct store_batch){
        .tenant = tenant,
        .host = host,
        .run = batch.run,
        .first = first,
        .n_ticks = n,
        .anchor_us = anchor_us,
        .first_us = anchor_us + mono_us[0],
        .last_us = anchor_us + mono_us[n - 1],
        .table = batch.table,
        .table_bytes = { ret->table, table_len },
        .batch_bytes = { ret->batch, batch_len },
    };
}

int put_batch(struct fixture *f, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n)
{
    struct packed packed;
    pack(&packed, tenant, host, run, first, n, ANCHOR_US);
    return store_batch(f->store, &packed.row, &f->err);
}

/* ---- the ledger ---- */

int put_entry(struct fixture *f, uint64_t tenant, const char *body)
{
    struct ledger_entry entry = { .tenant = tenant,
                                  .at_us = ANCHOR_US,
                                  .kind = "event",
                                  .event = 7,
                                  .incident = 41,
                                  .actor = "alice",
                                  .body = body };
    return store_put_ledger(f->store, &entry);
}

struct reading_ledger {
    struct ledger *ret;
    uint64_t tenant;
    struct ledger_hash hash;
    bool done, more;
};

static void on_ledger(void *user, const struct store_ledger *result, const struct err *err)
{
    static uint8_t bytes[LEDGER_BYTES_MAX];
    struct reading_ledger *reading = user;
    assert_null(err);
    for (size_t i = 0; i < result->n; i++) {
        const struct store_ledger_row *row = &result->at[i];
        size_t len;
        assert_int_equal(row->entry.tenant, reading->tenant);
        assert_int_equal(row->entry.n, ++reading->ret->n);
        assert_int_equal(ledger_encode(&row->entry, bytes, &len, NULL), 0);
        reading->hash = ledger_chain(&reading->hash, bytes, len);
        assert_memory_equal(&row->hash, &reading->hash, sizeof row->hash);
        snprintf(reading->ret->last_body, sizeof reading->ret->last_body, "%s", row->entry.body);
    }
    reading->more = result->more;
    reading->done = true;
}

void read_ledger(struct fixture *f, uint64_t tenant, struct ledger *ret)
{
    *ret = (struct ledger){ 0 };
    struct reading_ledger reading = { .ret = ret, .tenant = tenant, .more = true };
    while (reading.more) {
        struct store_ledger_query query = {
            .tenant = tenant, .oldest_first = true, .behind = ret->n, .most = STORE_LEDGER_MOST
        };
        reading.done = false;
        assert_int_equal(store_ledger(f->store, &query, on_ledger, &reading, &f->err), 0);
        run_until(f, &reading.done);
    }
}
