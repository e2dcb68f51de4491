/* A host's samples as text. The collector says first which series there are, for both formats have something to say
 * about all of them at the beginning: CSV its columns, OpenMetrics its families. CSV then takes the ticks in the order
 * of time; OpenMetrics wants each series by itself, so it asks for one after the other. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/text/base64.h"
#include "warroom/carry/csv.h"
#include "warroom/carry/openmetrics.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/run.h"

enum { SERIES_MOST = 65536, LIST_MEMORY = 64 << 20, PAGE_MEMORY = 3 * CODEC_ARENA_BYTES };

struct export
{
    const struct console *console;
    const char *control;
    FILE *out;
    json_t *args; /* owned */
    struct arena list_arena, page_arena;
    uint32_t n;
    struct series *series; /* in list_arena */
    int64_t unreadable;    /* rows the collector could not read */
};

static void export_done(struct export *export)
{
    json_decref(export->args);
    arena_done(&export->list_arena);
    arena_done(&export->page_arena);
}

static void json_undo(json_t **json)
{
    json_decref(*json);
}

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int not_understood(struct err *err)
{
    return err_set(err, -EPROTO,
                   "the collector's answer makes no sense: are warroom and warroom-collector of one "
                   "version?");
}

/* ---- pages ---- */

typedef int page_fn(void *user, const json_t *data, struct err *err);

static int each_page(struct export *export, const char *verb, page_fn *fn, void *user, struct err *err)
{
    AUTO(json_undo) json_t *next = NULL;
    do {
        AUTO(json_undo) json_t *data = NULL;
        json_t *after = NULL;
        int rc = exchange_page(&export->console->line, export->control, verb, export->args, next, &data, &after, err);
        if (rc == 0)
            rc = fn(user, data, err);
        if (rc == 0 && next && json_equal(next, after))
            rc = not_understood(err); /* it would go round for ever */
        if (rc < 0) {
            json_decref(after);
            return rc;
        }
        json_decref(next);
        next = after;
    } while (next);
    return 0;
}

/* ---- which series ---- */

static int add_series(struct export *export, const json_t *row, struct err *err)
{
    const char *metric = json_string_value(json_array_get(row, 0));
    const char *instance = json_string_value(json_array_get(row, 1));
    const char *unit = json_string_value(json_array_get(row, 2));
    if (!metric || !instance || !unit || strlen(metric) > SERIES_KEY_MAX || strlen(instance) > INSTANCE_MAX ||
        strlen(unit) > SERIES_UNIT_MAX)
        return not_understood(err);
    if (export->n == SERIES_MOST)
        return err_set(err, -E2BIG, "there are more than %d series: narrow it by --metric, --from and --to",
                       SERIES_MOST);
    struct series *series = &export->series[export->n];
    series->metric = arena_text(&export->list_arena, metric, strlen(metric));
    series->instance = arena_text(&export->list_arena, instance, strlen(instance));
    series->unit = arena_text(&export->list_arena, unit, strlen(unit));
    if (!series->metric || !series->instance || !series->unit)
        return out_of_memory(err);
    export->n++;
    return 0;
}

static int take_series(void *user, const json_t *data, struct err *err)
{
    const json_t *list = field_list(data, "series");
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        int rc = add_series(user, row, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct series *x = a;
    const struct series *y = b;
    int order = strcmp(x->metric, y->metric);
    return order ? order : strcmp(x->instance, y->instance);
}

static int list_series(struct export *export, struct err *err)
{
    export->series = arena_alloc(&export->list_arena, SERIES_MOST, sizeof *export->series);
    if (!export->series)
        return out_of_memory(err);
    int rc = each_page(export, "export series", take_series, export, err);
    if (rc < 0)
        return rc;
    qsort(export->series, export->n, sizeof *export->series, compare);
    return 0;
}

/* ---- ticks of a page ---- */

struct page { /* decoded, in the page's arena */
    uint32_t n_tables;
    struct series_table *tables;
};

static int decode_bytes(struct arena *arena, const json_t *json, struct bytes *ret, struct err *err)
{
    const char *text = json_string_value(json);
    size_t len = text ? strlen(text) : 0;
    uint8_t *bytes = text ? arena_alloc(arena, BASE64_BYTES(len) + 1, 1) : NULL;
    size_t n;
    if (!bytes || base64_decode(bytes, text, len, &n) < 0)
        return not_understood(err);
    *ret = (struct bytes){ bytes, n };
    return 0;
}

static int decode_tables(struct export *export, const json_t *data, struct page *ret, struct err *err)
{
    const json_t *list = field_list(data, "tables");
    size_t n = json_array_size(list);
    *ret = (struct page){ .tables = arena_alloc(&export->page_arena, n + 1, sizeof *ret->tables) };
    if (!ret->tables)
        return out_of_memory(err);
    for (; ret->n_tables < n; ret->n_tables++) {
        struct bytes bytes = { NULL, 0 };
        int rc = decode_bytes(&export->page_arena, json_array_get(list, ret->n_tables), &bytes, err);
        if (rc == 0)
            rc = codec_decode_table(bytes.at, bytes.len, &export->page_arena, &ret->tables[ret->n_tables], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

typedef int batch_fn(void *user, const struct series_table *table, const struct batch *batch, struct err *err);

/* A batch at a time is in memory; the arena keeps the page's tables all the while. */
static int decode_batch(struct export *export, const struct page *page, const json_t *row, batch_fn *fn, void *user,
                        struct err *err)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, 2 * CODEC_ARENA_BYTES);
    struct bytes bytes = { NULL, 0 };
    struct batch batch = { .n_ticks = 0 };
    json_int_t table = json_integer_value(json_array_get(row, 0));
    int rc = decode_bytes(&arena, json_array_get(row, 1), &bytes, err);
    if (rc == 0 && (table < 0 || table >= page->n_tables))
        rc = not_understood(err);
    if (rc == 0)
        rc = codec_decode_batch(bytes.at, bytes.len, &arena, &batch, err);
    if (rc == 0 && batch.n_columns != page->tables[table].n)
        rc = not_understood(err);
    (void)export;
    return rc < 0 ? rc : fn(user, &page->tables[table], &batch, err);
}

static int each_batch(struct export *export, const json_t *data, batch_fn *fn, void *user, struct err *err)
{
    struct page page;
    int64_t unreadable = 0;
    if (field_count(data, "unreadable", &unreadable))
        export->unreadable += unreadable;
    arena_reset(&export->page_arena);
    int rc = decode_tables(export, data, &page, err);
    const json_t *list = field_list(data, "batches");
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        if (rc == 0)
            rc = decode_batch(export, &page, row, fn, user, err);
    }
    if (rc == 0 && ferror(export->out))
        rc = err_sys(err, -errno, "cannot write it out");
    return rc;
}

/* ---- CSV ---- */

struct csv_export {
    struct export *export;
    int64_t at_us; /* of the row in hand; -1: none */
    struct csv_cell {
        char text[NUMBER_TEXT];
        uint8_t len; /* 0: no value */
    } * row;
    uint32_t *columns; /* where the columns of a table stand; SERIES_MOST: nowhere */
};

static void put_row(struct csv_export *csv)
{
    FILE *out = csv->export->out;
    if (csv->at_us < 0)
        return;
    csv_time_print(out, csv->at_us);
    for (uint32_t i = 0; i < csv->export->n; i++) {
        fputc(',', out);
        fwrite(csv->row[i].text, 1, csv->row[i].len, out);
        csv->row[i].len = 0;
    }
    fputc('\n', out);
    csv->at_us = -1;
}

static void fill_cell(struct csv_cell *cell, const struct column *column, int exponent, uint32_t tick)
{
    if (cell->len > 0)
        return; /* two runs of a host have a tick of the same moment: what came first stays */
    if (column->real)
        cell->len = isnan(column->values[tick]) ? 0 : (uint8_t)number_print_real(cell->text, column->values[tick]);
    else if (column->fixed[tick] != FIXED_ABSENT)
        cell->len = (uint8_t)number_print_fixed(cell->text, column->fixed[tick], exponent);
}

static int csv_batch(void *user, const struct series_table *table, const struct batch *batch, struct err *err)
{
    (void)err;
    struct csv_export *csv = user;
    const struct export *export = csv->export;
    for (uint32_t i = 0; i < table->n; i++) {
        const struct series *found = bsearch(&table->at[i], export->series, export->n, sizeof *export->series, compare);
        csv->columns[i] = found ? (uint32_t)(found - export->series) : SERIES_MOST; /* it came while we were at it */
    }
    for (uint32_t tick = 0; tick < batch->n_ticks; tick++) {
        if (batch->wall_us[tick] != csv->at_us)
            put_row(csv);
        csv->at_us = batch->wall_us[tick];
        for (uint32_t i = 0; i < table->n; i++)
            if (csv->columns[i] != SERIES_MOST)
                fill_cell(&csv->row[csv->columns[i]], &batch->columns[i], table->at[i].exponent, tick);
    }
    return 0;
}

static int csv_page(void *user, const json_t *data, struct err *err)
{
    struct csv_export *csv = user;
    return each_batch(csv->export, data, csv_batch, csv, err);
}

static int export_csv(struct export *export, struct err *err)
{
    AUTO(auto_free) struct csv_cell *row = calloc(export->n + 1, sizeof *row);
    uint32_t columns[SERIES_MAX];
    struct csv_export csv = { .export = export, .at_us = -1, .row = row, .columns = columns };
    if (!row)
        return out_of_memory(err);
    csv_head_print(export->out, export->series, export->n);
    int rc = each_page(export, "export", csv_page, &csv, err);
    if (rc == 0)
        put_row(&csv);
    return rc;
}

/* ---- OpenMetrics ---- */

struct openmetrics_export {
    struct export *export;
    const char *name; /* of the series in hand, with its labels */
    int64_t last_us;
};

static int openmetrics_batch(void *user, const struct series_table *table, const struct batch *batch, struct err *err)
{
    (void)err;
    struct openmetrics_export *om = user;
    for (uint32_t tick = 0; tick < batch->n_ticks; tick++) {
        struct csv_cell cell = { .len = 0 };
        fill_cell(&cell, &batch->columns[0], table->at[0].exponent, tick);
        if (cell.len == 0 || batch->wall_us[tick] == om->last_us)
            continue;
        om->last_us = batch->wall_us[tick];
        openmetrics_print_sample(om->export->out, om->name, cell.text, cell.len, om->last_us);
    }
    return 0;
}

static int openmetrics_page(void *user, const json_t *data, struct err *err)
{
    struct openmetrics_export *om = user;
    return each_batch(om->export, data, openmetrics_batch, om, err);
}

/* A glob that is this text and nothing else. */
static json_t *exactly(const char *text)
{
    char glob[2 * INSTANCE_MAX + 1];
    size_t n = 0;
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            glob[n++] = '\\';
        glob[n++] = *text;
    }
    return json_stringn(glob, n);
}

static int export_one(struct openmetrics_export *om, const struct series *series, const char *name, struct err *err)
{
    struct export *export = om->export;
    om->name = name;
    om->last_us = -1;
    if (json_object_set_new(export->args, "metric", exactly(series->metric)) < 0 ||
        json_object_set_new(export->args, "instance", exactly(series->instance)) < 0)
        return out_of_memory(err);
    return each_page(export, "export", openmetrics_page, om, err);
}

static int export_openmetrics(struct export *export, const char *host, struct err *err)
{
    struct openmetrics_export om = { .export = export };
    AUTO(openmetrics_names_done) struct openmetrics_names names = { .n = 0 };
    int rc = openmetrics_names(&names, export->series, export->n, host, err);
    for (uint32_t i = 0; rc == 0 && i < names.n; i++) {
        if (i == 0 || strcmp(names.at[i].family, names.at[i - 1].family) != 0)
            openmetrics_print_head(export->out, &names.at[i]);
        rc = export_one(&om, names.at[i].series, names.at[i].text, err);
    }
    if (rc == 0)
        fputs("# EOF\n", export->out);
    return rc;
}

/* ---- the verb ---- */

static int no_samples(const json_t *args, struct err *err)
{
    const char *host = field_text(args, "host");
    const char *metric = json_string_value(json_object_get(args, "metric"));
    const char *instance = json_string_value(json_object_get(args, "instance"));
    err_set(err, -ENODATA, "%s has no samples between %s and %s", host, field_text(args, "from"),
            field_text(args, "to"));
    if (metric)
        err_set(err, -ENODATA, "%s of metrics that match '%s'", err->text, metric);
    if (instance)
        err_set(err, -ENODATA, "%s of instances that match '%s'", err->text, instance);
    return err_set(err, -ENODATA, "%s; warroom coverage --host %s shows when it has", err->text, host);
}

static int write_all(struct export *export, const json_t *args, struct err *err)
{
    int rc = list_series(export, err);
    if (rc < 0)
        return rc;
    if (export->n == 0)
        return no_samples(args, err);
    rc = field_is(args, "format", "csv") ? export_csv(export, err)
                                         : export_openmetrics(export, field_text(args, "host"), err);
    if (rc == 0 && (fflush(export->out) != 0 || ferror(export->out)))
        rc = err_sys(err, -errno, "cannot write it out");
    return rc;
}

static int request_args(const json_t *args, json_t **ret, struct err *err)
{
    json_t *tenant = json_object_get(args, "tenant");
    *ret = json_pack("{s:O, s:O*, s:O*, s:O*, s:O, s:O}", "host", json_object_get(args, "host"), "tenant", tenant,
                     "metric", json_object_get(args, "metric"), "instance", json_object_get(args, "instance"), "from",
                     json_object_get(args, "from"), "to", json_object_get(args, "to"));
    return *ret ? 0 : out_of_memory(err);
}

/* Under its name only when it is whole: a file that looks complete must be. */
static int to_file(struct export *export, const json_t *args, const char *name, struct err *err)
{
    AUTO(auto_free) char *part = NULL;
    if (asprintf(&part, "%s.part", name) < 0)
        return out_of_memory(err);
    AUTO(auto_fclose) FILE *file = fopen(part, "we");
    if (!file)
        return err_sys(err, -errno, "cannot write %s", part);
    export->out = file;
    int rc = write_all(export, args, err);
    if (rc == 0 && (fsync(fileno(file)) < 0 || rename(part, name) < 0))
        rc = err_sys(err, -errno, "cannot write %s", name);
    if (rc < 0)
        unlink(part);
    return rc;
}

int run_export(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
               struct err *err)
{
    const char *name = field_text(args, "output");
    if (!field_is(args, "format", "csv") && !field_is(args, "format", "openmetrics"))
        return err_set(err, -EINVAL, "export: --format must be csv or openmetrics, not \"%s\"",
                       field_text(args, "format"));
    AUTO(export_done) struct export export = { .console = console, .control = control, .out = console->out };
    arena_init(&export.list_arena, LIST_MEMORY);
    arena_init(&export.page_arena, PAGE_MEMORY);
    int rc = request_args(args, &export.args, err);
    *ret_data = NULL;
    if (rc < 0)
        return rc;
    rc = strcmp(name, FIELD_NONE) == 0 ? write_all(&export, args, err) : to_file(&export, args, name, err);
    if (export.unreadable > 0)
        fprintf(console->err,
                "warroom: %" PRId64
                " damaged rows were passed over: what they held is missing here; stop the collector and"
                " run warroom-collector --fsck\n",
                export.unreadable);
    return rc;
}
