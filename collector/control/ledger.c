/* The ledger for people: entries by event and kind, the newest first or the oldest. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"
#include "proto/text/base64.h"

enum { ENTRIES_SHOWN = 100, ENTRIES_MAX = 100000, ENTRIES_EXPORTED = 400 };

struct listing { /* lives in the call's token: where to go on, and how many entries are still wanted */
    uint64_t behind;
    uint64_t left;
};

static int continue_from(const struct call *call, struct listing *ret, struct err *err)
{
    int64_t wanted = call_int(call, "entries", ENTRIES_SHOWN);
    if (wanted < 1 || wanted > ENTRIES_MAX)
        return err_set(err, -EINVAL, "entries is to be 1 to %d", ENTRIES_MAX);
    *ret = (struct listing){ .left = (uint64_t)wanted };
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_u64(&scan, &ret->behind) || !scan_char(&scan, ' ') || !scan_u64(&scan, &ret->left) || !scan_done(&scan) ||
        ret->left < 1)
        return err_set(err, -EINVAL, "\"next\" is not one that ledger list has given");
    return 0;
}

static json_t *form_hash(const struct ledger_hash *hash)
{
    char text[2 * LEDGER_HASH_BYTES + 1];
    for (size_t i = 0; i < LEDGER_HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
    return json_string(text);
}

static json_t *form_number(uint64_t id)
{
    return id == 0 ? json_null() : json_integer((json_int_t)id);
}

/* The name, or the number of one that is not known any more. */
static json_t *form_event_of(const struct collector *collector, uint64_t id)
{
    const struct event *event = id ? collector_event(collector, id) : NULL;
    return event ? json_string(event->name) : form_number(id);
}

/* Of a document the keys that were changed, of a hand-over its note. */
json_t *form_said(const struct ledger_entry *entry)
{
    json_t *body = json_loads(entry->body, 0, NULL);
    json_t *changed = json_object_get(body, "changed");
    if (json_is_object(changed)) {
        const char *key;
        json_t *value, *keys = json_array();
        json_object_foreach(changed, key, value) json_array_append_new(keys, json_string(key));
        json_object_set_new(body, "changed", keys);
    }
    if (strcmp(entry->kind, "handover") == 0) {
        json_t *note = json_pack("{s:O*}", "note", json_object_get(body, "note"));
        json_decref(body);
        body = note;
    }
    return body ? body : json_null();
}

static json_t *form_entry(const struct collector *collector, const struct store_ledger_row *row)
{
    const struct ledger_entry *entry = &row->entry;
    json_t *body = json_loads(entry->body, 0, NULL);
    return json_pack("{s:I, s:o, s:s, s:o, s:o, s:s, s:o, s:o}", "n", (json_int_t)entry->n, "at",
                     form_instant(entry->at_us), "kind", entry->kind, "event", form_event_of(collector, entry->event),
                     "incident", form_number(entry->incident), "by", entry->actor, "body", body ? body : json_null(),
                     "hash", form_hash(&row->hash));
}

/* How many are still wanted stands in the call's own token: the one it answers is made from it. */
static void on_entries(void *user, const struct store_ledger *result, const struct err *err)
{
    struct call *call = user;
    struct listing listing = { 0 };
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *entries = json_array();
    for (size_t i = 0; i < result->n; i++)
        json_array_append_new(entries, form_entry(call->collector, &result->at[i]));
    call->data = json_pack("{s:o}", "entries", entries);
    if (result->more && continue_from(call, &listing, NULL) == 0 && listing.left > result->n &&
        asprintf(&call->more, "%" PRIu64 " %" PRIu64, result->at[result->n - 1].entry.n, listing.left - result->n) < 0)
        call->more = NULL;
    call_finish(call, NULL);
}

static int check_kind(const struct call *call, char ret[LEDGER_KIND_MAX + 1], struct err *err)
{
    const char *kind = call_text(call, "kind");
    if (kind && (strlen(kind) > LEDGER_KIND_MAX || !*kind))
        return err_set(err, -EINVAL, "kind is to be a word like event, gate, round, incident, page");
    snprintf(ret, LEDGER_KIND_MAX + 1, "%s", kind ? kind : "");
    return 0;
}

/* The collector's own chain, of no event, goes by a name that no tenant gets; one that has it from before keeps it. */
static int find_chain(const struct call *call, const struct event **ret_event, uint64_t *ret_tenant, struct err *err)
{
    const char *tenant = call_text(call, "tenant");
    bool own = tenant && strcmp(tenant, TENANT_RESERVED_NAME) == 0 &&
               !fleet_tenant_named(collector_fleet(call->collector), tenant);
    if (own && call_text(call, "event"))
        return err_set(err, -EINVAL, "the collector's own ledger is of no event: leave --event or --tenant out");
    *ret_tenant = TENANT_RESERVED;
    int rc = call_text(call, "event") ? call_event(call, ret_event, err) : 0;
    return rc < 0 || own ? rc : call_one_tenant(call, *ret_event, ret_tenant, err);
}

int verb_ledger_list(struct call *call, struct err *err)
{
    struct store_ledger_query query = { .oldest_first = json_is_true(json_object_get(call->args, "oldest")) };
    const struct event *event = NULL;
    struct listing listing = { 0 };
    int rc = find_chain(call, &event, &query.tenant, err);
    if (rc == 0)
        rc = check_kind(call, query.kind, err);
    if (rc == 0)
        rc = continue_from(call, &listing, err);
    if (rc < 0)
        return rc;
    query.event = event ? event->id : 0;
    query.behind = listing.behind;
    query.most = listing.left < ENTRIES_SHOWN ? (size_t)listing.left : ENTRIES_SHOWN;
    rc = store_ledger(collector_store(call->collector), &query, on_entries, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

/* ---- all of it, as it lies there: whoever asks checks it himself ---- */

static json_t *form_bytes(const uint8_t *bytes, size_t len)
{
    AUTO(auto_free) char *text = malloc(BASE64_TEXT(len));
    return text ? json_stringn(text, base64_encode(text, bytes, len)) : NULL;
}

static void on_rows(void *user, const struct store_ledger *result, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *entries = json_array();
    for (size_t i = 0; i < result->n; i++) {
        const struct store_ledger_row *row = &result->at[i];
        json_array_append_new(entries, json_pack("[o, o, b]", form_bytes(row->bytes.at, row->bytes.len),
                                                 form_bytes(row->hash.bytes, LEDGER_HASH_BYTES), row->whole));
    }
    json_object_set_new(call->data, "entries", entries);
    if (result->more && asprintf(&call->more, "%" PRIu64, result->at[result->n - 1].entry.n) < 0)
        call->more = NULL;
    call_finish(call, NULL);
}

/* The head is of before the rows are read: they can only be more. */
static json_t *form_signed(const struct call *call, uint64_t tenant)
{
    struct store *store = collector_store(call->collector);
    struct store_head head;
    char line[LEDGER_HEAD_TEXT + 1], key[LEDGER_KEY_TEXT + 1];
    bool is_signed = store_ledger_head(store, tenant, &head) == 0;
    return json_pack("{s:I, s:s, s:s?, s:s?, s:b, s:o}", "id", (json_int_t)tenant, "tenant",
                     tenant == TENANT_RESERVED ? TENANT_RESERVED_NAME : form_tenant_name(call->collector, tenant),
                     "head", is_signed ? ledger_head_print(line, &head.head) : NULL, "key",
                     is_signed ? ledger_public_print(key, &head.key) : NULL, "broken",
                     store_ledger_broken(store, tenant) != NULL, "now",
                     form_instant(collector_now_us(call->collector)));
}

int verb_ledger_export(struct call *call, struct err *err)
{
    struct store_ledger_query query = { .oldest_first = true, .raw = true, .most = ENTRIES_EXPORTED };
    const struct event *event = NULL;
    const char *next = call->next ? call->next : "0";
    struct scan scan = scan_over(next, strlen(next));
    int rc = find_chain(call, &event, &query.tenant, err);
    if (rc < 0)
        return rc;
    if (!scan_u64(&scan, &query.behind) || !scan_done(&scan))
        return err_set(err, -EINVAL, "\"next\" is not one that ledger export has given");
    call->data = form_signed(call, query.tenant);
    rc = store_ledger(collector_store(call->collector), &query, on_rows, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

/* ---- one that is broken goes on ---- */

/* Its new head is; by that it is answered. */
static void head_stored(void *user, int rc)
{
    struct call *call = user;
    if (rc == 0)
        call->data = form_signed(call, call->tenant);
    call_stored(call, rc);
}

static void entry_stored(void *user, int rc)
{
    struct call *call = user;
    if (rc < 0)
        call_stored(call, rc);
    else
        collector_then(call->collector, STORE_REGISTRY, 0, head_stored, call);
}

int verb_ledger_accept(struct call *call, struct err *err)
{
    const struct event *event = NULL;
    struct decision decision = call_decision(call);
    int rc = find_chain(call, &event, &call->tenant, err);
    if (rc == 0)
        rc = collector_accept_ledger(call->collector, call->tenant, &decision, err);
    if (rc < 0)
        return rc;
    collector_then(call->collector, STORE_TENANT, call->tenant, entry_stored, call);
    return CALL_LATER;
}
