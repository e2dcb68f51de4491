#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/watch/parts.h"

/* ---- rules by metric ---- */

static int check_names(const struct rule *rules, size_t n, struct err *err)
{
    if (n > RULES_MAX)
        return err_set(err, -EINVAL, "watch: %zu rules, want at most %d", n, RULES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rules[i].name, WATCH_SILENCE_RULE) == 0)
            return err_set(err, -EINVAL, "watch: the name %s is kept for silence's own alert", WATCH_SILENCE_RULE);
        for (size_t k = 0; k < i; k++)
            if (strcmp(rules[i].name, rules[k].name) == 0)
                return err_set(err, -EINVAL, "watch: two rules are named %s", rules[i].name);
    }
    return 0;
}

static int check_rules(const struct rule *rules, size_t n, struct err *err)
{
    int rc = check_names(rules, n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = rules_check_depends(rules, n, i, err);
    return rc;
}

/* From the last to the first, so that a chain runs in the order of the file. -ENOMEM. */
static int index_rules(struct rule_set *set)
{
    for (size_t i = set->n; i-- > 0;) {
        const char *metric = set->rules[i].metric;
        struct metric_rules *head;
        HASH_FIND_STR(set->by_metric, metric, head);
        if (head) {
            set->next[i] = head->first;
            head->first = (int)i;
            continue;
        }
        head = &set->heads[i];
        *head = (struct metric_rules){ .metric = metric, .first = (int)i };
        set->next[i] = -1;
        HASH_ADD_KEYPTR(hh, set->by_metric, head->metric, strlen(head->metric), head);
        if (!head->hh.tbl)
            return -ENOMEM;
    }
    return 0;
}

int rule_set_init(struct rule_set *ret, const struct rule *rules, size_t n, struct err *err)
{
    int rc = check_rules(rules, n, err);
    if (rc < 0)
        return rc;
    struct rule_set set = {
        .n = n,
        .rules = calloc(n + 1, sizeof *set.rules), /* one more: calloc(0) may be NULL */
        .next = calloc(n + 1, sizeof *set.next),
        .heads = calloc(n + 1, sizeof *set.heads),
    };
    rc = set.rules && set.next && set.heads ? 0 : -ENOMEM;
    if (rc == 0 && n > 0)
        memcpy(set.rules, rules, n * sizeof *rules);
    if (rc == 0)
        rc = index_rules(&set);
    if (rc < 0) {
        rule_set_done(&set);
        return err_set(err, rc, "watch: out of memory");
    }
    *ret = set;
    return 0;
}

void rule_set_done(struct rule_set *set)
{
    HASH_CLEAR(hh, set->by_metric);
    free(set->rules);
    free(set->next);
    free(set->heads);
    *set = (struct rule_set){ 0 };
}

int rule_set_find(const struct rule_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->rules[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool rule_applies(const struct rule *rule, const struct watched *host)
{
    return (rule->in_force & host->in_force) != 0 && (rule->limit < 0 || !isnan(host->limits[rule->limit]));
}

/* ---- spells by name ---- */

static uint64_t fnv1a(uint64_t hash, const char *text)
{
    do {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(1099511628211);
    } while (*text++); /* the terminator keeps "ab","c" and "a","bc" apart */
    return hash;
}

uint64_t spell_key(const char *rule, const char *metric, const char *instance)
{
    return fnv1a(fnv1a(fnv1a(UINT64_C(14695981039346656037), rule), metric), instance);
}

struct spell *spell_find(const struct lane *lane, uint64_t key, const char *rule, const char *metric,
                         const char *instance)
{
    struct spell *spell;
    HASH_FIND(hh, lane->spells, &key, sizeof key, spell);
    if (!spell || strcmp(spell->alert.rule, rule) != 0 || strcmp(spell->alert.metric, metric) != 0 ||
        strcmp(spell->alert.instance, instance) != 0)
        return NULL;
    return spell;
}

/* ---- tables ---- */

static double power_of_ten(int exponent)
{
    double power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power; /* exact: a series' exponent is 12 at most */
}

static struct pair make_pair(const struct watched *host, const struct rule *rule, uint16_t index,
                             const struct series *series, uint32_t column)
{
    double unit = rule->limit < 0 ? 1 : host->limits[rule->limit];
    return (struct pair){
        .column = column,
        .rule = index,
        .below = rule->comparison == COMPARE_BELOW,
        .divide = series->exponent < 0,
        .scale = power_of_ten(abs(series->exponent)),
        .threshold = rule->threshold * unit,
        .clear = rule->clear * unit,
    };
}

/* Writes the pairs to `ret` if there is one; returns their number. */
static uint32_t meet(const struct judging *j, struct pair *ret)
{
    const struct rule_set *set = &j->watch->set;
    uint32_t n = 0;
    for (uint32_t c = 0; c < j->table->n; c++) {
        const struct series *series = &j->table->at[c];
        struct metric_rules *head;
        HASH_FIND_STR(set->by_metric, series->metric, head);
        for (int r = head ? head->first : -1; r >= 0; r = set->next[r]) {
            if (set->rules[r].condition != CONDITION_LEVEL || !rule_applies(&set->rules[r], j->host) ||
                fnmatch(set->rules[r].instance, series->instance, 0) != 0)
                continue;
            if (ret)
                ret[n] = make_pair(j->host, &set->rules[r], (uint16_t)r, series, c);
            n++;
        }
    }
    return n;
}

static struct binding *make_binding(const struct judging *j)
{
    uint32_t n = meet(j, NULL);
    struct binding *binding = malloc(sizeof *binding + n * sizeof *binding->at);
    if (!binding)
        return NULL;
    *binding = (struct binding){ .table = j->table->hash, .n = n };
    meet(j, binding->at);
    return binding;
}

static bool in_use(const struct watched *host, const struct binding *binding)
{
    return binding == host->live.binding || (host->late && binding == host->late->binding);
}

/* A free place, or that of the binding used longest ago by no lane. There is one: lanes are two, places four. */
static struct binding **place_for(struct watched *host)
{
    struct binding **oldest = NULL;
    for (int i = 0; i < BINDINGS_PER_HOST; i++) {
        struct binding **place = &host->bindings[i];
        if (!*place)
            return place;
        if (!in_use(host, *place) && (!oldest || (*place)->used < (*oldest)->used))
            oldest = place;
    }
    return oldest;
}

static struct binding *find_binding(const struct judging *j)
{
    for (int i = 0; i < BINDINGS_PER_HOST; i++) {
        struct binding *binding = j->host->bindings[i];
        if (binding && memcmp(&binding->table, &j->table->hash, sizeof binding->table) == 0)
            return binding;
    }
    struct binding *made = make_binding(j);
    if (!made)
        return NULL;
    struct binding **place = place_for(j->host);
    free(*place);
    *place = made;
    return made;
}

/* Each spell of the lane finds its pair in the new table; one that finds none has lost its series. */
static void attach(const struct judging *j, struct lane *lane)
{
    struct spell *spell, *next;
    HASH_ITER(hh, lane->spells, spell, next)
    spell->slot = SLOT_NONE;
    lane->n_lost = HASH_COUNT(lane->spells);
    for (uint32_t i = 0; lane->spells && i < lane->binding->n; i++) {
        const struct pair *pair = &lane->binding->at[i];
        const struct series *series = &j->table->at[pair->column];
        const char *rule = j->watch->set.rules[pair->rule].name;
        spell =
            spell_find(lane, spell_key(rule, series->metric, series->instance), rule, series->metric, series->instance);
        if (!spell || spell->slot != SLOT_NONE) /* a table that lists a series twice: the first column counts */
            continue;
        spell->slot = (int)i;
        lane->n_lost--;
        spell->rule = pair->rule;
        lane->slots[i] = spell;
    }
}

int lane_bind(const struct judging *j, struct lane *lane)
{
    lane->binding = NULL;
    struct binding *binding = find_binding(j);
    struct spell **slots = binding ? calloc(binding->n + 1, sizeof(struct spell *)) : NULL;
    if (!slots)
        return -ENOMEM;
    free(lane->slots);
    lane->slots = slots;
    lane->binding = binding;
    binding->used = ++j->host->uses;
    attach(j, lane);
    return 0;
}

void host_unbind(struct watched *host)
{
    host->live.binding = NULL;
    if (host->late)
        host->late->binding = NULL;
    for (int i = 0; i < BINDINGS_PER_HOST; i++) {
        free(host->bindings[i]);
        host->bindings[i] = NULL;
    }
}
