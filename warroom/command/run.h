/* warroom/command/run.h - verbs that take more than one question and answer, or read and write files. */
#pragma once
#include <jansson.h>

#include "base/err.h"

struct console;

/* `control` is the collector's socket, `args` as typed, by the keys of verb.c's parameters. *ret_data: what is shown in
 * the end, NULL for nothing. -EINVAL: it was not understood; others: it failed. */
typedef int run_fn(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
                   struct err *err);

run_fn run_import;
run_fn run_export;
run_fn run_backup;
run_fn run_ledger_export;
run_fn run_ledger_verify;
run_fn run_rehearse;
run_fn run_rule_test;

/* The one of a verb, by what the collector calls it. NULL: it is asked once, and its show function shows the answer. */
run_fn *run_find(const char *control);
