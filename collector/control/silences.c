/* Silences and notices: what is not to wake anybody, and what others have announced. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/scan.h"
#include "collector/control/call.h"

static const char *tenant_name(const struct collector *collector, uint64_t id)
{
    const struct tenant *row = fleet_tenant(collector_fleet(collector), id);
    return row ? row->name : "";
}

static int answer(struct call *call, const char *what, json_t *form, uint64_t tenant)
{
    call->data = json_pack("{s:o}", what, form);
    call->file = STORE_TENANT;
    call->tenant = tenant;
    return CALL_WHEN_STORED;
}

static uint64_t id_arg(const struct call *call, const char *name)
{
    int64_t id = call_int(call, name, 0);
    return id > 0 ? (uint64_t)id : 0;
}

/* ---- silences ---- */

static json_t *form_silence(const struct collector *collector, const struct silence *row)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", (json_int_t)row->id, "tenant",
                     tenant_name(collector, row->tenant), "hosts", row->hosts, "rule", row->rule, "reason", row->reason,
                     "owner", row->owner, "from", form_instant(row->from_us), "to", form_instant(row->to_us), "ended",
                     form_instant(row->ended_us));
}

/* `for_s` or `until`, one of them. */
static int silence_end(const struct call *call, int64_t now_us, int64_t *ret_us, struct err *err)
{
    double seconds = call_real(call, "for_s");
    if (isnan(seconds) == !call_text(call, "until"))
        return err_set(err, -EINVAL, "a silence has an end: for_s or until, one of them");
    if (call_text(call, "until"))
        return call_instant(call, "until", ret_us, err);
    if (!(seconds > 0) || seconds > (double)SILENCE_MAX_US / (double)US_PER_S)
        return err_set(err, -EINVAL, "for_s is to be above 0, and 7 days at most");
    *ret_us = now_us + (int64_t)(seconds * (double)US_PER_S);
    return 0;
}

int verb_silence_add(struct call *call, struct err *err)
{
    struct silence wanted;
    const struct silence *row = NULL;
    struct silence_wish wish = { .hosts = call_text(call, "hosts"),
                                 .rule = call_text(call, "rule"),
                                 .reason = call_text(call, "reason"),
                                 .owner = call->by,
                                 .from_us = collector_now_us(call->collector) };
    uint64_t tenant = 0;
    int rc = call_one_tenant(call, NULL, &tenant, err);
    if (rc == 0)
        rc = silence_end(call, wish.from_us, &wish.to_us, err);
    if (rc == 0)
        rc = silence_init(&wanted, &wish, err);
    if (rc < 0)
        return rc;
    wanted.tenant = tenant;
    rc = collector_add_silence(call->collector, &wanted, call->role, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    return answer(call, "silence", form_silence(call->collector, row), row->tenant);
}

int verb_silence_end(struct call *call, struct err *err)
{
    struct silence row = { 0 };
    uint64_t tenant = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = collector_end_silence(call->collector, tenant, id_arg(call, "silence"), call->by, &row, err);
    return rc < 0 ? rc : answer(call, "silence", form_silence(call->collector, &row), row.tenant);
}

int verb_silence_list(struct call *call, struct err *err)
{
    uint64_t tenant = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    for (const struct silence *row = NULL; (row = collector_next_silence(call->collector, row));)
        if (tenant == 0 || row->tenant == tenant)
            json_array_append_new(rows, form_silence(call->collector, row));
    call->data = json_pack("{s:o}", "silences", rows);
    return CALL_ANSWER;
}

/* ---- notices ---- */

static json_t *form_notice(const struct collector *collector, const struct notice *row)
{
    bool answered = row->answered_us != 0;
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)row->id,
                     "tenant", tenant_name(collector, row->tenant), "kind", notice_kind_name(row->kind), "hosts",
                     row->hosts, "title", row->title, "impact", row->impact, "by", row->by, "from",
                     form_instant(row->from_us), "to", form_instant(row->to_us), "created",
                     form_instant(row->created_us), "answer", answered ? json_string(row->answer) : json_null(),
                     "answered_by", answered ? json_string(row->answered_by) : json_null(), "answered",
                     form_instant(row->answered_us));
}

/* Also of events that are armed already: their gate was let through before there was this notice. */
static json_t *form_against(const struct collector *collector, const struct notice *row)
{
    json_t *names = json_array();
    for (const struct event *event = NULL; (event = collector_notice_against(collector, row, event));)
        json_array_append_new(names, json_string(event->name));
    return names;
}

int verb_notice_add(struct call *call, struct err *err)
{
    struct notice wanted;
    const struct notice *row = NULL;
    struct notice_wish wish = { .kind = call_text(call, "kind"),
                                .hosts = call_text(call, "hosts"),
                                .title = call_text(call, "title"),
                                .impact = call_text(call, "impact"),
                                .by = call->by };
    uint64_t tenant = 0;
    int rc = call_one_tenant(call, NULL, &tenant, err);
    if (rc == 0)
        rc = call_range(call, &wish.from_us, &wish.to_us, err);
    if (rc == 0)
        rc = notice_init(&wanted, &wish, err);
    if (rc < 0)
        return rc;
    wanted.tenant = tenant;
    rc = collector_add_notice(call->collector, &wanted, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    rc = answer(call, "notice", form_notice(call->collector, row), row->tenant);
    json_object_set_new(call->data, "against", form_against(call->collector, row));
    return rc;
}

int verb_notice_answer(struct call *call, struct err *err)
{
    const struct notice *row = NULL;
    struct decision decision = { .by = call->by, .role = call->role, .reason = call_text(call, "reason") };
    uint64_t tenant = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = collector_answer_notice(call->collector, tenant, id_arg(call, "notice"), &decision, &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    return answer(call, "notice", form_notice(call->collector, row), row->tenant);
}

/* The token is the id of the last one of the page before. */
int verb_notice_list(struct call *call, struct err *err)
{
    enum { NOTICES_SHOWN = 100 };
    uint64_t tenant = 0, after = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    struct scan scan = scan_over(call->next ? call->next : "0", call->next ? strlen(call->next) : 1);
    if (!scan_u64(&scan, &after) || !scan_done(&scan))
        return err_set(err, -EINVAL, "\"next\" is not one that notice list has given");
    json_t *rows = json_array();
    for (const struct notice *row = NULL; (row = collector_next_notice(call->collector, row));) {
        if (row->id <= after || (tenant != 0 && row->tenant != tenant))
            continue;
        if (json_array_size(rows) == NOTICES_SHOWN) {
            if (asprintf(&call->more, "%" PRIu64, after) < 0)
                call->more = NULL;
            break;
        }
        json_array_append_new(rows, form_notice(call->collector, row));
        after = row->id;
    }
    call->data = json_pack("{s:o}", "notices", rows);
    return CALL_ANSWER;
}
