#include "warroom/command/help.h"

enum { VERB_COLUMNS = 28, OPTION_COLUMNS = 24 };

static const char every_verb[] = "  --config FILE           settings (/etc/warroom/console.yaml)\n"
                                 "  --control PATH          the collector's socket (/run/warroom/control.sock)\n"
                                 "  --feed PATH             the collector's feed (feed.sock beside it)\n"
                                 "  --tenant NAME           only this customer, for verbs that take it\n"
                                 "  --json                  the collector's data as JSON (docs/control.md)\n"
                                 "  --check-config          check the settings and leave\n"
                                 "  --help, -h              this, or with a verb that verb's\n"
                                 "  --version\n";

/* `word`: NULL for all of them. */
static void put_verbs(FILE *out, const char *word)
{
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        if (!word || verb_in_group(verb, word))
            fprintf(out, "  %-*s  %s\n", VERB_COLUMNS, verb->phrase, verb->help);
}

void help_group(FILE *out, const char *word)
{
    fprintf(out, "Usage: warroom %s VERB [OPTION...]\n\nVerbs:\n", word);
    put_verbs(out, word);
    fprintf(out, "\nwarroom %s VERB --help says more.\n", word);
}

void help_all(FILE *out)
{
    fputs("Usage: warroom VERB [OPTION...]\n\nThe experts' console of a warroom-collector.\n\nVerbs:\n", out);
    put_verbs(out, NULL);
    fprintf(out,
            "\nOptions of all verbs:\n%s\nwarroom VERB --help says more. Exit: 0 done, 1 failed, 2 not understood.\n",
            every_verb);
}

static void put_option(FILE *out, const struct param *param, const char *fallback)
{
    char text[64];
    snprintf(text, sizeof text, "--%s%s%s", param->name, param->value ? " " : "", param->value ? param->value : "");
    fprintf(out, "  %-*s%s", OPTION_COLUMNS, text, param->help);
    if (fallback)
        fprintf(out, " (%s)", fallback);
    fputc('\n', out);
}

static void put_usage(FILE *out, const struct verb *verb, const struct verb_params *params)
{
    fprintf(out, "Usage: warroom %s", verb->phrase);
    for (size_t i = 0; i < params->n_options; i++) {
        const struct param *param = params->options[i];
        if (params->required[i])
            fprintf(out, " --%s %s", param->name, param->value);
    }
    fprintf(out, "%s\n\n%s.\n", params->n_options ? " [OPTION...]" : "", verb->help);
}

void help_verb(FILE *out, const struct verb *verb)
{
    struct verb_params params;
    verb_params(verb, &params);
    put_usage(out, verb, &params);
    if (params.n_holes)
        fputc('\n', out);
    for (size_t i = 0; i < params.n_holes; i++) {
        char text[64];
        snprintf(text, sizeof text, i < params.n_needed ? "<%s>" : "[%s]", params.holes[i]->key);
        fprintf(out, "  %-*s%s\n", OPTION_COLUMNS, text, params.holes[i]->help);
    }
    if (params.n_options)
        fputs("\nOptions:\n", out);
    for (size_t i = 0; i < params.n_options; i++)
        put_option(out, params.options[i], params.fallback[i]);
    fprintf(out, "\nOptions of all verbs:\n%s", every_verb);
}
