#include <inttypes.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

void show_imported(const json_t *data, const struct sheet *sheet)
{
    char ticks[HUMAN_TEXT], fresh[HUMAN_TEXT], series[HUMAN_TEXT], from[HUMAN_TEXT], to[HUMAN_TEXT];
    int64_t n = 0, n_new = 0, n_series = 0, from_us = 0, to_us = 0;
    field_count(data, "ticks", &n);
    field_count(data, "new", &n_new);
    field_count(data, "series", &n_series);
    sheet_put(sheet, TONE_PLAIN, "%s: %s ticks of %s series", field_text(data, "host"), human_count(ticks, n),
              human_count(series, n_series));
    if (field_instant(data, "from", &from_us) && field_instant(data, "to", &to_us))
        sheet_put(sheet, TONE_PLAIN, ", %s to %s", human_instant(from, from_us), human_instant(to, to_us));
    sheet_put(sheet, TONE_PLAIN, ": %s new, ", human_count(fresh, n_new));
    sheet_put(sheet, TONE_PLAIN, "%s stored before", human_count(ticks, n - n_new));
    fputc('\n', sheet->out);
    if (field_instant(data, "dropped_before", &from_us)) {
        sheet_put(sheet, TONE_WARN, "Ticks before %s are older than the collector keeps them: it will let them go",
                  human_instant(from, from_us));
        fputc('\n', sheet->out);
    }
}

void show_backup(const json_t *data, const struct sheet *sheet)
{
    const json_t *backup = field_object(data, "backup");
    char files[HUMAN_TEXT], size[HUMAN_TEXT];
    int64_t n = 0;
    double bytes = 0;
    field_count(backup, "files", &n);
    field_number(backup, "bytes", &bytes);
    sheet_put(sheet, TONE_STRONG, "%s", field_text(backup, "path"));
    sheet_put(sheet, TONE_PLAIN, "  %s files, %s", human_count(files, n), human_value(size, bytes, "By"));
    fputc('\n', sheet->out);
}
