/* Plans, and what a tenant has by contract. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

static int64_t count(const json_t *object, const char *key)
{
    int64_t n = 0;
    field_count(object, key, &n);
    return n;
}

static void cell(struct table *table, const json_t *row, const char *key)
{
    table_cell(table, TONE_PLAIN, "%s", field_text(row, key));
}

static void count_cell(struct table *table, const json_t *row, const char *key)
{
    int64_t n;
    if (field_count(row, key, &n))
        table_cell(table, TONE_PLAIN, "%" PRId64, n);
    else
        table_cell(table, TONE_PLAIN, "%s", FIELD_NONE);
}

/* ---- plans ---- */

static void days_cell(struct table *table, const json_t *version, const char *days_key, const char *lead_key)
{
    int64_t days = count(version, days_key);
    if (days == 0)
        table_cell(table, TONE_PLAIN, "%s", FIELD_NONE);
    else
        table_cell(table, TONE_PLAIN, "%" PRId64 " a year, %" PRId64 " ahead", days, count(version, lead_key));
}

static void texts_cell(struct table *table, const json_t *list)
{
    char text[256] = "";
    size_t used = 0, i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *word = json_is_string(item) ? json_string_value(item) : FIELD_NONE;
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", word);
    }
    table_cell(table, TONE_PLAIN, "%s", *text ? text : FIELD_NONE);
}

static void plan_row(struct table *table, const json_t *plan, const json_t *version)
{
    cell(table, plan, "name");
    cell(table, version, "from");
    days_cell(table, version, "assurance_days", "assurance_lead");
    days_cell(table, version, "advice_days", "advice_lead");
    count_cell(table, version, "report_day");
    texts_cell(table, field_list(version, "channels"));
}

static const char *const classes[] = { "core-down", "production-down", "production-abnormal", "system-abnormal",
                                       "guidance" };

static void response_cell(struct table *table, const json_t *response)
{
    char text[DURATION_TEXT];
    double within_s;
    int64_t days;
    if (field_number(response, "within_s", &within_s) && within_s > 0 && within_s < 1e8)
        table_cell(table, TONE_PLAIN, "%s", duration_format(text, (int64_t)(within_s * 1e6)));
    else if (field_count(response, "working_days", &days))
        table_cell(table, TONE_PLAIN, "%" PRId64 " working day%s", days, days == 1 ? "" : "s");
    else
        table_cell(table, TONE_PLAIN, "%s", FIELD_NONE);
}

static void response_row(struct table *table, const json_t *plan, const json_t *version)
{
    const json_t *responses = field_object(version, "responses");
    cell(table, plan, "name");
    cell(table, version, "from");
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        response_cell(table, field_object(responses, classes[i]));
}

static void put_versions(const json_t *plans, struct table *table, const struct sheet *sheet,
                         void (*put_row)(struct table *table, const json_t *plan, const json_t *version))
{
    size_t i, k;
    json_t *plan, *version;
    json_array_foreach(plans, i, plan) json_array_foreach(field_list(plan, "versions"), k, version)
        put_row(table, plan, version);
    table_print(table, sheet);
}

void show_plans(const json_t *data, const struct sheet *sheet)
{
    static const struct column promised[] = { { "PLAN", false, 12 },     { "FROM", false, 0 },
                                              { "ASSURANCE", false, 0 }, { "ADVICE", false, 0 },
                                              { "REPORT BY", true, 0 },  { "CHANNELS", false, 12 } };
    static const struct column answered[] = { { "RESPONSE", false, 12 }, { "FROM", false, 0 },
                                              { "CORE DOWN", false, 0 }, { "PRODUCTION DOWN", false, 0 },
                                              { "ABNORMAL", false, 0 },  { "SYSTEM", false, 0 },
                                              { "GUIDANCE", false, 0 } };
    const json_t *plans = field_list(data, "plans");
    if (json_array_size(plans) == 0) {
        fputs("no plans: `plans` of collector.yaml names their folder (docs/entitlement.md)\n", sheet->out);
        return;
    }
    put_versions(plans, table_new(promised, 6, 0), sheet, plan_row);
    fputc('\n', sheet->out);
    put_versions(plans, table_new(answered, 7, 0), sheet, response_row);
}

/* ---- contracts ---- */

static void left_cell(struct table *table, const json_t *year, const char *key)
{
    const json_t *balance = field_object(year, key);
    int64_t left;
    if (!field_count(balance, "left", &left))
        table_cell(table, TONE_WARN, "plan not there");
    else
        table_cell(table, TONE_PLAIN, "%" PRId64 " of %" PRId64 " left", left, count(balance, "granted"));
}

static void put_years(const json_t *contract, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "YEAR", true, 0 }, { "FROM", false, 0 }, { "TO", false, 0 }, { "ASSURANCE", false, 0 }, { "ADVICE", false, 0 }
    };
    size_t i;
    json_t *year;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(field_list(contract, "balance"), i, year)
    {
        count_cell(table, year, "year");
        cell(table, year, "first_day");
        cell(table, year, "last_day");
        left_cell(table, year, "assurance");
        left_cell(table, year, "advice");
    }
    table_print(table, sheet);
}

static void put_contract(const json_t *contract, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t at_us, years = count(contract, "years");
    sheet_put(sheet, TONE_STRONG, "Contract %s", field_text(contract, "plan"));
    sheet_put(sheet, TONE_PLAIN, " from %s to %s: %" PRId64 " year%s, days of %s, working days of %s",
              field_text(contract, "first_day"), field_text(contract, "last_day"), years, years == 1 ? "" : "s",
              field_text(contract, "zone"), field_text(contract, "calendar"));
    fputc('\n', sheet->out);
    if (field_instant(contract, "locked", &at_us))
        sheet_put(sheet, TONE_PLAIN, "  locked since %s by a request: it holds for its term",
                  human_instant(text, at_us));
    else
        sheet_put(sheet, TONE_PLAIN, "  not locked: nothing of it was requested yet");
    fputc('\n', sheet->out);
    put_years(contract, sheet);
}

static void put_contracts(const json_t *data, const struct sheet *sheet)
{
    const json_t *contracts = field_list(data, "contracts");
    size_t i;
    json_t *contract;
    if (json_array_size(contracts) == 0)
        fputs("no contract: warroom tenant set TENANT --plan PLAN --from DAY --zone ZONE --calendar CALENDAR\n",
              sheet->out);
    json_array_foreach(contracts, i, contract) put_contract(contract, sheet);
}

void show_contracts(const json_t *data, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "Tenant %s", field_text(data, "tenant"));
    fputc('\n', sheet->out);
    put_contracts(data, sheet);
}

void show_tenant_page(const json_t *data, const struct sheet *sheet)
{
    const json_t *tenant = field_object(data, "tenant");
    sheet_put(sheet, TONE_STRONG, "Tenant %s", field_text(tenant, "name"));
    sheet_put(sheet, TONE_PLAIN, ", number %" PRId64 ": hosts %" PRId64 ", events %" PRId64, count(tenant, "id"),
              count(data, "hosts"), count(data, "events"));
    fputc('\n', sheet->out);
    put_contracts(data, sheet);
}

/* ---- packs and draws ---- */

static void put_packs(const json_t *packs, const struct sheet *sheet)
{
    static const struct column columns[] = { { "PACK", true, 0 },  { "KIND", false, 0 }, { "LEFT", false, 0 },
                                             { "FROM", false, 0 }, { "TO", false, 0 },   { "BOUGHT", false, 0 },
                                             { "BY", false, 8 } };
    size_t i;
    json_t *pack;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(packs, i, pack)
    {
        count_cell(table, pack, "id");
        cell(table, pack, "kind");
        table_cell(table, TONE_PLAIN, "%" PRId64 " of %" PRId64, count(pack, "left"), count(pack, "days"));
        cell(table, pack, "from_day");
        cell(table, pack, "to_day");
        show_time_cell(table, pack, "bought", sheet);
        cell(table, pack, "bought_by");
    }
    table_print(table, sheet);
}

/* An event may have a zone of its own. */
#define DRAW_DAYS "first days are those of the contract's zone"

static void source_cell(struct table *table, const json_t *draw)
{
    int64_t pack;
    if (field_count(draw, "pack", &pack))
        table_cell(table, TONE_PLAIN, "pack %" PRId64, pack);
    else
        table_cell(table, TONE_PLAIN, "contract");
}

static void put_draws(const json_t *draws, const struct sheet *sheet, int indent)
{
    static const struct column columns[] = { { "DRAW", true, 0 },       { "KIND", false, 0 }, { "EVENT", false, 12 },
                                             { "FIRST DAY", false, 0 }, { "DAYS", true, 0 },  { "FROM", false, 0 },
                                             { "STATE", false, 0 },     { "AT", false, 0 },   { "BY", false, 8 } };
    size_t i;
    json_t *draw;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], indent);
    json_array_foreach(draws, i, draw)
    {
        count_cell(table, draw, "id");
        cell(table, draw, "kind");
        cell(table, draw, "event");
        cell(table, draw, "first_day");
        count_cell(table, draw, "days");
        source_cell(table, draw);
        cell(table, draw, "state");
        show_time_cell(table, draw, "at", sheet);
        cell(table, draw, "by");
    }
    table_print(table, sheet);
}

static void put_head(const json_t *data, const char *title, const char *total, size_t shown, const struct sheet *sheet)
{
    int64_t n = count(data, total);
    fprintf(sheet->out, "\n%s (%" PRId64 "%s)\n", title, n, n > (int64_t)shown ? ", the newest" : "");
}

void show_entitlement(const json_t *data, const struct sheet *sheet)
{
    const json_t *packs = field_list(data, "packs");
    const json_t *draws = field_list(data, "draws");
    show_contracts(data, sheet);
    put_head(data, "Packs", "packs_total", json_array_size(packs), sheet);
    if (json_array_size(packs) > 0)
        put_packs(packs, sheet);
    put_head(data, "Draws", "draws_total", json_array_size(draws), sheet);
    if (json_array_size(draws) > 0) {
        fputs("  " DRAW_DAYS "\n", sheet->out);
        put_draws(draws, sheet, 2);
    }
}

void show_pack(const json_t *data, const struct sheet *sheet)
{
    const json_t *pack = field_object(data, "pack");
    sheet_put(sheet, TONE_PLAIN, "pack %" PRId64 " of %s: %" PRId64 " days of %s, for what begins from %s to %s",
              count(pack, "id"), field_text(data, "tenant"), count(pack, "days"), field_text(pack, "kind"),
              field_text(pack, "from_day"), field_text(pack, "to_day"));
    fputc('\n', sheet->out);
}

void show_draws(const json_t *data, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "Tenant %s: " DRAW_DAYS, field_text(data, "tenant"));
    fputc('\n', sheet->out);
    put_draws(field_list(data, "draws"), sheet, 0);
}
