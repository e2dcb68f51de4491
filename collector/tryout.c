/* A contact's ways, tried: a marked message by each, and what came back. Asked for by a person, while nothing is wrong.
 * It counts as a message of its channel's minute, and is on record when all of it has ended, with how it went; until
 * then it is nowhere but here, and a kill ends it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "collector/channel/route.h"
#include "collector/parts.h"
#include "utlist.h"

enum { TRYOUTS_A_MINUTE = 6 };

struct tried { /* what an outcome is of */
    struct tryout *tryout;
    size_t way;
};

struct tryout {
    struct collector *collector;
    struct tryout *next, *prev;
    struct collector_tryout told;
    struct tried tried[PAGE_WAYS_MAX];
    size_t n_open; /* ways that were not heard of yet */
    int64_t mono_us;
    collector_tryout_fn *fn;
    void *user;
};

/* ---- how it went ---- */

static size_t count_delivered(const struct collector_tryout *told)
{
    size_t n = 0;
    for (size_t i = 0; i < told->n; i++)
        n += told->ways[i].outcome.delivered;
    return n;
}

static json_t *form_way(const struct collector_tried_way *way)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:I}", "channel", way->way.channel, "address", way->way.address, "what",
                     way->outcome.delivered ? "delivered" : "refused", "status", way->outcome.status, "error",
                     way->outcome.error, "took_us", (json_int_t)way->took_us);
}

static void put_on_record(const struct tryout *tryout)
{
    struct collector *collector = tryout->collector;
    const struct collector_tryout *told = &tryout->told;
    json_t *ways = json_array();
    for (size_t i = 0; i < told->n; i++)
        json_array_append_new(ways, form_way(&told->ways[i]));
    json_t *body = json_pack("{s:s, s:s, s:I, s:I, s:o}", "what", "tested", "contact", told->contact, "delivered",
                             (json_int_t)count_delivered(told), "tried", (json_int_t)told->n, "ways", ways);
    ledger_note(collector, told->tenant, (struct ledger_note){ .kind = "contact", .actor = told->by, .body = body });
    log_event(&collector->log, LOG_INFO, "contact_tested", KV_TEXT("contact", told->contact), KV_TEXT("by", told->by),
              KV_COUNT("ways", told->n), KV_COUNT("delivered", count_delivered(told)));
}

static void end(struct tryout *tryout)
{
    put_on_record(tryout);
    tryout->fn(tryout->user, &tryout->told);
    free(tryout);
}

static void note(struct tryout *tryout, size_t way, const struct page_outcome *outcome)
{
    struct collector_tried_way *tried = &tryout->told.ways[way];
    tried->outcome = *outcome;
    tried->took_us = clock_mono_us(tryout->collector->clock) - tryout->mono_us;
    tryout->n_open--;
}

static void on_outcome(void *user, const struct page_outcome *outcome)
{
    const struct tried *tried = user;
    struct tryout *tryout = tried->tryout;
    struct collector *collector = tryout->collector;
    note(tryout, tried->way, outcome);
    pager_turn_answered(collector->pager, tryout->told.ways[tried->way].way.channel, outcome, now_us(collector),
                        &collector->effects);
    desk_settle(collector);
    if (tryout->n_open > 0)
        return;
    DL_DELETE(collector->tryouts, tryout);
    end(tryout);
}

/* ---- sending ---- */

static void write_text(char text[PAGE_TEXT_MAX + 1], const struct collector_tryout *told, const char *channel,
                       enum language language)
{
    if (language == LANGUAGE_ZH)
        snprintf(text, PAGE_TEXT_MAX + 1, "%s 正在测试 %s 能否通过 %s 收到通知。", told->by, told->contact, channel);
    else
        snprintf(text, PAGE_TEXT_MAX + 1, "%s asks whether %s is reached by %s.", told->by, told->contact, channel);
}

static int send_one(struct tryout *tryout, size_t i, struct err *err)
{
    struct collector *collector = tryout->collector;
    const struct collector_tryout *told = &tryout->told;
    const struct page_way *way = &told->ways[i].way;
    struct channel_route route;
    char text[PAGE_TEXT_MAX + 1], key[PAGE_KEY_MAX + 1];
    struct message message = { .kind = MESSAGE_TEST,
                               .language = told_language(collector, told->contact),
                               .key = key,
                               .contact = told->contact,
                               .address = way->address,
                               .text = text,
                               .now_us = now_us(collector) };
    write_text(text, told, way->channel, message.language);
    snprintf(key, sizeof key, "test-%s-%zu-%s-%" PRId64, told->contact, i, way->channel, message.now_us);
    if (!told_route(collector, way->channel, &route))
        return err_set(err, -ENOENT, "no channel %s in the configuration", way->channel);
    if (!pager_take_turn(collector->pager, way->channel, message.now_us))
        return err_set(err, -EBUSY, "not sent: %s takes no message now, for its limit or as it has asked",
                       way->channel);
    return channel_send(collector->sender, &route, &message, on_outcome, &tryout->tried[i], err);
}

static void send_by_each(struct tryout *tryout)
{
    struct err err;
    for (size_t i = 0; i < tryout->told.n; i++) {
        tryout->tried[i] = (struct tried){ tryout, i };
        if (send_one(tryout, i, &err) == 0)
            continue;
        struct page_outcome outcome = { .local = true };
        outcome.error[utf8_clean(outcome.error, PAGE_ERROR_MAX, err.text, strlen(err.text))] = '\0';
        note(tryout, i, &outcome);
    }
}

/* ---- asking for one ---- */

static bool is_under_way(const struct collector *collector, const char *contact)
{
    for (const struct tryout *tryout = collector->tryouts; tryout; tryout = tryout->next)
        if (strcmp(tryout->told.contact, contact) == 0)
            return true;
    return false;
}

static int may_try(struct collector *collector, const char *contact, struct err *err)
{
    if (is_under_way(collector, contact))
        return err_set(err, -EBUSY, "%s is being tested already", contact);
    int64_t wait_us = bucket_take(&collector->tryouts_taken, 1, TRYOUTS_A_MINUTE / 60.0, TRYOUTS_A_MINUTE,
                                  clock_mono_us(collector->clock));
    if (wait_us > 0)
        return err_set(err, -EBUSY, "%d contacts a minute are tested at most: again in %d s", TRYOUTS_A_MINUTE,
                       (int)(wait_us / US_PER_S) + 1);
    return 0;
}

/* NULL: out of memory. */
static struct tryout *tryout_new(struct collector *collector, const struct page_contact *row, const char *by)
{
    struct tryout *tryout = calloc(1, sizeof *tryout);
    if (!tryout)
        return NULL;
    struct collector_tryout *told = &tryout->told;
    snprintf(told->contact, sizeof told->contact, "%s", row->name);
    snprintf(told->by, sizeof told->by, "%s", by);
    told->tenant = row->tenant == NOBODY_TENANT ? TENANT_RESERVED : row->tenant;
    for (told->n = 0; told->n < row->n_ways; told->n++)
        told->ways[told->n].way = row->ways[told->n];
    tryout->n_open = told->n;
    tryout->collector = collector;
    tryout->mono_us = clock_mono_us(collector->clock);
    return tryout;
}

int collector_try_contact(struct collector *collector, const char *contact, const char *by, collector_tryout_fn *fn,
                          void *user, struct err *err)
{
    struct page_contact row;
    if (!told_contact(collector, contact, &row))
        return err_set(err, -ENOENT, "there is no contact %.64s; warroom contact list shows them", contact);
    int rc = may_try(collector, row.name, err);
    if (rc < 0)
        return rc;
    struct tryout *tryout = tryout_new(collector, &row, by);
    if (!tryout)
        return err_set(err, -ENOMEM, "out of memory");
    tryout->fn = fn;
    tryout->user = user;
    send_by_each(tryout);
    if (tryout->n_open > 0) /* outcomes come from the loop */
        DL_APPEND(collector->tryouts, tryout);
    else
        end(tryout);
    return 0;
}

void tryouts_forget(struct collector *collector)
{
    struct tryout *tryout, *next;
    DL_FOREACH_SAFE(collector->tryouts, tryout, next)
    {
        DL_DELETE(collector->tryouts, tryout);
        tryout->fn(tryout->user, NULL);
        free(tryout);
    }
}
