/* collector/watch/rules.h - the rule file: YAML to struct rule.
 *
 * Shape    a table for base/config; share/rules/default.yaml is the shipped file and the reference for its form
 * Errors   every fault with file:line: unknown metric, clear on the wrong side, doubled name, unknown state or limit
 * Threads  reads a file, otherwise pure
 */
#pragma once
#include "base/config.h"
#include "collector/watch/watch.h"

/* On 0 `ret` holds *ret_n rules (room for RULES_MAX). -EINVAL: `faults` says why. */
int rules_read(const char *path, struct rule *ret, size_t *ret_n, struct config_faults *faults);
int rules_parse(const char *name, const char *text, size_t len, struct rule *ret, size_t *ret_n,
                struct config_faults *faults);
