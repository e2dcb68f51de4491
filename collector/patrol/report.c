/* The checklist is the table `checks`; what a check tells is kept here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "collector/patrol/parts.h"

static const struct {
    const char *name;
    check_fn *run;
} checks[PATROL_CHECK_COUNT] = {
    [PATROL_HOSTS] = { "hosts", check_hosts },
    [PATROL_COVERAGE] = { "coverage", check_coverage },
    [PATROL_HEADROOM] = { "headroom", check_headroom },
    [PATROL_DISK] = { "disk", check_disk },
    [PATROL_CERTIFICATES] = { "certificates", check_certificates },
    [PATROL_CLOCKS] = { "clocks", check_clocks },
    [PATROL_SERVICES] = { "services", check_services },
    [PATROL_AGENTS] = { "agents", check_agents },
    [PATROL_PAGING] = { "paging", check_paging },
    [PATROL_SPOOL] = { "spool", check_spool },
    [PATROL_CONFIGURATION] = { "configuration", check_configuration },
    [PATROL_NOTICES] = { "notices", check_notices },
};

const char *patrol_check_name(enum patrol_check check)
{
    return checks[check].name;
}

void patrol_run(const struct patrol_sight *sight, struct patrol_report *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < PATROL_CHECK_COUNT; i++) {
        checks[i].run(sight, &ret->results[i]);
        for (size_t f = 0; f < ret->results[i].kept; f++)
            ret->results[i].findings[f].check = (enum patrol_check)i;
    }
}

/* Names from outside may have been cut within a character. */
static void mend_text(char *text, size_t size)
{
    text[utf8_clean(text, size - 1, text, strlen(text))] = '\0';
}

char *patrol_finding_line(char *text, size_t size, const struct patrol_finding *finding)
{
    snprintf(text, size, "%.48s: %s", finding->subject, finding->text);
    mend_text(text, size);
    return text;
}

struct patrol_finding *finding_add(struct patrol_result *result, enum severity severity, const char *subject)
{
    size_t at = result->kept;
    if (result->found++ == 0 || severity > result->worst)
        result->worst = severity;
    while (at > 0 && result->findings[at - 1].severity < severity)
        at--;
    if (at == PATROL_FINDINGS_A_CHECK)
        return NULL;
    size_t behind = (result->kept < PATROL_FINDINGS_A_CHECK ? result->kept : PATROL_FINDINGS_A_CHECK - 1) - at;
    memmove(&result->findings[at + 1], &result->findings[at], behind * sizeof *result->findings);
    result->kept += result->kept < PATROL_FINDINGS_A_CHECK;
    result->findings[at] = (struct patrol_finding){ .severity = severity };
    snprintf(result->findings[at].subject, sizeof result->findings[at].subject, "%s", subject);
    mend_text(result->findings[at].subject, sizeof result->findings[at].subject);
    return &result->findings[at];
}

void finding_text(struct patrol_finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    mend_text(finding->text, sizeof finding->text);
}

void finding_number(struct patrol_finding *finding, const char *name, double value)
{
    if (finding->n_numbers < PATROL_NUMBERS_MAX)
        finding->numbers[finding->n_numbers++] = (struct patrol_number){ name, value };
}

void result_checked(struct patrol_result *result, size_t looked, const char *format, ...)
{
    va_list args;
    result->checked = true;
    result->looked = looked;
    va_start(args, format);
    vsnprintf(result->note, sizeof result->note, format, args);
    va_end(args);
}

void result_not_checked(struct patrol_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(result->note, sizeof result->note, format, args);
    va_end(args);
}
