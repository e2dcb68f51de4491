/* warroom/trial/trial.h - rules over a file of history, here and now: no collector is asked, nothing is stored.
 *
 * Shape    the file's ticks are packed as an import packs them and judged by the collector's own watch, so that it says
 *          of them what `rule test` says of a host into which they were imported. This room alone looks at rooms of
 *          another program, pure ones: rules judged by a second writing of them would be other rules
 * Memory   bounded, however long the file is
 */
#pragma once
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "warroom/carry/source.h"

struct trial_ask {        /* borrowed */
    const char *rules;    /* path of the rule file */
    const char *state;    /* of events; NULL: of none */
    const char *group;    /* whose overlays of the rule file count; NULL: of none */
    const json_t *limits; /* declared ones by their names, among other keys */
    int64_t from_us;      /* [from, to) */
    int64_t to_us;
};

/* On 0 *ret_data is as the answer to `rule test` is (docs/control.md), without a host; it is the caller's. -EINVAL: the
 * rule file or the state is none; -EBADMSG: the data are not of the format. */
int trial_run(const struct trial_ask *ask, FILE *data, enum source_format format, int64_t now_us, json_t **ret_data,
              struct err *err);
