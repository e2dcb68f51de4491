/* collector/event/rota.h - an on-call rota: who of its members is on duty at an instant.
 *
 * Turns    of one length, each the next member's, counted on the zone's own clock from `first_s` on: a hand-over at
 *          08:00 is at 08:00 in winter and in summer, so a turn over a change of the clock is shorter or longer by it.
 *          A hand-over that the clock leaves out is at the change, one that it shows twice at the first of both; a
 *          turn that lies wholly within what is left out is nobody's
 * No gaps  the order also runs backwards before its first turn: whoever asks finds exactly one member on duty, always
 * Override another contact is on duty for a while, by a person and with a reason. Of several the newest counts
 * Owner    texts and lists are borrowed: a rota is a view
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

enum { ROTA_NAME_MAX = 63, ROTA_MEMBERS_MAX = 32, ROTA_BY_MAX = 63, ROTA_REASON_MAX = 255 };
#define ROTA_TURN_LEAST_US    (INT64_C(3600) * US_PER_S)
#define ROTA_TURN_MOST_US     (INT64_C(31) * 86400 * US_PER_S)
#define ROTA_OVERRIDE_MOST_US (INT64_C(31) * 86400 * US_PER_S)
#define ROTA_AHEAD_MOST_US    (INT64_C(400) * 86400 * US_PER_S) /* an override begins within that */

struct rota {
    const char *name;
    const char *zone;
    const char *const *members;
    size_t n_members; /* 1..ROTA_MEMBERS_MAX */
    int64_t first_s;  /* on the zone's clock: the first member's first turn begins */
    int64_t turn_us;  /* whole seconds */
};

struct rota_override { /* a row */
    uint64_t id;       /* from 1; a higher one is newer */
    char rota[ROTA_NAME_MAX + 1];
    char contact[ROTA_NAME_MAX + 1];
    int64_t from_us, to_us;
    char by[ROTA_BY_MAX + 1];
    char reason[ROTA_REASON_MAX + 1];
    int64_t made_us;
};

struct rota_duty {
    const char *contact;                  /* borrowed from the rota or the override */
    int64_t from_us, to_us;               /* its part around the instant asked for: never empty */
    const struct rota_override *override; /* by which; NULL: it is its turn */
};

/* `at`: "08:00". Where it begins, on the zone's clock. -EINVAL: not a day, not a time of day. */
int rota_first(const char *day, const char *at, int64_t *ret_s, struct err *err);

/* Who is on duty. Overrides of other rotas are passed over. Asking again at ret->to_us leads to the next. -EINVAL: no
 * such zone. */
int rota_duty(const struct rota *rota, const struct rota_override *const *overrides, size_t n, int64_t at_us,
              struct rota_duty *ret, struct err *err);

struct rota_wish { /* borrowed; NULL: not given */
    const char *rota, *contact, *by, *reason;
    int64_t from_us, to_us;
};
/* Checks and copies; id 0. -EINVAL: the text says what is wrong with it. */
int rota_override_init(struct rota_override *ret, const struct rota_wish *wish, int64_t now_us, struct err *err);
