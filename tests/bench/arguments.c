#include "tests/bench/arguments.h"

#include <inttypes.h>
#include <string.h>

#include "base/scan.h"

void arguments_parse(const struct argp_option *rows, argp_parser_t parser, const char *doc, int argc, char **argv,
                     void *options)
{
    const struct argp argp = { .options = rows, .parser = parser, .doc = doc };
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, options);
}

uint64_t arguments_number(const char *arg, uint64_t least, uint64_t most, struct argp_state *state)
{
    uint64_t number = 0;
    struct scan scan = scan_over(arg, strlen(arg));
    if (!scan_u64(&scan, &number) || !scan_done(&scan) || number < least || number > most)
        argp_error(state, "%s: want a whole number from %" PRIu64 " to %" PRIu64, arg, least, most);
    return number;
}

error_t arguments_other(int key, const char *arg, struct argp_state *state, bool whole, const char *needed)
{
    switch (key) {
    case ARGP_KEY_ARG:
        argp_error(state, "takes no arguments, but %s was given", arg);
        return 0;
    case ARGP_KEY_END:
        if (!whole)
            argp_error(state, "%s are needed", needed);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
