/* Whom an event would have told, and by which ways, so that this can be compared later: of each a hash of its ways,
 * with where their channels lead and what opens them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

static uint64_t mix(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    } while (*text++); /* the terminator keeps "ab","c" and "a","bc" apart */
    return hash;
}

static uint64_t mix_channel(const struct collector *collector, uint64_t hash, const char *channel)
{
    struct channel_route route;
    char mark[24] = "";
    if (told_route(collector, channel, &route))
        snprintf(mark, sizeof mark, "%" PRIx64, channel_route_mark(&route));
    return mix(mix(hash, channel), mark);
}

static void add_whom(void *user, const char *name, const struct contact_config *contact)
{
    struct rehearse_whom *whom = user;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (!contact || !people_may_tell(contact, whom->tenant) || whom->n == PEOPLE_CONTACTS_MAX)
        return;
    const struct way_config *ways = contact->ways.at;
    for (size_t i = 0; i < contact->ways.n; i++)
        hash = mix(mix_channel(whom->collector, hash, ways[i].channel), ways[i].address ? ways[i].address : "");
    rehearsal_add(whom->told, name, hash);
    whom->names[whom->n++] = contact->name;
}

static size_t add_machines(struct rehearse_whom *whom)
{
    const struct webhook_config *webhooks = whom->collector->config->webhooks.at;
    size_t n = 0;
    for (size_t i = 0; i < whom->collector->config->webhooks.n; i++) {
        if (webhooks[i].tenant && (!whom->tenant || strcmp(webhooks[i].tenant, whom->tenant) != 0))
            continue;
        rehearsal_add(whom->told, webhooks[i].name,
                      mix_channel(whom->collector, UINT64_C(0xcbf29ce484222325), webhooks[i].name));
        n++;
    }
    return n;
}

int rehearse_find_whom(const struct collector *collector, const struct event *event, struct rehearse_whom *ret,
                       char *told, struct err *err)
{
    const struct tenant *tenant = fleet_tenant(collector->fleet, event->tenant);
    *ret = (struct rehearse_whom){ .collector = collector, .tenant = tenant ? tenant->name : NULL, .told = told };
    told[0] = '\0';
    int rc = told_each(collector, event, add_whom, ret, err);
    size_t machines = add_machines(ret);
    if (rc == 0 && ret->n + machines == 0)
        rc = err_set(err, -EPERM, "nobody would be told of anything of event %s: there are no contacts", event->name);
    return rc;
}

bool rehearse_is_stale(const struct collector *collector, const struct assured *assured, char *why, size_t size)
{
    static char now[REHEARSAL_TOLD_MAX + 1]; /* one thread has the collector */
    struct rehearse_whom whom;
    char who[CONTACT_NAME_MAX + 32];
    struct err err;
    int rc = rehearse_find_whom(collector, &assured->row, &whom, now, &err);
    if (rc == 0 && !(assured->rehearsal && rehearsal_is_stale(assured->rehearsal->told, now, who, sizeof who)))
        return false;
    snprintf(why, size, "since then %s", rc < 0 ? err.text : who);
    return true;
}
