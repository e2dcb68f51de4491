#include "agent/read/pressure.h"

#include <errno.h>

static const struct pressure_row {
    enum host_file file;
    const char *name;
    enum metric_id some;
    enum metric_id full; /* METRIC_COUNT: not reported. Nothing is ever wholly stalled for the CPU of a whole host. */
} rows[PRESSURES] = {
    { FILE_PRESSURE_CPU, "cpu", METRIC_PRESSURE_CPU_SOME, METRIC_COUNT },
    { FILE_PRESSURE_IO, "io", METRIC_PRESSURE_IO_SOME, METRIC_PRESSURE_IO_FULL },
    { FILE_PRESSURE_MEMORY, "memory", METRIC_PRESSURE_MEMORY_SOME, METRIC_PRESSURE_MEMORY_FULL },
};

/* "some avg10=0.00 avg60=0.15 avg300=0.24 total=5762266" */
static bool parse_total(struct scan line, uint64_t *ret)
{
    struct scan_text word;
    for (;;) {
        scan_blanks(&line);
        if (scan_literal(&line, "total="))
            return scan_u64(&line, ret) && scan_done(&line);
        if (!scan_word(&line, &word))
            return false;
    }
}

int pressure_parse(const char *text, size_t len, struct pressure *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct scan_text text_line;
    struct pressure pressure = { .full_us = 0 };
    bool some = false;
    while (scan_line(&scan, &text_line)) {
        struct scan line = scan_over(text_line.at, text_line.len);
        bool good = true;
        if (scan_literal(&line, "some "))
            some = good = parse_total(line, &pressure.some_us);
        else if (scan_literal(&line, "full "))
            good = parse_total(line, &pressure.full_us);
        if (!good)
            return err_set(err, -EBADMSG, "pressure: a line has no total");
    }
    if (!some)
        return err_set(err, -ENODATA, "pressure: no line some");
    *ret = pressure;
    return 0;
}

static bool read_pressure(struct files *files, enum host_file file, struct pressure *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, file, &text) &&
           files_judge(files, file, pressure_parse(text.at, text.len, ret, &err), &err);
}

/* The kernel adds a stall up when somebody reads, so more than the interval may come at once: hence the clamp. */
static double stalled(uint64_t now_us, uint64_t last_us, double seconds)
{
    return ratio_clamped(counter_moved(now_us, last_us) / 1e6 / seconds);
}

void pressure_take(void *state, const struct take *take)
{
    struct pressure_history *history = state;
    for (int i = 0; i < PRESSURES; i++) {
        struct pressure now = { .some_us = 0 };
        bool known = history->known[i];
        history->known[i] = read_pressure(take->files, rows[i].file, &now);
        if (!history->known[i])
            continue;
        const struct pressure *last = &history->last[i];
        add(take, rows[i].some, known ? stalled(now.some_us, last->some_us, take->seconds) : NAN);
        if (rows[i].full != METRIC_COUNT)
            add(take, rows[i].full, known ? stalled(now.full_us, last->full_us, take->seconds) : NAN);
        history->last[i] = now;
    }
}

void pressure_raw(void *state, const struct raw *raw)
{
    (void)state;
    for (int i = 0; i < PRESSURES; i++) {
        struct pressure now = { .some_us = 0 };
        if (!read_pressure(raw->files, rows[i].file, &now))
            continue;
        raw_emit(raw, (double)now.some_us / 1e6, NULL, 0, "pressure_%s_waiting_seconds_total", rows[i].name);
        if (rows[i].full != METRIC_COUNT)
            raw_emit(raw, (double)now.full_us / 1e6, NULL, 0, "pressure_%s_stalled_seconds_total", rows[i].name);
    }
}
