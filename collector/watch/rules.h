/* collector/watch/rules.h - rule files: YAML to struct rule.
 *
 * Shape    a table for base/config; docs/rules.md describes it, share/rules/ has the shipped files. Several count as
 *          one: what a rule depends on, and what overlays lie over, may stand in any of them
 * Errors   every fault with file:line: a metric the catalogue does not know, clear on the wrong side, a name that
 *          another rule has, be it of another file, an unknown state or limit, a share or ratio beyond 1, a hold that
 *          leaves a page too little of its budget, keys of two conditions, a dependency that is no rule or leads back
 *          to itself, an overlay of overlay_check()'s
 * Threads  reads files, otherwise pure
 */
#pragma once
#include "base/config.h"
#include "collector/watch/watch.h"

#define RULE_HOLD_MAX_US      (3600 * US_PER_S)
#define RULE_PAGE_HOLD_MAX_US (300 * US_PER_S) /* of a rule that pages: half of its ten minutes */

#define RULE_SPAN_MIN_US      US_PER_S
#define RULE_SPAN_MAX_US      (3600 * US_PER_S)
#define RULE_PAST_MIN_US      (300 * US_PER_S) /* of a forecast: 30 samples of a calm host */
#define RULE_AHEAD_MIN_US     (60 * US_PER_S)
#define RULE_AHEAD_MAX_US     (86400 * US_PER_S)
#define RULE_AHEAD_TIMES      24 /* as far ahead as `over` looks back: beyond that a line says little */

enum { RULE_FILES_MAX = 16 };
struct overlays; /* overlay.h */

/* On 0 `ret` holds *ret_n rules (room for RULES_MAX) of all files, in their order, and *ret_overlays, unless NULL, what
 * the files lay over them. -EINVAL: `faults` says why, nothing else is touched. */
int rules_read(const struct config_texts *paths, struct rule *ret, size_t *ret_n, struct overlays *ret_overlays,
               struct config_faults *faults);
/* The same for one text in memory; `name` stands for the file in faults. */
int rules_parse(const char *name, const char *text, size_t len, struct rule *ret, size_t *ret_n,
                struct overlays *ret_overlays, struct config_faults *faults);
