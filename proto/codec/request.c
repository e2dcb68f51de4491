#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/codec/wire.h"

/* ---- hello ---- */

static int hello_write(const struct hello *hello, struct arena *arena, Warroom__Wire__Hello *ret, struct err *err)
{
    assert(hello->mono_us >= 0 && hello->mono_us <= TIME_US_MAX);
    ret->host = hello->host;
    ret->run = wire_bytes(hello->run.bytes, RUN_BYTES);
    ret->mono_us = (uint64_t)hello->mono_us;
    ret->wall_us = hello->wall_us;
    int rc = wire_text_write("hello: version", hello->version, 0, TEXT_MAX, arena, &ret->version, err);
    if (rc == 0)
        rc = wire_text_write("hello: hostname", hello->hostname, 0, TEXT_MAX, arena, &ret->hostname, err);
    if (rc == 0)
        rc = wire_text_write("hello: system", hello->system, 0, TEXT_MAX, arena, &ret->system, err);
    assert(hello->token.len == 0 || hello->token.len == TOKEN_BYTES);
    ret->token = wire_bytes(hello->token.at, hello->token.len);
    return rc;
}

static int hello_read(const Warroom__Wire__Hello *wire, struct hello *ret, struct err *err)
{
    ret->host = wire->host;
    ret->wall_us = wire_wall_read(wire->wall_us);
    int rc = wire_id_read("hello: run", &wire->run, ret->run.bytes, RUN_BYTES, err);
    if (rc == 0)
        rc = wire_time_read("hello: monotonic time", wire->mono_us, 0, &ret->mono_us, err);
    if (rc == 0)
        rc = wire_text_read("hello: version", &wire->version, 0, TEXT_MAX, &ret->version, err);
    if (rc == 0)
        rc = wire_text_read("hello: hostname", &wire->hostname, 0, TEXT_MAX, &ret->hostname, err);
    if (rc == 0)
        rc = wire_text_read("hello: system", &wire->system, 0, TEXT_MAX, &ret->system, err);
    if (rc == 0 && wire->token.len > 0 && wire->token.len != TOKEN_BYTES)
        rc = err_set(err, -EBADMSG, "codec: hello: token of %zu bytes, not %d", wire->token.len, TOKEN_BYTES);
    ret->token = (struct bytes){ wire->token.data, wire->token.len };
    return rc;
}

/* ---- report ---- */

static Warroom__Wire__Cause cause_write(enum drop_cause cause)
{
    static const Warroom__Wire__Cause causes[DROP_COUNT] = {
        [DROP_OTHER] = WARROOM__WIRE__CAUSE__UNKNOWN_CAUSE, [DROP_OVERFLOW] = WARROOM__WIRE__CAUSE__OVERFLOW,
        [DROP_EXPIRED] = WARROOM__WIRE__CAUSE__EXPIRED,     [DROP_UNREADABLE] = WARROOM__WIRE__CAUSE__UNREADABLE,
        [DROP_REFUSED] = WARROOM__WIRE__CAUSE__REFUSED,
    };
    return causes[cause];
}

static enum drop_cause cause_read(Warroom__Wire__Cause cause)
{
    for (int i = DROP_OTHER + 1; i < DROP_COUNT; i++)
        if (cause_write((enum drop_cause)i) == cause)
            return (enum drop_cause)i;
    return DROP_OTHER;
}

const char *drop_cause_name(enum drop_cause cause)
{
    static const char *const names[DROP_COUNT] = {
        [DROP_OTHER] = "other",           [DROP_OVERFLOW] = "overflow", [DROP_EXPIRED] = "expired",
        [DROP_UNREADABLE] = "unreadable", [DROP_REFUSED] = "refused",
    };
    return names[cause];
}

static int dropped_write(const struct report *report, struct arena *arena, Warroom__Wire__Report *ret, struct err *err)
{
    assert(report->n_dropped <= DROPPED_MAX);
    Warroom__Wire__Dropped **list = arena_alloc(arena, report->n_dropped, sizeof *list);
    Warroom__Wire__Dropped *rows = arena_alloc(arena, report->n_dropped, sizeof *rows);
    if (!list || !rows)
        return err_set(err, -ENOMEM, "codec: out of memory");
    for (uint32_t i = 0; i < report->n_dropped; i++) {
        const struct dropped *dropped = &report->dropped[i];
        assert(dropped->first >= 1 && dropped->first <= dropped->last && dropped->last <= INT64_MAX);
        rows[i] = (Warroom__Wire__Dropped)WARROOM__WIRE__DROPPED__INIT;
        rows[i].run = wire_bytes(dropped->run.bytes, RUN_BYTES);
        rows[i].first = dropped->first;
        rows[i].further = dropped->last - dropped->first;
        rows[i].cause = cause_write(dropped->cause);
        list[i] = &rows[i];
    }
    ret->dropped = list;
    ret->n_dropped = report->n_dropped;
    return 0;
}

static int dropped_read(const Warroom__Wire__Report *wire, struct arena *arena, struct report *ret, struct err *err)
{
    if (wire->n_dropped > DROPPED_MAX)
        return err_set(err, -EMSGSIZE, "codec: report: %zu declarations of dropped ticks, at most %d are allowed",
                       wire->n_dropped, DROPPED_MAX);
    struct dropped *rows = arena_alloc(arena, wire->n_dropped, sizeof *rows);
    if (!rows)
        return err_set(err, -ENOMEM, "codec: out of memory");
    for (size_t i = 0; i < wire->n_dropped; i++) {
        const Warroom__Wire__Dropped *from = wire->dropped[i];
        if (from->first == 0 || from->first > INT64_MAX || from->further > INT64_MAX - from->first)
            return err_set(err, -EBADMSG, "codec: report: dropped tick number out of range");
        rows[i] = (struct dropped){ .first = from->first,
                                    .last = from->first + from->further,
                                    .cause = cause_read(from->cause) };
        int rc = wire_id_read("report: dropped run", &from->run, rows[i].run.bytes, RUN_BYTES, err);
        if (rc < 0)
            return rc;
    }
    ret->dropped = rows;
    ret->n_dropped = (uint32_t)wire->n_dropped;
    return 0;
}

static int report_write(const struct report *report, struct arena *arena, Warroom__Wire__Report *ret, struct err *err)
{
    assert(report->batch_bytes.len > 0 && (!report->has_table || report->table_bytes.len > 0));
    assert(report->highest > 0 && report->highest <= INT64_MAX);
    assert(report->interval_us >= 0 && report->interval_us <= TIME_US_MAX);
    assert(report->sent_us >= 0 && report->answered_us >= report->sent_us && report->answered_us <= TIME_US_MAX);
    if (report->batch_bytes.len > BATCH_MAX)
        return err_set(err, -EMSGSIZE, "codec: batch of %zu bytes, at most %d are allowed", report->batch_bytes.len,
                       BATCH_MAX);
    ret->highest = report->highest;
    ret->policy_revision = report->policy_revision;
    ret->interval_us = (uint64_t)report->interval_us;
    ret->sent_us = (uint64_t)report->sent_us;
    ret->exchange_us = (uint64_t)(report->answered_us - report->sent_us); /* short, where a time takes six bytes */
    ret->batch = wire_bytes(report->batch_bytes.at, report->batch_bytes.len);
    if (report->has_table)
        ret->table = wire_bytes(report->table_bytes.at, report->table_bytes.len);
    ret->same_boot = report->same_boot;
    return dropped_write(report, arena, ret, err);
}

static int numbers_read(const Warroom__Wire__Report *wire, struct report *ret, struct err *err)
{
    if (wire->highest == 0 || wire->highest > INT64_MAX)
        return err_set(err, -EBADMSG, "codec: report: highest tick number out of range");
    ret->highest = wire->highest;
    ret->policy_revision = wire->policy_revision;
    int rc = wire_time_read("report: interval", wire->interval_us, 0, &ret->interval_us, err);
    if (rc == 0)
        rc = wire_time_read("report: time of sending", wire->sent_us, 0, &ret->sent_us, err);
    int64_t exchange_us = 0;
    if (rc == 0)
        rc = wire_time_read("report: time of an exchange", wire->exchange_us, 0, &exchange_us, err);
    if (rc == 0)
        rc = wire_time_read("report: time of an answer", wire->sent_us + (uint64_t)exchange_us, 0, &ret->answered_us,
                            err);
    return rc;
}

/* A table that came along must be the one the columns stand for, or the store would keep it under a name that every
 * other batch of the host may use. */
static int table_read(const Warroom__Wire__Report *wire, struct arena *arena, struct report *ret, struct err *err)
{
    ret->has_table = wire->table.len > 0;
    if (!ret->has_table)
        return 0;
    ret->table_bytes = (struct bytes){ wire->table.data, wire->table.len };
    int rc = codec_decode_table(wire->table.data, wire->table.len, arena, &ret->table, err);
    if (rc < 0)
        return rc;
    if (memcmp(ret->table.hash.bytes, ret->batch.table.bytes, TABLE_HASH_BYTES) != 0)
        return err_set(err, -EBADMSG, "codec: report: the table is not the one its batch names");
    if (ret->table.n != ret->batch.n_columns)
        return err_set(err, -EBADMSG, "codec: report: batch of %u columns for a table of %u series",
                       ret->batch.n_columns, ret->table.n);
    return 0;
}

static int report_read(const Warroom__Wire__Report *wire, struct arena *arena, struct report *ret, struct err *err)
{
    int rc = numbers_read(wire, ret, err);
    if (rc == 0)
        rc = dropped_read(wire, arena, ret, err);
    if (rc < 0)
        return rc;
    ret->same_boot = wire->same_boot;
    ret->batch_bytes = (struct bytes){ wire->batch.data, wire->batch.len };
    rc = codec_decode_batch(wire->batch.data, wire->batch.len, arena, &ret->batch, err);
    return rc < 0 ? rc : table_read(wire, arena, ret, err);
}

/* ---- either ---- */

int codec_encode_request(const struct request *request, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    assert(request && buffer && ret_len);
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    Warroom__Wire__Request wire = WARROOM__WIRE__REQUEST__INIT;
    Warroom__Wire__Hello hello = WARROOM__WIRE__HELLO__INIT;
    Warroom__Wire__Report report = WARROOM__WIRE__REPORT__INIT;
    int rc = -EINVAL;
    switch (request->kind) {
    case REQUEST_HELLO:
        wire.kind_case = WARROOM__WIRE__REQUEST__KIND_HELLO;
        wire.hello = &hello;
        rc = hello_write(&request->hello, &arena, &hello, err);
        break;
    case REQUEST_REPORT:
        wire.kind_case = WARROOM__WIRE__REQUEST__KIND_REPORT;
        wire.report = &report;
        rc = report_write(&request->report, &arena, &report, err);
        break;
    }
    assert(rc != -EINVAL); /* there is no third kind */
    return rc < 0 ? rc : wire_pack(&wire.base, MESSAGE_MAX, buffer, size, ret_len, err);
}

int codec_decode_request(const uint8_t *bytes, size_t len, struct arena *arena, struct request *ret, struct err *err)
{
    assert((bytes || len == 0) && arena && ret);
    if (len > MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "codec: request of %zu bytes, at most %d are allowed", len, MESSAGE_MAX);
    ProtobufCMessage *message;
    int rc = wire_unpack(&warroom__wire__request__descriptor, bytes, len, arena, &message, err);
    if (rc < 0)
        return rc;
    const Warroom__Wire__Request *wire = (const Warroom__Wire__Request *)message;
    struct request request = { 0 };
    switch (wire->kind_case) {
    case WARROOM__WIRE__REQUEST__KIND_HELLO:
        request.kind = REQUEST_HELLO;
        rc = hello_read(wire->hello, &request.hello, err);
        break;
    case WARROOM__WIRE__REQUEST__KIND_REPORT:
        request.kind = REQUEST_REPORT;
        rc = report_read(wire->report, arena, &request.report, err);
        break;
    default:
        return err_set(err, -EBADMSG, "codec: request of a kind unknown here");
    }
    if (rc < 0)
        return rc;
    *ret = request;
    return 0;
}
