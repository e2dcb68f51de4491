/* The dead man's switch: somebody outside hears from us as long as all is well here, and pages when he does not. So a
 * war room that is dead, or cut off from him, is noticed too: by silence alone, as nothing in it can tell. One that is
 * cut off from its hosts alone tells of that itself.
 *
 * He is fed each `dead_man.every`, from the loop, once a write of the registry that was made for it is on disk; never
 * while a file is in declared fault, nor while a live event's heartbeat does not come through. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

#define GROUP "dead-man"

enum { FAILED_AFTER = 3 };

/* NULL: all is well. */
static const char *what_is_wrong(const struct collector *collector)
{
    bool fault = store_fault(collector->store, STORE_REGISTRY, 0) ||
                 store_fault(collector->store, STORE_TENANT, TENANT_RESERVED);
    for (const struct tenant *tenant = NULL; (tenant = fleet_next_tenant(collector->fleet, tenant));)
        fault = fault || store_fault(collector->store, STORE_TENANT, tenant->id);
    if (fault)
        return "a file cannot be written";
    return pulse_is_well(collector) ? NULL : "a heartbeat did not come through";
}

static void tell_held_back(struct collector *collector, const char *why)
{
    struct dead_man *man = &collector->dead_man;
    if (!man->held_back)
        log_event(&collector->log, LOG_WARN, "dead_man_not_fed", KV_TEXT("reason", why));
    man->held_back = true;
}

/* ---- his answer ---- */

/* Services that say 200 to whomever they do not know say so in their answer. */
static bool is_fed(const struct channel_answer *answer)
{
    return answer->status / 100 == 2 && !strcasestr(answer->body, "not found");
}

static void write_error(const struct channel_answer *answer, char *text, size_t size)
{
    if (answer->status / 100 == 2)
        snprintf(text, size, "he does not know the URL");
    else if (answer->status > 0)
        snprintf(text, size, "HTTP %d", answer->status);
    else
        snprintf(text, size, "%s", answer->error ? answer->error : "no answer");
}

static void note_failure(struct collector *collector, const char *error)
{
    struct dead_man *man = &collector->dead_man;
    char title[ERR_TEXT_MAX];
    man->failures++;
    log_event(&collector->log, LOG_WARN, "dead_man_unreached", KV_COUNT("times", man->failures),
              KV_TEXT("error", error));
    snprintf(title, sizeof title, "The dead-man URL cannot be fed: %s", error);
    if (man->failures >= FAILED_AFTER)
        concern_raise(collector, &man->incident, GROUP, title);
}

static void on_answer(void *user, const struct channel_answer *answer)
{
    struct collector *collector = user;
    struct dead_man *man = &collector->dead_man;
    char error[ERR_TEXT_MAX];
    man->under_way = false;
    if (man->stale) {
        man->stale = false;
        return;
    }
    if (is_fed(answer)) {
        man->failures = 0;
        man->fed_us = now_us(collector);
        concern_end(collector, &man->incident);
    } else {
        write_error(answer, error, sizeof error);
        note_failure(collector, error);
    }
    desk_settle(collector);
}

/* ---- feeding him ---- */

static void on_written(void *user, int rc)
{
    struct collector *collector = user;
    struct dead_man *man = &collector->dead_man;
    struct err err;
    man->under_way = false;
    if (collector->closing || !collector->config->dead_man.url)
        return;
    if (rc < 0) {
        tell_held_back(collector, "the registry cannot be written");
        return;
    }
    man->held_back = man->stale = false;
    man->under_way = true;
    if (channel_get(collector->sender, collector->config->dead_man.url, on_answer, NULL, collector, &err) == 0)
        return;
    man->under_way = false;
    note_failure(collector, err.text);
    desk_settle(collector);
}

/* What failed of another one says nothing of him. */
void dead_man_is_another(struct collector *collector)
{
    struct dead_man *man = &collector->dead_man;
    man->failures = 0;
    man->stale = man->under_way;
}

void dead_man_tick(struct collector *collector)
{
    struct dead_man *man = &collector->dead_man;
    const struct dead_man_config *config = &collector->config->dead_man;
    int64_t mono_us = clock_mono_us(collector->clock);
    if (!config->url) {
        if (man->incident)
            concern_end(collector, &man->incident);
        return;
    }
    if (man->under_way || mono_us < man->due_us)
        return;
    man->due_us = mono_us + config->every_us;
    const char *wrong = what_is_wrong(collector);
    if (wrong) {
        tell_held_back(collector, wrong);
        return;
    }
    store_put_beat(collector->store, now_us(collector));
    man->under_way = store_then(collector->store, STORE_REGISTRY, 0, on_written, collector) == 0;
}

void dead_man_restore(struct collector *collector)
{
    collector->dead_man.incident = concern_find(collector, GROUP);
}
