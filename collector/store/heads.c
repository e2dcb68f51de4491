#include "collector/store/heads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

struct chain_head {
    uint64_t tenant;
    struct chain_end end;   /* on disk */
    struct store_head head; /* head.n 0: none */
    bool stale;             /* the end is newer, or signed by another key */
    bool waiting;           /* to be put */
    const char *broken;     /* why; NULL: it is not */
    UT_hash_handle hh;
};

struct heads {
    const struct clock *clock;
    const struct log *log;
    bool has_key, fresh;
    struct ledger_key key;
    struct chain_head *chains;
};

struct heads *heads_new(const struct clock *clock, const struct log *log)
{
    struct heads *heads = calloc(1, sizeof *heads);
    if (heads)
        *heads = (struct heads){ .clock = clock, .log = log };
    return heads;
}

struct heads *heads_free(struct heads *heads)
{
    if (!heads)
        return NULL;
    struct chain_head *at = heads->chains;
    struct chain_head *next;
    HASH_CLEAR(hh, heads->chains); /* the entries stay linked by hh.next */
    for (; at; at = next) {
        next = at->hh.next;
        free(at);
    }
    ledger_key_done(&heads->key);
    free(heads);
    return NULL;
}

void heads_sign_with(struct heads *heads, const struct ledger_key *key, bool fresh)
{
    heads->key = *key;
    heads->has_key = true;
    heads->fresh = fresh;
}

static struct chain_head *find(const struct heads *heads, uint64_t tenant)
{
    struct chain_head *found;
    HASH_FIND(hh, heads->chains, &tenant, sizeof tenant, found);
    return found;
}

static struct chain_head *find_or_add(struct heads *heads, uint64_t tenant)
{
    struct chain_head *chain = find(heads, tenant);
    if (chain)
        return chain;
    chain = calloc(1, sizeof *chain);
    if (!chain)
        return NULL;
    chain->tenant = tenant;
    HASH_ADD(hh, heads->chains, tenant, sizeof chain->tenant, chain);
    if (!chain->hh.tbl) { /* what is left of an addition that found no memory */
        free(chain);
        return NULL;
    }
    return chain;
}

static void sign(const struct heads *heads, struct chain_head *chain)
{
    if (!heads->has_key || !chain->stale || chain->broken)
        return;
    struct ledger_head head = {
        .tenant = chain->tenant, .n = chain->end.n, .at_us = clock_wall_us(heads->clock), .hash = chain->end.hash
    };
    ledger_head_sign(&head, &heads->key);
    chain->head = (struct store_head){ head, heads->key.public_key };
    chain->stale = false;
}

/* What it was up to now is signed still: by that it can be told what was done. */
static void break_chain(const struct heads *heads, struct chain_head *chain, const char *why)
{
    sign(heads, chain);
    log_event(heads->log, LOG_ERROR, "ledger_broken", KV_COUNT("tenant", chain->tenant),
              KV_COUNT("signed", chain->head.head.n), KV_TEXT("error", why));
    chain->broken = why;
}

static bool is_ours(const struct heads *heads, const struct store_head *row)
{
    return heads->has_key && memcmp(&row->key, &heads->key.public_key, sizeof row->key) == 0;
}

/* Whose key it was, nobody here can say: only one that was made just now, where the one before was lost, takes the
 * ledger over. */
static void judge_key(struct heads *heads, struct chain_head *chain)
{
    if (!heads->has_key || is_ours(heads, &chain->head))
        return;
    if (!heads->fresh) {
        break_chain(heads, chain, "the head in registry.db is signed by another key than the one in ledger.key");
        return;
    }
    chain->stale = chain->waiting = true;
    log_event(heads->log, LOG_WARN, "ledger_key_changed", KV_COUNT("tenant", chain->tenant),
              KV_COUNT("signed", chain->head.head.n));
}

int heads_restore(struct heads *heads, const struct store_head *row)
{
    struct chain_head *chain = find_or_add(heads, row->head.tenant);
    if (!chain)
        return -ENOMEM;
    chain->head = *row;
    chain->end = (struct chain_end){ row->head.n, row->head.hash };
    if (!ledger_head_holds(&row->head, &row->key))
        break_chain(heads, chain, "the head in registry.db is not what was signed");
    else
        judge_key(heads, chain);
    return 0;
}

struct chain_end heads_vouched(const struct heads *heads, uint64_t tenant)
{
    const struct chain_head *chain = find(heads, tenant);
    return chain ? chain->end : (struct chain_end){ .n = 0 };
}

bool heads_misses(const struct heads *heads, uint64_t tenant)
{
    return heads->has_key && !heads->fresh && !find(heads, tenant);
}

static void go_on_with(struct chain_head *chain, const struct chain_end *end)
{
    chain->broken = NULL;
    chain->end = *end;
    chain->stale = chain->waiting = true;
}

int heads_moved(struct heads *heads, uint64_t tenant, const struct chain_end *end, enum chain_state state)
{
    bool broken = state == CHAIN_BROKEN;
    struct chain_head *chain = end->n || broken ? find_or_add(heads, tenant) : NULL;
    if (!chain)
        return end->n || broken ? -ENOMEM : 0;
    if (state == CHAIN_ACCEPTED)
        go_on_with(chain, end);
    if (broken && !chain->broken) {
        chain->waiting = chain->waiting || chain->stale;
        break_chain(heads, chain,
                    chain->head.head.n
                        ? "the file does not go on from what was signed"
                        : "its head is not in registry.db: it was taken away, or registry.db is an older one");
    }
    if (chain->broken)
        return 0;
    if (chain->head.head.n != end->n)
        chain->stale = true;
    chain->end = *end;
    chain->waiting = chain->waiting || chain->stale;
    return 0;
}

bool heads_waiting(const struct heads *heads)
{
    for (const struct chain_head *at = heads->chains; heads->has_key && at; at = at->hh.next)
        if (at->waiting)
            return true;
    return false;
}

int heads_put(struct heads *heads, struct group *group)
{
    for (struct chain_head *at = heads->chains; heads->has_key && at; at = at->hh.next) {
        if (!at->waiting)
            continue;
        sign(heads, at);
        int rc = group_put_row(group, ROW_LEDGER_HEAD, &at->head);
        if (rc < 0)
            return rc;
        at->waiting = false;
    }
    return 0;
}

int heads_show(struct heads *heads, uint64_t tenant, struct store_head *ret)
{
    struct chain_head *chain = find(heads, tenant);
    if (chain)
        sign(heads, chain);
    if (!chain || chain->head.head.n == 0)
        return STORE_NO_HEAD;
    *ret = chain->head;
    return 0;
}

const char *heads_broken(const struct heads *heads, uint64_t tenant)
{
    const struct chain_head *chain = find(heads, tenant);
    return chain ? chain->broken : NULL;
}
