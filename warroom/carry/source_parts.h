/* warroom/carry/source_parts.h - what the two kinds of source share with source.c. */
#pragma once
#include "base/arena.h"
#include "warroom/carry/lines.h"
#include "warroom/carry/source.h"

enum { SOURCE_ARENA_BYTES = 64 << 20 };

struct source { /* the first member of each kind */
    /* Times in any order; failures without the line, which is lines.number's unless `line` of *ret says another. */
    int (*next)(struct source *source, struct tick *ret, struct err *err);
    void (*free)(struct source *source);
    struct lines lines;
    struct arena arena;
    uint32_t n;
    struct series *series; /* in the arena */
    struct table_hash identity;
    int64_t now_us;
    int64_t last_us; /* of the tick before; 0: none */
};

/* Each reads what tells the series and sets *ret; what it made it frees itself when it fails. */
int csv_source_open(struct source **ret, FILE *file, struct err *err);
int openmetrics_source_open(struct source **ret, FILE *file, int64_t now_us, struct err *err);

int source_check_time(int64_t at_us, int64_t now_us, struct err *err);

/* Puts the line before the text of a failure, if it is of one: `line` 0 is none. Returns `rc`. */
int source_failed(uint64_t line, int rc, struct err *err);

/* Takes note of the decimals a number needs. */
void source_note(struct series *series, const struct number *number);
