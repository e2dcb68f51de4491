/* Contacts and rotas: who can be told by which ways, and who is on duty. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

/* ---- contacts ---- */

/* "mail alice@example.com, robot": as many as there are. */
static void ways_text(char *text, size_t size, const json_t *ways)
{
    size_t used = 0;
    size_t i;
    json_t *way;
    snprintf(text, size, FIELD_NONE);
    json_array_foreach(ways, i, way)
    {
        const char *address = field_text(way, "address");
        bool none = strcmp(address, FIELD_NONE) == 0;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? ", " : "", field_text(way, "channel"),
                                     none ? "" : " ", none ? "" : address);
    }
}

static void contact_row(struct table *table, const json_t *contact, const struct sheet *sheet)
{
    (void)sheet;
    char ways[512];
    int64_t channels = 0;
    field_count(contact, "channels", &channels);
    ways_text(ways, sizeof ways, field_list(contact, "ways"));
    table_cell(table, TONE_PLAIN, "%s", field_text(contact, "name"));
    table_cell(table, TONE_PLAIN, "%s", field_text(contact, "tenant"));
    table_cell(table, TONE_PLAIN, "%s", field_text(contact, "language"));
    table_cell(table, channels < 2 ? TONE_WARN : TONE_PLAIN, "%" PRId64, channels);
    table_cell(table, TONE_PLAIN, "%s", ways);
}

void show_contacts(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "NAME", false, 8 },
                                             { "TENANT", false, 8 },
                                             { "LANGUAGE", false, 0 },
                                             { "CHANNELS", true, 0 },
                                             { "WAYS", false, 16 } };
    static const struct listing listing = { "no contacts", columns, sizeof columns / sizeof columns[0], contact_row };
    show_listing(field_list(data, "contacts"), &listing, sheet);
}

static void put_way(const json_t *way, const struct sheet *sheet)
{
    const char *address = field_text(way, "address");
    bool none = strcmp(address, FIELD_NONE) == 0;
    sheet_put(sheet, TONE_PLAIN, "  by %s (%s)%s%s", field_text(way, "channel"), field_text(way, "kind"),
              none ? "" : ": ", none ? "" : address);
    fputc('\n', sheet->out);
}

void show_contact_page(const json_t *data, const struct sheet *sheet)
{
    const json_t *contact = field_object(data, "contact");
    const char *tenant = field_text(contact, "tenant");
    bool of_all = strcmp(tenant, FIELD_NONE) == 0;
    size_t i;
    json_t *item;
    sheet_put(sheet, TONE_STRONG, "%s", field_text(contact, "name"));
    sheet_put(sheet, TONE_PLAIN, ", told in %s%s%s", field_text(contact, "language"),
              of_all ? "" : ", of incidents of ", of_all ? "" : tenant);
    fputc('\n', sheet->out);
    json_array_foreach(field_list(contact, "ways"), i, item) put_way(item, sheet);
    json_array_foreach(field_list(data, "oncall"), i, item)
    {
        sheet_put(sheet, TONE_PLAIN, "  rota %s%s", field_text(item, "rota"),
                  field_true(item, "on_duty") ? ", on duty now" : "");
        fputc('\n', sheet->out);
    }
}

static void tried_row(struct table *table, const json_t *way, const struct sheet *sheet)
{
    (void)sheet;
    bool delivered = field_true(way, "delivered");
    double took_s = 0;
    field_number(way, "took_s", &took_s);
    table_cell(table, TONE_PLAIN, "%s", field_text(way, "channel"));
    table_cell(table, TONE_PLAIN, "%s", field_text(way, "kind"));
    table_cell(table, TONE_PLAIN, "%s", field_text(way, "address"));
    table_cell(table, TONE_PLAIN, "%.1f s", took_s);
    table_cell(table, delivered ? TONE_GOOD : TONE_BAD, "%s", delivered ? "taken" : field_text(way, "error"));
}

void show_contact_test(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "CHANNEL", false, 8 },
                                             { "KIND", false, 0 },
                                             { "ADDRESS", false, 12 },
                                             { "TOOK", true, 0 },
                                             { "ANSWER", false, 16 } };
    static const struct listing listing = { "no ways", columns, sizeof columns / sizeof columns[0], tried_row };
    show_listing(field_list(data, "ways"), &listing, sheet);
}

/* ---- rotas ---- */

static void members_text(char *text, size_t size, const json_t *members)
{
    size_t used = 0;
    size_t i;
    json_t *name;
    snprintf(text, size, FIELD_NONE);
    json_array_foreach(members, i, name) if (used < size) used += (size_t)snprintf(
        text + used, size - used, "%s%s", i ? ", " : "", json_is_string(name) ? json_string_value(name) : FIELD_NONE);
}

static const char *turn_text(char text[DURATION_TEXT], const json_t *rota)
{
    double seconds = 0;
    field_number(rota, "turn_s", &seconds);
    return duration_format(text, (int64_t)(seconds * 1e6));
}

static void duty_cell(struct table *table, const json_t *duty)
{
    const json_t *override = field_object(duty, "override");
    table_cell(table, override ? TONE_WARN : TONE_PLAIN, "%s%s", field_text(duty, "contact"),
               override ? " (override)" : "");
}

static void rota_row(struct table *table, const json_t *rota, const struct sheet *sheet)
{
    char members[512], each[DURATION_TEXT];
    const json_t *duty = field_object(rota, "on_duty");
    members_text(members, sizeof members, field_list(rota, "members"));
    table_cell(table, TONE_PLAIN, "%s", field_text(rota, "name"));
    duty_cell(table, duty);
    show_time_cell(table, duty, "to", sheet);
    table_cell(table, TONE_PLAIN, "%s", turn_text(each, rota));
    table_cell(table, TONE_PLAIN, "%s", field_text(rota, "zone"));
    table_cell(table, TONE_PLAIN, "%s", members);
}

void show_rotas(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "NAME", false, 8 }, { "ON DUTY", false, 8 }, { "UNTIL", false, 0 },
                                             { "EACH", false, 0 }, { "ZONE", false, 0 },    { "MEMBERS", false, 12 } };
    static const struct listing listing = { "no rotas", columns, sizeof columns / sizeof columns[0], rota_row };
    show_listing(field_list(data, "rotas"), &listing, sheet);
}

static void turn_row(struct table *table, const json_t *duty, const struct sheet *sheet)
{
    const json_t *override = field_object(duty, "override");
    show_time_cell(table, duty, "from", sheet);
    show_time_cell(table, duty, "to", sheet);
    table_cell(table, TONE_DIM, "%s", field_text(duty, "from_local"));
    table_cell(table, override ? TONE_WARN : TONE_PLAIN, "%s", field_text(duty, "contact"));
    if (override)
        table_cell(table, TONE_PLAIN, "%s: %s", field_text(override, "by"), field_text(override, "reason"));
    else
        table_cell(table, TONE_DIM, "its turn");
}

void show_rota_page(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "FROM", false, 0 },
                                             { "TO", false, 0 },
                                             { "BY ITS OWN CLOCK", false, 0 },
                                             { "ON DUTY", false, 8 },
                                             { "WHY", false, 12 } };
    static const struct listing listing = { "nobody", columns, sizeof columns / sizeof columns[0], turn_row };
    const json_t *rota = field_object(data, "rota");
    char members[512], each[DURATION_TEXT];
    members_text(members, sizeof members, field_list(rota, "members"));
    sheet_put(sheet, TONE_STRONG, "%s", field_text(rota, "name"));
    sheet_put(sheet, TONE_PLAIN, ": %s, a turn each %s from %s %s on, %s", members, turn_text(each, rota),
              field_text(rota, "from_day"), field_text(rota, "at"), field_text(rota, "zone"));
    fputc('\n', sheet->out);
    show_listing(field_list(data, "turns"), &listing, sheet);
}

void show_rota_override(const json_t *data, const struct sheet *sheet)
{
    char from[HUMAN_TEXT] = FIELD_NONE, to[HUMAN_TEXT] = FIELD_NONE;
    const json_t *row = field_object(data, "override");
    int64_t at_us;
    if (field_instant(row, "from", &at_us))
        human_time(from, at_us, sheet->now_us);
    if (field_instant(row, "to", &at_us))
        human_time(to, at_us, sheet->now_us);
    sheet_put(sheet, TONE_PLAIN, "%s is on duty for %s from %s to %s", field_text(row, "contact"),
              field_text(row, "rota"), from, to);
    fputc('\n', sheet->out);
}
