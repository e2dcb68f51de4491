/* warroom/command/verb.h - what can be typed: a table of verbs over a table of parameters.
 *
 * Shape    a verb is a row: the phrase with holes in angle brackets, the options it takes, what the collector is asked,
 *          how the answer is shown. Holes and options name parameters, which know their type; so a new verb is a row,
 *          its help and its checks come by themselves
 * Source   docs/control.md for `control` and for the keys of parameters
 * Threads  constant data
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "warroom/command/show.h"

enum param_kind {
    PARAM_TEXT,    /* not empty */
    PARAM_LIST,    /* the same, as often as wanted: joined by commas */
    PARAM_FIELD,   /* of a document; empty takes away what it said */
    PARAM_FIELDS,  /* likewise, as often as wanted */
    PARAM_ID,      /* a whole number from 1 */
    PARAM_RATE,    /* human_rate_parse(): By/s */
    PARAM_DAY,     /* 2026-11-23 */
    PARAM_INSTANT, /* human_instant_parse() */
    PARAM_SPAN,    /* duration_parse(), as seconds */
    PARAM_FLAG,    /* stands alone */
};

struct param {
    const char *key;   /* in the request's args */
    const char *name;  /* as it is typed: --NAME */
    const char *value; /* how its value is called in the help; NULL for a flag */
    enum param_kind kind;
    const char *fallback; /* when the option is not given; NULL: left out */
    const char *help;     /* behind it stands the fallback */
};

struct verb {
    const char *phrase;  /* "incident ack <incident>": literal words, then keys of parameters; [...] may be left out */
    const char *options; /* keys, separated by blanks; one that must be given ends in '!', one without fallback in '?';
                    "a|b": only one of both, and with b a has no fallback */
    const char *control; /* the verb of the request */
    show_fn *show;
    const char *help; /* one line */
};

enum { VERB_HOLES_MAX = 2, VERB_OPTIONS_MAX = 20 };

struct verb_params { /* a verb's row, taken apart */
    size_t n_holes, n_options;
    size_t n_needed; /* of the holes: the others may be left out */
    const struct param *holes[VERB_HOLES_MAX];
    const struct param *options[VERB_OPTIONS_MAX];
    bool required[VERB_OPTIONS_MAX];
    const char *fallback[VERB_OPTIONS_MAX];        /* for this verb */
    const struct param *instead[VERB_OPTIONS_MAX]; /* given, there is no fallback; NULL: none */
};

/* NULL past the last. */
const struct verb *verb_at(size_t i);

/* The verb that `words` begin with; *ret_used: how many of them are its literal words. NULL: none. */
const struct verb *verb_match(char *const words[], size_t n, size_t *ret_used);

/* The literal words of what was probably meant by `words`. False: no idea. */
bool verb_closest(char *const words[], size_t n, char *ret, size_t size);

/* Whether the verb begins with `word`; NULL: whether any does. */
bool verb_in_group(const struct verb *verb, const char *word);

/* The verbs that begin with `word`: "host enroll, host set". False: none does. */
bool verb_group(const char *word, char *ret, size_t size);

void verb_params(const struct verb *verb, struct verb_params *ret);

/* The verb's literal words, "incident ack". Returns `text`. */
char *verb_words(char *text, size_t size, const struct verb *verb);
