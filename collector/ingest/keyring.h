/* collector/ingest/keyring.h - who may be heard: the keys of hosts, and the invitations that are still good, in memory.
 *
 * Shape    a host has one active key at most, and a few that were: whoever still has one is told why it is not
 *          heard. An invitation is known by the hash of its token; a host has one at most, others are for whoever
 *          comes
 * Limits   KEYS_PER_HOST_MAX keys a host, of which the oldest that is not active gives way; TOKENS_MAX invitations
 * Owner    the keyring owns its rows; a pointer to one is good until the next call that changes anything
 * Threads  the loop's thread
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/ingest/fleet.h"
#include "proto/codec/message.h"

enum { HOST_KEY_BYTES = 32, KEYS_PER_HOST_MAX = 4, TOKENS_MAX = 65536 };

enum key_state {
    KEY_ACTIVE,   /* its host's */
    KEY_REPLACED, /* another one was enrolled for its host since */
    KEY_REVOKED,  /* by a person */
    KEY_FORGOTTEN /* as a row: it is to be deleted */
};

struct host_key { /* also the row the store keeps */
    uint8_t key[HOST_KEY_BYTES];
    uint64_t host;
    enum key_state state;
    int64_t since_us; /* it has this state */
    bool fresh;       /* no column: its enrolment is not known to be on disk yet */
};

struct token { /* an invitation; also the row the store keeps */
    uint8_t hash[TOKEN_HASH_BYTES];
    uint64_t tenant;
    uint64_t host;                  /* 0: whoever comes, as new hosts */
    char group[NAME_MAX_BYTES + 1]; /* of new hosts; "": each its own */
    unsigned uses_left;             /* as a row: 0, it is to be deleted */
    int64_t expires_us;
    int64_t created_us;
};

struct keyring; /* opaque */

int keyring_new(struct keyring **ret_ring, struct err *err);
/* Always returns NULL; NULL is fine. */
struct keyring *keyring_free(struct keyring *ring);

/* Copies the row, or changes the row of the same key. -EEXIST: the key is another host's, or the host has an active one
 * besides; -ENOMEM. */
int keyring_put_key(struct keyring *ring, const struct host_key *row);
/* NULL: a stranger's. */
const struct host_key *keyring_key(const struct keyring *ring, const uint8_t key[HOST_KEY_BYTES]);
/* The newest first; start with NULL. NULL: no more. */
const struct host_key *keyring_next_key(const struct keyring *ring, uint64_t host, const struct host_key *after);
/* The key that is to give way, should the host get another one. NULL: there is room. */
const struct host_key *keyring_crowded_out(const struct keyring *ring, uint64_t host);
void keyring_drop_key(struct keyring *ring, const uint8_t key[HOST_KEY_BYTES]);

/* For one more invitation. -ENOSPC. */
int keyring_has_room(const struct keyring *ring, struct err *err);
/* Copies the row, or changes the row of the same hash. -ENOSPC: there are TOKENS_MAX; -EEXIST: its host has another
 * one; -ENOMEM. */
int keyring_put_token(struct keyring *ring, const struct token *row, struct err *err);
/* NULL: there is none. */
const struct token *keyring_token(const struct keyring *ring, const uint8_t hash[TOKEN_HASH_BYTES]);
/* By which people name it: 8 bytes of its hash. */
uint64_t keyring_token_id(const struct token *token);
const struct token *keyring_token_by_id(const struct keyring *ring, uint64_t id);
const struct token *keyring_token_for(const struct keyring *ring, uint64_t host);
/* In the order they came; start with NULL. NULL: no more. */
const struct token *keyring_next_token(const struct keyring *ring, const struct token *after);
size_t keyring_count_tokens(const struct keyring *ring);
void keyring_drop_token(struct keyring *ring, const uint8_t hash[TOKEN_HASH_BYTES]);
