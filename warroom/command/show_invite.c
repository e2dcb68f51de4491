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
