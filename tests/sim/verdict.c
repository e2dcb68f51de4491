#include "tests/sim/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "collector/page/page.h"
#include "tests/sim/check.h"
#include "tests/sim/fate.h"
#include "tests/sim/files.h"

#define STAMP_OFF_US    (25 * US_PER_S) /* an interval, and what a slow line does to a host's time */
#define CALM_SPAN_US    (150 * US_PER_S)
#define PROMPT_US       (30 * US_PER_S)
#define DOWNTIME_OFF_US (30 * US_PER_S)
#define DISK_FAULT_US   (330 * US_PER_S) /* while it lasts no sign of life is kept */
#define HOLD_WINDOW_US  (30 * US_PER_S)
#define HOLD_CALM_US    (120 * US_PER_S)

static struct {
    struct sim_host *hosts;
    size_t n_hosts;
    size_t n_incidents, n_alerts;
    struct files_incident *incidents;
    struct files_alert *alerts;
    uint64_t calm_tenant;
    struct verdict verdict;
} court;

/* ---- what is on record ---- */

static void add_incident(void *user, const struct files_incident *row)
{
    (void)user;
    court.incidents = reallocarray(court.incidents, court.n_incidents + 1, sizeof *court.incidents);
    if (!court.incidents)
        world_fail("out of memory");
    court.incidents[court.n_incidents++] = *row;
}

static void add_alert(void *user, const struct files_alert *row)
{
    (void)user;
    court.alerts = reallocarray(court.alerts, court.n_alerts + 1, sizeof *court.alerts);
    if (!court.alerts)
        world_fail("out of memory");
    court.alerts[court.n_alerts++] = *row;
}

static void read_records(void)
{
    uint64_t tenants = 0;
    for (size_t i = 0; i < court.n_hosts; i++)
        tenants = court.hosts[i].tenant > tenants ? court.hosts[i].tenant : tenants;
    for (uint64_t tenant = 0; tenant <= tenants; tenant++) {
        files_each_incident(tenant, add_incident, NULL);
        files_each_alert(tenant, add_alert, NULL);
    }
}

/* ---- spells ---- */

static int64_t apart(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us - b_us : b_us - a_us;
}

static int64_t hold_of(const struct sim_host *host)
{
    return host->tenant == court.calm_tenant ? HOLD_CALM_US : HOLD_WINDOW_US;
}

static const struct receipt *first_page(uint64_t incident)
{
    size_t n;
    const struct receipt *receipts = check_receipts(&n);
    for (size_t i = 0; i < n; i++)
        if (receipts[i].incident == incident && receipts[i].trigger && receipts[i].taken)
            return &receipts[i];
    return NULL;
}

static bool is_of(const struct files_incident *incident, const struct sim_host *host)
{
    return incident->tenant == host->tenant && strcmp(incident->group, host->name) == 0;
}

static const struct firing *firing_of(const struct sim_host *host, const struct spell *spell)
{
    size_t n;
    const struct firing *firings = check_firings(&n);
    for (size_t i = 0; i < n; i++)
        if (firings[i].host == host->id && strstr(firings[i].rule, "_critical") &&
            apart(firings[i].crossed_us, spell->first_us) <= STAMP_OFF_US)
            return &firings[i];
    return NULL;
}

/* It was the spell that opened it. Two of its own are one too many. */
static const struct files_incident *own_incident(const struct sim_host *host, const struct spell *spell)
{
    char when[MOMENT_TEXT];
    const struct files_incident *found = NULL;
    for (size_t i = 0; i < court.n_incidents; i++) {
        const struct files_incident *incident = &court.incidents[i];
        if (!is_of(incident, host) || strncmp(incident->title, "CPU", 3) != 0 ||
            apart(incident->crossed_us, spell->first_us) > STAMP_OFF_US)
            continue;
        if (found)
            world_fail("%s: high CPU from %s on has two incidents, %" PRIu64 " and %" PRIu64, host->name,
                       moment_format(when, spell->first_us), found->id, incident->id);
        found = incident;
    }
    return found;
}

/* Or else one that was open when it fired: the spell joined that. */
static const struct files_incident *incident_of(const struct sim_host *host, const struct spell *spell)
{
    const struct files_incident *found = own_incident(host, spell);
    const struct firing *firing = firing_of(host, spell);
    for (size_t i = 0; !found && firing && i < court.n_incidents; i++) {
        const struct files_incident *incident = &court.incidents[i];
        if (is_of(incident, host) && incident->detected_us <= firing->detected_us &&
            (incident->resolved_us == 0 || incident->resolved_us >= firing->detected_us))
            found = incident;
    }
    return found;
}

static bool is_too_late_to_page(const struct files_incident *incident)
{
    return incident->event == 0 && incident->clock == 0 &&
           incident->detected_us - incident->crossed_us > PAGE_BUDGET_US;
}

static void judge_spell(const struct sim_host *host, const struct spell *spell)
{
    int64_t prompt_us = spell->first_us + hold_of(host) + PROMPT_US;
    int64_t due_us = fate_calm(host, spell->first_us, 0) == spell->first_us ? prompt_us : spell->first_us;
    due_us = fate_calm(host, due_us > prompt_us ? due_us : prompt_us, CALM_SPAN_US);
    char began[MOMENT_TEXT];
    moment_format(began, spell->first_us);
    if (due_us > world_wall_us())
        return;
    court.verdict.judged++;
    const struct files_incident *incident = incident_of(host, spell);
    if (!incident)
        world_fail("%s: no incident of the high CPU from %s on (%s)", host->name, began,
                   firing_of(host, spell) ? "it was seen" : "it was not seen");
    if (is_too_late_to_page(incident))
        return;
    const struct receipt *page = first_page(incident->id);
    if (!page)
        world_fail("%s: nobody was paged for incident %" PRIu64 ", high CPU from %s on", host->name, incident->id,
                   began);
    if (page->at_us > due_us)
        world_fail("%s: the page of incident %" PRIu64 " (high CPU from %s on) came %.1f s late", host->name,
                   incident->id, began, (double)(page->at_us - due_us) / 1e6);
    double took_s = (double)(page->at_us - spell->first_us) / 1e6;
    if (due_us == prompt_us && incident->crossed_us > spell->first_us - STAMP_OFF_US && took_s > court.verdict.worst_s)
        court.verdict.worst_s = took_s;
}

static void judge_spells(const struct sim_host *host)
{
    for (size_t i = 0; i < host->n_spells; i++) {
        const struct spell *spell = &host->spells[i];
        court.verdict.spells += spell->to_us < world_wall_us();
        if (spell->first_us > 0 && !spell->broken && spell->to_us < world_wall_us() &&
            spell->last_us - spell->first_us > hold_of(host) + STAMP_OFF_US)
            judge_spell(host, spell);
    }
}

/* ---- what nobody should have been told ---- */

static bool belongs_to_spell(const struct sim_host *host, int64_t crossed_us)
{
    for (size_t i = 0; i < host->n_spells; i++)
        if (host->spells[i].first_us > 0 && crossed_us >= host->spells[i].first_us - STAMP_OFF_US &&
            crossed_us <= host->spells[i].last_us + STAMP_OFF_US)
            return true;
    return false;
}

static void judge_alert(const struct files_alert *alert)
{
    char when[MOMENT_TEXT];
    const struct sim_host *host = check_host(alert->host);
    if (strcmp(alert->rule, "patrol") == 0)
        return; /* a round of the event's found what the faults have left behind */
    if (!host)
        world_fail("incident %" PRIu64 " has an alert of nobody's", alert->incident);
    if (strcmp(alert->rule, WATCH_SILENCE_RULE) == 0 || alert->crossed_us == 0)
        return;
    if (strncmp(alert->rule, "cpu_", 4) != 0)
        world_fail("%s: incident %" PRIu64 " is of %s, which was well", host->name, alert->incident, alert->rule);
    if (!belongs_to_spell(host, alert->crossed_us))
        world_fail("%s: %s of incident %" PRIu64 " crossed at %s, when its CPU was well", host->name, alert->rule,
                   alert->incident, moment_format(when, alert->crossed_us));
}

static bool was_down(int64_t at_us)
{
    size_t n;
    const struct downtime *downtimes = check_downtimes(&n);
    for (size_t i = 0; i < n; i++)
        if (at_us <= downtimes[i].from_us + DOWNTIME_OFF_US && at_us >= downtimes[i].from_us - DISK_FAULT_US)
            return true;
    return false;
}

static bool is_about(const struct files_incident *incident, const char *kind)
{
    return strncmp(incident->group, kind, strlen(kind)) == 0;
}

static bool was_so(const struct files_incident *incident)
{
    if (is_about(incident, "disk-"))
        return fate_disk_was_ill(incident->crossed_us);
    if (is_about(incident, "channel-"))
        return fate_receiver_was_ill(incident->crossed_us);
    return was_down(incident->crossed_us);
}

static void judge_own(const struct files_incident *incident)
{
    if (!was_so(incident))
        world_fail("incident %" PRIu64 " of the collector's own tells of what was not: %s: %s", incident->id,
                   incident->group, incident->title);
}

struct verdict verdict_of(struct sim_host *hosts, size_t n_hosts, uint64_t calm_tenant)
{
    court.hosts = hosts;
    court.n_hosts = n_hosts;
    court.calm_tenant = calm_tenant;
    read_records();
    for (size_t i = 0; i < n_hosts; i++)
        judge_spells(&hosts[i]);
    for (size_t i = 0; i < court.n_alerts; i++)
        judge_alert(&court.alerts[i]);
    for (size_t i = 0; i < court.n_incidents; i++)
        if (court.incidents[i].tenant == TENANT_RESERVED)
            judge_own(&court.incidents[i]);
    court.verdict.incidents = court.n_incidents;
    free(court.incidents);
    free(court.alerts);
    return court.verdict;
}
