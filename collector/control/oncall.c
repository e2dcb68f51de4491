/* On-call rotas: who is on duty, who will be, and who is instead. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/control/call.h"
#include "collector/event/calendar.h"

enum { TURNS_MAX = 200 };
#define AHEAD_US (INT64_C(7 * 86400) * US_PER_S)

static json_t *form_override(const struct rota_override *row)
{
    return json_pack("{s:I, s:s, s:s, s:o, s:o, s:s, s:s, s:o}", "id", (json_int_t)row->id, "rota", row->rota,
                     "contact", row->contact, "from", form_instant(row->from_us), "to", form_instant(row->to_us), "by",
                     row->by, "reason", row->reason, "made", form_instant(row->made_us));
}

static json_t *form_duty(const struct rota_config *rota, const struct rota_duty *duty)
{
    char local[32] = "";
    calendar_local_text(rota->zone, duty->from_us, local, NULL);
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "contact", duty->contact, "from", form_instant(duty->from_us), "to",
                     form_instant(duty->to_us), "from_local", form_text(local), "override",
                     duty->override ? form_override(duty->override) : json_null());
}

static json_t *form_rota(const struct collector *collector, const struct rota_config *rota)
{
    struct rota_duty duty;
    bool known = collector_duty(collector, rota->name, collector_now_us(collector), &duty, NULL) == 0;
    json_t *members = json_array();
    for (size_t i = 0; i < rota->members.n; i++)
        json_array_append_new(members, json_string(rota->members.at[i]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o}", "name", rota->name, "zone", rota->zone, "members", members,
                     "from_day", rota->from, "at", rota->at, "turn_s", form_seconds(rota->turn_us), "on_duty",
                     known ? form_duty(rota, &duty) : json_null());
}

static const struct people_config *people_of(const struct call *call)
{
    return &collector_configuration(call->collector)->people;
}

int verb_oncall_list(struct call *call, struct err *err)
{
    (void)err;
    const struct config_list *rotas = &people_of(call)->rotas;
    json_t *list = json_array();
    for (size_t i = 0; i < rotas->n; i++)
        json_array_append_new(list, form_rota(call->collector, (const struct rota_config *)rotas->at + i));
    call->data = json_pack("{s:o}", "rotas", list);
    return CALL_ANSWER;
}

/* Those that are not over: what is to come of it. */
static json_t *form_overrides(const struct collector *collector, const char *rota)
{
    json_t *list = json_array();
    for (const struct rota_override *row = NULL; (row = collector_next_override(collector, row));)
        if (strcmp(row->rota, rota) == 0)
            json_array_append_new(list, form_override(row));
    return list;
}

int verb_oncall_show(struct call *call, struct err *err)
{
    const struct rota_config *rota = people_rota(people_of(call), call_text(call, "rota"));
    struct rota_duty duty = { .to_us = collector_now_us(call->collector) };
    int64_t from_us = duty.to_us, to_us = 0;
    if (!rota)
        return err_set(err, -ENOENT, "there is no rota %.64s; warroom oncall list shows them", call_text(call, "rota"));
    int rc = call_instant(call, "from", &from_us, err);
    to_us = from_us + AHEAD_US;
    if (rc == 0)
        rc = call_instant(call, "to", &to_us, err);
    if (rc == 0 && to_us <= from_us)
        rc = err_set(err, -EINVAL, "from is to be before to");
    if (rc < 0)
        return rc;
    json_t *turns = json_array();
    duty.to_us = from_us;
    while (rc == 0 && duty.to_us < to_us && json_array_size(turns) < TURNS_MAX) {
        rc = collector_duty(call->collector, rota->name, duty.to_us, &duty, err);
        if (rc == 0)
            json_array_append_new(turns, form_duty(rota, &duty));
    }
    call->data = json_pack("{s:o, s:o, s:o}", "rota", form_rota(call->collector, rota), "turns", turns, "overrides",
                           form_overrides(call->collector, rota->name));
    return rc < 0 ? rc : CALL_ANSWER;
}

/* The row is; its entry is in another file. */
static void row_stored(void *user, int rc)
{
    struct call *call = user;
    if (rc < 0)
        call_stored(call, rc);
    else
        collector_then(call->collector, STORE_TENANT, call->tenant, call_stored, call);
}

int verb_oncall_override(struct call *call, struct err *err)
{
    struct rota_override wanted;
    const struct rota_override *row = NULL;
    struct rota_wish wish = { .rota = call_text(call, "rota"),
                              .contact = call_text(call, "contact"),
                              .by = call->by,
                              .reason = call_text(call, "reason") };
    int rc = call_range(call, &wish.from_us, &wish.to_us, err);
    if (rc == 0)
        rc = rota_override_init(&wanted, &wish, collector_now_us(call->collector), err);
    if (rc == 0)
        rc = collector_override_rota(call->collector, &wanted, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    call->data = json_pack("{s:o}", "override", form_override(row));
    call->tenant = collector_override_chain(call->collector, row);
    collector_then(call->collector, STORE_REGISTRY, 0, row_stored, call);
    return CALL_LATER;
}
