/* The pager against a world of chance: alerts come and go, channels are down, refuse, ask to be left alone or are slow,
 * people acknowledge, resolve and reopen, and the process is killed while messages are on their way. Whatever happens,
 * the record is right. A failing seed is in the message, and plays the same again. */
#include "collector/page/page_fixture.h"

enum { SEEDS = 60, HOSTS = 6, BUSY_S = 2400, QUIET_S = 5400, ROWS_MAX = 4096, ON_THEIR_WAY_MAX = 256 };

static const struct page_channel channels[] = { { "mail", 20, 5 }, { "robot", 10, 3 } };

struct message {
    uint64_t pages[PAGE_TOGETHER_MAX];
    size_t n;
    int64_t back_s;
    struct page_outcome outcome;
};

struct world {
    struct fixture *f;
    uint64_t seed;
    uint64_t dice;
    int64_t now_s;
    struct incident incidents[ROWS_MAX]; /* by id: what is on disk */
    struct page pages[ROWS_MAX];
    unsigned told[ROWS_MAX]; /* how often a page truly arrived */
    bool firing[HOSTS];
    struct incident_alert alerts[HOSTS];
    enum { FINE, DOWN, BUSY, SLOW } mood[2];
    int64_t sent_s[2][ROWS_MAX];
    size_t n_sent[2];
    struct message on_their_way[ON_THEIR_WAY_MAX];
    size_t n_on_their_way;
    size_t breaches, spills, copies, kills;
};

#define HOLDS(w, what)                                                                                                 \
    do {                                                                                                               \
        if (!(what))                                                                                                   \
            fail_msg("seed %d at %d s: " #what, (int)(w)->seed, (int)(w)->now_s);                                      \
    } while (0)

static unsigned roll(struct world *w, unsigned n)
{
    w->dice = w->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w->dice >> 33) % n;
}

static bool same_errand(const struct world *w, const struct page *a, const struct page *b)
{
    (void)w;
    return a->id != b->id && a->kind == PAGE_TRIGGER && b->kind == PAGE_TRIGGER && a->incident == b->incident &&
           a->turn == b->turn && a->step == b->step && strcmp(a->contact, b->contact) == 0 &&
           strcmp(a->channel, b->channel) == 0;
}

/* Two pages of one incident are of one clock when no trigger lies between them: so says their key. */
static unsigned clock_of(const struct page *page)
{
    unsigned clock = 0;
    const char *at = strchr(page->key, '-');
    at = at ? strchr(at + 1, '-') : NULL;
    return at ? (unsigned)strtoul(at + 1, NULL, 10) : clock;
}

static void keep_page(struct world *w, const struct page *page)
{
    HOLDS(w, page->id < ROWS_MAX);
    bool is_new = w->pages[page->id].id == 0;
    w->spills += is_new && page->class == PAGE_SPILL;
    for (size_t i = 1; is_new && i < page->id; i++)
        HOLDS(w, !same_errand(w, &w->pages[i], page) || clock_of(&w->pages[i]) != clock_of(page));
    HOLDS(w, page->class == PAGE_FIRST || page->text[0] != '\0'); /* the record says why */
    w->pages[page->id] = *page;
}

/* What the last call said is on disk now. */
static void keep(struct world *w)
{
    const struct page_effects *out = &w->f->out;
    for (size_t i = 0; i < out->n_incidents; i++) {
        HOLDS(w, out->incidents[i].id < ROWS_MAX);
        w->incidents[out->incidents[i].id] = out->incidents[i];
    }
    for (size_t i = 0; i < out->n_alerts; i++)
        w->alerts[out->alerts[i].alert.host - 1] = out->alerts[i];
    for (size_t i = 0; i < out->n_pages; i++)
        keep_page(w, &out->pages[i]);
    for (size_t i = 0; i < out->n_steps; i++) {
        w->breaches += out->steps[i].step == STEP_BREACHED;
        HOLDS(w, out->steps[i].step != STEP_BREACHED || out->steps[i].text[0] != '\0');
    }
    page_effects_clear(&w->f->out);
}

static void flip_alert(struct world *w)
{
    unsigned host = roll(w, HOSTS);
    uint64_t event = host < HOSTS / 2 ? SALE : 0;
    w->firing[host] = !w->firing[host];
    if (w->firing[host])
        FIRES(w->f, .host = host + 1, .event = event, .crossed_s = w->now_s - roll(w, 40));
    else
        RECOVERS(w->f, .host = host + 1, .event = event);
    keep(w);
    const struct alert alert = { .host = host + 1, .rule = "cpu", .metric = CPU };
    uint64_t id = pager_incident_of(w->f->pager, &alert);
    HOLDS(w, !w->firing[host] || (id != 0 && incident(w->f, id)->clock > 0)); /* every crossing has a clock */
}

static uint64_t any_incident(struct world *w)
{
    size_t n = 1;
    while (n + 1 < ROWS_MAX && w->incidents[n + 1].id)
        n++;
    return 1 + roll(w, (unsigned)n);
}

static void people_do_something(struct world *w)
{
    struct fixture *f = w->f;
    uint64_t id = any_incident(w);
    switch (roll(w, 6)) {
    case 0:
        pager_resolve(f->pager, id, "li", f->now_us, &f->out, NULL);
        break;
    case 1:
        pager_reopen(f->pager, id, "li", f->now_us, &f->out, NULL);
        break;
    case 2:
        pager_assign(f->pager, id, "wang", "li", f->now_us, &f->out, NULL);
        break;
    default:
        pager_acknowledge(f->pager, id, "li", f->now_us, &f->out, NULL);
    }
    store(f);
    keep(w);
}

static struct page_outcome answer_of(struct world *w, int channel)
{
    switch (w->mood[channel]) {
    case DOWN:
        return (struct page_outcome){ .error = "no answer" };
    case BUSY:
        return (struct page_outcome){ .status = 429, .retry_after_us = roll(w, 700) * S, .error = "HTTP 429" };
    default:
        if (roll(w, 20) == 0)
            return (struct page_outcome){ .status = 550, .permanent = true, .error = "no such mailbox" };
        return (struct page_outcome){ .delivered = true, .status = 200 };
    }
}

static void check_rate(struct world *w, int channel)
{
    size_t n = w->n_sent[channel];
    unsigned most = channels[channel].per_minute;
    w->sent_s[channel][n % ROWS_MAX] = w->now_s;
    HOLDS(w, n < most || w->now_s - w->sent_s[channel][(n - most) % ROWS_MAX] >= 60);
    w->n_sent[channel]++;
}

static void send_due(struct world *w)
{
    struct page_due due;
    while (w->n_on_their_way < ON_THEIR_WAY_MAX && pager_take_due(w->f->pager, w->f->now_us, &due)) {
        int channel = strcmp(due.at[0]->channel, "robot") == 0;
        struct message *message = &w->on_their_way[w->n_on_their_way++];
        HOLDS(w, due.n <= channels[channel].together);
        *message = (struct message){ .n = due.n, .outcome = answer_of(w, channel) };
        message->back_s = w->now_s + (w->mood[channel] == SLOW ? roll(w, 90) : roll(w, 2));
        for (size_t i = 0; i < due.n; i++) {
            HOLDS(w, strcmp(due.at[i]->contact, due.at[0]->contact) == 0 && due.at[i]->kind == due.at[0]->kind);
            HOLDS(w, w->pages[due.at[i]->id].id != 0); /* on disk before it goes */
            message->pages[i] = due.at[i]->id;
            w->copies += due.at[i]->possible_copy;
        }
        check_rate(w, channel);
    }
}

static void arrives(struct world *w, const struct message *message)
{
    for (size_t i = 0; i < message->n && message->outcome.delivered; i++) {
        const struct page *page = &w->pages[message->pages[i]];
        w->told[page->id]++;
        HOLDS(w, w->told[page->id] == 1 || page->possible_copy); /* never twice but marked */
    }
}

static void answers_come(struct world *w)
{
    for (size_t i = 0; i < w->n_on_their_way;) {
        struct message message = w->on_their_way[i];
        if (message.back_s > w->now_s) {
            i++;
            continue;
        }
        w->on_their_way[i] = w->on_their_way[--w->n_on_their_way];
        arrives(w, &message);
        outcome(w->f, message.pages[0], message.outcome);
        keep(w);
    }
}

static bool is_under_way(const struct world *w, const struct incident *row)
{
    bool under_way = row->id && row->state != INCIDENT_RESOLVED;
    for (size_t i = 1; row->id && i < ROWS_MAX && w->pages[i].id && !under_way; i++)
        under_way = w->pages[i].incident == row->id && w->pages[i].state == PAGE_QUEUED;
    return under_way;
}

/* Messages on their way may have arrived or not: nobody will know. */
static void kill_and_start(struct world *w)
{
    struct fixture *f = w->f;
    for (size_t i = 0; i < w->n_on_their_way; i++)
        if (roll(w, 2))
            for (size_t k = 0; k < w->on_their_way[i].n && w->on_their_way[i].outcome.delivered; k++)
                w->told[w->on_their_way[i].pages[k]]++;
    w->n_on_their_way = w->n_sent[0] = w->n_sent[1] = 0;
    w->kills++;
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    uint64_t last_incident = 0, last_page = 0;
    for (size_t i = 1; i < ROWS_MAX; i++) {
        last_incident = w->incidents[i].id ? i : last_incident;
        last_page = w->pages[i].id ? i : last_page;
    }
    pager_start_ids(f->pager, last_incident, last_page);
    for (size_t i = 1; i <= last_incident; i++) {
        if (!is_under_way(w, &w->incidents[i]))
            continue;
        assert_int_equal(pager_restore_incident(f->pager, &w->incidents[i]), 0);
        for (size_t k = 0; k < HOSTS; k++)
            if (w->alerts[k].incident == i)
                assert_int_equal(pager_restore_alert(f->pager, &w->alerts[k]), 0);
        for (size_t k = 1; k <= last_page; k++)
            if (w->pages[k].incident == i) {
                w->pages[k].possible_copy = w->pages[k].possible_copy || w->pages[k].state == PAGE_QUEUED;
                assert_int_equal(pager_restore_page(f->pager, &w->pages[k]), 0);
            }
    }
    set_people(f, f->policy);
    keep(w);
}

static void chance(struct world *w)
{
    if (roll(w, 25) == 0)
        flip_alert(w);
    if (roll(w, 60) == 0 && w->incidents[1].id)
        people_do_something(w);
    if (roll(w, 60) == 0)
        w->mood[roll(w, 2)] = roll(w, 2) ? FINE : 1 + roll(w, 3);
    if (roll(w, 300) == 0)
        kill_and_start(w);
}

static void second(struct world *w)
{
    at(w->f, ++w->now_s);
    answers_come(w);
    tick(w->f);
    keep(w);
    send_due(w);
}

static void check_end(struct world *w)
{
    for (size_t i = 1; i < ROWS_MAX && w->pages[i].id; i++) {
        HOLDS(w, w->pages[i].state != PAGE_QUEUED); /* none is lost, none hangs */
        HOLDS(w, w->pages[i].state != PAGE_DELIVERED || w->told[i] > 0);
    }
    for (size_t i = 1; i < ROWS_MAX && w->incidents[i].id; i++) {
        const struct incident *row = &w->incidents[i];
        bool in_time = row->delivered_us > 0 && row->delivered_us - row->crossed_us <= PAGE_BUDGET_US;
        bool was_damped = row->resolved_us > 0 && row->resolved_us < row->damped_us; /* gone before it was to be told */
        HOLDS(w, row->clock > 0 && (row->breached || in_time || row->acknowledged_us > 0 || was_damped));
    }
}

static void a_life(struct world *w, uint64_t seed, struct fixture *f)
{
    w->f = f;
    w->seed = seed;
    w->dice = seed * 7919 + 1;
    at(f, 0);
    f->channels = channels;
    f->n_channels = 2;
    set_people(f, seed % 4 ? "0s desk; 3m lead; 6m manager, bob" : NULL);
    keep(w);
    for (int s = 0; s < BUSY_S; s++) {
        chance(w);
        second(w);
    }
    w->mood[0] = w->mood[1] = FINE;
    for (unsigned host = 0; host < HOSTS; host++)
        if (w->firing[host]) {
            w->firing[host] = false;
            RECOVERS(f, .host = host + 1, .event = host < HOSTS / 2 ? SALE : 0);
            keep(w);
        }
    for (size_t i = 1; i < ROWS_MAX && w->incidents[i].id; i++) { /* reopened ones are ended by people */
        pager_resolve(f->pager, i, "li", f->now_us, &f->out, NULL);
        store(f);
        keep(w);
    }
    for (int s = 0; s < QUIET_S; s++)
        second(w);
    check_end(w);
}

static void whatever_happens_every_crossing_is_told_or_its_breach_is_on_record(void **state)
{
    struct fixture *f = *state;
    struct world *w = calloc(1, sizeof *w);
    size_t breaches = 0, spills = 0, copies = 0, kills = 0;
    assert_non_null(w);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        memset(w, 0, sizeof *w);
        f->pager = pager_free(f->pager);
        assert_int_equal(pager_new(&f->pager, NULL), 0);
        a_life(w, seed, f);
        breaches += w->breaches;
        spills += w->spills;
        copies += w->copies;
        kills += w->kills;
    }
    free(w);
    assert_true(breaches > 0 && spills > 0 && copies > 0 && kills > 0); /* all of it happened */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_happens_every_crossing_is_told_or_its_breach_is_on_record),
    };
    return cmocka_run_group_tests_name("collector.page.random", tests, NULL, NULL);
}
