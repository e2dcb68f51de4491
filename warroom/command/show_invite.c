/* Who may be a host's agent: the line that joins one, and what was taken away. */
#include <inttypes.h>

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

void show_invited(const json_t *data, const struct sheet *sheet)
{
    const json_t *invitation = field_object(data, "invitation");
    const json_t *host = field_object(data, "host");
    if (host)
        show_host(data, sheet);
    if (field_true(data, "known"))
        fprintf(sheet->out, "It is known: what joins by this goes on with its history.%s\n",
                field_is(host, "key", "joined") ? " Its present key is heard until then." : "");
    fputs("\nPaste on the host, as root:\n\n    ", sheet->out);
    sheet_put(sheet, TONE_STRONG, "warroom-agent join '%s'", field_text(invitation, "code"));
    fputs("\n\nGood ", sheet->out);
    put_until(invitation, sheet);
    if (host)
        fputs("for this host alone, once.\n", sheet->out);
    else
        put_whom(invitation, sheet);
    fputs("It is a secret: `warroom-agent join -` reads it from standard input, so that no shell keeps it.\n",
          sheet->out);
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
