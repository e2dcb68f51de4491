/* warroom/command/words.h - what was typed, checked against the table of verbs, as a request. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "warroom/command/verb.h"

struct request {
    const struct verb *verb; /* NULL: help, version or check_config asks for none */
    const char *group;       /* of verbs, whose help is wanted, borrowed from argv; NULL: none */
    json_t *args;            /* owned */
    bool help;
    bool version;
    bool check_config;
    bool json;
    bool follow;
    const char *config; /* as given, borrowed from argv; NULL: not given. So the next two. */
    const char *control;
    const char *feed;
};

/* Options may stand anywhere behind the verb, those that all verbs have before it too. `now_us` is for instants like
 * -1h. argv is put into another order.
 * -EINVAL: the text says what is wrong and where the help is; *ret is untouched, but has the verb if that was
 * understood. */
int words_parse(struct request *ret, int argc, char *argv[], int64_t now_us, struct err *err);

void request_done(struct request *request);
