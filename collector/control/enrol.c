/* Who may be a host's agent. An invitation's code is in one answer and nowhere else: what is asked for again is another
 * invitation. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/call.h"
#include "proto/codec/codec.h"

enum { DAY_S = 24 * 60 * 60, LEAST_S = 60, MOST_S = INVITE_WITHIN_MAX_US / US_PER_S };

struct secret { /* as it was made, and as it is pasted */
    struct invite invite;
    char code[INVITE_TEXT_MAX];
};

static void wipe(struct secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

/* What is asked for by `expires_s`. */
static int within(const struct call *call, int64_t *ret_us, struct err *err)
{
    double s = call_real(call, "expires_s");
    if (isnan(s))
        s = DAY_S;
    if (!(s >= LEAST_S && s <= MOST_S))
        return err_set(err, -EINVAL, "expires: an invitation holds for a minute at least and %d days at most",
                       MOST_S / DAY_S);
    *ret_us = (int64_t)(s * (double)US_PER_S);
    return 0;
}

/* `row` NULL: for hosts that are new. `known`: it was there before this call. */
static int answer_invited(struct call *call, const struct host_invite *asked, const struct host *row, bool known,
                          struct err *err)
{
    AUTO(wipe) struct secret secret = { .code = "" };
    int rc = collector_invite(call->collector, asked, &secret.invite, err);
    if (rc == 0)
        rc = codec_print_invite(&secret.invite, secret.code, err);
    if (rc < 0)
        return rc;
    const struct tenant *tenant = fleet_tenant(collector_fleet(call->collector), asked->tenant);
    call->data = json_pack("{s:o, s:b, s:{s:s, s:o, s:i, s:s, s:s?}}", "host",
                           row ? form_host(call->collector, row) : json_null(), "known", known, "invitation", "code",
                           secret.code, "expires", form_instant(secret.invite.expires_us), "uses", (int)asked->uses,
                           "tenant", tenant->name, "group", asked->group);
    call->file = STORE_REGISTRY;
    return CALL_WHEN_STORED;
}

/* Makes the host or, when there is one of that name, changes what was given. 1: it was there. */
static int make_host(const struct call *call, uint64_t tenant, const struct host **ret_row, struct err *err)
{
    const char *name = call_text(call, "name");
    struct host_change change = call_change(call);
    int rc = collector_enroll_host(call->collector, tenant, name, &change, ret_row, err);
    if (rc != -EEXIST)
        return rc;
    rc = fleet_find_host(collector_fleet(call->collector), tenant, name, ret_row, err);
    if (rc == 0)
        rc = collector_change_host(call->collector, (*ret_row)->id, &change, ret_row, err);
    return rc < 0 ? rc : 1;
}

static int enroll_one(struct call *call, struct host_invite *asked, struct err *err)
{
    const struct host *row = NULL;
    if (json_object_get(call->args, "uses"))
        return err_set(err, -EINVAL, "uses: a host has one agent; leave the name away to invite several hosts");
    int rc = make_host(call, asked->tenant, &row, err);
    if (rc < 0)
        return rc;
    asked->host = row->id;
    asked->uses = 1;
    return answer_invited(call, asked, row, rc == 1, err);
}

static int enroll_many(struct call *call, struct host_invite *asked, struct err *err)
{
    int64_t uses = call_int(call, "uses", 0);
    if (!json_object_get(call->args, "uses"))
        return err_set(err, -EINVAL, "host enroll wants a host's name, or by --uses how many new hosts may come");
    if (uses < 1 || uses > INVITE_USES_MAX)
        return err_set(err, -EINVAL, "uses: an invitation is for 1 to %d hosts", INVITE_USES_MAX);
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (json_object_get(call->args, host_limit_name((enum host_limit)i)))
            return err_set(err, -EINVAL, "%s: limits are declared of a host that has a name: warroom host set",
                           host_limit_name((enum host_limit)i));
    asked->group = call_text(call, "group");
    asked->uses = (unsigned)uses;
    return answer_invited(call, asked, NULL, false, err);
}

int verb_host_enroll(struct call *call, struct err *err)
{
    struct host_invite asked = { .host = 0 };
    int rc = call_tenant(call, &asked.tenant, err);
    if (rc == 0)
        rc = within(call, &asked.within_us, err);
    if (rc == 0)
        rc = collector_can_invite(call->collector, err);
    if (rc < 0)
        return rc;
    return call_text(call, "name") ? enroll_one(call, &asked, err) : enroll_many(call, &asked, err);
}

int verb_host_rotate(struct call *call, struct err *err)
{
    const struct host *row = NULL;
    struct host_invite asked = { .uses = 1 };
    int rc = call_host(call, &row, err);
    if (rc == 0)
        rc = within(call, &asked.within_us, err);
    if (rc < 0)
        return rc;
    asked.tenant = row->tenant;
    asked.host = row->id;
    return answer_invited(call, &asked, row, true, err);
}

static int take_away(struct call *call,
                     int (*fn)(struct collector *collector, uint64_t host, const struct host **ret_row,
                               struct err *err),
                     struct err *err)
{
    const struct host *row = NULL;
    int rc = call_host(call, &row, err);
    if (rc == 0)
        rc = fn(call->collector, row->id, &row, err);
    if (rc < 0)
        return rc;
    call->data = json_pack("{s:o}", "host", form_host(call->collector, row));
    call->file = STORE_REGISTRY;
    return CALL_WHEN_STORED;
}

int verb_host_revoke(struct call *call, struct err *err)
{
    return take_away(call, collector_revoke_host, err);
}

int verb_host_retire(struct call *call, struct err *err)
{
    return take_away(call, collector_retire_host, err);
}
