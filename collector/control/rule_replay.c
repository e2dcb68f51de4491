/* Rules over what is stored of a host: what would have fired when. Pages of the export are judged one after the other
 * by a watch apart, on the thread that has read them: the loop only asks for the next one. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/asked.h"
#include "collector/watch/replay.h"
#include "proto/codec/codec.h"

enum { TICKS_MOST = 400000, TABLES_MEMORY = 3 * CODEC_ARENA_BYTES };
#define TEST_SPAN_US (3600 * US_PER_S) /* the last hour, if nothing is said */

struct trial {
    struct call *call;
    struct store_export query;
    int64_t from_us;
    char host[NAME_MAX_BYTES + 1]; /* copied: the reader's thread quotes it */
    struct rule *rules;            /* owned */
    size_t n_rules;
    unsigned in_force;
    struct replay *replay;      /* as what follows, the reader's while it has a page in hand */
    struct arena tables, batch; /* of the page, of the batch in hand */
    uint64_t ticks;
    bool full;
};

static void trial_free(struct trial *trial)
{
    if (!trial)
        return;
    replay_free(trial->replay);
    arena_done(&trial->tables);
    arena_done(&trial->batch);
    free(trial->rules);
    free(trial);
}

static void trial_undo(struct trial **trial)
{
    trial_free(*trial);
}

/* ---- the answer ---- */

static const struct rule *rule_named(const struct trial *trial, const char *name)
{
    for (size_t i = 0; i < trial->n_rules; i++)
        if (strcmp(trial->rules[i].name, name) == 0)
            return &trial->rules[i];
    return NULL;
}

static json_t *form_firing(const struct trial *trial, const struct firing *firing)
{
    const struct rule *rule = rule_named(trial, firing->alert.rule);
    json_t *row = form_alert(&firing->alert, trial->host, rule ? rule->summary : "");
    json_object_set_new(row, "fired", form_instant(firing->fired_us));
    json_object_set_new(row, "cleared", form_instant(firing->cleared_us));
    json_object_del(row, "state");
    json_object_del(row, "changed");
    return row;
}

static json_t *form_not_judged(const struct trial *trial)
{
    json_t *rows = json_array();
    char text[REPLAY_REASON];
    for (size_t i = 0; i < trial->n_rules; i++) {
        const char *reason = replay_reason(trial->replay, i, text);
        if (reason)
            json_array_append_new(rows, json_pack("{s:s, s:s}", "rule", trial->rules[i].name, "reason", reason));
    }
    return rows;
}

static size_t count_in_force(const struct trial *trial)
{
    size_t n = 0;
    for (size_t i = 0; i < trial->n_rules; i++)
        n += (trial->rules[i].in_force & trial->in_force) != 0;
    return n;
}

static void answer(struct trial *trial, int64_t until_us, const struct err *err)
{
    struct call *call = trial->call;
    size_t n;
    const struct firing *firings = replay_firings(trial->replay, &n);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, form_firing(trial, &firings[i]));
    call->data = json_pack("{s:s, s:o, s:o, s:b, s:I, s:o, s:I, s:o}", "host", trial->host, "from",
                           form_instant(trial->from_us), "to", form_instant(until_us), "truncated",
                           until_us < trial->query.to_us || trial->full, "rules", (json_int_t)count_in_force(trial),
                           "not_judged", form_not_judged(trial), "ticks", (json_int_t)trial->ticks, "firings", rows);
    trial_free(trial);
    call_finish(call, err);
}

/* ---- pages ---- */

static int judge(struct trial *trial, const struct series_table *table, struct bytes bytes, struct err *err)
{
    struct batch batch;
    arena_reset(&trial->batch);
    int rc = codec_decode_batch(bytes.at, bytes.len, &trial->batch, &batch, err);
    if (rc < 0)
        return rc;
    batch.table = table->hash;
    trial->ticks += batch.n_ticks;
    rc = replay_feed(trial->replay, table, &batch, batch.wall_us);
    trial->full = trial->full || rc == -ENOBUFS;
    return rc < 0 && rc != -ENOBUFS ? err_sys(err, rc, "cannot judge a batch of %s", trial->host) : 0;
}

static int decode_tables(struct trial *trial, const struct store_export_page *page, struct series_table *tables,
                         struct err *err)
{
    for (size_t i = 0; i < page->n_tables; i++) {
        struct bytes bytes = page->tables[i];
        int rc = codec_decode_table(bytes.at, bytes.len, &trial->tables, &tables[i], err);
        if (rc < 0)
            return rc;
        tables[i].hash = codec_table_hash(bytes.at, bytes.len);
    }
    return 0;
}

/* On the reader's thread. */
static int judge_page(void *user, const struct store_export_page *page, struct err *err)
{
    struct trial *trial = user;
    arena_reset(&trial->tables);
    struct series_table *tables = arena_alloc(&trial->tables, page->n_tables + 1, sizeof *tables);
    if (!tables)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = decode_tables(trial, page, tables, err);
    for (size_t i = 0; rc == 0 && i < page->n_batches; i++)
        rc = judge(trial, &tables[page->batches[i].table], page->batches[i].bytes, err);
    return rc == -EBADMSG ? -EPROTO : rc; /* what was just encoded: no damage of the file */
}

static void give_up(struct trial *trial, const struct err *err)
{
    struct call *call = trial->call;
    trial_free(trial);
    call_finish(call, err);
}

static void on_page(void *user, const struct store_export_page *page, const struct err *err)
{
    struct trial *trial = user;
    struct err fault;
    if (err) {
        give_up(trial, err);
        return;
    }
    if (!page->more || trial->full || trial->ticks >= TICKS_MOST) {
        answer(trial, page->more ? page->next_us : trial->query.to_us, NULL);
        return;
    }
    trial->query.from_us = page->next_us;
    trial->query.skip = page->skip;
    if (store_export(collector_store(trial->call->collector), &trial->query, on_page, trial, &fault) < 0)
        give_up(trial, &fault);
}

/* ---- what is asked ---- */

static int take_range(const struct call *call, struct trial *trial, const struct event *event, struct err *err)
{
    int64_t now_us = collector_now_us(call->collector);
    trial->query.from_us = event ? event->start_us : now_us - TEST_SPAN_US;
    trial->query.to_us = event && event->end_us < now_us ? event->end_us : now_us;
    int rc = call_instant(call, "from", &trial->query.from_us, err);
    if (rc == 0)
        rc = call_instant(call, "to", &trial->query.to_us, err);
    if (rc == 0 && trial->query.from_us >= trial->query.to_us)
        rc = err_set(err, -EINVAL, "from is not before to");
    trial->from_us = trial->query.from_us;
    return rc;
}

/* Rules and what lies over them may change before the last page is judged: they are copied. */
static int take_rules(struct trial *trial, const struct asked_rules *asked, struct err *err)
{
    size_t n = asked->rules.n;
    AUTO(auto_free) struct tuning *tunings = calloc(n + 1, sizeof *tunings);
    trial->rules = calloc(n + 1, sizeof *trial->rules);
    if (!trial->rules || !tunings)
        return err_set(err, -ENOMEM, "out of memory");
    if (n > 0)
        memcpy(trial->rules, asked->rules.rows, n * sizeof *trial->rules);
    trial->n_rules = n;
    snprintf(trial->host, sizeof trial->host, "%s", asked->host->name);
    trial->in_force = watch_strictest(asked->in_force);
    const struct replay_host host = { .in_force = trial->in_force,
                                      .limits = asked->limits,
                                      .tunings = tunings,
                                      .n_tunings = overlay_resolve_all(trial->rules, n, &asked->over.where, tunings) };
    return replay_new(&trial->replay, trial->rules, n, &host, err);
}

static int prepare(struct call *call, struct trial *trial, struct err *err)
{
    AUTO(asked_done) struct asked_rules asked = { .in_force = 0 };
    int rc = asked_rules(call, &asked, err);
    if (rc == 0)
        rc = call_in_force(call, asked.event ? IN_FORCE(EVENT_LIVE) : asked.in_force, &asked.in_force, err);
    if (rc == 0)
        rc = asked_overlays(call, &asked, err);
    if (rc == 0)
        rc = take_range(call, trial, asked.event, err);
    if (rc == 0)
        rc = take_rules(trial, &asked, err);
    if (rc < 0)
        return rc;
    trial->query.tenant = asked.host->tenant;
    trial->query.host = asked.host->id;
    trial->query.study = judge_page;
    snprintf(trial->query.metric, sizeof trial->query.metric, "*");
    snprintf(trial->query.instance, sizeof trial->query.instance, "*");
    return 0;
}

int verb_rule_test(struct call *call, struct err *err)
{
    AUTO(trial_undo) struct trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return err_set(err, -ENOMEM, "out of memory");
    arena_init(&trial->tables, TABLES_MEMORY);
    arena_init(&trial->batch, 2 * CODEC_ARENA_BYTES);
    trial->call = call;
    int rc = prepare(call, trial, err);
    if (rc == 0)
        rc = store_export(collector_store(call->collector), &trial->query, on_page, trial, err);
    if (rc < 0)
        return rc;
    trial = NULL; /* on_page() has it now */
    return CALL_LATER;
}
