/* proto/ledger/ledger.h - the ledger: who did what when, in a chain that shows when anything of it is changed, taken
 * out or put in.
 *
 * Shape    one chain a tenant, n from 1 without holes. An entry is canonical bytes: the same entry has one encoding
 *          only, and what has another is refused. The hash of an entry takes in the hash before it, the first one 32
 *          bytes of zero; so the last hash stands for the whole chain
 * Bytes    format 1: byte 1; tenant, n, at_us, event, incident as varints; kind, actor, body, each with its
 *          terminating zero
 * Hash     BLAKE2b-256 of "warroom/ledger/1", the hash before, the bytes
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    LEDGER_KIND_MAX = 15,
    LEDGER_ACTOR_MAX = 63,
    LEDGER_BODY_MAX = 128 << 10,
    LEDGER_BYTES_MAX = 1 + 5 * 10 + LEDGER_KIND_MAX + LEDGER_ACTOR_MAX + LEDGER_BODY_MAX + 3,
    LEDGER_HASH_BYTES = 32
};

struct ledger_entry { /* texts borrowed */
    uint64_t tenant;
    uint64_t n;
    int64_t at_us;     /* wall time as it was; n is the order */
    const char *kind;  /* what it is about, in a word of 1..LEDGER_KIND_MAX letters: "page" */
    uint64_t event;    /* 0: none */
    uint64_t incident; /* 0: none */
    const char *actor; /* who did it; "clock" when nobody has */
    const char *body;  /* JSON object: sorted keys, no spaces */
};

struct ledger_hash { /* zeroed: of the entry before the first */
    uint8_t bytes[LEDGER_HASH_BYTES];
};

/* -EINVAL: a number or a text that no entry can have. */
int ledger_check(const struct ledger_entry *entry, struct err *err);

/* Writes LEDGER_BYTES_MAX bytes at most. -EINVAL: as ledger_check(). */
int ledger_encode(const struct ledger_entry *entry, uint8_t *bytes, size_t *ret_len, struct err *err);

/* The texts of *ret lie in `bytes`, borrowed. -EBADMSG: not an entry, or not as ledger_encode() writes it. */
int ledger_decode(const uint8_t *bytes, size_t len, struct ledger_entry *ret, struct err *err);

/* The hash of the entry of these bytes, behind the one of hash `before`. */
struct ledger_hash ledger_chain(const struct ledger_hash *before, const uint8_t *bytes, size_t len);
