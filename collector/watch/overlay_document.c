/* The overlays of a document: its texts become values. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "base/scan.h"
#include "collector/watch/form.h"
#include "collector/watch/overlay.h"

struct reading {
    const char *name; /* of the row, in faults */
    struct config_faults *faults;
};

static void wrong(const struct reading *r, const char *key, const char *text, const char *want)
{
    config_fault(r->faults, r->name, 0, "%s: \"%s\", want %s", key, text, want);
}

static double read_real(const struct reading *r, const char *key, const char *text)
{
    struct scan scan = scan_over(text, strlen(text));
    double value = NAN;
    if (text[0] && (!scan_real(&scan, &value) || !scan_done(&scan)))
        wrong(r, key, text, "a number");
    return value;
}

static int64_t read_hold(const struct reading *r, const char *text)
{
    int64_t us = OVERLAY_GIVEN_NOT;
    if (text[0] && (duration_parse(text, strlen(text), &us) < 0 || us < 0 || us > RULE_HOLD_MAX_US))
        wrong(r, "hold", text, "0s to 1h");
    return us;
}

static int read_choice(const struct reading *r, const char *key, const char *text, const char *const *choices,
                       const char *want)
{
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0)
            return i;
    if (text[0])
        wrong(r, key, text, want);
    return OVERLAY_GIVEN_NOT;
}

static void take_row(const struct reading *r, const struct document_rule *row, struct overlay *ret)
{
    *ret = (struct overlay){
        .above = read_real(r, "above", row->above),
        .below = read_real(r, "below", row->below),
        .clear = read_real(r, "clear", row->clear),
        .hold_us = read_hold(r, row->hold),
        .severity = read_choice(r, "severity", row->severity, rule_severities, "info, warning or critical"),
        .page = read_choice(r, "page", row->page, rule_yes_or_no, "true or false"),
        .off = read_choice(r, "off", row->off, rule_yes_or_no, "true or false") == PAGE_YES,
    };
    snprintf(ret->rule, sizeof ret->rule, "%s", row->rule);
    snprintf(ret->hosts, sizeof ret->hosts, "%s", row->hosts);
}

int overlays_of_document(const struct document *document, const struct rule *rules, size_t n, struct overlays *ret,
                         struct config_faults *faults)
{
    size_t before = faults->n;
    ret->n = 0;
    for (size_t i = 0; i < document->n_rules; i++) {
        char name[32];
        snprintf(name, sizeof name, "rules, row %zu", i + 1);
        const struct reading r = { .name = name, .faults = faults };
        size_t so_far = faults->n;
        take_row(&r, &document->rules[i], &ret->at[ret->n]);
        if (faults->n == so_far && overlay_check(ret, ret->n, rules, n, name, 0, faults) == 0)
            ret->n++;
    }
    return faults->n > before ? -EINVAL : 0;
}
