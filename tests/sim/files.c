#include "tests/sim/files.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/block/block.h"
#include "collector/store/block/sketch.h"
#include "proto/codec/codec.h"
#include "proto/metric/metric.h"
#include "tests/sim/check.h"
#include "tests/sim/room.h"

enum { TENANTS_MAX = 8 };
#define TIME_OFF_MAX_US (20 * US_PER_S) /* half the round trip of the slowest line */

static const char have_sql[] = "SELECT 1 FROM interval AS i JOIN run AS r ON r.id = i.run"
                               " WHERE r.host = ? AND r.run = ? AND i.first <= ? AND i.last >= ?";

static struct {
    sqlite3 *db;
    sqlite3_stmt *have;
} open_files[TENANTS_MAX];

static void finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

static void close_db(sqlite3 **db)
{
    sqlite3_close(*db);
}

/* NULL: there is no such file. */
static sqlite3 *open_file(uint64_t tenant)
{
    char path[256];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/tenant-%" PRIu64 ".db", room_dir(), tenant);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK) {
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_wal_autocheckpoint(db, 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        world_fail("%s: %s", sql, sqlite3_errmsg(db));
    return stmt;
}

static bool step(sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        world_fail("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
    return code == SQLITE_ROW;
}

sqlite3 *files_kept(uint64_t tenant)
{
    if (tenant >= TENANTS_MAX)
        world_fail("more tenants than the checker knows");
    if (!open_files[tenant].db)
        open_files[tenant].db = open_file(tenant);
    return open_files[tenant].db;
}

bool files_have(uint64_t tenant, uint64_t host, const struct run_id *run, uint64_t first, uint64_t last)
{
    sqlite3 *db = files_kept(tenant);
    if (!db)
        return false;
    if (!open_files[tenant].have)
        open_files[tenant].have = prepare(db, have_sql);
    sqlite3_stmt *stmt = open_files[tenant].have;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)host);
    sqlite3_bind_blob(stmt, 2, run->bytes, sizeof run->bytes, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)first);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)last);
    bool found = step(stmt);
    sqlite3_reset(stmt);
    return found;
}

void files_close(void)
{
    for (int i = 0; i < TENANTS_MAX; i++) {
        sqlite3_finalize(open_files[i].have);
        sqlite3_close(open_files[i].db);
        open_files[i].have = NULL;
        open_files[i].db = NULL;
    }
}

/* ---- the audit ---- */

struct audit {
    uint64_t tenant;
    struct arena arena;
    struct block_coder *coder;
    uint8_t **found;            /* by host, by serial: how often it is stored */
    uint64_t rolled[HOSTS_MAX]; /* by host: ticks whose blocks say that the rollups have them... */
    uint64_t sketched[HOSTS_MAX], minuted[HOSTS_MAX]; /* ...and those that are there */
    struct sim_host *hosts;
    struct files_counts counts;
};

static uint8_t *count_of(struct audit *audit, const struct sim_host *host, const struct run_id *run, uint64_t n)
{
    uint64_t serial = check_serial(host, run, n);
    if (serial == 0)
        world_fail("%s: a tick is stored that never was", host->name);
    return &audit->found[host - audit->hosts][serial];
}

static struct sim_host *host_of(const struct audit *audit, uint64_t id)
{
    struct sim_host *host = check_host(id);
    if (!host || host->tenant != audit->tenant)
        world_fail("tenant %" PRIu64 " holds ticks of a host that is not its own", audit->tenant);
    return host;
}

static void meet_tick(struct audit *audit, const struct sim_host *host, const struct run_id *run, uint64_t n,
                      int64_t serial, int64_t at_us)
{
    uint8_t *count = count_of(audit, host, run, n);
    const struct tick *tick = &host->ticks[serial > 0 && (size_t)serial <= host->n_ticks ? serial : 0];
    if (check_serial(host, run, n) != (uint64_t)serial)
        world_fail("%s: tick %" PRIu64 " of a run has the values of another", host->name, n);
    if (++*count > 1)
        world_fail("%s: tick %" PRIu64 " of a run (serial %" PRId64 ") is stored twice", host->name, n, serial);
    int64_t off_us = at_us > tick->at_us ? at_us - tick->at_us : tick->at_us - at_us;
    /* Of a run that nobody heard of, under a boot that is over, the wall clock is all there is. */
    if (off_us > TIME_OFF_MAX_US && !tick->misdated)
        world_fail("%s: tick %" PRId64 " is stored with a time %.3f s off", host->name, serial, (double)off_us / 1e6);
    if (off_us > audit->counts.worst_us)
        audit->counts.worst_us = off_us;
    audit->counts.ticks++;
}

static uint32_t serial_column(struct audit *audit, const void *bytes, int len)
{
    struct series_table table;
    if (codec_decode_table(bytes, (size_t)len, &audit->arena, &table, NULL) < 0)
        world_fail("a series table cannot be read");
    for (uint32_t i = 0; i < table.n; i++)
        if (strcmp(table.at[i].metric, metric_get(HOST_SERIAL)->key) == 0)
            return i;
    world_fail("a series table without serials");
}

static void audit_batches(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt = prepare(db, "SELECT r.host, b.first, b.n, b.anchor_us, t.bytes, b.bytes FROM batch AS b"
                                     " JOIN run AS r ON r.id = b.run JOIN series_table AS t ON t.id = b.series_table");
    while (step(stmt)) {
        struct batch batch;
        arena_reset(&audit->arena);
        const struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        uint32_t column = serial_column(audit, sqlite3_column_blob(stmt, 4), sqlite3_column_bytes(stmt, 4));
        if (codec_decode_batch(sqlite3_column_blob(stmt, 5), (size_t)sqlite3_column_bytes(stmt, 5), &audit->arena,
                               &batch, NULL) < 0)
            world_fail("%s: a batch cannot be read", host->name);
        if ((int64_t)batch.first != sqlite3_column_int64(stmt, 1) ||
            batch.n_ticks != (uint32_t)sqlite3_column_int(stmt, 2))
            world_fail("%s: a batch is not what its row says", host->name);
        for (uint32_t i = 0; i < batch.n_ticks; i++)
            meet_tick(audit, host, &batch.run, batch.first + i, batch.columns[column].fixed[i],
                      sqlite3_column_int64(stmt, 3) + batch.mono_us[i]);
    }
}

static void audit_block(struct audit *audit, const struct sim_host *host, const struct block *block, uint32_t column)
{
    uint32_t at = 0;
    audit->counts.packed += block->n_ticks;
    for (uint32_t p = 0; p < block->n_parts; p++)
        for (uint32_t i = 0; i < block->parts[p].n; i++, at++)
            meet_tick(audit, host, &block->parts[p].run, block->parts[p].first + i, block->columns[column].fixed[at],
                      block->at_us[at]);
}

static void audit_blocks(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt = prepare(db, "SELECT h.id, t.bytes, b.bytes, b.level FROM block AS b"
                                     " JOIN host AS h ON h.no = b.id >> 39"
                                     " JOIN series_table AS t ON t.id = b.series_table");
    while (step(stmt)) {
        struct block block;
        struct err err;
        arena_reset(&audit->arena);
        const struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        uint32_t column = serial_column(audit, sqlite3_column_blob(stmt, 1), sqlite3_column_bytes(stmt, 1));
        if (block_decode(audit->coder, sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2),
                         &audit->arena, &block, &err) < 0)
            world_fail("%s: %s", host->name, err.text);
        audit_block(audit, host, &block, column);
        if (sqlite3_column_int(stmt, 3) > 0)
            audit->rolled[host - audit->hosts] += block.n_ticks;
    }
}

static void audit_sketches(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt = prepare(db, "SELECT h.id, t.bytes, s.bytes FROM sketch AS s"
                                     " JOIN host AS h ON h.no = s.id >> 39"
                                     " JOIN series_table AS t ON t.id = s.series_table");
    while (step(stmt)) {
        struct sketches_view view;
        struct sketch sketch;
        arena_reset(&audit->arena);
        const struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        uint32_t column = serial_column(audit, sqlite3_column_blob(stmt, 1), sqlite3_column_bytes(stmt, 1));
        if (sketches_open(audit->coder, sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2),
                          &audit->arena, &view, NULL) < 0 ||
            sketches_read(&view, column, &audit->arena, &sketch, NULL) < 0)
            world_fail("%s: a row of sketches cannot be read", host->name);
        audit->sketched[host - audit->hosts] += sketch.count;
    }
}

static void audit_minutes(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt = prepare(db, "SELECT h.id, t.bytes, m.bytes FROM minute AS m"
                                     " JOIN host AS h ON h.no = m.id >> 39"
                                     " JOIN series_table AS t ON t.id = m.series_table");
    while (step(stmt)) {
        struct block block;
        arena_reset(&audit->arena);
        const struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        uint32_t column = serial_column(audit, sqlite3_column_blob(stmt, 1), sqlite3_column_bytes(stmt, 1));
        if (block_decode(audit->coder, sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2),
                         &audit->arena, &block, NULL) < 0)
            world_fail("%s: a row of minutes cannot be read", host->name);
        for (uint32_t i = 0; i < block.n_ticks; i++)
            audit->minuted[host - audit->hosts] += (uint64_t)block.columns[4 * column].fixed[i];
    }
}

/* Ticks a minute and more apart have no minutes: they are their own. */
static void audit_rollups(struct audit *audit, sqlite3 *db)
{
    audit_sketches(audit, db);
    audit_minutes(audit, db);
    for (size_t i = 0; i < HOSTS_MAX && audit->hosts[i].id; i++) {
        const char *name = audit->hosts[i].name;
        if (audit->hosts[i].tenant != audit->tenant)
            continue;
        if (audit->sketched[i] != audit->rolled[i])
            world_fail("%s: %" PRIu64 " ticks are in sketches, %" PRIu64 " should be", name, audit->sketched[i],
                       audit->rolled[i]);
        if (audit->minuted[i] > audit->rolled[i])
            world_fail("%s: %" PRIu64 " ticks are in minutes, %" PRIu64 " at most should be", name, audit->minuted[i],
                       audit->rolled[i]);
        audit->counts.minuted += audit->minuted[i];
    }
}

/* Each stored tick lies in one interval, and an interval holds none that is not stored. */
static void audit_intervals(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt =
        prepare(db, "SELECT r.host, r.run, i.first, i.last FROM interval AS i JOIN run AS r ON r.id = i.run"
                    " ORDER BY r.id, i.first");
    struct run_id before = { { 0 } };
    uint64_t last = 0;
    uint64_t ticks = 0;
    while (step(stmt)) {
        struct run_id run;
        const struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        memcpy(run.bytes, sqlite3_column_blob(stmt, 1), sizeof run.bytes);
        uint64_t first = (uint64_t)sqlite3_column_int64(stmt, 2);
        if (memcmp(&run, &before, sizeof run) == 0 && first <= last + 1)
            world_fail("%s: two intervals of a run meet at %" PRIu64, host->name, first);
        before = run;
        last = (uint64_t)sqlite3_column_int64(stmt, 3);
        for (uint64_t n = first; n <= last; n++, ticks++)
            if (*count_of(audit, host, &run, n) != 1)
                world_fail("%s: tick %" PRIu64 " of a run is in an interval and not stored", host->name, n);
    }
    if (ticks != audit->counts.ticks)
        world_fail("tenant %" PRIu64 ": %" PRIu64 " ticks stored, %" PRIu64 " in intervals", audit->tenant,
                   audit->counts.ticks, ticks);
}

static void audit_dropped(struct audit *audit, sqlite3 *db)
{
    AUTO(finalize)
    sqlite3_stmt *stmt =
        prepare(db, "SELECT r.host, r.run, d.first, d.last FROM dropped AS d JOIN run AS r ON r.id = d.run");
    while (step(stmt)) {
        struct run_id run;
        struct sim_host *host = host_of(audit, (uint64_t)sqlite3_column_int64(stmt, 0));
        memcpy(run.bytes, sqlite3_column_blob(stmt, 1), sizeof run.bytes);
        uint64_t last = (uint64_t)sqlite3_column_int64(stmt, 3);
        for (uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 2); n <= last; n++) {
            uint64_t serial = check_serial(host, &run, n);
            if (serial == 0)
                world_fail("%s: a tick is declared dropped that never was", host->name);
            host->ticks[serial].declared = true;
            host->ticks[serial].lost = audit->found[host - audit->hosts][serial] == 0;
            audit->counts.declared += host->ticks[serial].lost;
        }
    }
}

static void audit_host(const struct audit *audit, const struct sim_host *host, int64_t all_before_us)
{
    const uint8_t *found = audit->found[host - audit->hosts];
    for (size_t serial = 1; serial <= host->n_ticks; serial++) {
        const struct tick *tick = &host->ticks[serial];
        if (found[serial] == 0 && tick->acked)
            world_fail("%s: tick %zu was acked and is not stored", host->name, serial);
        if (found[serial] == 0 && tick->at_us < all_before_us && !tick->losable && !tick->declared)
            world_fail("%s: tick %zu (life %u) never came, and nothing can have lost it", host->name, serial,
                       tick->life);
    }
}

static struct files_counts audit_tenant(struct audit *audit)
{
    audit->counts = (struct files_counts){ 0 };
    AUTO(close_db) sqlite3 *db = open_file(audit->tenant);
    if (!db)
        return audit->counts;
    AUTO(finalize) sqlite3_stmt *check = prepare(db, "PRAGMA quick_check");
    if (!step(check) || strcmp((const char *)sqlite3_column_text(check, 0), "ok") != 0)
        world_fail("tenant %" PRIu64 ": %s", audit->tenant, sqlite3_column_text(check, 0));
    audit_batches(audit, db);
    audit_blocks(audit, db);
    audit_rollups(audit, db);
    audit_intervals(audit, db);
    audit_dropped(audit, db);
    return audit->counts;
}

struct files_counts files_audit(struct sim_host *hosts, size_t n_hosts, int64_t all_before_us)
{
    struct audit audit = { .hosts = hosts };
    struct files_counts sum = { 0 };
    uint8_t *found[HOSTS_MAX] = { NULL };
    uint64_t tenants = 0;
    audit.found = found;
    arena_init(&audit.arena, 64 << 20);
    if (block_coder_new(&audit.coder, NULL) < 0)
        world_fail("out of memory");
    for (size_t i = 0; i < n_hosts; i++) {
        found[i] = calloc(hosts[i].n_ticks + 1, 1);
        if (!found[i])
            world_fail("out of memory");
        tenants = hosts[i].tenant > tenants ? hosts[i].tenant : tenants;
    }
    for (audit.tenant = 1; audit.tenant <= tenants; audit.tenant++) {
        struct files_counts counts = audit_tenant(&audit);
        sum.ticks += counts.ticks;
        sum.packed += counts.packed;
        sum.minuted += counts.minuted;
        sum.declared += counts.declared;
        sum.worst_us = counts.worst_us > sum.worst_us ? counts.worst_us : sum.worst_us;
    }
    for (size_t i = 0; i < n_hosts; i++) {
        audit_host(&audit, &hosts[i], all_before_us);
        free(found[i]);
    }
    block_coder_free(audit.coder);
    arena_done(&audit.arena);
    return sum;
}

/* ---- incidents ---- */

static void text_of(sqlite3_stmt *stmt, int column, char *ret, size_t size)
{
    snprintf(ret, size, "%s", (const char *)sqlite3_column_text(stmt, column));
}

void files_each_incident(uint64_t tenant, void (*fn)(void *user, const struct files_incident *row), void *user)
{
    AUTO(close_db) sqlite3 *db = open_file(tenant);
    if (!db)
        return;
    AUTO(finalize)
    sqlite3_stmt *stmt =
        prepare(db, "SELECT id, event, host_group, title, clock, late, crossed_us, detected_us, resolved_us"
                    " FROM incident ORDER BY id");
    while (step(stmt)) {
        struct files_incident row = { .id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                      .tenant = tenant,
                                      .event = (uint64_t)sqlite3_column_int64(stmt, 1),
                                      .clock = (unsigned)sqlite3_column_int(stmt, 4),
                                      .late = sqlite3_column_int(stmt, 5),
                                      .crossed_us = sqlite3_column_int64(stmt, 6),
                                      .detected_us = sqlite3_column_int64(stmt, 7),
                                      .resolved_us = sqlite3_column_int64(stmt, 8) };
        text_of(stmt, 2, row.group, sizeof row.group);
        text_of(stmt, 3, row.title, sizeof row.title);
        fn(user, &row);
    }
}

void files_each_alert(uint64_t tenant, void (*fn)(void *user, const struct files_alert *row), void *user)
{
    AUTO(close_db) sqlite3 *db = open_file(tenant);
    if (!db)
        return;
    AUTO(finalize) sqlite3_stmt *stmt = prepare(db, "SELECT incident, host, rule, crossed_us FROM incident_alert");
    while (step(stmt)) {
        struct files_alert row = { .incident = (uint64_t)sqlite3_column_int64(stmt, 0),
                                   .host = (uint64_t)sqlite3_column_int64(stmt, 1),
                                   .crossed_us = sqlite3_column_int64(stmt, 3) };
        text_of(stmt, 2, row.rule, sizeof row.rule);
        fn(user, &row);
    }
}
