/* collector/watch/replay.h - what rules would have said of ticks of the past: a watch apart from the one that tells
 * people.
 *
 * Shape    one host's ticks, batch by batch in the order of time; each time an alert would have fired is a row, with
 *          its end where the ticks show it. Pending spells that never fire are no rows, and silence is not judged: what
 *          is stored does not show who listened
 * Judged   a rule is left out that is not in force, off on the host, a share of a limit the host does not declare, or
 *          has met no series; which of them is said
 * Interval the host's is what lies between the first ticks, if that is more than 10 s: by it a gap is told
 * Owner    the replay owns its rows
 * Threads  one caller
 */
#pragma once
#include "collector/watch/watch.h"

enum { FIRINGS_MAX = 300, REPLAY_REASON = 48 };

struct firing {
    struct alert alert; /* as it fired */
    int64_t fired_us;
    int64_t cleared_us; /* 0: the ticks do not show it */
};

enum replay_word {
    REPLAY_JUDGED,
    REPLAY_OTHER_STATE, /* not in force */
    REPLAY_OFF,         /* by an overlay */
    REPLAY_NO_LIMIT,    /* the host does not declare what it is a share of */
    REPLAY_NO_SERIES    /* no table had one, so far */
};

struct replay_host {      /* whose ticks they are, as it is taken to be; copied */
    unsigned in_force;    /* rules of these states are judged: IN_FORCE(...) bits */
    const double *limits; /* LIMIT_COUNT of them */
    const struct tuning *tunings;
    size_t n_tunings;
};

struct replay; /* opaque */

/* Copies the rules. Errors as of watch_new(). */
int replay_new(struct replay **ret_replay, const struct rule *rules, size_t n, const struct replay_host *host,
               struct err *err);

/* Judges the batch, `at_us` as with watch_judge(). -ENOBUFS: FIRINGS_MAX rows are full, further ones are left out;
 * others as of watch_judge(). */
int replay_feed(struct replay *replay, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us);

/* In the order they fired. Borrowed until the next call. */
const struct firing *replay_firings(const struct replay *replay, size_t *ret_n);

/* What became of rule `i` of those given. */
enum replay_word replay_word(const struct replay *replay, size_t i);
/* Why a rule that is in force was not judged, in words: "no egress declared". NULL: it was, or is not in force. */
const char *replay_reason(const struct replay *replay, size_t i, char text[REPLAY_REASON]);

/* Always returns NULL; NULL is fine. */
struct replay *replay_free(struct replay *replay);
