/* collector/watch/words.h - a rule in words, for people.
 *
 * Shape    "above 85 %, ends at 75 %"; what it is about, and how long it must be so, stand elsewhere. With a host's
 *          declared limits a share of one becomes a quantity: "above 100 MB/s (80 % of the declared egress)"
 * Threads  pure functions
 */
#pragma once
#include "collector/watch/watch.h"

enum { RULE_WORDS = 384 };

/* `limits` of a host; NULL: no host is meant. Returns `text`. */
char *rule_words(char text[RULE_WORDS], const struct rule *rule, const double limits[LIMIT_COUNT]);

/* "window", "normal", "always", or the states' names. Returns `text`. */
char *rule_in_force_words(char text[RULE_WORDS], const struct rule *rule);

/* Of its threshold: "By/s" of a rate of "By", "1" of a ratio of two alike. Returns `unit`. */
char *rule_unit_text(char unit[ALERT_UNIT_MAX + 1], const struct rule *rule);

/* What a value of the rule is worth on a host: its limit there; 1 without one; NaN: not declared. */
double rule_scale(const struct rule *rule, const double limits[LIMIT_COUNT]);
