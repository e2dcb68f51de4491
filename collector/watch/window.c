/* What conditions over time remember: the last span of a series in some 64 cells, however often it is sampled. A cell
 * takes samples until it is a 64th of the span wide; of what is older than the span only the cell is kept in which the
 * span begins. Where two samples lie more than gap_us() apart nobody knows what was between, and the window begins
 * anew. A sample of a fraction stands for the time since the one before it, the first for none. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/watch/parts.h"

static struct cell *cell_at(const struct window *window, unsigned i)
{
    unsigned at = window->first + i;
    return &window->cells[at < window->room ? at : at - window->room]; /* a division would be dearer than all else */
}

static void empty(struct window *window)
{
    window->first = window->n = 0;
    window->bad_us = 0;
    window->bad = window->spoke = false;
}

void window_reach(struct window *window, int64_t gap_us, int64_t at_us)
{
    if (at_us - window->last_us > gap_us)
        empty(window);
}

void window_set_back(struct window *window, int64_t step_us, int64_t now_us)
{
    window->last_us -= step_us;
    window->ended_us -= step_us;
    if (window->last_us > now_us)
        empty(window);
    for (unsigned i = 0; i < window->n; i++) {
        struct cell *cell = cell_at(window, i);
        cell->at_us -= step_us;
        if (window->condition == CONDITION_FRACTION && cell->bad_at_us > 0)
            cell->bad_at_us -= step_us;
    }
}

static void drop_first(struct window *window)
{
    window->first = window->first + 1 < window->room ? window->first + 1 : 0;
    window->n--;
    if (window->condition == CONDITION_FRACTION && window->n > 0)
        window->bad_us -= cell_at(window, 0)->bad_us;
}

/* False: there is no memory for more, the oldest gave way. */
static bool grow(struct window *window)
{
    unsigned room = window->room ? 2 * window->room : 8;
    room = room > CELLS_MAX ? CELLS_MAX : room;
    struct cell *cells = window->room < CELLS_MAX ? malloc(room * sizeof *cells) : NULL;
    if (!cells)
        return false;
    for (unsigned i = 0; i < window->n; i++)
        cells[i] = *cell_at(window, i);
    free(window->cells);
    window->cells = cells;
    window->room = room;
    window->first = 0;
    return true;
}

/* NULL: not even one. */
static struct cell *add_cell(struct window *window, int64_t at_us)
{
    if (window->n == window->room && !grow(window)) {
        if (window->room == 0)
            return NULL;
        drop_first(window);
    }
    struct cell *cell = cell_at(window, window->n++);
    *cell = (struct cell){ .at_us = at_us };
    return cell;
}

/* What lies wholly before the span. */
static void expire(struct window *window, int64_t from_us)
{
    while (window->n > 1 && cell_at(window, 1)->at_us <= from_us)
        drop_first(window);
}

static bool is_wide(const struct window *window, int64_t at_us)
{
    return window->n == 0 || at_us - cell_at(window, window->n - 1)->at_us >= window->span_us / CELLS_OF_SPAN;
}

/* ---- change per second ---- */

/* Its value where the span begins, on the straight line between two samples, and when that is: later where no sample is
 * as old. */
static double value_then(const struct window *window, int64_t from_us, struct cell newest, int64_t *ret_us)
{
    const struct cell *first = cell_at(window, 0);
    const struct cell next = window->n > 1 ? *cell_at(window, 1) : newest;
    *ret_us = first->at_us;
    if (first->at_us >= from_us)
        return first->value;
    *ret_us = from_us;
    double part = (double)(from_us - first->at_us) / (double)(next.at_us - first->at_us);
    return first->value + (next.value - first->value) * part;
}

bool window_rate(struct window *window, int64_t at_us, double value, double *ret_rate)
{
    const struct cell newest = { .at_us = at_us, .value = value };
    int64_t from_us = at_us - window->span_us;
    int64_t half_us = (at_us - window->last_us) / 2;
    expire(window, from_us);
    /* to the nearest sample: ticks are never a whole span apart to the microsecond */
    bool known = window->n > 0 && cell_at(window, 0)->at_us <= from_us + half_us;
    if (known) {
        int64_t then_us;
        double then = value_then(window, from_us, newest, &then_us);
        *ret_rate = (value - then) * (double)US_PER_S / (double)(at_us - then_us);
        window->spoke = true;
    }
    struct cell *cell = is_wide(window, at_us) ? add_cell(window, at_us) : NULL;
    if (cell)
        *cell = newest;
    window->last_us = at_us;
    return known;
}

/* ---- where it goes ---- */

bool window_forecast(struct window *window, int64_t at_us, double value, int64_t ahead_us, struct forecast *ret)
{
    struct line line = { .n = 0 };
    int64_t half_us = (at_us - window->last_us) / 2;
    expire(window, at_us - window->span_us);
    bool known = window->n > 0 && cell_at(window, 0)->at_us <= at_us - window->span_us + half_us;
    for (unsigned i = 0; known && i < window->n; i++)
        line_add(&line, (double)(cell_at(window, i)->at_us - at_us) / (double)US_PER_S, cell_at(window, i)->value);
    known = known && line_add(&line, 0, value) && line_forecast(&line, (double)ahead_us / (double)US_PER_S, ret);
    window->spoke = window->spoke || known;
    struct cell *cell = is_wide(window, at_us) ? add_cell(window, at_us) : NULL;
    if (cell)
        cell->value = value;
    window->last_us = at_us;
    return known;
}

/* ---- part of the time ---- */

static void add_time(struct window *window, int64_t at_us, bool bad)
{
    int64_t bad_us = bad && window->n > 0 ? at_us - window->last_us : 0;
    bool narrow = window->n > 1 && cell_at(window, window->n - 1)->at_us - cell_at(window, window->n - 2)->at_us <
                                       window->span_us / CELLS_OF_SPAN;
    struct cell *cell = narrow ? cell_at(window, window->n - 1) : add_cell(window, at_us);
    if (!cell)
        return;
    cell->at_us = at_us;
    cell->bad_us += bad_us;
    window->bad_us += bad_us;
    if (bad && cell->bad_at_us == 0)
        cell->bad_at_us = at_us;
}

int64_t window_bad_since(const struct window *window)
{
    int64_t from_us = window->last_us - window->span_us;
    for (unsigned i = 0; i < window->n; i++) {
        int64_t at_us = cell_at(window, i)->bad_at_us;
        if (at_us > from_us && at_us > window->ended_us)
            return at_us;
    }
    return window->last_us;
}

/* The first cell is only where the second begins; of that one what lies within the span counts, as if it were even. */
struct share window_share(struct window *window, int64_t at_us, bool bad)
{
    int64_t from_us = at_us - window->span_us;
    struct share share = { .half_us = window->n > 0 ? (at_us - window->last_us) / 2 : 0 };
    add_time(window, at_us, bad);
    window->last_us = at_us;
    window->bad = bad;
    if (window->n == 0)
        return share;
    expire(window, from_us);
    int64_t first_us = cell_at(window, 0)->at_us;
    share.bad_us = window->bad_us;
    if (first_us < from_us && window->n > 1) {
        const struct cell *second = cell_at(window, 1);
        share.bad_us -=
            (int64_t)((double)second->bad_us * (double)(from_us - first_us) / (double)(second->at_us - first_us));
    }
    share.good_us = at_us - (first_us > from_us ? first_us : from_us) - share.bad_us;
    return share;
}

/* ---- windows of lanes ---- */

static void free_window(struct window *window)
{
    free(window->cells);
    free(window);
}

void windows_free(struct window *windows)
{
    struct window *window = windows;
    HASH_CLEAR(hh, windows); /* they stay chained */
    for (struct window *next; window; window = next) {
        next = window->hh.next;
        free_window(window);
    }
}

static struct window *find_window(struct lane *lane, uint64_t key, const struct rule *rule)
{
    struct window *window = window_of(lane, key);
    if (!window) {
        window = calloc(1, sizeof *window);
        if (!window)
            return NULL;
        window->key = key;
        HASH_ADD(hh, lane->windows, key, sizeof window->key, window);
        if (!window->hh.tbl) {
            free(window);
            return NULL;
        }
    }
    if (window->condition != rule->condition || window->span_us != rule->span_us) {
        empty(window);
        window->condition = rule->condition;
        window->span_us = rule->span_us;
    }
    return window;
}

static int attach_each(const struct judging *j, struct lane *lane)
{
    const struct binding *binding = lane->binding;
    for (uint32_t i = 0; i < binding->n_views; i++) {
        const struct view *view = &binding->views[i];
        const struct rule *rule = &j->watch->set.rules[view->pair.rule];
        lane->memory[i] = NULL;
        if (rule->span_us == 0)
            continue;
        const struct series_name name = slot_name(j, binding, (int)(binding->n + i));
        struct window *window = find_window(lane, spell_key(rule->name, name.metric, name.instance), rule);
        if (!window)
            return -ENOMEM;
        if (window->attached) /* a table that lists a series twice: the first column counts */
            continue;
        window->attached = true;
        lane->memory[i] = window;
    }
    return 0;
}

int windows_attach(const struct judging *j, struct lane *lane)
{
    struct window *window, *next;
    struct window **memory = calloc((size_t)lane->binding->n_views + 1, sizeof(struct window *));
    if (!memory)
        return -ENOMEM;
    free(lane->memory);
    lane->memory = memory;
    int rc = attach_each(j, lane);
    HASH_ITER(hh, lane->windows, window, next)
    {
        if (!window->attached && rc == 0) { /* its series is gone, or its rule */
            HASH_DELETE(hh, lane->windows, window);
            free_window(window);
        } else {
            window->attached = false;
        }
    }
    return rc;
}

struct window *windows_take(const struct judging *j, struct lane *lane)
{
    struct window *taken = TAKE(lane->windows);
    if (taken && windows_attach(j, lane) < 0)
        lane->binding = NULL; /* it is tried again with the next tick */
    return taken;
}

/* The first sample of the window stood for no time; now it does. */
static struct cell nth_of_both(const struct window *early, const struct window *window, unsigned i)
{
    if (i < early->n)
        return *cell_at(early, i);
    struct cell cell = *cell_at(window, i - early->n);
    if (i == early->n && window->condition == CONDITION_FRACTION)
        cell.bad_us = cell.bad_at_us > 0 ? cell.at_us - early->last_us : 0;
    return cell;
}

bool window_join(struct window *window, const struct window *early, int64_t gap_us)
{
    if (window->n == 0 || early->n == 0 || window->condition != early->condition || window->span_us != early->span_us)
        return false;
    int64_t between_us = cell_at(window, 0)->at_us - early->last_us;
    if (between_us <= 0 || between_us > gap_us)
        return false;
    struct window joined = *window;
    joined.first = joined.n = joined.room = 0;
    joined.cells = NULL;
    joined.bad_us = 0;
    joined.ended_us = early->ended_us;
    for (unsigned i = 0; i < early->n + window->n; i++) {
        const struct cell of = nth_of_both(early, window, i);
        struct cell *cell = add_cell(&joined, of.at_us);
        if (!cell)
            return false;
        *cell = of;
        if (window->condition == CONDITION_FRACTION && joined.n > 1)
            joined.bad_us += of.bad_us;
    }
    free(window->cells);
    *window = joined;
    return true;
}

struct window *window_of(const struct lane *lane, uint64_t key)
{
    struct window *window;
    HASH_FIND(hh, lane->windows, &key, sizeof key, window);
    return window;
}
