/* What troubles the collector itself, beside its disk (trouble.c), as incidents of its own: each has a word for a
 * group, "channel-mail" say, by which it is known again after a restart. What raises it looks itself whether it is
 * over. */
#include <string.h>

#include "base/utf8.h"
#include "collector/parts.h"

struct finding {
    const char *group;
    uint64_t incident;
};

static void look_at(void *user, const struct incident *incident)
{
    struct finding *finding = user;
    if (incident->tenant == TENANT_RESERVED && incident->state != INCIDENT_RESOLVED &&
        strcmp(incident->group, finding->group) == 0)
        finding->incident = incident->id;
}

uint64_t concern_find(const struct collector *collector, const char *group)
{
    struct finding finding = { .group = group };
    pager_each(collector->pager, look_at, &finding);
    return finding.incident;
}

const char *concern_name(char text[CONCERN_NAME_ROOM], const char *name)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t len = strlen(name);
    bool cut = len > CONCERN_NAME_ROOM - 1;
    if (cut)
        len = utf8_cut(name, len, CONCERN_NAME_ROOM - sizeof ellipsis);
    memcpy(text, name, len);
    memcpy(text + len, cut ? ellipsis : "", cut ? sizeof ellipsis : 1);
    return text;
}

void concern_raise(struct collector *collector, uint64_t *incident, const char *group, const char *title)
{
    char shown[sizeof((struct incident *)NULL)->title];
    struct page_own own = {
        .group = group,
        .title = shown,
        .severity = SEVERITY_CRITICAL,
        .crossed_us = now_us(collector),
    };
    if (*incident != 0)
        return;
    shown[utf8_clean(shown, sizeof shown - 1, title, strlen(title))] = '\0';
    log_event(&collector->log, LOG_ERROR, "concern", KV_TEXT("group", group), KV_TEXT("title", shown));
    pager_own(collector->pager, &own, own.crossed_us, incident, &collector->effects);
}

void concern_end(struct collector *collector, uint64_t *incident)
{
    const struct incident *row = *incident ? pager_incident(collector->pager, *incident) : NULL;
    if (row)
        log_event(&collector->log, LOG_WARN, "concern_over", KV_TEXT("title", row->title));
    pager_own_ends(collector->pager, *incident, NULL, now_us(collector), &collector->effects);
    *incident = 0;
}
