#include <inttypes.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

void show_tenant(const json_t *data, const struct sheet *sheet)
{
    int64_t id = 0;
    const json_t *tenant = field_object(data, "tenant");
    field_count(tenant, "id", &id);
    sheet_put(sheet, TONE_PLAIN, "tenant %s is number %" PRId64, field_text(tenant, "name"), id);
    fputc('\n', sheet->out);
}

static void tenant_row(struct table *table, const json_t *tenant, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t id = 0;
    int64_t at_us;
    (void)sheet;
    field_count(tenant, "id", &id);
    table_cell(table, TONE_PLAIN, "%" PRId64, id);
    table_cell(table, TONE_PLAIN, "%s", field_text(tenant, "name"));
    table_cell(table, TONE_PLAIN, "%s",
               field_instant(tenant, "created", &at_us) ? human_instant(text, at_us) : FIELD_NONE);
}

void show_tenants(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "ID", true, 0 }, { "TENANT", false, 20 }, { "SINCE", false, 0 } };
    static const struct listing listing = { "no tenants yet: warroom tenant add NAME", columns, 3, tenant_row };
    show_listing(field_list(data, "tenants"), &listing, sheet);
}

static const struct {
    const char *key, *label, *unit;
} limits[] = {
    { "egress", "egress", "By/s" },       { "ingress", "ingress", "By/s" },
    { "connections", "connections", "" }, { "new_connections", "new connections", "/s" },
    { "disk_read", "disk read", "By/s" }, { "disk_write", "disk write", "By/s" },
};

bool show_limits(const json_t *declared, const struct sheet *sheet)
{
    bool any = false;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char text[HUMAN_TEXT];
        double value;
        if (!field_number(declared, limits[i].key, &value))
            continue;
        sheet_put(sheet, TONE_PLAIN, "%s%s %s", any ? ", " : "", limits[i].label,
                  human_value(text, value, limits[i].unit));
        any = true;
    }
    return any;
}

static void put_limits(const json_t *host, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "limits: ");
    if (!show_limits(field_object(host, "limits"), sheet))
        sheet_put(sheet, TONE_PLAIN, "none declared; bandwidth and connections are not judged (warroom host set)");
    fputc('\n', sheet->out);
}

static void put_labels(const json_t *host, const struct sheet *sheet)
{
    const char *key, *gap = "labels: ";
    const json_t *value;
    json_object_foreach((json_t *)field_object(host, "labels"), key, value)
    {
        sheet_put(sheet, TONE_PLAIN, "%s%s=%s", gap, key,
                  json_is_string(value) ? json_string_value(value) : FIELD_NONE);
        gap = ", ";
    }
    if (gap[0] == ',')
        fputc('\n', sheet->out);
}

static void put_clones(const json_t *host, const struct sheet *sheet)
{
    char age[HUMAN_TEXT];
    int64_t at_us;
    if (!field_instant(host, "cloned", &at_us))
        return;
    sheet_put(sheet, TONE_BAD, "cloned");
    sheet_put(sheet, TONE_PLAIN, ": two agents had its key %s; join each machine by a line of its own (host enroll)",
              human_age(age, at_us, sheet->now_us));
    fputc('\n', sheet->out);
}

void show_host(const json_t *data, const struct sheet *sheet)
{
    const json_t *host = field_object(data, "host");
    sheet_put(sheet, TONE_STRONG, "%s", field_text(host, "name"));
    sheet_put(sheet, TONE_PLAIN, "  id %s, tenant %s, group %s", field_text(host, "id"), field_text(host, "tenant"),
              field_text(host, "group"));
    if (json_is_string(json_object_get(host, "key")))
        sheet_put(sheet, TONE_PLAIN, ", key %s", field_text(host, "key"));
    fputc('\n', sheet->out);
    put_clones(host, sheet);
    put_labels(host, sheet);
    put_limits(host, sheet);
}

/* One word: how it reports, or what is wrong with who reports it. */
static const char *host_word(const json_t *host)
{
    static const char *const keyless[] = { "invited", "revoked", "retired" };
    int64_t cloned_us;
    for (size_t i = 0; i < sizeof keyless / sizeof keyless[0]; i++)
        if (field_is(host, "key", keyless[i]))
            return keyless[i];
    if (field_is(host, "key", "none"))
        return "no key";
    if (field_instant(host, "cloned", &cloned_us))
        return "cloned";
    return field_text(host, "state");
}

static void names_cell(struct table *table, const json_t *names)
{
    char text[256] = "";
    size_t used = 0;
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        const char *value = json_string_value(name);
        if (value && used < sizeof text - 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? "," : "", value);
    }
    table_cell(table, TONE_PLAIN, "%s", text[0] ? text : FIELD_NONE);
}

static void host_row(struct table *table, const json_t *host, const struct sheet *sheet)
{
    int64_t alerts = 0;
    const char *state = host_word(host);
    table_cell(table, TONE_PLAIN, "%s", field_text(host, "name"));
    table_cell(table, TONE_PLAIN, "%s", field_text(host, "tenant"));
    table_cell(table, show_state_tone(state), "%s", state);
    show_age_cell(table, host, "last_tick", sheet);
    show_value_cell(table, host, "cpu", "1");
    show_value_cell(table, host, "memory", "1");
    bool counted = field_count(host, "alerts", &alerts);
    if (counted)
        table_cell(table, alerts > 0 ? TONE_BAD : TONE_PLAIN, "%" PRId64, alerts);
    else
        table_cell(table, TONE_PLAIN, FIELD_NONE);
    names_cell(table, field_list(host, "events"));
    table_cell(table, TONE_DIM, "%s", field_text(host, "id"));
}

void show_host_table(const json_t *hosts, const struct sheet *sheet, int indent)
{
    static const struct column columns[] = {
        { "HOST", false, 10 },    { "TENANT", false, 8 }, { "STATE", false, 0 },
        { "LAST TICK", true, 0 }, { "CPU", true, 0 },     { "MEMORY", true, 0 },
        { "ALERTS", true, 0 },    { "EVENTS", false, 6 }, { "ID", false, 16 },
    };
    size_t i;
    json_t *host;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], indent);
    json_array_foreach(hosts, i, host) host_row(table, host, sheet);
    table_print(table, sheet);
}

/* "100 hosts: 97 reporting, 2 silent, 1 revoked": below a list too long for a screen. */
static void put_tally(const json_t *hosts, const struct sheet *sheet)
{
    static const char *const words[] = { "reporting", "never",   "silent",  "cloned",
                                         "no key",    "invited", "revoked", "retired" };
    sheet_put(sheet, TONE_PLAIN, "%zu hosts", json_array_size(hosts));
    const char *gap = ": ";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = 0;
        size_t at;
        json_t *host;
        json_array_foreach(hosts, at, host) n += strcmp(host_word(host), words[i]) == 0;
        if (n == 0)
            continue;
        sheet_put(sheet, TONE_PLAIN, "%s%zu ", gap, n);
        sheet_put(sheet, show_state_tone(words[i]), "%s", words[i]);
        gap = ", ";
    }
    fputc('\n', sheet->out);
}

void show_hosts(const json_t *data, const struct sheet *sheet)
{
    const json_t *hosts = field_list(data, "hosts");
    if (json_array_size(hosts) == 0) {
        fputs("no hosts yet: warroom host enroll NAME --tenant TENANT\n", sheet->out);
        return;
    }
    show_host_table(hosts, sheet, 0);
    if (json_array_size(hosts) > 1)
        put_tally(hosts, sheet);
}
