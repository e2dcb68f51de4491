#include "collector/page/rehearsal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/page/parts.h"

enum { MISSING_NAMED = 3, HASH_TEXT = 16, REASON_SHOWN = 48 };

const char *rehearsal_state_name(enum rehearsal_state state)
{
    static const char *const names[REHEARSAL_STATE_COUNT] = { "asked", "told", "ended" };
    return names[state];
}

/* ---- whom it told ---- */

void rehearsal_add(char told[REHEARSAL_TOLD_MAX + 1], const char *contact, uint64_t ways)
{
    size_t used = strlen(told);
    if (used + strlen(contact) + 1 + HASH_TEXT + 1 <= REHEARSAL_TOLD_MAX)
        snprintf(told + used, REHEARSAL_TOLD_MAX + 1 - used, "%s %016" PRIx64 "\n", contact, ways);
}

/* The line of the same contact, with its line feed or without. */
static const char *find_line(const char *told, const char *name, size_t len)
{
    for (const char *line = told; line && *line;) {
        if (strncmp(line, name, len) == 0 && strcspn(line + len, "\n") == HASH_TEXT)
            return line;
        line = strchr(line, '\n');
        line += line ? 1 : 0;
    }
    return NULL;
}

bool rehearsal_is_stale(const char *told, const char *now, char *ret, size_t size)
{
    for (const char *line = now; *line;) {
        size_t len = strcspn(line, "\n");
        size_t name = len > HASH_TEXT ? len - HASH_TEXT : 0; /* with the blank behind it */
        const char *before = find_line(told, line, name);
        if (!before || strncmp(before, line, len) != 0) {
            snprintf(ret, size, "%.*s%s", (int)name, line, before ? "has another way" : "is told, too");
            return true;
        }
        line += len + (line[len] == '\n');
    }
    return false;
}

/* ---- its verdict ---- */

static void name_missing(struct rehearsal_tally *tally, const struct page *page)
{
    char one[sizeof tally->missing];
    char reason[REASON_SHOWN + 1];
    size_t used = strlen(tally->missing);
    const char *why = page->error[0] ? page->error : page->state == PAGE_CANCELLED ? "cancelled" : "not yet";
    if (tally->named++ >= MISSING_NAMED)
        return;
    cut_text(reason, sizeof reason, why);
    snprintf(one, sizeof one, "%s%s to %s (%s)", used ? ", " : "", page->channel, page->contact, reason);
    cut_text(tally->missing + used, sizeof tally->missing - used, one);
}

void rehearsal_count(void *user, const struct page *page)
{
    struct rehearsal_tally *tally = user;
    if (page->kind != PAGE_TRIGGER)
        return;
    /* The ways of a contact stand together. */
    tally->contacts += !tally->contact || strcmp(tally->contact, page->contact) != 0;
    tally->contact = page->contact;
    tally->ways++;
    tally->waiting += page->state == PAGE_QUEUED;
    if (page->state != PAGE_DELIVERED) {
        name_missing(tally, page);
        return;
    }
    tally->arrived++;
    if (page->delivered_us > tally->last_us)
        tally->last_us = page->delivered_us;
}

static bool was_answered(const struct rehearsal *row, const struct incident *incident)
{
    return incident->acknowledged_us > 0 && incident->acknowledged_us - row->crossed_us <= PAGE_BUDGET_US;
}

bool rehearsal_is_over(const struct rehearsal *row, const struct incident *incident,
                       const struct rehearsal_tally *tally, int64_t now_us)
{
    if (incident->state == INCIDENT_RESOLVED || now_us - row->crossed_us > PAGE_BUDGET_US)
        return true;
    return tally->waiting == 0 && (incident->acknowledged_us > 0 || tally->arrived == 0);
}

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* What took no tenth of a second took one at most. */
static double tenths_up(int64_t us)
{
    int64_t tenths = (us + US_PER_S / 10 - 1) / (US_PER_S / 10);
    return (double)tenths / 10;
}

static void say_answer(const struct rehearsal *row, const struct incident *incident, char *text, size_t size)
{
    if (incident->acknowledged_us > 0)
        snprintf(text, size, "acknowledged by %s after %.0f s", incident->acknowledged_by,
                 seconds(incident->acknowledged_us - row->crossed_us));
    else
        snprintf(text, size, "nobody acknowledged");
}

bool rehearsal_judge(const struct rehearsal *row, const struct incident *incident, const struct rehearsal_tally *tally,
                     const char *day, char ret[REHEARSAL_TEXT_MAX + 1])
{
    char answer[128];
    char more[32] = "";
    char text[2 * REHEARSAL_TEXT_MAX];
    unsigned lost = tally->ways - tally->arrived;
    say_answer(row, incident, answer, sizeof answer);
    if (tally->named > MISSING_NAMED)
        snprintf(more, sizeof more, " and %u more", tally->named - MISSING_NAMED);
    if (tally->ways == 0)
        snprintf(text, sizeof text, "nobody could be told on %s", day);
    else if (lost > 0)
        snprintf(text, sizeof text, "%u of %u ways did not arrive on %s, %s: %s%s", lost, tally->ways, day, answer,
                 tally->missing, more);
    else
        snprintf(text, sizeof text, "%u way%s of %u contact%s told within %.1f s on %s, %s", tally->ways,
                 tally->ways == 1 ? "" : "s", tally->contacts, tally->contacts == 1 ? "" : "s",
                 tenths_up(tally->last_us - row->crossed_us), day, answer);
    cut_text(ret, REHEARSAL_TEXT_MAX + 1, text);
    return tally->ways > 0 && lost == 0 && was_answered(row, incident);
}
