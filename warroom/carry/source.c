#include "warroom/carry/source_parts.h"

#include <errno.h>
#include <inttypes.h>

#include "base/moment.h"

int source_check_time(int64_t at_us, int64_t now_us, struct err *err)
{
    char text[MOMENT_TEXT];
    if (at_us < SOURCE_LEAST_US)
        return err_set(err, -EINVAL, "%s is before the year 2000: is the unit of the time right?",
                       moment_format(text, at_us));
    if (at_us > now_us + SOURCE_FUTURE_US)
        return err_set(err, -EINVAL, "%s lies in the future: is the unit of the time right?",
                       moment_format(text, at_us));
    return 0;
}

int source_failed(uint64_t line, int rc, struct err *err)
{
    return line > 0 ? err_within(err, rc, "line %" PRIu64, line) : rc;
}

void source_note(struct series *series, const struct number *number)
{
    if (number->exact && number->exponent < series->exponent && number->exponent >= -SERIES_EXPONENT_MAX)
        series->exponent = number->exponent;
}

int source_open(struct source **ret_source, FILE *file, enum source_format format, int64_t now_us, struct err *err)
{
    struct source *source = NULL;
    int rc = format == SOURCE_CSV ? csv_source_open(&source, file, err)
                                  : openmetrics_source_open(&source, file, now_us, err);
    if (rc < 0)
        return rc;
    source->now_us = now_us;
    *ret_source = source;
    return 0;
}

struct source *source_close(struct source *source)
{
    if (source)
        source->free(source);
    return NULL;
}

const struct series *source_series(const struct source *source, uint32_t *ret_n)
{
    *ret_n = source->n;
    return source->series;
}

struct table_hash source_identity(const struct source *source)
{
    return source->identity;
}

static int check_order(const struct source *source, int64_t at_us, struct err *err)
{
    char text[MOMENT_TEXT];
    if (at_us == source->last_us)
        return err_set(err, -EINVAL, "%s stands twice: each time once, please", moment_format(text, at_us));
    if (at_us < source->last_us)
        return err_set(err, -EINVAL, "%s is before the row above: sort the file by time", moment_format(text, at_us));
    return 0;
}

int source_next(struct source *source, struct tick *ret, struct err *err)
{
    struct tick tick = { 0 };
    int rc = source->next(source, &tick, err);
    if (rc == 0)
        rc = source_check_time(tick.at_us, source->now_us, err);
    if (rc == 0)
        rc = check_order(source, tick.at_us, err);
    if (rc < 0)
        return source_failed(tick.line ? tick.line : source->lines.number, rc, err);
    if (rc == 0) {
        source->last_us = tick.at_us;
        *ret = tick;
    }
    return rc;
}
