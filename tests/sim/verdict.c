#include "tests/sim/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "collector/page/page.h"
#include "tests/sim/check.h"
#include "tests/sim/clocks.h"
#include "tests/sim/fate.h"
#include "tests/sim/files.h"

#define STAMP_OFF_US    (25 * US_PER_S) /* an interval, and what a slow line does to a host's time */
#define CALM_SPAN_US    (150 * US_PER_S)
#define DOWNTIME_OFF_US (30 * US_PER_S)
#define DISK_FAULT_US   (330 * US_PER_S) /* while it lasts no sign of life is kept */
#define BREACH_OFF_US   (3 * US_PER_S)   /* budgets are looked at each second */

static struct {
    const struct trial *trial;
    size_t n_clocks;
    const struct clock_row *clocks;
    size_t n_receipts;
    const struct receipt *receipts;
    struct verdict verdict;
} court;

static void read_records(const struct trial *trial)
{
    uint64_t tenants = 0;
    for (size_t i = 0; i < trial->n_hosts; i++)
        tenants = trial->hosts[i].tenant > tenants ? trial->hosts[i].tenant : tenants;
    clocks_read(tenants);
    court.trial = trial;
    court.clocks = clocks_all(&court.n_clocks);
    court.receipts = check_receipts(&court.n_receipts);
}

static int64_t apart(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us - b_us : b_us - a_us;
}

/* ---- spells ---- */

static bool is_critical(const struct firing *firing, enum ill ill)
{
    return strncmp(firing->rule, ill_rule(ill), strlen(ill_rule(ill))) == 0 && strstr(firing->rule, "_critical");
}

/* Behind a fault the newest ticks come first, and a restart forgets when a gap began bad: what is seen of the spell may
 * be its later part. */
static bool is_of_spell(const struct sim_host *host, const struct spell *spell, int64_t crossed_us)
{
    if (apart(crossed_us, spell->first_us) <= STAMP_OFF_US)
        return true;
    return crossed_us > spell->first_us && crossed_us < spell->last_us &&
           (fate_calm(host, spell->first_us, CALM_SPAN_US) > spell->first_us ||
            fate_calm(host, crossed_us, CALM_SPAN_US) > crossed_us);
}

static const struct firing *firing_of(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    size_t n;
    const struct firing *firings = check_firings(&n);
    for (size_t i = 0; i < n; i++)
        if (firings[i].host == host->id && is_critical(&firings[i], ill) &&
            is_of_spell(host, spell, firings[i].crossed_us))
            return &firings[i];
    return NULL;
}

static bool is_of(const struct clock_row *row, const struct sim_host *host)
{
    return row->tenant == host->tenant && strcmp(row->group, host->name) == 0;
}

static bool began_with(const struct clock_row *row, int64_t crossed_us)
{
    return apart(row->crossed_us, crossed_us) <= STAMP_OFF_US || apart(row->moved_us, crossed_us) <= STAMP_OFF_US;
}

static bool is_open(const struct clock_row *row, int64_t from_us, int64_t to_us)
{
    return row->detected_us <= to_us && (row->ended_us == 0 || row->ended_us >= from_us);
}

/* It was the spell that began it. Two of its own are one too many, unless a person has ended the first one; what is
 * only on record, as a part of the spell came too late to page, is none. */
static const struct clock_row *own_clock(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    char when[MOMENT_TEXT];
    const struct clock_row *found = NULL;
    for (size_t i = 0; i < court.n_clocks; i++) {
        const struct clock_row *row = &court.clocks[i];
        if (!is_of(row, host) || !strstr(row->title, ill_title(ill)) || !began_with(row, spell->first_us))
            continue;
        if (found && ((found->ended_us > 0 && !found->recovered) || row->clock == 0))
            continue;
        if (found && found->clock > 0)
            world_fail("%s: high %s from %s on has two incidents, %" PRIu64 " and %" PRIu64, host->name, ill_title(ill),
                       moment_format(when, spell->first_us), found->incident, row->incident);
        found = row;
    }
    return found;
}

/* A person ended one that it had joined, and behind a gap it is told again as one of its own. */
static bool is_told_again(const struct clock_row *own, const struct clock_row *joined)
{
    return joined->by_hand && joined->detected_us < own->detected_us && joined->ended_us <= own->detected_us;
}

/* Or else one that was open when it fired: the spell joined that. Where a fault hid that all was well between two
 * spells they are one. */
static const struct clock_row *clock_of(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    const struct clock_row *own = own_clock(host, ill, spell);
    const struct firing *firing = firing_of(host, ill, spell);
    bool hidden = fate_calm(host, spell->first_us, CALM_SPAN_US) > spell->first_us;
    for (size_t i = 0; i < court.n_clocks; i++) {
        const struct clock_row *row = &court.clocks[i];
        bool joined = is_of(row, host) && ((firing && is_open(row, firing->detected_us, firing->detected_us)) ||
                                           (hidden && is_open(row, spell->first_us, spell->last_us)));
        if (joined && (!own || is_told_again(own, row)))
            return row;
    }
    return own;
}

/* When the first of its ticks between these came. INT64_MAX: none has. */
static int64_t first_asked_us(const struct sim_host *host, int64_t from_us, int64_t to_us)
{
    int64_t first_us = INT64_MAX;
    for (size_t serial = 1; serial <= host->n_ticks; serial++) {
        const struct tick *tick = &host->ticks[serial];
        if (tick->at_us >= from_us && tick->at_us <= to_us && tick->asked_us > 0 && tick->asked_us < first_us)
            first_us = tick->asked_us;
    }
    return first_us;
}

/* Nobody was told that the spell before it was over before it was there: it is that one, going on, whose incident a
 * person had resolved by then (docs/paging.md). */
static bool goes_on_resolved(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    if (spell == host->ills[ill].at)
        return false;
    const struct spell *before = spell - 1;
    const struct clock_row *row = clock_of(host, ill, before);
    int64_t came_us = first_asked_us(host, spell->first_us, spell->last_us);
    return row && row->by_hand && row->ended_us <= came_us &&
           first_asked_us(host, before->last_us + 1, spell->first_us - 1) > came_us;
}

static bool is_person(const char *contact)
{
    return !check_is_machine(contact);
}

/* To whom a promise is: a person; with `heard`, that the collector knows of. */
static const struct receipt *first_page(const struct clock_row *row, bool heard)
{
    int64_t next_us = row->next_us > 0 ? row->next_us : INT64_MAX;
    for (size_t i = 0; i < court.n_receipts; i++) {
        const struct receipt *receipt = &court.receipts[i];
        if (receipt->taken && (receipt->answered || !heard) && receipt->kind == MESSAGE_TRIGGER &&
            receipt_is_of(receipt, row->incident) && is_person(receipt->contact) &&
            receipt->sent_us >= row->detected_us && receipt->sent_us < next_us)
            return receipt;
    }
    return NULL;
}

static bool is_too_late_to_page(const struct clock_row *row)
{
    return row->event == 0 && row->clock == 0 && row->detected_us - row->crossed_us > PAGE_BUDGET_US;
}

static int64_t due_us(const struct sim_host *host, const struct spell *spell, int64_t prompt_us)
{
    int64_t due_us = fate_calm(host, spell->first_us, 0) == spell->first_us ? prompt_us : spell->first_us;
    return fate_free(host, due_us > prompt_us ? due_us : prompt_us, CALM_SPAN_US);
}

/* Before people were to be told of it. */
static bool was_gone_unheld(const struct clock_row *row)
{
    return row->ended_us > 0 && row->ended_us < row->damped_us;
}

/* Within the second they are told in, or with what kept them from being told: a breach is on record then. */
static bool was_gone_untold(const struct sim_host *host, const struct clock_row *row)
{
    return row->ended_us > 0 && row->ended_us < fate_calm(host, row->damped_us + US_PER_S, CALM_SPAN_US);
}

static void judge_spell(const struct sim_host *host, enum ill ill, const struct spell *spell, int64_t hold_us)
{
    int64_t prompt_us = spell->first_us + hold_us + court.trial->prompt_us;
    int64_t by_us = due_us(host, spell, prompt_us);
    char began[MOMENT_TEXT];
    moment_format(began, spell->first_us);
    if (by_us > world_wall_us())
        return;
    court.verdict.judged++;
    const struct clock_row *row = clock_of(host, ill, spell);
    if (!row && goes_on_resolved(host, ill, spell))
        return;
    if (!row)
        world_fail("%s: no incident of the high %s from %s on (%s)", host->name, ill_title(ill), began,
                   firing_of(host, ill, spell) ? "it was seen" : "it was not seen");
    if (row->damped_us > 0) { /* it came and went, and was to be told only if it stayed */
        int64_t told_us = row->damped_us + court.trial->prompt_us;
        by_us = fate_free(host, told_us > by_us ? told_us : by_us, CALM_SPAN_US);
        if (by_us > world_wall_us() || was_gone_untold(host, row))
            return;
    }
    if (is_too_late_to_page(row) || (row->acknowledged_us > 0 && row->acknowledged_us <= by_us))
        return;
    const struct receipt *page = first_page(row, false);
    if (!page)
        world_fail("%s: nobody was paged for incident %" PRIu64 ", high %s from %s on", host->name, row->incident,
                   ill_title(ill), began);
    if (page->at_us > by_us)
        world_fail("%s: the page of incident %" PRIu64 " (high %s from %s on) came %.1f s late", host->name,
                   row->incident, ill_title(ill), began, (double)(page->at_us - by_us) / 1e6);
    double took_s = (double)(page->at_us - spell->first_us) / 1e6;
    if (by_us == prompt_us && row->crossed_us > spell->first_us - STAMP_OFF_US && took_s > court.verdict.worst_s)
        court.verdict.worst_s = took_s;
}

/* Its agent read all of it, and nothing of it had to be dropped since. After a gap the newest ticks come first: none of
 * the parts it may have come in is long enough by itself, then it need not be seen (docs/simulation.md). */
static bool is_whole(const struct sim_host *host, const struct spell *spell, int64_t least_us)
{
    int64_t from_us = spell->first_us, longest_us = 0, asked_us = 0;
    for (size_t serial = 1; serial <= host->n_ticks; serial++) {
        const struct tick *tick = &host->ticks[serial];
        if (tick->at_us < spell->first_us || tick->at_us > spell->last_us)
            continue;
        if (tick->lost)
            return false;
        if (tick->asked_us < asked_us)
            from_us = tick->at_us;
        asked_us = tick->asked_us;
        longest_us = tick->at_us - from_us > longest_us ? tick->at_us - from_us : longest_us;
    }
    return spell->first_us > 0 && !spell->broken && longest_us > least_us;
}

static void judge_spells(const struct sim_host *host, enum ill ill)
{
    for (size_t i = 0; i < host->ills[ill].n; i++) {
        const struct spell *spell = &host->ills[ill].at[i];
        int64_t hold_us = court.trial->hold_us(host, ill, spell);
        court.verdict.spells += spell->to_us < world_wall_us();
        if (hold_us >= 0 && spell->to_us < world_wall_us() && is_whole(host, spell, hold_us + STAMP_OFF_US))
            judge_spell(host, ill, spell, hold_us);
    }
}

/* ---- clocks ---- */

static bool was_down(int64_t at_us)
{
    size_t n;
    const struct downtime *downtimes = check_downtimes(&n);
    for (size_t i = 0; i < n; i++)
        if (at_us <= downtimes[i].from_us + DOWNTIME_OFF_US && at_us >= downtimes[i].from_us - DISK_FAULT_US)
            return true;
    return false;
}

static void check_breach(const struct clock_row *row)
{
    const struct receipt *heard = first_page(row, true);
    int64_t end_us = row->moved_us + PAGE_BUDGET_US - BREACH_OFF_US;
    bool noticed =
        (row->acknowledged_us > 0 && row->acknowledged_us <= end_us) || (row->ended_us > 0 && row->ended_us <= end_us);
    if (!row->cause[0])
        world_fail("incident %" PRIu64 ": its breach is on record without a cause", row->incident);
    if (heard && heard->at_us <= end_us && noticed && row->expired == 0)
        world_fail("incident %" PRIu64 ": a breach is on record (%s), and it was told and answered in time",
                   row->incident, row->cause);
}

/* Ten minutes from the first bad sample on, until a person has it, or knows of it. */
static void judge_clock(const struct clock_row *row)
{
    char when[MOMENT_TEXT];
    int64_t end_us = row->moved_us + PAGE_BUDGET_US;
    if (row->clock == 0 || end_us + CALM_SPAN_US > world_wall_us())
        return;
    court.verdict.clocks++;
    court.verdict.breaches += row->breached_us > 0;
    const struct receipt *page = first_page(row, false);
    bool told = (page && page->at_us <= end_us) || (row->acknowledged_us > 0 && row->acknowledged_us <= end_us);
    court.verdict.told += told;
    if (row->breached_us > 0)
        check_breach(row);
    else if (!told && !was_gone_unheld(row))
        world_fail("incident %" PRIu64
                   " (%s, crossed at %s) was told to nobody within ten minutes, and no breach is on record",
                   row->incident, row->title, moment_format(when, row->moved_us));
}

/* ---- what nobody should have been told ---- */

static bool belongs_to_spell(const struct spells *spells, int64_t crossed_us)
{
    for (size_t i = 0; i < spells->n; i++)
        if (spells->at[i].first_us > 0 && crossed_us >= spells->at[i].first_us - STAMP_OFF_US &&
            crossed_us <= spells->at[i].last_us + STAMP_OFF_US)
            return true;
    return false;
}

static const struct spells *spells_of(const struct sim_host *host, const char *rule)
{
    for (int ill = 0; ill < ILL_COUNT; ill++)
        if (strncmp(rule, ill_rule((enum ill)ill), strlen(ill_rule((enum ill)ill))) == 0)
            return &host->ills[ill];
    return NULL;
}

static void judge_alert(void *user, const struct files_alert *alert)
{
    (void)user;
    char when[MOMENT_TEXT];
    const struct sim_host *host = check_host(alert->host);
    if (strcmp(alert->rule, "patrol") == 0)
        return; /* a round of the event's found what the faults have left behind */
    if (!host)
        world_fail("incident %" PRIu64 " has an alert of nobody's", alert->incident);
    if (strcmp(alert->rule, WATCH_SILENCE_RULE) == 0 || alert->crossed_us == 0)
        return;
    const struct spells *spells = spells_of(host, alert->rule);
    if (!spells)
        world_fail("%s: incident %" PRIu64 " is of %s, which was well", host->name, alert->incident, alert->rule);
    if (!belongs_to_spell(spells, alert->crossed_us))
        world_fail("%s: %s of incident %" PRIu64 " crossed at %s, when it was well", host->name, alert->rule,
                   alert->incident, moment_format(when, alert->crossed_us));
}

static bool was_so(const struct clock_row *row)
{
    if (strncmp(row->group, "disk-", 5) == 0)
        return fate_disk_was_ill(row->crossed_us);
    if (strncmp(row->group, "channel-", 8) == 0)
        return fate_receiver_was_ill(row->crossed_us);
    if (strncmp(row->group, "heartbeat-", 10) == 0) /* two of them, a minute each */
        return fate_was_at_work(row->crossed_us - 120 * US_PER_S, row->crossed_us);
    return was_down(row->crossed_us);
}

static void judge_own(const struct clock_row *row)
{
    if (!was_so(row))
        world_fail("incident %" PRIu64 " of the collector's own tells of what was not: %s: %s", row->incident,
                   row->group, row->title);
}

/* ---- what had not recovered ---- */

/* A tick that was well again had come by then. */
static bool had_recovered(const struct sim_host *host, const struct spell *spell, int64_t by_us)
{
    for (size_t serial = 1; serial <= host->n_ticks; serial++) {
        const struct tick *tick = &host->ticks[serial];
        if (tick->at_us > spell->last_us && tick->asked_us > 0 && tick->asked_us <= by_us)
            return true;
    }
    return false;
}

/* Unknown resolves nothing. */
static void judge_recovery(const struct clock_row *row, const struct sim_host *host, enum ill ill)
{
    char when[MOMENT_TEXT], began[MOMENT_TEXT];
    size_t n;
    const struct firing *firings = check_firings(&n);
    for (size_t i = 0; i < host->ills[ill].n; i++) {
        const struct spell *spell = &host->ills[ill].at[i];
        bool fired = false;
        if (court.trial->hold_us(host, ill, spell) < 0)
            continue;
        for (size_t k = 0; k < n && !fired; k++)
            fired = firings[k].host == host->id && !firings[k].late && is_critical(&firings[k], ill) &&
                    apart(firings[k].crossed_us, spell->first_us) <= STAMP_OFF_US &&
                    firings[k].detected_us < row->ended_us && firings[k].detected_us >= row->detected_us;
        if (fired && !had_recovered(host, spell, row->ended_us))
            world_fail("%s: incident %" PRIu64
                       " was resolved by recovery at %s, and nothing said that its %s, high from"
                       " %s on, was well again",
                       host->name, row->incident, moment_format(when, row->ended_us), ill_title(ill),
                       moment_format(began, spell->first_us));
    }
}

static void judge_recoveries(const struct clock_row *row)
{
    for (size_t i = 0; i < court.trial->n_hosts; i++)
        for (int ill = 0; row->recovered && ill < ILL_COUNT; ill++)
            if (is_of(row, &court.trial->hosts[i]))
                judge_recovery(row, &court.trial->hosts[i], (enum ill)ill);
}

/* ---- all of it ---- */

void verdict_look(const struct trial *trial)
{
    struct verdict kept = court.verdict;
    read_records(trial);
    for (size_t i = 0; i < court.n_clocks; i++)
        judge_clock(&court.clocks[i]);
    court.verdict = kept;
}

struct verdict verdict_of(const struct trial *trial)
{
    read_records(trial);
    for (size_t i = 0; i < trial->n_hosts; i++)
        for (int ill = 0; ill < ILL_COUNT; ill++)
            judge_spells(&trial->hosts[i], (enum ill)ill);
    for (size_t i = 0; i < trial->n_hosts; i++)
        if (i == 0 || trial->hosts[i].tenant != trial->hosts[i - 1].tenant)
            files_each_alert(trial->hosts[i].tenant, judge_alert, NULL);
    for (size_t i = 0; i < court.n_clocks; i++) {
        judge_clock(&court.clocks[i]);
        judge_recoveries(&court.clocks[i]);
        if (court.clocks[i].tenant == TENANT_RESERVED)
            judge_own(&court.clocks[i]);
    }
    return court.verdict;
}
