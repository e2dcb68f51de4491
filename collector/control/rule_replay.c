/* Rules over what is stored of a host: what would have fired when. Pages of the export are judged one after the other
 * by a watch apart; each is read by the reader thread, so the loop has its turn between them. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/call.h"
#include "collector/watch/replay.h"
#include "collector/watch/rules.h"
#include "proto/codec/codec.h"

enum { TICKS_MOST = 400000, TABLES_MEMORY = 3 * CODEC_ARENA_BYTES };
#define TEST_SPAN_US (3600 * US_PER_S) /* the last hour, if nothing is said */

struct trial {
    struct call *call;
    struct store_export query;
    int64_t from_us;
    const struct host *host; /* borrowed: none is ever taken out of the fleet */
    struct rule *rules;      /* owned */
    size_t n_rules;
    unsigned in_force;
    struct replay *replay;
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
    json_t *row = form_alert(&firing->alert, trial->host->name, rule ? rule->summary : "");
    json_object_set_new(row, "fired", form_instant(firing->fired_us));
    json_object_set_new(row, "cleared", form_instant(firing->cleared_us));
    json_object_del(row, "state");
    json_object_del(row, "changed");
    return row;
}

static size_t count_judged(const struct trial *trial)
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
    call->data = json_pack("{s:s, s:o, s:o, s:b, s:I, s:I, s:o}", "host", trial->host->name, "from",
                           form_instant(trial->from_us), "to", form_instant(until_us), "truncated",
                           until_us < trial->query.to_us || trial->full, "rules", (json_int_t)count_judged(trial),
                           "ticks", (json_int_t)trial->ticks, "firings", rows);
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
    return rc < 0 && rc != -ENOBUFS ? err_sys(err, rc, "cannot judge a batch of %s", trial->host->name) : 0;
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

static int judge_page(struct trial *trial, const struct store_export_page *page, struct err *err)
{
    arena_reset(&trial->tables);
    struct series_table *tables = arena_alloc(&trial->tables, page->n_tables + 1, sizeof *tables);
    if (!tables)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = decode_tables(trial, page, tables, err);
    for (size_t i = 0; rc == 0 && i < page->n_batches; i++)
        rc = judge(trial, &tables[page->batches[i].table], page->batches[i].bytes, err);
    return rc;
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
    if (err || judge_page(trial, page, &fault) < 0) {
        fault = err ? *err : fault;
        give_up(trial, &fault);
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

/* Those given, or the collector's own. */
static int take_rules(const struct call *call, struct trial *trial, struct err *err)
{
    const struct collector_config *config = collector_configuration(call->collector);
    const char *text = call_text(call, "document");
    const char *name = call_text(call, "file");
    trial->rules = calloc(RULES_MAX, sizeof *trial->rules);
    if (!trial->rules)
        return err_set(err, -ENOMEM, "out of memory");
    if (!text) {
        memcpy(trial->rules, config->rule_rows, config->n_rules * sizeof *trial->rules);
        trial->n_rules = config->n_rules;
        return 0;
    }
    struct config_faults faults = { .n = 0 };
    if (rules_parse(name ? name : "rules", text, strlen(text), trial->rules, &trial->n_rules, NULL, &faults) < 0)
        return err_set(err, -EINVAL, "%s", faults.at[0].text);
    return 0;
}

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

static int prepare(struct call *call, struct trial *trial, struct err *err)
{
    const struct event *event = NULL;
    struct host_view view;
    int rc = call_host(call, &trial->host, err);
    if (rc == 0 && call_text(call, "event"))
        rc = call_event(call, &event, err);
    if (rc == 0)
        rc = call_in_force(call, event ? IN_FORCE(EVENT_LIVE) : IN_FORCE_NO_EVENT, &trial->in_force, err);
    if (rc == 0)
        rc = take_range(call, trial, event, err);
    if (rc == 0)
        rc = take_rules(call, trial, err);
    if (rc < 0)
        return rc;
    trial->query.tenant = trial->host->tenant;
    trial->query.host = trial->host->id;
    snprintf(trial->query.metric, sizeof trial->query.metric, "*");
    snprintf(trial->query.instance, sizeof trial->query.instance, "*");
    collector_host_view(call->collector, trial->host->id, &view);
    return replay_new(&trial->replay, trial->rules, trial->n_rules, trial->in_force, view.limits, err);
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
