/* tests/bench/arguments.h - what a program of the benchmarks is told on its command line: options only, of which some
 * are needed. Whatever is wrong there is said on stderr and ends the process by exit code 2. */
#pragma once
#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/* `parser` has a case for each of `rows`, up to the one of zeros; the rest it hands to arguments_other(). */
void arguments_parse(const struct argp_option *rows, argp_parser_t parser, const char *doc, int argc, char **argv,
                     void *options);
uint64_t arguments_number(const char *arg, uint64_t least, uint64_t most, struct argp_state *state);
/* `whole`: what the program cannot do without is there, and `needed` says what that is. */
error_t arguments_other(int key, const char *arg, struct argp_state *state, bool whole, const char *needed);
