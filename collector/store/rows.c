#include "collector/store/rows.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/event/book.h"
#include "collector/event/capacity.h"
#include "collector/event/document.h"
#include "collector/event/event.h"
#include "collector/event/gate.h"
#include "collector/event/notice.h"
#include "collector/event/rota.h"
#include "collector/ingest/fleet.h"
#include "collector/ingest/keyring.h"
#include "collector/page/page.h"
#include "collector/page/rehearsal.h"
#include "collector/page/silence.h"
#include "collector/store/store.h"
#include "collector/watch/watch.h"

enum field_kind { FIELD_INT64, FIELD_INT, FIELD_BOOL, FIELD_REAL, FIELD_TEXT, FIELD_NAME, FIELD_BLOB };

struct names {
    size_t n;
    const char *at[EVENT_STATE_COUNT];
};

static const struct names alert_states = { 4, { "ok", "pending", "firing", "unknown" } };
static const struct names host_standings = { 2, { "active", "retired" } };
static const struct names key_states = { 3, { "active", "replaced", "revoked" } };
static const struct names severities = { 3, { "info", "warning", "critical" } };
static const struct names incident_states = { 3, { "triggered", "acknowledged", "resolved" } };
static const struct names page_kinds = { 4, { "trigger", "resolve", "chatter", "heartbeat" } };
static const struct names page_classes = { 3, { "first", "spill", "rehearsed" } };
static const struct names page_states = { 4, { "queued", "delivered", "failed", "cancelled" } };
static const struct names grants = { GRANT_COUNT, { "assurance", "advice" } };
static const struct names draw_states = { DRAW_STATE_COUNT, { "taken", "returned" } };
static const struct names event_states = { EVENT_STATE_COUNT,
                                           { "draft", "requested", "accepted", "checked", "armed", "live", "closing",
                                             "reported", "closed", "cancelled" } };

static const struct names gate_kinds = {
    GATE_COUNT, { "entitlement", "verdict", "rehearsal", "lint", "contacts", "notices", "hosts" }
};
static const struct names gate_states = { GATE_STATE_COUNT, { "open", "passed", "failed", "overridden" } };

static const struct names notice_kinds = { 2, { "advisory", "change" } };

static const struct names rehearsal_states = { REHEARSAL_STATE_COUNT, { "asked", "told", "ended" } };

struct field {
    const char *column;
    enum field_kind kind;
    size_t at;
    size_t size;
    bool key;
    const struct names *names; /* FIELD_NAME */
};

#define FIELD(column_, kind_, row_, member_, ...)                                                                      \
    {                                                                                                                  \
        .column = (column_), .kind = (kind_), .at = offsetof(struct row_, member_),                                    \
        .size = sizeof(((struct row_ *)NULL)->member_), __VA_ARGS__                                                    \
    }
#define INT64(column, row, member, ...) FIELD(column, FIELD_INT64, row, member, __VA_ARGS__)
#define INT(column, row, member, ...)   FIELD(column, FIELD_INT, row, member, __VA_ARGS__)
#define BOOL(column, row, member, ...)  FIELD(column, FIELD_BOOL, row, member, __VA_ARGS__)
#define REAL(column, row, member, ...)  FIELD(column, FIELD_REAL, row, member, __VA_ARGS__)
#define TEXT(column, row, member, ...)  FIELD(column, FIELD_TEXT, row, member, __VA_ARGS__)
#define BLOB(column, row, member, ...)  FIELD(column, FIELD_BLOB, row, member, __VA_ARGS__)
#define NAME(column, row, member, list) FIELD(column, FIELD_NAME, row, member, .names = (list))
#define KEY                             .key = true

static const struct field tenant_fields[] = {
    INT64("id", tenant, id, KEY),
    TEXT("name", tenant, name),
    INT64("created_us", tenant, created_us),
};

static const struct field host_fields[] = {
    INT64("id", host, id, KEY),
    INT64("tenant", host, tenant),
    TEXT("name", host, name),
    TEXT("host_group", host, group),
    TEXT("labels", host, labels),
    REAL("limit_egress", host, limits[LIMIT_EGRESS]),
    REAL("limit_ingress", host, limits[LIMIT_INGRESS]),
    REAL("limit_connections", host, limits[LIMIT_CONNECTIONS]),
    REAL("limit_new_connections", host, limits[LIMIT_NEW_CONNECTIONS]),
    REAL("limit_disk_read", host, limits[LIMIT_DISK_READ]),
    REAL("limit_disk_write", host, limits[LIMIT_DISK_WRITE]),
    INT64("enrolled_us", host, enrolled_us),
    NAME("state", host, standing, &host_standings),
};

static const struct field host_key_fields[] = {
    BLOB("key", host_key, key, KEY),
    INT64("host", host_key, host),
    NAME("state", host_key, state, &key_states),
    INT64("since_us", host_key, since_us),
};

static const struct field token_fields[] = {
    BLOB("hash", token, hash, KEY),         INT64("tenant", token, tenant),     INT64("host", token, host),
    TEXT("host_group", token, group),       INT("uses_left", token, uses_left), INT64("expires_us", token, expires_us),
    INT64("created_us", token, created_us),
};

/* An alert stands alone and within an incident: `in` leads to it. */
#define ALERT_FIELDS(row, in)                                                                                          \
    INT64("host", row, in host, KEY), TEXT("rule", row, in rule, KEY), TEXT("metric", row, in metric, KEY),            \
        TEXT("instance", row, in instance, KEY), NAME("state", row, in state, &alert_states),                          \
        INT64("crossed_us", row, in crossed_us), INT64("changed_us", row, in changed_us),                              \
        REAL("value", row, in value), REAL("threshold", row, in threshold), TEXT("unit", row, in unit),                \
        NAME("severity", row, in severity, &severities), BOOL("page", row, in page)

static const struct field alert_fields[] = { ALERT_FIELDS(alert, ), INT64("was_us", alert, was_us),
                                             BOOL("muted", alert, muted) };

static const struct field incident_alert_fields[] = {
    INT64("incident", incident_alert, incident, KEY),
    TEXT("host_name", incident_alert, host_name),
    TEXT("summary", incident_alert, summary),
    ALERT_FIELDS(incident_alert, alert.),
};

static const struct field event_fields[] = {
    INT64("id", event, id, KEY),
    INT64("tenant", event, tenant),
    TEXT("name", event, name),
    TEXT("zone", event, zone),
    TEXT("hosts", event, hosts),
    TEXT("labels", event, labels),
    BOOL("drill", event, drill),
    BOOL("late_request", event, late_request),
    NAME("state", event, state, &event_states),
    INT("days", event, days),
    INT("changes", event, changes),
    INT("handovers", event, handovers),
    INT64("start_us", event, start_us),
    INT64("end_us", event, end_us),
    INT64("created_us", event, created_us),
    INT64("requested_us", event, requested_us),
    INT64("accepted_us", event, accepted_us),
    INT64("arming_us", event, arming_us),
    TEXT("arming_by", event, arming_by),
    INT64("armed_us", event, armed_us),
    INT64("unarmed_us", event, unarmed_us),
    INT64("started_us", event, started_us),
    INT64("closing_us", event, closing_us),
    INT64("reported_us", event, reported_us),
    INT64("closed_us", event, closed_us),
    TEXT("changed_by", event, by),
    INT64("patrol_us", event, patrol.interval_us),
    INT64("patrol_preparing_us", event, patrol.preparing_us),
    INT("patrol_preparing", event, patrol.preparing),
    INT64("patrol_from_us", event, patrol.from_us),
    INT("patrol_rounds", event, patrol.rounds),
    BOOL("patrol_closed", event, patrol.closed),
    INT64("patrol_last_us", event, patrol.last_us),
    INT64("patrol_saw_rules", event, patrol.saw_rules),
    INT64("patrol_saw_config", event, patrol.saw_config),
    INT64("patrol_saw_event", event, patrol.saw_event),
    INT64("patrol_saw_hosts", event, patrol.saw_hosts),
};

static const struct field event_document_fields[] = {
    INT64("event", event_document, event, KEY),
    TEXT("text", event_document, text),
};

static const struct field gate_fields[] = {
    INT64("event", gate, event, KEY),
    FIELD("gate", FIELD_NAME, gate, gate, .names = &gate_kinds, KEY),
    NAME("state", gate, state, &gate_states),
    TEXT("evidence", gate, evidence),
    TEXT("actor", gate, by),
    TEXT("reason", gate, reason),
    INT64("at_us", gate, at_us),
};

static const struct field incident_fields[] = {
    INT64("id", incident, id, KEY),
    INT64("tenant", incident, tenant),
    INT64("event", incident, event),
    TEXT("host_group", incident, group),
    TEXT("title", incident, title),
    NAME("state", incident, state, &incident_states),
    NAME("severity", incident, severity, &severities),
    INT("clock", incident, clock),
    BOOL("late", incident, late),
    BOOL("breached", incident, breached),
    INT64("crossed_us", incident, crossed_us),
    INT64("detected_us", incident, detected_us),
    INT64("delivered_us", incident, delivered_us),
    INT64("acknowledged_us", incident, acknowledged_us),
    INT64("resolved_us", incident, resolved_us),
    TEXT("acknowledged_by", incident, acknowledged_by),
    TEXT("resolved_by", incident, resolved_by),
    INT("n_alerts", incident, n_alerts),
    INT64("silenced_us", incident, silenced_us),
    TEXT("policy", incident, policy),
    INT("turn", incident, turn),
    INT("step", incident, step),
    INT64("steps_us", incident, steps_us),
    INT64("expires_us", incident, expires_us),
    INT64("damped_us", incident, damped_us),
    INT("flaps", incident, flaps),
    INT("warned_pct", incident, warned_pct),
    BOOL("held", incident, held),
    TEXT("assigned_to", incident, assigned_to),
    BOOL("rehearsal", incident, rehearsal),
};

static const struct field page_fields[] = {
    INT64("id", page, id, KEY),
    INT64("tenant", page, tenant),
    INT64("incident", page, incident),
    NAME("kind", page, kind, &page_kinds),
    TEXT("contact", page, contact),
    TEXT("key", page, key),
    NAME("state", page, state, &page_states),
    INT("attempts", page, attempts),
    INT64("created_us", page, created_us),
    INT64("next_us", page, next_us),
    INT64("delivered_us", page, delivered_us),
    INT("status", page, status),
    BOOL("possible_copy", page, possible_copy),
    TEXT("error", page, error),
    TEXT("channel", page, channel),
    TEXT("address", page, address),
    INT("step", page, step),
    INT("turn", page, turn),
    NAME("class", page, class, &page_classes),
    TEXT("text", page, text),
};

static const struct field contract_fields[] = {
    INT64("id", contract, id, KEY),          INT64("tenant", contract, tenant), TEXT("plan", contract, plan),
    TEXT("first_day", contract, first_day),  INT("years", contract, years),     TEXT("zone", contract, zone),
    TEXT("calendar", contract, calendar),    INT64("set_us", contract, set_us), TEXT("set_by", contract, set_by),
    INT64("locked_us", contract, locked_us),
};

static const struct field pack_fields[] = {
    INT64("id", pack, id, KEY),          INT64("tenant", pack, tenant),
    NAME("kind", pack, kind, &grants),   INT("days", pack, days),
    TEXT("from_day", pack, from_day),    TEXT("to_day", pack, to_day),
    INT64("bought_us", pack, bought_us), TEXT("bought_by", pack, bought_by),
};

static const struct field draw_fields[] = {
    INT64("id", draw, id, KEY),         INT64("tenant", draw, tenant),     NAME("kind", draw, kind, &grants),
    INT64("event", draw, event),        INT64("contract", draw, contract), INT64("pack", draw, pack),
    TEXT("first_day", draw, first_day), INT("days", draw, days),           NAME("state", draw, state, &draw_states),
    INT64("at_us", draw, at_us),        TEXT("changed_by", draw, by),
};

static const struct field silence_fields[] = {
    INT64("id", silence, id, KEY),         INT64("tenant", silence, tenant),   TEXT("hosts", silence, hosts),
    TEXT("rule", silence, rule),           TEXT("reason", silence, reason),    TEXT("owner", silence, owner),
    BOOL("commander", silence, commander), INT64("from_us", silence, from_us), INT64("to_us", silence, to_us),
    INT64("ended_us", silence, ended_us),
};

static const struct field notice_fields[] = {
    INT64("id", notice, id, KEY),
    INT64("tenant", notice, tenant),
    NAME("kind", notice, kind, &notice_kinds),
    TEXT("hosts", notice, hosts),
    TEXT("title", notice, title),
    TEXT("impact", notice, impact),
    TEXT("created_by", notice, by),
    INT64("from_us", notice, from_us),
    INT64("to_us", notice, to_us),
    INT64("created_us", notice, created_us),
    TEXT("answer", notice, answer),
    TEXT("answered_by", notice, answered_by),
    INT64("answered_us", notice, answered_us),
};

static const struct field rehearsal_fields[] = {
    INT64("event", rehearsal, event, KEY),
    INT64("tenant", rehearsal, tenant),
    INT64("host", rehearsal, host),
    TEXT("host_name", rehearsal, host_name),
    NAME("state", rehearsal, state, &rehearsal_states),
    BOOL("passed", rehearsal, passed),
    INT64("incident", rehearsal, incident),
    INT64("started_us", rehearsal, started_us),
    TEXT("started_by", rehearsal, started_by),
    INT64("crossed_us", rehearsal, crossed_us),
    INT64("detected_us", rehearsal, detected_us),
    INT64("ended_us", rehearsal, ended_us),
    TEXT("evidence", rehearsal, evidence),
    TEXT("told", rehearsal, told),
};

static const struct field capacity_check_fields[] = {
    INT64("event", capacity_check, event, KEY), INT("version", capacity_check, version, KEY),
    INT64("made_us", capacity_check, made_us),  TEXT("made_by", capacity_check, by),
    TEXT("verdict", capacity_check, verdict),   TEXT("state", capacity_check, state),
    INT64("bytes", capacity_check, bytes),
};

static const struct field capacity_piece_fields[] = {
    INT64("event", capacity_piece, event, KEY),
    INT("version", capacity_piece, version, KEY),
    INT64("at", capacity_piece, offset, KEY),
    TEXT("text", capacity_piece, text),
};

static const struct field capacity_span_fields[] = {
    INT64("event", capacity_span, event, KEY), INT64("from_us", capacity_span, from_us, KEY),
    INT64("to_us", capacity_span, to_us, KEY), TEXT("said_by", capacity_span, by),
    INT64("said_us", capacity_span, said_us),
};

static const struct field ledger_head_fields[] = {
    INT64("tenant", store_head, head.tenant, KEY),
    INT64("n", store_head, head.n),
    BLOB("hash", store_head, head.hash),
    INT64("at_us", store_head, head.at_us),
    BLOB("key", store_head, key),
    BLOB("signature", store_head, head.signature),
};

static const struct field rota_override_fields[] = {
    INT64("id", rota_override, id, KEY),     TEXT("rota", rota_override, rota),
    TEXT("contact", rota_override, contact), INT64("from_us", rota_override, from_us),
    INT64("to_us", rota_override, to_us),    TEXT("made_by", rota_override, by),
    TEXT("reason", rota_override, reason),   INT64("made_us", rota_override, made_us),
};

static const struct row {
    const char *table;
    size_t size;
    size_t n;
    const struct field *fields;
} rows[] = {
#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, sizeof(struct name), sizeof name##_fields / sizeof *name##_fields, name##_fields                        \
    }
    [ROW_TENANT] = ROW(tenant),
    [ROW_HOST] = ROW(host),
    [ROW_HOST_KEY] = ROW(host_key),
    [ROW_TOKEN] = ROW(token),
    [ROW_ALERT] = ROW(alert),
    [ROW_EVENT] = ROW(event),
    [ROW_EVENT_DOCUMENT] = ROW(event_document),
    [ROW_GATE] = ROW(gate),
    [ROW_INCIDENT] = ROW(incident),
    [ROW_INCIDENT_ALERT] = ROW(incident_alert),
    [ROW_PAGE] = ROW(page),
    [ROW_CONTRACT] = ROW(contract),
    [ROW_PACK] = ROW(pack),
    [ROW_DRAW] = ROW(draw),
    [ROW_SILENCE] = ROW(silence),
    [ROW_NOTICE] = ROW(notice),
    [ROW_REHEARSAL] = ROW(rehearsal),
    [ROW_CAPACITY_CHECK] = ROW(capacity_check),
    [ROW_CAPACITY_PIECE] = ROW(capacity_piece),
    [ROW_CAPACITY_SPAN] = ROW(capacity_span),
    [ROW_LEDGER_HEAD] = { "ledger_head", sizeof(struct store_head),
                          sizeof ledger_head_fields / sizeof *ledger_head_fields, ledger_head_fields },
    [ROW_ROTA_OVERRIDE] = ROW(rota_override),
};
_Static_assert(sizeof rows / sizeof *rows == ROW_KIND_COUNT, "a description for each kind");

size_t row_size(enum row_kind kind)
{
    return rows[kind].size;
}

size_t row_key(enum row_kind kind, const void *row, uint8_t key[ROW_KEY_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < rows[kind].n; i++) {
        const struct field *field = &rows[kind].fields[i];
        const uint8_t *value = (const uint8_t *)row + field->at;
        if (!field->key)
            continue;
        /* Of a text only what counts, with its end: what stands behind it is anything. */
        size_t size = field->kind == FIELD_TEXT ? strnlen((const char *)value, field->size - 1) + 1 : field->size;
        assert(len + size <= ROW_KEY_MAX);
        memcpy(key + len, value, size);
        len += size;
    }
    return len;
}

struct text {
    char *at;
    size_t len;
};

static void add(struct text *text, const char *a, const char *b, const char *c)
{
    int n = snprintf(text->at + text->len, ROW_SQL_MAX - text->len, "%s%s%s", a, b, c);
    text->len += (size_t)n;
    assert(text->len < ROW_SQL_MAX);
}

static void add_columns(struct text *text, const struct row *row)
{
    for (size_t i = 0; i < row->n; i++)
        add(text, i ? ", " : "", row->fields[i].column, "");
}

const char *row_put_sql(enum row_kind kind, char sql[ROW_SQL_MAX])
{
    struct text text = { sql, 0 };
    add(&text, "INSERT OR REPLACE INTO ", rows[kind].table, " (");
    add_columns(&text, &rows[kind]);
    add(&text, ") VALUES (", "", "");
    for (size_t i = 0; i < rows[kind].n; i++)
        add(&text, i ? ", ?" : "?", "", "");
    add(&text, ")", "", "");
    return sql;
}

const char *row_delete_sql(enum row_kind kind, char sql[ROW_SQL_MAX])
{
    struct text text = { sql, 0 };
    add(&text, "DELETE FROM ", rows[kind].table, " WHERE ");
    const char *between = "";
    for (size_t i = 0; i < rows[kind].n; i++) {
        if (!rows[kind].fields[i].key)
            continue;
        add(&text, between, rows[kind].fields[i].column, " = ?");
        between = " AND ";
    }
    return sql;
}

const char *row_select_sql(enum row_kind kind, const char *where, char sql[ROW_SQL_MAX])
{
    struct text text = { sql, 0 };
    add(&text, "SELECT ", "", "");
    add_columns(&text, &rows[kind]);
    add(&text, " FROM ", rows[kind].table, " ");
    add(&text, where, "", "");
    return sql;
}

static void bind_field(sqlite3_stmt *stmt, int at, const struct field *field, const void *row)
{
    const char *value = (const char *)row + field->at;
    union {
        int64_t wide;
        int narrow;
        bool yes;
        double real;
    } v = { 0 };
    if (field->kind == FIELD_TEXT) {
        sqlite3_bind_text(stmt, at, value, (int)strnlen(value, field->size - 1), SQLITE_STATIC);
        return;
    }
    if (field->kind == FIELD_BLOB) {
        sqlite3_bind_blob(stmt, at, value, (int)field->size, SQLITE_STATIC);
        return;
    }
    assert(field->size <= sizeof v);
    memcpy(&v, value, field->size);
    switch (field->kind) {
    case FIELD_INT64:
        sqlite3_bind_int64(stmt, at, v.wide);
        break;
    case FIELD_REAL:
        sqlite3_bind_double(stmt, at, v.real); /* a NaN becomes NULL */
        break;
    case FIELD_BOOL:
        sqlite3_bind_int(stmt, at, v.yes);
        break;
    case FIELD_NAME:
        assert(v.narrow >= 0 && (size_t)v.narrow < field->names->n);
        sqlite3_bind_text(stmt, at, field->names->at[v.narrow], -1, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_int(stmt, at, v.narrow);
    }
}

bool row_is_gone(enum row_kind kind, const void *row)
{
    switch (kind) {
    case ROW_ALERT:
        return ((const struct alert *)row)->state == ALERT_OK;
    case ROW_HOST_KEY:
        return ((const struct host_key *)row)->state == KEY_FORGOTTEN;
    case ROW_TOKEN:
        return ((const struct token *)row)->uses_left == 0;
    case ROW_PAGE:
        return ((const struct page *)row)->kind == PAGE_BEAT && ((const struct page *)row)->state != PAGE_QUEUED;
    case ROW_CONTRACT:
        return ((const struct contract *)row)->years == 0;
    case ROW_CAPACITY_CHECK:
        return ((const struct capacity_check *)row)->bytes == 0;
    case ROW_CAPACITY_PIECE:
        return ((const struct capacity_piece *)row)->text[0] == '\0';
    default:
        return false;
    }
}

void row_bind(enum row_kind kind, sqlite3_stmt *stmt, const void *row)
{
    for (size_t i = 0; i < rows[kind].n; i++)
        bind_field(stmt, (int)i + 1, &rows[kind].fields[i], row);
}

void row_bind_key(enum row_kind kind, sqlite3_stmt *stmt, const void *row)
{
    int at = 0;
    for (size_t i = 0; i < rows[kind].n; i++)
        if (rows[kind].fields[i].key)
            bind_field(stmt, ++at, &rows[kind].fields[i], row);
}

static bool load_text(sqlite3_stmt *stmt, int at, const struct field *field, char *ret)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);
    size_t len = (size_t)sqlite3_column_bytes(stmt, at);
    if (!text || len >= field->size)
        return false;
    memcpy(ret, text, len);
    return true; /* the struct was zeroed */
}

static bool load_blob(sqlite3_stmt *stmt, int at, const struct field *field, char *ret)
{
    const void *bytes = sqlite3_column_blob(stmt, at);
    if (!bytes || (size_t)sqlite3_column_bytes(stmt, at) != field->size)
        return false;
    memcpy(ret, bytes, field->size);
    return true;
}

static bool load_name(sqlite3_stmt *stmt, int at, const struct field *field, void *ret)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);
    for (int i = 0; text && (size_t)i < field->names->n; i++) {
        if (strcmp((const char *)text, field->names->at[i]) == 0) {
            memcpy(ret, &i, sizeof i);
            return true;
        }
    }
    return false;
}

static bool load_field(sqlite3_stmt *stmt, int at, const struct field *field, void *row)
{
    char *ret = (char *)row + field->at;
    int64_t wide = sqlite3_column_int64(stmt, at);
    switch (field->kind) {
    case FIELD_TEXT:
        return load_text(stmt, at, field, ret);
    case FIELD_BLOB:
        return load_blob(stmt, at, field, ret);
    case FIELD_NAME:
        return load_name(stmt, at, field, ret);
    case FIELD_REAL: {
        bool absent = sqlite3_column_type(stmt, at) == SQLITE_NULL;
        double real = absent ? NAN : sqlite3_column_double(stmt, at);
        memcpy(ret, &real, sizeof real);
        return true;
    }
    case FIELD_BOOL: {
        bool yes = wide != 0;
        memcpy(ret, &yes, sizeof yes);
        return true;
    }
    case FIELD_INT: {
        int narrow = (int)wide;
        memcpy(ret, &narrow, sizeof narrow);
        return wide >= INT32_MIN && wide <= UINT32_MAX;
    }
    default:
        memcpy(ret, &wide, sizeof wide);
        return true;
    }
}

int row_load(enum row_kind kind, sqlite3_stmt *stmt, void *ret, struct err *err)
{
    memset(ret, 0, rows[kind].size);
    for (size_t i = 0; i < rows[kind].n; i++)
        if (!load_field(stmt, (int)i, &rows[kind].fields[i], ret))
            return err_set(err, -EBADMSG, "store: a row of %s has no valid %s", rows[kind].table,
                           rows[kind].fields[i].column);
    return 0;
}
