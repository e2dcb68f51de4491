#include "agent/read/counters.h"

#include <string.h>

static bool next_word(struct scan *scan, struct scan_text *ret)
{
    scan_blanks(scan);
    return scan_word(scan, ret);
}

static bool one_pair(struct scan names, struct scan values, counter_fn *fn, void *user)
{
    struct counter counter;
    struct scan_text group;
    if (!scan_until(&names, ':', &counter.group) || !scan_until(&values, ':', &group) ||
        group.len != counter.group.len || memcmp(group.at, counter.group.at, group.len) != 0)
        return false;
    while (next_word(&names, &counter.name))
        if (!next_word(&values, &counter.value) || !fn(user, &counter))
            return false;
    return !next_word(&values, &counter.value);
}

bool counters_in_pairs(struct scan_text text, counter_fn *fn, void *user)
{
    struct scan scan = scan_over(text.at, text.len);
    struct scan_text names, values;
    while (scan_line(&scan, &names))
        if (!scan_line(&scan, &values) ||
            !one_pair(scan_over(names.at, names.len), scan_over(values.at, values.len), fn, user))
            return false;
    return true;
}

bool counters_in_lines(struct scan_text text, counter_fn *fn, void *user)
{
    struct scan scan = scan_over(text.at, text.len);
    struct scan_text text_line;
    while (scan_line(&scan, &text_line)) {
        struct scan line = scan_over(text_line.at, text_line.len);
        struct counter counter;
        if (!scan_until(&line, ':', &counter.group))
            return false;
        while (next_word(&line, &counter.name))
            if (!next_word(&line, &counter.value) || !fn(user, &counter))
                return false;
    }
    return true;
}

bool counter_number(const struct counter *counter, uint64_t *ret)
{
    struct scan scan = scan_over(counter->value.at, counter->value.len);
    uint64_t value;
    if (!scan_u64(&scan, &value) || !scan_done(&scan))
        return false;
    *ret = value;
    return true;
}
