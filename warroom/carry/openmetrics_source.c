/* An OpenMetrics file has its samples series by series, so a tick's values lie far apart in it. It is read once for its
 * series, their decimals and whether it is whole; then once for each window of time: samples from where the window
 * begins are kept, and whenever there are too many for memory the later half of them is let go and the window ends
 * before it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "warroom/carry/openmetrics.h"
#include "warroom/carry/source_parts.h"

enum { WINDOW_SAMPLES = 3 << 20, NAMES_MAX = 65536 };

struct sample { /* 32 bytes: a window takes 96 MiB */
    int64_t at_us;
    uint64_t line;
    union {
        int64_t digits;
        double real;
    };
    uint16_t series;
    int16_t exponent;
    bool exact;
};

struct known_name { /* a series as one line names it */
    uint32_t series;
    UT_hash_handle hh;
    size_t len;
    char text[];
};

struct openmetrics_source {
    struct source source;
    struct known_name *names;
    uint32_t n_names;
    char family[METRIC_FAMILY_MAX]; /* the last # UNIT line was of */
    char unit[SERIES_UNIT_MAX + 40];
    const char *host; /* the first one named; in the arena */
    struct sample *window;
    size_t n, at;     /* samples of the window, and how many were handed out */
    int64_t until_us; /* the window ends before it */
    bool at_end;      /* there is none behind this window */
    struct number values[SERIES_MAX];
};

static void free_openmetrics(struct source *source)
{
    struct openmetrics_source *om = (struct openmetrics_source *)source; /* its first member */
    struct known_name *name = om->names;
    struct known_name *next;
    HASH_CLEAR(hh, om->names); /* the entries stay linked by hh.next */
    for (; name; name = next) {
        next = name->hh.next;
        free(name);
    }
    lines_done(&source->lines);
    arena_done(&source->arena);
    free(om->window);
    free(om);
}

static void auto_free_openmetrics(struct openmetrics_source **om)
{
    if (*om)
        free_openmetrics(&(*om)->source);
}

/* ---- series ---- */

static bool is_same(const struct series *a, const struct series *b)
{
    return strcmp(a->metric, b->metric) == 0 && strcmp(a->instance, b->instance) == 0;
}

static int find_series(struct openmetrics_source *om, const struct series *series, uint32_t *ret, struct err *err)
{
    struct source *source = &om->source;
    for (*ret = 0; *ret < source->n; ++*ret)
        if (is_same(&source->series[*ret], series))
            return 0;
    if (source->n == SERIES_MAX)
        return err_set(err, -EINVAL, "more than %d series: a host has no more, split the file", SERIES_MAX);
    source->series[source->n++] = *series;
    return 0;
}

static int check_host(struct openmetrics_source *om, const char *host, struct err *err)
{
    if (!*om->host)
        om->host = host;
    if (*host && strcmp(om->host, host) != 0)
        return err_set(err, -EINVAL, "the file holds samples of several hosts (%.60s, %.60s): one host a file, please",
                       om->host, host);
    return 0;
}

static int learn_name(struct openmetrics_source *om, const struct openmetrics_line *line, struct scan_text text,
                      uint32_t *ret, struct err *err)
{
    struct series series;
    const char *host;
    bool has_unit = scan_text_is(line->name, om->family);
    if (om->n_names == NAMES_MAX)
        return err_set(err, -EINVAL, "more than %d names", NAMES_MAX);
    int rc = openmetrics_series(line, has_unit ? om->unit : "", &om->source.arena, &series, &host, err);
    if (rc == 0)
        rc = check_host(om, host, err);
    if (rc == 0)
        rc = find_series(om, &series, ret, err);
    if (rc < 0)
        return rc;
    struct known_name *name = malloc(sizeof *name + text.len);
    if (!name)
        return err_set(err, -ENOMEM, "out of memory");
    name->series = *ret;
    name->len = text.len;
    memcpy(name->text, text.at, text.len);
    HASH_ADD_KEYPTR(hh, om->names, name->text, name->len, name);
    if (!name->hh.tbl) {
        free(name);
        return err_set(err, -ENOMEM, "out of memory");
    }
    om->n_names++;
    return 0;
}

static int series_of(struct openmetrics_source *om, const struct openmetrics_line *line, uint32_t *ret, struct err *err)
{
    struct scan_text text = { line->name.at, (size_t)(line->labels.at + line->labels.len - line->name.at) };
    struct known_name *known;
    HASH_FIND(hh, om->names, text.at, text.len, known);
    if (!known)
        return learn_name(om, line, text, ret, err);
    *ret = known->series;
    return 0;
}

/* ---- the first reading ---- */

static void keep_unit(struct openmetrics_source *om, const struct openmetrics_line *line)
{
    snprintf(om->family, sizeof om->family, "%.*s", (int)line->name.len, line->name.at);
    snprintf(om->unit, sizeof om->unit, "%.*s", (int)line->unit.len, line->unit.at);
}

static int first_sample(struct openmetrics_source *om, const struct openmetrics_line *line, int64_t now_us,
                        struct err *err)
{
    uint32_t series = 0;
    int rc = source_check_time(line->at_us, now_us, err);
    if (rc == 0)
        rc = series_of(om, line, &series, err);
    if (rc == 0)
        source_note(&om->source.series[series], &line->value);
    return rc;
}

/* Each line is hashed together with the hash of all before it. */
static void chain(struct openmetrics_source *om, const char *line, size_t len, uint8_t *scratch)
{
    memcpy(scratch, om->source.identity.bytes, sizeof om->source.identity.bytes);
    memcpy(scratch + sizeof om->source.identity.bytes, line, len);
    om->source.identity = codec_table_hash(scratch, sizeof om->source.identity.bytes + len);
}

static int first_reading(struct openmetrics_source *om, int64_t now_us, struct err *err)
{
    AUTO(auto_free) uint8_t *scratch = malloc(LINES_LEN_MAX + TABLE_HASH_BYTES);
    struct openmetrics_line parsed = { .kind = OPENMETRICS_OTHER };
    const char *line;
    size_t len;
    int rc;
    if (!scratch)
        return err_set(err, -ENOMEM, "out of memory");
    while ((rc = lines_next(&om->source.lines, &line, &len, err)) == 0) {
        if (parsed.kind == OPENMETRICS_EOF)
            return err_set(err, -EINVAL, "there is more behind # EOF");
        chain(om, line, len, scratch);
        rc = openmetrics_line_parse(line, len, &parsed, err);
        if (rc == 0 && parsed.kind == OPENMETRICS_UNIT)
            keep_unit(om, &parsed);
        if (rc == 0 && parsed.kind == OPENMETRICS_SAMPLE)
            rc = first_sample(om, &parsed, now_us, err);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        return rc;
    if (parsed.kind != OPENMETRICS_EOF)
        return err_set(err, -EINVAL, "the file ends without # EOF: it was cut off");
    return om->source.n > 0 ? 0 : err_set(err, -EINVAL, "there is no sample in the file");
}

/* ---- windows ---- */

static int compare(const void *a, const void *b)
{
    const struct sample *x = a;
    const struct sample *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Lets the later half go, by whole ticks: no tick has more samples than there are series. */
static int shrink(struct openmetrics_source *om, struct err *err)
{
    qsort(om->window, om->n, sizeof *om->window, compare);
    size_t keep = om->n / 2;
    om->until_us = om->window[keep].at_us;
    while (keep > 0 && om->window[keep - 1].at_us == om->until_us)
        keep--;
    if (keep == 0)
        return err_set(err, -EINVAL, "there are millions of samples of one moment");
    om->n = keep;
    om->at_end = false;
    return 0;
}

static int take_sample(struct openmetrics_source *om, const struct openmetrics_line *line, int64_t from_us,
                       struct err *err)
{
    uint32_t series = 0;
    int rc = series_of(om, line, &series, err);
    if (rc < 0 || line->at_us < from_us)
        return rc;
    if (line->at_us >= om->until_us) {
        om->at_end = false;
        return 0;
    }
    struct sample *sample = &om->window[om->n++];
    *sample = (struct sample){ .at_us = line->at_us,
                               .line = om->source.lines.number,
                               .series = (uint16_t)series,
                               .exponent = (int16_t)line->value.exponent,
                               .exact = line->value.exact };
    if (line->value.exact)
        sample->digits = line->value.digits;
    else
        sample->real = line->value.real;
    return om->n == WINDOW_SAMPLES ? shrink(om, err) : 0;
}

static int read_window(struct openmetrics_source *om, int64_t from_us, struct err *err)
{
    struct openmetrics_line parsed;
    const char *line;
    size_t len;
    om->n = om->at = 0;
    om->until_us = INT64_MAX;
    om->at_end = true;
    int rc = lines_rewind(&om->source.lines, err);
    while (rc == 0 && (rc = lines_next(&om->source.lines, &line, &len, err)) == 0) {
        rc = openmetrics_line_parse(line, len, &parsed, err);
        if (rc == 0 && parsed.kind == OPENMETRICS_SAMPLE)
            rc = take_sample(om, &parsed, from_us, err);
    }
    if (rc < 0)
        return rc;
    qsort(om->window, om->n, sizeof *om->window, compare);
    return 0;
}

static struct number number_of(const struct sample *sample)
{
    return sample->exact ? number_exact(sample->digits, sample->exponent) : (struct number){ .real = sample->real };
}

static int next_tick(struct source *source, struct tick *ret, struct err *err)
{
    struct openmetrics_source *om = (struct openmetrics_source *)source;
    if (om->at == om->n) {
        if (om->at_end)
            return SOURCE_END;
        int rc = read_window(om, om->until_us, err);
        if (rc < 0)
            return rc;
    }
    if (om->at == om->n)
        return SOURCE_END; /* the file became shorter since */
    const struct sample *first = &om->window[om->at];
    *ret = (struct tick){ .at_us = first->at_us, .line = first->line, .values = om->values };
    for (uint32_t i = 0; i < source->n; i++)
        om->values[i] = NUMBER_ABSENT;
    for (const struct sample *sample = first; om->at < om->n && sample->at_us == first->at_us; sample++) {
        ret->line = sample->line;
        if (sample > first && sample->series == sample[-1].series)
            return err_set(err, -EINVAL, "this series has a sample of this moment already");
        om->values[sample->series] = number_of(sample);
        om->at++;
    }
    ret->line = first->line;
    return 0;
}

int openmetrics_source_open(struct source **ret, FILE *file, int64_t now_us, struct err *err)
{
    AUTO(auto_free_openmetrics) struct openmetrics_source *om = calloc(1, sizeof *om);
    if (!om)
        return err_set(err, -ENOMEM, "out of memory");
    om->source.next = next_tick;
    om->source.free = free_openmetrics;
    om->host = "";
    arena_init(&om->source.arena, SOURCE_ARENA_BYTES);
    om->source.series = arena_alloc(&om->source.arena, SERIES_MAX, sizeof *om->source.series);
    om->window = malloc(WINDOW_SAMPLES * sizeof *om->window);
    if (!om->source.series || !om->window)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = lines_open(&om->source.lines, file, err);
    if (rc == 0)
        rc = lines_rewind(&om->source.lines, err);
    if (rc == -ESPIPE)
        rc = err_set(err, rc, "OpenMetrics cannot come from a pipe: save it to a file first");
    if (rc == 0)
        rc = first_reading(om, now_us, err);
    if (rc < 0)
        return source_failed(om->source.lines.number, rc, err);
    om->until_us = 0; /* the first window begins with the first tick */
    *ret = &TAKE(om)->source;
    return 0;
}
