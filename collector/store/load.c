#include "collector/store/load.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/rows.h"

struct load {
    sqlite3 *db;
    uint64_t tenant;
    const struct store_loader *loader; /* NULL: nobody listens */
};

/* What stands where a loader's function would: one wrapper a kind, for their types differ. */
static void give(const struct load *load, enum row_kind kind, const void *row)
{
    const struct store_loader *to = load->loader;
    if (!to)
        return;
    if (kind == ROW_TENANT && to->tenant)
        to->tenant(to->user, row);
    if (kind == ROW_HOST && to->host)
        to->host(to->user, row);
    if (kind == ROW_HOST_KEY && to->host_key)
        to->host_key(to->user, row);
    if (kind == ROW_TOKEN && to->token)
        to->token(to->user, row);
    if (kind == ROW_ALERT && to->alert)
        to->alert(to->user, load->tenant, row);
    if (kind == ROW_EVENT && to->event)
        to->event(to->user, row);
    if (kind == ROW_EVENT_DOCUMENT && to->event_document)
        to->event_document(to->user, row);
    if (kind == ROW_GATE && to->gate)
        to->gate(to->user, row);
    if (kind == ROW_INCIDENT && to->incident)
        to->incident(to->user, row);
    if (kind == ROW_INCIDENT_ALERT && to->incident_alert)
        to->incident_alert(to->user, row);
    if (kind == ROW_PAGE && to->page)
        to->page(to->user, row);
    if (kind == ROW_CONTRACT && to->contract)
        to->contract(to->user, row);
    if (kind == ROW_PACK && to->pack)
        to->pack(to->user, row);
    if (kind == ROW_DRAW && to->draw)
        to->draw(to->user, row);
    if (kind == ROW_SILENCE && to->silence)
        to->silence(to->user, row);
    if (kind == ROW_NOTICE && to->notice)
        to->notice(to->user, row);
    if (kind == ROW_REHEARSAL && to->rehearsal)
        to->rehearsal(to->user, row);
    if (kind == ROW_CAPACITY_CHECK && to->capacity_check)
        to->capacity_check(to->user, row);
    if (kind == ROW_CAPACITY_SPAN && to->capacity_span)
        to->capacity_span(to->user, row);
    if (kind == ROW_LEDGER_HEAD && to->ledger_head)
        to->ledger_head(to->user, row);
    if (kind == ROW_ROTA_OVERRIDE && to->rota_override)
        to->rota_override(to->user, row);
}

static int load_rows(const struct load *load, enum row_kind kind, const char *where, struct err *err)
{
    union {
        struct tenant tenant;
        struct host host;
        struct host_key host_key;
        struct token token;
        struct alert alert;
        struct event event;
        struct event_document event_document;
        struct gate gate;
        struct incident incident;
        struct incident_alert incident_alert;
        struct page page;
        struct contract contract;
        struct silence silence;
        struct notice notice;
        struct rehearsal rehearsal;
        struct capacity_check capacity_check;
        struct capacity_span capacity_span;
        struct rota_override rota_override;
        struct pack pack;
        struct draw draw;
        struct store_head ledger_head;
    } row;
    char sql[ROW_SQL_MAX];
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(load->db, row_select_sql(kind, where, sql), &stmt, err);
    if (rc < 0)
        return rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        rc = row_load(kind, stmt, &row, err);
        if (rc < 0)
            return rc;
        give(load, kind, &row);
    }
    return rc;
}

static int load_run_id(sqlite3_stmt *stmt, int at, struct run_id *ret, struct err *err)
{
    if (sqlite3_column_bytes(stmt, at) != RUN_BYTES)
        return err_set(err, -EBADMSG, "store: a row of run has no valid run");
    memcpy(ret->bytes, sqlite3_column_blob(stmt, at), RUN_BYTES);
    return 0;
}

static int load_intervals(const struct load *load, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(load->db,
                        "SELECT run.host, run.run, interval.first, interval.last FROM interval"
                        " JOIN run ON run.id = interval.run ORDER BY interval.run, interval.first",
                        &stmt, err);
    if (rc < 0)
        return rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        struct store_interval row = {
            .host = (uint64_t)sqlite3_column_int64(stmt, 0),
            .first = (uint64_t)sqlite3_column_int64(stmt, 2),
            .last = (uint64_t)sqlite3_column_int64(stmt, 3),
        };
        rc = load_run_id(stmt, 1, &row.run, err);
        if (rc < 0)
            return rc;
        if (load->loader && load->loader->interval)
            load->loader->interval(load->loader->user, load->tenant, &row);
    }
    return rc;
}

/* Ticks may have been stored since the anchor was put: the newest one counts. */
static int load_anchors(const struct load *load, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(load->db,
                        "SELECT host, run, anchor_us, rtt_us, max(stored_us, coalesce((SELECT max(last_us)"
                        " FROM interval WHERE interval.run = run.id), 0)) FROM run WHERE anchor_us IS NOT NULL"
                        " ORDER BY run.id",
                        &stmt, err);
    if (rc < 0)
        return rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        struct store_anchor row = {
            .host = (uint64_t)sqlite3_column_int64(stmt, 0),
            .anchor_us = sqlite3_column_int64(stmt, 2),
            .rtt_us = sqlite3_column_int64(stmt, 3),
            .stored_us = sqlite3_column_int64(stmt, 4),
        };
        rc = load_run_id(stmt, 1, &row.run, err);
        if (rc < 0)
            return rc;
        if (load->loader && load->loader->anchor)
            load->loader->anchor(load->loader->user, load->tenant, &row);
    }
    return rc;
}

static int raise_mark(const struct load *load, const char *sql, uint64_t *mark, struct err *err)
{
    int64_t value;
    int rc = db_number(load->db, sql, &value, err);
    if (rc == 0 && mark && (uint64_t)value > *mark)
        *mark = (uint64_t)value;
    return rc;
}

static int load_registry(const struct load *load, struct store_marks *marks, struct err *err)
{
    int64_t beat_us = 0;
    int rc = load_rows(load, ROW_TENANT, "ORDER BY id", err);
    if (rc == 0)
        rc = load_rows(load, ROW_HOST, "ORDER BY id", err);
    if (rc == 0)
        rc = load_rows(load, ROW_HOST_KEY, "ORDER BY since_us", err);
    if (rc == 0)
        rc = load_rows(load, ROW_TOKEN, "ORDER BY created_us", err);
    if (rc == 0)
        rc = load_rows(load, ROW_LEDGER_HEAD, "ORDER BY tenant", err);
    if (rc == 0)
        rc = load_rows(load, ROW_ROTA_OVERRIDE, "ORDER BY id", err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT max(id) FROM tenant", marks ? &marks->tenant : NULL, err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT value FROM mark WHERE name = 'event'", marks ? &marks->event : NULL, err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT value FROM mark WHERE name = 'incident'", marks ? &marks->incident : NULL, err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT value FROM mark WHERE name = 'page'", marks ? &marks->page : NULL, err);
    if (rc == 0)
        rc = db_number(load->db, "SELECT value FROM mark WHERE name = 'beat_us'", &beat_us, err);
    if (rc == 0 && marks)
        marks->beat_us = beat_us;
    return rc;
}

/* The latest pages, and those of the last minute before the latest delivery however many they are: what a channel has
 * counted. An id says when a page was made, not when it went: what waited in a storm may be of much earlier ones. */
#define LATELY_IDS     "SELECT max(id) FROM page"
#define PERHAPS_LATELY "id > (" LATELY_IDS ") - 16384"
#define LATELY                                                                                                         \
    "id IN (SELECT id FROM page WHERE " PERHAPS_LATELY " AND (id > (" LATELY_IDS ") - 256"                             \
    " OR max(delivered_us, next_us) > (SELECT max(delivered_us) FROM page WHERE " PERHAPS_LATELY ") - 60000000))"

/* Incidents somebody still works on, or is still to be told of, and the latest that anybody was told of. */
#define UNDER_WAY                                                                                                      \
    "(SELECT id FROM incident WHERE state <> 'resolved'"                                                               \
    " UNION SELECT incident FROM page WHERE state = 'queued' UNION SELECT incident FROM page WHERE " LATELY ")"

/* The marks come first: when the rest cannot be read they still keep ids from being given twice. */
static int load_tenant(const struct load *load, struct store_marks *marks, struct err *err)
{
    static const struct {
        enum row_kind kind;
        const char *where;
    } parts[] = {
        { ROW_ALERT, "ORDER BY host, rule, metric, instance" },
        { ROW_EVENT, "ORDER BY id" },
        { ROW_EVENT_DOCUMENT, "ORDER BY event" },
        { ROW_GATE, "ORDER BY event, gate" },
        { ROW_CONTRACT, "ORDER BY id" },
        { ROW_PACK, "ORDER BY id" },
        { ROW_DRAW, "ORDER BY id" },
        { ROW_SILENCE, "WHERE ended_us = 0 OR id = (SELECT max(id) FROM silence) ORDER BY id" },
        { ROW_NOTICE, "ORDER BY id" },
        { ROW_REHEARSAL, "ORDER BY event" },
        { ROW_CAPACITY_CHECK, "ORDER BY event, version" },
        { ROW_CAPACITY_SPAN, "ORDER BY event, from_us, to_us" },
        { ROW_INCIDENT, "WHERE id IN " UNDER_WAY " ORDER BY id" },
        { ROW_INCIDENT_ALERT, "WHERE incident IN " UNDER_WAY },
        { ROW_PAGE,
          "WHERE (incident <> 0 AND incident IN " UNDER_WAY ") OR (incident = 0 AND (state = 'queued' OR " LATELY "))"
          " ORDER BY id" },
    };
    int rc = raise_mark(load, "SELECT max(id) FROM event", marks ? &marks->event : NULL, err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT max(id) FROM incident", marks ? &marks->incident : NULL, err);
    if (rc == 0)
        rc = raise_mark(load, "SELECT max(id) FROM page", marks ? &marks->page : NULL, err);
    if (rc == 0)
        rc = load_intervals(load, err);
    if (rc == 0)
        rc = load_anchors(load, err);
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++)
        rc = load_rows(load, parts[i].kind, parts[i].where, err);
    return rc;
}

int load_file(sqlite3 *db, enum store_file kind, uint64_t tenant, const struct store_loader *loader,
              struct store_marks *marks, struct err *err)
{
    struct load load = { db, tenant, loader };
    return kind == STORE_REGISTRY ? load_registry(&load, marks, err) : load_tenant(&load, marks, err);
}
