/* Operations lie in an arena and hang on a list; those that can be written again also hang on a hash by what
 * identifies them. Callbacks are allocated one by one, for they move between groups. */
#include "collector/store/group.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

#include "base/arena.h"
#include "base/auto.h"

enum { KEPT_BYTES = 4 << 20 }; /* of an emptied group's memory: more was a burst */

struct entry {
    struct op op;
    void *content;
    size_t size;
    size_t key_len;
    uint8_t *key; /* NULL: not in the hash */
    UT_hash_handle hh;
};

struct then {
    struct then *next;
    void (*fn)(void *user, int rc);
    void *user;
};

struct group {
    struct arena arena;
    struct op *first;
    struct op **end;
    struct entry *by_key;
    size_t bytes;
    struct then *thens;
    struct then **thens_end;
};

struct key {
    size_t len;
    uint8_t bytes[ROW_KEY_MAX + 2];
};

struct group *group_new(void)
{
    struct group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    arena_init(&group->arena, SIZE_MAX);
    group->end = &group->first;
    group->thens_end = &group->thens;
    return group;
}

static void release_packs(struct group *group)
{
    for (struct op *op = group->first; op; op = op->next)
        if (op->kind == OP_PACK)
            pack_op_release(op->pack);
}

void group_clear(struct group *group)
{
    release_packs(group);
    HASH_CLEAR(hh, group->by_key);
    if (group->bytes > KEPT_BYTES)
        arena_done(&group->arena);
    else
        arena_reset(&group->arena);
    group->first = NULL;
    group->end = &group->first;
    group->bytes = 0;
}

struct group *group_free(struct group *group)
{
    if (!group)
        return NULL;
    assert(!group->thens);
    group_clear(group);
    arena_done(&group->arena);
    free(group);
    return NULL;
}

static struct entry *entry_of(struct op *op)
{
    return (struct entry *)op; /* its first member */
}

/* A copy of `content` in the arena, on no list yet. */
static struct entry *make(struct group *group, enum op_kind kind, const void *content, size_t size,
                          const struct key *key)
{
    struct entry *entry = arena_alloc(&group->arena, 1, sizeof *entry);
    void *copy = arena_alloc(&group->arena, 1, size);
    uint8_t *key_copy = key ? arena_alloc(&group->arena, 1, key->len) : NULL;
    if (!entry || !copy || (key && !key_copy))
        return NULL;
    memcpy(copy, content, size);
    *entry = (struct entry){ .op = { .kind = kind, .content = copy }, .content = copy, .size = size };
    if (key) {
        memcpy(key_copy, key->bytes, key->len);
        entry->key = key_copy;
        entry->key_len = key->len;
    }
    return entry;
}

static int link_entry(struct group *group, struct entry *entry)
{
    if (entry->key) {
        HASH_ADD_KEYPTR(hh, group->by_key, entry->key, entry->key_len, entry);
        if (!entry->hh.tbl) /* what is left of an addition that found no memory */
            return -ENOMEM;
    }
    *group->end = &entry->op;
    group->end = &entry->op.next;
    group->bytes += sizeof *entry + entry->size + entry->key_len;
    return 0;
}

static struct entry *find(struct group *group, const struct key *key)
{
    struct entry *entry;
    HASH_FIND(hh, group->by_key, key->bytes, key->len, entry);
    return entry;
}

static int put(struct group *group, enum op_kind kind, enum row_kind row, const struct key *key, const void *content,
               size_t size)
{
    struct entry *entry = find(group, key);
    if (entry) {
        memcpy(entry->content, content, size);
        return 0;
    }
    entry = make(group, kind, content, size, key);
    if (!entry)
        return -ENOMEM;
    entry->op.row = row;
    return link_entry(group, entry);
}

/* The first two bytes tell kinds apart. */
static struct key key_start(enum op_kind kind, enum row_kind row)
{
    return (struct key){ .len = 2, .bytes = { (uint8_t)kind, (uint8_t)row } };
}

static void key_add(struct key *key, const void *bytes, size_t len)
{
    assert(key->len + len <= sizeof key->bytes);
    memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

int group_put_row(struct group *group, enum row_kind kind, const void *row)
{
    struct key key = key_start(OP_ROW, kind);
    key.len += row_key(kind, row, key.bytes + key.len);
    return put(group, OP_ROW, kind, &key, row, row_size(kind));
}

int group_put_anchor(struct group *group, const struct store_anchor *anchor)
{
    struct key key = key_start(OP_ANCHOR, 0);
    key_add(&key, &anchor->host, sizeof anchor->host);
    key_add(&key, &anchor->run, sizeof anchor->run);
    return put(group, OP_ANCHOR, 0, &key, anchor, sizeof *anchor);
}

int group_put_mark(struct group *group, const char *name, int64_t value)
{
    struct op_mark mark = { .value = value };
    snprintf(mark.name, sizeof mark.name, "%s", name);
    struct key key = key_start(OP_MARK, 0);
    key_add(&key, mark.name, sizeof mark.name);
    return put(group, OP_MARK, 0, &key, &mark, sizeof mark);
}

int group_put_dropped(struct group *group, const struct store_dropped *dropped)
{
    struct key key = key_start(OP_DROPPED, 0);
    key_add(&key, &dropped->host, sizeof dropped->host);
    key_add(&key, &dropped->dropped.run, sizeof dropped->dropped.run);
    key_add(&key, &dropped->dropped.first, sizeof dropped->dropped.first);
    key_add(&key, &dropped->dropped.last, sizeof dropped->dropped.last);
    return put(group, OP_DROPPED, 0, &key, dropped, sizeof *dropped);
}

int group_put_clock_step(struct group *group, const struct store_clock_step *step)
{
    struct key key = key_start(OP_STEP, 0);
    key_add(&key, &step->host, sizeof step->host);
    key_add(&key, &step->run, sizeof step->run);
    key_add(&key, &step->at_us, sizeof step->at_us);
    return put(group, OP_STEP, 0, &key, step, sizeof *step);
}

static int copy_bytes(struct group *group, struct bytes *bytes)
{
    uint8_t *copy = arena_alloc(&group->arena, 1, bytes->len);
    if (!copy)
        return -ENOMEM;
    if (bytes->len)
        memcpy(copy, bytes->at, bytes->len);
    bytes->at = copy;
    return 0;
}

static int copy_text(struct group *group, const char **text)
{
    struct bytes bytes = { (const uint8_t *)*text, strlen(*text) + 1 };
    int rc = copy_bytes(group, &bytes);
    if (rc == 0)
        *text = (const char *)bytes.at;
    return rc;
}

int group_add_ledger(struct group *group, const struct op_ledger *ledger)
{
    struct key key = key_start(OP_LEDGER, 0);
    key_add(&key, &ledger->seq, sizeof ledger->seq);
    if (find(group, &key))
        return 0; /* an entry is never put twice: it is the same one */
    struct op_ledger copy = *ledger;
    size_t len = strlen(copy.entry.body);
    int rc = copy_text(group, &copy.entry.kind);
    if (rc == 0)
        rc = copy_text(group, &copy.entry.actor);
    if (rc == 0)
        rc = copy_text(group, &copy.entry.body);
    if (rc == 0)
        rc = put(group, OP_LEDGER, 0, &key, &copy, sizeof copy);
    if (rc == 0)
        group->bytes += len;
    return rc;
}

static int put_table(struct group *group, const struct table_hash *hash, struct bytes bytes)
{
    struct key key = key_start(OP_TABLE, 0);
    key_add(&key, hash, sizeof *hash);
    if (find(group, &key))
        return 0; /* the hash is of its content: it can only be the same */
    struct op_table table = { *hash, bytes };
    int rc = copy_bytes(group, &table.bytes);
    if (rc == 0)
        rc = put(group, OP_TABLE, 0, &key, &table, sizeof table);
    if (rc == 0)
        group->bytes += bytes.len;
    return rc;
}

int group_add_batch(struct group *group, const struct store_batch *batch)
{
    int rc = batch->table_bytes.len ? put_table(group, &batch->table, batch->table_bytes) : 0;
    if (rc < 0)
        return rc;
    struct store_batch copy = *batch;
    copy.table_bytes = (struct bytes){ NULL, 0 };
    rc = copy_bytes(group, &copy.batch_bytes);
    struct entry *entry = rc == 0 ? make(group, OP_BATCH, &copy, sizeof copy, NULL) : NULL;
    if (!entry)
        return -ENOMEM;
    rc = link_entry(group, entry);
    if (rc == 0)
        group->bytes += copy.batch_bytes.len;
    return rc;
}

int group_add_pack(struct group *group, struct pack_op *pack)
{
    struct entry *entry = make(group, OP_PACK, pack, 0, NULL);
    if (!entry)
        return -ENOMEM;
    entry->op.pack = pack_op_hold(pack);
    group->bytes += pack->bytes;
    return link_entry(group, entry); /* without a key it cannot fail */
}

int group_then(struct group *group, void (*fn)(void *user, int rc), void *user)
{
    struct then *then = malloc(sizeof *then);
    if (!then)
        return -ENOMEM;
    *then = (struct then){ NULL, fn, user };
    *group->thens_end = then;
    group->thens_end = &then->next;
    return 0;
}

static int absorb_op(struct group *group, const struct entry *entry)
{
    if (entry->op.kind == OP_BATCH)
        return group_add_batch(group, entry->op.batch);
    if (entry->op.kind == OP_PACK)
        return group_add_pack(group, entry->op.pack);
    if (entry->op.kind == OP_TABLE)
        return put_table(group, &entry->op.table->hash, entry->op.table->bytes);
    if (entry->op.kind == OP_LEDGER)
        return group_add_ledger(group, entry->op.ledger);
    struct key key = { .len = 0 };
    key_add(&key, entry->key, entry->key_len);
    return put(group, entry->op.kind, entry->op.row, &key, entry->content, entry->size);
}

int group_absorb(struct group *group, struct group *from)
{
    /* When memory runs out half-way the operations copied so far are in both. They are rows, each whole: writing one
     * twice changes nothing. A batch is written once too, for the second finds its ticks stored. */
    for (struct op *op = from->first; op; op = op->next) {
        int rc = absorb_op(group, entry_of(op));
        if (rc < 0)
            return rc;
    }
    if (from->thens) {
        *group->thens_end = from->thens;
        group->thens_end = from->thens_end;
        from->thens = NULL;
        from->thens_end = &from->thens;
    }
    group_clear(from);
    return 0;
}

uint64_t group_drop_batches(struct group *group)
{
    uint64_t ticks = 0;
    struct op **at = &group->first;
    while (*at) {
        struct op *op = *at;
        if (op->kind == OP_BATCH) {
            ticks += op->batch->n_ticks;
            group->bytes -= sizeof(struct entry) + sizeof *op->batch + op->batch->batch_bytes.len;
        } else if (op->kind == OP_PACK) {
            group->bytes -= sizeof(struct entry) + op->pack->bytes;
            pack_op_release(op->pack);
        } else {
            at = &op->next;
            continue;
        }
        *at = op->next;
    }
    group->end = at;
    return ticks;
}

void group_settle(struct group *group, int rc)
{
    struct then *then = group->thens;
    group->thens = NULL;
    group->thens_end = &group->thens;
    while (then) {
        struct then *next = then->next;
        then->fn(then->user, rc);
        free(then);
        then = next;
    }
}

const struct op *group_first(const struct group *group)
{
    return group->first;
}

size_t group_bytes(const struct group *group)
{
    return group->bytes;
}

bool group_is_empty(const struct group *group)
{
    return !group->first && !group->thens;
}
