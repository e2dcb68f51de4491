/* proto/ledger/export.h - a ledger in a file of its own, that can be checked without a collector.
 *
 * Bytes    "warroom-ledger-export-1\n"; the public key, LEDGER_KEY_BYTES; the head of the last entry in it,
 *          LEDGER_HEAD_BYTES; then entry 1 to the head's n, each as its length in 4 bytes, the highest first, its
 *          bytes (1..LEDGER_BYTES_MAX), its hash (LEDGER_HASH_BYTES). Nothing behind the last one
 * Check    bytes are taken as they come, in pieces of any size; the memory is that of one entry
 * Trust    the key in the file says nothing about who made it: hand in the key you know, or a head you have kept
 * Threads  one caller at a time
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ledger/check.h"

enum {
    LEDGER_EXPORT_START = 24 + LEDGER_KEY_BYTES + LEDGER_HEAD_BYTES,
    LEDGER_EXPORT_LENGTH = 4,
    LEDGER_EXPORT_ENTRY_MAX = LEDGER_EXPORT_LENGTH + LEDGER_BYTES_MAX + LEDGER_HASH_BYTES
};

/* The beginning of the file. */
void ledger_export_start(uint8_t bytes[LEDGER_EXPORT_START], const struct ledger_public *key,
                         const struct ledger_head *head);
/* What stands before an entry's bytes. */
void ledger_export_length(uint8_t bytes[LEDGER_EXPORT_LENGTH], size_t len);

struct ledger_export {                  /* a file being checked */
    const struct ledger_public *wanted; /* borrowed; NULL: the file's own */
    const struct ledger_head *kept;     /* borrowed; NULL: none */
    bool begun;
    struct ledger_public key; /* the file's, when begun, as is... */
    struct ledger_head head;  /* ...this */
    struct ledger_check check;
    size_t len; /* of what is not taken yet */
    uint8_t bytes[LEDGER_EXPORT_ENTRY_MAX];
};

void ledger_export_begin(struct ledger_export *export, const struct ledger_public *wanted,
                         const struct ledger_head *kept);
void ledger_export_take(struct ledger_export *export, const uint8_t *bytes, size_t len);
/* The verdict is export->check's. */
void ledger_export_end(struct ledger_export *export);
