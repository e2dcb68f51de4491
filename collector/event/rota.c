/* Turn k begins at the first instant at which the zone's clock shows first_s + k * turn or more. The clock may have
 * gone back since it showed that, so what it shows now only says at which turn to begin to look. */
#include "collector/event/rota.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "collector/event/calendar.h"

enum { S_PER_DAY = 86400 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

int rota_first(const char *day, const char *at, int64_t *ret_s, struct err *err)
{
    int64_t number = 0;
    int rc = calendar_number(day, &number, err);
    if (rc < 0)
        return rc;
    bool shaped = strlen(at) == 5 && digit(at[0]) && digit(at[1]) && at[2] == ':' && digit(at[3]) && digit(at[4]);
    int hours = shaped ? (at[0] - '0') * 10 + at[1] - '0' : 24;
    int minutes = shaped ? (at[3] - '0') * 10 + at[4] - '0' : 60;
    if (hours > 23 || minutes > 59)
        return err_set(err, -EINVAL, "\"%.16s\" is not a time of day, want HH:MM", at);
    *ret_s = number * S_PER_DAY + hours * 3600 + minutes * 60;
    return 0;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int begins(const struct rota *rota, int64_t turn, int64_t *ret_us, struct err *err)
{
    return calendar_instant(rota->zone, rota->first_s + turn * (rota->turn_us / US_PER_S), ret_us, err);
}

static int find_turn(const struct rota *rota, int64_t at_us, int64_t *ret_turn, struct rota_duty *ret, struct err *err)
{
    int64_t clock_s = 0, from_us = 0, to_us = 0;
    int rc = calendar_clock(rota->zone, at_us, &clock_s, err);
    if (rc < 0)
        return rc;
    int64_t turn = floor_div(clock_s - rota->first_s, rota->turn_us / US_PER_S);
    rc = begins(rota, turn, &from_us, err);
    if (rc == 0)
        rc = begins(rota, turn + 1, &to_us, err);
    while (rc == 0 && to_us <= at_us) {
        turn++;
        from_us = to_us;
        rc = begins(rota, turn + 1, &to_us, err);
    }
    if (rc < 0)
        return rc;
    *ret_turn = turn;
    ret->from_us = from_us;
    ret->to_us = to_us;
    return 0;
}

static bool is_of(const struct rota_override *override, const struct rota *rota)
{
    return strcmp(override->rota, rota->name) == 0;
}

static const struct rota_override *newest(const struct rota *rota, const struct rota_override *const *overrides,
                                          size_t n, int64_t at_us)
{
    const struct rota_override *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (is_of(overrides[i], rota) && overrides[i]->from_us <= at_us && at_us < overrides[i]->to_us &&
            (!found || overrides[i]->id > found->id))
            found = overrides[i];
    return found;
}

/* The part of [from, to) around the instant that no newer override takes away. */
static void cut(const struct rota *rota, const struct rota_override *const *overrides, size_t n, int64_t at_us,
                struct rota_duty *duty)
{
    uint64_t newer_than = duty->override ? duty->override->id : 0;
    for (size_t i = 0; i < n; i++) {
        const struct rota_override *o = overrides[i];
        if (!is_of(o, rota) || o->id <= newer_than)
            continue;
        if (o->from_us > at_us && o->from_us < duty->to_us)
            duty->to_us = o->from_us;
        if (o->to_us <= at_us && o->to_us > duty->from_us)
            duty->from_us = o->to_us;
    }
}

int rota_duty(const struct rota *rota, const struct rota_override *const *overrides, size_t n, int64_t at_us,
              struct rota_duty *ret, struct err *err)
{
    assert(rota->n_members > 0 && rota->turn_us >= US_PER_S);
    struct rota_duty duty = { .override = newest(rota, overrides, n, at_us) };
    int64_t turn = 0;
    int rc = find_turn(rota, at_us, &turn, &duty, err);
    if (rc < 0)
        return rc;
    int64_t n_members = (int64_t)rota->n_members;
    duty.contact = rota->members[turn - floor_div(turn, n_members) * n_members];
    if (duty.override) {
        duty.contact = duty.override->contact;
        duty.from_us = duty.override->from_us;
        duty.to_us = duty.override->to_us;
    }
    cut(rota, overrides, n, at_us, &duty);
    *ret = duty;
    return 0;
}

static int check_text(const char *what, const char *text, size_t most, struct err *err)
{
    if (text && utf8_is_shown(text, 1, most, ""))
        return 0;
    return err_set(err, -EINVAL, "an override wants %s of 1..%zu bytes, one line", what, most);
}

static int check_span(const struct rota_wish *wish, int64_t now_us, struct err *err)
{
    if (wish->to_us <= wish->from_us || wish->to_us <= now_us)
        return err_set(err, -EINVAL, "an override ends after it begins, and in the time to come");
    if (wish->to_us - wish->from_us > ROTA_OVERRIDE_MOST_US)
        return err_set(err, -EINVAL, "an override lasts 31 days at most: change the rota in the configuration");
    if (wish->from_us - now_us > ROTA_AHEAD_MOST_US)
        return err_set(err, -EINVAL, "an override begins within 400 days");
    return 0;
}

int rota_override_init(struct rota_override *ret, const struct rota_wish *wish, int64_t now_us, struct err *err)
{
    int rc = check_text("the name of a rota", wish->rota, ROTA_NAME_MAX, err);
    if (rc == 0)
        rc = check_text("the name of a contact", wish->contact, ROTA_NAME_MAX, err);
    if (rc == 0)
        rc = check_text("the name of who asks", wish->by, ROTA_BY_MAX, err);
    if (rc == 0)
        rc = check_text("a reason", wish->reason, ROTA_REASON_MAX, err);
    if (rc == 0)
        rc = check_span(wish, now_us, err);
    if (rc < 0)
        return rc;
    memset(ret, 0, sizeof *ret);
    ret->from_us = wish->from_us;
    ret->to_us = wish->to_us;
    ret->made_us = now_us;
    snprintf(ret->rota, sizeof ret->rota, "%s", wish->rota);
    snprintf(ret->contact, sizeof ret->contact, "%s", wish->contact);
    snprintf(ret->by, sizeof ret->by, "%s", wish->by);
    snprintf(ret->reason, sizeof ret->reason, "%s", wish->reason);
    return 0;
}
