/* The watch's own rules: what an agent says when the way from it to people is being tried crosses them, and is judged,
 * told and ended like any other crossing. No rule file can lack them. */
#include <string.h>

#include "collector/watch/parts.h"

#define EXERCISE_METRIC "warroom.agent.exercise"

static const struct {
    const char *name;
    double above;
    const char *summary;
} own[RULES_OWN] = {
    { WATCH_HEARTBEAT_RULE, EXERCISE_HEARTBEAT - 0.5, "Heartbeat of the way to people" },
    { WATCH_REHEARSAL_RULE, EXERCISE_REHEARSAL - 0.5, "Rehearsal of the way to people" },
};

bool watch_is_exercise(const char *rule)
{
    for (size_t i = 0; i < RULES_OWN; i++)
        if (strcmp(own[i].name, rule) == 0)
            return true;
    return false;
}

bool watch_keeps_name(const char *name)
{
    return strcmp(name, WATCH_SILENCE_RULE) == 0 || watch_is_exercise(name);
}

void exercise_rules(struct rule *ret)
{
    for (size_t i = 0; i < RULES_OWN; i++) {
        struct rule *rule = &ret[i];
        *rule = (struct rule){ .metric = EXERCISE_METRIC,
                               .instance = "*",
                               .page = true,
                               .severity = SEVERITY_CRITICAL,
                               .limit = -1,
                               .in_force = IN_FORCE_ALWAYS,
                               .threshold = own[i].above,
                               .clear = own[i].above };
        memcpy(rule->name, own[i].name, strlen(own[i].name) + 1);
        memcpy(rule->summary, own[i].summary, strlen(own[i].summary) + 1);
    }
}

void exercise_note(const struct judging *j, const struct binding *binding)
{
    bool met = false;
    for (uint32_t i = 0; !met && i < binding->n; i++)
        met = binding->at[i].rule >= j->watch->set.n - RULES_OWN;
    j->host->exercises = met;
}

bool watch_can_exercise(const struct watch *watch, uint64_t host_id)
{
    struct watched *host;
    HASH_FIND(hh, watch->hosts, &host_id, sizeof host_id, host);
    return host && host->exercises;
}
