#include "collector/store/upkeep/fsck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/scan.h"
#include "collector/store/db.h"
#include "collector/store/load.h"
#include "collector/store/schema.h"
#include "collector/store/upkeep/fsck_parts.h"

enum { ROW_MEMORY = 256 << 20, INTEGRITY_MOST = 100, LINE_MAX_BYTES = 1024 };

/* ---- what is said ---- */

void fsck_find(struct fsck *fsck, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    int len = snprintf(line, sizeof line, "%s: ", fsck->file);
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, sizeof line - (size_t)len, format, args);
    va_end(args);
    fsck->report->findings++;
    fsck->order->say(fsck->order->user, line);
}

static int by_id(const void *a, const void *b)
{
    const struct fsck_name *x = a;
    const struct fsck_name *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static const struct fsck_name *name_of(const struct fsck *fsck, uint64_t host)
{
    const struct fsck_name key = { .id = host };
    return fsck->n_names ? bsearch(&key, fsck->names, fsck->n_names, sizeof key, by_id) : NULL;
}

const char *fsck_host_text(const struct fsck *fsck, uint64_t host, char text[FSCK_HOST_TEXT])
{
    const struct fsck_name *name = name_of(fsck, host);
    if (name)
        snprintf(text, FSCK_HOST_TEXT, "host %s", name->name);
    else
        snprintf(text, FSCK_HOST_TEXT, "host %016" PRIx64, host);
    return text;
}

const char *fsck_row_text(const struct fsck *fsck, const struct fsck_row *row, char text[FSCK_ROW_TEXT])
{
    static const char *const kinds[] = {
        [FSCK_BATCH] = "batch", [FSCK_BLOCK] = "block", [FSCK_MINUTE] = "minute", [FSCK_SKETCH] = "sketch"
    };
    char host[FSCK_HOST_TEXT], first[MOMENT_TEXT], last[MOMENT_TEXT];
    snprintf(text, FSCK_ROW_TEXT, "%s %" PRId64 " (%s, %s to %s, %" PRId64 " ticks)", kinds[row->kind], row->id,
             row->host ? fsck_host_text(fsck, row->host, host) : "a host that is not known",
             moment_format(first, row->first_us), moment_format(last, row->last_us), row->n);
    return text;
}

int fsck_read_failed(struct fsck *fsck, const char *what, int rc, struct err *err)
{
    if (rc >= 0 || rc == -ENOMEM)
        return rc < 0 ? rc : 0;
    fsck_find(fsck, "%s: cannot be read: %s", what, err->text);
    return 0;
}

/* ---- one file ---- */

static int check_pages(struct fsck *fsck, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    char sql[64];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA integrity_check(%d)", INTEGRITY_MOST);
    int rc = db_prepare(fsck->db, sql, &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (text && strcmp(text, "ok") != 0)
            fsck_find(fsck, "SQLite: %s", text);
    }
    return fsck_read_failed(fsck, "its pages", rc, err);
}

/* Rows that are kept as structs have no checksum; but each value must be one that may stand there. */
static int check_states(struct fsck *fsck, enum store_file kind, uint64_t tenant, struct err *err)
{
    struct store_marks marks = { 0 };
    return fsck_read_failed(fsck, "its rows of state", load_file(fsck->db, kind, tenant, NULL, &marks, err), err);
}

/* Who is let in hangs on these: each query finds rows that no program of ours has written. */
static int check_keys(struct fsck *fsck, struct err *err)
{
    static const struct {
        const char *fault;
        const char *sql;
    } wrong[] = {
        { "a key is of this host, which is not there",
          "SELECT host FROM host_key WHERE host NOT IN (SELECT id FROM host)" },
        { "more than one active key is of this host",
          "SELECT host FROM host_key WHERE state = 'active' GROUP BY host HAVING count(*) > 1" },
        { "an invitation is of this host, which is not there",
          "SELECT host FROM token WHERE host <> 0 AND host NOT IN (SELECT id FROM host)" },
        { "more than one invitation is of this host",
          "SELECT host FROM token WHERE host <> 0 GROUP BY host HAVING count(*) > 1" },
        { "an invitation is of this tenant, which is not there",
          "SELECT tenant FROM token WHERE tenant NOT IN (SELECT id FROM tenant)" },
    };
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < sizeof wrong / sizeof *wrong; i++) {
        AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
        rc = db_prepare(fsck->db, wrong[i].sql, &stmt, err);
        while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
            fsck_find(fsck, "%016" PRIx64 ": %s", (uint64_t)sqlite3_column_int64(stmt, 0), wrong[i].fault);
    }
    return fsck_read_failed(fsck, "its keys", rc, err);
}

/* No order of requests draws what nobody has granted, or more than was bought. */
static int check_draws(struct fsck *fsck, struct err *err)
{
    static const struct {
        const char *fault;
        const char *sql;
    } wrong[] = {
        { "is of a contract that is not there",
          "SELECT id FROM draw WHERE contract <> 0 AND contract NOT IN (SELECT id FROM contract)" },
        { "is of a pack that is not there",
          "SELECT id FROM draw WHERE pack <> 0 AND pack NOT IN (SELECT id FROM pack)" },
        { "is not of one contract or one pack", "SELECT id FROM draw WHERE (contract = 0) = (pack = 0)" },
        { "is of a pack of which more is drawn than it has",
          "SELECT draw.id FROM draw JOIN pack ON pack.id = draw.pack WHERE draw.state = 'taken' AND pack.days <"
          " (SELECT sum(days) FROM draw WHERE draw.pack = pack.id AND state = 'taken')" },
    };
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < sizeof wrong / sizeof *wrong; i++) {
        AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
        rc = db_prepare(fsck->db, wrong[i].sql, &stmt, err);
        while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
            fsck_find(fsck, "draw %" PRId64 ": it %s", (int64_t)sqlite3_column_int64(stmt, 0), wrong[i].fault);
    }
    return fsck_read_failed(fsck, "its draws", rc, err);
}

static int check_registry(struct fsck *fsck, struct err *err)
{
    for (size_t i = 0; i < fsck->n_heads; i++)
        fsck_head(fsck, &fsck->heads[i]);
    return check_keys(fsck, err);
}

static void fsck_forget(struct fsck *fsck)
{
    free(fsck->tables);
    free(fsck->runs);
    free(fsck->hosts);
    free(fsck->ranges);
    fsck->tables = NULL;
    fsck->runs = NULL;
    fsck->hosts = NULL;
    fsck->ranges = NULL;
    fsck->n_tables = fsck->n_runs = fsck->n_hosts = fsck->n_ranges = fsck->ranges_room = 0;
    arena_reset(&fsck->arena);
}

/* What has been added to files since, it lacks: that is no damage, but it cannot be checked. */
static bool is_older(struct fsck *fsck, enum store_file kind)
{
    int64_t taken = 0, all = 0;
    if (schema_age(fsck->db, kind, &taken, &all, NULL) < 0 || taken == all)
        return false;
    fsck_find(fsck,
              "an older version wrote it (schema %" PRId64 ", this one's is %" PRId64
              "): only its pages were checked; check it with that version, or start this collector on it once, which"
              " brings it up to date",
              taken, all);
    return true;
}

/* It was made and nothing was ever written to it, unless its ledger was signed. */
static void find_empty(struct fsck *fsck, enum store_file kind, uint64_t tenant)
{
    const struct store_head *head = kind == STORE_TENANT ? fsck_head_of(fsck, tenant) : NULL;
    if (head)
        fsck_find(fsck, "it is empty, and its ledger was signed up to entry %" PRIu64, head->head.n);
}

static int check_open_file(struct fsck *fsck, enum store_file kind, uint64_t tenant, struct err *err)
{
    fsck->report->files++;
    int rc = db_exec(fsck->db, "PRAGMA cell_size_check=ON", err);
    if (rc == 0)
        rc = check_pages(fsck, err);
    if (rc == 0)
        rc = schema_check(fsck->db, kind, tenant, err);
    if (rc == SCHEMA_EMPTY) {
        find_empty(fsck, kind, tenant);
        return 0;
    }
    if (rc < 0)
        return fsck_read_failed(fsck, "its head", rc, err);
    if (is_older(fsck, kind))
        return 0;
    rc = check_states(fsck, kind, tenant, err);
    if (kind == STORE_REGISTRY)
        return rc < 0 ? rc : check_registry(fsck, err);
    if (rc == 0)
        rc = fsck_tables(fsck, err);
    if (rc == 0)
        rc = fsck_rows(fsck, err);
    if (rc == 0)
        rc = fsck_ticks(fsck, err);
    if (rc == 0)
        rc = check_draws(fsck, err);
    if (rc == 0)
        rc = fsck_ledger(fsck, tenant, err);
    fsck_forget(fsck);
    return rc;
}

static char *path_in(const struct fsck *fsck, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", fsck->order->dir, name) < 0 ? NULL : path;
}

/* A file without a WAL is all there is: read as such, SQLite makes no files of its own beside it. */
static int open_alone(sqlite3 **ret_db, const char *path, struct err *err)
{
    char *uri = sqlite3_mprintf("file:");
    for (const char *at = path; uri && *at; at++)
        uri = sqlite3_mprintf(strchr("%?#", *at) ? "%z%%%02x" : "%z%c", uri, *at);
    uri = uri ? sqlite3_mprintf("%z?immutable=1", uri) : NULL;
    if (!uri)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    AUTO(db_auto_close) sqlite3 *db = NULL;
    int code = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_free(uri);
    if (code != SQLITE_OK)
        return err_set(err, db_errno(code), "fsck: cannot open %s: %s", path, sqlite3_errstr(code));
    sqlite3_extended_result_codes(db, 1);
    *ret_db = TAKE(db);
    return 0;
}

static int open_file(sqlite3 **ret_db, const char *path, struct err *err)
{
    AUTO(auto_free) char *wal = NULL;
    struct stat info;
    if (asprintf(&wal, "%s-wal", path) < 0) {
        wal = NULL;
        return err_set(err, -ENOMEM, "fsck: out of memory");
    }
    bool alone = stat(wal, &info) < 0 || info.st_size == 0;
    return alone && access(path, F_OK) == 0 ? open_alone(ret_db, path, err) : db_open(ret_db, path, DB_READ, err);
}

static int check_file(struct fsck *fsck, const char *name, enum store_file kind, uint64_t tenant, struct err *err)
{
    AUTO(auto_free) char *path = path_in(fsck, name);
    AUTO(db_auto_close) sqlite3 *db = NULL;
    if (!path)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    snprintf(fsck->file, sizeof fsck->file, "%s", name);
    int rc = open_file(&db, path, err);
    if (rc < 0)
        return fsck_read_failed(fsck, "it", rc, err);
    fsck->db = db;
    return check_open_file(fsck, kind, tenant, err);
}

/* ---- which files ---- */

static int take_lock(const char *dir, int *ret_fd, struct err *err)
{
    AUTO(auto_free) char *path = NULL;
    if (asprintf(&path, "%s/lock", dir) < 0)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && access(dir, R_OK | X_OK) == 0)
        return 0; /* a backup, or files nobody has started a collector on yet */
    if (fd < 0)
        return err_sys(err, -errno, "fsck: cannot open %s", path);
    *ret_fd = fd; /* the caller closes it, whatever comes of it */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? err_set(err, -EBUSY, "a collector is running on %s: stop it first", dir)
                                    : err_sys(err, -errno, "fsck: cannot lock %s", path);
    return 0;
}

struct registry { /* what it knows, as far as it can be read */
    struct fsck_name *names;
    size_t n_names;
    struct store_head *heads;
    size_t n_heads, heads_room;
    bool out_of_memory;
    bool readable;
    bool found; /* the tenant asked for */
    uint64_t tenant;
};

static void registry_done(struct registry *registry)
{
    free(registry->names);
    free(registry->heads);
}

static int read_names(sqlite3 *db, struct registry *ret, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int64_t n = 0;
    int rc = db_number(db, "SELECT count(*) FROM host", &n, err);
    if (rc == 0)
        rc = db_prepare(db, "SELECT id, name FROM host ORDER BY id", &stmt, err);
    if (rc < 0)
        return rc;
    ret->names = calloc((size_t)n + 1, sizeof *ret->names);
    if (!ret->names)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    while ((rc = db_step(stmt, err)) == DB_ROW && ret->n_names < (size_t)n) {
        struct fsck_name *name = &ret->names[ret->n_names++];
        const char *text = (const char *)sqlite3_column_text(stmt, 1);
        name->id = (uint64_t)sqlite3_column_int64(stmt, 0);
        snprintf(name->name, sizeof name->name, "%s", text ? text : "");
    }
    return rc < 0 ? rc : 0;
}

static void on_head(void *user, const struct store_head *row)
{
    struct registry *registry = user;
    if (registry->n_heads == registry->heads_room) {
        size_t room = registry->heads_room ? registry->heads_room * 2 : 16;
        struct store_head *grown = realloc(registry->heads, room * sizeof *grown);
        registry->out_of_memory = registry->out_of_memory || !grown;
        if (!grown)
            return;
        registry->heads = grown;
        registry->heads_room = room;
    }
    registry->heads[registry->n_heads++] = *row;
}

/* A registry of before there were heads has none. */
static int read_heads(sqlite3 *db, struct registry *ret)
{
    struct store_loader loader = { .ledger_head = on_head, .user = ret };
    int rc = load_file(db, STORE_REGISTRY, 0, &loader, NULL, NULL);
    return ret->out_of_memory ? -ENOMEM : rc;
}

static int find_tenant(sqlite3 *db, const char *wanted, struct registry *ret, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(db, "SELECT id FROM tenant WHERE name = ?1 OR CAST(id AS TEXT) = ?1", &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(stmt, 1, wanted, -1, SQLITE_STATIC);
    rc = db_step(stmt, err);
    if (rc == DB_ROW) {
        ret->found = true;
        ret->tenant = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    return rc < 0 ? rc : 0;
}

/* A registry that cannot be read costs names; it is a finding of its own when it is looked at. */
static int read_registry(const struct fsck *fsck, struct registry *ret, struct err *err)
{
    AUTO(auto_free) char *path = path_in(fsck, "registry.db");
    AUTO(db_auto_close) sqlite3 *db = NULL;
    struct scan scan = scan_over(fsck->order->tenant, strlen(fsck->order->tenant));
    if (!path)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    int rc = open_file(&db, path, NULL);
    if (rc == 0)
        rc = schema_check(db, STORE_REGISTRY, 0, NULL);
    if (rc == 0)
        rc = read_names(db, ret, NULL);
    if (rc == 0)
        rc = find_tenant(db, fsck->order->tenant, ret, NULL);
    ret->readable = rc == 0;
    if (rc == 0 && read_heads(db, ret) == -ENOMEM)
        rc = -ENOMEM;
    if (!ret->found && scan_u64(&scan, &ret->tenant) && scan_done(&scan))
        ret->found = true; /* its file says whether there is one */
    return rc == -ENOMEM ? err_set(err, rc, "fsck: out of memory") : 0;
}

static int check_one(struct fsck *fsck, const struct registry *registry, struct err *err)
{
    char name[64];
    snprintf(name, sizeof name, "tenant-%" PRIu64 ".db", registry->tenant);
    AUTO(auto_free) char *path = path_in(fsck, name);
    if (!path)
        return err_set(err, -ENOMEM, "fsck: out of memory");
    if (!registry->found)
        return err_set(err, -ENOENT, "there is no tenant %.63s in %s", fsck->order->tenant, fsck->order->dir);
    if (access(path, F_OK) < 0)
        return err_sys(err, -errno, "fsck: cannot read %s", path);
    const struct store_head *head = fsck_head_of(fsck, registry->tenant);
    if (head) {
        snprintf(fsck->file, sizeof fsck->file, "registry.db");
        fsck_head(fsck, head);
    }
    return check_file(fsck, name, STORE_TENANT, registry->tenant, err);
}

static bool tenant_file(const char *name, uint64_t *ret)
{
    struct scan scan = scan_over(name, strlen(name));
    return scan_literal(&scan, "tenant-") && scan_u64(&scan, ret) && scan_literal(&scan, ".db") && scan_done(&scan);
}

static int is_tenant_file(const struct dirent *entry)
{
    uint64_t ignored;
    return tenant_file(entry->d_name, &ignored);
}

/* A ledger was signed, so that there was a file. */
static int find_missing_files(struct fsck *fsck, struct err *err)
{
    for (size_t i = 0; i < fsck->n_heads; i++) {
        const struct ledger_head *head = &fsck->heads[i].head;
        char name[64];
        snprintf(name, sizeof name, "tenant-%" PRIu64 ".db", head->tenant);
        AUTO(auto_free) char *path = path_in(fsck, name);
        if (!path)
            return err_set(err, -ENOMEM, "fsck: out of memory");
        snprintf(fsck->file, sizeof fsck->file, "%s", name);
        if (access(path, F_OK) < 0)
            fsck_find(fsck, "it is not there, and its ledger was signed up to entry %" PRIu64, head->n);
    }
    return 0;
}

static int check_all(struct fsck *fsck, struct err *err)
{
    struct dirent **entries = NULL;
    int rc = check_file(fsck, "registry.db", STORE_REGISTRY, 0, err);
    int n = scandir(fsck->order->dir, &entries, is_tenant_file, versionsort);
    if (n < 0)
        rc = err_sys(err, -errno, "fsck: cannot read %s", fsck->order->dir);
    for (int i = 0; i < n; i++) {
        uint64_t tenant = 0;
        tenant_file(entries[i]->d_name, &tenant);
        if (rc == 0)
            rc = check_file(fsck, entries[i]->d_name, STORE_TENANT, tenant, err);
        free(entries[i]);
    }
    free(entries);
    return rc < 0 ? rc : find_missing_files(fsck, err);
}

int fsck_run(const struct fsck_order *order, struct fsck_report *ret, struct err *err)
{
    AUTO(registry_done) struct registry registry = { .n_names = 0 };
    AUTO(auto_close) int lock_fd = -1;
    *ret = (struct fsck_report){ 0 };
    struct fsck fsck = { .order = order, .report = ret };
    int rc = take_lock(order->dir, &lock_fd, err);
    if (rc == 0)
        rc = read_registry(&fsck, &registry, err);
    if (rc == 0)
        rc = block_coder_new(&fsck.coder, err);
    if (rc < 0)
        return rc;
    arena_init(&fsck.arena, ROW_MEMORY);
    fsck.names = registry.names;
    fsck.n_names = registry.n_names;
    fsck.has_names = registry.readable;
    fsck.heads = registry.heads;
    fsck.n_heads = registry.n_heads;
    rc = strcmp(order->tenant, "all") == 0 ? check_all(&fsck, err) : check_one(&fsck, &registry, err);
    fsck_forget(&fsck);
    arena_done(&fsck.arena);
    block_coder_free(fsck.coder);
    return rc;
}
