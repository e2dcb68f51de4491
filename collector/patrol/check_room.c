/* The war room's own means: whom it tells, what has changed in it, and what it was told others plan. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/patrol/parts.h"

#define QUEUED_TOLD_US (60 * US_PER_S)
#define QUEUED_LONG_US (300 * US_PER_S) /* half of what people have from crossing to acknowledging */

void check_certificates(const struct patrol_sight *sight, struct patrol_result *ret)
{
    (void)sight;
    result_not_checked(ret, "no data: nothing reads certificates yet");
}

/* ---- the way of a page ---- */

static void find_undelivered(const struct patrol_sight *sight, struct patrol_result *ret)
{
    const struct patrol_paging *paging = &sight->paging;
    char age[DURATION_TEXT];
    struct patrol_finding *finding;
    int64_t waits_us = sight->now_us - paging->oldest_us;
    if (paging->oldest_us != 0 && waits_us > QUEUED_TOLD_US &&
        (finding = finding_add(ret, waits_us > QUEUED_LONG_US ? in_window(sight, SEVERITY_CRITICAL) : SEVERITY_WARNING,
                               "pages"))) {
        finding_text(finding, "%u not delivered, the oldest is %s old", paging->queued,
                     duration_format_brief(age, waits_us));
        finding_number(finding, "queued", paging->queued);
        finding_number(finding, "oldest_s", (double)waits_us / (double)US_PER_S);
    }
    if (paging->failed > 0 && (finding = finding_add(ret, in_window(sight, SEVERITY_CRITICAL), "pages"))) {
        finding_text(finding, "%" PRIu64 " given up since the last round", paging->failed);
        finding_number(finding, "failed", (double)paging->failed);
    }
}

void check_paging(const struct patrol_sight *sight, struct patrol_result *ret)
{
    const struct patrol_paging *paging = &sight->paging;
    struct patrol_finding *finding;
    size_t reached = 0, tried = 0;
    for (size_t i = 0; i < paging->n_contacts; i++) {
        const struct patrol_contact *contact = &paging->contacts[i];
        tried += contact->at_us != 0;
        reached += contact->at_us != 0 && contact->delivered;
        if (contact->at_us != 0 && !contact->delivered && (finding = finding_add(ret, SEVERITY_WARNING, contact->name)))
            finding_text(finding, "its last page was not taken: %s", contact->error);
    }
    if (paging->n_contacts == 0 && (finding = finding_add(ret, in_window(sight, SEVERITY_CRITICAL), "contacts")))
        finding_text(finding, "there are none: nobody is told of anything");
    find_undelivered(sight, ret);
    result_checked(ret, paging->n_contacts,
                   "%zu contacts: %zu took their last page, %zu were sent none yet: whether they"
                   " can be reached is not known; %u pages queued",
                   paging->n_contacts, reached, paging->n_contacts - tried, paging->queued);
}

/* ---- what has changed ---- */

static void find_change(struct patrol_result *ret, bool changed, const char *subject, const char *text)
{
    struct patrol_finding *finding = changed ? finding_add(ret, SEVERITY_INFO, subject) : NULL;
    if (finding)
        finding_text(finding, "%s", text);
}

static void find_names(struct patrol_result *ret, const struct patrol_names *names, const char *what)
{
    char list[PATROL_TEXT_MAX / 2] = "";
    size_t used = 0;
    size_t kept = names->n < PATROL_NAMES_MAX ? names->n : PATROL_NAMES_MAX;
    struct patrol_finding *finding = names->n > 0 ? finding_add(ret, SEVERITY_INFO, "scope") : NULL;
    if (!finding)
        return;
    for (size_t i = 0; i < kept && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names->at[i]);
    finding_text(finding, "%zu hosts %s: %s%s", names->n, what, list, names->n > kept ? "..." : "");
    finding_number(finding, "hosts", (double)names->n);
}

void check_configuration(const struct patrol_sight *sight, struct patrol_result *ret)
{
    const struct patrol_setup *is = &sight->setup, *was = &sight->before;
    if (!sight->has_before) {
        result_not_checked(ret, "the first round: there is nothing to compare with");
        return;
    }
    find_change(ret, is->rules != was->rules, "rules", "the rules changed since the last round");
    find_change(ret, is->config != was->config, "collector",
                "the collector's contacts, limits or times of keeping changed since the last round");
    find_change(ret, is->event != was->event, "event", "the event's own data changed since the last round");
    find_change(ret, is->hosts != was->hosts && !sight->has_names, "scope",
                "its hosts, their groups or declared limits changed while the collector was restarted");
    if (sight->has_names) {
        find_names(ret, &sight->joined, "joined");
        find_names(ret, &sight->left, "left");
        find_change(ret, is->hosts != was->hosts && sight->joined.n == 0 && sight->left.n == 0, "scope",
                    "groups or declared limits of hosts changed since the last round");
    }
    result_checked(ret, 4, "the rules, the collector's configuration, the event and its %zu hosts", sight->n_hosts);
}

/* ---- what others plan ---- */

/* The gate of that name has let the event through: this is for what was announced behind it. */
void check_notices(const struct patrol_sight *sight, struct patrol_result *ret)
{
    struct patrol_finding *finding = sight->n_unanswered > 0 ? finding_add(ret, SEVERITY_WARNING, "window") : NULL;
    if (finding) {
        finding_text(finding, "%zu planned changes fall into it unanswered: %s", sight->n_unanswered,
                     sight->unanswered);
        finding_number(finding, "unanswered", (double)sight->n_unanswered);
    }
    result_checked(ret, sight->n_unanswered, "%zu planned changes in the window stand unanswered", sight->n_unanswered);
}
