/* What follows from transitions: rows into their commit groups, and word to people once those groups are on disk.
 *
 * desk_settle() empties collector->transitions (what the watch found) through the pager into collector->effects
 * (incidents and pages that changed), puts all of it into the groups of the tenants concerned, and leaves one
 * struct after a tenant that waits for its group. Only then do pages become due and happenings reach the feed:
 * nothing that tells anybody anything leaves before it is on disk. A group whose file is in declared fault reports
 * so instead: pages go out all the same, marked unrecorded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "collector/channel/route.h"
#include "collector/parts.h"
#include "utlist.h"

struct after { /* what waits for one tenant's group */
    struct collector *collector;
    struct after *next;
    uint64_t tenant;
    size_t n, room;
    struct happening *at;
};

struct raising { /* what a silence held back */
    struct collector *collector;
    const struct silence *silence;
};

static struct after *after_of(struct collector *collector, struct after **list, uint64_t tenant)
{
    for (struct after *after = *list; after; after = after->next)
        if (after->tenant == tenant)
            return after;
    struct after *after = calloc(1, sizeof *after);
    if (!after)
        return NULL;
    after->collector = collector;
    after->tenant = tenant;
    after->next = *list;
    *list = after;
    return after;
}

/* Out of memory costs the feed an item, which its readers notice; pages are looked after by the pager in any case. */
static struct happening *add(struct collector *collector, struct after **list, uint64_t tenant,
                             enum happening_kind kind)
{
    struct after *after = after_of(collector, list, tenant);
    if (!after)
        return NULL;
    if (after->n == after->room) {
        size_t room = after->room ? after->room * 2 : 4;
        struct happening *grown = realloc(after->at, room * sizeof *grown);
        if (!grown)
            return NULL;
        after->at = grown;
        after->room = room;
    }
    struct happening *happening = &after->at[after->n++];
    memset(happening, 0, sizeof *happening);
    happening->kind = kind;
    happening->at_us = now_us(collector);
    return happening;
}

static void after_done(void *user, int rc)
{
    struct after *after = user;
    struct collector *collector = after->collector;
    bool pages = false;
    for (size_t i = 0; i < after->n; i++) {
        const struct happening *happening = &after->at[i];
        if (happening->kind == HAPPENED_PAGE) {
            pager_recorded(collector->pager, happening->page.id, rc == 0);
            pages = true;
        }
        if (happening->kind == HAPPENED_PAGE && happening->page.kind == PAGE_BEAT)
            pulse_recorded(collector, happening->page.id);
        else if (collector->listener.happened)
            collector->listener.happened(collector->listener.user, happening);
    }
    if (pages)
        desk_send_due(collector);
    free(after->at);
    free(after);
}

static void wait_for_groups(struct collector *collector, struct after *list, bool urgent)
{
    while (list) {
        struct after *after = list;
        list = after->next;
        if (store_then(collector->store, STORE_TENANT, after->tenant, after_done, after) < 0)
            after_done(after, -ENOMEM); /* better told unrecorded than not told */
        else if (urgent)
            store_hurry(collector->store, STORE_TENANT, after->tenant);
    }
}

static void count_alert(struct host_state *host, const struct transition *transition)
{
    bool fired = transition->from == ALERT_FIRING;
    bool fires = transition->alert.state == ALERT_FIRING;
    if (fires && !fired)
        host->firing++;
    if (fired && !fires && host->firing > 0)
        host->firing--;
    if (strcmp(transition->alert.rule, WATCH_SILENCE_RULE) == 0)
        host->silent = fires;
}

static bool is_drill(const struct collector *collector, uint64_t id)
{
    const struct event *event = id ? scope_event(collector, id) : NULL;
    return event && event->drill;
}

static void tell_pager(struct collector *collector, const struct host_state *host, const struct transition *transition,
                       int64_t silenced_us)
{
    const char *rule = transition->alert.rule;
    const char *summary = watch_summary(collector->watch, rule); /* NULL: a reload has taken the rule away */
    struct page_scope scope = {
        .tenant = host->row->tenant,
        .event = host->event,
        .drill = is_drill(collector, host->event),
        .host_name = host->row->name,
        .host_group = host->row->group,
        .silenced_us = silenced_us,
        .summary = summary ? summary : rule,
    };
    if (pager_alert(collector->pager, transition, &scope, transition->detected_us, &collector->effects) < 0)
        log_event(&collector->log, LOG_ERROR, "incident_not_kept", KV_TEXT("host", host->row->name),
                  KV_TEXT("rule", rule), KV_TEXT("error", "out of memory"));
}

static void settle_transition(struct collector *collector, const struct transition *transition, struct after **list)
{
    const struct alert *alert = &transition->alert;
    struct host_state *host = scope_host(collector, alert->host);
    if (!host)
        return;
    bool was_silent = host->silent;
    uint64_t tenant = host->row->tenant;
    if (watch_is_exercise(alert->rule)) { /* of the way to people: no alert of the host's */
        if (strcmp(alert->rule, WATCH_HEARTBEAT_RULE) == 0)
            pulse_heard(collector, transition);
        if (strcmp(alert->rule, WATCH_REHEARSAL_RULE) == 0)
            rehearse_heard(collector, transition);
        return;
    }
    if (!transition->late) { /* a late one tells of the past: the row is the alert as it is now */
        count_alert(host, transition);
        store_put_alert(collector->store, tenant, alert);
    }
    struct happening *happening = add(collector, list, tenant, HAPPENED_ALERT);
    if (happening)
        happening->alert = *transition;
    if (was_silent != host->silent && (happening = add(collector, list, tenant, HAPPENED_HOST)))
        happening->host = host->id;
    /* A silenced one joins what is open, and opens nothing. */
    struct transition told = *transition;
    told.alert.page = alert->page && !silence_over(collector, host, alert->rule);
    tell_pager(collector, host, &told, 0);
}

static void raise_after_silence(void *user, const struct alert *alert)
{
    struct raising *raising = user;
    struct collector *collector = raising->collector;
    struct host_state *host = scope_host(collector, alert->host);
    const struct silence *silence = raising->silence;
    if (!host || alert->state != ALERT_FIRING || host->row->tenant != silence->tenant ||
        !silence_means(silence, host->row->name, alert->rule) || silence_over(collector, host, alert->rule))
        return;
    /* As if it fired now: also one whose incident somebody has resolved meanwhile, for nobody was told since. */
    struct transition again = { .alert = *alert, .from = ALERT_OK, .detected_us = now_us(collector) };
    tell_pager(collector, host, &again, silence->ended_us);
}

void desk_silence_ended(struct collector *collector, const struct silence *silence)
{
    struct raising raising = { collector, silence };
    watch_each(collector->watch, raise_after_silence, &raising);
    desk_settle(collector);
}

static void settle_effects(struct collector *collector, struct after **list)
{
    struct page_effects *effects = &collector->effects;
    for (size_t i = 0; i < effects->n_incidents; i++) {
        const struct incident *incident = &effects->incidents[i];
        store_put_incident(collector->store, incident);
        struct happening *happening = add(collector, list, incident->tenant, HAPPENED_INCIDENT);
        if (happening)
            happening->incident = *incident;
    }
    for (size_t i = 0; i < effects->n_alerts; i++) {
        const struct incident *incident = pager_incident(collector->pager, effects->alerts[i].incident);
        if (incident)
            store_put_incident_alert(collector->store, incident->tenant, &effects->alerts[i]);
    }
    for (size_t i = 0; i < effects->n_pages; i++) {
        const struct page *page = &effects->pages[i];
        store_put_page(collector->store, page);
        struct happening *happening = add(collector, list, page->tenant, HAPPENED_PAGE);
        if (happening)
            happening->page = *page;
        else
            pager_recorded(collector->pager, page->id, false); /* no memory to wait with: let it go out */
    }
}

/* In the same groups as the rows they are of. */
static void note_steps(struct collector *collector)
{
    for (size_t i = 0; i < collector->effects.n_steps; i++)
        ledger_note_incident(collector, &collector->effects.steps[i]);
}

void desk_settle(struct collector *collector)
{
    struct after *list = NULL;
    for (size_t i = 0; i < collector->transitions.n; i++)
        settle_transition(collector, &collector->transitions.at[i], &list);
    transitions_clear(&collector->transitions);
    settle_effects(collector, &list);
    note_steps(collector);
    bool urgent = collector->effects.urgent;
    page_effects_clear(&collector->effects);
    wait_for_groups(collector, list, urgent);
}

void desk_event_changed(struct collector *collector, const struct event *event)
{
    struct after *list = NULL;
    store_put_event(collector->store, event);
    struct happening *happening = add(collector, &list, event->tenant, HAPPENED_EVENT);
    if (happening)
        happening->event = *event;
    wait_for_groups(collector, list, false);
}

void desk_host_changed(struct collector *collector, uint64_t host)
{
    /* Nothing to store: who reports is known anew after each start. */
    struct happening happening = { .kind = HAPPENED_HOST, .at_us = now_us(collector), .host = host };
    if (collector->listener.happened)
        collector->listener.happened(collector->listener.user, &happening);
}

/* ---- pages out ---- */

struct sending { /* one message */
    struct collector *collector;
    struct sending *next, *prev;
    struct page_due due;
    size_t n;
    uint64_t pages[PAGE_TOGETHER_MAX]; /* the first one leads */
    char contact[CONTACT_NAME_MAX + 1];
    unsigned waits; /* for so many files, before it goes */
};

static void count_attempt(const struct sending *sending, const struct page *page, const struct page_outcome *outcome)
{
    struct collector *collector = sending->collector;
    if (page->kind == PAGE_BEAT)
        return;
    collector->pages_delivered += page->state == PAGE_DELIVERED;
    collector->pages_failed += page->state == PAGE_FAILED;
    ledger_note_attempt(collector, page, sending->pages[0], sending->n, outcome);
    if (page->class != PAGE_REHEARSED) /* it says nothing of the event's own pages */
        rounds_note_attempt(collector, page, outcome);
}

static bool was_sent(const struct sending *sending, uint64_t page)
{
    for (size_t i = 0; i < sending->n; i++)
        if (sending->pages[i] == page)
            return true;
    return false;
}

/* What became of an attempt: into the pager, on record, and on. */
static void settle_outcome(struct sending *sending, const struct page_outcome *outcome)
{
    struct collector *collector = sending->collector;
    struct page_effects *effects = &collector->effects;
    pager_outcome(collector->pager, sending->pages[0], outcome, now_us(collector), effects);
    for (size_t i = 0; i < effects->n_pages; i++)
        if (was_sent(sending, effects->pages[i].id))
            count_attempt(sending, &effects->pages[i], outcome);
    desk_settle(collector);
}

static void on_outcome(void *user, const struct page_outcome *outcome)
{
    AUTO(auto_free) struct sending *sending = user;
    struct collector *collector = sending->collector;
    DL_DELETE(collector->sendings, sending);
    if (outcome->delivered)
        log_event(&collector->log, LOG_INFO, "page_delivered", KV_COUNT("page", sending->pages[0]),
                  KV_COUNT("pages", sending->n), KV_TEXT("contact", sending->contact),
                  KV_INT("status", outcome->status));
    else
        log_event(&collector->log, LOG_WARN, "page_refused", KV_COUNT("page", sending->pages[0]),
                  KV_COUNT("pages", sending->n), KV_TEXT("contact", sending->contact),
                  KV_INT("status", outcome->status), KV_TEXT("error", outcome->error));
    settle_outcome(sending, outcome);
}

/* False: its incident is gone. */
static bool fill_item(struct collector *collector, const struct page *page, struct message_item *ret)
{
    const struct incident *incident = pager_incident(collector->pager, page->incident);
    if (!incident)
        return false;
    const struct tenant *tenant = fleet_tenant(collector->fleet, page->tenant);
    const struct event *event = scope_event(collector, incident->event);
    *ret = (struct message_item){
        .incident = incident,
        .tenant_name = tenant ? tenant->name : TENANT_RESERVED_NAME,
        .event_name = event ? event->name : "",
        .drill = event && event->drill,
        .unrecorded = pager_is_unrecorded(collector->pager, page->id),
    };
    ret->alerts = pager_alerts(collector->pager, incident->id, &ret->n_alerts);
    return true;
}

static int send_message(struct collector *collector, const struct page_due *due, struct sending *sending,
                        struct err *err)
{
    const struct page *lead = due->at[0];
    static const enum message_kind kinds[] = {
        [PAGE_TRIGGER] = MESSAGE_TRIGGER, [PAGE_RESOLVE] = MESSAGE_RESOLVE, [PAGE_CHATTER] = MESSAGE_CHATTER
    };
    struct channel_route route;
    struct message_item items[PAGE_TOGETHER_MAX];
    char text[PAGE_TOGETHER_MAX * (PAGE_TEXT_MAX + 1) + 1] = "";
    struct message message = {
        .kind = kinds[lead->kind],
        .key = due->key,
        .contact = lead->contact,
        .address = lead->address,
        .language = told_language(collector, lead->contact),
        .n_items = lead->kind == PAGE_CHATTER ? 0 : due->n,
        .items = items,
        .text = text,
        .now_us = now_us(collector),
    };
    if (!told_route(collector, lead->channel, &route))
        return err_set(err, -ENOENT, "no channel %s in the configuration", lead->channel);
    for (size_t i = 0; i < due->n; i++) {
        message.possible_copy = message.possible_copy || due->at[i]->possible_copy;
        if (lead->kind == PAGE_CHATTER)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "\n" : "", due->at[i]->text);
        else if (!fill_item(collector, due->at[i], &items[i]))
            return err_set(err, -ENOENT, "its incident is gone");
    }
    return channel_send(collector->sender, &route, &message, on_outcome, sending, err);
}

static void take_sending(struct sending *ret, struct collector *collector, const struct page_due *due)
{
    ret->collector = collector;
    ret->due = *due;
    ret->n = due->n;
    for (size_t i = 0; i < due->n; i++)
        ret->pages[i] = due->at[i]->id;
    snprintf(ret->contact, sizeof ret->contact, "%s", due->at[0]->contact);
}

/* What its channel could never take is refused for good; for want of memory or room it is tried again. */
static void not_sent(struct collector *collector, const struct page_due *due, int rc, const struct err *err)
{
    struct sending failed = { .n = 0 };
    struct page_outcome outcome = { .permanent = rc == -EINVAL || rc == -E2BIG, .local = true };
    take_sending(&failed, collector, due);
    log_event(&collector->log, LOG_ERROR, "page_not_sent", KV_COUNT("page", due->at[0]->id),
              KV_TEXT("error", err->text));
    outcome.error[utf8_clean(outcome.error, PAGE_ERROR_MAX, err->text, strlen(err->text))] = '\0';
    settle_outcome(&failed, &outcome);
}

/* A heartbeat has come all the way. */
static void take_beat(struct collector *collector, const struct page_due *due)
{
    struct sending taken = { .n = 0 };
    take_sending(&taken, collector, due);
    pulse_came(collector, due->at[0]->id);
    settle_outcome(&taken, &(struct page_outcome){ .delivered = true });
}

/* It goes now. Owns `sending`, which is in the list, until its outcome. */
static void send_now(struct sending *sending)
{
    struct collector *collector = sending->collector;
    struct err err;
    int rc = send_message(collector, &sending->due, sending, &err);
    if (rc == 0)
        return;
    DL_DELETE(collector->sendings, sending);
    not_sent(collector, &sending->due, rc, &err);
    free(sending);
}

/* A disk at fault holds no page back. What was acknowledged meanwhile goes to nobody. */
static void on_begun(void *user, int rc)
{
    (void)rc;
    struct sending *sending = user;
    struct collector *collector = sending->collector;
    if (--sending->waits > 0 || collector->closing)
        return;
    if (pager_still_due(collector->pager, &sending->due, now_us(collector), &collector->effects)) {
        take_sending(sending, collector, &sending->due);
        desk_settle(collector);
        send_now(sending);
        return;
    }
    DL_DELETE(collector->sendings, sending);
    free(sending);
    desk_settle(collector);
}

static bool is_first_of_its_file(const struct page_due *due, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (due->at[i]->tenant == due->at[at]->tenant)
            return false;
    return true;
}

/* On record that an attempt has begun: after a kill it counts against its channel's limit. Where there is one it is
 * waited for. */
static void note_begun(struct collector *collector, const struct page_due *due, struct sending *sending)
{
    for (size_t i = 0; i < due->n; i++) {
        struct page begun = *due->at[i];
        begun.attempts++;
        store_put_page(collector->store, &begun);
    }
    for (size_t i = 0; i < due->n; i++) {
        uint64_t tenant = due->at[i]->tenant;
        if (!is_first_of_its_file(due, i))
            continue;
        if (due->limited && sending && store_then(collector->store, STORE_TENANT, tenant, on_begun, sending) == 0)
            sending->waits++;
        store_hurry(collector->store, STORE_TENANT, tenant);
    }
}

static void send_due(struct collector *collector, const struct page_due *due)
{
    if (due->at[0]->kind == PAGE_BEAT) {
        take_beat(collector, due);
        return;
    }
    const struct err err = { .text = "out of memory" };
    struct sending *sending = calloc(1, sizeof *sending);
    note_begun(collector, due, sending);
    if (!sending) {
        not_sent(collector, due, -ENOMEM, &err);
        return;
    }
    take_sending(sending, collector, due);
    DL_APPEND(collector->sendings, sending);
    if (sending->waits == 0)
        send_now(sending);
}

void desk_send_due(struct collector *collector)
{
    struct page_due due;
    while (!collector->closing && pager_take_due(collector->pager, now_us(collector), &due))
        send_due(collector, &due);
}

void desk_forget_sendings(struct collector *collector)
{
    struct sending *sending, *next;
    DL_FOREACH_SAFE(collector->sendings, sending, next)
    {
        DL_DELETE(collector->sendings, sending);
        free(sending);
    }
}
