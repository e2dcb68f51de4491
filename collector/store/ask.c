/* Reads: which file is asked, what may be asked at all, and for each kind what becomes of the answer. */
#include "collector/store/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/parts.h"
#include "collector/store/read/export.h"
#include "collector/store/read/lookup.h"
#include "collector/store/read/query.h"
#include "collector/store/upkeep/backup.h"

/* A read's struct has `read` for its first member; `size` may hold hosts behind it. NULL: out of memory. */
static void *make(size_t size, int (*answer)(struct read *read, struct reading *reading, struct err *err),
                  void (*tell)(struct read *read, const struct err *err), struct err *err)
{
    struct read *read = calloc(1, size);
    if (!read) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    read->answer = answer;
    read->tell = tell;
    return read;
}

static int take(struct store *store, uint64_t tenant, struct read *read, struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, tenant, &file, err);
    if (rc < 0) {
        free(read);
        return rc;
    }
    return reader_take(store->reader, file_path(file), tenant, read, err);
}

static int check_range(int64_t from_us, int64_t to_us, struct err *err)
{
    if (from_us < 0 || from_us >= to_us)
        return err_set(err, -EINVAL, "store: the time range ends before it begins");
    return 0;
}

static int check_hosts(const struct store_hosts *hosts, struct err *err)
{
    if (hosts->n < 1 || hosts->n > STORE_HOSTS_MAX)
        return err_set(err, -EINVAL, "store: %zu hosts asked for, want 1..%d", hosts->n, STORE_HOSTS_MAX);
    if (hosts->rows < 1 || hosts->rows > STORE_ROWS_MAX)
        return err_set(err, -EINVAL, "store: %zu rows asked for, want 1..%d", hosts->rows, STORE_ROWS_MAX);
    return 0;
}

static void keep_hosts(struct store_hosts *hosts, uint64_t *copy)
{
    memcpy(copy, hosts->at, hosts->n * sizeof *copy);
    hosts->at = copy;
}

/* A kind of read over hosts: its struct, how it is answered and told, and the beginning of its public function. */
#define READ_OVER_HOSTS(kind)                                                                                          \
    struct kind##_read {                                                                                               \
        struct read read;                                                                                              \
        struct store_##kind##_query query;                                                                             \
        struct kind##_state *state;                                                                                    \
        struct store_##kind result;                                                                                    \
        void (*fn)(void *user, const struct store_##kind *result, const struct err *err);                              \
        void *user;                                                                                                    \
        uint64_t hosts[];                                                                                              \
    };                                                                                                                 \
    static int answer_##kind(struct read *read, struct reading *reading, struct err *err)                              \
    {                                                                                                                  \
        struct kind##_read *of = (struct kind##_read *)read;                                                           \
        return query_##kind(reading, &of->query, &of->state, &of->result, err);                                        \
    }                                                                                                                  \
    static void tell_##kind(struct read *read, const struct err *err)                                                  \
    {                                                                                                                  \
        struct kind##_read *of = (struct kind##_read *)read;                                                           \
        of->fn(of->user, err ? NULL : &of->result, err);                                                               \
    }                                                                                                                  \
    static int take_##kind(struct store *store, const struct store_##kind##_query *query,                              \
                           void (*fn)(void *user, const struct store_##kind *result, const struct err *err),           \
                           void *user, struct err *err)                                                                \
    {                                                                                                                  \
        struct kind##_read *of =                                                                                       \
            make(sizeof *of + query->hosts.n * sizeof(uint64_t), answer_##kind, tell_##kind, err);                     \
        if (!of)                                                                                                       \
            return -ENOMEM;                                                                                            \
        of->query = *query;                                                                                            \
        keep_hosts(&of->query.hosts, of->hosts);                                                                       \
        of->fn = fn;                                                                                                   \
        of->user = user;                                                                                               \
        return take(store, query->hosts.tenant, &of->read, err);                                                       \
    }

READ_OVER_HOSTS(latest)
READ_OVER_HOSTS(spread)
READ_OVER_HOSTS(top)
READ_OVER_HOSTS(coverage)

int store_latest(struct store *store, const struct store_latest_query *query,
                 void (*fn)(void *user, const struct store_latest *result, const struct err *err), void *user,
                 struct err *err)
{
    int rc = check_hosts(&query->hosts, err);
    return rc < 0 ? rc : take_latest(store, query, fn, user, err);
}

int store_spread(struct store *store, const struct store_spread_query *query,
                 void (*fn)(void *user, const struct store_spread *result, const struct err *err), void *user,
                 struct err *err)
{
    int rc = check_hosts(&query->hosts, err);
    if (rc == 0)
        rc = check_range(query->from_us, query->to_us, err);
    return rc < 0 ? rc : take_spread(store, query, fn, user, err);
}

int store_top(struct store *store, const struct store_top_query *query,
              void (*fn)(void *user, const struct store_top *result, const struct err *err), void *user,
              struct err *err)
{
    int rc = check_hosts(&query->hosts, err);
    if (rc == 0)
        rc = check_range(query->from_us, query->to_us, err);
    if (rc == 0 && (query->most < 1 || query->most > STORE_TOP_MAX))
        rc = err_set(err, -EINVAL, "store: the highest %zu asked for, want 1..%d", query->most, STORE_TOP_MAX);
    return rc < 0 ? rc : take_top(store, query, fn, user, err);
}

int store_coverage(struct store *store, const struct store_coverage_query *query,
                   void (*fn)(void *user, const struct store_coverage *result, const struct err *err), void *user,
                   struct err *err)
{
    int rc = check_hosts(&query->hosts, err);
    if (rc == 0)
        rc = check_range(query->from_us, query->to_us, err);
    return rc < 0 ? rc : take_coverage(store, query, fn, user, err);
}

/* ---- series of a host ---- */

struct series_read {
    struct read read;
    struct store_query query;
    struct series_state *state;
    struct store_result result;
    void (*fn)(void *user, const struct store_result *result, const struct err *err);
    void *user;
};

static int answer_series(struct read *read, struct reading *reading, struct err *err)
{
    struct series_read *of = (struct series_read *)read;
    return query_series(reading, &of->query, &of->state, &of->result, err);
}

static void tell_series(struct read *read, const struct err *err)
{
    struct series_read *of = (struct series_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

static int check_points(const struct store_query *query, struct err *err)
{
    if (query->step_us < 0)
        return err_set(err, -EINVAL, "store: a step of less than nothing");
    int64_t width_us = query->to_us - query->from_us;
    if (query->step_us > 0 && width_us / query->step_us > STORE_POINTS_MAX - 2)
        return err_set(err, -EINVAL, "store: that makes more than %d steps: take a longer step or a shorter range",
                       STORE_POINTS_MAX);
    if (query->step_us == 0 && (query->points < 1 || query->points > STORE_POINTS_MAX))
        return err_set(err, -EINVAL, "store: %zu points asked for, want 1..%d", query->points, STORE_POINTS_MAX);
    return 0;
}

int store_query(struct store *store, const struct store_query *query,
                void (*fn)(void *user, const struct store_result *result, const struct err *err), void *user,
                struct err *err)
{
    int rc = check_range(query->from_us, query->to_us, err);
    if (rc == 0)
        rc = check_points(query, err);
    if (rc < 0)
        return rc;
    struct series_read *of = make(sizeof *of, answer_series, tell_series, err);
    if (!of)
        return -ENOMEM;
    of->query = *query;
    of->fn = fn;
    of->user = user;
    return take(store, query->tenant, &of->read, err);
}

/* ---- the course of a host ---- */

struct course_read {
    struct read read;
    struct store_course_query query;
    struct course_state *state;
    struct store_course result;
    void (*fn)(void *user, const struct store_course *result, const struct err *err);
    void *user;
};

static int answer_course(struct read *read, struct reading *reading, struct err *err)
{
    struct course_read *of = (struct course_read *)read;
    return query_course(reading, &of->query, &of->state, &of->result, err);
}

static void tell_course(struct read *read, const struct err *err)
{
    struct course_read *of = (struct course_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

static int check_course(const struct store_course_query *query, struct err *err)
{
    int64_t step_us = query->step_us;
    int rc = check_range(query->from_us, query->to_us, err);
    if (rc < 0)
        return rc;
    if (step_us < READING_MINUTE_US || step_us % READING_MINUTE_US != 0 || query->from_us % step_us != 0 ||
        query->to_us % step_us != 0)
        return err_set(err, -EINVAL, "store: steps of whole minutes, from one to another");
    if (query->to_us - query->from_us > STORE_COURSE_MAX_US)
        return err_set(err, -EINVAL, "store: a course of more than 60 days");
    if (query->n_metrics < 1 || query->n_metrics > STORE_COURSE_METRICS_MAX)
        return err_set(err, -EINVAL, "store: %zu metrics asked for, want 1..%d", query->n_metrics,
                       STORE_COURSE_METRICS_MAX);
    return 0;
}

int store_course(struct store *store, const struct store_course_query *query,
                 void (*fn)(void *user, const struct store_course *result, const struct err *err), void *user,
                 struct err *err)
{
    int rc = check_course(query, err);
    if (rc < 0)
        return rc;
    struct course_read *of = make(sizeof *of, answer_course, tell_course, err);
    if (!of)
        return -ENOMEM;
    of->query = *query;
    of->fn = fn;
    of->user = user;
    return take(store, query->tenant, &of->read, err);
}

/* ---- incidents ---- */

struct incidents_read {
    struct read read;
    uint64_t below;
    size_t most;
    struct store_incidents result;
    void (*fn)(void *user, const struct store_incidents *result, const struct err *err);
    void *user;
};

static int answer_incidents(struct read *read, struct reading *reading, struct err *err)
{
    struct incidents_read *of = (struct incidents_read *)read;
    return query_incidents(reading->db, of->below, of->most, reading->arena, &of->result, err);
}

static void tell_incidents(struct read *read, const struct err *err)
{
    struct incidents_read *of = (struct incidents_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

int store_list_incidents(struct store *store, uint64_t tenant, uint64_t below, size_t most,
                         void (*fn)(void *user, const struct store_incidents *result, const struct err *err),
                         void *user, struct err *err)
{
    struct incidents_read *of = make(sizeof *of, answer_incidents, tell_incidents, err);
    if (!of)
        return -ENOMEM;
    of->below = below;
    of->most = most < READER_INCIDENTS_MAX ? most : READER_INCIDENTS_MAX;
    of->fn = fn;
    of->user = user;
    return take(store, tenant, &of->read, err);
}

struct incident_read {
    struct read read;
    uint64_t id;
    struct store_incident_detail result;
    void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err);
    void *user;
};

static int answer_incident(struct read *read, struct reading *reading, struct err *err)
{
    struct incident_read *of = (struct incident_read *)read;
    return query_incident(reading->db, of->id, reading->arena, &of->result, err);
}

static void tell_incident(struct read *read, const struct err *err)
{
    struct incident_read *of = (struct incident_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

int store_show_incident(struct store *store, uint64_t tenant, uint64_t id,
                        void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err),
                        void *user, struct err *err)
{
    struct incident_read *of = make(sizeof *of, answer_incident, tell_incident, err);
    if (!of)
        return -ENOMEM;
    of->id = id;
    of->fn = fn;
    of->user = user;
    return take(store, tenant, &of->read, err);
}

/* ---- capacity checks ---- */

struct capacity_read {
    struct read read;
    uint64_t event;
    int version;
    int64_t offset;
    struct store_capacity result;
    void (*fn)(void *user, const struct store_capacity *result, const struct err *err);
    void *user;
};

static int answer_capacity(struct read *read, struct reading *reading, struct err *err)
{
    struct capacity_read *of = (struct capacity_read *)read;
    return query_capacity(reading->db, of->event, of->version, of->offset, reading->arena, &of->result, err);
}

static void tell_capacity(struct read *read, const struct err *err)
{
    struct capacity_read *of = (struct capacity_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

int store_capacity(struct store *store, uint64_t tenant, uint64_t event, int version, int64_t offset,
                   void (*fn)(void *user, const struct store_capacity *result, const struct err *err), void *user,
                   struct err *err)
{
    struct capacity_read *of = make(sizeof *of, answer_capacity, tell_capacity, err);
    if (!of)
        return -ENOMEM;
    of->event = event;
    of->version = version;
    of->offset = offset;
    of->fn = fn;
    of->user = user;
    return take(store, tenant, &of->read, err);
}

/* ---- the ledger ---- */

struct ledger_read {
    struct read read;
    struct store_ledger_query query;
    struct store_ledger result;
    void (*fn)(void *user, const struct store_ledger *result, const struct err *err);
    void *user;
};

static int answer_ledger(struct read *read, struct reading *reading, struct err *err)
{
    struct ledger_read *of = (struct ledger_read *)read;
    return query_ledger(reading->db, &of->query, reading->arena, &of->result, err);
}

static void tell_ledger(struct read *read, const struct err *err)
{
    struct ledger_read *of = (struct ledger_read *)read;
    of->fn(of->user, err ? NULL : &of->result, err);
}

int store_ledger(struct store *store, const struct store_ledger_query *query,
                 void (*fn)(void *user, const struct store_ledger *result, const struct err *err), void *user,
                 struct err *err)
{
    if (query->most < 1 || query->most > STORE_LEDGER_MOST)
        return err_set(err, -EINVAL, "store: %zu entries asked for, want 1..%d", query->most, STORE_LEDGER_MOST);
    struct ledger_read *of = make(sizeof *of, answer_ledger, tell_ledger, err);
    if (!of)
        return -ENOMEM;
    of->query = *query;
    of->fn = fn;
    of->user = user;
    return take(store, query->tenant, &of->read, err);
}

int store_find_run(struct store *store, uint64_t tenant, uint64_t host, const struct run_id *run,
                   void (*fn)(void *user, const struct store_run *result, const struct err *err), void *user,
                   struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, tenant, &file, err);
    return rc < 0 ? rc : lookup_run(store->reader, file_path(file), tenant, host, run, fn, user, err);
}

int store_export(struct store *store, const struct store_export *query,
                 void (*fn)(void *user, const struct store_export_page *result, const struct err *err), void *user,
                 struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, query->tenant, &file, err);
    return rc < 0 ? rc : export_page(store->reader, file_path(file), query, fn, user, err);
}

int store_export_series(struct store *store, const struct store_export *query,
                        void (*fn)(void *user, const struct store_export_series *result, const struct err *err),
                        void *user, struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, query->tenant, &file, err);
    return rc < 0 ? rc : export_series(store->reader, file_path(file), query, fn, user, err);
}

/* registry.db last: then it knows every host that the tenants' files speak of. Its heads are another matter: see
 * backup_heads.h. */
int store_backup(struct store *store, const char *dir, uint64_t tenant,
                 void (*fn)(void *user, const struct store_backup *state, const struct err *err), void *user,
                 struct err *err)
{
    if (store->backup)
        return err_set(err, -EBUSY, "a backup is under way already");
    AUTO(auto_free) const char **paths = calloc(HASH_COUNT(store->tenants) + 1, sizeof *paths);
    if (!paths)
        return err_set(err, -ENOMEM, "store: out of memory");
    struct backup_order order = { .dir = dir,
                                  .now_us = clock_wall_us(store->home.clock),
                                  .paths = paths,
                                  .registry = tenant == STORE_ALL_TENANTS,
                                  .fn = fn,
                                  .user = user,
                                  .owner = &store->backup };
    for (const struct tenant_file *at = store->tenants; at; at = at->hh.next)
        if (tenant == STORE_ALL_TENANTS || tenant == at->tenant)
            paths[order.n++] = file_path(at->file);
    if (tenant == STORE_ALL_TENANTS)
        paths[order.n++] = file_path(store->registry);
    return backup_start(store->home.loop, &order, err);
}
