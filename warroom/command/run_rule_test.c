/* Rules over what is stored of a host, which the collector judges; or over a file, which is judged here. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "warroom/command/attach.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/run.h"
#include "warroom/trial/trial.h"

/* Of the file alone: a host's are its own. */
static const char *const of_data[] = { "format",          "group",     "egress",     "ingress", "connections",
                                       "new_connections", "disk_read", "disk_write", NULL };
/* Of a host alone. */
static const char *const of_host[] = { "host", "event", "tenant", NULL };

static const char *given_among(const json_t *args, const char *const keys[])
{
    for (; *keys; keys++)
        if (json_object_get(args, *keys))
            return *keys;
    return NULL;
}

static int format_of(const json_t *args, enum source_format *ret, struct err *err)
{
    *ret = field_is(args, "format", "openmetrics") ? SOURCE_OPENMETRICS : SOURCE_CSV;
    if (*ret == SOURCE_OPENMETRICS || !json_object_get(args, "format") || field_is(args, "format", "csv"))
        return 0;
    return err_set(err, -EINVAL, "rule test: --format must be csv or openmetrics, not \"%s\"",
                   field_text(args, "format"));
}

/* As typed, in the form that words.c has given it. */
static void instant_of(const json_t *args, const char *key, int64_t *ret_us)
{
    const char *text = json_string_value(json_object_get(args, key));
    if (text)
        moment_parse(text, strlen(text), ret_us);
}

static int test_data(const struct console *console, const json_t *args, json_t **ret_data, struct err *err)
{
    const char *name = field_text(args, "data");
    bool standard = strcmp(name, "-") == 0;
    enum source_format format;
    struct trial_ask ask = { .rules = json_string_value(json_object_get(args, "file")),
                             .state = json_string_value(json_object_get(args, "state")),
                             .group = json_string_value(json_object_get(args, "group")),
                             .limits = args,
                             .from_us = 0,
                             .to_us = INT64_MAX };
    const char *wrong = given_among(args, of_host);
    if (wrong)
        return err_set(err, -EINVAL, "rule test: --data is of no host: leave %s out, say --group and limits", wrong);
    if (!ask.rules || strcmp(ask.rules, "-") == 0)
        return err_set(err, -EINVAL, "rule test: --data wants a rule file, too: -f FILE");
    int rc = format_of(args, &format, err);
    if (rc < 0)
        return rc;
    instant_of(args, "from", &ask.from_us);
    instant_of(args, "to", &ask.to_us);
    AUTO(auto_fclose) FILE *opened = standard ? NULL : fopen(name, "re");
    if (!standard && !opened)
        return err_sys(err, -errno, "cannot read %s", name);
    rc = trial_run(&ask, standard ? console->in : opened, format, clock_wall_us(&console->clock), ret_data, err);
    if (rc < 0)
        return rc == -EBADMSG ? err_within(err, rc, "%s", name) : rc;
    return json_object_set_new(*ret_data, "data", json_string(name)) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int run_rule_test(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
                  struct err *err)
{
    if (json_object_get(args, "data"))
        return test_data(console, args, ret_data, err);
    const char *wrong = given_among(args, of_data);
    if (wrong)
        return err_set(err, -EINVAL, "rule test: %s goes with --data: a host has its own", wrong);
    if (!json_object_get(args, "host"))
        return err_set(err, -EINVAL, "rule test: whose ticks? a host, or --data FILE with -f RULES");
    int rc = attach_file((json_t *)args, err);
    return rc < 0 ? rc : exchange(&console->line, control, "rule test", args, ret_data, err);
}
