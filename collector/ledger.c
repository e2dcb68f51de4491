/* What is to be provable later: one entry of the tenant's ledger for each transition, attempt, override, round. It
 * joins the group that holds what it tells of. What cannot be said, in UTF-8 or for want of memory, is missing in an
 * entry rather than the entry in the chain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "collector/parts.h"

_Static_assert((int)KEY_BYTES == (int)LEDGER_KEY_BYTES, "a key file holds the seed of a key that signs");

/* ---- who signs ---- */

char *collector_ledger_key_file(const struct collector_config *config)
{
    const char *slash = strrchr(config->key, '/');
    char *path;
    int len = asprintf(&path, "%.*sledger.key", slash ? (int)(slash + 1 - config->key) : 0, config->key);
    return len < 0 ? NULL : path;
}

/* Until the heads that it signs first are on disk the key has another name: it may sign what it finds as long as it has
 * that, and so it may once more when a kill comes in between. */
static char *new_key_file(const char *path)
{
    char *text;
    return asprintf(&text, "%s.new", path) < 0 ? NULL : text;
}

static int make_key(const struct collector *collector, struct key_pair *ret, const char *path, struct err *err)
{
    int rc = key_pair_draw(ret, err);
    if (rc == 0)
        rc = key_file_create(path, ret, err);
    if (rc == 0)
        log_event(&collector->log, LOG_INFO, "ledger_key_made", KV_TEXT("file", path));
    return rc;
}

/* One that an earlier start has made and not kept, or another one. */
static int take_new_key(const struct collector *collector, struct key_pair *ret, const char *path, struct err *err)
{
    AUTO(auto_free) char *path_new = new_key_file(path);
    if (!path_new)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = key_file_read(ret, path_new, err);
    if (rc == -EBADMSG && unlink(path_new) == 0) /* cut short as it was made: it has signed nothing */
        rc = -ENOENT;
    return rc == -ENOENT ? make_key(collector, ret, path_new, err) : rc;
}

/* Its folder may be one that only root writes in, from before there was such a key: what happens goes on record all
 * the same, and nobody signs it. */
static int go_on_unsigned(struct collector *collector, const struct err *why)
{
    collector->ledger_key = LEDGER_KEY_NONE;
    log_event(&collector->log, LOG_ERROR, "ledger_unsigned", KV_TEXT("error", why->text));
    return 0;
}

int ledger_open_key(struct collector *collector, struct err *err)
{
    AUTO(auto_free) char *path = collector_ledger_key_file(collector->config);
    AUTO(key_pair_done) struct key_pair pair = { .secret = { 0 } };
    AUTO(ledger_key_done) struct ledger_key key = { .secret = { 0 } };
    struct err why = { 0 };
    if (!path)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = key_file_read(&pair, path, &why);
    bool fresh = rc == -ENOENT;
    if (fresh)
        rc = take_new_key(collector, &pair, path, &why);
    if (rc < 0 && fresh && rc != -ENOMEM)
        return go_on_unsigned(collector, &why);
    if (rc == 0)
        rc = ledger_key_of(&key, pair.secret, &why);
    if (rc < 0)
        return err_set(err, rc, "%s", why.text);
    store_sign(collector->store, &key, fresh);
    collector->ledger_key = fresh ? LEDGER_KEY_NEW : LEDGER_KEY_KEPT;
    return 0;
}

static void keep_key(struct collector *collector)
{
    struct err err = { .text = "out of memory" };
    AUTO(auto_free) char *path = collector_ledger_key_file(collector->config);
    AUTO(auto_free) char *path_new = path ? new_key_file(path) : NULL;
    if (!path_new || key_file_rename(path_new, path, &err) < 0)
        log_event(&collector->log, LOG_ERROR, "ledger_key_not_kept", KV_TEXT("error", err.text));
}

static void on_heads_stored(void *user, int rc)
{
    struct collector *collector = user;
    collector->ledger_key = rc < 0 ? LEDGER_KEY_NEW : LEDGER_KEY_KEPT;
    if (rc == 0)
        keep_key(collector);
}

void ledger_tick(struct collector *collector)
{
    if (collector->ledger_key != LEDGER_KEY_NEW || store_heads_waiting(collector->store))
        return;
    if (store_then(collector->store, STORE_REGISTRY, 0, on_heads_stored, collector) == 0)
        collector->ledger_key = LEDGER_KEY_WAITS;
}

/* ---- what is put on record ---- */

static int put(struct collector *collector, uint64_t tenant, struct ledger_note note,
               int (*store_it)(struct store *store, const struct ledger_entry *entry))
{
    AUTO(auto_free) char *body = json_dumps(note.body, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    json_decref(note.body);
    if (!body)
        log_event(&collector->log, LOG_ERROR, "ledger_entry_empty", KV_TEXT("kind", note.kind),
                  KV_COUNT("incident", note.incident), KV_COUNT("event", note.event));
    return store_it(collector->store, &(struct ledger_entry){ .tenant = tenant,
                                                              .at_us = now_us(collector),
                                                              .kind = note.kind,
                                                              .event = note.event,
                                                              .incident = note.incident,
                                                              .actor = note.actor,
                                                              .body = body ? body : "{}" });
}

int ledger_note(struct collector *collector, uint64_t tenant, struct ledger_note note)
{
    return put(collector, tenant, note, store_put_ledger);
}

/* ---- what was broken is gone on from ---- */

int collector_accept_ledger(struct collector *collector, uint64_t tenant, const struct decision *decision,
                            struct err *err)
{
    const char *why = store_ledger_broken(collector->store, tenant);
    struct store_head head;
    char line[LEDGER_HEAD_TEXT + 1] = "";
    if (!why)
        return err_set(err, -EPERM, "that ledger is not broken: warroom ledger verify says how it is");
    if (!utf8_is_shown(decision->reason ? decision->reason : "", 1, EVENT_REASON_MAX, ""))
        return err_set(err, -EINVAL, "accepting a broken ledger needs a reason, a line of 1 to %d bytes",
                       EVENT_REASON_MAX);
    if (collector->ledger_key == LEDGER_KEY_NONE)
        return err_set(err, -EPERM,
                       "nobody signs ledgers here, so none can be accepted: there is no ledger.key beside the "
                       "collector's key; the collector's log says why");
    bool is_signed = store_ledger_head(collector->store, tenant, &head) == 0;
    json_t *body = json_pack("{s:s, s:s, s:s, s:I, s:s}", "what", "accepted", "reason", decision->reason, "broken", why,
                             "signed", (json_int_t)(is_signed ? head.head.n : 0), "head",
                             is_signed ? ledger_head_print(line, &head.head) : "");
    struct ledger_note note = { .kind = "ledger", .actor = decision->by, .body = body };
    if (put(collector, tenant, note, store_accept_ledger) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    log_event(&collector->log, LOG_WARN, "ledger_accepted", KV_COUNT("tenant", tenant), KV_TEXT("by", decision->by),
              KV_TEXT("reason", decision->reason));
    return 0;
}

void ledger_note_incident(struct collector *collector, const struct incident_taken *taken)
{
    const struct incident *row = &taken->incident;
    json_t *body = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "what",
        incident_step_name(taken->step), "title", row->title, "group", row->group, "severity",
        severity_name(row->severity), "text", taken->text, "clock", (int)row->clock, "turn", (int)row->turn, "steps",
        (int)row->step, "late", row->late, "breached", row->breached, "silenced_us", (json_int_t)row->silenced_us,
        "damped_us", (json_int_t)row->damped_us, "crossed_us", (json_int_t)row->crossed_us, "detected_us",
        (json_int_t)row->detected_us, "delivered_us", (json_int_t)row->delivered_us, "acknowledged_us",
        (json_int_t)row->acknowledged_us, "resolved_us", (json_int_t)row->resolved_us, "rehearsal", row->rehearsal);
    ledger_note(collector, row->tenant,
                (struct ledger_note){
                    .kind = "incident", .event = row->event, .incident = row->id, .actor = taken->by, .body = body });
}

void ledger_note_attempt(struct collector *collector, const struct page *page, uint64_t lead, size_t together,
                         const struct page_outcome *outcome)
{
    const struct incident *incident = pager_incident(collector->pager, page->incident);
    json_t *body = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:b, s:b, s:I, s:I, s:I}", "page",
        (json_int_t)page->id, "for", page_kind_name(page->kind), "contact", page->contact, "channel", page->channel,
        "address", page->address, "step", (int)page->step, "class", page_class_name(page->class), "why",
        page->class == PAGE_SPILL ? page->text : "", "key", page->key, "attempt", (int)page->attempts, "what",
        outcome->delivered ? "delivered" : "refused", "status", outcome->status, "error", outcome->error,
        "possible_copy", page->possible_copy, "unrecorded", pager_is_unrecorded(collector->pager, page->id),
        "created_us", (json_int_t)page->created_us, "message", (json_int_t)lead, "with", (json_int_t)together - 1);
    ledger_note(collector, page->tenant,
                (struct ledger_note){ .kind = "page",
                                      .event = incident ? incident->event : 0,
                                      .incident = page->incident,
                                      .actor = "collector",
                                      .body = body });
}
