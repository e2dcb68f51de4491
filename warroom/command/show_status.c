
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

enum { LABEL_COLUMNS = 12 };

static void put_label(const struct sheet *sheet, const char *label)
{
    sheet_put(sheet, TONE_STRONG, "%-*s", LABEL_COLUMNS, label);
}

/* "3 firing": in `tone` unless it is none. A count that is not there is a dash. */
static void put_count(const struct sheet *sheet, const json_t *object, const char *key, const char *word,
                      enum tone tone)
{
    char text[HUMAN_TEXT] = FIELD_NONE;
    int64_t count = 0;
    if (field_count(object, key, &count))
        human_count(text, count);
    sheet_put(sheet, count > 0 ? tone : TONE_PLAIN, "%s %s", text, word);
}

struct figure {
    const char *key, *word;
    enum tone tone;
};

static void put_line(const struct sheet *sheet, const char *label, const json_t *object, const struct figure *figures,
                     size_t n)
{
    put_label(sheet, label);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sheet_put(sheet, TONE_PLAIN, "   ");
        put_count(sheet, object, figures[i].key, figures[i].word, figures[i].tone);
    }
}

static void put_head(const json_t *data, const struct sheet *sheet)
{
    char started[HUMAN_TEXT], now[HUMAN_TEXT];
    int64_t at_us;
    put_label(sheet, "collector");
    sheet_put(sheet, TONE_PLAIN, "%s", field_text(data, "version"));
    sheet_put(sheet, TONE_PLAIN, "   listening on %s", field_text(data, "listen"));
    if (field_instant(data, "started", &at_us))
        sheet_put(sheet, TONE_PLAIN, "   started %s", human_age(started, at_us, sheet->now_us));
    sheet_put(sheet, TONE_DIM, "   %s", human_instant(now, sheet->now_us));
    fputc('\n', sheet->out);
}

/* Those figures that are not nothing, on a line of their own. */
static void put_others(const struct sheet *sheet, const json_t *object, const struct figure *figures, size_t n)
{
    const char *gap = NULL;
    for (size_t i = 0; i < n; i++) {
        int64_t count = 0;
        if (!field_count(object, figures[i].key, &count) || count == 0)
            continue;
        if (gap)
            fputs(gap, sheet->out);
        else
            put_label(sheet, "");
        put_count(sheet, object, figures[i].key, figures[i].word, figures[i].tone);
        gap = "   ";
    }
    if (gap)
        fputc('\n', sheet->out);
}

static void put_hosts(const json_t *hosts, const struct sheet *sheet)
{
    static const struct figure figures[] = { { "total", "enrolled", TONE_PLAIN },
                                             { "reporting", "reporting", TONE_GOOD },
                                             { "silent", "silent", TONE_BAD } };
    static const struct figure clones[] = { { "cloned", "cloned: two agents report by one key (warroom hosts)",
                                              TONE_BAD } };
    static const struct figure keys[] = { { "invited", "invited", TONE_WARN },
                                          { "none", "without a key", TONE_WARN },
                                          { "revoked", "revoked", TONE_BAD },
                                          { "retired", "retired", TONE_DIM } };
    put_line(sheet, "hosts", hosts, figures, 3);
    fputc('\n', sheet->out);
    put_others(sheet, hosts, clones, 1);
    put_others(sheet, field_object(hosts, "keys"), keys, 4);
}

static void put_lines(const json_t *data, const struct sheet *sheet)
{
    static const struct figure incidents[] = { { "open", "open", TONE_WARN },
                                               { "unacknowledged", "unacknowledged", TONE_BAD } };
    static const struct figure alerts[] = { { "firing", "firing", TONE_BAD },
                                            { "pending", "pending", TONE_WARN },
                                            { "unknown", "unknown", TONE_WARN },
                                            { "silenced", "silenced", TONE_DIM } };
    static const struct figure pages[] = { { "queued", "queued", TONE_WARN },
                                           { "delivered", "delivered", TONE_PLAIN },
                                           { "failed", "failed", TONE_BAD } };
    static const struct {
        const char *label;
        const struct figure *figures;
        size_t n;
    } lines[] = { { "incidents", incidents, 2 }, { "alerts", alerts, 4 }, { "pages", pages, 3 } };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put_line(sheet, lines[i].label, field_object(data, lines[i].label), lines[i].figures, lines[i].n);
        fputc('\n', sheet->out);
    }
}

/* Nothing before the first group. */
static void put_commits(const json_t *commit_ms, const struct sheet *sheet)
{
    char p50[HUMAN_TEXT], p99[HUMAN_TEXT];
    int64_t groups = 0;
    double p50_ms, p99_ms;
    if (!field_count(commit_ms, "groups", &groups) || groups == 0 || !field_number(commit_ms, "p50", &p50_ms) ||
        !field_number(commit_ms, "p99", &p99_ms))
        return;
    sheet_put(sheet, TONE_PLAIN, "   commits p50 %s, p99 %s", human_value(p50, p50_ms / 1e3, "s"),
              human_value(p99, p99_ms / 1e3, "s"));
}

static void put_store(const json_t *store, const struct sheet *sheet)
{
    static const struct figure figures[] = { { "samples", "samples", TONE_PLAIN }, { "ticks", "ticks", TONE_PLAIN } };
    char text[HUMAN_TEXT];
    double bytes;
    size_t i;
    json_t *fault;
    put_line(sheet, "store", store, figures, 2);
    if (field_number(store, "bytes", &bytes))
        sheet_put(sheet, TONE_PLAIN, "   %s", human_value(text, bytes, "By"));
    put_commits(field_object(store, "commit_ms"), sheet);
    fputc('\n', sheet->out);
    json_array_foreach(field_list(store, "faults"), i, fault)
    {
        put_label(sheet, "");
        sheet_put(sheet, TONE_BAD, "FAULT");
        sheet_put(sheet, TONE_PLAIN, " %s", json_string_value(fault) ? json_string_value(fault) : FIELD_NONE);
        fputc('\n', sheet->out);
    }
}

/* "            refused unknown-host: 3"; nothing for none. */
static void put_trouble(const struct sheet *sheet, const char *what, const char *which, const json_t *count)
{
    if (json_integer_value(count) <= 0)
        return;
    put_label(sheet, "");
    sheet_put(sheet, TONE_WARN, "%s", what);
    sheet_put(sheet, TONE_PLAIN, " %s: %" JSON_INTEGER_FORMAT, which, json_integer_value(count));
    fputc('\n', sheet->out);
}

static void put_uplink(const json_t *uplink, const struct sheet *sheet)
{
    static const struct figure figures[] = { { "connections", "connections", TONE_PLAIN },
                                             { "reports", "reports", TONE_PLAIN } };
    const char *reason;
    json_t *count;
    put_line(sheet, "uplink", uplink, figures, 2);
    fputc('\n', sheet->out);
    json_object_foreach(json_object_get(uplink, "refused"), reason, count) put_trouble(sheet, "refused", reason, count);
    json_object_foreach(json_object_get(uplink, "over"), reason, count)
        put_trouble(sheet, "over the limit of", reason, count);
    put_trouble(sheet, "unopened", "handshakes not made for this collector",
                json_object_get(uplink, "unopened_handshakes"));
    put_trouble(sheet, "unopened", "messages not sealed by their agent", json_object_get(uplink, "unopened_messages"));
}

void show_status(const json_t *data, const struct sheet *sheet)
{
    put_head(data, sheet);
    put_hosts(field_object(data, "hosts"), sheet);
    put_lines(data, sheet);
    put_store(field_object(data, "store"), sheet);
    put_uplink(field_object(data, "uplink"), sheet);
    const json_t *events = field_list(data, "events");
    put_label(sheet, "events");
    if (json_array_size(events) == 0) {
        sheet_put(sheet, TONE_PLAIN, "none live");
        fputc('\n', sheet->out);
        return;
    }
    sheet_put(sheet, TONE_PLAIN, "live now:");
    fputc('\n', sheet->out);
    show_event_table(events, sheet, 2);
}
