/* collector/page/page.h - from alerts to incidents, from incidents to pages: who is told, when, and what became of it.
 *
 * Pure.
 *
 * Shape    alerts are grouped into one incident by (tenant, event, host group). It is opened by an alert that pages,
 *          acknowledged by a person, resolved when all its alerts are ok (unknown resolves nothing) or by a person. A
 *          paging alert of a higher severity triggers it again with a new clock and new stamps; any other that fires
 *          while it is open joins, and so does one that was ok and fires again: nobody is paged twice for them.
 *          Muted ones do nothing until they are unmuted, and their clock begins then.
 *          Alerts that do not page join, but open nothing, unless their scope says so: then without a page, and with
 *          clock 0 until one that pages joins
 * Stamps   crossed (first bad sample, never after receipt), detected, delivered (first page to a person that a channel
 *          took, or to a machine where there are only machines),
 *          acknowledged; the budget from crossed to delivered and to acknowledged is PAGE_BUDGET_US. They are those
 *          of the alert that triggered the clock: an alert that joins moves none; when that alert turns out to have
 *          crossed earlier, so does the incident. Who resolves an incident by hand has acknowledged it
 * Breach   the budget passed while nobody had acknowledged an incident still open, or while no page of it was delivered
 *          and nobody had acknowledged it either. It stays on record
 * Late     an incident found in ticks of a closed gap, or past its budget when detected, is late. A late crossing
 *          past its budget outside an event is only recorded: an incident with clock 0, resolved by "record", without
 *          a page
 * Steps    a policy's delays count from where the budget runs from, or, when that is over already, from when the
 *          incident was found. None is taken once it is acknowledged. In a window an acknowledgement lasts
 *          ACKNOWLEDGED_FOR_US unless it is given again; then the incident is triggered once more, by the same clock
 *          and with its stamps unmoved, and the steps begin anew. A rota is asked when its step comes. A step that
 *          reaches nobody gives way to the next one at once, and everybody is told if the last one is none either
 * Flapping an incident that has recovered and is back within 10 min is reopened, with a new clock: the first time it
 *          pages, after that only once it has stayed for 5 min, or at once when it is worse than before. One that was
 *          gone before that has broken no promise. While nobody knows of it the clock before goes on. Each time is on
 *          record
 * Warned   when 50 % and 80 % of the budget are gone and nobody has acknowledged: a step on record, and chatter
 * Rehearsal an incident that is none: whoever could be told is told by all their ways at once, each by a page of its
 *          own behind all other triggers, which ends when it is taken, after REHEARSED_TRIES attempts or
 *          REHEARSED_FOR_US. It is escalated to nobody, spills nowhere, goes together with nothing and breaches
 *          nothing; to acknowledge it cancels nothing, and that lasts
 * Chatter  what nobody has to act upon: a page of no incident, whose row has its text, to contacts that hear it
 * Pages    one page a contact for a trigger, one for the resolution to whom a trigger was delivered. Recovery does
 *          not stop a trigger page: people must know. Attempts back off 1 s doubling to 30 s for PAGE_BUDGET_US from
 *          the page's creation, then come once a minute for an hour: a late page is still better than none; after
 *          that it has failed, on record. A permanent refusal is tried again in a minute. Retry-After is honoured,
 *          but not past the last 30 s of its incident's budget, and never beyond 10 min
 * Whom     a contact has ways to be told by, a way is an address at a channel. An incident keeps the policy that was in
 *          force when it opened; machines (contacts told of everything) are told at once, and so is everybody when
 *          there is no policy
 * Queue    what is due goes by its channel the most urgent first: triggers by their deadline (30 s before the budget
 *          ends), then resolutions, then chatter; never more messages in any 60 s than the channel takes, none while
 *          it has asked to be left alone but for a page at the last chance of its budget. Pages of one kind to one
 *          contact at one address go together, as far as the channel can; once half of a minute's messages are gone,
 *          the others are spread over the rest of it, so that pages gather, and nothing goes before what is more
 *          urgent. A trigger page that its channel cannot take in time (it is down: two failures in a row, or it could
 *          not be reached twice; it refuses the page; it wants to be left alone past the deadline; it has not taken the
 *          page in two minutes) spills: the contact's next way gets one, too, with why in its text
 * Key      incident-kind-clock-step-contact-channel-created: the same for all attempts at a page, over restarts too;
 *          sent as Idempotency-Key. When it was created tells it from another page of the same numbers: those of an
 *          incident that a disk fault kept from being recorded are given again after a restart
 * Effects  every call says what changed; the caller stores that, and only then sends what is due
 * Limit    an incident keeps INCIDENT_ALERTS_MAX alerts as rows, ok ones giving way to others; further ones are
 *          counted, and hold it open while the process lives
 * Clock    when `now` of pager_tick() goes back, what waits, and stamps that would lie in the future, go back with it
 * Units    microseconds of wall time
 * Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/page/policy.h"
#include "collector/watch/watch.h"

#define PAGE_BUDGET_US      (600 * US_PER_S)
#define REHEARSED_FOR_US    (480 * US_PER_S)
#define REHEARSAL_MARK      "REHEARSAL: "    /* what the title of one begins with */
#define PAGE_LOOPBACK       "loopback"       /* no contact's and no channel's name */
#define ACKNOWLEDGED_FOR_US (900 * US_PER_S) /* in a window; outside of one, or once it is over, it does not expire */
enum {
    INCIDENT_ALERTS_MAX = 256,
    PAGE_ERROR_MAX = 159,
    PAGE_KEY_MAX = 223,
    PAGE_WAYS_MAX = 4,      /* of a contact */
    PAGE_ADDRESS_MAX = 253, /* a mail address, a robot's word for a user */
    PAGE_TEXT_MAX = 255,
    PAGE_NOTE_MAX = 500,
    PAGE_TOGETHER_MAX = 20, /* pages in one message */
    REHEARSED_TRIES = 2,
    PAGE_PER_MINUTE_MAX = 6000,
};

enum incident_state { INCIDENT_TRIGGERED, INCIDENT_ACKNOWLEDGED, INCIDENT_RESOLVED };

struct incident { /* also the row the store keeps */
    uint64_t id;  /* unique in the collector, from 1 */
    uint64_t tenant;
    uint64_t event; /* 0: none */
    char group[NAME_MAX_BYTES + 1];
    char title[160]; /* of the alert that triggered it: "CPU utilisation above 90 % on web-1" */
    enum incident_state state;
    enum severity severity;
    /* Which trigger this is: from 1, up by one when a higher severity triggers it again; 0: a record, or nobody was
     * paged yet. */
    unsigned clock;
    bool late;     /* found in ticks of a closed gap, or past its budget when detected */
    bool breached; /* the budget passed before it was delivered or acknowledged */
    int64_t crossed_us;
    int64_t detected_us;
    int64_t delivered_us;    /* 0: not yet, as below */
    int64_t acknowledged_us; /* the first of this clock */
    int64_t resolved_us;
    char acknowledged_by[64];
    char resolved_by[64]; /* a user, "recovery", "record", or who or what ended the event it was of */
    uint32_t n_alerts;    /* that ever belonged to it */
    int64_t silenced_us;  /* the silence that held it back was over then: the budget runs from there; 0: none did */
    /* How it is told. */
    char policy[PAGE_POLICY_TEXT_MAX + 1]; /* as it was when the incident opened; "": everybody at once */
    unsigned turn;                         /* up by one when an acknowledgement has expired: the steps begin again */
    unsigned step;                         /* how many steps of the policy were taken in this turn */
    int64_t steps_us;                      /* their delays count from here */
    int64_t expires_us;                    /* the acknowledgement; 0: never */
    int64_t damped_us;                     /* it comes and goes: nobody is paged before; 0: it does not */
    unsigned flaps;                        /* how often it came back after it had recovered */
    unsigned warned_pct;                   /* of the budget that was gone when the last warning went on record */
    bool held;                             /* a person has reopened it: recovery does not resolve it */
    char assigned_to[64];
    bool rehearsal;
};

/* Where its ten minutes begin. */
int64_t incident_budget_from(const struct incident *row);

struct incident_alert { /* row: an alert that belongs to an incident, as it last was */
    uint64_t incident;
    char host_name[NAME_MAX_BYTES + 1];
    char summary[128]; /* of its rule, its threshold spelled out: "CPU utilisation above 90 %" */
    struct alert alert;
};

enum page_kind {
    PAGE_TRIGGER,
    PAGE_RESOLVE,
    PAGE_CHATTER,
    PAGE_BEAT, /* a heartbeat's, to nobody: not kept once it has ended */
};
enum page_state { PAGE_QUEUED, PAGE_DELIVERED, PAGE_FAILED, PAGE_CANCELLED };
enum page_class {
    PAGE_FIRST,     /* by the way that is asked first */
    PAGE_SPILL,     /* by a further way, because the one before could not take it in time */
    PAGE_REHEARSED, /* by each of them: of a rehearsal */
};

struct page {    /* row: telling one contact by one channel */
    uint64_t id; /* unique in the collector, from 1 */
    uint64_t tenant;
    uint64_t incident;
    enum page_kind kind;
    char contact[CONTACT_NAME_MAX + 1];
    char key[PAGE_KEY_MAX + 1];
    enum page_state state;
    unsigned attempts;
    int64_t created_us;
    int64_t next_us;                /* of the next attempt while queued */
    int64_t delivered_us;           /* 0: not */
    int status;                     /* HTTP status of the last attempt; 0: none came */
    bool possible_copy;             /* it may have gone out already: the collector stopped, or no answer came */
    char error[PAGE_ERROR_MAX + 1]; /* of the last attempt; "" when it went well */
    char channel[CONTACT_NAME_MAX + 1];
    char address[PAGE_ADDRESS_MAX + 1]; /* at the channel; "": its own */
    unsigned step;                      /* of the policy, from 0; of a rehearsal: which of the contact's ways */
    unsigned turn;                      /* of the incident */
    enum page_class class;
    char text[PAGE_TEXT_MAX + 1]; /* of chatter: what it says; of a spill: why */
};

enum incident_step { /* what is worth a line of its own in the record */
                     STEP_OPENED,
                     STEP_TRIGGERED_AGAIN,
                     STEP_ACKNOWLEDGED,
                     STEP_BREACHED,
                     STEP_RESOLVED,
                     STEP_RECORDED, /* as a crossing of the past */
                     STEP_EXPIRED,  /* an acknowledgement: it pages again */
                     STEP_ASSIGNED,
                     STEP_NOTED,
                     STEP_REOPENED,
                     STEP_WARNED, /* half of its budget, or four fifths, are gone */
                     STEP_COUNT
};
/* "opened", "triggered-again"... */
const char *incident_step_name(enum incident_step step);

struct incident_taken { /* a step, and the incident as it was then */
    enum incident_step step;
    struct incident incident;
    char by[64]; /* a user, "recovery", "record", "collector"... */
    char
        text[PAGE_NOTE_MAX + 1]; /* a note; to whom it was assigned; the cause of a breach; how much is gone; else "" */
};

struct page_effects { /* what a call changed: copies, to be stored; zeroed memory is empty */
    size_t n_incidents, n_alerts, n_pages, n_steps;
    size_t incidents_room, alerts_room, pages_room, steps_room;
    struct incident *incidents;
    struct incident_alert *alerts;
    struct page *pages;
    struct incident_taken *steps; /* in the order they were taken */
    bool urgent;                  /* holds a page that must not wait for company */
};
void page_effects_clear(struct page_effects *effects);
void page_effects_done(struct page_effects *effects);

struct page_way {
    char channel[CONTACT_NAME_MAX + 1];
    char address[PAGE_ADDRESS_MAX + 1]; /* "" for a webhook, or a robot that is to mention nobody */
};

enum language { LANGUAGE_EN, LANGUAGE_ZH, LANGUAGE_COUNT }; /* what somebody is told in */

struct page_contact { /* a person, a group, or a machine */
    char name[CONTACT_NAME_MAX + 1];
    uint64_t tenant;        /* whose incidents it is told of; 0: all, the collector's own too */
    bool everything;        /* a machine: at once, whatever the policy is */
    bool hears;             /* chatter, too: the course of its tenant's events... */
    enum language language; /* ...in this */
    unsigned n_ways;        /* 1..PAGE_WAYS_MAX, in the order of preference */
    struct page_way ways[PAGE_WAYS_MAX];
};

struct page_channel {
    char name[CONTACT_NAME_MAX + 1];
    unsigned per_minute; /* messages it takes in any 60 s; 0: no limit */
    unsigned together;   /* pages to one address that a message may hold, 1..PAGE_TOGETHER_MAX; 0: one */
};

struct page_ways { /* copied during the call, but for what `user` is of */
    size_t n_contacts;
    const struct page_contact *contacts;
    size_t n_channels;
    const struct page_channel *channels; /* one that a contact names and that is not among them has no limit */
    /* The contact that is on duty; NULL: no such rota. The name is borrowed until the next call. NULL: no rotas. */
    const char *(*on_duty)(void *user, const char *rota, int64_t at_us);
    /* What an incident that opens now is escalated by. False: nothing is said. NULL: never is. */
    bool (*policy_of)(void *user, uint64_t tenant, uint64_t event, struct page_policy *ret);
    /* The event's window is open. NULL: none is. */
    bool (*in_window)(void *user, uint64_t event, int64_t at_us);
    void *user; /* borrowed until the next pager_set_ways() */
};

struct page_scope { /* where a transition belongs */
    uint64_t tenant;
    uint64_t event;         /* the live event its host is in; 0: none */
    const char *host_name;  /* borrowed */
    bool of_event;          /* host_name is the event's: no host's alert */
    bool drill;             /* the event is an exercise: the title says so */
    const char *host_group; /* borrowed */
    int64_t silenced_us;    /* a silence over it is over since then; 0: none was */
    const char *summary;    /* of the rule, as watch_summary() has it; borrowed */
    bool opens;             /* an alert that does not page opens an incident all the same */
};

struct page_outcome { /* of one attempt */
    bool delivered;   /* the channel truly took it */
    bool local;       /* it never left, for want of memory or a free connection: this says nothing of the channel */
    bool perhaps;     /* not delivered as far as is known: no answer came, but it was sent */
    bool permanent;   /* trying again would be refused again (HTTP 400, 401, 403, 404, 410...): next try in a minute */
    int64_t retry_after_us; /* what the channel asked for; 0: nothing */
    int status;
    char error[PAGE_ERROR_MAX + 1];
};

struct pager; /* opaque */

int pager_new(struct pager **ret_pager, struct err *err);
/* Replaces contacts and channels. Queued pages to a contact that is gone, or by a way it no longer has, are cancelled;
 * trigger pages of the latter are made anew by the way it has. Who is new is paged for what is triggered and not
 * acknowledged, and who is on duty where a step has nobody left. Told in `out`. At start: after the rows are back; what
 * an earlier process had on its way when somebody acknowledged is cancelled. -ENOMEM. */
int pager_set_ways(struct pager *pager, const struct page_ways *ways, int64_t now_us, struct page_effects *out);

/* At start: the highest ids ever given, to go on from. */
void pager_start_ids(struct pager *pager, uint64_t incident, uint64_t page);
/* At start: rows as they were stored, in any order. A queued page is due at once, marked as a possible copy; its
 * incident must be put back too, also a resolved one. -ENOMEM. */
int pager_restore_incident(struct pager *pager, const struct incident *incident);
int pager_restore_alert(struct pager *pager, const struct incident_alert *alert);
int pager_restore_page(struct pager *pager, const struct page *page);

/* An alert changed. -ENOMEM. */
int pager_alert(struct pager *pager, const struct transition *transition, const struct page_scope *scope,
                int64_t now_us, struct page_effects *out);
struct page_own {    /* an incident that no alert opens: downtime within a window, a window that nobody armed */
    uint64_t tenant; /* TENANT_RESERVED: of the collector itself */
    uint64_t event;  /* 0: none */
    bool drill;
    const char *group; /* what it is about, in a word */
    const char *title;
    enum severity severity;
    int64_t crossed_us;
};
/* Opens it and pages, whatever its severity. It ends by people, or by pager_own_ends(). -ENOMEM. */
int pager_own(struct pager *pager, const struct page_own *own, int64_t now_us, uint64_t *ret_incident,
              struct page_effects *out);
/* What it was about is over, and nobody has acknowledged it by that: an own one's, or, whatever it holds still fires,
 * an alert's. `by` NULL: it recovered, which does not end one that a person has reopened. One that is
 * resolved, or not in memory, is left as it is. */
int pager_own_ends(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out);

/* Opens a rehearsal and pages each of `whom` (contacts' names; who does not hear of the tenant is left out) and its
 * machines. It ends as own ones do. -ENOMEM. */
int pager_rehearse(struct pager *pager, const struct page_own *own, const char *const whom[], size_t n, int64_t now_us,
                   uint64_t *ret_incident, struct page_effects *out);
/* Whom one has not told yet is told nothing of it. -ENOMEM. */
int pager_stop_rehearsal(struct pager *pager, uint64_t incident, int64_t now_us, struct page_effects *out);
/* Calls `fn` with each page of the incident, the newest first. */
void pager_each_page(const struct pager *pager, uint64_t incident, void (*fn)(void *user, const struct page *page),
                     void *user);

/* Of all that people do: -ENOENT: no such incident in memory; -EPERM: it is resolved (to be reopened: it is open);
 * -EINVAL: a text that is none. Acknowledging again keeps the first stamp, is fine, and lets the acknowledgement last
 * anew. It and resolving end the trigger pages still queued. */
int pager_acknowledge(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                      struct err *err);
int pager_resolve(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                  struct err *err);
/* To a name, 63 bytes at most. Nobody is told by it. */
int pager_assign(struct pager *pager, uint64_t incident, const char *to, const char *by, int64_t now_us,
                 struct page_effects *out, struct err *err);
/* PAGE_NOTE_MAX bytes of one line, for the record; also of one that is resolved. */
int pager_note(struct pager *pager, uint64_t incident, const char *text, const char *by, int64_t now_us,
               struct page_effects *out, struct err *err);
/* One that was resolved is not over, but a rehearsal is (-EPERM). It has a new clock, acknowledged by who reopens it,
 * and a person resolves it. */
int pager_reopen(struct pager *pager, uint64_t incident, const char *by, int64_t now_us, struct page_effects *out,
                 struct err *err);

struct page_said {
    const char *in[LANGUAGE_COUNT]; /* borrowed; cut at PAGE_TEXT_MAX */
};
/* Tells the contacts of the tenant that hear such things, behind all pages. -ENOMEM. */
int pager_chatter(struct pager *pager, uint64_t tenant, const struct page_said *said, int64_t now_us,
                  struct page_effects *out);

/* A page to nobody, by the channel PAGE_LOOPBACK, to see whether one would go all the way. It has no incident, spills
 * nowhere and is in no count. -ENOMEM. */
int pager_beat(struct pager *pager, uint64_t tenant, int64_t now_us, uint64_t *ret_page, struct page_effects *out);
/* It is waited for no more. */
void pager_beat_ends(struct pager *pager, uint64_t page, int64_t now_us, struct page_effects *out);

/* The row of a page that an earlier call made is on disk, or, when not `recorded`, the disk is at fault and it
 * goes out all the same: it is due from now on. Further calls change nothing. -ENOMEM. */
int pager_recorded(struct pager *pager, uint64_t page, bool recorded);
bool pager_is_unrecorded(const struct pager *pager, uint64_t page);

struct page_due {                             /* one message */
    char key[PAGE_KEY_MAX + 1];               /* of the message: of its page, or of all that go together */
    size_t n;                                 /* 1..PAGE_TOGETHER_MAX pages of one kind to one contact by one way */
    const struct page *at[PAGE_TOGETHER_MAX]; /* borrowed until their outcome */
    bool limited;                             /* so many a minute go by its channel */
};
/* What is most overdue at `now_us` and not being sent; it counts as being sent until the outcome. False: nothing is
 * due. The caller stores each page with one attempt more before it sends a limited one, so that it counts after a
 * kill. */
bool pager_take_due(struct pager *pager, int64_t now_us, struct page_due *ret);
/* Of a message that was taken and has not gone yet: ends the pages in it that nobody wants any more, *due is of those
 * that are left. False: none is, and the message is none. */
bool pager_still_due(struct pager *pager, struct page_due *due, int64_t now_us, struct page_effects *out);
/* Of the message that at[0] led: one outcome for all that went with it. */
void pager_outcome(struct pager *pager, uint64_t page, const struct page_outcome *outcome, int64_t now_us,
                   struct page_effects *out);

/* A message that is no page of ours goes by the channel now: it counts in its minute. False: it takes none, or
 * what is left of the minute is kept for pages: half of it. */
bool pager_take_turn(struct pager *pager, const char *channel, int64_t now_us);

/* What came back. That it wants to be left alone holds for pages, too; more is not made of it. */
void pager_turn_answered(struct pager *pager, const char *channel, const struct page_outcome *outcome, int64_t now_us,
                         struct page_effects *out);

/* Somebody has asked whether the channel can be reached, and sent nothing: delivered means that it can. One that could
 * not twice in a row is down, as if two messages had failed, until it can, or takes one. */
void pager_channel_probed(struct pager *pager, const char *channel, const struct page_outcome *outcome, int64_t now_us,
                          struct page_effects *out);
/* Nobody asks any more: what failed so far is in no row with what comes when somebody does again. */
void pager_channel_unasked(struct pager *pager, const char *channel);

/* Takes the steps that are due, marks budgets that ran out, ends acknowledgements that have expired, and resolves what
 * was put back with all its alerts ok; call each second. */
void pager_tick(struct pager *pager, int64_t now_us, struct page_effects *out);

/* Borrowed until the next call that changes it. NULL: none. Resolved incidents are kept in memory until pager_forget().
 */
const struct incident *pager_incident(const struct pager *pager, uint64_t id);
/* The alerts of an incident as they last were: *ret_n of them, borrowed likewise. */
const struct incident_alert *pager_alerts(const struct pager *pager, uint64_t id, size_t *ret_n);
/* The incident that an alert holds open; 0: none. */
uint64_t pager_incident_of(const struct pager *pager, const struct alert *alert);
/* Calls `fn` with each incident in memory, in no order. */
void pager_each(const struct pager *pager, void (*fn)(void *user, const struct incident *incident), void *user);
void pager_count_open(const struct pager *pager, size_t *ret_open, size_t *ret_unacknowledged); /* but rehearsals */
size_t pager_count_queued(const struct pager *pager); /* pages neither delivered nor given up */
/* Those of a tenant, but of rehearsals, and when the oldest of them was made; 0: there is none. */
int64_t pager_oldest_queued_us(const struct pager *pager, uint64_t tenant, unsigned *ret_queued);
/* Lets go of incidents resolved before `before_us` whose pages are all settled. They stay in the store. */
void pager_forget(struct pager *pager, int64_t before_us);

/* Always returns NULL; NULL is fine. */
struct pager *pager_free(struct pager *pager);

const char *incident_state_name(enum incident_state state);
const char *page_kind_name(enum page_kind kind);
const char *page_state_name(enum page_state state);
const char *page_class_name(enum page_class class);
