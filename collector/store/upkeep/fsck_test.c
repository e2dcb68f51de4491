/* Files with something wrong in them: found, and the row named. */
#include "collector/store/pack/pack_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/pack/pack.h"
#include "collector/store/upkeep/fsck.h"

static struct world *world;

static const struct ledger_public *signer; /* NULL: anybody */

struct said {
    size_t n;
    char text[8192];
};

static int setup(void **state)
{
    int rc = fixture_setup(state);
    world = world_new(*state);
    struct tenant tenant = { .id = WORLD_TENANT, .name = "acme" };
    assert_int_equal(store_put_tenant(world->f->store, &tenant), 0);
    for (uint64_t id = 1; id < WORLD_HOSTS; id++) {
        struct host host = { .id = id, .tenant = WORLD_TENANT, .group = "web" };
        snprintf(host.name, sizeof host.name, "web-%u", (unsigned)id);
        assert_int_equal(store_put_host(world->f->store, &host), 0);
    }
    assert_int_equal(commit(world->f, STORE_REGISTRY, 0), 0);
    return rc;
}

static int teardown(void **state)
{
    world_free(world);
    signer = NULL;
    return fixture_teardown(state);
}

#define FSCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NOW             world_now_us(world)

static void say(void *user, const char *line)
{
    struct said *said = user;
    said->n++;
    size_t len = strlen(said->text);
    snprintf(said->text + len, sizeof said->text - len, "%s\n", line);
}

static int check(const char *tenant, struct said *said, struct fsck_report *report)
{
    *said = (struct said){ .n = 0 };
    struct fsck_order order = { world->f->dir, tenant, NOW, STORE_RETENTION, say, said, signer };
    return fsck_run(&order, report, &world->f->err);
}

static void finds(const char *what)
{
    struct said said;
    struct fsck_report report;
    assert_int_equal(check("acme", &said, &report), 0);
    assert_int_equal(report.findings, said.n);
    if (!strstr(said.text, what))
        fail_msg("\"%s\" is not in: %s", what, said.text);
}

static void finds_nothing(uint64_t ticks)
{
    struct said said;
    struct fsck_report report;
    assert_int_equal(check("all", &said, &report), 0);
    if (said.n > 0)
        fail_msg("%s", said.text);
    assert_int_equal(report.ticks, ticks);
}

/* Ticks of every stage, rollups and sketches; the store is closed behind them. */
static uint64_t fill(void)
{
    world_put(world, 1, 1, 1, 4000, 50, NOW - 30 * PACK_HOUR_US, US_PER_S, 0);
    world_put(world, 2, 1, 1, 900, 60, NOW - 900 * US_PER_S, US_PER_S, 1);
    world_pack(world);
    world_put(world, 2, 1, 901, 60, 60, NOW, US_PER_S, 1);
    world_pack(world);
    world_put(world, 2, 1, 961, 30, 7, NOW + 60 * US_PER_S, US_PER_S, 1);
    close_store(world->f);
    return 4990;
}

static void sound_files_are_found_sound(void **state)
{
    (void)state;
    uint64_t ticks = fill();
    finds_nothing(ticks);
    struct said said;
    struct fsck_report report;
    assert_int_equal(check("1", &said, &report), 0);
    assert_int_equal(report.files, 1);
    assert_true(report.rows > 8);
    assert_int_equal(report.ticks, ticks);
    assert_int_equal(check("nobody", &said, &report), -ENOENT);
    assert_int_equal(check("77", &said, &report), -ENOENT);
    open_store(world->f);
}

static void a_running_collector_is_not_disturbed(void **state)
{
    struct said said;
    struct fsck_report report;
    (void)state;
    assert_int_equal(check("all", &said, &report), -EBUSY);
    assert_non_null(strstr(world->f->err.text, "stop it first"));
}

/* ---- rows that are wrong ---- */

static void sql(const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path_in(world->f, "tenant-1.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

static void rows_that_contradict_each_other_are_named(void **state)
{
    static const struct {
        const char *sql, *what;
    } cases[] = {
        { "DELETE FROM block WHERE id = (SELECT min(id) FROM block)", "are in no row, but should be" },
        { "DELETE FROM batch WHERE first = 968", "ticks 968..974 of run 2 (host web-2) are in no row" },
        { "INSERT INTO batch (run, first, n, first_us, last_us, anchor_us, series_table, slot, bytes, sum) SELECT run,"
          " first, n, first_us, last_us, anchor_us, series_table, slot, bytes, sum FROM batch WHERE first = 968",
          "ticks 968..974 of run 2 (host web-2) are stored twice" },
        { "UPDATE interval SET last = 989 WHERE run = 2", "but nothing says that they are stored" },
        { "DELETE FROM interval WHERE run = 2", "but nothing says that they are stored" },
        { "INSERT INTO interval (run, first, last, first_us, last_us, span_us) SELECT run, 5000, 5001, first_us, "
          "last_us,"
          " 0 FROM interval WHERE run = 2",
          "ticks 5000..5001" },
        { "INSERT INTO interval (run, first, last, first_us, last_us, span_us) SELECT run, last + 1, last + 1, "
          "first_us,"
          " last_us, 0 FROM interval WHERE run = 2",
          "an interval that meets the one before it" },
        { "UPDATE batch SET first = 969 WHERE first = 968", "its columns and its bytes contradict each other" },
        { "UPDATE batch SET anchor_us = anchor_us + 1 WHERE first = 968", "contradict each other" },
        { "UPDATE batch SET sum = sum + 1 WHERE first = 968",
          "(host web-2, 2026-11-23T02:14:27.000Z to 2026-11-23T02:14:33.000Z, 7 ticks): its checksum" },
        { "UPDATE batch SET series_table = 77 WHERE first = 968", "its series table 77 is missing or damaged" },
        { "UPDATE batch SET run = 77 WHERE first = 968", "it is of a run that is not there" },
        { "UPDATE block SET n = n + 1 WHERE id = (SELECT min(id) FROM block)", "contradict each other" },
        { "UPDATE block SET level = 9 WHERE id = (SELECT min(id) FROM block)", "its level is none" },
        { "UPDATE block SET id = id + (86400 << 6) WHERE id = (SELECT max(id) FROM block)",
          "its number is not that of its time" },
        { "UPDATE block SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE id = (SELECT min(id) FROM block)",
          "block " },
        { "INSERT INTO draw VALUES (3, 1, 'advice', 0, 8, 0, '2026-12-01', 1, 'taken', 5, 'li')",
          "draw 3: it is of a contract that is not there" },
        { "INSERT INTO draw VALUES (3, 1, 'advice', 0, 0, 8, '2026-12-01', 1, 'taken', 5, 'li')",
          "draw 3: it is of a pack that is not there" },
        { "INSERT INTO draw VALUES (3, 1, 'advice', 0, 0, 0, '2026-12-01', 1, 'taken', 5, 'li')",
          "draw 3: it is not of one contract or one pack" },
        { "INSERT INTO pack VALUES (8, 1, 'advice', 1, '2026-01-01', '2026-12-31', 5, 'li');"
          "INSERT INTO draw VALUES (3, 1, 'advice', 0, 0, 8, '2026-12-01', 2, 'taken', 5, 'li')",
          "draw 3: it is of a pack of which more is drawn than it has" },
        { "UPDATE minute SET bytes = zeroblob(100) WHERE id = (SELECT min(id) FROM minute)", "minute " },
        { "UPDATE sketch SET bytes = zeroblob(100) WHERE id = (SELECT min(id) FROM sketch)", "sketch " },
        { "UPDATE series_table SET bytes = CAST('x' AS BLOB) WHERE id = 1",
          "series table 1: its bytes are not those its hash is of" },
        { "UPDATE host SET id = 12345 WHERE no = 1", "host 0000000000003039 is not in the registry" },
        { "UPDATE run SET run = zeroblob(16) WHERE id = 1", "it holds ticks of a run that is not there" },
        { "UPDATE mark SET value = 9 WHERE name = 'tenant'", "holds tenant 9, not 1" },
    };
    (void)state;
    fill();
    char whole[96], copy[96];
    snprintf(whole, sizeof whole, "%s", path_in(world->f, "tenant-1.db"));
    snprintf(copy, sizeof copy, "%s", path_in(world->f, "tenant-1.copy"));
    char save[256], back[256];
    snprintf(save, sizeof save, "cp %s %s", whole, copy);
    snprintf(back, sizeof back, "rm -f %s-wal %s-shm; cp %s %s", whole, whole, copy, whole);
    assert_int_equal(system(save), 0); /* NOLINT(cert-env33-c): paths of ours */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sql(cases[i].sql);
        finds(cases[i].what);
        assert_int_equal(system(back), 0); /* NOLINT(cert-env33-c) */
    }
    finds_nothing(4990);
    unlink(copy);
    open_store(world->f);
}

static void a_file_of_an_older_version_is_said_to_be_one_and_what_to_do(void **state)
{
    (void)state;
    struct said said;
    struct fsck_report report;
    fill();
    sql("PRAGMA user_version = 1; UPDATE mark SET value = value");
    assert_int_equal(check("acme", &said, &report), 0);
    assert_int_equal(said.n, 1);
    assert_non_null(strstr(said.text, "tenant-1.db: an older version wrote it (schema 1, this one's is "));
    assert_non_null(strstr(said.text, "start this collector on it once"));
}

static void registry_sql(const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(world->f, "registry.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void keys_and_invitations_that_cannot_be_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *what;
    } cases[] = {
        { "INSERT INTO host_key VALUES (randomblob(32), 99, 'active', 1)",
          "0000000000000063: a key is of this host, which is not there" },
        { "INSERT INTO host_key VALUES (randomblob(32), 1, 'active', 1), (randomblob(32), 1, 'active', 1)",
          "0000000000000001: more than one active key" },
        { "INSERT INTO host_key VALUES (randomblob(31), 1, 'active', 1)", "a row of host_key has no valid key" },
        { "INSERT INTO token VALUES (randomblob(32), 1, 99, '', 1, 1, 1)", "an invitation is of this host" },
        { "INSERT INTO token VALUES (randomblob(32), 1, 1, '', 1, 1, 1), (randomblob(32), 1, 1, '', 1, 1, 1)",
          "more than one invitation" },
        { "INSERT INTO token VALUES (randomblob(32), 9, 0, '', 1, 1, 1)", "an invitation is of this tenant" },
    };
    uint64_t ticks = fill();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said said;
        struct fsck_report report;
        registry_sql(cases[i].sql);
        assert_int_equal(check("all", &said, &report), 0);
        if (said.n != 1 || !strstr(said.text, cases[i].what))
            fail_msg("\"%s\" is not what is in: %s", cases[i].what, said.text);
        registry_sql("DELETE FROM host_key; DELETE FROM token");
    }
    registry_sql(
        "INSERT INTO host_key VALUES (randomblob(32), 1, 'active', 1), (randomblob(32), 1, 'revoked', 1);"
        "INSERT INTO token VALUES (randomblob(32), 1, 0, 'web', 1, 1, 1), (randomblob(32), 1, 1, '', 1, 1, 1)");
    finds_nothing(ticks);
    open_store(world->f);
}

static void what_retention_took_is_not_missed(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 4000, 500, NOW - 2 * PACK_DAY_US, US_PER_S, 0);
    world_pack(world);
    world_pass(world, 6 * PACK_DAY_US);
    world_put(world, 1, 2, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    close_store(world->f);
    finds_nothing(60);
    open_store(world->f);
}

/* Until all is gone that is older than AGO_US now; with it 60 ticks of another run come. */
static void let_expire(int64_t ago_us)
{
    world_pack(world);
    world_pass(world, 7 * PACK_DAY_US - ago_us);
    world_put(world, 1, 2, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    close_store(world->f);
}

static void a_host_that_stood_still_when_retention_came_by_misses_nothing(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 4000, 500, NOW - 8 * PACK_HOUR_US, US_PER_S, 0);
    world_put(world, 1, 1, 4001, 4000, 500, NOW - 2 * PACK_HOUR_US, US_PER_S, 1);
    let_expire(4 * PACK_HOUR_US);
    finds_nothing(4060);
    open_store(world->f);
}

/* On the average its ticks are minutes apart, and yet they are kept as seconds are. */
static void a_row_is_as_coarse_as_it_says(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 4000, 500, NOW - 8 * PACK_HOUR_US, US_PER_S, 0);
    world_put(world, 1, 1, 4001, 30, 30, NOW - 2 * PACK_HOUR_US, US_PER_S, 1);
    world_put(world, 1, 1, 4031, 30, 30, NOW - 600 * US_PER_S, US_PER_S, 1);
    let_expire(4 * PACK_HOUR_US);
    finds_nothing(120);
    open_store(world->f);
}

static void a_coarse_row_that_is_gone_is_missed_as_long_as_minutes_are_kept(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 4320, 480, NOW - 3 * PACK_DAY_US, PACK_MINUTE_US, 0);
    world_pack(world);
    world_pass(world, 30 * PACK_DAY_US);
    close_store(world->f);
    finds_nothing(4320);
    sql("DELETE FROM block WHERE id = (SELECT id FROM block ORDER BY id LIMIT 1 OFFSET 1)");
    finds("of run 1 (host web-1) are in no row, but should be");
    open_store(world->f);
}

/* One row holds ticks from before and from behind those that were in others, which were over sooner. */
static void of_a_row_of_several_parts_nobody_knows_whose_time_is_whose(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 10, 10, NOW - 2 * PACK_HOUR_US, US_PER_S, 0);
    world_put(world, 1, 1, 1000, 11, 11, NOW - 1800 * US_PER_S, US_PER_S, 0);
    world_pass(world, 3 * PACK_HOUR_US);
    world_pack(world);
    world_pass(world, 7 * PACK_DAY_US - 4 * PACK_HOUR_US);
    close_store(world->f);
    sql("DELETE FROM interval WHERE first = 1000");
    sql("UPDATE interval SET last = 1010, last_us = (SELECT last_us FROM block) WHERE first = 1");
    finds_nothing(21);
    open_store(world->f);
}

static void a_row_has_any_number_of_its_host_and_day(void **state)
{
    (void)state;
    uint64_t ticks = fill();
    sql("UPDATE block SET id = id + (70000 << 6) WHERE id = (SELECT max(id) FROM block)");
    finds_nothing(ticks);
    sql("UPDATE block SET id = id - (77000 << 6) WHERE id = (SELECT max(id) FROM block)");
    finds_nothing(ticks);
    sql("UPDATE block SET id = id - (7200 << 6) WHERE id = (SELECT max(id) FROM block)");
    finds("its number is not that of its time");
    open_store(world->f);
}

/* ---- one byte ---- */

static uint8_t *slurp(const char *path, size_t *ret_len)
{
    struct stat info = { .st_size = 0 };
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    uint8_t *bytes = malloc((size_t)info.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    *ret_len = (size_t)info.st_size;
    return bytes;
}

static void spit(const char *path, size_t at, uint8_t byte)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* All that the tables hold, as one number. */
static uint64_t contents(const char *path)
{
    static const char *const tables[] = { "batch", "block",  "dropped", "clock_step",   "host",  "interval",
                                          "mark",  "minute", "run",     "series_table", "sketch" };
    uint64_t sum = 14695981039346656037U;
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        char text[64];
        sqlite3_stmt *stmt;
        snprintf(text, sizeof text, "SELECT * FROM %s", tables[t]);
        if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
            fail_msg("%s", sqlite3_errmsg(db));
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(stmt); c++) {
                const uint8_t *bytes = sqlite3_column_blob(stmt, c);
                int len = sqlite3_column_bytes(stmt, c);
                sum = (sum ^ (uint64_t)len) * 1099511628211U;
                for (int i = 0; i < len; i++)
                    sum = (sum ^ bytes[i]) * 1099511628211U;
            }
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    }
    sqlite3_close(db);
    return sum;
}

/* A flipped byte is found, or nothing that is stored has changed by it: it lies in space that no row uses, or in one of
 * SQLite's own counters. */
static void a_flipped_byte_is_found_or_harmless(void **state)
{
    enum { FLIPS = 300 };
    struct said said;
    struct fsck_report report;
    size_t len, found = 0, named = 0;
    (void)state;
    world_put(world, 3, 1, 1, 12000, 500, NOW - 4 * PACK_HOUR_US, US_PER_S, 1);
    uint64_t ticks = 12000 + fill();
    char path[96];
    snprintf(path, sizeof path, "%s", path_in(world->f, "tenant-1.db"));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "VACUUM", NULL, NULL, NULL), SQLITE_OK); /* little is left unused */
    sqlite3_close(db);
    uint64_t before = contents(path);
    uint8_t *bytes = slurp(path, &len);
    for (uint32_t i = 0; i < FLIPS; i++) {
        size_t at = (size_t)((uint64_t)(i * 2654435769U) * len >> 32); /* the golden ratio: evenly all over the file */
        spit(path, at, bytes[at] ^ (uint8_t)(1U << i % 8));
        assert_int_equal(check("acme", &said, &report), 0);
        found += report.findings > 0;
        named += strstr(said.text, "(host web-") != NULL;
        if (report.findings == 0 && contents(path) != before)
            fail_msg("byte %zu of %zu: changed and not found", at, len);
        spit(path, at, bytes[at]);
    }
    free(bytes);
    assert_true(found > FLIPS / 2);
    assert_true(named > FLIPS / 2);
    finds_nothing(ticks);
    open_store(world->f);
}

static void a_ledger_that_was_tampered_with_is_found(void **state)
{
    static const struct {
        const char *sql, *finding;
        size_t n;
    } faults[] = {
        { "UPDATE ledger SET actor = 'bob' WHERE n = 2", "ledger entry 2: its columns and its bytes contradict", 1 },
        { "UPDATE ledger SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"x\":2', '\"x\":9') AS BLOB) WHERE n = 2",
          "ledger entry 2: its hash is not that of its bytes", 1 },
        { "DELETE FROM ledger WHERE n = 2", "ledger entry 3: it is the next one behind 1", 2 },
        { "DELETE FROM ledger WHERE n = 1", "ledger entry 2: it is the next one behind 0", 2 },
        { "UPDATE ledger SET bytes = x'' WHERE n = 3", "ledger entry 3: its bytes are no entry", 2 },
        { "UPDATE ledger SET actor = actor || char(0) || 'x' WHERE n = 2", "ledger entry 2: its columns and its bytes",
          1 },
        { "UPDATE ledger SET event = event + 0.5 WHERE n = 2", "ledger entry 2: its columns and its bytes", 1 },
        { "UPDATE ledger SET hash = x'00' WHERE n = 1", "ledger entry 1: its hash is not", 1 },
    };
    (void)state;
    for (int i = 1; i <= 3; i++) {
        char body[16];
        snprintf(body, sizeof body, "{\"x\":%d}", i);
        assert_int_equal(put_entry(world->f, WORLD_TENANT, body), 0);
    }
    close_store(world->f);
    struct said said;
    struct fsck_report report;
    assert_int_equal(check("acme", &said, &report), 0);
    assert_string_equal(said.text, "");
    world_sql(world, "CREATE TABLE kept AS SELECT * FROM ledger");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        world_sql(world, faults[i].sql);
        assert_int_equal(check("acme", &said, &report), 0);
        if (!strstr(said.text, faults[i].finding) || said.n != faults[i].n)
            fail_msg("%s\nyields:\n%s", faults[i].sql, said.text);
        world_sql(world, "DELETE FROM ledger; INSERT INTO ledger SELECT * FROM kept");
    }
    open_store(world->f);
}

/* Each beside the one that nobody can hide: the hashes fit each other. */
static void a_ledger_that_is_not_what_was_signed_is_found(void **state)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 5 }, other_seed[LEDGER_KEY_BYTES] = { 6 };
    struct ledger_key key, other;
    struct said said;
    struct fsck_report report;
    (void)state;
    assert_int_equal(ledger_key_of(&key, seed, NULL), 0);
    assert_int_equal(ledger_key_of(&other, other_seed, NULL), 0);
    store_sign(world->f->store, &key, false);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(put_entry(world->f, WORLD_TENANT, "{}"), 0);
    close_store(world->f);
    signer = &key.public_key;
    assert_int_equal(check("all", &said, &report), 0);
    assert_string_equal(said.text, "");
    signer = &other.public_key;
    assert_int_equal(check("all", &said, &report), 0);
    assert_non_null(strstr(said.text, "registry.db: ledger head of tenant"));
    assert_non_null(strstr(said.text, "signed by another key than the one in ledger.key"));
    finds("registry.db: ledger head of tenant 1: it is signed by another key than the one in ledger.key");
    signer = NULL;
    world_sql(world, "CREATE TABLE kept AS SELECT * FROM ledger; DELETE FROM ledger WHERE n = 3");
    finds("ledger: it ends at entry 2, and entries up to 3 were signed");
    world_sql(world, "DELETE FROM ledger; INSERT INTO ledger SELECT * FROM kept");
    registry_sql("UPDATE ledger_head SET hash = randomblob(32)");
    finds("ledger entries 1 to 3: they are not those that were signed");
    assert_int_equal(check("all", &said, &report), 0);
    assert_non_null(strstr(said.text, "it is not what was signed"));
    assert_int_equal(truncate(path_in(world->f, "tenant-1.db"), 0), 0);
    finds("it is empty, and its ledger was signed up to entry 3");
    assert_int_equal(unlink(path_in(world->f, "tenant-1.db")), 0);
    assert_int_equal(check("all", &said, &report), 0);
    assert_non_null(strstr(said.text, "it is not there, and its ledger was signed up to entry 3"));
    open_store(world->f);
}

static void a_head_that_was_taken_away_is_missed_once_there_must_have_been_one(void **state)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 5 };
    struct ledger_entry late = {
        .tenant = WORLD_TENANT, .at_us = ANCHOR_US + 60 * US_PER_S, .kind = "round", .actor = "clock", .body = "{}"
    };
    struct ledger_key key;
    struct said said;
    struct fsck_report report;
    (void)state;
    assert_int_equal(ledger_key_of(&key, seed, NULL), 0);
    signer = &key.public_key;
    assert_int_equal(put_entry(world->f, WORLD_TENANT, "{}"), 0);
    assert_int_equal(put_entry(world->f, WORLD_TENANT, "{}"), 0);
    close_store(world->f);
    assert_int_equal(check("acme", &said, &report), 0);
    assert_string_equal(said.text, "");
    open_store(world->f);
    assert_int_equal(store_put_ledger(world->f->store, &late), 0);
    close_store(world->f);
    finds("ledger: there is no head of its 3 entries: nobody has signed them");
    open_store(world->f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FSCK_TEST(sound_files_are_found_sound),
        FSCK_TEST(a_running_collector_is_not_disturbed),
        FSCK_TEST(rows_that_contradict_each_other_are_named),
        FSCK_TEST(a_file_of_an_older_version_is_said_to_be_one_and_what_to_do),
        FSCK_TEST(keys_and_invitations_that_cannot_be_are_found),
        FSCK_TEST(what_retention_took_is_not_missed),
        FSCK_TEST(a_host_that_stood_still_when_retention_came_by_misses_nothing),
        FSCK_TEST(a_row_is_as_coarse_as_it_says),
        FSCK_TEST(a_coarse_row_that_is_gone_is_missed_as_long_as_minutes_are_kept),
        FSCK_TEST(of_a_row_of_several_parts_nobody_knows_whose_time_is_whose),
        FSCK_TEST(a_row_has_any_number_of_its_host_and_day),
        FSCK_TEST(a_ledger_that_was_tampered_with_is_found),
        FSCK_TEST(a_ledger_that_is_not_what_was_signed_is_found),
        FSCK_TEST(a_head_that_was_taken_away_is_missed_once_there_must_have_been_one),
        FSCK_TEST(a_flipped_byte_is_found_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
