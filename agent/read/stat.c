#include "agent/read/stat.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/scan.h"

enum { CPU_FIELDS_LEAST = 4 }; /* Linux 2.4 */

static const struct stat_field {
    const char *key;
    size_t at;
} fields[] = {
    { "ctxt", offsetof(struct stat_totals, context_switches) },
    { "btime", offsetof(struct stat_totals, boot_s) },
    { "processes", offsetof(struct stat_totals, forks) },
    { "procs_running", offsetof(struct stat_totals, running) },
    { "procs_blocked", offsetof(struct stat_totals, blocked) },
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static bool parse_times(struct scan *scan, struct cpu_times *ret)
{
    struct cpu_times times = { .id = ret->id };
    for (int i = 0; i < CPU_FIELD_COUNT; i++) {
        scan_blanks(scan);
        if (scan_done(scan) && i >= CPU_FIELDS_LEAST)
            break;
        if (!scan_u64(scan, &times.at[i]))
            return false;
    }
    *ret = times;
    return true;
}

struct parse {
    struct stat_file *into; /* its cpus are filled in place: 90 KiB are not copied each second */
    struct stat_totals totals;
    size_t n_cpus;
    bool seen_cpu;
    unsigned seen; /* bit i: fields[i] */
};

/* `line` stands behind "cpu". */
static bool parse_cpu(struct parse *parse, struct scan line)
{
    uint64_t id;
    if (!scan_u64(&line, &id)) {
        parse->seen_cpu = parse_times(&line, &parse->totals.cpu);
        return parse->seen_cpu;
    }
    struct cpu_times one = { .id = (uint32_t)id };
    if (id > UINT32_MAX || !parse_times(&line, &one))
        return false;
    if (parse->n_cpus < CPUS_MAX)
        parse->into->cpus[parse->n_cpus++] = one;
    return true;
}

static bool parse_line(struct parse *parse, struct scan line)
{
    struct scan_text key;
    if (scan_literal(&line, "cpu"))
        return parse_cpu(parse, line);
    if (!scan_word(&line, &key))
        return true;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!scan_text_is(key, fields[i].key))
            continue;
        scan_blanks(&line);
        parse->seen |= 1u << i;
        return scan_u64(&line, (uint64_t *)(void *)((char *)&parse->totals + fields[i].at));
    }
    return true;
}

int stat_parse(const char *text, size_t len, struct stat_file *ret, struct err *err)
{
    struct parse parse = { .into = ret };
    struct scan scan = scan_over(text, len);
    struct scan_text line;
    while (scan_line(&scan, &line))
        if (!parse_line(&parse, scan_over(line.at, line.len)))
            return err_set(err, -EBADMSG, "stat: a line is not numbers");
    if (!parse.seen_cpu || parse.n_cpus == 0)
        return err_set(err, -ENODATA, "stat: no cpu lines");
    for (size_t i = 0; i < FIELDS; i++)
        if (!(parse.seen & 1u << i))
            return err_set(err, -ENODATA, "stat: no line %s", fields[i].key);
    ret->totals = parse.totals;
    ret->n_cpus = parse.n_cpus;
    return 0;
}
