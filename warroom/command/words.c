/* Read in two goes, since the verb decides what its options are: first the options that all verbs have, up to the first
 * word; then, behind the verb's words, both kinds in any order. getopt_long() does the reading, its tables are made
 * from ours. */
#include "warroom/command/words.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/scan.h"
#include "warroom/command/human.h"

/* What getopt_long() hands back: one of these, or OPTION_OF_VERB + i. */
enum {
    OPTION_CONFIG = 256,
    OPTION_CONTROL,
    OPTION_FEED,
    OPTION_TENANT,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_CHECK,
    OPTION_OF_VERB
};

static const struct option every_verb[] = {
    { "config", required_argument, NULL, OPTION_CONFIG }, { "control", required_argument, NULL, OPTION_CONTROL },
    { "feed", required_argument, NULL, OPTION_FEED },     { "tenant", required_argument, NULL, OPTION_TENANT },
    { "json", no_argument, NULL, OPTION_JSON },           { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },     { "check-config", no_argument, NULL, OPTION_CHECK },
};
enum { N_EVERY_VERB = sizeof every_verb / sizeof every_verb[0] };

struct reading {
    struct request request;
    struct verb_params params; /* of request.verb, once known */
    const char *tenant;        /* as given; NULL: not */
    int64_t now_us;
};

static int number_json(const struct param *param, const char *text, json_t **ret, struct err *err)
{
    struct scan scan = scan_over(text, strlen(text));
    uint64_t number;
    if (!scan_u64(&scan, &number) || !scan_done(&scan) || number == 0 || number > INT64_MAX)
        return err_set(err, -EINVAL, "%s must be a whole number from 1, not \"%s\"", param->name, text);
    *ret = json_integer((json_int_t)number);
    return 0;
}

static int rate_json(const struct param *param, const char *text, json_t **ret, struct err *err)
{
    double rate;
    int rc = human_rate_parse(text, &rate, err);
    if (rc < 0)
        return err_within(err, rc, "--%s", param->name);
    *ret = rate == floor(rate) ? json_integer((json_int_t)rate) : json_real(rate);
    return 0;
}

static int day_json(const struct param *param, const char *text, json_t **ret, struct err *err)
{
    char instant[MOMENT_TEXT];
    int64_t at_us;
    snprintf(instant, sizeof instant, "%.10sT00:00:00Z", text);
    if (strlen(text) != 10 || moment_parse(instant, strlen(instant), &at_us) < 0)
        return err_set(err, -EINVAL, "--%s must be a day like 2026-11-23, not \"%s\"", param->name, text);
    *ret = json_string(text);
    return 0;
}

static int instant_json(const struct param *param, const char *text, int64_t now_us, json_t **ret, struct err *err)
{
    char instant[MOMENT_TEXT];
    int64_t at_us;
    int rc = human_instant_parse(text, now_us, &at_us, err);
    if (rc < 0)
        return err_within(err, rc, "--%s", param->name);
    *ret = json_string(moment_format(instant, at_us));
    return 0;
}

static int span_json(const struct param *param, const char *text, json_t **ret, struct err *err)
{
    int64_t us;
    if (duration_parse(text, strlen(text), &us) < 0 || us <= 0)
        return err_set(err, -EINVAL, "--%s must be a time like 10s, 5m or 1h, not \"%s\"", param->name, text);
    *ret = us % 1000000 == 0 ? json_integer((json_int_t)(us / 1000000)) : json_real((double)us / 1e6);
    return 0;
}

static int text_json(const struct param *param, const char *text, json_t **ret, struct err *err)
{
    bool may_be_empty = param->kind == PARAM_FIELD || param->kind == PARAM_FIELDS;
    json_t *json = text[0] || may_be_empty ? json_string(text) : NULL;
    if (!json)
        return err_set(err, -EINVAL, "%s must be text in UTF-8 and not empty", param->name);
    *ret = json;
    return 0;
}

static int value_json(const struct param *param, const char *text, int64_t now_us, json_t **ret, struct err *err)
{
    switch (param->kind) {
    case PARAM_TEXT:
    case PARAM_LIST:
    case PARAM_FIELD:
    case PARAM_FIELDS:
        return text_json(param, text, ret, err);
    case PARAM_ID:
        return number_json(param, text, ret, err);
    case PARAM_RATE:
        return rate_json(param, text, ret, err);
    case PARAM_DAY:
        return day_json(param, text, ret, err);
    case PARAM_INSTANT:
        return instant_json(param, text, now_us, ret, err);
    case PARAM_SPAN:
        return span_json(param, text, ret, err);
    case PARAM_FLAG:
        *ret = json_true();
        return 0;
    }
    assert(0);
    return -EINVAL;
}

/* What is a parameter of its own for the help's sake: a glob of metrics goes where one metric does,
 * an instant that has no default where one does that has. */
static const char *arg_of(const struct param *param)
{
    static const struct {
        const char *key, *arg;
    } others[] = { { "metrics", "metric" }, { "having", "labels" }, { "document", "file" },  { "notice_kind", "kind" },
                   { "starts", "from" },    { "ends", "to" },       { "rule_file", "file" }, { "named", "hosts" },
                   { "colleague", "to" },   { "words", "text" } };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(param->key, others[i].key) == 0)
            return others[i].arg;
    return param->key;
}

static bool is_given(const struct reading *reading, const struct param *param)
{
    return json_object_get(reading->request.args, arg_of(param)) != NULL;
}

/* What was given before stands in front. */
static int join_lists(const json_t *before, json_t **value, struct err *err)
{
    json_t *joined = json_sprintf("%s,%s", json_string_value(before), json_string_value(*value));
    if (!joined)
        return err_set(err, -ENOMEM, "out of memory");
    json_decref(*value);
    *value = joined;
    return 0;
}

static int take_param(struct reading *reading, const struct param *param, const char *text, struct err *err)
{
    json_t *value = NULL;
    int rc = value_json(param, text, reading->now_us, &value, err);
    bool is_list = param->kind == PARAM_LIST || param->kind == PARAM_FIELDS;
    if (rc == 0 && is_list && is_given(reading, param))
        rc = join_lists(json_object_get(reading->request.args, arg_of(param)), &value, err);
    if (rc < 0) {
        json_decref(value);
        return rc;
    }
    if (json_object_set_new(reading->request.args, arg_of(param), value) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

/* 1: it was one of those that all verbs have. */
static int take_global(struct reading *reading, int option, const char *value)
{
    struct request *request = &reading->request;
    switch (option) {
    case OPTION_CONFIG:
        request->config = value;
        return 1;
    case OPTION_CONTROL:
        request->control = value;
        return 1;
    case OPTION_FEED:
        request->feed = value;
        return 1;
    case OPTION_TENANT:
        reading->tenant = value;
        return 1;
    case OPTION_JSON:
        request->json = true;
        return 1;
    case OPTION_HELP:
    case 'h':
        request->help = true;
        return 1;
    case OPTION_VERSION:
        request->version = true;
        return 1;
    case OPTION_CHECK:
        request->check_config = true;
        return 1;
    default:
        return 0;
    }
}

static size_t make_options(const struct verb_params *params, struct option *options)
{
    size_t n = N_EVERY_VERB;
    memcpy(options, every_verb, sizeof every_verb);
    for (size_t i = 0; i < params->n_options; i++) {
        const struct param *param = params->options[i];
        if (strcmp(param->key, "tenant") != 0) /* every verb has it already */
            options[n++] = (struct option){ param->name, param->value ? required_argument : no_argument, NULL,
                                            OPTION_OF_VERB + (int)i };
    }
    options[n] = (struct option){ 0 };
    return n;
}

/* What a letter is short for; NULL: this verb has no such option. */
static const struct param *short_for(const struct verb_params *params, int letter)
{
    const char *name = letter == 'o' ? "output" : "file";
    for (size_t i = 0; i < params->n_options; i++)
        if (strcmp(params->options[i]->name, name) == 0)
            return params->options[i];
    return NULL;
}

/* `how` begins getopt's short options: "+:" stops at the first word, ":" puts words behind options. */
static int read_options(struct reading *reading, const char *how, int argc, char *argv[], struct err *err)
{
    struct option options[N_EVERY_VERB + VERB_OPTIONS_MAX + 1];
    make_options(&reading->params, options);
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, how, options, NULL)) != -1;) {
        if (option == ':')
            return err_set(err, -EINVAL, "%s wants a value", argv[optind - 1]);
        if (option == '?')
            return err_set(err, -EINVAL, "there is no option %s here", argv[optind - 1]);
        if (take_global(reading, option, optarg))
            continue;
        const struct param *param = option < OPTION_OF_VERB ? short_for(&reading->params, option)
                                                            : reading->params.options[option - OPTION_OF_VERB];
        if (!param)
            return err_set(err, -EINVAL, "there is no option -%c here", option);
        if (strcmp(param->key, "follow") == 0) { /* ours, not the collector's */
            reading->request.follow = true;
            continue;
        }
        int rc = take_param(reading, param, optarg, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Whoever types only "query" may look for "query latest". */
static int hole_missing(const struct reading *reading, const struct param *hole, struct err *err)
{
    char word[64], others[160];
    bool group = verb_group(verb_words(word, sizeof word, reading->request.verb), others, sizeof others);
    return err_set(err, -EINVAL, "<%s> is missing: %s%s%s", hole->key, hole->help, group ? "; there are also: " : "",
                   group ? others : "");
}

static int take_holes(struct reading *reading, int n, char *words[], struct err *err)
{
    const struct verb_params *params = &reading->params;
    if (n > (int)params->n_holes)
        return err_set(err, -EINVAL, "\"%s\" is one word too many", words[params->n_holes]);
    if (n < (int)params->n_needed)
        return hole_missing(reading, params->holes[n], err);
    for (int i = 0; i < n; i++) {
        int rc = take_param(reading, params->holes[i], words[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What shows nothing writes text of its own. */
static int take_json(const struct reading *reading, struct err *err)
{
    const struct request *request = &reading->request;
    return request->json && !request->verb->show ? err_set(err, -EINVAL, "--json: its formats are csv and openmetrics")
                                                 : 0;
}

static int take_tenant(struct reading *reading, struct err *err)
{
    const struct verb_params *params = &reading->params;
    if (!reading->tenant)
        return 0;
    for (size_t i = 0; i < params->n_options; i++)
        if (strcmp(params->options[i]->key, "tenant") == 0)
            return take_param(reading, params->options[i], reading->tenant, err);
    /* Not left unheeded: whoever limits a command to a tenant relies on it. */
    return err_set(err, -EINVAL, "this verb takes no --tenant");
}

static int take_rest(struct reading *reading, struct err *err)
{
    const struct verb_params *params = &reading->params;
    for (size_t i = 0; i < params->n_options; i++) {
        const struct param *param = params->options[i];
        if (is_given(reading, param) || (params->instead[i] && is_given(reading, params->instead[i])))
            continue;
        if (params->required[i])
            return err_set(err, -EINVAL, "--%s %s is missing: %s", param->name, param->value, param->help);
        const char *fallback = params->fallback[i];
        int rc = fallback ? take_param(reading, param, fallback, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_verb(struct reading *reading, int argc, char *argv[], struct err *err)
{
    char words[64];
    int rc = read_options(reading, ":ho:f:", argc, argv, err);
    if (rc == 0 && !reading->request.help && !reading->request.version) {
        rc = take_json(reading, err);
        if (rc == 0)
            rc = take_holes(reading, argc - optind, argv + optind, err);
        if (rc == 0)
            rc = take_tenant(reading, err);
        if (rc == 0)
            rc = take_rest(reading, err);
    }
    return rc < 0 ? err_within(err, rc, "%s", verb_words(words, sizeof words, reading->request.verb)) : 0;
}

static int no_such_verb(char *words[], size_t n, struct err *err)
{
    char others[200]; /* the longest group's */
    const char *second = n > 1 ? words[1] : "";
    const char *gap = n > 1 ? " " : "";
    if (n > 1 && verb_closest(words, n, others, sizeof others))
        return err_set(err, -EINVAL, "there is no verb \"%s%s%s\"; do you mean \"%s\"?", words[0], gap, second, others);
    if (verb_group(words[0], others, sizeof others))
        return err_set(err, -EINVAL, "there is no verb \"%s%s%s\"; there are: %s", words[0], gap, second, others);
    if (verb_closest(words, n, others, sizeof others))
        return err_set(err, -EINVAL, "there is no verb \"%s\"; do you mean \"%s\"?", words[0], others);
    return err_set(err, -EINVAL, "there is no verb \"%s\"; warroom --help lists them", words[0]);
}

/* "event --help" is about the verbs that begin so. */
static int read_group(struct reading *reading, int n, char *words[], struct err *err)
{
    for (int i = 1; i < n; i++)
        reading->request.help |= strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0;
    if (!reading->request.help || !verb_in_group(NULL, words[0]))
        return no_such_verb(words, (size_t)n, err);
    reading->request.group = words[0];
    return 0;
}

static int read_all(struct reading *reading, int argc, char *argv[], struct err *err)
{
    int rc = read_options(reading, "+:h", argc, argv, err);
    if (rc < 0)
        return rc;
    int first = optind;
    const struct request *request = &reading->request;
    if (first == argc)
        return request->help || request->version || request->check_config
                   ? 0
                   : err_set(err, -EINVAL, "a verb is missing; warroom --help lists them");
    size_t used;
    reading->request.verb = verb_match(argv + first, (size_t)(argc - first), &used);
    if (!reading->request.verb)
        return read_group(reading, argc - first, argv + first, err);
    verb_params(reading->request.verb, &reading->params);
    int last = first + (int)used - 1; /* getopt takes its first word for the program's name */
    return read_verb(reading, argc - last, argv + last, err);
}

int words_parse(struct request *ret, int argc, char *argv[], int64_t now_us, struct err *err)
{
    assert(ret && argc > 0);
    AUTO(request_done) struct request undo = { .args = json_object() };
    struct reading reading = { .request = undo, .now_us = now_us };
    if (!undo.args)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = read_all(&reading, argc, argv, err);
    if (rc < 0) {
        ret->verb = reading.request.verb;
        return rc;
    }
    undo.args = NULL;
    *ret = reading.request;
    return 0;
}

void request_done(struct request *request)
{
    json_decref(request->args);
    request->args = NULL;
}
