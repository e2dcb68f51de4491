/* base/config.h - YAML files read by tables: a field is a row, every fault is told with its line.
 *
 * Shape    a table of fields describes one mapping and fills one C struct; a list of mappings has a table of its own
 * Faults   wrong type, unknown or doubled key, impossible or missing value: all of them are collected, not only the
 *          first, each as "file:line: what is wrong, what is allowed"; the struct is whole or untouched. They are
 *          added to what `faults` holds, so that several files can share one; it starts as { 0 }.
 * Limits   files of 1 MiB, lists of `most` items, tables of 64 fields, nesting as deep as the tables; anchors, aliases,
 *          tags and further documents are refused
 * Owner    texts and items live in the caller's arena; the struct is the caller's
 * Secrets  a field `x` of kind CONFIG_SECRET may also be given as `x_file`: a path (its last newline is cut), not both.
 *          A relative path counts from the folder of the file that names it. Faults never show a secret.
 * Threads  pure but for reading the named files
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

enum config_kind {
    CONFIG_TEXT,     /* const char *; `least`..`most` bytes when most > 0 */
    CONFIG_SECRET,   /* const char *; see above */
    CONFIG_INT,      /* int64_t within least..most; no leading zeros */
    CONFIG_REAL,     /* double within least..most */
    CONFIG_BOOL,     /* bool: true or false */
    CONFIG_DURATION, /* int64_t microseconds within least..most: "90s" */
    CONFIG_CHOICE,   /* int: index into `choices` */
    CONFIG_FLAGS,    /* unsigned: a list of `choices`, bit i for choice i */
    CONFIG_TEXTS,    /* struct config_texts: a list of texts, `least`..`most` items */
    CONFIG_LIST,     /* struct config_list: a list of mappings, `least`..`most` items */
    CONFIG_MAPPING,  /* a struct, whose fields are `items` */
    CONFIG_GONE,     /* nothing: a key of earlier versions. `help` says what it is now, "`key` <help>" */
};

struct config_texts {
    size_t n;
    const char **at;
};

struct config_list {
    size_t n;
    void *at; /* n structs of item_size bytes */
};

struct config_field {
    const char *key; /* NULL ends the table */
    enum config_kind kind;
    size_t at;                        /* offsetof the value in the struct */
    bool required;                    /* otherwise what the struct held before stays: the default */
    double least, most;               /* inclusive; both 0: any */
    bool one_will_do;                 /* CONFIG_TEXTS: a text alone stands for a list of it */
    const char *const *choices;       /* CONFIG_CHOICE, CONFIG_FLAGS: NULL-terminated */
    const struct config_field *items; /* CONFIG_LIST, CONFIG_MAPPING */
    size_t item_size;
    const void *item_defaults; /* CONFIG_LIST: an item before its keys are read; NULL for zeros */
    size_t line_at;            /* 1 + offsetof an `int` for its line, for faults found later; 0: none. CONFIG_LIST: in
                                * the item, the item's line; else in the struct, the key's */
    const char *help;          /* what is allowed, for the fault's text; may be NULL */
};

enum { CONFIG_FAULTS_MAX = 20, CONFIG_FILE_MAX = 1 << 20 };

struct config_faults {
    size_t n;       /* may exceed CONFIG_FAULTS_MAX: then only the first were kept */
    size_t n_files; /* the part of n that is "cannot read the file", an x_file too */
    struct err at[CONFIG_FAULTS_MAX];
};

/* Reads `path` into `ret` (in: defaults, out: values). -EINVAL: `faults` says why, *ret is untouched. */
int config_read(const char *path, const struct config_field *fields, void *ret, size_t ret_size, struct arena *arena,
                struct config_faults *faults);

/* The same for text in memory; `name` stands for the file in faults. Pure but for x_file fields: the fuzz target. */
int config_parse(const char *name, const char *text, size_t len, const struct config_field *fields, void *ret,
                 size_t ret_size, struct arena *arena, struct config_faults *faults);

/* Adds a fault a caller found by looking at several values together. `line` 0: the file as a whole. Returns -EINVAL. */
int config_fault(struct config_faults *faults, const char *name, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How many of them `at` holds. */
size_t config_faults_kept(const struct config_faults *faults);

/* One line each and, when some were not kept, how many. */
void config_faults_print(const struct config_faults *faults, FILE *out);
