/* What explains what: a rule may depend on others of the same host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/watch/parts.h"

/* ---- the rules' names ---- */

static int find(const struct rule *rules, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rules[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int check_names(const struct rule *rules, size_t n, const struct rule *rule, struct err *err)
{
    for (unsigned d = 0; d < rule->n_depends; d++) {
        const char *name = rule->depends_on[d];
        if (strcmp(name, WATCH_SILENCE_RULE) == 0)
            return err_set(err, -EINVAL, "rule %s: a silent host mutes every rule, leave %s out of `depends_on`",
                           rule->name, WATCH_SILENCE_RULE);
        if (find(rules, n, name) < 0)
            return err_set(err, -EINVAL, "rule %s depends on %s, and there is no such rule", rule->name, name);
        for (unsigned k = 0; k < d; k++)
            if (strcmp(rule->depends_on[k], name) == 0)
                return err_set(err, -EINVAL, "rule %s depends on %s twice", rule->name, name);
    }
    return 0;
}

/* ---- circles ---- */

struct search { /* from rule `from`, breadth first, so that the shortest circle is told */
    const struct rule *rules;
    size_t n;
    size_t from;
    size_t n_reached;
    int reached[RULES_MAX];
    int parent[RULES_MAX]; /* -1: not reached */
};

static void print_circle(const struct search *s, int last, char *text, size_t size)
{
    int path[RULES_MAX + 1];
    size_t n = 0;
    size_t used = (size_t)snprintf(text, size, "%s", s->rules[s->from].name);
    for (int at = last; at != (int)s->from; at = s->parent[at])
        path[n++] = at;
    while (n > 0 && used < size)
        used += (size_t)snprintf(text + used, size - used, " -> %s", s->rules[path[--n]].name);
    if (used < size)
        snprintf(text + used, size - used, " -> %s", s->rules[s->from].name);
}

/* The rule of a circle that leads back to `from`, -1: there is none. Rules before `from` have been searched from. */
static int search(struct search *s)
{
    s->n_reached = 1;
    s->reached[0] = (int)s->from;
    for (size_t k = 0; k < s->n_reached; k++) {
        int at = s->reached[k];
        for (unsigned d = 0; d < s->rules[at].n_depends; d++) {
            int to = find(s->rules, s->n, s->rules[at].depends_on[d]);
            if (to == (int)s->from)
                return at;
            if (to < (int)s->from || s->parent[to] >= 0)
                continue;
            s->parent[to] = at;
            s->reached[s->n_reached++] = to;
        }
    }
    return -1;
}

int rules_check_depends(const struct rule *rules, size_t n, size_t i, struct err *err)
{
    int rc = check_names(rules, n, &rules[i], err);
    if (rc < 0 || rules[i].n_depends == 0)
        return rc;
    struct search s = { .rules = rules, .n = n, .from = i };
    memset(s.parent, -1, sizeof s.parent);
    int last = search(&s);
    if (last < 0)
        return 0;
    char circle[160];
    print_circle(&s, last, circle, sizeof circle);
    return err_set(err, -EINVAL, "rules depend on each other in a circle: %s", circle);
}
