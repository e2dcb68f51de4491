#include "proto/ledger/check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ledger_check_begin(struct ledger_check *check, uint64_t tenant)
{
    *check = (struct ledger_check){ .tenant = tenant };
}

static void find(struct ledger_check *check, enum ledger_fault fault, uint64_t at, uint64_t found)
{
    if (check->fault != LEDGER_WHOLE)
        return;
    check->fault = fault;
    check->at = at;
    check->found = found;
}

void ledger_check_head(struct ledger_check *check, const struct ledger_head *head, const struct ledger_public *key)
{
    assert(check->n == 0 && check->n_heads < LEDGER_CHECK_HEADS);
    if (head->tenant != check->tenant || !ledger_head_holds(head, key))
        find(check, LEDGER_UNSIGNED, head->n, head->n);
    check->heads[check->n_heads++] = *head;
}

static bool same(const struct ledger_hash *a, const struct ledger_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Whether with another number it would be the one that belongs here: then it is its number that was altered. */
static bool is_renumbered(const struct ledger_check *check, const struct ledger_entry *entry,
                          const struct ledger_hash *hash)
{
    uint8_t bytes[LEDGER_BYTES_MAX];
    size_t len;
    struct ledger_entry as_it_was = *entry;
    as_it_was.n = check->n + 1;
    if (ledger_encode(&as_it_was, bytes, &len, NULL) < 0)
        return false;
    struct ledger_hash wanted = ledger_chain(&check->hash, bytes, len);
    return same(&wanted, hash);
}

static enum ledger_fault fault_of_number(const struct ledger_check *check, const struct ledger_entry *entry,
                                         const struct ledger_hash *hash)
{
    if (is_renumbered(check, entry, hash))
        return LEDGER_ALTERED;
    return entry->n > check->n ? LEDGER_MISSING : LEDGER_INSERTED;
}

/* The end of the chain has moved on: what do those say who saw it there? */
static void ask_heads(struct ledger_check *check)
{
    for (size_t i = 0; i < check->n_heads; i++) {
        if (check->heads[i].n != check->n)
            continue;
        if (!same(&check->heads[i].hash, &check->hash))
            find(check, LEDGER_REWRITTEN, check->vouched + 1, check->n);
        else
            check->vouched = check->n;
    }
}

void ledger_check_entry(struct ledger_check *check, const uint8_t *bytes, size_t len, const struct ledger_hash *hash)
{
    struct ledger_entry entry;
    uint64_t at = check->n + 1;
    if (check->fault != LEDGER_WHOLE)
        return;
    if (!hash || ledger_decode(bytes, len, &entry, NULL) < 0 || entry.tenant != check->tenant) {
        find(check, LEDGER_ALTERED, at, at);
        return;
    }
    struct ledger_hash wanted = ledger_chain(&check->hash, bytes, len);
    if (entry.n != at || !same(&wanted, hash)) {
        find(check, entry.n == at ? LEDGER_ALTERED : fault_of_number(check, &entry, hash), at, entry.n);
        return;
    }
    check->n = at;
    check->hash = wanted;
    check->at_us = entry.at_us;
    ask_heads(check);
}

void ledger_check_end(struct ledger_check *check)
{
    for (size_t i = 0; i < check->n_heads; i++)
        if (check->heads[i].n > check->n)
            find(check, LEDGER_CUT, check->n + 1, check->heads[i].n);
}

#define SAY(...) snprintf(text, LEDGER_FAULT_TEXT, __VA_ARGS__)

char *ledger_fault_print(char text[LEDGER_FAULT_TEXT], const struct ledger_check *check)
{
    uint64_t at = check->at, found = check->found;
    text[0] = '\0';
    switch (check->fault) {
    case LEDGER_WHOLE:
        break;
    case LEDGER_ALTERED:
        SAY("entry %" PRIu64 " was altered", at);
        break;
    case LEDGER_MISSING:
        SAY("entry %" PRIu64 " is missing: entry %" PRIu64 " stands in its place", at, found);
        break;
    case LEDGER_INSERTED:
        SAY("in the place of entry %" PRIu64 " something was put in: it says it is entry %" PRIu64, at, found);
        break;
    case LEDGER_CUT:
        SAY("its tail was cut off: entries up to %" PRIu64 " were signed, from %" PRIu64 " on they are missing", found,
            at);
        break;
    case LEDGER_REWRITTEN:
        SAY("entries %" PRIu64 " to %" PRIu64 " are not those that were signed: at least one was altered, taken out or"
            " put in, and the hashes made to fit",
            at, found);
        break;
    case LEDGER_UNSIGNED:
        SAY("the head of entry %" PRIu64 " is not signed by this key, or is of another tenant", at);
        break;
    case LEDGER_NO_EXPORT:
        SAY("this is no export of a ledger, or its beginning was altered");
        break;
    }
    return text;
}
