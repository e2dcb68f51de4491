/* A page of an export: the next ticks of a host, whichever rows they lie in, as batches of the codec.
 *
 * Day by day: the day's rows in the order of their first ticks; as many of them are decoded as a page can hold ticks
 * of; their ticks are merged by time; neighbours of one table become a batch, until the page is full. Where the page
 * ends is a time, and how many ticks of that very time went: so nothing is held from page to page, and rows may move on
 * from the inbox into blocks meanwhile. */
#include "collector/store/read/export.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/export_rows.h"
#include "proto/codec/codec.h"

enum {
    PAGE_VALUES = 1 << 17, /* about as many fit in a page; more are not decoded for it */
    PAGE_BATCHES = 4096,
    PAGE_TABLES = 256,
};

struct page_table {
    struct export_table table;
    bool readable;
    bool listed; /* it is among the page's, as number... */
    uint32_t number;
    struct series *series; /* those that are wanted */
    struct table_hash hash;
};

struct export_read {
    struct read read;
    struct store_export query;
    bool series_only;
    union {
        void (*page_fn)(void *user, const struct store_export_page *result, const struct err *err);
        void (*series_fn)(void *user, const struct store_export_series *result, const struct err *err);
    };
    void *user;
    pthread_mutex_t studying; /* whoever is told is not studied for any more: the user may be gone */
    bool told;
    struct store_export_page page;
    struct store_export_series series;
};

struct moment { /* a tick of a row that is decoded */
    int64_t at_us;
    uint32_t row;
    uint32_t tick;
};

struct decoded_row {
    struct page_table *table;
    struct export_ticks ticks;
};

struct paging { /* one page while it is made */
    struct export_read *read;
    sqlite3 *db;
    struct block_coder *coder;
    const atomic_bool *stop;
    struct page_table *tables; /* PAGE_TABLES of them */
    size_t n_tables;
    struct bytes *page_tables;
    struct store_export_batch *batches;
    size_t bytes; /* of tables and batches so far */
    bool full;
};

/* ---- tables ---- */

static int select_series(struct paging *paging, struct page_table *table, struct err *err)
{
    const struct export_table *of = &table->table;
    table->series = arena_alloc(&paging->read->read.arena, of->n_wanted + 1, sizeof *table->series);
    if (!table->series)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < of->n_wanted; i++)
        table->series[i] = of->table.at[of->wanted[i]];
    return 0;
}

/* NULL in *ret: none of its series is wanted, or it is damaged. */
static int table_of(struct paging *paging, int64_t id, struct page_table **ret, struct err *err)
{
    struct page_table *table;
    *ret = NULL;
    for (size_t i = 0; i < paging->n_tables; i++) {
        table = &paging->tables[i];
        if (table->table.id == id) {
            *ret = table->readable && table->table.n_wanted > 0 ? table : NULL;
            paging->read->page.unreadable += !table->readable;
            return 0;
        }
    }
    if (paging->n_tables == PAGE_TABLES)
        return err_set(err, -EMSGSIZE, "store: this host had more than %d lists of series on one day: narrow the time",
                       PAGE_TABLES);
    table = &paging->tables[paging->n_tables++];
    int rc = export_table_read(paging->db, id, &paging->read->query, &paging->read->read.arena, &table->table, err);
    table->table.id = id;
    if (rc == -EBADMSG) {
        paging->read->page.unreadable++;
        return 0;
    }
    table->readable = rc == 0;
    if (rc == 0)
        rc = select_series(paging, table, err);
    if (rc == 0 && table->table.n_wanted > 0)
        *ret = table;
    return rc;
}

/* Puts the table of the wanted series into the page. */
static int list_table(struct paging *paging, struct page_table *table, struct err *err)
{
    uint8_t *bytes = arena_alloc(&paging->read->read.arena, MESSAGE_MAX, 1);
    struct series_table wanted = { .n = table->table.n_wanted, .at = table->series };
    size_t len;
    if (!bytes)
        return err_set(err, -ENOMEM, "store: out of memory");
    int rc = codec_encode_table(&wanted, bytes, MESSAGE_MAX, &len, err);
    if (rc < 0)
        return rc;
    table->hash = codec_table_hash(bytes, len);
    if (paging->bytes + len > STORE_EXPORT_PAGE_BYTES && paging->bytes > 0) {
        paging->full = true;
        return 0;
    }
    struct store_export_page *page = &paging->read->page;
    table->listed = true;
    table->number = (uint32_t)page->n_tables;
    paging->page_tables[page->n_tables++] = (struct bytes){ bytes, len };
    paging->bytes += len;
    return 0;
}

/* ---- batches ---- */

/* Columns of neighbours must agree in kind: a fixed-point value is not made a double on its way. */
static bool alike(const struct decoded_row *a, const struct decoded_row *b)
{
    if (a->table != b->table)
        return false;
    for (uint32_t i = 0; a != b && i < a->table->table.n_wanted; i++)
        if (a->ticks.columns[i].real != b->ticks.columns[i].real)
            return false;
    return true;
}

/* How many moments from the first one on make one batch. */
static uint32_t stretch(const struct decoded_row *rows, const struct moment *moments, size_t n)
{
    const struct decoded_row *row = &rows[moments[0].row];
    uint32_t most = BATCH_VALUES_MAX / row->table->table.n_wanted;
    uint32_t count = 1;
    most = most < TICKS_MAX ? most : TICKS_MAX;
    while (count < n && count < most && moments[count].at_us > moments[count - 1].at_us &&
           alike(&rows[moments[count - 1].row], &rows[moments[count].row]))
        count++;
    return count;
}

union cell {
    int64_t fixed;
    double real;
};

/* The values of `n` moments side by side, as the codec wants them. */
static void gather(const struct decoded_row *rows, const struct moment *moments, uint32_t n, uint32_t column,
                   union cell *cells, struct column *ret)
{
    bool real = rows[moments[0].row].ticks.columns[column].real;
    for (uint32_t i = 0; i < n; i++) {
        const struct column *from = &rows[moments[i].row].ticks.columns[column];
        if (real)
            cells[i].real = from->values[moments[i].tick];
        else
            cells[i].fixed = from->fixed[moments[i].tick];
    }
    *ret = real ? (struct column){ .real = true, .values = &cells->real }
                : (struct column){ .real = false, .fixed = &cells->fixed };
}

static int encode(struct arena *scratch, const struct decoded_row *rows, const struct moment *moments, uint32_t n,
                  uint8_t *bytes, size_t size, size_t *ret_len, struct err *err)
{
    const struct page_table *table = rows[moments[0].row].table;
    uint32_t n_columns = table->table.n_wanted;
    union cell *cells = arena_alloc(scratch, (size_t)n * n_columns, sizeof *cells);
    struct column *columns = arena_alloc(scratch, n_columns, sizeof *columns);
    int64_t *times = arena_alloc(scratch, 2 * (size_t)n, sizeof *times);
    if (!cells || !columns || !times)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < n; i++) {
        times[i] = moments[i].at_us - moments[0].at_us;
        times[n + i] = moments[i].at_us;
    }
    for (uint32_t i = 0; i < n_columns; i++)
        gather(rows, moments, n, i, cells + (size_t)i * n, &columns[i]);
    struct batch batch = { .first = 1,
                           .n_ticks = n,
                           .n_columns = n_columns,
                           .table = table->hash,
                           .mono_us = times,
                           .wall_us = times + n,
                           .columns = columns };
    return codec_encode_batch(&batch, bytes, size, ret_len, err);
}

/* As many of `n` moments as fit; *ret_n 0: the page is full. */
static int put_batch(struct paging *paging, const struct decoded_row *rows, const struct moment *moments, uint32_t n,
                     uint32_t *ret_n, struct err *err)
{
    struct store_export_page *page = &paging->read->page;
    size_t left = STORE_EXPORT_PAGE_BYTES > paging->bytes ? STORE_EXPORT_PAGE_BYTES - paging->bytes : 0;
    size_t room = page->n_batches == 0 || left > BATCH_MAX ? BATCH_MAX : left;
    uint8_t *bytes = arena_alloc(&paging->read->read.arena, room, 1);
    size_t len = 0;
    *ret_n = 0;
    if (!bytes && room > 0)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (; n > 0 && room > 0 && page->n_batches < PAGE_BATCHES; n /= 2) {
        AUTO(arena_done) struct arena scratch;
        arena_init(&scratch, 4 * CODEC_ARENA_BYTES);
        int rc = encode(&scratch, rows, moments, n, bytes, room, &len, err);
        if (rc == -EMSGSIZE)
            continue;
        if (rc < 0)
            return rc;
        paging->batches[page->n_batches++] =
            (struct store_export_batch){ rows[moments[0].row].table->number, { bytes, len } };
        paging->bytes += len;
        *ret_n = n;
        return 0;
    }
    return 0;
}

/* *ret_at: how many of them went into the page. */
static int put_moments(struct paging *paging, const struct decoded_row *rows, const struct moment *moments, size_t n,
                       size_t *ret_at, struct err *err)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && at < n && !paging->full) {
        struct page_table *table = rows[moments[at].row].table;
        uint32_t took = 0;
        if (!table->listed)
            rc = list_table(paging, table, err);
        if (rc == 0 && !paging->full)
            rc = put_batch(paging, rows, moments + at, stretch(rows, moments + at, n - at), &took, err);
        paging->full = paging->full || took == 0;
        at += took;
    }
    *ret_at = at;
    return rc;
}

/* ---- the ticks of a day ---- */

struct merge {
    struct decoded_row *rows; /* in the page's arena, as many as the day has */
    uint32_t n_rows;
    size_t n, room;
    struct moment *moments; /* owned */
};

static void merge_done(struct merge *merge)
{
    free(merge->moments);
}

static int add_moments(struct merge *merge, int64_t from_us, int64_t to_us, struct err *err)
{
    uint32_t number = merge->n_rows - 1;
    const struct export_ticks *ticks = &merge->rows[number].ticks;
    if (merge->n + ticks->n > merge->room) {
        size_t room = 2 * (merge->n + ticks->n);
        struct moment *moments = realloc(merge->moments, room * sizeof *moments);
        if (!moments)
            return err_set(err, -ENOMEM, "store: out of memory");
        merge->moments = moments;
        merge->room = room;
    }
    for (uint32_t i = 0; i < ticks->n; i++)
        if (ticks->at_us[i] >= from_us && ticks->at_us[i] < to_us)
            merge->moments[merge->n++] = (struct moment){ ticks->at_us[i], number, i };
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->tick > y->tick) - (x->tick < y->tick);
}

/* Decodes rows until there are ticks enough for a page. *ret_until_us: those found are all there are before it. */
static int decode_rows(struct paging *paging, const struct export_rows *rows, int64_t from_us, int64_t to_us,
                       struct merge *merge, int64_t *ret_until_us, struct err *err)
{
    size_t values = 0;
    *ret_until_us = to_us;
    for (size_t i = 0; i < rows->n; i++) {
        const struct export_row *row = &rows->at[i];
        if (values >= PAGE_VALUES && row->first_us > from_us) {
            *ret_until_us = row->first_us;
            break;
        }
        if (atomic_load_explicit(paging->stop, memory_order_relaxed))
            return err_set(err, -ECANCELED, "store: closing");
        struct decoded_row *decoded = &merge->rows[merge->n_rows];
        size_t before = merge->n;
        int rc = table_of(paging, row->table, &decoded->table, err);
        if (rc == 0 && !decoded->table)
            continue;
        if (rc == 0)
            rc = export_row_read(paging->db, paging->coder, row, &decoded->table->table, &paging->read->read.arena,
                                 &decoded->ticks, err);
        if (rc == -EBADMSG || rc == -ENOTSUP) {
            paging->read->page.unreadable++;
            continue;
        }
        merge->n_rows += rc == 0;
        if (rc == 0)
            rc = add_moments(merge, from_us, to_us, err);
        if (rc < 0)
            return rc;
        values += (merge->n - before) * decoded->table->table.n_wanted;
    }
    return 0;
}

/* Where the page ends: behind moments[at - 1]. */
static void end_page(struct store_export_page *page, const struct store_export *query, const struct merge *merge,
                     size_t at)
{
    uint32_t skip = 0;
    page->more = true;
    page->next_us = merge->moments[at].at_us;
    for (size_t i = at; i-- > 0 && merge->moments[i].at_us == page->next_us;)
        skip++;
    page->skip = skip + (page->next_us == query->from_us ? query->skip : 0);
}

static size_t count_before(const struct merge *merge, int64_t until_us)
{
    size_t n = merge->n;
    while (n > 0 && merge->moments[n - 1].at_us >= until_us)
        n--;
    return n;
}

/* *ret_next_us: how far the day was read. */
static int read_part(struct paging *paging, const struct export_rows *rows, int64_t from_us, int64_t to_us,
                     int64_t *ret_next_us, struct err *err)
{
    const struct store_export *query = &paging->read->query;
    AUTO(merge_done)
    struct merge merge = { .rows = arena_alloc(&paging->read->read.arena, rows->n + 1, sizeof *merge.rows) };
    if (!merge.rows)
        return err_set(err, -ENOMEM, "store: out of memory");
    int rc = decode_rows(paging, rows, from_us, to_us, &merge, ret_next_us, err);
    if (rc < 0)
        return rc;
    if (merge.n > 0)
        qsort(merge.moments, merge.n, sizeof *merge.moments, by_time);
    merge.n = count_before(&merge, *ret_next_us);
    size_t skip = from_us == query->from_us ? query->skip : 0;
    if (skip > merge.n)
        skip = merge.n;
    merge.n -= skip;
    if (skip > 0 && merge.moments)
        memmove(merge.moments, merge.moments + skip, merge.n * sizeof *merge.moments);
    size_t at = 0;
    rc = put_moments(paging, merge.rows, merge.moments, merge.n, &at, err);
    if (rc == 0 && at < merge.n)
        end_page(&paging->read->page, query, &merge, at);
    return rc;
}

static int64_t end_of_day(int64_t at_us, int64_t to_us)
{
    int64_t end_us = at_us - at_us % EXPORT_DAY_US + EXPORT_DAY_US;
    return end_us < to_us ? end_us : to_us;
}

/* Part by part until the page is full; whole days without a row cost a look each. */
static int fill_page(struct paging *paging, struct export_rows *rows, struct err *err)
{
    struct export_read *read = paging->read;
    int64_t at_us = read->query.from_us;
    int rc = 0;
    while (rc == 0 && at_us < read->query.to_us && !read->page.more) {
        if (atomic_load_explicit(paging->stop, memory_order_relaxed))
            return err_set(err, -ECANCELED, "store: closing");
        int64_t end_us = end_of_day(at_us, read->query.to_us);
        int64_t next_us = end_us;
        rc = export_rows_find(rows, at_us, end_us, err);
        if (rc == 0 && rows->n > 0)
            rc = read_part(paging, rows, at_us, end_us, &next_us, err);
        at_us = next_us;
        if (rc == 0 && read->page.n_batches > 0 && !read->page.more && at_us < read->query.to_us &&
            paging->bytes > STORE_EXPORT_PAGE_BYTES / 2) { /* what is decoded next would hardly fit */
            read->page.more = true;
            read->page.next_us = at_us;
        }
    }
    return rc;
}

/* The page is in memory: nobody waits for a disk here, only for the study. */
static int study(struct export_read *read, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&read->studying);
    if (read->told)
        rc = err_set(err, -ECANCELED, "store: closing");
    else if (read->query.study)
        rc = read->query.study(read->user, &read->page, err);
    pthread_mutex_unlock(&read->studying);
    return rc;
}

static int read_page(struct export_read *read, const struct reading *reading, struct export_rows *rows, struct err *err)
{
    struct paging paging = { .read = read, .db = reading->db, .coder = reading->coder, .stop = reading->stop };
    paging.tables = arena_alloc(&read->read.arena, PAGE_TABLES, sizeof *paging.tables);
    paging.page_tables = arena_alloc(&read->read.arena, PAGE_TABLES, sizeof *paging.page_tables);
    paging.batches = arena_alloc(&read->read.arena, PAGE_BATCHES, sizeof *paging.batches);
    if (!paging.tables || !paging.page_tables || !paging.batches)
        return err_set(err, -ENOMEM, "store: out of memory");
    read->page.tables = paging.page_tables;
    read->page.batches = paging.batches;
    int rc = fill_page(&paging, rows, err);
    if (rc == 0)
        rc = reading_check(reading, err);
    return rc == 0 ? study(read, err) : rc;
}

/* ---- which series ---- */

struct table_ids {
    size_t n, room;
    int64_t *at;
};

static void ids_done(struct table_ids *ids)
{
    free(ids->at);
}

static int note_table(struct table_ids *ids, int64_t id, struct err *err)
{
    for (size_t i = ids->n; i-- > 0;) /* mostly the one before */
        if (ids->at[i] == id)
            return 0;
    if (ids->n == ids->room) {
        size_t room = ids->room ? 2 * ids->room : 64;
        int64_t *at = realloc(ids->at, room * sizeof *at);
        if (!at)
            return err_set(err, -ENOMEM, "store: out of memory");
        ids->at = at;
        ids->room = room;
    }
    ids->at[ids->n++] = id;
    return 0;
}

static int find_tables(struct export_read *read, struct export_rows *rows, const atomic_bool *stop,
                       struct table_ids *ids, struct err *err)
{
    int rc = 0;
    for (int64_t at_us = read->query.from_us; rc == 0 && at_us < read->query.to_us;) {
        if (atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, -ECANCELED, "store: closing");
        int64_t end_us = end_of_day(at_us, read->query.to_us);
        rc = export_rows_find(rows, at_us, end_us, err);
        for (size_t i = 0; rc == 0 && i < rows->n; i++)
            rc = note_table(ids, rows->at[i].table, err);
        at_us = end_us;
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct series *x = a;
    const struct series *y = b;
    int order = strcmp(x->metric, y->metric);
    return order ? order : strcmp(x->instance, y->instance);
}

static size_t without_doubles(struct series *series, size_t n)
{
    size_t kept = 0;
    qsort(series, n, sizeof *series, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_name(&series[kept - 1], &series[i]) != 0)
            series[kept++] = series[i];
    return kept;
}

static int add_table(struct export_read *read, sqlite3 *db, int64_t id, struct series *series, size_t *n,
                     struct err *err)
{
    struct export_table table;
    int rc = export_table_read(db, id, &read->query, &read->read.arena, &table, err);
    if (rc < 0)
        return rc == -EBADMSG ? 0 : rc; /* its rows will be counted as unreadable */
    if (*n + table.n_wanted > 2 * STORE_EXPORT_SERIES_MAX)
        *n = without_doubles(series, *n);
    if (*n + table.n_wanted > 2 * STORE_EXPORT_SERIES_MAX)
        return err_set(err, -EMSGSIZE, "store: there are more than %d series: narrow it", STORE_EXPORT_SERIES_MAX);
    for (uint32_t i = 0; i < table.n_wanted; i++)
        series[(*n)++] = table.table.at[table.wanted[i]];
    return 0;
}

static int read_series(struct export_read *read, const struct reading *reading, struct export_rows *rows,
                       struct err *err)
{
    AUTO(ids_done) struct table_ids ids = { .n = 0 };
    struct series *series = arena_alloc(&read->read.arena, 2 * STORE_EXPORT_SERIES_MAX, sizeof *series);
    size_t n = 0;
    if (!series)
        return err_set(err, -ENOMEM, "store: out of memory");
    int rc = find_tables(read, rows, reading->stop, &ids, err);
    for (size_t i = 0; rc == 0 && i < ids.n; i++)
        rc = add_table(read, reading->db, ids.at[i], series, &n, err);
    if (rc < 0)
        return rc;
    n = without_doubles(series, n);
    if (n > STORE_EXPORT_SERIES_MAX)
        return err_set(err, -EMSGSIZE, "store: there are more than %d series: narrow it", STORE_EXPORT_SERIES_MAX);
    read->series = (struct store_export_series){ n, series };
    return 0;
}

/* ---- the read ---- */

static int answer_export(struct read *of, struct reading *reading, struct err *err)
{
    struct export_read *read = (struct export_read *)of; /* its first member */
    struct export_rows rows;
    int rc = export_rows_open(&rows, reading->db, read->query.host, reading->stop, err);
    if (rc < 0)
        return rc;
    rc = read->series_only ? read_series(read, reading, &rows, err) : read_page(read, reading, &rows, err);
    export_rows_done(&rows);
    return rc;
}

static void tell_export(struct read *of, const struct err *err)
{
    struct export_read *read = (struct export_read *)of;
    pthread_mutex_lock(&read->studying);
    read->told = true;
    pthread_mutex_unlock(&read->studying);
    if (read->series_only)
        read->series_fn(read->user, err ? NULL : &read->series, err);
    else
        read->page_fn(read->user, err ? NULL : &read->page, err);
}

static int make(const struct store_export *query, void *user, struct export_read **ret, struct err *err)
{
    if (query->from_us < 0 || query->from_us >= query->to_us)
        return err_set(err, -EINVAL, "store: the time range ends before it begins");
    struct export_read *read = calloc(1, sizeof *read);
    if (!read)
        return err_set(err, -ENOMEM, "store: out of memory");
    read->read = (struct read){ .answer = answer_export, .tell = tell_export };
    read->query = *query;
    read->user = user;
    read->studying = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    *ret = read;
    return 0;
}

int export_page(struct reader *reader, const char *path, const struct store_export *query,
                void (*fn)(void *user, const struct store_export_page *result, const struct err *err), void *user,
                struct err *err)
{
    struct export_read *read = NULL;
    int rc = make(query, user, &read, err);
    if (!read)
        return rc;
    read->page_fn = fn;
    return reader_take(reader, path, query->tenant, &read->read, err);
}

int export_series(struct reader *reader, const char *path, const struct store_export *query,
                  void (*fn)(void *user, const struct store_export_series *result, const struct err *err), void *user,
                  struct err *err)
{
    struct export_read *read = NULL;
    int rc = make(query, user, &read, err);
    if (!read)
        return rc;
    read->series_only = true;
    read->series_fn = fn;
    return reader_take(reader, path, query->tenant, &read->read, err);
}
