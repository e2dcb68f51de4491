#include "collector/store/read/match.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

/* NULL: out of memory. */
static struct match *make(struct matches *matches, int64_t table_id, const struct series_table *table)
{
    const struct store_filter *filter = matches->filter;
    struct match *match = arena_alloc(matches->arena, 1, sizeof *match);
    uint32_t *columns = arena_alloc(matches->arena, table->n, sizeof *columns);
    if (!match || !columns)
        return NULL;
    for (uint32_t i = 0; i < table->n; i++)
        if (fnmatch(filter->metric, table->at[i].metric, 0) == 0 &&
            fnmatch(filter->instance, table->at[i].instance, 0) == 0)
            columns[match->n++] = i;
    match->table_id = table_id;
    match->columns = columns;
    return match;
}

int match_table(struct matches *matches, int64_t table_id, const struct series_table *table, const struct match **ret,
                struct err *err)
{
    struct match **link = &matches->first;
    while (*link && (*link)->table_id != table_id)
        link = &(*link)->next;
    struct match *match = *link;
    if (match)
        *link = match->next;
    else
        match = make(matches, table_id, table);
    if (!match)
        return err_set(err, -ENOMEM, "store: too many series tables: ask for fewer hosts");
    match->next = matches->first;
    matches->first = match;
    *ret = match;
    return 0;
}

static bool is_series(const struct match_series *series, const struct series *of)
{
    return strcmp(series->metric, of->metric) == 0 && strcmp(series->instance, of->instance) == 0;
}

static int grow(struct match_list *list)
{
    uint32_t room = list->room ? list->room * 2 : 64;
    struct match_series *at = arena_alloc(list->arena, room, sizeof *at);
    if (!at)
        return -ENOMEM;
    if (list->n)
        memcpy(at, list->at, list->n * sizeof *at);
    list->at = at;
    list->room = room;
    return 0;
}

/* A table mostly goes on where the one before did: the search begins at the number after the last one found. */
static int number_of(struct match_list *list, const struct series *of, uint32_t from, uint32_t *ret)
{
    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t at = (from + i) % list->n;
        if (is_series(&list->at[at], of)) {
            *ret = at;
            return 0;
        }
    }
    if (list->n == list->room && grow(list) < 0)
        return -ENOMEM;
    struct match_series series = { arena_text(list->arena, of->metric, strlen(of->metric)),
                                   arena_text(list->arena, of->instance, strlen(of->instance)),
                                   arena_text(list->arena, of->unit, strlen(of->unit)) };
    if (!series.metric || !series.instance || !series.unit)
        return -ENOMEM;
    *ret = list->n;
    list->at[list->n++] = series;
    return 0;
}

int match_numbers(struct match_list *list, const struct match *match, const struct series_table *table,
                  const uint32_t **ret_numbers)
{
    if (list->of != match) {
        uint32_t *numbers = arena_alloc(list->arena, match->n, sizeof *numbers);
        if (!numbers)
            return -ENOMEM;
        list->of = NULL;
        for (uint32_t i = 0; i < match->n; i++) {
            int rc = number_of(list, &table->at[match->columns[i]], i ? numbers[i - 1] + 1 : 0, &numbers[i]);
            if (rc < 0)
                return rc;
        }
        list->numbers = numbers;
        list->of = match;
    }
    *ret_numbers = list->numbers;
    return 0;
}

void match_forget(struct match_list *list)
{
    *list = (struct match_list){ .arena = list->arena };
}
