/* collector/store/read/match.h - which columns of a series table a question is about, worked out once a table:
 * hosts share tables, and a table comes again with each row. */
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "collector/store/ask.h"

struct match { /* of one table */
    int64_t table_id;
    uint32_t n;
    const uint32_t *columns; /* rising */
    struct match *next;
};

struct matches {         /* zeroed but for the first two */
    struct arena *arena; /* borrowed */
    const struct store_filter *filter;
    struct match *first; /* the one asked for last is the first */
};

/* -ENOMEM. Borrowed from the arena. */
int match_table(struct matches *matches, int64_t table_id, const struct series_table *table, const struct match **ret,
                struct err *err);

/* The series of one host, by whatever tables, numbered as they are met. */
struct match_series {
    const char *metric, *instance, *unit;
};

struct match_list {      /* zeroed but for the first */
    struct arena *arena; /* borrowed: texts lie here */
    uint32_t n;
    uint32_t room;
    struct match_series *at;
    const struct match *of; /* `numbers` are of its columns */
    uint32_t *numbers;
};

/* *ret_numbers[i] is the number of the series in column match->columns[i]; borrowed until the next call. -ENOMEM. */
int match_numbers(struct match_list *list, const struct match *match, const struct series_table *table,
                  const uint32_t **ret_numbers);
/* Forgets the host. */
void match_forget(struct match_list *list);
