/* The public face of writes: which file a row belongs to, and what may be refused. */
#include <errno.h>
#include <inttypes.h>

#include "collector/store/parts.h"

static int any_file(struct store *store, enum store_file which, uint64_t tenant, struct file **ret)
{
    if (which == STORE_TENANT)
        return store_file_of(store, tenant, ret, NULL);
    *ret = store->registry;
    return 0;
}

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

int store_put_capacity_check(struct store *store, uint64_t tenant, const struct capacity_check *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_CAPACITY_CHECK, row);
}

int store_put_capacity_piece(struct store *store, uint64_t tenant, const struct capacity_piece *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_CAPACITY_PIECE, row);
}

int store_put_capacity_span(struct store *store, uint64_t tenant, const struct capacity_span *row)
{
    return put_row(store, STORE_TENANT, tenant, ROW_CAPACITY_SPAN, row);
}

int store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc), void *user)
{
    struct file *to;
    int rc = any_file(store, file, tenant, &to);
    return rc == 0 ? file_then(to, fn, user) : rc;
}
