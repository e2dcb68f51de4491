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
        if (watch_keeps_name(rules[i].name))
            return err_set(err, -EINVAL, "watch: the name %s is kept for the collector's own rule", rules[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(rules[i].name, rules[k].name) == 0)
                return err_set(err, -EINVAL, "watch: two rules are named %s", rules[i].name);
    }
    return 0;
}

int watch_check_rules(const struct rule *rules, size_t n, struct err *err)
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
        set->dependencies = set->dependencies || set->rules[i].n_depends > 0;
        set->absences = set->absences || set->rules[i].condition == CONDITION_ABSENCE;
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
    int rc = watch_check_rules(rules, n, err);
    if (rc < 0)
        return rc;
    size_t all = n + RULES_OWN;
    struct rule_set set = {
        .n = all,
        .rules = calloc(all, sizeof *set.rules),
        .next = calloc(all, sizeof *set.next),
        .heads = calloc(all, sizeof *set.heads),
    };
    rc = set.rules && set.next && set.heads ? 0 : -ENOMEM;
    if (rc == 0 && n > 0)
        memcpy(set.rules, rules, n * sizeof *rules);
    if (rc == 0) {
        exercise_rules(&set.rules[n]);
        rc = index_rules(&set);
    }
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

const struct tuning *host_tuning(const struct watched *host, const struct rule *rule)
{
    for (size_t i = 0; i < host->n_tunings; i++)
        if (strcmp(host->tunings[i].rule, rule->name) == 0)
            return &host->tunings[i];
    return NULL;
}

int64_t host_hold_us(const struct watched *host, const struct rule *rule)
{
    const struct tuning *tuning = host_tuning(host, rule);
    return tuning ? tuning->hold_us : rule->hold_us;
}

int64_t watch_look_back_us(const struct watch *watch)
{
    int64_t longest_us = 0;
    for (size_t i = 0; i < watch->set.n; i++) {
        const struct rule *rule = &watch->set.rules[i];
        int64_t hold_us = rule->hold_us;
        for (const struct watched *host = watch->hosts; host; host = host->hh.next)
            hold_us = host_hold_us(host, rule) > hold_us ? host_hold_us(host, rule) : hold_us;
        longest_us = rule->span_us + hold_us > longest_us ? rule->span_us + hold_us : longest_us;
    }
    return longest_us;
}

bool rule_applies(const struct rule *rule, const struct watched *host)
{
    const struct tuning *tuning = host_tuning(host, rule);
    return !(tuning && tuning->off) && (rule->in_force & host->in_force) != 0 &&
           (rule->limit < 0 || !isnan(host->limits[rule->limit]));
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

struct pair column_pair(const struct series *series, uint32_t column)
{
    return (struct pair){
        .column = column,
        .divide = series->exponent < 0,
        .scale = power_of_ten(abs(series->exponent)),
    };
}

static struct pair make_pair(const struct watched *host, const struct rule *rule, uint16_t index, struct pair of)
{
    double unit = rule->limit < 0 ? 1 : host->limits[rule->limit];
    const struct tuning *tuning = host_tuning(host, rule);
    of.rule = index;
    of.below = rule->comparison == COMPARE_BELOW;
    of.threshold = rule->condition == CONDITION_ABSENCE ? NAN : (tuning ? tuning->threshold : rule->threshold) * unit;
    of.clear = (tuning ? tuning->clear : rule->clear) * unit;
    return of;
}

struct meeting { /* of a table and the rules: counted first, then written where there is room */
    const struct judging *j;
    uint32_t n;
    uint32_t n_views;
    struct pair *pairs; /* NULL: counting */
    struct view *views;
};

static bool find_column(const struct series_table *table, const char *metric, const char *instance, uint32_t *ret)
{
    for (uint32_t c = 0; c < table->n; c++) {
        if (strcmp(table->at[c].metric, metric) == 0 && strcmp(table->at[c].instance, instance) == 0) {
            *ret = c;
            return true;
        }
    }
    return false;
}

/* The series a ratio divides by: the named one, the one of the same instance, or the host's only one. */
static bool find_per(const struct series_table *table, const struct rule *rule, const char *instance, uint32_t *ret)
{
    if (rule->per_instance[0])
        return find_column(table, rule->per, rule->per_instance, ret);
    return find_column(table, rule->per, instance, ret) || find_column(table, rule->per, "", ret);
}

static void meet_view(struct meeting *m, uint16_t r, uint32_t column, const struct expected *expected)
{
    const struct rule *rule = &m->j->watch->set.rules[r];
    const struct series *series = column == COLUMN_NONE ? NULL : &m->j->table->at[column];
    struct pair of = series ? column_pair(series, column) : (struct pair){ .column = COLUMN_NONE, .scale = 1 };
    struct view view = { .condition = rule->condition, .expected = expected };
    uint32_t per;
    if (rule->condition == CONDITION_RATIO) {
        if (!find_per(m->j->table, rule, series->instance, &per))
            return;
        view.per = column_pair(&m->j->table->at[per], per);
    }
    view.pair = make_pair(m->j->host, rule, r, of);
    if (m->views)
        m->views[m->n_views] = view;
    m->n_views++;
}

static void meet_column(struct meeting *m, uint16_t r, uint32_t column)
{
    const struct rule *rule = &m->j->watch->set.rules[r];
    const struct series *series = &m->j->table->at[column];
    struct expected *expected = NULL;
    if (rule->condition == CONDITION_ABSENCE)
        expected = expected_find(m->j->host, series->metric, series->instance);
    if (expected)
        expected->met = m->j->host->stamp;
    if (!rule_applies(rule, m->j->host) || fnmatch(rule->instance, series->instance, 0) != 0)
        return;
    if (rule->condition != CONDITION_LEVEL) {
        meet_view(m, r, column, NULL);
        return;
    }
    if (m->pairs)
        m->pairs[m->n] = make_pair(m->j->host, rule, r, column_pair(series, column));
    m->n++;
}

/* What is expected and not in the table. */
static void meet_missing(struct meeting *m)
{
    const struct rule_set *set = &m->j->watch->set;
    for (const struct expected *at = m->j->host->expected; at; at = at->hh.next) {
        struct metric_rules *head;
        HASH_FIND_STR(set->by_metric, at->metric, head);
        for (int r = head && at->met != m->j->host->stamp ? head->first : -1; r >= 0; r = set->next[r])
            if (set->rules[r].condition == CONDITION_ABSENCE && rule_applies(&set->rules[r], m->j->host) &&
                fnmatch(set->rules[r].instance, at->instance, 0) == 0)
                meet_view(m, (uint16_t)r, COLUMN_NONE, at);
    }
}

static void meet(struct meeting *m)
{
    const struct rule_set *set = &m->j->watch->set;
    m->n = m->n_views = 0;
    m->j->host->stamp++;
    for (uint32_t c = 0; c < m->j->table->n; c++) {
        struct metric_rules *head;
        HASH_FIND_STR(set->by_metric, m->j->table->at[c].metric, head);
        for (int r = head ? head->first : -1; r >= 0; r = set->next[r])
            meet_column(m, (uint16_t)r, c);
    }
    if (set->absences)
        meet_missing(m);
}

static void free_binding(struct binding *binding)
{
    if (binding)
        free(binding->views);
    free(binding);
}

static struct binding *make_binding(const struct judging *j)
{
    struct meeting m = { .j = j };
    meet(&m);
    struct binding *binding = malloc(sizeof *binding + m.n * sizeof *binding->at);
    struct view *views = calloc(m.n_views + 1, sizeof *views);
    if (!binding || !views) {
        free(binding);
        free(views);
        return NULL;
    }
    *binding = (struct binding){
        .table = j->table->hash, .expected = j->host->n_expected, .n = m.n, .n_views = m.n_views, .views = views
    };
    m.pairs = binding->at;
    m.views = views;
    meet(&m);
    return binding;
}

const struct pair *binding_pair(const struct binding *binding, int slot)
{
    uint32_t at = (uint32_t)slot;
    return at < binding->n ? &binding->at[at] : &binding->views[at - binding->n].pair;
}

struct series_name slot_name(const struct judging *j, const struct binding *binding, int slot)
{
    const struct pair *pair = binding_pair(binding, slot);
    if (pair->column != COLUMN_NONE)
        return (struct series_name){ j->table->at[pair->column].metric, j->table->at[pair->column].instance };
    const struct expected *expected = binding->views[(uint32_t)slot - binding->n].expected;
    return (struct series_name){ expected->metric, expected->instance };
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
        if (binding && binding->expected == j->host->n_expected &&
            memcmp(&binding->table, &j->table->hash, sizeof binding->table) == 0)
            return binding;
    }
    struct binding *made = make_binding(j);
    if (!made)
        return NULL;
    struct binding **place = place_for(j->host);
    free_binding(*place);
    *place = made;
    return made;
}

static int binding_slots(const struct binding *binding)
{
    return (int)(binding->n + binding->n_views);
}

/* Each spell of the lane finds its pair in the new table; one that finds none has lost its series. */
static void attach(const struct judging *j, struct lane *lane)
{
    struct spell *spell, *next;
    HASH_ITER(hh, lane->spells, spell, next)
    spell->slot = SLOT_NONE;
    lane->n_lost = HASH_COUNT(lane->spells);
    for (int i = 0; lane->spells && i < binding_slots(lane->binding); i++) {
        const struct pair *pair = binding_pair(lane->binding, i);
        const struct series_name name = slot_name(j, lane->binding, i);
        const char *rule = j->watch->set.rules[pair->rule].name;
        spell = spell_find(lane, spell_key(rule, name.metric, name.instance), rule, name.metric, name.instance);
        if (!spell || spell->slot != SLOT_NONE) /* a table that lists a series twice: the first column counts */
            continue;
        spell->slot = i;
        lane->n_lost--;
        spell->rule = pair->rule;
        lane->slots[i] = spell;
    }
}

int lane_bind(const struct judging *j, struct lane *lane)
{
    lane->binding = NULL;
    struct binding *binding = find_binding(j);
    struct spell **slots = binding ? calloc((size_t)binding_slots(binding) + 1, sizeof(struct spell *)) : NULL;
    if (!slots)
        return -ENOMEM;
    free(lane->slots);
    lane->slots = slots;
    lane->binding = binding;
    binding->used = ++j->host->uses;
    attach(j, lane);
    int rc = windows_attach(j, lane);
    if (rc < 0)
        lane->binding = NULL;
    return rc;
}

void host_unbind(struct watched *host)
{
    host->live.binding = NULL;
    if (host->late)
        host->late->binding = NULL;
    for (int i = 0; i < BINDINGS_PER_HOST; i++) {
        free_binding(host->bindings[i]);
        host->bindings[i] = NULL;
    }
}
