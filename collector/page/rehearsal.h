/* collector/page/rehearsal.h - whether the way from a host to people was walked: what is kept of a rehearsal, and its
 * verdict. What it does to the pager is in page.h. Pure.
 *
 * Shape    asked: the host's agent is to say so; told: its crossing has come, everybody is being told; ended: it has
 *          its verdict. The latest one of an event is its row
 * Verdict  passed: each page was taken, and somebody acknowledged within the budget of the crossing
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include "collector/page/page.h"

enum rehearsal_state { REHEARSAL_ASKED, REHEARSAL_TOLD, REHEARSAL_ENDED, REHEARSAL_STATE_COUNT };

#define REHEARSAL_CROSS_US   (60 * US_PER_S) /* its crossing is waited for so long */
#define REHEARSAL_RECOVER_US (30 * US_PER_S) /* and likewise, when it is over, for the agent to say so */
enum {
    REHEARSAL_TEXT_MAX = 255,
    REHEARSAL_CONTACTS_MAX = 256 + 32, /* as many as a configuration can have, with its machines */
    REHEARSAL_TOLD_ONE = CONTACT_NAME_MAX + 1 + 16 + 1,
    REHEARSAL_TOLD_MAX = REHEARSAL_CONTACTS_MAX * REHEARSAL_TOLD_ONE
};

struct rehearsal { /* also the row the store keeps */
    uint64_t event;
    uint64_t tenant;
    uint64_t host;
    char host_name[NAME_MAX_BYTES + 1];
    enum rehearsal_state state;
    bool passed;
    uint64_t incident; /* 0: it has not crossed */
    int64_t started_us;
    char started_by[64];
    int64_t crossed_us; /* 0: not yet, as below */
    int64_t detected_us;
    int64_t ended_us;
    char evidence[REHEARSAL_TEXT_MAX + 1]; /* of its verdict, in words */
    char told[REHEARSAL_TOLD_MAX + 1]; /* last. Whom it told: a line each, the name and a hash of the ways; until it has
                                      * crossed, whom the one before it did */
};

/* "asked", "told", "ended". */
const char *rehearsal_state_name(enum rehearsal_state state);

/* ---- whom it told ---- */

/* Adds one to the text; what does not fit is not there. */
void rehearsal_add(char told[REHEARSAL_TOLD_MAX + 1], const char *contact, uint64_t ways);
/* Who of `now` was not told, or not by these ways: "lead has another way". Who is told no more changes nothing. False:
 * nobody. */
bool rehearsal_is_stale(const char *told, const char *now, char *ret, size_t size);

/* ---- its verdict ---- */

struct rehearsal_tally { /* of its pages; zeroed memory has none */
    unsigned contacts;
    unsigned ways;
    unsigned arrived;
    unsigned waiting; /* queued still */
    int64_t last_us;  /* the last one arrived */
    const char *contact;
    char missing[REHEARSAL_TEXT_MAX + 1]; /* "mail to lead (no answer)"; how many more */
    unsigned named;
};
/* pager_each_page()'s: `user` is a tally, pages are borrowed as long as that is used. Resolutions do not count. */
void rehearsal_count(void *user, const struct page *page);

/* Nothing is left to be waited for: each page has ended, and somebody has acknowledged, nobody could be told, or the
 * incident is resolved; or its time is over. */
bool rehearsal_is_over(const struct rehearsal *row, const struct incident *incident,
                       const struct rehearsal_tally *tally, int64_t now_us);
/* Passed or not; in words in `ret`: "5 ways of 3 contacts told within 4.2 s on 2026-11-23, acknowledged by lin after
 * 62 s". `day`: of the crossing. */
bool rehearsal_judge(const struct rehearsal *row, const struct incident *incident, const struct rehearsal_tally *tally,
                     const char *day, char ret[REHEARSAL_TEXT_MAX + 1]);
