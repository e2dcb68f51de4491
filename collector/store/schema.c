#include "collector/store/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/auto.h"
#include "collector/store/db.h"

/* Comments within the parentheses stay in the file: sqlite3(1) shows them with .schema. */
static const char *const registry_steps[] = {
    "CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_us INTEGER NOT NULL);"
    "CREATE TABLE host (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL, host_group TEXT NOT NULL,"
    "  limit_egress REAL, limit_ingress REAL, limit_connections REAL, limit_new_connections REAL,"
    "  limit_disk_read REAL, limit_disk_write REAL /* By/s, By/s, 1, 1/s, By/s, By/s; NULL: not declared */,"
    "  enrolled_us INTEGER NOT NULL);"
    "CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL"
    "  /* beat_us: last sign of life; event, incident, page: highest id given by then */) WITHOUT ROWID;",

    "ALTER TABLE host ADD COLUMN state TEXT NOT NULL DEFAULT 'active' /* or 'retired' */;"
    "CREATE TABLE host_key (key BLOB PRIMARY KEY, host INTEGER NOT NULL, state TEXT NOT NULL, since_us INTEGER NOT "
    "NULL)"
    "  WITHOUT ROWID;"
    "CREATE TABLE token (hash BLOB PRIMARY KEY /* BLAKE2b-256 */, tenant INTEGER NOT NULL,"
    "  host INTEGER NOT NULL /* 0: whoever comes, as a new host */, host_group TEXT NOT NULL,"
    "  uses_left INTEGER NOT NULL, expires_us INTEGER NOT NULL, created_us INTEGER NOT NULL) WITHOUT ROWID;",

    "ALTER TABLE host ADD COLUMN labels TEXT NOT NULL DEFAULT '' /* 'role=web,site=sh' */;",

    "CREATE TABLE ledger_head (tenant INTEGER PRIMARY KEY, n INTEGER NOT NULL /* entries, the last one... */,"
    "  hash BLOB NOT NULL /* ...with this hash... */, at_us INTEGER NOT NULL /* ...at this time, says the owner of */,"
    "  key BLOB NOT NULL /* public, Ed25519 */, signature BLOB NOT NULL);",

    "CREATE TABLE rota_override (id INTEGER PRIMARY KEY /* of those over one time the highest counts */,"
    "  rota TEXT NOT NULL, contact TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,"
    "  made_by TEXT NOT NULL, reason TEXT NOT NULL, made_us INTEGER NOT NULL);",
};

static const char *const tenant_steps[] = {
    "CREATE TABLE run (id INTEGER PRIMARY KEY, host INTEGER NOT NULL, run BLOB NOT NULL,"
    "  anchor_us INTEGER, rtt_us INTEGER, stored_us INTEGER /* NULL: no anchor yet */);"
    "CREATE UNIQUE INDEX run_by_host ON run (host, run);"
    "CREATE TABLE series_table (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL"
    "  /* empty: not known yet */);"
    "CREATE TABLE interval (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL /* ticks first..last are stored */, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    "  span_us INTEGER NOT NULL /* the longest batch among them */);"
    "CREATE INDEX interval_by_run ON interval (run, first);"
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, anchor_us INTEGER NOT NULL,"
    "  series_table INTEGER NOT NULL, slot INTEGER NOT NULL /* second of its first tick */, bytes BLOB NOT NULL);"
    "CREATE INDEX batch_by_slot ON batch (slot, run);"
    "CREATE TABLE alert (host INTEGER, rule TEXT, metric TEXT, instance TEXT, state TEXT NOT NULL,"
    "  crossed_us INTEGER NOT NULL, changed_us INTEGER NOT NULL, value REAL, threshold REAL,"
    "  severity TEXT NOT NULL, page INTEGER NOT NULL,"
    "  PRIMARY KEY (host, rule, metric, instance)) WITHOUT ROWID;"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL, zone TEXT NOT NULL,"
    "  hosts TEXT NOT NULL, state TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL, started_us INTEGER NOT NULL, closed_us INTEGER NOT NULL, changed_by TEXT NOT NULL);"
    "CREATE TABLE incident (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, event INTEGER NOT NULL,"
    "  host_group TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,"
    "  clock INTEGER NOT NULL, late INTEGER NOT NULL, breached INTEGER NOT NULL, crossed_us INTEGER NOT NULL,"
    "  detected_us INTEGER NOT NULL, delivered_us INTEGER NOT NULL, acknowledged_us INTEGER NOT NULL,"
    "  resolved_us INTEGER NOT NULL, acknowledged_by TEXT NOT NULL, resolved_by TEXT NOT NULL,"
    "  n_alerts INTEGER NOT NULL);"
    "CREATE INDEX incident_open ON incident (id) WHERE state <> 'resolved';"
    "CREATE TABLE incident_alert (incident INTEGER, host_name TEXT NOT NULL, summary TEXT NOT NULL, host INTEGER,"
    "  rule TEXT, metric TEXT, instance TEXT, state TEXT NOT NULL, crossed_us INTEGER NOT NULL,"
    "  changed_us INTEGER NOT NULL, value REAL, threshold REAL, severity TEXT NOT NULL, page INTEGER NOT NULL,"
    "  PRIMARY KEY (incident, host, rule, metric, instance)) WITHOUT ROWID;"
    "CREATE TABLE page (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, incident INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, contact TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL, next_us INTEGER NOT NULL, delivered_us INTEGER NOT NULL, status INTEGER NOT NULL,"
    "  possible_copy INTEGER NOT NULL, error TEXT NOT NULL);"
    "CREATE INDEX page_by_incident ON page (incident);"
    "CREATE INDEX page_queued ON page (id) WHERE state = 'queued';"
    "CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL"
    "  /* tenant: whose file this is; recovered_us: when its last disk fault ended */) WITHOUT ROWID;",

    /* A row of block, minute and sketch is found by its id: host.no << 39 | second of its first tick << 6 | 0..63, or
     * another second of its day when those are taken. Rows never reach over midnight UTC. */
    "ALTER TABLE batch ADD COLUMN sum INTEGER /* XXH3-64 of bytes; NULL: written before there was one */;"
    "DROP INDEX batch_by_slot;"
    "CREATE INDEX batch_by_slot ON batch (slot /* below 0, -1 - second: set aside as unreadable */, run, n);"
    "ALTER TABLE alert ADD COLUMN was_us INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE host (no INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE);"
    "CREATE TABLE block (id INTEGER PRIMARY KEY, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, level INTEGER NOT NULL /* 0 sealed, 1 rewritten, 2 for good */,"
    "  coarse INTEGER NOT NULL /* 1: ticks 60 s apart or more; no minutes are made of them, they are kept as long */,"
    "  series_table INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX block_young ON block (id, level, n, first_us, last_us, series_table) WHERE level < 2;"
    "CREATE TABLE minute (id INTEGER PRIMARY KEY, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, whole INTEGER NOT NULL /* 0: part of a day, 1: all that was there of it */,"
    "  series_table INTEGER NOT NULL, bytes BLOB NOT NULL /* a block: count, min, max, sum of each series */);"
    "CREATE INDEX minute_part ON minute (id, series_table) WHERE whole = 0;"
    "CREATE TABLE sketch (id INTEGER PRIMARY KEY, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    "  whole INTEGER NOT NULL, series_table INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX sketch_part ON sketch (id, series_table) WHERE whole = 0;"
    "CREATE TABLE dropped (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL /* ticks first..last will never come */, cause TEXT NOT NULL, told_us INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX dropped_by_run ON dropped (run, first);"
    "CREATE TABLE clock_step (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at_us INTEGER NOT NULL,"
    "  step_us INTEGER NOT NULL);"
    "CREATE INDEX clock_step_by_run ON clock_step (run, at_us);",

    "CREATE TABLE ledger (n INTEGER PRIMARY KEY /* from 1 without holes */, at_us INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  event INTEGER NOT NULL /* 0: none */, incident INTEGER NOT NULL /* 0: none */, actor TEXT NOT NULL,"
    "  bytes BLOB NOT NULL /* the entry: the columns before are of it */,"
    "  hash BLOB NOT NULL /* BLAKE2b-256 of the hash before and bytes */);"
    "CREATE INDEX ledger_by_event ON ledger (event, kind, n);"

    /* The life of an event, its document and its gates. Days were not written down before: a day has 22 to 26 h. */
    "ALTER TABLE event ADD COLUMN labels TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN drill INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN late_request INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN days INTEGER NOT NULL DEFAULT 1;"
    "UPDATE event SET days = (end_us - start_us + 43200000000) / 86400000000;"
    "ALTER TABLE event ADD COLUMN requested_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN accepted_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN arming_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN arming_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE event ADD COLUMN armed_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN unarmed_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN closing_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN reported_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_preparing_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_preparing INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_from_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_rounds INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_closed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_last_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_saw_rules INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_saw_config INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_saw_event INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN patrol_saw_hosts INTEGER NOT NULL DEFAULT 0;"
    "UPDATE event SET patrol_closed = 1 WHERE state = 'closed' /* before there was a patrol */;"
    "UPDATE event SET patrol_from_us = CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
    "  WHERE state = 'live' /* it has rounds from now on, and has missed none */;"
    "CREATE TABLE event_document (event INTEGER PRIMARY KEY, text TEXT NOT NULL /* YAML */);"
    "CREATE TABLE gate (event INTEGER, gate TEXT, state TEXT NOT NULL, evidence TEXT NOT NULL, actor TEXT NOT NULL,"
    "  reason TEXT NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (event, gate)) WITHOUT ROWID;"

    "ALTER TABLE alert ADD COLUMN unit TEXT NOT NULL DEFAULT '' /* the metric's own */;"
    "ALTER TABLE alert ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident_alert ADD COLUMN unit TEXT NOT NULL DEFAULT '';"

    /* What tenants have by contract. */
    "CREATE TABLE contract (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, plan TEXT NOT NULL,"
    "  first_day TEXT NOT NULL /* in its zone; contract years begin on its anniversaries */, years INTEGER NOT NULL,"
    "  zone TEXT NOT NULL, calendar TEXT NOT NULL, set_us INTEGER NOT NULL, set_by TEXT NOT NULL,"
    "  locked_us INTEGER NOT NULL /* 0: not yet */);"
    "CREATE TABLE pack (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, kind TEXT NOT NULL, days INTEGER NOT NULL,"
    "  from_day TEXT NOT NULL, to_day TEXT NOT NULL /* both included */, bought_us INTEGER NOT NULL,"
    "  bought_by TEXT NOT NULL);"
    "CREATE TABLE draw (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  event INTEGER NOT NULL /* 0: advice */, contract INTEGER NOT NULL /* 0: of a pack */,"
    "  pack INTEGER NOT NULL /* 0: of a contract */, first_day TEXT NOT NULL, days INTEGER NOT NULL,"
    "  state TEXT NOT NULL /* 'taken' or 'returned' */, at_us INTEGER NOT NULL, changed_by TEXT NOT NULL);"

    "ALTER TABLE incident ADD COLUMN silenced_us INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE silence (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, hosts TEXT NOT NULL,"
    "  rule TEXT NOT NULL /* glob */, reason TEXT NOT NULL, owner TEXT NOT NULL,"
    "  commander INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,"
    "  ended_us INTEGER NOT NULL /* 0: not yet */);"
    "CREATE TABLE notice (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, kind TEXT NOT NULL, hosts TEXT NOT NULL,"
    "  title TEXT NOT NULL, impact TEXT NOT NULL, created_by TEXT NOT NULL, from_us INTEGER NOT NULL,"
    "  to_us INTEGER NOT NULL, created_us INTEGER NOT NULL, answer TEXT NOT NULL, answered_by TEXT NOT NULL,"
    "  answered_us INTEGER NOT NULL /* 0: not yet */);",

    /* Ways to tell people. A contact had one before, of its own name. */
    "ALTER TABLE incident ADD COLUMN policy TEXT NOT NULL DEFAULT '' /* '': everybody at once */;"
    "ALTER TABLE incident ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN step INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN steps_us INTEGER NOT NULL DEFAULT 0;"
    "UPDATE incident SET step = 1, steps_us = detected_us WHERE clock > 0;"
    "ALTER TABLE incident ADD COLUMN expires_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN damped_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN flaps INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN warned_pct INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN assigned_to TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE page ADD COLUMN channel TEXT NOT NULL DEFAULT '';"
    "UPDATE page SET channel = contact;"
    "ALTER TABLE page ADD COLUMN address TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE page ADD COLUMN step INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE page ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE page ADD COLUMN class TEXT NOT NULL DEFAULT 'first';"
    "ALTER TABLE page ADD COLUMN text TEXT NOT NULL DEFAULT '' /* of chatter: what it says; of a spill: why */;",

    "ALTER TABLE event ADD COLUMN handovers INTEGER NOT NULL DEFAULT 0;",

    "ALTER TABLE incident ADD COLUMN rehearsal INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE rehearsal (event INTEGER PRIMARY KEY /* its latest */, tenant INTEGER NOT NULL,"
    "  host INTEGER NOT NULL, host_name TEXT NOT NULL, state TEXT NOT NULL, passed INTEGER NOT NULL,"
    "  incident INTEGER NOT NULL /* 0: it has not crossed */, started_us INTEGER NOT NULL, started_by TEXT NOT NULL,"
    "  crossed_us INTEGER NOT NULL, detected_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,"
    "  evidence TEXT NOT NULL, told TEXT NOT NULL /* who was told, and a hash of their ways: 'lead=0f3c... ' */);",

    /* Capacity checks of events, their documents, and the load tests they look at. */
    "CREATE TABLE capacity_check (event INTEGER, version INTEGER, made_us INTEGER NOT NULL, made_by TEXT NOT NULL,"
    "  verdict TEXT NOT NULL, state TEXT NOT NULL, bytes INTEGER NOT NULL /* of its document */,"
    "  PRIMARY KEY (event, version)) WITHOUT ROWID;"
    "CREATE TABLE capacity_piece (event INTEGER, version INTEGER, at INTEGER /* byte of the document */,"
    "  text TEXT NOT NULL, PRIMARY KEY (event, version, at));"
    "CREATE TABLE capacity_span (event INTEGER, from_us INTEGER, to_us INTEGER, said_by TEXT NOT NULL,"
    "  said_us INTEGER NOT NULL, PRIMARY KEY (event, from_us, to_us)) WITHOUT ROWID;"
    "CREATE TRIGGER capacity_check_gone AFTER DELETE ON capacity_check BEGIN"
    "  DELETE FROM capacity_piece WHERE event = old.event AND version = old.version; END;",
};

static const struct schema {
    const char *what;
    int64_t application_id; /* "WRMR", "WRMT": file(1) can tell them by it */
    int64_t n_steps;
    const char *const *steps;
} schemas[] = {
    [STORE_REGISTRY] = { "registry", 0x57524d52, sizeof registry_steps / sizeof *registry_steps, registry_steps },
    [STORE_TENANT] = { "tenant's", 0x57524d54, sizeof tenant_steps / sizeof *tenant_steps, tenant_steps },
};

static const char *path_of(sqlite3 *db)
{
    return sqlite3_db_filename(db, "main");
}

static int check_version(sqlite3 *db, const struct schema *schema, int64_t *ret_version, struct err *err)
{
    int64_t version = 0;
    int64_t id = 0;
    int64_t tables = 0;
    int rc = db_number(db, "PRAGMA user_version", &version, err);
    if (rc == 0)
        rc = db_number(db, "PRAGMA application_id", &id, err);
    if (rc == 0)
        rc = db_number(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (rc < 0)
        return rc;
    if (version == 0 ? tables > 0 : id != schema->application_id)
        return err_set(err, -EBADMSG, "store: %s is not a %s file of Warroom", path_of(db), schema->what);
    if (version > schema->n_steps)
        return err_set(err, -ENOTSUP,
                       "store: %s was written by a newer Warroom (schema %" PRId64 ", this one knows %" PRId64
                       "): upgrade",
                       path_of(db), version, schema->n_steps);
    *ret_version = version;
    return 0;
}

static int check_tenant(sqlite3 *db, enum store_file kind, uint64_t tenant, struct err *err)
{
    if (kind != STORE_TENANT)
        return 0;
    int64_t owner;
    int rc = db_number(db, "SELECT value FROM mark WHERE name = 'tenant'", &owner, err);
    if (rc < 0)
        return rc;
    if ((uint64_t)owner != tenant)
        return err_set(err, -EBADMSG, "store: %s holds tenant %" PRId64 ", not %" PRIu64, path_of(db), owner, tenant);
    return 0;
}

static int take_step(sqlite3 *db, const struct schema *schema, int64_t version, enum store_file kind, uint64_t tenant,
                     struct err *err)
{
    char last[256];
    int len = snprintf(last, sizeof last, "PRAGMA application_id = %" PRId64 "; PRAGMA user_version = %" PRId64 ";",
                       schema->application_id, version + 1);
    if (version == 0 && kind == STORE_TENANT)
        snprintf(last + len, sizeof last - (size_t)len, "INSERT INTO mark VALUES ('tenant', %" PRIu64 ");", tenant);
    int rc = db_exec(db, "BEGIN IMMEDIATE", err);
    if (rc == 0)
        rc = db_exec(db, schema->steps[version], err);
    if (rc == 0)
        rc = db_exec(db, last, err);
    if (rc == 0)
        rc = db_exec(db, "COMMIT", err);
    if (rc < 0)
        db_exec(db, "ROLLBACK", NULL); /* fails when the failure has rolled back already */
    return rc;
}

/* The copy is as large as the file: not in memory. */
int schema_let_shrink(sqlite3 *db, struct err *err)
{
    int64_t mode = 0;
    int rc = db_number(db, "PRAGMA auto_vacuum", &mode, err);
    if (rc < 0 || mode != 0)
        return rc;
    db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA temp_store=FILE; VACUUM", NULL);
    return db_exec(db, "PRAGMA temp_store=MEMORY", err);
}

int schema_bring(sqlite3 *db, enum store_file kind, uint64_t tenant, struct err *err)
{
    const struct schema *schema = &schemas[kind];
    int64_t version = 0;
    int rc = check_version(db, schema, &version, err);
    for (; rc == 0 && version < schema->n_steps; version++)
        rc = take_step(db, schema, version, kind, tenant, err);
    return rc < 0 ? rc : check_tenant(db, kind, tenant, err);
}

int schema_age(sqlite3 *db, enum store_file kind, int64_t *ret_taken, int64_t *ret_all, struct err *err)
{
    *ret_all = schemas[kind].n_steps;
    return check_version(db, &schemas[kind], ret_taken, err);
}

int schema_check(sqlite3 *db, enum store_file kind, uint64_t tenant, struct err *err)
{
    int64_t version = 0;
    int rc = check_version(db, &schemas[kind], &version, err);
    if (rc < 0)
        return rc;
    return version == 0 ? SCHEMA_EMPTY : check_tenant(db, kind, tenant, err);
}
