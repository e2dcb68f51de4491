/* The public face: opening and closing in order, what comes back at start, and how the files are. */
#include "collector/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "uthash.h"

#include "base/auto.h"
#include "base/work.h"
#include "collector/store/db.h"
#include "collector/store/parts.h"
#include "collector/store/read/query.h"
#include "collector/store/upkeep/backup.h"

enum {
    CHECKPOINT_MS = 1000,
    CLOSE_MS = 10000, /* for all files; a disk that is that slow is hanging */
    CLOSE_LEAST_MS = 250,
    /* Ids may be given for this long without reaching registry.db, see store_put_beat(). */
    MARK_SLACK = 1000
};

static struct file *find_file(const struct store *store, enum store_file which, uint64_t tenant)
{
    if (which == STORE_REGISTRY)
        return store->registry;
    struct tenant_file *found;
    HASH_FIND(hh, store->tenants, &tenant, sizeof tenant, found);
    return found ? found->file : NULL;
}

static int take_lock(struct store *store, struct err *err)
{
    AUTO(auto_free) char *path = NULL;
    if (asprintf(&path, "%s/lock", store->dir) < 0)
        return err_set(err, -ENOMEM, "store: out of memory");
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0)
        return err_sys(err, -errno, "store: cannot write in %s", store->dir);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(err, -EBUSY, "store: another collector holds %s: stop it first", store->dir);
    return err_sys(err, -errno, "store: cannot lock %s", path);
}

/* ---- heads of ledgers ---- */

static void put_heads(struct store *store)
{
    struct group *group = heads_waiting(store->heads) ? file_gathering(store->registry) : NULL;
    if (!group)
        return;
    heads_put(store->heads, group); /* those left for want of memory go with the next tick */
    file_touched(store->registry);
    store->heads_us = clock_mono_us(store->home.clock);
}

/* At once after a while of quiet; in a storm all files' heads go together, once a tick. */
static void on_ledger(void *user, uint64_t tenant, const struct chain_end *end, enum chain_state state)
{
    struct store *store = user;
    heads_moved(store->heads, tenant, end, state);
    if (store->heads_us == 0 || state == CHAIN_ACCEPTED ||
        clock_mono_us(store->home.clock) - store->heads_us >= STORE_HEADS_US)
        put_heads(store);
}

void store_sign(struct store *store, const struct ledger_key *key, bool fresh)
{
    heads_sign_with(store->heads, key, fresh);
}

bool store_heads_waiting(const struct store *store)
{
    return heads_waiting(store->heads);
}

int store_ledger_head(struct store *store, uint64_t tenant, struct store_head *ret)
{
    return heads_show(store->heads, tenant, ret);
}

const char *store_ledger_broken(const struct store *store, uint64_t tenant)
{
    return heads_broken(store->heads, tenant);
}

/* ---- opening and closing ---- */

static void on_tick(uv_timer_t *tick)
{
    struct store *store = tick->data;
    put_heads(store);
    space_look(store->space, store->copier);
    reader_rest(store->reader);
    file_checkpoint(store->registry, store->copier);
    for (struct tenant_file *at = store->tenants; at; at = at->hh.next) {
        file_checkpoint(at->file, store->copier);
        file_rest(at->file, PACK_REST_US);
    }
}

static void on_damage(void *user, uint64_t tenant, const struct err *err)
{
    struct file *file = find_file(user, STORE_TENANT, tenant);
    if (file)
        file_doubt(file, err);
}

static int open_parts(struct store *store, const char *dir, struct err *err)
{
    store->dir = strdup(dir);
    if (!store->dir)
        return err_set(err, -ENOMEM, "store: out of memory");
    store->home.dir = store->dir;
    store->heads = heads_new(store->home.clock, store->home.log);
    if (!store->heads)
        return err_set(err, -ENOMEM, "store: out of memory");
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "store: cannot make %s", dir);
    int rc = take_lock(store, err);
    if (rc == 0)
        rc = file_open(&store->registry, &store->home, STORE_REGISTRY, 0, err);
    if (rc == 0)
        rc = file_prepare(store->registry, err);
    if (rc == 0)
        rc = reader_open(&store->reader, store->home.loop, store->home.clock, store->home.log, err);
    if (rc == 0)
        rc = space_new(&store->space, dir, err);
    if (rc == 0)
        reader_tell_damage(store->reader, on_damage, store);
    if (rc == 0)
        rc = worker_open(&store->copier, store->home.loop, "store-copy", err);
    if (rc == 0)
        rc = packer_open(&store->packer, store->home.loop, store->home.clock, store->home.log, err);
    if (rc < 0)
        return rc;
    uv_timer_init(store->home.loop, &store->tick);
    store->tick.data = store;
    store->ticking = true;
    uv_timer_start(&store->tick, on_tick, CHECKPOINT_MS, CHECKPOINT_MS);
    return 0;
}

static int draw_life(int64_t *ret, struct err *err)
{
    if (getrandom(ret, sizeof *ret, 0) != (ssize_t)sizeof *ret)
        return err_sys(err, -errno, "store: no random numbers to be had");
    return 0;
}

int store_open(struct store **ret_store, uv_loop_t *loop, const char *dir, const struct clock *clock,
               const struct log *log, struct err *err)
{
    assert(ret_store && loop && dir && clock);
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return err_set(err, -ENOMEM, "store: out of memory");
    store->lock_fd = -1;
    store->home = (struct file_home){ .loop = loop,
                                      .clock = clock,
                                      .log = log,
                                      .counts = &store->counts,
                                      .took = &store->took,
                                      .ledger = on_ledger,
                                      .user = store };
    int rc = draw_life(&store->life, err);
    if (rc == 0)
        rc = open_parts(store, dir, err);
    if (rc < 0) {
        store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

static void free_store(struct store *store)
{
    space_free(store->space);
    heads_free(store->heads);
    free(store->dir);
    free(store);
}

static void on_closed(uv_handle_t *handle)
{
    free_store(handle->data);
}

/* Those that come late get a moment, too: not every disk need be the one that hangs. */
static uint64_t left_ms(uint64_t until_ns)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t left = until_ns > now_ns ? (until_ns - now_ns) / (uint64_t)NS_PER_MS : 0;
    return left > CLOSE_LEAST_MS ? left : CLOSE_LEAST_MS;
}

/* Reads and checkpoints end first: then the writers' connections are the last and leave no WAL behind. */
struct store *store_close(struct store *store)
{
    if (!store)
        return NULL;
    if (store->ticking)
        uv_timer_stop(&store->tick);
    uint64_t until_ns = uv_hrtime() + CLOSE_MS * (uint64_t)NS_PER_MS;
    store->backup = backup_stop(store->backup, left_ms(until_ns));
    store->reader = reader_close(store->reader, left_ms(until_ns));
    worker_close_within(store->copier, left_ms(until_ns));
    packer_stop(store->packer, left_ms(until_ns));
    struct tenant_file *next;
    for (struct tenant_file *at = store->tenants; at; at = next) {
        next = at->hh.next;
        file_close(at->file, left_ms(until_ns));
    }
    put_heads(store);
    file_close(store->registry, left_ms(until_ns));
    store->packer = packer_free(store->packer);
    struct tenant_file *at = store->tenants;
    HASH_CLEAR(hh, store->tenants);
    for (; at; at = next) {
        next = at->hh.next;
        free(at);
    }
    auto_close(&store->lock_fd);
    if (store->ticking)
        uv_close((uv_handle_t *)&store->tick, on_closed);
    else
        free_store(store);
    return NULL;
}

/* ---- files ---- */

int store_file_of(struct store *store, uint64_t tenant, struct file **ret, struct err *err)
{
    *ret = find_file(store, STORE_TENANT, tenant);
    if (*ret)
        return 0;
    if (HASH_COUNT(store->tenants) > STORE_TENANTS_MAX) /* one more than tenants: the reserved one */
        return err_set(err, -ENOMEM, "store: more than %d tenants", STORE_TENANTS_MAX);
    AUTO(auto_free) struct tenant_file *entry = calloc(1, sizeof *entry);
    if (!entry)
        return err_set(err, -ENOMEM, "store: out of memory");
    entry->tenant = tenant;
    int rc = file_open(&entry->file, &store->home, STORE_TENANT, tenant, err);
    if (rc < 0)
        return rc;
    struct chain_end vouched = heads_vouched(store->heads, tenant);
    file_vouch(entry->file, &vouched, heads_misses(store->heads, tenant));
    HASH_ADD(hh, store->tenants, tenant, sizeof entry->tenant, entry);
    if (!entry->hh.tbl) {
        file_close(entry->file, 0);
        return err_set(err, -ENOMEM, "store: out of memory");
    }
    *ret = entry->file;
    return packer_add(store->packer, TAKE(entry)->file, tenant, err);
}

/* ---- at start ---- */

struct ids {
    size_t n;
    size_t room;
    uint64_t *at;
    const struct store_loader *loader;
    struct heads *heads;
    bool out_of_memory;
};

static void ids_done(struct ids *ids)
{
    free(ids->at);
}

static void on_tenant(void *user, const struct tenant *row)
{
    struct ids *ids = user;
    if (ids->n == ids->room) {
        size_t room = ids->room ? ids->room * 2 : 16;
        uint64_t *at = realloc(ids->at, room * sizeof *at);
        if (!at) {
            ids->out_of_memory = true;
            return;
        }
        ids->at = at;
        ids->room = room;
    }
    ids->at[ids->n++] = row->id;
    if (ids->loader->tenant)
        ids->loader->tenant(ids->loader->user, row);
}

static void on_host(void *user, const struct host *row)
{
    const struct store_loader *loader = ((struct ids *)user)->loader;
    if (loader->host)
        loader->host(loader->user, row);
}

static void on_host_key(void *user, const struct host_key *row)
{
    const struct store_loader *loader = ((struct ids *)user)->loader;
    if (loader->host_key)
        loader->host_key(loader->user, row);
}

static void on_token(void *user, const struct token *row)
{
    const struct store_loader *loader = ((struct ids *)user)->loader;
    if (loader->token)
        loader->token(loader->user, row);
}

static void on_ledger_head(void *user, const struct store_head *row)
{
    struct ids *ids = user;
    if (heads_restore(ids->heads, row) < 0)
        ids->out_of_memory = true;
}

static void on_rota_override(void *user, const struct rota_override *row)
{
    const struct store_loader *loader = ((struct ids *)user)->loader;
    if (loader->rota_override)
        loader->rota_override(loader->user, row);
}

/* 0: loaded, or there is no file yet, or it was left out. */
static int load_tenant(struct store *store, uint64_t tenant, const struct store_loader *loader, bool *left_out,
                       struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, tenant, &file, err);
    if (rc < 0)
        return rc;
    if (access(file_path(file), F_OK) < 0)
        return 0;
    rc = file_load(file, loader, &store->marks, err);
    if (rc < 0 && rc != -ENOMEM) {
        *left_out = true;
        return 0;
    }
    return rc;
}

int store_load(struct store *store, const struct store_loader *loader, struct store_marks *ret, struct err *err)
{
    AUTO(ids_done) struct ids ids = { .loader = loader, .heads = store->heads };
    struct store_loader registry = { .tenant = on_tenant,
                                     .host = on_host,
                                     .host_key = on_host_key,
                                     .token = on_token,
                                     .ledger_head = on_ledger_head,
                                     .rota_override = on_rota_override,
                                     .user = &ids };
    int rc = file_read(store->registry, &registry, &store->marks, err);
    if (rc == 0 && ids.out_of_memory)
        rc = err_set(err, -ENOMEM, "store: out of memory");
    bool left_out = false;
    if (rc == 0)
        rc = load_tenant(store, TENANT_RESERVED, loader, &left_out, err);
    for (size_t i = 0; rc == 0 && i < ids.n; i++)
        rc = load_tenant(store, ids.at[i], loader, &left_out, err);
    if (rc < 0)
        return rc;
    if (left_out) { /* it may hold ids higher than any that could be read */
        store->marks.event += MARK_SLACK;
        store->marks.incident += MARK_SLACK;
        store->marks.page += MARK_SLACK;
    }
    *ret = store->marks;
    return 0;
}

static void coder_undo(struct block_coder **coder)
{
    block_coder_free(*coder);
}

int store_replay(struct store *store, uint64_t tenant, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, struct err *err)
{
    struct file *file;
    int rc = store_file_of(store, tenant, &file, err);
    if (rc < 0)
        return rc;
    AUTO(db_auto_close) sqlite3 *db = NULL;
    rc = reader_file(&db, file_path(file), tenant, err);
    if (rc != 0)
        return rc == DB_EMPTY ? 0 : rc;
    AUTO(coder_undo) struct block_coder *coder = NULL;
    rc = block_coder_new(&coder, err);
    AUTO(arena_done) struct arena rows;
    arena_init(&rows, READER_ROW_MEMORY);
    struct reading reading = { .db = db, .coder = coder, .rows = &rows };
    if (rc == 0)
        rc = query_replay(&reading, from_us, fn, user, err);
    if (rc == -EBADMSG)
        file_doubt(file, err);
    if (reading.unreadable > 0)
        log_event(store->home.log, LOG_WARN, "store_rows_unreadable", KV_COUNT("tenant", tenant),
                  KV_COUNT("rows", reading.unreadable));
    return rc;
}

/* ---- how it is ---- */

void store_hurry(struct store *store, enum store_file file, uint64_t tenant)
{
    struct file *to = find_file(store, file, tenant);
    if (to)
        file_hurry(to);
}

bool store_fault(const struct store *store, enum store_file file, uint64_t tenant)
{
    struct file *of = find_file(store, file, tenant);
    return of && file_in_fault(of);
}

enum store_trouble store_trouble(const struct store *store, enum store_file file, uint64_t tenant)
{
    struct file *of = find_file(store, file, tenant);
    return of ? file_trouble(of) : STORE_WELL;
}

struct store_space store_space(const struct store *store)
{
    return space_found(store->space);
}

bool store_wants_start(const struct store *store)
{
    for (const struct tenant_file *at = store->tenants; at; at = at->hh.next)
        if (file_wants_start(at->file))
            return true;
    return false;
}

struct store_retention store_retention_of(const struct store_retention *wanted)
{
    struct store_retention whole = STORE_RETENTION;
    if (wanted->samples_us > 0)
        whole.samples_us = wanted->samples_us;
    if (wanted->minutes_us > 0)
        whole.minutes_us = wanted->minutes_us;
    if (wanted->sketches_us > 0)
        whole.sketches_us = wanted->sketches_us;
    return whole;
}

void store_retain(struct store *store, const struct store_retention *retention)
{
    struct store_retention whole = store_retention_of(retention);
    packer_keep(store->packer, &whole);
    reader_keep(store->reader, whole.samples_us);
}

int store_pack(struct store *store, void (*fn)(void *user, int rc), void *user)
{
    return packer_run(store->packer, fn, user);
}

struct store_counts store_counts(const struct store *store)
{
    return store->counts;
}

struct store_commits store_commits(const struct store *store)
{
    return took_sum_up(&store->took);
}
