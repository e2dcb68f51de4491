/* The public face: which file a write belongs to, what may be refused, and opening and closing in order. */
#include "collector/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

static int any_file(struct store *store, enum store_file which, uint64_t tenant, struct file **ret)
{
    if (which == STORE_TENANT)
        return store_file_of(store, tenant, ret, NULL);
    *ret = store->registry;
    return 0;
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

/* ---- writes ---- */

static bool is_storable(const struct store_batch *batch)
{
    return batch->n_ticks >= 1 && batch->n_ticks <= TICKS_MAX && batch->first >= 1 &&
           batch->first < (uint64_t)INT64_MAX - batch->n_ticks && batch->first_us >= 0 &&
           batch->first_us <= batch->last_us && batch->last_us - batch->first_us <= STORE_SPAN_MAX_US &&
           batch->batch_bytes.len >= 1 && batch->batch_bytes.len <= BATCH_MAX &&
           batch->table_bytes.len <= MESSAGE_MAX && batch->host <= INT64_MAX;
}

int store_batch(struct store *store, const struct store_batch *batch, struct err *err)
{
    if (!is_storable(batch))
        return err_set(err, -EINVAL, "store: no such batch can be: first %" PRIu64 ", %u ticks, %zu bytes",
                       batch->first, batch->n_ticks, batch->batch_bytes.len);
    struct file *file;
    int rc = store_file_of(store, batch->tenant, &file, err);
    if (rc < 0)
        return rc;
    if (file_in_fault(file))
        return err_set(err, -EIO, "store: the disk under %s does not take it", file_path(file));
    struct group *group = file_gathering(file);
    if (!group)
        return err_set(err, -ENOMEM, "store: out of memory");
    if (group_bytes(group) + batch->batch_bytes.len + batch->table_bytes.len > STORE_GROUP_MAX)
        return err_set(err, -EAGAIN, "store: %s has fallen behind: try again", file_path(file));
    rc = group_add_batch(group, batch);
    if (rc < 0)
        return err_set(err, rc, "store: out of memory");
    file_touched(file);
    return 0;
}

static int put_row(struct store *store, enum store_file which, uint64_t tenant, enum row_kind kind, const void *row)
{
    struct file *file;
    int rc = any_file(store, which, tenant, &file);
    struct group *group = rc == 0 ? file_gathering(file) : NULL;
    if (!group)
        return -ENOMEM;
    rc = group_put_row(group, kind, row);
    if (rc == 0)
        file_touched(file);
    return rc;
}

static void raise_to(uint64_t *mark, uint64_t id)
{
    if (id > *mark)
        *mark = id;
}

int store_put_tenant(struct store *store, const struct tenant *row)
{
    return put_row(store, STORE_REGISTRY, 0, ROW_TENANT, row);
}

int store_put_host(struct store *store, const struct host *row)
{
    return put_row(store, STORE_REGISTRY, 0, ROW_HOST, row);
}

int store_put_host_key(struct store *store, const struct host_key *row)
{
    return put_row(store, STORE_REGISTRY, 0, ROW_HOST_KEY, row);
}

int store_put_token(struct store *store, const struct token *row)
{
    return put_row(store, STORE_REGISTRY, 0, ROW_TOKEN, row);
}

int store_put_rota_override(struct store *store, const struct rota_override *row)
{
    return put_row(store, STORE_REGISTRY, 0, ROW_ROTA_OVERRIDE, row);
}

/* The marks go along, so that ids stay unique in the collector even when the file that holds the highest one cannot be
 * read at the next start. */
int store_put_beat(struct store *store, int64_t now_us)
{
    struct group *group = file_gathering(store->registry);
    if (!group)
        return -ENOMEM;
    int rc = group_put_mark(group, "beat_us", now_us);
    if (rc == 0)
        rc = group_put_mark(group, "event", (int64_t)store->marks.event);
    if (rc == 0)
        rc = group_put_mark(group, "incident", (int64_t)store->marks.incident);
    if (rc == 0)
        rc = group_put_mark(group, "page", (int64_t)store->marks.page);
    if (rc == 0)
        file_touched(store->registry);
    return rc;
}

/* What a tenant's file gathers; *ret_file must be told by touched() what became of the put. */
static struct group *gathering_of(struct store *store, uint64_t tenant, struct file **ret_file)
{
    return store_file_of(store, tenant, ret_file, NULL) == 0 ? file_gathering(*ret_file) : NULL;
}

static int touched(struct file *file, int rc)
{
    if (rc == 0)
        file_touched(file);
    return rc;
}

static int put_ledger(struct store *store, const struct ledger_entry *entry, bool accepts)
{
    struct op_ledger op = { .life = store->life, .seq = store->n_entries + 1, .accepts = accepts, .entry = *entry };
    struct file *file;
    op.entry.n = 1; /* it is not known yet */
    if (ledger_check(&op.entry, NULL) < 0)
        return -EINVAL;
    struct group *group = gathering_of(store, entry->tenant, &file);
    int rc = group ? touched(file, group_add_ledger(group, &op)) : -ENOMEM;
    store->n_entries += rc == 0;
    return rc;
}

int store_put_ledger(struct store *store, const struct ledger_entry *entry)
{
    return put_ledger(store, entry, false);
}

int store_accept_ledger(struct store *store, const struct ledger_entry *entry)
{
    return put_ledger(store, entry, true);
}

int store_put_anchor(struct store *store, uint64_t tenant, const struct store_anchor *row)
{
    struct file *file;
    struct group *group = gathering_of(store, tenant, &file);
    return group ? touched(file, group_put_anchor(group, row)) : -ENOMEM;
}

int store_put_dropped(struct store *store, uint64_t tenant, const struct store_dropped *row)
{
    struct file *file;
    struct group *group = gathering_of(store, tenant, &file);
    return group ? touched(file, group_put_dropped(group, row)) : -ENOMEM;
}

int store_put_clock_step(struct store *store, uint64_t tenant, const struct store_clock_step *row)
{
    struct file *file;
    struct group *group = gathering_of(store, tenant, &file);
    return group ? touched(file, group_put_clock_step(group, row)) : -ENOMEM;
}

int store_put_alert(struct store *store, uint64_t tenant, const struct alert *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_ALERT, row);
}

int store_put_event(struct store *store, const struct event *row)
{
    raise_to(&store->marks.event, row->id);
    return put_row(store, STORE_TENANT, row->tenant, ROW_EVENT, row);
}

int store_put_event_document(struct store *store, uint64_t tenant, const struct event_document *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_EVENT_DOCUMENT, row);
}

int store_put_gate(struct store *store, uint64_t tenant, const struct gate *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_GATE, row);
}

int store_put_incident(struct store *store, const struct incident *row)
{
    raise_to(&store->marks.incident, row->id);
    return put_row(store, STORE_TENANT, row->tenant, ROW_INCIDENT, row);
}

int store_put_incident_alert(struct store *store, uint64_t tenant, const struct incident_alert *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_INCIDENT_ALERT, row);
}

int store_put_page(struct store *store, const struct page *row)
{
    raise_to(&store->marks.page, row->id);
    return put_row(store, STORE_TENANT, row->tenant, ROW_PAGE, row);
}

int store_put_contract(struct store *store, const struct contract *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_CONTRACT, row);
}

int store_put_pack(struct store *store, const struct pack *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_PACK, row);
}

int store_put_draw(struct store *store, const struct draw *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_DRAW, row);
}

int store_put_silence(struct store *store, const struct silence *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_SILENCE, row);
}

int store_put_notice(struct store *store, const struct notice *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_NOTICE, row);
}

int store_put_rehearsal(struct store *store, const struct rehearsal *row)
{
    return put_row(store, STORE_TENANT, row->tenant, ROW_REHEARSAL, row);
}

int store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc), void *user)
{
    struct file *to;
    int rc = any_file(store, file, tenant, &to);
    return rc == 0 ? file_then(to, fn, user) : rc;
}

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
