/* Plans, contracts, packs and draws as the console asks for them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/control/call.h"

enum { ROWS_SHOWN = 200 }; /* packs and draws, the newest */

/* ---- forms ---- */

static json_t *form_day(int64_t number)
{
    char day[CALENDAR_DAY_TEXT];
    return json_string(calendar_text(day, number));
}

static json_t *form_response(const struct plan_response *response)
{
    return response->within_us ? json_pack("{s:o}", "within_s", form_seconds(response->within_us))
                               : json_pack("{s:i}", "working_days", response->working_days);
}

static json_t *form_version(const struct plan_version *version)
{
    json_t *responses = json_object();
    json_t *channels = json_array();
    for (int i = 0; i < CLASS_COUNT; i++)
        if (version->response[i].within_us != 0 || version->response[i].working_days != 0)
            json_object_set_new(responses, plan_class_name((enum plan_class)i), form_response(&version->response[i]));
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (version->channels & 1U << i)
            json_array_append_new(channels, json_string(plan_channel_name((enum plan_channel)i)));
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:b}", "from", form_day(version->from), "assurance_days",
                     version->days[GRANT_ASSURANCE], "assurance_lead", version->lead[GRANT_ASSURANCE], "advice_days",
                     version->days[GRANT_ADVICE], "advice_lead", version->lead[GRANT_ADVICE], "responses", responses,
                     "channels", channels, "report_day",
                     version->report_day ? json_integer(version->report_day) : json_null(), "care", version->care);
}

static json_t *form_plan(const struct plan *plan)
{
    json_t *versions = json_array();
    for (size_t i = 0; i < plan->n_versions; i++)
        json_array_append_new(versions, form_version(&plan->versions[i]));
    return json_pack("{s:s, s:s, s:i, s:b, s:o}", "name", plan->name, "title", plan->title, "rank", plan->rank, "drill",
                     plan->drill, "versions", versions);
}

/* null: the plan is not there any more. */
static json_t *form_balance(const struct collector *collector, const struct book *book, const struct contract *row,
                            enum grant kind, int year)
{
    struct balance balance = { 0 };
    const struct plans *plans = &collector_configuration(collector)->plans;
    if (book_balance_of_year(book, plans, row, kind, year, &balance, NULL) < 0)
        return json_null();
    return json_pack("{s:i, s:i, s:i}", "granted", balance.granted, "taken", balance.taken, "left", balance.left);
}

static json_t *form_years(const struct collector *collector, const struct book *book, const struct contract *row)
{
    json_t *years = json_array();
    int64_t first = contract_first(row);
    for (int year = 1; year <= row->years; year++)
        json_array_append_new(years, json_pack("{s:i, s:o, s:o, s:o, s:o}", "year", year, "first_day",
                                               form_day(calendar_years_on(first, year - 1)), "last_day",
                                               form_day(calendar_years_on(first, year) - 1), "assurance",
                                               form_balance(collector, book, row, GRANT_ASSURANCE, year), "advice",
                                               form_balance(collector, book, row, GRANT_ADVICE, year)));
    return years;
}

static json_t *form_contract(const struct collector *collector, const struct book *book, const struct contract *row)
{
    return json_pack("{s:I, s:s, s:s, s:o, s:i, s:s, s:s, s:o, s:s, s:o, s:o}", "id", (json_int_t)row->id, "plan",
                     row->plan, "first_day", row->first_day, "last_day", form_day(contract_last(row)), "years",
                     row->years, "zone", row->zone, "calendar", row->calendar, "set", form_instant(row->set_us),
                     "set_by", row->set_by, "locked", form_instant(row->locked_us), "balance",
                     form_years(collector, book, row));
}

static json_t *form_contracts(const struct collector *collector, uint64_t tenant)
{
    const struct book *book = collector_book(collector, tenant);
    json_t *rows = json_array();
    for (size_t i = 0; i < book->n_contracts; i++)
        json_array_append_new(rows, form_contract(collector, book, &book->contracts[i]));
    return rows;
}

static json_t *form_pack(const struct book *book, const struct pack *row)
{
    return json_pack("{s:I, s:s, s:i, s:i, s:s, s:s, s:o, s:s}", "id", (json_int_t)row->id, "kind",
                     grant_name(row->kind), "days", row->days, "left", book_pack_left(book, row), "from_day",
                     row->from_day, "to_day", row->to_day, "bought", form_instant(row->bought_us), "bought_by",
                     row->bought_by);
}

/* null for 0 */
static json_t *form_id(uint64_t id)
{
    return id ? json_integer((json_int_t)id) : json_null();
}

static json_t *form_draw(const struct collector *collector, const struct draw *row)
{
    const struct event *event = row->event ? collector_event(collector, row->event) : NULL;
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:s, s:i, s:s, s:o, s:s}", "id", (json_int_t)row->id, "kind",
                     grant_name(row->kind), "event", event ? json_string(event->name) : json_null(), "contract",
                     form_id(row->contract), "pack", form_id(row->pack), "first_day", row->first_day, "days", row->days,
                     "state", draw_state_name(row->state), "at", form_instant(row->at_us), "by", row->by);
}

static json_t *form_packs(const struct book *book)
{
    json_t *rows = json_array();
    for (size_t i = book->n_packs; i > 0 && json_array_size(rows) < ROWS_SHOWN; i--)
        json_array_append_new(rows, form_pack(book, &book->packs[i - 1]));
    return rows;
}

static json_t *form_draws(const struct collector *collector, const struct book *book)
{
    json_t *rows = json_array();
    for (size_t i = book->n_draws; i > 0 && json_array_size(rows) < ROWS_SHOWN; i--)
        json_array_append_new(rows, form_draw(collector, &book->draws[i - 1]));
    return rows;
}

/* ---- verbs ---- */

int verb_plan_list(struct call *call, struct err *err)
{
    (void)err;
    const struct plans *plans = &collector_configuration(call->collector)->plans;
    json_t *rows = json_array();
    for (size_t i = 0; i < plans->n; i++)
        json_array_append_new(rows, form_plan(&plans->at[i]));
    call->data = json_pack("{s:o}", "plans", rows);
    return CALL_ANSWER;
}

static int when_stored(struct call *call, uint64_t tenant)
{
    call->file = STORE_TENANT;
    call->tenant = tenant;
    return CALL_WHEN_STORED;
}

static const char *tenant_name(const struct call *call, uint64_t tenant)
{
    const struct tenant *row = fleet_tenant(collector_fleet(call->collector), tenant);
    return row ? row->name : "";
}

static json_t *form_standing(const struct call *call, uint64_t tenant)
{
    return json_pack("{s:s, s:o}", "tenant", tenant_name(call, tenant), "contracts",
                     form_contracts(call->collector, tenant));
}

int verb_tenant_set(struct call *call, struct err *err)
{
    struct contract_terms terms = { .first_day = call_text(call, "first_day"),
                                    .plan = call_text(call, "plan"),
                                    .zone = call_text(call, "zone"),
                                    .calendar = call_text(call, "calendar"),
                                    .years = call_int(call, "years", 0) };
    const struct contract *row = NULL;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    if (terms.plan && strcmp(terms.plan, PLAN_NONE) == 0)
        rc = collector_end_contract(call->collector, tenant, terms.first_day, call->by, err);
    else
        rc = collector_set_contract(call->collector, tenant, &terms, call->by, &row, err);
    if (rc < 0)
        return rc;
    call->data = form_standing(call, tenant);
    return when_stored(call, tenant);
}

int verb_tenant_show(struct call *call, struct err *err)
{
    uint64_t tenant;
    int hosts = 0, events = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    const struct fleet *fleet = collector_fleet(call->collector);
    for (const struct host *host = NULL; (host = fleet_next_host(fleet, host));)
        hosts += host->tenant == tenant && host->standing == HOST_ACTIVE;
    for (const struct event *event = NULL; (event = collector_next_event(call->collector, event));)
        events += event->tenant == tenant;
    call->data = json_pack("{s:o, s:i, s:i, s:o}", "tenant", form_tenant(fleet_tenant(fleet, tenant)), "hosts", hosts,
                           "events", events, "contracts", form_contracts(call->collector, tenant));
    return CALL_ANSWER;
}

int verb_entitlement_show(struct call *call, struct err *err)
{
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc < 0)
        return rc;
    const struct book *book = collector_book(call->collector, tenant);
    call->data = json_pack("{s:s, s:o, s:o, s:I, s:o, s:I}", "tenant", tenant_name(call, tenant), "contracts",
                           form_contracts(call->collector, tenant), "packs", form_packs(book), "packs_total",
                           (json_int_t)book->n_packs, "draws", form_draws(call->collector, book), "draws_total",
                           (json_int_t)book->n_draws);
    return CALL_ANSWER;
}

static int set_kind(const char *text, enum grant *ret, struct err *err)
{
    for (int i = 0; i < GRANT_COUNT; i++) {
        if (strcmp(text, grant_name((enum grant)i)) != 0)
            continue;
        *ret = (enum grant)i;
        return 0;
    }
    return err_set(err, -EINVAL, "grant \"%.40s\", want assurance or advice", text);
}

static int set_day(char ret[CALENDAR_DAY_TEXT], const char *day, struct err *err)
{
    int64_t number;
    int rc = calendar_number(day, &number, err);
    if (rc == 0)
        calendar_text(ret, number);
    return rc;
}

int verb_entitlement_buy(struct call *call, struct err *err)
{
    const char *kind = call_text(call, "grant");
    int64_t days = call_int(call, "days", 0);
    struct pack pack = { .days = days >= 1 && days <= PACK_DAYS_MAX ? (int)days : 0 }; /* 0 is refused */
    const struct pack *row = NULL;
    int rc = call_tenant(call, &pack.tenant, err);
    if (rc == 0)
        rc = set_kind(kind ? kind : "assurance", &pack.kind, err);
    if (rc == 0)
        rc = set_day(pack.from_day, call_text(call, "from_day"), err);
    if (rc == 0)
        rc = set_day(pack.to_day, call_text(call, "to_day"), err);
    if (rc < 0)
        return rc;
    snprintf(pack.bought_by, sizeof pack.bought_by, "%s", call->by);
    rc = collector_buy_pack(call->collector, &pack, &row, err);
    if (rc < 0)
        return rc;
    call->data = json_pack("{s:s, s:o}", "tenant", tenant_name(call, pack.tenant), "pack",
                           form_pack(collector_book(call->collector, pack.tenant), row));
    return when_stored(call, pack.tenant);
}

int verb_entitlement_advise(struct call *call, struct err *err)
{
    struct draw draws[TAKES_MAX];
    size_t n = 0;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = collector_advise(call->collector, tenant, call_text(call, "first_day"), call_int(call, "days", 1),
                              call->by, draws, &n, err);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, form_draw(call->collector, &draws[i]));
    call->data = json_pack("{s:s, s:o}", "tenant", tenant_name(call, tenant), "draws", rows);
    return when_stored(call, tenant);
}

int verb_entitlement_cancel(struct call *call, struct err *err)
{
    struct draw draw = { 0 };
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = collector_cancel_advice(call->collector, tenant, (uint64_t)call_int(call, "advice", 0), call->by, &draw,
                                     err);
    if (rc < 0)
        return rc;
    call->data =
        json_pack("{s:s, s:[o]}", "tenant", tenant_name(call, tenant), "draws", form_draw(call->collector, &draw));
    return when_stored(call, tenant);
}
