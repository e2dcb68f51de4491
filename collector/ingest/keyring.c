/* Keys and tokens lie in uthash tables by their bytes, which are random or made by a hash; what a host has hangs on an
 * entry of its own. */
#include "collector/ingest/keyring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"
#include "utlist.h"

struct key_entry {
    struct host_key row; /* first: a row pointer is an entry pointer */
    struct key_entry *next, *prev;
    UT_hash_handle by_key;
};

struct token_entry {
    struct token row; /* first, as above */
    UT_hash_handle by_hash;
};

struct owner { /* a host */
    uint64_t host;
    struct key_entry *keys; /* the newest first */
    struct token_entry *token;
    UT_hash_handle by_host;
};

struct keyring {
    struct key_entry *keys;
    struct token_entry *tokens;
    struct owner *owners;
};

int keyring_new(struct keyring **ret_ring, struct err *err)
{
    struct keyring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return err_set(err, -ENOMEM, "keyring: out of memory");
    *ret_ring = ring;
    return 0;
}

struct keyring *keyring_free(struct keyring *ring)
{
    if (!ring)
        return NULL;
    struct key_entry *key, *next_key;
    struct token_entry *token, *next_token;
    struct owner *owner, *next_owner;
    HASH_ITER(by_key, ring->keys, key, next_key)
    {
        HASH_DELETE(by_key, ring->keys, key);
        free(key);
    }
    HASH_ITER(by_hash, ring->tokens, token, next_token)
    {
        HASH_DELETE(by_hash, ring->tokens, token);
        free(token);
    }
    HASH_ITER(by_host, ring->owners, owner, next_owner)
    {
        HASH_DELETE(by_host, ring->owners, owner);
        free(owner);
    }
    free(ring);
    return NULL;
}

static struct owner *find_owner(const struct keyring *ring, uint64_t host)
{
    struct owner *owner;
    HASH_FIND(by_host, ring->owners, &host, sizeof host, owner);
    return owner;
}

/* NULL: out of memory. */
static struct owner *owner_of(struct keyring *ring, uint64_t host)
{
    struct owner *owner = find_owner(ring, host);
    if (owner)
        return owner;
    owner = calloc(1, sizeof *owner);
    if (!owner)
        return NULL;
    owner->host = host;
    HASH_ADD(by_host, ring->owners, host, sizeof owner->host, owner);
    if (!owner->by_host.tbl) { /* uthash had no memory */
        free(owner);
        return NULL;
    }
    return owner;
}

/* ---- keys ---- */

static struct key_entry *find_key(const struct keyring *ring, const uint8_t *key)
{
    struct key_entry *entry;
    HASH_FIND(by_key, ring->keys, key, HOST_KEY_BYTES, entry);
    return entry;
}

static int newest_first(const struct key_entry *a, const struct key_entry *b)
{
    return (a->row.since_us < b->row.since_us) - (a->row.since_us > b->row.since_us);
}

static bool has_other_active(const struct owner *owner, const uint8_t *key)
{
    const struct key_entry *entry;
    DL_FOREACH(owner->keys, entry)
    {
        if (entry->row.state == KEY_ACTIVE && memcmp(entry->row.key, key, HOST_KEY_BYTES) != 0)
            return true;
    }
    return false;
}

static struct key_entry *add_key(struct keyring *ring, struct owner *owner, const struct host_key *row)
{
    struct key_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->row = *row;
    HASH_ADD(by_key, ring->keys, row.key, HOST_KEY_BYTES, entry);
    if (!entry->by_key.tbl) {
        free(entry);
        return NULL;
    }
    DL_APPEND(owner->keys, entry);
    return entry;
}

int keyring_put_key(struct keyring *ring, const struct host_key *row)
{
    assert(row->state != KEY_FORGOTTEN);
    struct key_entry *entry = find_key(ring, row->key);
    struct owner *owner = owner_of(ring, row->host);
    if (!owner)
        return -ENOMEM;
    if ((entry && entry->row.host != row->host) || (row->state == KEY_ACTIVE && has_other_active(owner, row->key)))
        return -EEXIST;
    if (!entry && !(entry = add_key(ring, owner, row)))
        return -ENOMEM;
    entry->row = *row;
    DL_SORT(owner->keys, newest_first);
    return 0;
}

const struct host_key *keyring_key(const struct keyring *ring, const uint8_t key[HOST_KEY_BYTES])
{
    const struct key_entry *entry = find_key(ring, key);
    return entry ? &entry->row : NULL;
}

const struct host_key *keyring_next_key(const struct keyring *ring, uint64_t host, const struct host_key *after)
{
    const struct owner *owner = find_owner(ring, host);
    const struct key_entry *entry = after ? ((const struct key_entry *)after)->next : owner ? owner->keys : NULL;
    return entry ? &entry->row : NULL;
}

const struct host_key *keyring_crowded_out(const struct keyring *ring, uint64_t host)
{
    const struct host_key *oldest = NULL;
    unsigned n = 0;
    for (const struct host_key *key = NULL; (key = keyring_next_key(ring, host, key)); n++)
        if (key->state != KEY_ACTIVE)
            oldest = key;
    return n < KEYS_PER_HOST_MAX ? NULL : oldest;
}

void keyring_drop_key(struct keyring *ring, const uint8_t key[HOST_KEY_BYTES])
{
    struct key_entry *entry = find_key(ring, key);
    if (!entry)
        return;
    struct owner *owner = find_owner(ring, entry->row.host);
    DL_DELETE(owner->keys, entry);
    HASH_DELETE(by_key, ring->keys, entry);
    free(entry);
}

/* ---- invitations ---- */

static struct token_entry *find_token(const struct keyring *ring, const uint8_t *hash)
{
    struct token_entry *entry;
    HASH_FIND(by_hash, ring->tokens, hash, TOKEN_HASH_BYTES, entry);
    return entry;
}

int keyring_has_room(const struct keyring *ring, struct err *err)
{
    if (keyring_count_tokens(ring) < TOKENS_MAX)
        return 0;
    return err_set(err, -ENOSPC, "%d invitations are outstanding: `warroom host uninvite` those that nobody needs",
                   TOKENS_MAX);
}

int keyring_put_token(struct keyring *ring, const struct token *row, struct err *err)
{
    struct token_entry *entry = find_token(ring, row->hash);
    struct owner *owner = row->host != 0 ? owner_of(ring, row->host) : NULL;
    if (row->host != 0 && !owner)
        return err_set(err, -ENOMEM, "keyring: out of memory");
    if (owner && owner->token != entry)
        return err_set(err, -EEXIST, "keyring: this host has another invitation");
    if (entry) {
        entry->row = *row;
        return 0;
    }
    int rc = keyring_has_room(ring, err);
    if (rc < 0)
        return rc;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return err_set(err, -ENOMEM, "keyring: out of memory");
    entry->row = *row;
    HASH_ADD(by_hash, ring->tokens, row.hash, TOKEN_HASH_BYTES, entry);
    if (!entry->by_hash.tbl) {
        free(entry);
        return err_set(err, -ENOMEM, "keyring: out of memory");
    }
    if (owner)
        owner->token = entry;
    return 0;
}

const struct token *keyring_token(const struct keyring *ring, const uint8_t hash[TOKEN_HASH_BYTES])
{
    const struct token_entry *entry = find_token(ring, hash);
    return entry ? &entry->row : NULL;
}

uint64_t keyring_token_id(const struct token *token)
{
    uint64_t id = 0;
    for (int i = 0; i < 8; i++)
        id = id << 8 | token->hash[i];
    return id;
}

const struct token *keyring_token_by_id(const struct keyring *ring, uint64_t id)
{
    const struct token *token = NULL;
    while ((token = keyring_next_token(ring, token)) && keyring_token_id(token) != id)
        ;
    return token;
}

size_t keyring_count_tokens(const struct keyring *ring)
{
    return HASH_CNT(by_hash, ring->tokens);
}

const struct token *keyring_token_for(const struct keyring *ring, uint64_t host)
{
    const struct owner *owner = find_owner(ring, host);
    return owner && owner->token ? &owner->token->row : NULL;
}

const struct token *keyring_next_token(const struct keyring *ring, const struct token *after)
{
    const struct token_entry *entry =
        after ? ((const struct token_entry *)after)->by_hash.next : (const void *)ring->tokens;
    return entry ? &entry->row : NULL;
}

void keyring_drop_token(struct keyring *ring, const uint8_t hash[TOKEN_HASH_BYTES])
{
    struct token_entry *entry = find_token(ring, hash);
    if (!entry)
        return;
    struct owner *owner = entry->row.host != 0 ? find_owner(ring, entry->row.host) : NULL;
    if (owner)
        owner->token = NULL;
    HASH_DELETE(by_hash, ring->tokens, entry);
    free(entry);
}
