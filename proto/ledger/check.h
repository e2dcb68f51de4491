/* proto/ledger/check.h - is a chain whole: entry by entry from the first one, against heads of it that were signed.
 *
 * Shape    heads first, then every entry with the hash that stands with it, then the end. The first fault stands;
 *          what comes behind it is not looked at. A chain may be longer than the heads know: what was written since
 *          is chained to what they vouch for, and nobody vouches for it yet
 * Threads  one caller at a time
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/ledger/head.h"

enum ledger_fault {
    LEDGER_WHOLE,
    LEDGER_ALTERED,   /* entry `at` is not what its hash was made of, or no entry at all */
    LEDGER_MISSING,   /* entry `at` is not where it belongs: `found` stands there */
    LEDGER_INSERTED,  /* in the place of entry `at` stands `found`, which has been */
    LEDGER_CUT,       /* the chain ends before entry `at`; up to `found` they were signed */
    LEDGER_REWRITTEN, /* `at`..`found` fit each other, but they are not those that were signed */
    LEDGER_UNSIGNED,  /* a head that the key's owner has not signed, or of another tenant */
    LEDGER_NO_EXPORT  /* see export.h */
};

enum { LEDGER_CHECK_HEADS = 2, LEDGER_FAULT_TEXT = 240 };

struct ledger_check {
    uint64_t tenant;
    uint64_t n; /* entries found whole so far... */
    struct ledger_hash hash;
    int64_t at_us;    /* ...the last one's time; 0: none */
    uint64_t vouched; /* ...and so many of them are what was signed */
    size_t n_heads;
    struct ledger_head heads[LEDGER_CHECK_HEADS];
    enum ledger_fault fault;
    uint64_t at, found; /* of the fault */
};

void ledger_check_begin(struct ledger_check *check, uint64_t tenant);
/* Copies it; LEDGER_CHECK_HEADS at most, before the first entry. */
void ledger_check_head(struct ledger_check *check, const struct ledger_head *head, const struct ledger_public *key);
/* The next entry as it is kept: its bytes, and the hash that stands with them (NULL: none that could be one). */
void ledger_check_entry(struct ledger_check *check, const uint8_t *bytes, size_t len, const struct ledger_hash *hash);
void ledger_check_end(struct ledger_check *check);

/* What the fault is, in words; "" when there is none. Returns `text`. */
char *ledger_fault_print(char text[LEDGER_FAULT_TEXT], const struct ledger_check *check);
