#include "tests/sim/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"
#include "tests/sim/files.h"

enum { ASKED_MAX = 16, SERIAL_COLUMN = 2 /* as hosts.c adds it */ };
#define SILENCE_SLACK_US (2 * US_PER_S) /* times are corrected, not known */

struct known_run {
    struct run_id run;
    int64_t ahead; /* serials are ahead of its numbers by */
    bool heard;    /* while it went on, a tick of it was stored */
};

struct asked {
    uint32_t ticket;
    struct run_id run;
    uint64_t first, last;
    int64_t at_us; /* wall */
};

struct notes { /* of one host */
    size_t n_runs;
    struct known_run *runs;
    unsigned next_asked;
    struct asked asked[ASKED_MAX];
};

static struct {
    struct sim_host *hosts;
    size_t n_hosts;
    struct notes notes[HOSTS_MAX];
    struct arena arena;
    size_t n_firings, n_receipts, n_downtimes;
    struct firing *firings;
    struct receipt *receipts;
    struct downtime *downtimes;
    struct check_counts counts;
    unsigned each;               /* 0: every one */
    const char *const *machines; /* NULL ends them; NULL: all are people */
} check;

static void *grown(void *list, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0)
        return list;
    list = reallocarray(list, n > 0 ? n * 2 : 1, size);
    if (!list)
        world_fail("out of memory");
    return list;
}

void check_begin(struct sim_host *hosts, size_t n_hosts)
{
    check.hosts = hosts;
    check.n_hosts = n_hosts;
    arena_init(&check.arena, CODEC_ARENA_BYTES);
}

void check_seldom(unsigned each)
{
    check.each = each;
}

void check_end(void)
{
    for (size_t i = 0; i < check.n_hosts; i++)
        free(check.notes[i].runs);
    free(check.firings);
    free(check.receipts);
    free(check.downtimes);
    arena_done(&check.arena);
}

struct sim_host *check_host(uint64_t id)
{
    for (size_t i = 0; i < check.n_hosts; i++)
        if (check.hosts[i].id == id)
            return &check.hosts[i];
    return NULL;
}

static struct notes *notes_of(const struct sim_host *host)
{
    return &check.notes[host - check.hosts];
}

static struct known_run *find_run(const struct sim_host *host, const struct run_id *run)
{
    struct notes *notes = notes_of(host);
    for (size_t i = notes->n_runs; i-- > 0;)
        if (memcmp(&notes->runs[i].run, run, sizeof *run) == 0)
            return &notes->runs[i];
    return NULL;
}

uint64_t check_serial(const struct sim_host *host, const struct run_id *run, uint64_t n)
{
    const struct known_run *known = find_run(host, run);
    int64_t serial = known ? (int64_t)n + known->ahead : 0;
    return serial > 0 && (size_t)serial <= host->n_ticks ? (uint64_t)serial : 0;
}

void check_runs(const struct sim_host *host, const struct run_id *run)
{
    struct notes *notes = notes_of(host);
    notes->runs = grown(notes->runs, notes->n_runs, sizeof *notes->runs);
    notes->runs[notes->n_runs++] = (struct known_run){ .run = *run, .ahead = (int64_t)host->n_ticks };
}

/* ---- the network ---- */

static void check_numbers(const struct sim_host *host, const struct batch *batch)
{
    if (batch->n_columns <= SERIAL_COLUMN || batch->columns[SERIAL_COLUMN].real)
        world_fail("%s: a report without its serial", host->name);
    int64_t ahead = batch->columns[SERIAL_COLUMN].fixed[0] - (int64_t)batch->first;
    const struct known_run *known = find_run(host, &batch->run);
    if (!known || known->ahead != ahead)
        world_fail("%s: ticks of a run changed their numbers", host->name);
}

static void note_report(struct sim_host *host, uint32_t ticket, const struct batch *batch)
{
    struct notes *notes = notes_of(host);
    uint64_t last = batch->first + batch->n_ticks - 1;
    check_numbers(host, batch);
    check.counts.reports++;
    room_trace("asked", host->name, batch->first, last);
    notes->asked[notes->next_asked++ % ASKED_MAX] = (struct asked){
        .ticket = ticket, .run = batch->run, .first = batch->first, .last = last, .at_us = world_wall_us()
    };
    for (uint64_t n = batch->first; n <= last; n++) {
        uint64_t serial = check_serial(host, &batch->run, n);
        if (serial == 0)
            world_fail("%s: a report of a tick that never was", host->name);
        if (host->ticks[serial].asked_us == 0)
            host->ticks[serial].asked_us = world_wall_us();
    }
}

static void on_asked(void *user, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct request request;
    arena_reset(&check.arena);
    if (codec_decode_request(bytes, len, &check.arena, &request, NULL) == 0 && request.kind == REQUEST_REPORT)
        note_report(user, ticket, &request.report.batch);
}

static const struct asked *asked_of(const struct sim_host *host, uint32_t ticket)
{
    struct notes *notes = notes_of(host);
    for (unsigned i = 1; i <= ASKED_MAX && i <= notes->next_asked; i++) {
        const struct asked *asked = &notes->asked[(notes->next_asked - i) % ASKED_MAX];
        if (asked->ticket == ticket)
            return asked;
    }
    return NULL;
}

/* It was taken, and so looked at; whether it could be kept is another matter. */
static void note_arrived(struct sim_host *host, const struct asked *asked)
{
    for (uint64_t n = asked->first; n <= asked->last; n++) {
        struct tick *tick = &host->ticks[check_serial(host, &asked->run, n)];
        if (tick->arrived_us)
            continue;
        tick->arrived_us = asked->at_us;
        tick->misdated = !find_run(host, &asked->run)->heard && tick->booted_us != host->booted_us &&
                         tick->wall_off_us != host->wall_off_us;
    }
}

static void note_heard(struct sim_host *host, const struct asked *asked)
{
    if (host->ticks[check_serial(host, &asked->run, asked->last)].life == host->life)
        find_run(host, &asked->run)->heard = true;
}

static void check_stored(struct sim_host *host, const struct asked *asked, const struct answer *answer)
{
    struct host_view view;
    collector_host_view(room_collector(), host->id, &view);
    if (view.cloned_us != 0)
        world_fail("%s is called two machines", host->name);
    check.counts.acks++;
    bool looked_at = check.each == 0 || check.counts.acks % check.each == 0;
    if (looked_at && !files_have(host->tenant, host->id, &asked->run, answer->first, answer->last))
        world_fail("%s: ticks %" PRIu64 "..%" PRIu64 " are called stored and are not on disk", host->name,
                   answer->first, answer->last);
    for (uint64_t n = answer->last; n >= answer->first && n > 0; n--) {
        uint64_t serial = check_serial(host, &asked->run, n);
        if (serial == 0)
            world_fail("%s: a tick that never was is called stored", host->name);
        if (host->ticks[serial].acked && n < asked->first) /* said before, and so what lies before it */
            break;
        host->ticks[serial].acked = true;
    }
}

static const char *answer_name(enum answer_kind kind)
{
    static const char *const names[] = { "welcome", "stored", "refused", "busy", "no-table" };
    return names[kind];
}

static void on_answered(void *user, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct sim_host *host = user;
    struct answer answer;
    arena_reset(&check.arena);
    if (codec_decode_answer(bytes, len, &check.arena, &answer, NULL) < 0)
        world_fail("%s: what was sealed is no answer", host->name);
    const struct asked *asked = asked_of(host, ticket);
    room_trace(answer_name(answer.kind), host->name, asked ? asked->first : 0, asked ? asked->last : 0);
    if (asked && (answer.kind == ANSWER_STORED || answer.kind == ANSWER_BUSY))
        note_arrived(host, asked);
    if (answer.kind == ANSWER_STORED && asked) {
        check_stored(host, asked, &answer);
        note_heard(host, asked);
    }
    if (answer.kind == ANSWER_REFUSED && answer.refusal != REFUSAL_OVERLAP)
        world_fail("%s: a report was refused (%s): %s", host->name, refusal_name(answer.refusal), answer.text);
}

struct tap check_tap(void)
{
    return (struct tap){ .asked = on_asked, .answered = on_answered };
}

/* ---- what the collector says ---- */

/* When the newest tick was taken that had arrived by then. */
static int64_t heard_us(const struct sim_host *host, int64_t by_us)
{
    for (size_t serial = host->n_ticks; serial > 0; serial--)
        if (host->ticks[serial].arrived_us > 0 && host->ticks[serial].arrived_us <= by_us)
            return host->ticks[serial].at_us;
    return 0;
}

static void check_silence(const struct sim_host *host, const struct transition *told)
{
    struct host_view view;
    collector_host_view(room_collector(), host->id, &view);
    int64_t span_us = WATCH_SILENCE_INTERVALS * (view.interval_us ? view.interval_us : WATCH_INTERVAL_US);
    int64_t quiet_us = told->detected_us - heard_us(host, told->detected_us);
    if (quiet_us < span_us - SILENCE_SLACK_US)
        world_fail("%s is called silent %.3f s after a tick of it (crossed %.3f s ago, said %.3f s ago), its interval"
                   " is %.0f s",
                   host->name, (double)quiet_us / 1e6, (double)(world_wall_us() - told->alert.crossed_us) / 1e6,
                   (double)(world_wall_us() - told->detected_us) / 1e6, (double)view.interval_us / 1e6);
}

static void note_firing(const struct transition *told)
{
    const struct alert *alert = &told->alert;
    const struct sim_host *host = check_host(alert->host);
    if (!host)
        world_fail("an alert of a host that is not there");
    if (alert->state != ALERT_FIRING)
        return;
    if (strcmp(alert->rule, WATCH_SILENCE_RULE) == 0) {
        if (told->from != ALERT_FIRING)
            check_silence(host, told);
        return;
    }
    if (alert->crossed_us > told->detected_us)
        world_fail("%s: %s crossed after it was detected", host->name, alert->rule);
    check.firings = grown(check.firings, check.n_firings, sizeof *check.firings);
    struct firing *firing = &check.firings[check.n_firings++];
    *firing = (struct firing){
        .host = host->id, .crossed_us = alert->crossed_us, .detected_us = told->detected_us, .late = told->late
    };
    memcpy(firing->rule, alert->rule, sizeof firing->rule);
}

static void trace(const struct happening *happening)
{
    const struct transition *alert = &happening->alert;
    const struct incident *incident = &happening->incident;
    const struct sim_host *host = happening->kind == HAPPENED_ALERT ? check_host(alert->alert.host) : NULL;
    char what[128];
    if (host) {
        snprintf(what, sizeof what, "%s %s%s", alert->alert.rule, alert_state_name(alert->alert.state),
                 alert->late ? " late" : "");
        room_trace(what, host->name, (uint64_t)alert->alert.crossed_us / US_PER_S,
                   (uint64_t)alert->detected_us / US_PER_S);
    } else if (happening->kind == HAPPENED_INCIDENT) {
        snprintf(what, sizeof what, "incident %" PRIu64 " %s", incident->id, incident_state_name(incident->state));
        room_trace(what, incident->group, (uint64_t)incident->crossed_us / US_PER_S,
                   (uint64_t)incident->detected_us / US_PER_S);
    }
}

static void on_happened(const struct happening *happening)
{
    trace(happening);
    if (happening->kind == HAPPENED_ALERT)
        note_firing(&happening->alert);
}

static void on_up(void)
{
    if (check.n_downtimes > 0)
        check.downtimes[check.n_downtimes - 1].to_us = world_wall_us();
}

static void on_down(void)
{
    files_close();
    receiver_forgotten();
    check.downtimes = grown(check.downtimes, check.n_downtimes, sizeof *check.downtimes);
    check.downtimes[check.n_downtimes++] = (struct downtime){ .from_us = world_wall_us() };
}

struct room_watcher check_watcher(void)
{
    return (struct room_watcher){ .happened = on_happened, .up = on_up, .down = on_down };
}

/* ---- pages ---- */

void check_took(const struct receipt *receipt)
{
    for (size_t i = 0; i < check.n_receipts; i++) {
        const struct receipt *before = &check.receipts[i];
        if (strcmp(before->key, receipt->key) == 0 && before->taken && before->answered && !receipt->possible_copy)
            world_fail("page %s was taken before and comes again, not marked as a possible copy", receipt->key);
    }
    check.receipts = grown(check.receipts, check.n_receipts, sizeof *check.receipts);
    check.receipts[check.n_receipts++] = *receipt;
    check.counts.pages++;
}

void check_set_machines(const char *const *machines)
{
    check.machines = machines;
}

bool check_is_machine(const char *contact)
{
    for (const char *const *machine = check.machines; machine && *machine; machine++)
        if (strcmp(*machine, contact) == 0)
            return true;
    return false;
}

const struct firing *check_firings(size_t *ret_n)
{
    *ret_n = check.n_firings;
    return check.firings;
}

const struct receipt *check_receipts(size_t *ret_n)
{
    *ret_n = check.n_receipts;
    return check.receipts;
}

const struct downtime *check_downtimes(size_t *ret_n)
{
    *ret_n = check.n_downtimes;
    return check.downtimes;
}

struct check_counts check_counts(void)
{
    return check.counts;
}
