#include "warroom/carry/openmetrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/metric/metric.h"
#include "warroom/carry/series.h"

enum { LABELS_MAX = 64, SHOWN = 40, INSTANCE_LABEL_MAX = 64 };
#define HOST_LABEL     "host"
#define INSTANCE_LABEL "instance" /* of metrics the catalogue does not know */

struct label {
    struct scan_text name;
    char *value; /* in the arena, escapes undone */
};

/* ---- lines ---- */

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

static bool scan_name(struct scan *scan, struct scan_text *ret)
{
    const char *from = scan->at;
    while (scan->at < scan->end && is_name_char(*scan->at, scan->at == from))
        scan->at++;
    *ret = (struct scan_text){ from, (size_t)(scan->at - from) };
    return ret->len > 0;
}

/* Up to the brace that closes them, which is passed over: one within quotes does not. */
static bool scan_labels(struct scan *scan, struct scan_text *ret)
{
    bool quoted = false;
    const char *from = scan->at;
    for (const char *at = from; at < scan->end; at++) {
        if (quoted && *at == '\\') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        } else if (*at == '}' && !quoted) {
            *ret = (struct scan_text){ from, (size_t)(at - from) };
            scan->at = at + 1;
            return true;
        }
    }
    return false;
}

static int shown(struct scan_text text)
{
    return text.len < SHOWN ? (int)text.len : SHOWN;
}

static int parse_value(struct scan_text text, struct number *ret, struct err *err)
{
    int rc = number_parse(text.at, text.len, ret);
    if (rc == 0)
        return 0;
    return err_set(err, -EINVAL, "\"%.*s\" is %s", shown(text), text.at, rc == -ERANGE ? "infinite" : "not a number");
}

static int parse_time(struct scan_text text, int64_t *ret_us, struct err *err)
{
    struct number number;
    if (number_parse(text.at, text.len, &number) == 0 && number_instant(&number, 0, ret_us))
        return 0;
    return err_set(err, -EINVAL, "the time \"%.*s\" is not seconds since 1970", shown(text), text.at);
}

static int parse_sample(struct scan *scan, struct openmetrics_line *ret, struct err *err)
{
    struct scan_text value, time;
    if (!scan_name(scan, &ret->name))
        return err_set(err, -EINVAL, "there is no metric's name at its beginning");
    ret->labels = (struct scan_text){ scan->at, 0 };
    if (scan_char(scan, '{') && !scan_labels(scan, &ret->labels))
        return err_set(err, -EINVAL, "its labels are not closed");
    const char *before = scan->at;
    scan_blanks(scan);
    if (scan->at == before || !scan_word(scan, &value))
        return err_set(err, -EINVAL, "there is no value behind the name");
    scan_blanks(scan);
    if (!scan_word(scan, &time) || *time.at == '#')
        return err_set(err, -EINVAL, "the sample has no time; only samples with times are history");
    scan_blanks(scan);
    if (!scan_done(scan) && *scan->at != '#') /* an exemplar may follow */
        return err_set(err, -EINVAL, "there is text behind the time");
    ret->kind = OPENMETRICS_SAMPLE;
    int rc = parse_value(value, &ret->value, err);
    return rc < 0 ? rc : parse_time(time, &ret->at_us, err);
}

static int parse_comment(struct scan *scan, struct openmetrics_line *ret, struct err *err)
{
    ret->kind = OPENMETRICS_OTHER;
    if (scan_literal(scan, "# EOF") && scan_done(scan)) {
        ret->kind = OPENMETRICS_EOF;
    } else if (scan_literal(scan, "# UNIT ")) {
        ret->kind = OPENMETRICS_UNIT;
        if (!scan_name(scan, &ret->name))
            return err_set(err, -EINVAL, "# UNIT without a metric's name");
        scan_blanks(scan);
        ret->unit = (struct scan_text){ scan->at, (size_t)(scan->end - scan->at) };
    }
    return 0;
}

int openmetrics_line_parse(const char *line, size_t len, struct openmetrics_line *ret, struct err *err)
{
    struct scan scan = scan_over(line, len);
    struct openmetrics_line parsed = { .kind = OPENMETRICS_OTHER };
    int rc = 0;
    if (len > 0)
        rc = *line == '#' ? parse_comment(&scan, &parsed, err) : parse_sample(&scan, &parsed, err);
    if (rc == 0)
        *ret = parsed;
    return rc;
}

/* ---- series ---- */

/* Between its quotes; the closing one is passed over. */
static bool scan_quoted(struct scan *scan, struct arena *arena, char **ret)
{
    if (!scan_char(scan, '"'))
        return false;
    char *text = arena_alloc(arena, (size_t)(scan->end - scan->at) + 1, 1);
    if (!text)
        return false;
    size_t n = 0;
    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        char c = *scan->at;
        if (c == '\0')
            return false;
        if (c == '\\') {
            if (++scan->at == scan->end)
                return false;
            c = *scan->at == 'n' ? '\n' : *scan->at;
        }
        text[n++] = c;
    }
    *ret = text;
    return scan_char(scan, '"');
}

static int parse_labels(struct scan_text text, struct arena *arena, struct label *labels, size_t *ret_n,
                        struct err *err)
{
    struct scan scan = scan_over(text.at, text.len);
    size_t n = 0;
    while (!scan_done(&scan)) {
        if (n == LABELS_MAX)
            return err_set(err, -EMSGSIZE, "more than %d labels", LABELS_MAX);
        if (!scan_name(&scan, &labels[n].name) || !scan_char(&scan, '=') ||
            !scan_quoted(&scan, arena, &labels[n].value) || (!scan_done(&scan) && !scan_char(&scan, ',')))
            return err_set(err, -EINVAL, "its labels are not of the form name=\"value\",...");
        n++;
    }
    *ret_n = n;
    return 0;
}

static const char *find_label(const struct label *labels, size_t n, const char *name, size_t name_len)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i].name.len == name_len && memcmp(labels[i].name.at, name, name_len) == 0)
            return labels[i].value;
    return NULL;
}

/* The metric of the catalogue whose series this is: its family, its attributes as labels and its instance's label,
 * nothing else. */
static bool is_of_catalogue(const struct metric *metric, const char *family, const struct label *labels, size_t n,
                            const char **ret_instance)
{
    char name[METRIC_FAMILY_MAX];
    if (strcmp(metric_family(name, metric->key, metric->unit), family) != 0)
        return false;
    size_t met = find_label(labels, n, HOST_LABEL, strlen(HOST_LABEL)) ? 1 : 0;
    struct metric_attribute attribute;
    for (const char *at = NULL; metric_next_attribute(metric->key, &at, &attribute); met++) {
        const char *value = find_label(labels, n, attribute.name, attribute.name_len);
        if (!value || strlen(value) != attribute.value_len || memcmp(value, attribute.value, attribute.value_len) != 0)
            return false;
    }
    *ret_instance = "";
    if (metric->instance_label) {
        *ret_instance = find_label(labels, n, metric->instance_label, strlen(metric->instance_label));
        met++;
    }
    return *ret_instance && met == n;
}

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a;
    const struct label *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.at, y->name.at, len);
    return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* "name{a=x,b=y}" with every label but host and instance, in alphabetical order. */
static char *foreign_key(const char *family, struct label *labels, size_t n, struct arena *arena)
{
    size_t room = strlen(family) + 3;
    for (size_t i = 0; i < n; i++)
        room += labels[i].name.len + strlen(labels[i].value) + 2;
    char *key = arena_alloc(arena, room, 1);
    if (!key)
        return NULL;
    qsort(labels, n, sizeof *labels, compare_labels);
    int len = snprintf(key, room, "%s", family);
    const char *before = "{";
    for (size_t i = 0; i < n; i++) {
        if (scan_text_is(labels[i].name, HOST_LABEL) || scan_text_is(labels[i].name, INSTANCE_LABEL))
            continue;
        len += snprintf(key + len, room - (size_t)len, "%s%.*s=%s", before, (int)labels[i].name.len, labels[i].name.at,
                        labels[i].value);
        before = ",";
    }
    if (*before == ',')
        snprintf(key + len, room - (size_t)len, "}");
    return key;
}

static int distinct_labels(const struct label *labels, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (find_label(labels, i, labels[i].name.at, labels[i].name.len))
            return err_set(err, -EINVAL, "the label %.*s stands twice", shown(labels[i].name), labels[i].name.at);
    return 0;
}

int openmetrics_series(const struct openmetrics_line *sample, const char *unit, struct arena *arena, struct series *ret,
                       const char **ret_host, struct err *err)
{
    struct label labels[LABELS_MAX];
    size_t n = 0;
    char *family = arena_text(arena, sample->name.at, sample->name.len);
    if (!family)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = parse_labels(sample->labels, arena, labels, &n, err);
    if (rc == 0)
        rc = distinct_labels(labels, n, err);
    if (rc < 0)
        return rc;
    const char *host = find_label(labels, n, HOST_LABEL, strlen(HOST_LABEL));
    const char *instance;
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric *metric = metric_get((enum metric_id)id);
        if (is_of_catalogue(metric, family, labels, n, &instance)) {
            *ret_host = host ? host : "";
            return series_make(metric->key, instance, metric->unit, arena, ret, err);
        }
    }
    instance = find_label(labels, n, INSTANCE_LABEL, strlen(INSTANCE_LABEL));
    char *key = foreign_key(family, labels, n, arena);
    if (!key)
        return err_set(err, -ENOMEM, "out of memory");
    *ret_host = host ? host : "";
    return series_make(key, instance ? instance : "", *unit ? metric_unit_of_family(unit) : "", arena, ret, err);
}

/* ---- printing ---- */

static void put_escaped(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' || text[i] == '"')
            fputc('\\', out);
        if (text[i] == '\n')
            fputs("\\n", out);
        else
            fputc(text[i], out);
    }
}

/* An attribute that is called as one of our own labels would stand twice. */
static void put_attribute_name(FILE *out, const struct metric_attribute *attribute, const char *instance_label)
{
    struct scan_text name = { attribute->name, attribute->name_len };
    if (scan_text_is(name, HOST_LABEL) || scan_text_is(name, instance_label))
        fputs("metric_", out);
    for (size_t i = 0; i < name.len; i++)
        fputc(name.at[i] != ':' && is_name_char(name.at[i], i == 0) ? name.at[i] : '_', out);
}

static char *name_text(const struct series *series, const char *family, const char *host)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    const struct metric *metric = metric_find(series->metric);
    const char *label = metric && metric->instance_label ? metric->instance_label : INSTANCE_LABEL;
    struct metric_attribute attribute;
    fprintf(out, "%s{" HOST_LABEL "=\"", family);
    put_escaped(out, host, strlen(host));
    for (const char *at = NULL; metric_next_attribute(series->metric, &at, &attribute);) {
        fputs("\",", out);
        put_attribute_name(out, &attribute, label);
        fputs("=\"", out);
        put_escaped(out, attribute.value, attribute.value_len);
    }
    if (series->instance[0]) {
        fprintf(out, "\",%s=\"", label);
        put_escaped(out, series->instance, strlen(series->instance));
    }
    fputs("\"}", out);
    bool whole = fclose(out) == 0;
    if (whole)
        return text;
    free(text);
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    const struct openmetrics_name *x = a;
    const struct openmetrics_name *y = b;
    int order = strcmp(x->family, y->family);
    return order ? order : strcmp(x->text, y->text);
}

static int check_names(const struct openmetrics_names *names, struct err *err)
{
    for (uint32_t i = 1; i < names->n; i++) {
        const struct openmetrics_name *a = &names->at[i - 1];
        const struct openmetrics_name *b = &names->at[i];
        if (strcmp(a->family, b->family) != 0)
            continue;
        if (strcmp(a->text, b->text) == 0)
            return err_set(err, -EEXIST, "%.60s and %.60s would both be %.80s: export them as csv, or one by --metric",
                           a->series->metric, b->series->metric, a->text);
        if (strcmp(metric_family_unit(a->series->metric, a->series->unit),
                   metric_family_unit(b->series->metric, b->series->unit)) != 0)
            return err_set(err, -EEXIST,
                           "%.60s and %.60s differ in unit but would both be of %.80s: export them as csv",
                           a->series->metric, b->series->metric, a->family);
    }
    return 0;
}

int openmetrics_names(struct openmetrics_names *ret, const struct series *series, uint32_t n, const char *host,
                      struct err *err)
{
    ret->at = calloc(n + 1, sizeof *ret->at);
    if (!ret->at)
        return err_set(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        struct openmetrics_name *name = &ret->at[ret->n];
        name->series = &series[i];
        metric_family(name->family, series[i].metric, series[i].unit);
        name->text = name_text(&series[i], name->family, host);
        if (!name->text)
            return err_set(err, -ENOMEM, "out of memory");
        ret->n++;
    }
    qsort(ret->at, ret->n, sizeof *ret->at, compare_names);
    return check_names(ret, err);
}

void openmetrics_names_done(struct openmetrics_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        free(names->at[i].text);
    free(names->at);
    *names = (struct openmetrics_names){ .n = 0 };
}

void openmetrics_print_head(FILE *out, const struct openmetrics_name *name)
{
    const char *unit = metric_family_unit(name->series->metric, name->series->unit);
    fprintf(out, "# TYPE %s gauge\n", name->family);
    if (*unit)
        fprintf(out, "# UNIT %s %s\n", name->family, unit);
}

void openmetrics_print_sample(FILE *out, const char *name, const char *value, size_t value_len, int64_t at_us)
{
    char time[NUMBER_TEXT];
    size_t len = number_print_fixed(time, at_us, -6);
    fputs(name, out);
    fputc(' ', out);
    fwrite(value, 1, value_len, out);
    fputc(' ', out);
    fwrite(time, 1, len, out);
    fputc('\n', out);
}
