/* What tenants have by contract, carried between people and their books: each change is checked by the book
 * (collector/event), then kept in memory, in the tenant's group, and in its ledger. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"

struct tenant_book {
    struct book book;
    UT_hash_handle by_tenant;
};

/* ---- books ---- */

const struct book *collector_book(const struct collector *collector, uint64_t tenant)
{
    static const struct book empty;
    struct tenant_book *found;
    HASH_FIND(by_tenant, collector->books, &tenant, sizeof tenant, found);
    return found ? &found->book : &empty;
}

static struct book *book_of(struct collector *collector, uint64_t tenant)
{
    struct tenant_book *found;
    HASH_FIND(by_tenant, collector->books, &tenant, sizeof tenant, found);
    if (found)
        return &found->book;
    found = calloc(1, sizeof *found);
    if (!found)
        return NULL;
    found->book.tenant = tenant;
    HASH_ADD(by_tenant, collector->books, book.tenant, sizeof tenant, found);
    if (!found->by_tenant.tbl) { /* uthash had no memory */
        free(found);
        return NULL;
    }
    return &found->book;
}

void contract_free(struct collector *collector)
{
    struct tenant_book *book, *next;
    HASH_ITER(by_tenant, collector->books, book, next)
    {
        HASH_DELETE(by_tenant, collector->books, book);
        book_done(&book->book);
        free(book);
    }
}

int contract_restore(struct collector *collector, const struct contract *row)
{
    struct book *book = book_of(collector, row->tenant);
    return book ? book_put_contract(book, row, NULL) : -ENOMEM;
}

int contract_restore_pack(struct collector *collector, const struct pack *row)
{
    struct book *book = book_of(collector, row->tenant);
    return book ? book_put_pack(book, row, NULL) : -ENOMEM;
}

int contract_restore_draw(struct collector *collector, const struct draw *row)
{
    struct book *book = book_of(collector, row->tenant);
    return book ? book_put_draw(book, row, NULL) : -ENOMEM;
}

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- contracts ---- */

static int keep_contract(struct collector *collector, struct book *book, const struct contract *row, const char *what,
                         const char *by, struct err *err)
{
    int rc = book_put_contract(book, row, err);
    if (rc < 0)
        return rc;
    log_event(&collector->log, LOG_INFO, "contract_changed", KV_COUNT("tenant", row->tenant), KV_TEXT("what", what),
              KV_TEXT("plan", row->plan), KV_TEXT("first_day", row->first_day), KV_TEXT("by", by));
    struct ledger_note note = { .kind = "contract", .actor = by };
    note.body = json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:s}", "what", what, "contract", (json_int_t)row->id, "plan",
                          row->plan, "first_day", row->first_day, "years", row->years, "zone", row->zone, "calendar",
                          row->calendar);
    if (store_put_contract(collector->store, row) < 0 || ledger_note(collector, row->tenant, note) < 0)
        return no_memory(err);
    return 0;
}

static const struct contract *contract_from(const struct book *book, const char *first_day)
{
    for (size_t i = 0; i < book->n_contracts; i++)
        if (strcmp(book->contracts[i].first_day, first_day) == 0)
            return &book->contracts[i];
    return NULL;
}

static uint64_t next_contract(const struct book *book)
{
    return book->n_contracts > 0 ? book->contracts[book->n_contracts - 1].id + 1 : 1;
}

static int set_text(char *ret, size_t size, const char *value, const char *what, struct err *err)
{
    if (!value && !*ret)
        return err_set(err, -EINVAL, "a new contract needs a %s", what);
    if (value && strlen(value) >= size)
        return err_set(err, -EINVAL, "%s \"%.64s\" is too long", what, value);
    if (value)
        snprintf(ret, size, "%s", value);
    return 0;
}

/* What was not given stays as it was. */
static int apply_terms(struct contract *row, const struct contract_terms *terms, struct err *err)
{
    int rc = set_text(row->plan, sizeof row->plan, terms->plan, "plan", err);
    if (rc == 0)
        rc = set_text(row->zone, sizeof row->zone, terms->zone, "zone", err);
    if (rc == 0)
        rc = set_text(row->calendar, sizeof row->calendar, terms->calendar, "calendar", err);
    if (rc == 0 && (terms->years < 0 || terms->years > CONTRACT_YEARS_MAX))
        rc = err_set(err, -EINVAL, "a contract of %" PRId64 " years, want 1..%d", terms->years, CONTRACT_YEARS_MAX);
    if (rc < 0)
        return rc;
    if (terms->years > 0)
        row->years = (int)terms->years;
    return 0;
}

static int check_calendar(const struct collector *collector, const char *name, struct err *err)
{
    const struct calendars *calendars = &collector->config->calendars;
    char known[128] = "";
    if (calendars_find(calendars, name))
        return 0;
    for (size_t i = 0, used = 0; i < calendars->n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", calendars->at[i].name);
    return err_set(err, -ENOENT, "there is no calendar %.31s of working days; there are: %s", name,
                   *known ? known : "none");
}

int collector_set_contract(struct collector *collector, uint64_t tenant, const struct contract_terms *terms,
                           const char *by, const struct contract **ret_row, struct err *err)
{
    struct book *book = book_of(collector, tenant);
    if (!book)
        return no_memory(err);
    const struct contract *was = contract_from(book, terms->first_day);
    struct contract row = { .id = next_contract(book), .tenant = tenant, .years = 1 };
    int64_t first;
    int rc = calendar_number(terms->first_day, &first, err);
    if (rc < 0)
        return rc;
    if (was)
        row = *was;
    snprintf(row.first_day, sizeof row.first_day, "%s", terms->first_day);
    row.set_us = now_us(collector);
    snprintf(row.set_by, sizeof row.set_by, "%s", by);
    rc = apply_terms(&row, terms, err);
    if (rc == 0)
        rc = check_calendar(collector, row.calendar, err);
    if (rc == 0)
        rc = book_check_contract(book, &collector->config->plans, &row, err);
    if (rc == 0)
        rc = keep_contract(collector, book, &row, "set", by, err);
    if (rc == 0)
        *ret_row = contract_from(book, row.first_day);
    return rc;
}

int collector_end_contract(struct collector *collector, uint64_t tenant, const char *first_day, const char *by,
                           struct err *err)
{
    struct book *book = book_of(collector, tenant);
    const struct contract *was = book ? contract_from(book, first_day) : NULL;
    if (!was)
        return err_set(err, -ENOENT, "no contract of this tenant begins on %.32s; warroom tenant show has them",
                       first_day);
    struct contract row = *was;
    row.years = 0;
    int rc = book_check_contract(book, &collector->config->plans, &row, err);
    return rc < 0 ? rc : keep_contract(collector, book, &row, "cancelled", by, err);
}

/* From the first request on. */
static int lock(struct collector *collector, struct book *book, const struct contract *contract, const char *by,
                struct err *err)
{
    if (!contract || contract->locked_us != 0)
        return 0;
    struct contract row = *contract;
    row.locked_us = now_us(collector);
    return keep_contract(collector, book, &row, "locked", by, err);
}

/* ---- packs ---- */

int collector_buy_pack(struct collector *collector, const struct pack *pack, const struct pack **ret_row,
                       struct err *err)
{
    struct book *book = book_of(collector, pack->tenant);
    if (!book)
        return no_memory(err);
    struct pack row = *pack;
    row.id = book->n_packs > 0 ? book->packs[book->n_packs - 1].id + 1 : 1;
    row.bought_us = now_us(collector);
    int rc = book_check_pack(book, &row, err);
    if (rc == 0)
        rc = book_put_pack(book, &row, err);
    if (rc < 0)
        return rc;
    struct ledger_note note = { .kind = "contract", .actor = row.bought_by };
    note.body = json_pack("{s:s, s:I, s:s, s:i, s:s, s:s}", "what", "bought", "pack", (json_int_t)row.id, "kind",
                          grant_name(row.kind), "days", row.days, "from_day", row.from_day, "to_day", row.to_day);
    if (store_put_pack(collector->store, &row) < 0 || ledger_note(collector, row.tenant, note) < 0)
        return no_memory(err);
    *ret_row = &book->packs[book->n_packs - 1];
    return 0;
}

/* ---- draws ---- */

static int keep_draws(struct collector *collector, const struct draw *draws, size_t n, struct err *err)
{
    json_t *sources = json_array();
    int days = 0;
    for (size_t i = 0; i < n; i++) {
        const struct draw *draw = &draws[i];
        days += draw->days;
        json_array_append_new(sources,
                              json_pack("{s:I, s:s, s:I, s:i}", "draw", (json_int_t)draw->id, "from",
                                        draw->pack ? "pack" : "contract", "id",
                                        (json_int_t)(draw->pack ? draw->pack : draw->contract), "days", draw->days));
        if (store_put_draw(collector->store, draw) < 0) {
            json_decref(sources);
            return no_memory(err);
        }
    }
    struct ledger_note note = { .kind = "draw", .event = draws[0].event, .actor = draws[0].by };
    note.body = json_pack("{s:s, s:s, s:s, s:i, s:o}", "what", draw_state_name(draws[0].state), "kind",
                          grant_name(draws[0].kind), "first_day", draws[0].first_day, "days", days, "sources", sources);
    return ledger_note(collector, draws[0].tenant, note) < 0 ? no_memory(err) : 0;
}

/* The day something begins on, in the zone of the contract it begins under, or without one in its own. */
static int64_t day_in_book(const struct book *book, const char *zone, int64_t at_us)
{
    char day[CALENDAR_DAY_TEXT];
    int64_t number = 0;
    const struct contract *contract = book_contract_at(book, at_us);
    if (calendar_day_of(contract ? contract->zone : zone, at_us, day, NULL) == 0)
        calendar_number(day, &number, NULL);
    return number;
}

/* "1 day", "2 days": as in "%d day%s". */
static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

static void look_at_lead(const struct collector *collector, const struct book *book, const struct contract *contract,
                         const struct event *event, int64_t first, struct contract_finding *ret)
{
    struct balance balance = { 0 };
    const struct plan_version *version = NULL;
    struct lead lead;
    struct err err = { 0 };
    const struct plans *plans = &collector->config->plans;
    int rc = contract ? book_balance(book, plans, contract, GRANT_ASSURANCE, first, &balance, &err)
                      : err_set(&err, -ENOENT, "no contract covers the event's first day");
    if (rc == 0)
        rc = contract_version(plans, contract, balance.first, &version, &err);
    if (rc < 0) {
        ret->late = true;
        snprintf(ret->lead, sizeof ret->lead, "its lead time cannot be told: %.200s", err.text);
        return;
    }
    assert(version);
    lead_check(calendars_find(&collector->config->calendars, contract->calendar), version->lead[GRANT_ASSURANCE],
               day_in_book(book, event->zone, now_us(collector)), first, &lead);
    ret->late = lead.late;
    memcpy(ret->lead, lead.text, sizeof ret->lead);
}

void contract_look(const struct collector *collector, const struct event *event, struct contract_finding *ret)
{
    const struct book *book = collector_book(collector, event->tenant);
    int64_t first = day_in_book(book, event->zone, event->start_us);
    const struct contract *contract = book_contract(book, first);
    int left = book_left(book, &collector->config->plans, GRANT_ASSURANCE, first);
    char day[CALENDAR_DAY_TEXT];
    *ret = (struct contract_finding){ .enough = left >= event->days };
    look_at_lead(collector, book, contract, event, first, ret);
    if (contract)
        snprintf(ret->evidence, sizeof ret->evidence, "%d day%s wanted, %d left on %s by plan %s and packs",
                 event->days, plural(event->days), left, calendar_text(day, first), contract->plan);
    else
        snprintf(ret->evidence, sizeof ret->evidence, "%d day%s wanted, no contract covers %s, packs have %d",
                 event->days, plural(event->days), calendar_text(day, first), left);
}

int contract_lock(struct collector *collector, const struct event *event, const char *by)
{
    struct book *book = book_of(collector, event->tenant);
    if (!book)
        return -ENOMEM;
    int64_t first = day_in_book(book, event->zone, event->start_us);
    return lock(collector, book, book_contract(book, first), by, NULL);
}

/* "1 day by contract 2 (enterprise), 2 of pack 4; 0 left on 2026-12-01" */
static void tell_draws(const struct collector *collector, const struct book *book, const struct draw *draws, size_t n,
                       char text[ERR_TEXT_MAX])
{
    size_t used = 0;
    int64_t first = 0;
    calendar_number(draws[0].first_day, &first, NULL);
    const struct contract *contract = book_contract(book, first);
    for (size_t i = 0; i < n && used < ERR_TEXT_MAX; i++) {
        const struct draw *draw = &draws[i];
        const char *between = i ? ", " : "";
        if (draw->pack)
            used += (size_t)snprintf(text + used, ERR_TEXT_MAX - used, "%s%d day%s of pack %" PRIu64, between,
                                     draw->days, plural(draw->days), draw->pack);
        else
            used += (size_t)snprintf(text + used, ERR_TEXT_MAX - used, "%s%d day%s of plan %s", between, draw->days,
                                     plural(draw->days), contract ? contract->plan : "");
    }
    if (used < ERR_TEXT_MAX)
        snprintf(text + used, ERR_TEXT_MAX - used, "; %d left on %s",
                 book_left(book, &collector->config->plans, draws[0].kind, first), draws[0].first_day);
}

int contract_draw(struct collector *collector, const struct event *event, const char *by, char evidence[ERR_TEXT_MAX],
                  struct err *err)
{
    struct draw draws[TAKES_MAX];
    size_t n = 0;
    struct book *book = book_of(collector, event->tenant);
    if (!book)
        return no_memory(err);
    struct want want = { .kind = GRANT_ASSURANCE,
                         .event = event->id,
                         .first_day = day_in_book(book, event->zone, event->start_us),
                         .days = event->days,
                         .now_us = now_us(collector),
                         .by = by };
    int rc = book_take(book, &collector->config->plans, &want, draws, &n, err);
    if (rc == 0)
        rc = keep_draws(collector, draws, n, err);
    if (rc == 0) /* it may have been made after the request */
        rc = lock(collector, book, book_contract(book, want.first_day), by, err);
    if (rc == 0)
        tell_draws(collector, book, draws, n, evidence);
    return rc;
}

int contract_give_back(struct collector *collector, const struct event *event, const char *by, int *ret_days)
{
    struct draw draws[TAKES_MAX];
    size_t n = 0;
    struct book *book = book_of(collector, event->tenant);
    *ret_days = 0;
    if (!book)
        return -ENOMEM;
    if (now_us(collector) >= event->start_us)
        return 0;
    book_give_back(book, event->id, 0, now_us(collector), by, draws, &n);
    for (size_t i = 0; i < n; i++)
        *ret_days += draws[i].days;
    return n > 0 ? keep_draws(collector, draws, n, NULL) : 0;
}

/* ---- advice ---- */

static int check_advice_day(const struct collector *collector, const struct book *book, const struct contract *contract,
                            int64_t first, struct err *err)
{
    const struct holidays *holidays = calendars_find(&collector->config->calendars, contract->calendar);
    const struct plan_version *version = NULL;
    struct balance balance = { 0 };
    struct lead lead;
    char day[CALENDAR_DAY_TEXT];
    int64_t asked = day_in_book(book, contract->zone, now_us(collector)), next = 0;
    int rc = book_balance(book, &collector->config->plans, contract, GRANT_ADVICE, first, &balance, err);
    if (rc == 0)
        rc = contract_version(&collector->config->plans, contract, balance.first, &version, err);
    if (rc == 0 && !holidays)
        rc = check_calendar(collector, contract->calendar, err);
    if (rc < 0)
        return rc;
    assert(version && holidays);
    if (first < asked)
        return err_set(err, -EPERM, "advice is for a day to come, %s is over", calendar_text(day, first));
    lead_check(holidays, version->lead[GRANT_ADVICE], asked, first, &lead);
    if (lead.late && lead.earliest != 0 && holidays_next_working(holidays, lead.earliest, &next, err) == 0)
        return err_set(err, -EPERM, "advice is to be asked for %d working days ahead: the earliest day is %s",
                       lead.working_days, calendar_text(day, next));
    if (lead.late)
        return err_set(err, -EPERM, "advice: %.220s", lead.text);
    rc = holidays_next_working(holidays, first, &next, err);
    if (rc == 0 && next != first)
        return err_set(err, -EPERM, "advice is given on working days, the next one by calendar %s is %s",
                       holidays->name, calendar_text(day, next));
    return rc;
}

int collector_advise(struct collector *collector, uint64_t tenant, const char *first_day, int64_t days, const char *by,
                     struct draw ret[TAKES_MAX], size_t *ret_n, struct err *err)
{
    int64_t first = 0;
    struct book *book = book_of(collector, tenant);
    int rc = book ? calendar_number(first_day, &first, err) : no_memory(err);
    if (rc < 0)
        return rc;
    const struct contract *contract = book_contract(book, first);
    if (!contract)
        return err_set(err, -EPERM, "no contract of this tenant covers %s; warroom tenant set makes one", first_day);
    if (days < 1 || days > EVENT_DAYS_MAX)
        return err_set(err, -EINVAL, "%" PRId64 " days of advice, want 1..%d", days, EVENT_DAYS_MAX);
    rc = check_advice_day(collector, book, contract, first, err);
    if (rc < 0)
        return rc;
    struct want want = {
        .kind = GRANT_ADVICE, .first_day = first, .days = (int)days, .now_us = now_us(collector), .by = by
    };
    rc = book_take(book, &collector->config->plans, &want, ret, ret_n, err);
    if (rc == 0)
        rc = keep_draws(collector, ret, *ret_n, err);
    return rc < 0 ? rc : lock(collector, book, contract, by, err);
}

static const struct draw *find_draw(const struct book *book, uint64_t id)
{
    for (size_t i = 0; i < book->n_draws; i++)
        if (book->draws[i].id == id)
            return &book->draws[i];
    return NULL;
}

int collector_cancel_advice(struct collector *collector, uint64_t tenant, uint64_t draw, const char *by,
                            struct draw *ret, struct err *err)
{
    struct draw draws[TAKES_MAX];
    size_t n = 0;
    int64_t first = 0;
    struct book *book = book_of(collector, tenant);
    const struct draw *was = book ? find_draw(book, draw) : NULL;
    if (!was || was->event != 0)
        return err_set(err, -ENOENT,
                       "this tenant has no advice of number %" PRIu64 "; warroom entitlement show has them", draw);
    if (was->state == DRAW_RETURNED)
        return err_set(err, -EPERM, "advice %" PRIu64 " was cancelled already", draw);
    calendar_number(was->first_day, &first, NULL);
    if (day_in_book(book, "UTC", now_us(collector)) >= first)
        return err_set(err, -EPERM, "advice %" PRIu64 " began on %s: its days are used", draw, was->first_day);
    book_give_back(book, 0, draw, now_us(collector), by, draws, &n);
    *ret = draws[0];
    return keep_draws(collector, draws, n, err);
}
