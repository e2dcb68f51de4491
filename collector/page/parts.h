/* collector/page/parts.h - what the files of this folder share; nobody else includes it.
 *
 * An incident lives in a dossier, with its rows of alerts and its pages (slips). A holder is an alert that is not ok:
 * it knows the dossier that it holds open. Queued slips whose rows are on disk, and that are not being sent, stand in
 * a heap by the time of their next attempt.
 */
#pragma once
#include "collector/page/page.h"
#include "uthash.h"

enum { ROW_NONE = -1 };

#define BY_COLLECTOR   "collector"
#define BY_RECOVERY    "recovery"
#define BY_RECORD      "record"

#define WAIT_MAX_US    (30 * US_PER_S)
#define LATE_US        (60 * US_PER_S)   /* between attempts past the budget, and behind a permanent refusal */
#define LATE_FOR_US    (3600 * US_PER_S) /* how long they go on */
#define CHANCE_US      (30 * US_PER_S)   /* of the budget that no Retry-After takes away */
#define FLAP_US        (600 * US_PER_S)  /* an incident that is back so soon is the same one */
#define DAMP_US        (300 * US_PER_S)  /* half of the budget: what stays for as long is told after all */
#define SPILL_AFTER_US (120 * US_PER_S)  /* how long a page waits before the next way is asked, too */
#define US_PER_MINUTE  (60 * US_PER_S)
#define ASKED_US       (600 * US_PER_S) /* the most a Retry-After gets */

enum {
    DOWN_AFTER = 2,     /* failures in a row */
    ALL_GONE_PCT = 100, /* the last warning: the breach itself */
    STATUS_TOO_MUCH = 429,
};

struct slip {
    struct page row;
    struct lane *lane;
    unsigned clock;  /* of its incident */
    bool recorded;   /* its row is on disk, or the disk is at fault: before that it is not due */
    bool unrecorded; /* the latter */
    bool sending;
    bool unwanted;            /* while being sent: not to be tried again */
    bool perhaps;             /* an attempt may have got there: the next one says so */
    bool refused;             /* for good, as the channel says */
    bool spilled;             /* its next way, if there is one, has been asked */
    int64_t deadline_us;      /* while it is in its lane's queue */
    int64_t restored_us;      /* when it was due, as its stored row says; 0: it was not put back */
    struct slip_queue *queue; /* it stands in; NULL: none */
    size_t queue_at;          /* its place there */
    struct slip *with;        /* while being sent: goes with it */
    unsigned sent;            /* likewise, of the first: which of its lane's messages it is */
    struct slip *next;
    UT_hash_handle hh;
};

struct group_key { /* compared as bytes: padding is zero */
    uint64_t tenant;
    uint64_t event;
    char group[NAME_MAX_BYTES + 1];
};

struct dossier {
    struct incident row;
    bool known;    /* the row is here; at start its alerts and pages may come before it */
    bool in_group; /* alerts of its group join it */
    struct group_key key;
    size_t n_rows;
    size_t rows_room;
    struct incident_alert *rows;
    struct slip *slips; /* newest first */
    size_t n_holders;
    int64_t step_us; /* nothing of its policy is due before; 0: look */
    UT_hash_handle hh;
    UT_hash_handle hh_group;
};

struct alert_key { /* compared as bytes: padding is zero */
    uint64_t host;
    char rule[RULE_NAME_MAX + 1];
    char metric[METRIC_KEY_MAX + 1];
    char instance[INSTANCE_MAX + 1];
};

struct holder {
    struct alert_key key;
    struct dossier *dossier;
    int row; /* ROW_NONE: past INCIDENT_ALERTS_MAX */
    UT_hash_handle hh;
};

struct slip_queue { /* a binary heap */
    bool (*is_before)(const struct slip *a, const struct slip *b);
    size_t n;
    size_t room;
    struct slip **at;
};

struct sent {      /* a message */
    int64_t at_us; /* of its outcome: by then it has come in; SENT_NOW: there is none yet; 0: no message */
    uint64_t whom; /* a hash of contact and address */
};
#define SENT_NOW INT64_MAX

struct lane { /* a channel, and what waits for it */
    char name[CONTACT_NAME_MAX + 1];
    unsigned together;
    unsigned per_minute;
    struct sent *sent;  /* the latest per_minute messages, a ring */
    unsigned oldest;    /* of them */
    int64_t last_us;    /* when the latest one went */
    int64_t blocked_us; /* it has asked to be left alone until then */
    unsigned failures;  /* messages in a row */
    unsigned unreached; /* probes in a row */
    char error[PAGE_ERROR_MAX + 1];
    struct slip_queue ready; /* those due, the most urgent first */
    UT_hash_handle hh;
};

struct pager {
    struct lane *lanes;       /* by name */
    struct dossier *dossiers; /* by id */
    struct dossier *groups;   /* by group: the open one, or the last that recovered */
    struct holder *holders;   /* by alert */
    struct slip *slips;       /* by id */
    struct slip_queue queue;  /* those that wait, the earliest first */
    struct page_ways ways;    /* contacts and channels are copies, owned */
    uint64_t last_incident;
    uint64_t last_page;
    int64_t ticked_us; /* 0: not yet */
};

struct paging { /* one call */
    struct pager *pager;
    int64_t now_us;
    struct page_effects *out;
    int rc;
};

/* ---- effects.c: what changed, copied; a want of memory stands in `rc` ---- */

void tell_incident(struct paging *p, const struct dossier *dossier);
void tell_alert(struct paging *p, const struct incident_alert *row);
void tell_page(struct paging *p, const struct slip *slip);
/* Taken by `by`; NULL: the collector itself. `text` may be NULL. */
void tell_step(struct paging *p, const struct dossier *dossier, enum incident_step step, const char *by,
               const char *text);

/* ---- queue.c ---- */

int queue_add(struct slip_queue *queue, struct slip *slip); /* -ENOMEM */
void queue_remove(struct slip *slip);                       /* from where it stands, if it does */
bool slip_is_earlier(const struct slip *a, const struct slip *b);
struct slip *queue_first(const struct slip_queue *queue); /* NULL: empty */
void queue_done(struct slip_queue *queue);

/* ---- slips.c: the pages of an incident ---- */

bool is_rehearsed(const struct slip *slip);
/* A trigger page to the contact, unless it has one of this step, turn and clock. */
void slips_trigger(struct paging *p, struct dossier *dossier, const struct page_contact *contact, unsigned step);
/* A trigger page by each of the contact's ways. */
void slips_rehearse(struct paging *p, struct dossier *dossier, const struct page_contact *contact);
/* Of a rehearsal: what has waited too long has failed. */
void slips_expire(struct paging *p, struct dossier *dossier);
/* A resolve page by each way that took a trigger page. */
void slips_resolve(struct paging *p, struct dossier *dossier);
/* Ends the pages still queued. */
void slips_cancel(struct paging *p, struct dossier *dossier);
/* Ends the trigger pages an earlier process had on its way when somebody acknowledged. */
void slips_cancel_left_over(struct paging *p, struct dossier *dossier);
/* Ends those to contacts and by ways that there are no more; who has another way is told by that. */
#define STEP_BIT(step) ((step) < PAGE_STEPS_MAX ? 1U << (step) : 0)
/* The steps (bits) of which somebody is no contact any more before a page got there. */
unsigned slips_cancel_gone(struct paging *p, struct dossier *dossier);
/* A trigger page of the incident's clock and turn that nothing has ended: it is under way, or has got there. */
bool slip_stands(const struct dossier *dossier, const struct slip *slip);
/* It can be sent to its contact by its way. */
bool slip_is_aimed(const struct pager *pager, const struct page *page);
void slip_cancel(struct paging *p, struct slip *slip);
struct slip *slip_find(const struct pager *pager, uint64_t page); /* NULL: none */
/* Puts a slip at the incident (NULL: none), not in the queue. NULL: out of memory. */
struct slip *slip_make(struct pager *pager, struct dossier *dossier, const struct page *row, unsigned clock);
/* A page by the contact's next way, because of `why`. NULL: there is no further way, or it has been asked. */
struct slip *slip_spill(struct paging *p, struct dossier *dossier, const struct slip *slip, const char *why);
/* What lies between an attempt and the next at least. */
int64_t slip_back_off(unsigned attempts);
/* It may be sent from now on. -ENOMEM. */
int slip_record(struct pager *pager, struct slip *slip, bool unrecorded);
unsigned slip_clock_of_key(const char *key);

/* ---- ways.c: who can be told, and how ---- */

void ways_done(struct page_ways *ways);
bool contact_is_for(const struct page_contact *contact, uint64_t tenant);
/* A contact of this name that hears of the tenant. NULL: none. */
const struct page_contact *contact_find(const struct pager *pager, const char *name, uint64_t tenant);
bool contact_has_way(const struct page_contact *contact, const char *channel, const char *address);

/* Who is told by it: a person; where only machines hear of the tenant, they stand for people. */
bool contact_counts(const struct pager *pager, const char *name, uint64_t tenant);

/* ---- escalate.c: the steps of a policy ---- */

/* Begins with the first one. Their delays count from `from_us`. */
void escalate_begin(struct paging *p, struct dossier *dossier, int64_t from_us);
/* Takes those that are due. */
void escalate(struct paging *p, struct dossier *dossier);
/* Contacts have changed: those that the steps taken so far name are told, if they were not. Whoever is on duty now is
 * told where nobody is left whom a step has told; if there is nobody, the next step is taken. */
void escalate_again(struct paging *p, struct dossier *dossier, unsigned lost);

/* ---- people.c ---- */

/* True: an acknowledgement's time is over; in the event's window it pages again. */
bool expire(struct paging *p, struct dossier *dossier);

/* ---- lane.c: channels, and what goes by them when ---- */

struct lane *lane_make(struct pager *pager, const char *name); /* found or made; NULL: out of memory */
int lanes_set(struct pager *pager, int64_t now_us);            /* as the channels say. -ENOMEM */
/* In the ring, over the oldest one; returns where. */
unsigned lane_count(struct lane *lane, struct sent sent, int64_t now_us);
/* Puts what was sent within the last minute into the ring, which is empty. -ENOMEM. */
int lane_recall(const struct pager *pager, struct lane *lane, int64_t now_us);
/* Those that had asked an earlier process for it are left alone. */
void lanes_recall_asked(const struct pager *pager, int64_t now_us);
/* A hash of contact and address. */
uint64_t slip_whom(const struct slip *slip);
void lanes_move(struct pager *pager, int64_t step_us); /* the clock went back */
void lanes_done(struct pager *pager);
/* What became of the message `sent` of it. */
void lane_note(struct paging *p, struct lane *lane, unsigned sent, const struct page_outcome *outcome);
/* Its last chance: of its incident's budget while that can be kept, else as if it began with the page. */
int64_t slip_deadline(const struct pager *pager, const struct slip *slip);
/* Spills the page if its channel cannot take it in time. */
void slip_consider(struct paging *p, struct slip *slip);
/* All of a lane; NULL: of every lane. */
void lanes_consider(struct paging *p, const struct lane *lane);

/* ---- chatter.c ---- */

void chatter_cancel_gone(struct paging *p);
/* Lets go of what was said before; of all when INT64_MAX. */
void chatter_forget(struct pager *pager, int64_t before_us);
/* True: it goes on record that so much of the budget is gone. */
bool dossier_warn(struct paging *p, struct dossier *dossier);

/* ---- setback.c ---- */

/* Moves what was stamped by a clock that was ahead of this one. */
void pager_follow_clock(struct paging *p);

/* ---- incident.c ---- */

struct dossier *dossier_find(const struct pager *pager, uint64_t id);
struct dossier *dossier_make(struct pager *pager, uint64_t id); /* found or made; NULL: out of memory */
/* -ENOMEM. */
int dossier_join_group(struct pager *pager, struct dossier *dossier);
/* What is not ok in its rows holds it open again. -ENOMEM. */
int dossier_hold(struct pager *pager, struct dossier *dossier);
void dossier_resolve(struct paging *p, struct dossier *dossier, const char *by);
/* It had recovered, and is triggered again by the same clock: its pages are made anew. */
void dossier_go_on(struct paging *p, struct dossier *dossier);
void dossier_free(struct pager *pager, struct dossier *dossier);
/* True: its budget is breached, as of now. */
bool dossier_check_budget(struct paging *p, struct dossier *dossier);
void dossier_tell(struct paging *p, struct dossier *dossier); /* it changed: its budget is looked at, too */
/* Starts a clock: stamps, title, pages. The dossier's severity is set. */
void dossier_trigger(struct paging *p, struct dossier *dossier, const char *title, int64_t crossed_us,
                     int64_t detected_us, bool late);

struct holder *holder_find(const struct pager *pager, const struct alert *alert);
/* NULL: out of memory. */
struct holder *holder_make(struct pager *pager, const struct alert *alert, struct dossier *dossier, int row);
void holder_free(struct pager *pager, struct holder *holder);

/* ---- title.c ---- */

/* Copies what fits, never a part of a character. */
void cut_text(char *to, size_t size, const char *text);

/* The summary with its threshold spelled out: "CPU utilisation above 90 %". Cut at `size`. Returns `text`. */
char *summary_text(char *text, size_t size, const char *summary, const struct alert *alert);
/* The same, of which series and host: "... (vda) on web-1"; of a drill "DRILL: ...". Returns `text`. */
char *title_text(char *text, size_t size, const struct page_scope *scope, const struct alert *alert);
/* "DRILL: " or "". */
const char *title_mark(bool drill);
