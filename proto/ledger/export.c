#include "proto/ledger/export.h"

#include <string.h>

static const char magic[] = "warroom-ledger-export-1\n";
enum { MAGIC_BYTES = sizeof magic - 1 };
_Static_assert(MAGIC_BYTES == 24, "as the header has it");

void ledger_export_start(uint8_t bytes[LEDGER_EXPORT_START], const struct ledger_public *key,
                         const struct ledger_head *head)
{
    memcpy(bytes, magic, MAGIC_BYTES);
    memcpy(bytes + MAGIC_BYTES, key->bytes, LEDGER_KEY_BYTES);
    ledger_head_encode(head, bytes + MAGIC_BYTES + LEDGER_KEY_BYTES);
}

void ledger_export_length(uint8_t bytes[LEDGER_EXPORT_LENGTH], size_t len)
{
    for (size_t i = 0; i < LEDGER_EXPORT_LENGTH; i++)
        bytes[i] = (uint8_t)(len >> 8 * (LEDGER_EXPORT_LENGTH - 1 - i));
}

void ledger_export_begin(struct ledger_export *export, const struct ledger_public *wanted,
                         const struct ledger_head *kept)
{
    export->wanted = wanted;
    export->kept = kept;
    export->begun = false;
    export->len = 0;
    ledger_check_begin(&export->check, 0);
}

static void find(struct ledger_export *export, enum ledger_fault fault, uint64_t found)
{
    struct ledger_check *check = &export->check;
    if (check->fault != LEDGER_WHOLE)
        return;
    check->fault = fault;
    check->at = fault == LEDGER_UNSIGNED ? found : check->n + 1;
    check->found = found;
}

static void take_start(struct ledger_export *export)
{
    const uint8_t *at = export->bytes;
    export->begun = true;
    if (memcmp(at, magic, MAGIC_BYTES) != 0 ||
        ledger_head_decode(at + MAGIC_BYTES + LEDGER_KEY_BYTES, &export->head, NULL) < 0) {
        find(export, LEDGER_NO_EXPORT, 0);
        return;
    }
    memcpy(export->key.bytes, at + MAGIC_BYTES, LEDGER_KEY_BYTES);
    const struct ledger_public *key = export->wanted ? export->wanted : &export->key;
    ledger_check_begin(&export->check, export->head.tenant);
    if (memcmp(key, &export->key, sizeof *key) != 0)
        find(export, LEDGER_UNSIGNED, export->head.n);
    ledger_check_head(&export->check, &export->head, key);
    if (export->kept)
        ledger_check_head(&export->check, export->kept, key);
}

static size_t length_of(const struct ledger_export *export)
{
    size_t len = 0;
    for (size_t i = 0; i < LEDGER_EXPORT_LENGTH; i++)
        len = len << 8 | export->bytes[i];
    return len;
}

/* How many bytes there must be before anything can be made of them. 0: nothing more belongs here. */
static size_t wanted_bytes(const struct ledger_export *export)
{
    if (!export->begun)
        return LEDGER_EXPORT_START;
    if (export->check.n == export->head.n)
        return 0;
    if (export->len < LEDGER_EXPORT_LENGTH)
        return LEDGER_EXPORT_LENGTH;
    size_t len = length_of(export);
    return len >= 1 && len <= LEDGER_BYTES_MAX ? LEDGER_EXPORT_LENGTH + len + LEDGER_HASH_BYTES : 0;
}

/* There are as many as wanted. */
static void take_piece(struct ledger_export *export)
{
    struct ledger_hash hash;
    if (!export->begun) {
        take_start(export);
        export->len = 0;
        return;
    }
    if (export->len == LEDGER_EXPORT_LENGTH)
        return; /* its length is known now */
    const uint8_t *entry = export->bytes + LEDGER_EXPORT_LENGTH;
    size_t len = length_of(export);
    memcpy(hash.bytes, entry + len, sizeof hash.bytes);
    ledger_check_entry(&export->check, entry, len, &hash);
    export->len = 0;
}

void ledger_export_take(struct ledger_export *export, const uint8_t *bytes, size_t len)
{
    while (len > 0 && export->check.fault == LEDGER_WHOLE) {
        size_t wanted = wanted_bytes(export);
        if (wanted == 0) {
            bool over = export->check.n == export->head.n;
            find(export, over ? LEDGER_INSERTED : LEDGER_ALTERED, export->check.n + 1);
            return;
        }
        size_t n = wanted - export->len < len ? wanted - export->len : len;
        memcpy(export->bytes + export->len, bytes, n);
        export->len += n;
        bytes += n;
        len -= n;
        if (export->len == wanted)
            take_piece(export);
    }
}

void ledger_export_end(struct ledger_export *export)
{
    if (!export->begun)
        find(export, LEDGER_NO_EXPORT, 0);
    ledger_check_end(&export->check);
}
