/* Coverage of hosts, read: the times and numbers of ticks day by day, and what is known of missing ones, for coverage.c
 * to judge. Where samples are gone the minutes say when there were any, and the intervals of numbers that are kept as
 * long tell which run they were of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/coverage.h"
#include "collector/store/read/query.h"
#include "collector/store/read/scan.h"

enum {
    HOST_MEMORY = 128 << 20,
    FACTS_MAX = 500 * 1000,       /* of a host: rows about its missing ticks */
    LOOKED_MAX = 2 * 1000 * 1000, /* times that gaps of a host look them up */
    CHECK_EVERY = 1024            /* of either: whether the store closes */
};
#define NEAR_US    READING_MINUTE_US /* beside the window: where its neighbours are looked for */
#define NOBODY_RUN (-1)

struct run_number {
    struct run_id id;
    int64_t no;
};

struct stored { /* beside facts.stored: when its ticks were */
    int64_t first_us;
    int64_t last_us;
};

struct begun { /* the intervals by their beginnings */
    size_t i;
    size_t longest; /* of those up to here: the one that goes on for longest */
};

struct item { /* a tick, or a minute that has some */
    struct coverage_tick tick;
    bool minute;
};

struct cover { /* one host */
    struct reading *reading;
    struct scan scan;
    struct arena arena; /* of the host */
    struct arena day;   /* of the day in hand */
    uint64_t host;
    int64_t from_us, to_us;
    size_t n_runs, n_stored, n_items, room;
    struct run_number *runs;
    struct stored *stored;
    struct begun *by_first;
    size_t *by_last;
    size_t n_facts;
    uint64_t looked; /* of coverage.looked, that was counted as work */
    struct item *items;
    struct coverage_facts facts;
    struct coverage coverage;
    bool has_span; /* minutes that follow each other, not told yet */
    int64_t span_from_us, span_to_us;
    bool behind; /* something behind the window was told */
    struct store_host_coverage *ret;
    struct store_gap *gaps;
};

/* -E2BIG: of this host alone, the others have their answers. */
static int too_much(struct err *err)
{
    return err_set(err, -E2BIG, "store: too much is known of this host");
}

/* ---- what is known of missing ticks ---- */

static int count_fact(struct cover *cover, struct err *err)
{
    cover->reading->left -= READING_ROW / 4;
    if (++cover->n_facts > FACTS_MAX)
        return too_much(err);
    return cover->n_facts % CHECK_EVERY == 0 ? reading_check(cover->reading, err) : 0;
}

/* Runs a statement over the host; `take` gets each row, after room for `size` more bytes was made at *list. */
static int each(struct cover *cover, const char *sql, size_t size, void *list,
                void (*take)(struct cover *cover, sqlite3_stmt *row, void *at), size_t *ret_n, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    uint8_t *at = NULL;
    size_t n = 0;
    size_t room = 0;
    int rc = db_prepare(cover->reading->db, sql, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)cover->host);
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        rc = count_fact(cover, err);
        if (rc < 0)
            return rc;
        if (n == room) {
            room = room ? room * 2 : 64;
            uint8_t *grown = arena_alloc(&cover->arena, room, size);
            if (!grown)
                return too_much(err);
            if (n)
                memcpy(grown, at, n * size);
            at = grown;
        }
        take(cover, stmt, at + n++ * size);
    }
    memcpy(list, &at, sizeof at);
    *ret_n = n;
    return rc;
}

static void take_run(struct cover *cover, sqlite3_stmt *row, void *at)
{
    (void)cover;
    struct run_number *run = at;
    run->no = sqlite3_column_int64(row, 0);
    if (sqlite3_column_bytes(row, 1) == RUN_BYTES)
        memcpy(run->id.bytes, sqlite3_column_blob(row, 1), RUN_BYTES);
}

static void take_numbers(struct cover *cover, sqlite3_stmt *row, void *at)
{
    (void)cover;
    *(struct coverage_numbers *)at =
        (struct coverage_numbers){ sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1),
                                   (uint64_t)sqlite3_column_int64(row, 2), DROP_OTHER };
}

static void take_dropped(struct cover *cover, sqlite3_stmt *row, void *at)
{
    struct coverage_numbers *numbers = at;
    const char *cause = (const char *)sqlite3_column_text(row, 3);
    take_numbers(cover, row, at);
    for (int i = 0; cause && i < DROP_COUNT; i++)
        if (strcmp(cause, drop_cause_name((enum drop_cause)i)) == 0)
            numbers->cause = (enum drop_cause)i;
}

static void take_times(struct cover *cover, sqlite3_stmt *row, void *at)
{
    (void)cover;
    *(struct stored *)at = (struct stored){ sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1) };
}

static void take_step(struct cover *cover, sqlite3_stmt *row, void *at)
{
    (void)cover;
    *(struct coverage_step *)at = (struct coverage_step){ sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1) };
}

#define OF_HOST(columns, table) "SELECT " columns " FROM run JOIN " table " ON " table ".run = run.id WHERE host = ?"

static int read_facts(struct cover *cover, struct err *err)
{
    struct coverage_facts *facts = &cover->facts;
    int rc = each(cover, "SELECT id, run FROM run WHERE host = ? ORDER BY run", sizeof *cover->runs, &cover->runs,
                  take_run, &cover->n_runs, err);
    if (rc == 0)
        rc = each(cover, OF_HOST("run.id, first, last", "interval") " ORDER BY interval.run, first",
                  sizeof *facts->stored, &facts->stored, take_numbers, &facts->n_stored, err);
    if (rc == 0)
        rc = each(cover, OF_HOST("first_us, last_us", "interval") " ORDER BY interval.run, first",
                  sizeof *cover->stored, &cover->stored, take_times, &cover->n_stored, err);
    if (rc == 0)
        rc = each(cover, OF_HOST("run.id, first, last, cause", "dropped") " ORDER BY dropped.run, first",
                  sizeof *facts->dropped, &facts->dropped, take_dropped, &facts->n_dropped, err);
    if (rc == 0)
        rc = each(cover, OF_HOST("run.id, at_us", "clock_step") " ORDER BY clock_step.run, at_us", sizeof *facts->steps,
                  &facts->steps, take_step, &facts->n_steps, err);
    return rc;
}

/* ---- ticks by their intervals alone ---- */

static struct coverage_tick within(const struct cover *cover, size_t i, int64_t at_us)
{
    const struct coverage_numbers *numbers = &cover->facts.stored[i];
    const struct stored *times = &cover->stored[i];
    double width_us = (double)(times->last_us - times->first_us);
    double share = width_us > 0 ? (double)(at_us - times->first_us) / width_us : 0;
    uint64_t on = (uint64_t)(share * (double)(numbers->last - numbers->first));
    return (struct coverage_tick){ at_us, numbers->run, numbers->first + on };
}

static int by_beginning(const void *a, const void *b, void *stored)
{
    const struct stored *left = (const struct stored *)stored + ((const struct begun *)a)->i;
    const struct stored *right = (const struct stored *)stored + ((const struct begun *)b)->i;
    return (left->first_us > right->first_us) - (left->first_us < right->first_us);
}

static int by_end(const void *a, const void *b, void *stored)
{
    const struct stored *left = (const struct stored *)stored + *(const size_t *)a;
    const struct stored *right = (const struct stored *)stored + *(const size_t *)b;
    return (left->last_us > right->last_us) - (left->last_us < right->last_us);
}

/* Intervals of several runs, or of one whose clock was put right, may lie over each other. */
static int order_by_time(struct cover *cover, struct err *err)
{
    size_t n = cover->n_stored;
    cover->by_first = arena_alloc(&cover->arena, n, sizeof *cover->by_first);
    cover->by_last = arena_alloc(&cover->arena, n, sizeof *cover->by_last);
    if (!cover->by_first || !cover->by_last)
        return too_much(err);
    for (size_t i = 0; i < n; i++)
        cover->by_first[i].i = cover->by_last[i] = i;
    if (n > 1) {
        qsort_r(cover->by_first, n, sizeof *cover->by_first, by_beginning, cover->stored);
        qsort_r(cover->by_last, n, sizeof *cover->by_last, by_end, cover->stored);
    }
    for (size_t k = 0; k < n; k++) {
        size_t i = cover->by_first[k].i;
        size_t before = k > 0 ? cover->by_first[k - 1].longest : i;
        cover->by_first[k].longest = cover->stored[before].last_us > cover->stored[i].last_us ? before : i;
    }
    return 0;
}

/* How many begin before an instant. */
static size_t begun_before(const struct cover *cover, int64_t at_us)
{
    size_t low = 0;
    size_t high = cover->n_stored;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cover->stored[cover->by_first[middle].i].first_us < at_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t ended_before(const struct cover *cover, int64_t at_us)
{
    size_t low = 0;
    size_t high = cover->n_stored;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cover->stored[cover->by_last[middle]].last_us < at_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether one of the first `n` that began goes on until an instant, or beyond it: *ret. */
static bool goes_on(const struct cover *cover, size_t n, int64_t until_us, size_t *ret)
{
    if (n == 0)
        return false;
    *ret = cover->by_first[n - 1].longest;
    return cover->stored[*ret].last_us >= until_us;
}

/* The last one before an instant: of an interval that goes on beyond it, or of the one that ended last. */
static bool last_before(const struct cover *cover, int64_t at_us, int64_t if_within_us, struct coverage_tick *ret)
{
    size_t i;
    if (goes_on(cover, begun_before(cover, reading_earlier(at_us, if_within_us + 1)), at_us, &i)) {
        *ret = within(cover, i, if_within_us);
        return true;
    }
    size_t n = ended_before(cover, at_us);
    if (n == 0)
        return false;
    i = cover->by_last[n - 1];
    *ret = (struct coverage_tick){ cover->stored[i].last_us, cover->facts.stored[i].run, cover->facts.stored[i].last };
    return true;
}

/* The first one from an instant on: of an interval that goes on beyond it, or of the one that begins next. */
static bool first_behind(const struct cover *cover, int64_t at_us, struct coverage_tick *ret)
{
    size_t i;
    size_t n = begun_before(cover, at_us);
    if (goes_on(cover, n, at_us, &i)) {
        *ret = within(cover, i, at_us);
        return true;
    }
    if (n == cover->n_stored)
        return false;
    i = cover->by_first[n].i;
    *ret =
        (struct coverage_tick){ cover->stored[i].first_us, cover->facts.stored[i].run, cover->facts.stored[i].first };
    return true;
}

/* ---- a day's ticks ---- */

static int by_id(const void *key, const void *run)
{
    return memcmp(key, ((const struct run_number *)run)->id.bytes, RUN_BYTES);
}

static int64_t run_of(const struct cover *cover, const struct run_id *id)
{
    const struct run_number *run =
        cover->n_runs > 0 ? bsearch(id->bytes, cover->runs, cover->n_runs, sizeof *cover->runs, by_id) : NULL;
    return run ? run->no : NOBODY_RUN;
}

static struct item *more_items(struct cover *cover, size_t n)
{
    if (cover->n_items + n > cover->room) {
        size_t room = (cover->n_items + n) * 2;
        struct item *items = arena_alloc(&cover->day, room, sizeof *items);
        if (!items)
            return NULL;
        if (cover->n_items)
            memcpy(items, cover->items, cover->n_items * sizeof *items);
        cover->items = items;
        cover->room = room;
    }
    struct item *at = &cover->items[cover->n_items];
    cover->n_items += n;
    return at;
}

static void put_part(const struct cover *cover, const struct scan_piece *piece, const struct block_part *part,
                     uint32_t begin, struct item *items)
{
    int64_t run = run_of(cover, &part->run);
    for (uint32_t i = begin; i < begin + part->n; i++)
        if (i >= piece->from && i < piece->to)
            items[i - piece->from].tick = (struct coverage_tick){ piece->at_us[i], run, part->first + (i - begin) };
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct cover *cover = user;
    uint32_t n_parts = 0;
    const struct block_part *parts = NULL;
    int rc = piece->minutes ? 0 : scan_parts(scan, piece, &n_parts, &parts, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    struct item *items = more_items(cover, piece->to - piece->from);
    if (!items)
        return too_much(err);
    cover->reading->left -= 3 * (int64_t)(piece->to - piece->from);
    for (uint32_t i = piece->from; i < piece->to; i++)
        items[i - piece->from] = (struct item){ .tick = { piece->at_us[i], NOBODY_RUN, i }, .minute = piece->minutes };
    uint32_t begin = 0;
    for (uint32_t i = 0; i < n_parts; begin += parts[i++].n)
        put_part(cover, piece, &parts[i], begin, items);
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;
    int64_t l = left->tick.at_us;
    int64_t r = right->tick.at_us;
    if (l != r)
        return (l > r) - (l < r);
    return (left->tick.n > right->tick.n) - (left->tick.n < right->tick.n);
}

static void tell_span(struct cover *cover)
{
    if (!cover->has_span)
        return;
    struct coverage_tick first = { .run = NOBODY_RUN };
    struct coverage_tick last = { .run = NOBODY_RUN - 1 };
    first_behind(cover, cover->span_from_us, &first);
    last_before(cover, cover->span_to_us, cover->span_to_us, &last);
    first.at_us = cover->span_from_us;
    last.at_us = cover->span_to_us;
    coverage_span(&cover->coverage, &first, &last);
    cover->has_span = false;
}

static void tell_item(struct cover *cover, const struct item *item)
{
    int64_t at_us = item->tick.at_us;
    cover->behind |= at_us >= cover->to_us;
    if (item->minute && cover->has_span && at_us <= cover->span_to_us) {
        cover->span_to_us = at_us + READING_MINUTE_US;
        return;
    }
    tell_span(cover);
    if (item->minute) {
        cover->has_span = cover->ret->minutes = true;
        cover->span_from_us = at_us;
        cover->span_to_us = at_us + READING_MINUTE_US;
    } else {
        coverage_tick(&cover->coverage, &item->tick);
    }
}

/* What gaps cost beyond their ticks: those between interleaved runs each go through much of what is known. */
static int count_looked(struct cover *cover, struct err *err)
{
    uint64_t more = cover->coverage.looked - cover->looked;
    if (more < CHECK_EVERY)
        return 0;
    cover->looked = cover->coverage.looked;
    cover->reading->left -= (int64_t)more * (READING_ROW / 8);
    return cover->looked > LOOKED_MAX ? too_much(err) : reading_check(cover->reading, err);
}

static int tell_ticks(struct cover *cover, int64_t from_us, int64_t to_us, struct err *err)
{
    struct scan_range range = scan_range_of(cover->reading, cover->host, from_us, to_us, false);
    arena_reset(&cover->day);
    cover->n_items = cover->room = 0;
    cover->items = NULL;
    int rc = scan_host(&cover->scan, &range, on_piece, cover, err);
    if (rc < 0)
        return rc;
    if (cover->n_items > 1)
        qsort(cover->items, cover->n_items, sizeof *cover->items, by_time);
    for (size_t i = 0; rc == 0 && i < cover->n_items; i++) {
        tell_item(cover, &cover->items[i]);
        rc = count_looked(cover, err);
    }
    return rc;
}

/* ---- a host ---- */

static void on_gap(void *user, const struct coverage_gap *gap)
{
    struct cover *cover = user;
    struct store_host_coverage *ret = cover->ret;
    int64_t width_us = gap->to_us - gap->from_us;
    if (width_us > ret->longest_us)
        ret->longest_us = width_us;
    if (ret->n_gaps++ < STORE_GAPS_MAX)
        cover->gaps[ret->n++] = (struct store_gap){ gap->from_us, gap->to_us, coverage_cause_name(gap->cause) };
}

/* The time from which on the host has anything, and until when. */
static void known_range(const struct cover *cover, int64_t *ret_from_us, int64_t *ret_to_us)
{
    *ret_from_us = INT64_MAX;
    *ret_to_us = 0;
    for (size_t i = 0; i < cover->n_stored; i++) {
        *ret_from_us = reading_earlier(*ret_from_us, cover->stored[i].first_us);
        *ret_to_us = reading_later(*ret_to_us, cover->stored[i].last_us + 1);
    }
}

static int tell_window(struct cover *cover, struct err *err)
{
    int64_t near_us = reading_later(cover->from_us - NEAR_US, 0);
    int64_t known_from_us, known_to_us;
    struct coverage_tick beside;
    known_range(cover, &known_from_us, &known_to_us);
    int64_t at_us = reading_floor(reading_later(near_us, known_from_us), READING_MINUTE_US);
    int64_t to_us = reading_earlier(cover->to_us + NEAR_US, known_to_us);
    if (last_before(cover, near_us, near_us - 1, &beside))
        coverage_tick(&cover->coverage, &beside);
    int rc = 0;
    while (rc == 0 && at_us < to_us) {
        int64_t next_us = reading_earlier(reading_floor(at_us, READING_DAY_US) + READING_DAY_US, to_us);
        rc = tell_ticks(cover, at_us, next_us, err);
        at_us = next_us;
    }
    tell_span(cover);
    if (rc == 0 && !cover->behind && first_behind(cover, cover->to_us + NEAR_US, &beside))
        coverage_tick(&cover->coverage, &beside);
    return rc;
}

static int read_host(struct cover *cover, struct err *err)
{
    struct store_gap *gaps = arena_alloc(&cover->arena, STORE_GAPS_MAX, sizeof *gaps);
    if (!gaps)
        return too_much(err);
    cover->gaps = gaps;
    int rc = read_facts(cover, err);
    if (rc == 0)
        rc = order_by_time(cover, err);
    if (rc < 0)
        return rc;
    bool to_now = cover->to_us >= cover->reading->now_us;
    coverage_begin(&cover->coverage, cover->from_us, cover->to_us, to_now, &cover->facts, on_gap, cover);
    rc = tell_window(cover, err);
    coverage_end(&cover->coverage);
    cover->ret->covered_us = cover->to_us - cover->from_us - cover->coverage.missing_us;
    return rc;
}

/* ---- many ---- */

struct coverage_state {
    struct store_host_coverage *hosts;
    size_t n_gaps; /* told */
};

static void cover_done(struct cover *cover)
{
    scan_done(&cover->scan);
    arena_done(&cover->arena);
    arena_done(&cover->day);
}

static void next_host(struct cover *cover, uint64_t host, struct store_host_coverage *ret)
{
    arena_reset(&cover->arena);
    *ret = (struct store_host_coverage){ .host = host };
    cover->ret = ret;
    cover->host = host;
    cover->facts = (struct coverage_facts){ .n_stored = 0 };
    cover->has_span = cover->behind = false;
    cover->n_facts = 0;
    cover->looked = 0;
}

/* Others of its tenant are not to go without theirs for it. */
static void tell_too_much(struct cover *cover)
{
    *cover->ret = (struct store_host_coverage){ .host = cover->host, .too_much = true };
}

/* The gaps told move to the answer. */
static int keep_gaps(struct cover *cover, struct err *err)
{
    struct store_host_coverage *ret = cover->ret;
    struct store_gap *gaps = arena_alloc(cover->reading->arena, ret->n, sizeof *gaps);
    if (!gaps)
        return err_set(err, -ENOMEM, "store: out of memory");
    if (ret->n)
        memcpy(gaps, cover->gaps, ret->n * sizeof *gaps);
    ret->gaps = gaps;
    return 0;
}

/* NULL: out of memory. */
static struct coverage_state *begin(struct reading *reading, const struct store_coverage_query *query,
                                    struct store_coverage *result, struct err *err)
{
    struct coverage_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    struct store_host_coverage *hosts = arena_alloc(reading->arena, query->hosts.n, sizeof *hosts);
    if (!state || !hosts) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    state->hosts = hosts;
    int64_t to_us = reading_later(reading_earlier(query->to_us, reading->now_us), query->from_us);
    *result = (struct store_coverage){ .from_us = query->from_us, .to_us = to_us, .hosts = hosts };
    return state;
}

int query_coverage(struct reading *reading, const struct store_coverage_query *query, struct coverage_state **state,
                   struct store_coverage *ret, struct err *err)
{
    AUTO(cover_done) struct cover cover = { .reading = reading };
    arena_init(&cover.arena, HOST_MEMORY);
    arena_init(&cover.day, HOST_MEMORY);
    if (!*state && !(*state = begin(reading, query, ret, err)))
        return -ENOMEM;
    int rc = scan_init(&cover.scan, reading, err);
    cover.from_us = ret->from_us;
    cover.to_us = ret->to_us;
    while (rc == 0 && ret->n < query->hosts.n && (*state)->n_gaps < query->hosts.rows) {
        if (reading->left < 0)
            return READING_MORE;
        next_host(&cover, query->hosts.at[ret->n], &(*state)->hosts[ret->n]);
        rc = read_host(&cover, err);
        if (rc == -E2BIG) {
            tell_too_much(&cover);
            rc = 0;
        }
        if (rc == 0)
            rc = keep_gaps(&cover, err);
        (*state)->n_gaps += cover.ret->n;
        ret->n++;
    }
    return rc;
}
