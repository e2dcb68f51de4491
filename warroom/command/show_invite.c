/* Who may be a host's agent: the line that joins one, and what was taken away. */
#include <inttypes.h>
#include <stdbool.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

static void put_until(const json_t *invitation, const struct sheet *sheet)
{
    char at[HUMAN_TEXT], age[HUMAN_TEXT];
    int64_t at_us;
    if (field_instant(invitation, "expires", &at_us))
        sheet_put(sheet, TONE_PLAIN, "until %s (%s), ", human_instant(at, at_us), human_age(age, at_us, sheet->now_us));
}

static void put_whom(const json_t *invitation, const struct sheet *sheet)
{
    int64_t uses = 0;
    field_count(invitation, "uses", &uses);
    sheet_put(sheet, TONE_PLAIN, "for %" PRId64 " new %s of tenant %s", uses, uses == 1 ? "host" : "hosts",
              field_text(invitation, "tenant"));
    if (json_is_string(json_object_get(invitation, "group")))
        sheet_put(sheet, TONE_PLAIN, ", group %s", field_text(invitation, "group"));
    fputs(".\nEach is named by its own hostname.\n", sheet->out);
}

/* `replace`: the host has an identity, which is to give way. */
static void put_line_to_paste(const json_t *invitation, bool replace, const struct sheet *sheet)
{
    const char *option = replace ? "--replace " : "";
    fprintf(sheet->out, "\nPaste on the host, as root, then %s warroom-agent there:\n\n    ",
            replace ? "restart" : "start");
    sheet_put(sheet, TONE_STRONG, "warroom-agent join %s'%s'", option, field_text(invitation, "code"));
    fputs("\n\nGood ", sheet->out);
    put_until(invitation, sheet);
}

static void put_secret(bool replace, const struct sheet *sheet)
{
    fprintf(sheet->out,
            "It is a secret: `warroom-agent join %s-` reads it from standard input, so no shell keeps it.\n",
            replace ? "--replace " : "");
}

static void put_invited(const json_t *data, bool replace, const struct sheet *sheet)
{
    const json_t *invitation = field_object(data, "invitation");
    const json_t *host = field_object(data, "host");
    if (host)
        show_host(data, sheet);
    if (field_true(data, "known"))
        fprintf(sheet->out, "It is known: what joins by this goes on with its history.%s\n",
                field_is(host, "key", "joined") ? " Its present key is heard until then." : "");
    put_line_to_paste(invitation, replace, sheet);
    if (host)
        fputs("for this host alone, once.\n", sheet->out);
    else
        put_whom(invitation, sheet);
    put_secret(replace, sheet);
    if (!replace && field_true(data, "known"))
        fputs("A machine that was not built anew has joined already: there it is `warroom-agent join --replace`.\n",
              sheet->out);
}

void show_invited(const json_t *data, const struct sheet *sheet)
{
    put_invited(data, false, sheet);
}

void show_rotated(const json_t *data, const struct sheet *sheet)
{
    put_invited(data, true, sheet);
}

/* "host web-1", "new hosts, group web". */
static void whom_cell(struct table *table, const json_t *row)
{
    bool grouped = json_is_string(json_object_get(row, "group"));
    if (json_is_string(json_object_get(row, "host")))
        table_cell(table, TONE_PLAIN, "host %s", field_text(row, "host"));
    else
        table_cell(table, TONE_PLAIN, "new hosts%s%s", grouped ? ", group " : "",
                   grouped ? field_text(row, "group") : "");
}

void show_invitations(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "ID", false, 0 },       { "TENANT", false, 8 }, { "FOR", false, 16 },
                                             { "USES LEFT", true, 0 }, { "MADE", true, 0 },    { "EXPIRES", true, 0 } };
    const json_t *list = field_list(data, "invitations");
    size_t i;
    json_t *row;
    if (json_array_size(list) == 0) {
        fputs("nobody is invited: warroom host enroll NAME --tenant TENANT\n", sheet->out);
        return;
    }
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    json_array_foreach(list, i, row)
    {
        int64_t uses = 0;
        field_count(row, "uses", &uses);
        table_cell(table, TONE_PLAIN, "%s", field_text(row, "id"));
        table_cell(table, TONE_PLAIN, "%s", field_text(row, "tenant"));
        whom_cell(table, row);
        table_cell(table, TONE_PLAIN, "%" PRId64, uses);
        show_age_cell(table, row, "made", sheet);
        show_age_cell(table, row, "expires", sheet);
    }
    table_print(table, sheet);
}

void show_uninvited(const json_t *data, const struct sheet *sheet)
{
    const json_t *row = field_object(data, "outstanding");
    int64_t uses = 0;
    field_count(row, "uses", &uses);
    sheet_put(sheet, TONE_STRONG, "%s", field_text(row, "id"));
    sheet_put(sheet, TONE_PLAIN, " of tenant %s is taken back, with %" PRId64 " %s left; who has joined by it stays",
              field_text(row, "tenant"), uses, uses == 1 ? "use" : "uses");
    fputc('\n', sheet->out);
}

static void put_fate(const json_t *data, const struct sheet *sheet, const char *fate)
{
    const json_t *host = field_object(data, "host");
    sheet_put(sheet, TONE_STRONG, "%s", field_text(host, "name"));
    sheet_put(sheet, TONE_PLAIN, " of tenant %s %s", field_text(host, "tenant"), fate);
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN, "Back again: warroom host enroll %s --tenant %s", field_text(host, "name"),
              field_text(host, "tenant"));
    fputc('\n', sheet->out);
}

void show_revoked(const json_t *data, const struct sheet *sheet)
{
    bool joined = !field_is(field_object(data, "host"), "key", "none");
    put_fate(data, sheet, joined ? "is revoked: its agent is heard no more" : "is invited no more; nobody had joined");
}

void show_retired(const json_t *data, const struct sheet *sheet)
{
    put_fate(data, sheet, "is retired: heard and judged no more; what it sent stays");
}
