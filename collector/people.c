#include "collector/people.h"

#include <stdio.h>
#include <string.h>

const struct channel_config *people_channel(const struct people_config *people, const char *name)
{
    const struct channel_config *rows = people->channels.at;
    for (size_t i = 0; i < people->channels.n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct contact_config *people_contact(const struct people_config *people, const char *name)
{
    const struct contact_config *rows = people->contacts.at;
    for (size_t i = 0; i < people->contacts.n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct rota_config *people_rota(const struct people_config *people, const char *name)
{
    const struct rota_config *rows = people->rotas.at;
    for (size_t i = 0; i < people->rotas.n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct escalation_config *people_escalation(const struct people_config *people, const char *tenant)
{
    const struct escalation_config *rows = people->escalations.at;
    const struct escalation_config *of_all = NULL;
    for (size_t i = 0; i < people->escalations.n; i++) {
        if (!rows[i].tenant)
            of_all = &rows[i];
        else if (tenant && strcmp(rows[i].tenant, tenant) == 0)
            return &rows[i];
    }
    return of_all;
}

struct rota people_rota_view(const struct rota_config *config)
{
    return (struct rota){ .name = config->name,
                          .zone = config->zone,
                          .members = config->members.at,
                          .n_members = config->members.n,
                          .first_s = config->first_s,
                          .turn_us = config->turn_us };
}

struct channel_route people_route(const struct channel_config *config)
{
    struct channel_route route = { .kind = (enum channel_kind)config->kind,
                                   .url = config->url,
                                   .secret = config->secret,
                                   .user = config->user,
                                   .password = config->password,
                                   .from = config->from,
                                   .tls = (enum channel_tls)config->tls };
    snprintf(route.name, sizeof route.name, "%s", config->name);
    return route;
}

size_t people_count_channels(const struct contact_config *contact)
{
    const struct way_config *ways = contact->ways.at;
    size_t n = 0;
    for (size_t i = 0; i < contact->ways.n; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again = again || strcmp(ways[i].channel, ways[j].channel) == 0;
        n += !again;
    }
    return n;
}

bool people_may_tell(const struct contact_config *contact, const char *tenant)
{
    return !contact->tenant || (tenant && strcmp(contact->tenant, tenant) == 0);
}

int people_policy(const struct escalation_config *escalation, struct page_policy *ret, struct err *err)
{
    char text[PAGE_POLICY_TEXT_MAX + 1];
    const struct step_config *steps = escalation->steps.at;
    struct page_policy policy = { .n_steps = (unsigned)escalation->steps.n };
    for (size_t i = 0; i < escalation->steps.n; i++) {
        policy.steps[i].after_us = steps[i].after_us;
        policy.steps[i].n = (unsigned)steps[i].contacts.n;
        for (size_t j = 0; j < steps[i].contacts.n; j++)
            snprintf(policy.steps[i].whom[j], sizeof policy.steps[i].whom[j], "%s", steps[i].contacts.at[j]);
    }
    int rc = page_policy_text(&policy, text, err);
    if (rc == 0)
        *ret = policy;
    return rc;
}
_Static_assert((int)PEOPLE_STEPS_MAX == (int)PAGE_STEPS_MAX && (int)PEOPLE_STEP_NAMES_MAX == (int)PAGE_WHOM_MAX,
               "as much as the pager takes");
