#include "tests/bench/member.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "proto/codec/codec.h"

enum { FAILURES_TOLD = 5, LATE_TICKS_MAX = 240, REDIAL_LEAST_MS = 200, PAUSE_LEAST_MS = 1000, PAUSE_MOST_MS = 30000 };

static struct member *member_of(struct line *line)
{
    return line->user;
}

/* ---- the host that is not there ---- */

static void walk_to(const struct crew *crew, struct walker *walker, uint64_t n)
{
    while (walker->n < n) {
        if (walker->n++ == 0)
            sample_begin(crew->shape, &walker->seed, walker->values);
        else
            sample_move(crew->shape, &walker->seed, walker->values);
    }
}

static int64_t due_ns_of(const struct member *member, uint64_t n)
{
    return n == 1 ? member->first_us * NS_PER_US : member->due_ns + (int64_t)(n - 2) * member->crew->period_ns;
}

/* The walker's tick as row `tick` of `n_ticks`. */
static void put_tick(const struct member *member, const struct walker *walker, uint32_t tick, uint32_t n_ticks)
{
    struct crew *crew = member->crew;
    crew->mono_us[tick] = due_ns_of(member, walker->n) / NS_PER_US;
    crew->wall_us[tick] = crew->mono_us[tick] + member->ahead_us;
    for (uint32_t i = 0; i < crew->shape->table.n; i++)
        crew->cells[(size_t)i * n_ticks + tick] =
            crew->crossed != 0 && i == crew->crosses ? crew->crossed : walker->values[i];
}

/* ---- what is sent ---- */

static int encode(struct member *member, uint32_t n_ticks, struct report *report)
{
    struct crew *crew = member->crew;
    const struct series_table *table = &crew->shape->table;
    for (uint32_t i = 0; i < table->n; i++)
        crew->columns[i] = (struct column){ .fixed = &crew->cells[(size_t)i * n_ticks] };
    const struct batch batch = {
        .run = member->run,
        .first = member->hand.first,
        .n_ticks = n_ticks,
        .n_columns = table->n,
        .table = table->hash,
        .mono_us = crew->mono_us,
        .wall_us = crew->wall_us,
        .columns = crew->columns,
    };
    report->batch_bytes.at = crew->batch;
    return codec_encode_batch(&batch, crew->batch, sizeof crew->batch, &report->batch_bytes.len, NULL);
}

static void send_report(struct member *member, struct report *report)
{
    struct crew *crew = member->crew;
    report->highest = member->n;
    report->policy_revision = member->policy.revision;
    report->interval_us = member->policy.interval_us;
    report->has_table = member->with_table;
    report->table_bytes = crew->shape->table_bytes;
    crew->tally.sent++;
    line_report(&member->line, report);
}

/* The first live tick that is not stored. */
static void send_live(struct member *member)
{
    struct report report = { 0 };
    walk_to(member->crew, &member->head, member->live); /* it stands there already when it goes once more */
    put_tick(member, &member->head, 0, 1);
    member->hand = (struct gap){ member->live, member->live };
    member->hand_is_late = false;
    if (encode(member, 1, &report) < 0)
        line_stop(&member->line);
    else
        send_report(member, &report);
}

/* As much of the oldest gap as a message takes. */
static void send_late(struct member *member)
{
    struct crew *crew = member->crew;
    struct report report = { 0 };
    uint64_t first = member->gaps[0].first;
    uint64_t left = member->gaps[0].last - first + 1;
    uint32_t n = left < member->most ? (uint32_t)left : member->most;
    walk_to(crew, &member->tail, first - 1);
    int64_t values[SERIES_MAX];
    struct walker walker = { member->tail.n, member->tail.seed, values };
    memcpy(values, member->tail.values, crew->shape->table.n * sizeof *values);
    for (uint32_t i = 0; i < n; i++) {
        walk_to(crew, &walker, first + i);
        put_tick(member, &walker, i, n);
    }
    member->hand = (struct gap){ first, first + n - 1 };
    member->hand_is_late = true;
    member->backlog_ns = (int64_t)uv_hrtime() + crew->backlog_ns;
    int rc = encode(member, n, &report);
    if (rc == 0)
        send_report(member, &report);
    else if (rc == -EMSGSIZE && n > 1)
        member->most = n / 2; /* tried with the next tick */
    else
        line_stop(&member->line);
}

static void go_on(struct member *member)
{
    int64_t now_ns = (int64_t)uv_hrtime();
    if (!member->welcomed || member->line.waiting || now_ns < member->retry_ns)
        return;
    if (member->live <= member->n)
        send_live(member);
    else if (member->n_gaps > 0 && now_ns >= member->backlog_ns)
        send_late(member);
}

void member_due(struct member *member, int64_t due_ns)
{
    if (++member->n == 2)
        member->due_ns = due_ns;
    go_on(member);
}

static void say_hello(struct line *line)
{
    struct member *member = member_of(line);
    struct clock clock = clock_system();
    char name[32];
    int64_t mono_us = (int64_t)uv_hrtime() / NS_PER_US;
    snprintf(name, sizeof name, "swarm-%05u", member->number);
    member->ahead_us = clock_wall_us(&clock) - mono_us;
    line_hello(line, &(struct hello){ .host = member->host,
                                      .run = member->run,
                                      .mono_us = mono_us,
                                      .wall_us = mono_us + member->ahead_us,
                                      .version = WARROOM_VERSION,
                                      .hostname = name,
                                      .system = "Linux",
                                      .token = { member->invite->token, member->host == 0 ? TOKEN_BYTES : 0 } });
}

/* ---- what comes back ---- */

static void fail(struct member *member, const char *why)
{
    if (member->crew->tally.failed++ < FAILURES_TOLD)
        fprintf(stderr, "swarm: member %u, host %016" PRIx64 ": %s\n", member->number, member->host, why);
    member->phase = MEMBER_GONE;
    line_stop(&member->line);
}

/* What fell due while it was away is backlog. */
static void open_gap(struct member *member)
{
    if (member->live > member->n)
        return;
    if (member->n_gaps == GAPS_MAX) {
        fail(member, "away too often");
        return;
    }
    member->crew->behind += member->n_gaps == 0;
    member->gaps[member->n_gaps++] = (struct gap){ member->live, member->n };
    member->live = member->n + 1;
}

static void on_welcome(struct member *member, const struct answer *answer)
{
    member->host = answer->host;
    member->welcomed = true;
    member->with_table = true;
    member->most = LATE_TICKS_MAX;
    if (member->phase == MEMBER_AWAY) {
        open_gap(member);
    } else {
        member->first_us = (int64_t)uv_hrtime() / NS_PER_US;
        member->n = 1;
        member->live = 1;
    }
    go_on(member);
}

static void on_present(struct member *member)
{
    struct crew *crew = member->crew;
    bool first = member->phase == MEMBER_JOINING;
    member->phase = MEMBER_JOINED;
    member->redial_ms = REDIAL_LEAST_MS;
    crew->present++;
    if (first) {
        crew->joined++;
        crew->on_joined(crew);
    }
}

/* `first`..`last` are stored: the oldest gap begins behind them, if they are at its beginning. */
static void close_gap(struct member *member, uint64_t first, uint64_t last)
{
    struct gap *gap = &member->gaps[0];
    if (member->n_gaps == 0 || first > gap->first || last < gap->first)
        return;
    uint64_t until = last < gap->last ? last : gap->last;
    member->crew->tally.late += until - gap->first + 1;
    gap->first = until + 1;
    if (gap->first <= gap->last)
        return;
    memmove(gap, gap + 1, --member->n_gaps * sizeof *gap);
    member->crew->behind -= member->n_gaps == 0;
}

static void on_stored(struct member *member, const struct answer *answer)
{
    struct tally *tally = &member->crew->tally;
    int64_t now_ns = (int64_t)uv_hrtime();
    member->with_table = false;
    if (member->hand_is_late) {
        close_gap(member, answer->first, answer->last);
    } else if (member->phase != MEMBER_JOINING) {
        latency_add(&tally->from_sent, now_ns - member->line.sent_ns);
        latency_add(&tally->from_due, now_ns - due_ns_of(member, member->live));
    }
    if (!member->hand_is_late)
        member->live++;
    if (member->phase == MEMBER_JOINED)
        tally->stored++;
    else
        on_present(member);
    go_on(member);
}

static void on_refused(struct member *member, const struct answer *answer)
{
    struct gap *hand = &member->hand;
    if (!member->hand_is_late || answer->refusal != REFUSAL_OVERLAP) {
        member->crew->tally.refused++;
        fail(member, answer->text);
        return;
    }
    if (answer->first <= hand->first)
        close_gap(member, answer->first, answer->last);
    else
        member->most = (uint32_t)(answer->first - hand->first);
    go_on(member);
}

static void on_answer(struct line *line, const struct answer *answer)
{
    struct member *member = member_of(line);
    if (answer->policy.revision != 0)
        member->policy = answer->policy;
    switch (answer->kind) {
    case ANSWER_WELCOME:
        on_welcome(member, answer);
        return;
    case ANSWER_STORED:
        on_stored(member, answer);
        return;
    case ANSWER_BUSY:
        member->crew->tally.busy++;
        member->retry_ns = (int64_t)uv_hrtime() + answer->retry_us * NS_PER_US;
        if (!member->welcomed)
            line_stop(line);
        return;
    case ANSWER_REFUSED:
        on_refused(member, answer);
        return;
    case ANSWER_NO_TABLE:
        member->with_table = true;
        go_on(member);
        return;
    }
}

static void on_redial(uv_timer_t *redial)
{
    struct member *member = redial->data;
    line_start(&member->line);
}

static uint64_t draw_below(int64_t bound)
{
    uint32_t random;
    return getrandom(&random, sizeof random, 0) == sizeof random ? random % (uint64_t)bound : 0;
}

static int64_t longest_pause_ms(int64_t away_ns)
{
    int64_t pause_ms = away_ns / 4 / NS_PER_MS;
    return pause_ms < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS;
}

static void on_gone(struct line *line, const char *why)
{
    struct member *member = member_of(line);
    struct crew *crew = member->crew;
    bool was_here = member->phase == MEMBER_JOINED;
    crew->present -= was_here;
    member->welcomed = false;
    if (member->phase == MEMBER_GONE)
        return;
    if (!crew->returns || member->phase == MEMBER_JOINING) {
        fail(member, why ? why : "it left");
        return;
    }
    int64_t now_ns = (int64_t)uv_hrtime();
    if (member->phase != MEMBER_AWAY)
        member->gone_ns = now_ns;
    member->phase = MEMBER_AWAY;
    uv_timer_start(&member->redial, on_redial, draw_below(member->redial_ms), 0);
    int64_t most_ms = longest_pause_ms(now_ns - member->gone_ns);
    member->redial_ms = 2 * member->redial_ms < most_ms ? 2 * member->redial_ms : most_ms;
}

/* ---- begin and end ---- */

void member_handlers(struct line_home *home)
{
    home->on_open = say_hello;
    home->on_answer = on_answer;
    home->on_gone = on_gone;
}

void member_start(struct member *member, struct crew *crew, const struct invite *invite, unsigned number)
{
    uint32_t n = crew->shape->table.n;
    member->crew = crew;
    member->invite = invite;
    member->number = number;
    memcpy(member->collector.bytes, invite->collector, sizeof member->collector.bytes);
    member->phase = MEMBER_JOINING;
    member->redial_ms = REDIAL_LEAST_MS;
    member->line.home = &crew->home;
    member->line.user = member;
    member->line.own = &member->key;
    member->line.collector = &member->collector;
    member->redial.data = member;
    uv_timer_init(crew->home.loop, &member->redial);
    member->head.values = calloc(n, sizeof *member->head.values);
    member->tail.values = calloc(n, sizeof *member->tail.values);
    if (!member->head.values || !member->tail.values || key_pair_draw(&member->key, NULL) < 0 ||
        getrandom(&member->run, sizeof member->run, 0) != sizeof member->run ||
        getrandom(&member->head.seed, sizeof member->head.seed, 0) != sizeof member->head.seed) {
        fail(member, "out of memory or randomness");
        return;
    }
    member->head.seed |= 1; /* xorshift stays at 0 for ever */
    member->tail.seed = member->head.seed;
    line_start(&member->line);
}

bool member_is_done(const struct member *member)
{
    return member->phase == MEMBER_GONE ||
           (member->phase == MEMBER_JOINED && member->welcomed && member->n_gaps == 0 && member->live > member->n);
}

void member_stop(struct member *member)
{
    if (member->phase == MEMBER_IDLE)
        return;
    member->phase = MEMBER_GONE;
    uv_close((uv_handle_t *)&member->redial, NULL);
    line_stop(&member->line);
}

void member_free(struct member *member)
{
    key_pair_done(&member->key);
    free(member->head.values);
    free(member->tail.values);
}
