/* collector/watch/parts.h - what the files of this folder share; nobody else includes it.
 *
 * A host's tables are bound to the rules once: a binding lists the (column, rule) pairs that meet, thresholds resolved.
 * A lane is a run through ticks in the order of their time: every host has the live one, and a late one while a gap
 * closes. A lane has a slot a pair: NULL while all is well, else the spell, that is the alert that is not ok. So a tick
 * in which nothing happens is one walk over the pairs, without a look at a name.
 */
#pragma once
#include "collector/watch/line.h"
#include "collector/watch/watch.h"
#include "uthash.h"

enum {
    BINDINGS_PER_HOST = 4,
    HOLES_PER_HOST = 8,
    SLOT_NONE = -1,
    EXPECTED_MAX = 1024, /* of a host; further series are missed by nobody */
    CELLS_OF_SPAN = 64,  /* a window is as fine as that */
    CELLS_MAX = CELLS_OF_SPAN + 3
};
#define COLUMN_NONE UINT32_MAX

#define DEAF_US     (3 * US_PER_S)  /* a watch_tick() this late was deaf before */
#define IDLE_US     (60 * US_PER_S) /* a late lane that gets no more ticks is over */

struct pair {
    uint32_t column;
    uint16_t rule; /* index */
    bool below;
    bool divide;  /* value = raw / scale, else raw * scale: exact where a decimal fraction is */
    double scale; /* 10^|exponent| */
    double threshold;
    double clear;
};

struct expected {     /* a series that absence rules miss when it has no value */
    uint64_t key;     /* hash of metric, instance */
    int64_t since_us; /* its first tick; 0: a rule names it, it is expected always */
    uint64_t met;     /* stamp of the table last seen to have it */
    UT_hash_handle hh;
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1];
};

struct view {
    struct pair pair; /* column COLUMN_NONE: `expected` is not in the table */
    enum condition condition;
    struct pair per;                 /* ratio: what it is divided by */
    const struct expected *expected; /* absence, when it is not in the table; borrowed from the host */
};

struct binding {
    struct table_hash table;
    uint64_t used;     /* the higher, the later */
    uint64_t expected; /* the host's `n_expected` when it was made */
    uint32_t n;
    uint32_t n_views;
    struct view *views; /* by column, then by rule */
    struct pair at[];   /* likewise */
};

struct cell {      /* of a window: a 64th of its span, or the time between two samples if that is longer */
    int64_t at_us; /* its end; it begins where the one before ends */
    union {
        double value;          /* rate, forecast: the sample at its end */
        struct {               /* fraction */
            int64_t bad_us;    /* how much of it is bad */
            int64_t bad_at_us; /* its first bad sample; 0: none */
        };
    };
};

struct window {   /* no gap within it: one that was longer than gap_us() has emptied it */
    uint64_t key; /* as a spell's; two series that share one confuse each other alone */
    enum condition condition;
    int64_t span_us;
    int64_t last_us;         /* newest sample */
    int64_t bad_us;          /* fraction: of all cells but the first */
    int64_t ended_us;        /* fraction: where an alert ended, what was bad before is told */
    bool bad;                /* fraction: the newest sample */
    bool spoke;              /* it has been long enough for a verdict */
    bool attached;           /* to a view */
    bool joined;             /* a late lane's: the live one goes on from it */
    unsigned first, n, room; /* a ring */
    struct cell *cells;
    UT_hash_handle hh;
};

struct sight { /* of one sample */
    int64_t at_us;
    int64_t crossed_us; /* of a spell that begins with it */
    double value;
    bool bad;
    bool clear;
};

struct spell {
    struct alert alert;
    int64_t last_us; /* newest sample that was not absent */
    uint64_t key;    /* hash of rule, metric, instance */
    uint16_t rule;
    bool told; /* late lane: the firing was told */
    int slot;  /* index of its pair, or SLOT_NONE: its series is not in the table */
    UT_hash_handle hh;
};

struct lane {
    bool late;
    struct binding *binding; /* borrowed from the host's; NULL: to be bound */
    struct spell **slots;    /* binding->n + binding->n_views of them */
    struct window **memory;  /* binding->n_views of them; NULL: the view needs none */
    struct window *windows;  /* by key */
    struct spell *spells;    /* by key */
    unsigned n_lost;         /* of them, those without a slot; right while the lane is bound */
    int64_t last_us;         /* newest tick */
    int64_t to_us;           /* late: the first live tick behind the gap; 0: there is no such gap */
    int64_t fed_us;          /* late: `now` of the newest batch */
};

struct hole { /* no ticks between two live ones */
    int64_t from_us;
    int64_t to_us;
    struct spell *open;     /* by key: those pending when it began; a late lane takes them up */
    struct window *windows; /* by key: those of a live lane that began anew; likewise */
};

struct host_name {
    uint64_t tenant; /* 0: not said */
    char name[NAME_MAX_BYTES + 1];
};

struct watched {
    uint64_t id;
    struct host_name name; /* zeros behind it: a key */
    unsigned in_force;     /* the strictest alone */
    double limits[LIMIT_COUNT];
    size_t n_tunings;
    struct tuning *tunings; /* NULL: none */
    int64_t interval_us;    /* 0: not confirmed */
    int64_t awake_us;       /* silence counts from here at the earliest */
    uint64_t uses;
    struct lane live;
    struct lane *late;                           /* NULL: no gap is closing */
    struct alert *silence;                       /* NULL: it is not silent */
    bool unsettled;                              /* what is muted is to be looked through */
    bool hushed;                                 /* some of it because another host is silent */
    bool exercises;                              /* its ticks have a series that the watch's own rules meet */
    struct binding *bindings[BINDINGS_PER_HOST]; /* NULL: free */
    struct expected *expected;                   /* by key */
    uint64_t n_expected;                         /* goes up with each that comes or goes */
    uint64_t stamp;
    struct hole holes[HOLES_PER_HOST]; /* a ring */
    unsigned n_holes;
    UT_hash_handle hh;
    UT_hash_handle by_name; /* while it is silent and has a name */
};

struct metric_rules { /* the first rule of a metric; the others follow by `next` */
    const char *metric;
    int first;
    UT_hash_handle hh;
};

struct rule_set {
    size_t n;          /* the watch's own stand last */
    bool absences;     /* there are such rules */
    bool dependencies; /* likewise */
    struct rule *rules;
    int *next; /* of the same metric; -1: last */
    struct metric_rules *heads;
    struct metric_rules *by_metric;
};

struct watch {
    struct rule_set set;
    struct watched *hosts;
    struct watched *silent; /* by name */
    int64_t listen_us;      /* 0: not listening */
    int64_t grace_us;
    int64_t deaf_us; /* silence counts from here at the earliest */
    int64_t ticked_us;
};

struct judging { /* one call of watch_judge(), or what stands for it */
    struct watch *watch;
    struct watched *host;
    const struct series_table *table; /* NULL: no sample is being judged */
    const struct batch *batch;
    int64_t now_us;
    struct transitions *out;
    int rc;
};

/* Both are false for NaN. */
static inline bool passes_threshold(const struct pair *pair, double value)
{
    return pair->below ? value < pair->threshold : value > pair->threshold;
}

static inline bool reaches_clear(const struct pair *pair, double value)
{
    return pair->below ? value >= pair->clear : value <= pair->clear;
}

/* ---- watch.c ---- */

/* Room for `n` more; -ENOMEM: the list is as it was. */
int transitions_reserve(struct transitions *list, size_t n);
/* `list` has room. */
void transitions_add(struct transitions *list, const struct alert *alert, enum alert_state from, int64_t now_us,
                     bool late);
int64_t host_interval_us(const struct watched *host);

/* ---- bind.c ---- */

/* -EINVAL, -ENOMEM as of watch_new(); *ret is untouched. */
int rule_set_init(struct rule_set *ret, const struct rule *rules, size_t n, struct err *err);
void rule_set_done(struct rule_set *set);
int rule_set_find(const struct rule_set *set, const char *name); /* -1: none */
/* How the rule is other on the host. NULL: it is as for all. */
const struct tuning *host_tuning(const struct watched *host, const struct rule *rule);
int64_t host_hold_us(const struct watched *host, const struct rule *rule);
/* Whether the rule counts for the host: in force, not off there, and its limit declared. */
bool rule_applies(const struct rule *rule, const struct watched *host);

uint64_t spell_key(const char *rule, const char *metric, const char *instance);
struct spell *spell_find(const struct lane *lane, uint64_t key, const char *rule, const char *metric,
                         const char *instance);

/* The column as a quantity; nothing of a rule. */
struct pair column_pair(const struct series *series, uint32_t column);
const struct pair *binding_pair(const struct binding *binding, int slot);
/* Of the series in this slot of the lane, which is bound to the table of `j`. */
struct series_name {
    const char *metric;
    const char *instance;
} slot_name(const struct judging *j, const struct binding *binding, int slot);

/* Lets the lane's slots stand for the table of `j`. -ENOMEM: the lane has no binding. */
int lane_bind(const struct judging *j, struct lane *lane);
/* Forgets the host's bindings: the rules changed, or what is in force. */
void host_unbind(struct watched *host);

/* ---- exercise.c ---- */

/* The watch's own RULES_OWN rules. */
void exercise_rules(struct rule *ret);
/* The host's live ticks come under this binding. */
void exercise_note(const struct judging *j, const struct binding *binding);

/* ---- judge.c ---- */

/* Runs tick `tick` at `at_us` through the lane, which is bound to the table of `j`. */
void lane_judge(struct judging *j, struct lane *lane, uint32_t tick, int64_t at_us);
/* Tells that the spell is in `state` now. OK frees it. -ENOMEM: nothing happened. */
int spell_enter(struct judging *j, struct lane *lane, struct spell *spell, enum alert_state state, int64_t at_us,
                double value);
/* Pending and firing spells turn unknown: nobody knows any more. */
int spell_lose(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us);
void lane_done(struct lane *lane);
int64_t gap_us(const struct watched *host);

/* ---- condition.c ---- */

/* Of its threshold, when that is not the metric's own; else "". */
void rule_unit(const struct rule *rule, char ret[ALERT_UNIT_MAX + 1]);

/* Runs the views' values of the tick through the lane, behind those of its pairs. */
void lane_judge_views(struct judging *j, struct lane *lane, uint32_t tick, int64_t at_us);
/* In judge.c: whatever the condition. */
void slot_judge(struct judging *j, struct lane *lane, int slot, const struct sight *sight);
double pair_sample(const struct column *columns, const struct pair *pair, uint32_t tick);

/* ---- mute.c ---- */

/* Behind all that one instant brought, which stands in `j->out` from `from` on: what begins to fire is muted or not,
 * and what was muted is told when nothing mutes it any more. */
void mute_settle(struct judging *j, size_t from);

/* ---- expected.c ---- */

/* The live lane of `j` comes under its table at `at_us`. What does not fit is not expected. */
void expect_series(const struct judging *j, int64_t at_us);
void expect_one(struct watched *host, const char *metric, const char *instance, int64_t since_us);
/* NULL: it is not expected. */
struct expected *expected_find(const struct watched *host, const char *metric, const char *instance);
/* Forgets what no rule of `set` would miss. */
void expected_prune(struct watched *host, const struct rule_set *set);

/* ---- window.c ---- */

/* Gives each view over time its window, and ends the others. -ENOMEM. */
int windows_attach(const struct judging *j, struct lane *lane);
/* Takes the windows away from the lane, which gets empty ones. NULL: it had none, or no memory. */
struct window *windows_take(const struct judging *j, struct lane *lane);
void windows_free(struct window *windows);
/* A sample comes at `at_us`: empties the window when a gap lies before it. */
void window_reach(struct window *window, int64_t gap_us, int64_t at_us);
/* Takes in the sample; false: the window is too short to say anything. */
bool window_rate(struct window *window, int64_t at_us, double value, double *ret_rate);
/* Likewise. */
bool window_forecast(struct window *window, int64_t at_us, double value, int64_t ahead_us, struct forecast *ret);
struct share {       /* of the span */
    int64_t bad_us;  /* known to be bad */
    int64_t good_us; /* known to be good */
    int64_t half_us; /* half of what the newest sample stands for */
};
struct share window_share(struct window *window, int64_t at_us, bool bad);
/* The first bad sample in the span that was not told yet. */
int64_t window_bad_since(const struct window *window);
/* By so much less; what would not be in the past then is forgotten. */
void window_set_back(struct window *window, int64_t step_us, int64_t now_us);
/* Puts what `early` holds in front of `window`. False: they are of two kinds, or a gap lies between them. */
bool window_join(struct window *window, const struct window *early, int64_t gap_us);
/* NULL: none. */
struct window *window_of(const struct lane *lane, uint64_t key);

/* ---- late.c ---- */

void holes_note(const struct judging *j, int64_t at_us); /* a live tick came, and is not judged yet */
void holes_forget(struct watched *host);                 /* what was pending; the holes stay */
/* The lane for a late tick at `at_us`. NULL: out of memory. */
struct lane *late_lane(struct judging *j, int64_t at_us);
/* Ends the late lane where it has met the live one, or got no ticks for IDLE_US. */
void late_settle(struct judging *j);
void late_close(struct judging *j);
/* What a late lane tells of a change of one of its spells, and what it keeps for itself. */
int late_tell(struct judging *j, struct spell *spell, enum alert_state from);

/* ---- setback.c ---- */

/* Moves what was noted when our clock has been set back since the last watch_tick(). */
void watch_follow_clock(struct watch *watch, int64_t now_us);
/* What was put back at start may have been noted by a clock that was ahead of ours. */
void watch_leave_future(struct watch *watch, int64_t now_us);

/* ---- silence.c ---- */

/* What is said of a service, when its host is silent. */
bool silence_explains(const struct judging *j, const struct alert *alert);
/* The host is silent, as `alert` has it. -ENOMEM. */
int silence_restore(struct watch *watch, struct watched *host, const struct alert *alert);

/* A tick at `at_us` came: silence ends when it is young enough. */
void silence_end(struct judging *j, int64_t at_us);
/* The host is watched no more. `j->out` has room. */
void silence_drop(struct judging *j);
