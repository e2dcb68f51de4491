/* Days of an event: hosts with spells of what is bad, people who are told by several ways and answer late or never, and
 * whatever can go wrong. The day is a calm night at a tick each ten seconds and a live window of hours at one a second,
 * up to midnight; each hundredth seed is live for all of it. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/check.h"
#include "tests/sim/clocks.h"
#include "tests/sim/crew.h"
#include "tests/sim/disk.h"
#include "tests/sim/fate.h"
#include "tests/sim/files.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdict.h"

#define MINUTE    (60 * US_PER_S)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define SETTLE_US (2 * MINUTE)
#define HEAL_US   (75 * MINUTE) /* a page that was late is tried for an hour */
#define EDGE_US   (10 * MINUTE) /* about the window's ends other rules take over: what began there is not judged */
#define PROMPT_US (4 * MINUTE)  /* a robot's limit, and a way that has to wait for it */
enum { HOSTS = 5, WHOLE_EACH = 100, LIMITS = 3, ACKS_EACH = 4 };

static const char *const channels[] = { "mail", "robot", "hook" };
static const char *const machines[] = { "hook-machine", "room", NULL };

static struct {
    struct stage *stage;
    struct dice dice;
    uint64_t tenant;
    int64_t live_us, end_us; /* of the window, wall */
} day;

/* ---- who is told ---- */

#define CHANNELS                                                                                                       \
    "rules: [" SIM_SHARE "/rules/normal.yaml, " SIM_SHARE "/rules/assurance.yaml]\n"                                   \
    "plans: " SIM_SHARE "/plans\ncalendars: " SIM_SHARE "/calendars\n"                                                 \
    "channels:\n"                                                                                                      \
    "  - {name: mail, kind: smtp, url: 'smtp://relay.example.org', from: warroom@example.org}\n"                       \
    "  - {name: robot, kind: wecom, url: 'https://robot.example.org/', per_minute: %u}\n"                              \
    "  - {name: hook, kind: webhook, url: 'https://hook.example.org/'}\n"                                              \
    "contacts:\n"                                                                                                      \
    "  - {name: alice, language: zh, ways: [{channel: robot, address: alice}, {channel: mail, address: "               \
    "a@example.org}]}\n"                                                                                               \
    "  - {name: bob, ways: [{channel: mail, address: b@example.org}, {channel: robot, address: bob}]}\n"               \
    "  - {name: lead, ways: [{channel: hook}, {channel: mail, address: l@example.org}, {channel: robot}]}\n"           \
    "  - {name: room, hears: true, ways: [{channel: robot}]}\n"                                                        \
    "oncall:\n"                                                                                                        \
    "  - {name: desk, zone: UTC, members: [alice, bob], from: 2026-11-23, at: '08:00', turn: 3h}\n"

/* By turns: a desk and those behind it, a person and everybody, and nobody said anything: everybody at once. */
static const char *const escalations[] = {
    "escalations:\n  - name: steps\n    steps:\n      - {after: 0s, contacts: [desk]}\n"
    "      - {after: 3m, contacts: [lead]}\n      - {after: 6m, contacts: [alice, bob, room]}\n",
    "webhooks:\n  - {name: hook-machine, url: 'https://machine.example.org/'}\n"
    "escalations:\n  - name: steps\n    steps:\n      - {after: 0s, contacts: [bob]}\n"
    "      - {after: 2m, contacts: [alice, lead, room]}\n",
    "",
};
enum { N_ESCALATIONS = sizeof escalations / sizeof escalations[0] };

static void name_people(void)
{
    static const unsigned limits[LIMITS] = { 4, 10, 20 };
    char text[4096];
    unsigned limit = limits[dice_between(&day.dice, 0, LIMITS - 1)];
    int64_t which = dice_between(&day.dice, 0, N_ESCALATIONS - 1);
    int len = snprintf(text, sizeof text, CHANNELS, limit);
    snprintf(text + len, sizeof text - (size_t)len, "%s", escalations[which]);
    room_read_people(text);
    receiver_set_limit("robot", limit);
    receiver_set_limit("mail", 60);
    check_set_machines(machines);
}

/* ---- what is bad ---- */

static bool is_live(int64_t at_us)
{
    return at_us >= day.live_us && at_us < day.end_us;
}

static int64_t hold_at(enum ill ill, int64_t at_us)
{
    if (is_live(at_us))
        return 30 * US_PER_S;
    return (ill == ILL_CPU ? 120 : 60) * US_PER_S;
}

static int64_t hold_of(const struct sim_host *host, enum ill ill, const struct spell *spell)
{
    (void)host;
    int64_t edges[] = { day.live_us, day.end_us };
    for (int i = 0; i < 2; i++)
        if (spell->from_us < edges[i] + EDGE_US && spell->to_us > edges[i] - EDGE_US)
            return -1;
    return hold_at(ill, spell->from_us);
}

static int64_t draw_span(enum ill ill, int64_t at_us)
{
    if (dice_chance(&day.dice, 25))
        return dice_between(&day.dice, 1, 20) * US_PER_S; /* too brief */
    return hold_at(ill, at_us) + dice_span(&day.dice, 45, 3600) * US_PER_S;
}

/* It comes and goes. */
static int64_t flap(struct sim_host *host, enum ill ill, int64_t at_us)
{
    for (int64_t n = dice_between(&day.dice, 3, 12); n > 0; n--) {
        int64_t span_us = hold_at(ill, at_us) + dice_between(&day.dice, 30, 90) * US_PER_S;
        host_add_spell(host, ill, at_us, span_us);
        at_us += span_us + dice_between(&day.dice, 40, 240) * US_PER_S;
    }
    return at_us;
}

/* `storm_us`: when all hosts have it at once, unless it would meet what comes before. */
static void plan(struct sim_host *host, enum ill ill, int64_t storm_us, int64_t until_us)
{
    int64_t free_us = world_wall_us();
    int64_t at_us = free_us + dice_between(&day.dice, 5, 120) * MINUTE;
    while (at_us < until_us) {
        if (at_us > storm_us && storm_us >= free_us + EDGE_US)
            at_us = storm_us;
        if (at_us >= storm_us)
            storm_us = 0;
        if (dice_chance(&day.dice, 12)) {
            free_us = flap(host, ill, at_us);
        } else {
            int64_t span_us = draw_span(ill, at_us);
            host_add_spell(host, ill, at_us, span_us);
            free_us = at_us + span_us;
        }
        at_us = free_us;
        at_us += is_live(at_us) ? dice_between(&day.dice, 11, 70) * MINUTE : dice_between(&day.dice, 60, 500) * MINUTE;
    }
}

/* ---- the day ---- */

static void look(void)
{
    if (room_bury())
        fate_room_died();
}

static int64_t draw_live_us(void)
{
    if (day.stage->seed % WHOLE_EACH == 0)
        return DAY;
    return dice_between(&day.dice, 30, 75) * MINUTE;
}

static void people_the_world(void)
{
    struct stage *stage = day.stage;
    int64_t until_us = world_wall_us() + DAY - HEAL_US;
    day.end_us = (world_wall_us() / DAY + 1) * DAY;
    day.live_us = day.end_us - draw_live_us();
    if (day.live_us < world_wall_us())
        day.live_us = world_wall_us();
    int64_t storm_us = dice_chance(&day.dice, 50) ? day.live_us + dice_between(&day.dice, 10, 40) * MINUTE : 0;
    day.tenant = room_add_tenant("shop");
    stage->n_hosts = stage->most_hosts ? stage->most_hosts : HOSTS;
    for (unsigned i = 0; i < stage->n_hosts; i++) {
        struct sim_host *host = &stage->hosts[i];
        host_init(host, i, stage->seed, stage->log_fd);
        host->tenant = day.tenant;
        host->wide = host->together = true;
        host->id = room_add_host(day.tenant, host->name, &host->keys.public_key);
        for (int ill = 0; ill < ILL_COUNT; ill++)
            plan(host, (enum ill)ill, ill == ILL_CPU ? storm_us : 0, until_us);
    }
    for (size_t i = 0; i < stage->n_hosts; i++)
        host_open(&stage->hosts[i]);
}

/* All are over by `until_us` (wall). Each stretch has its own. */
static void begin_faults(uint64_t stretch, int64_t until_us)
{
    static const int64_t most_s[] = { 3600, 1200 }; /* between two */
    int64_t until_now_us = world_now_us() + until_us - world_wall_us();
    if (day.stage->calm || until_now_us < world_now_us() + SETTLE_US)
        return;
    fate_begin(&(struct fate_plan){ .seed = day.stage->seed * 2 + stretch,
                                    .hosts = day.stage->hosts,
                                    .n_hosts = day.stage->n_hosts,
                                    .from_us = world_now_us() + SETTLE_US,
                                    .until_us = until_now_us,
                                    .least_s = 30,
                                    .most_s = most_s[stretch],
                                    .channels = channels,
                                    .n_channels = sizeof channels / sizeof channels[0] });
}

static void run_to(int64_t wall_us, const struct trial *trial)
{
    while (world_wall_us() < wall_us) {
        int64_t next_us = world_wall_us() + HOUR;
        world_run(world_now_us() + (next_us < wall_us ? next_us : wall_us) - world_wall_us(), look);
        verdict_look(trial);
    }
}

/* Nothing is wrong at that moment. */
static void go_live(uint64_t event, const struct trial *trial)
{
    begin_faults(0, day.live_us - EDGE_US);
    run_to(day.live_us - EDGE_US, trial);
    disk_die_at_write(0);
    run_to(day.live_us, trial);
    room_do_event(event, EVENT_START);
}

static void tell(const struct files_counts *files, const struct verdict *verdict)
{
    struct crew_counts crew = crew_counts();
    printf("seed %" PRIu64 ": %.0f min live, %zu faults, %" PRIu64
           " ticks, %zu of %zu spells judged; %zu clocks: %zu told"
           " within ten minutes, %zu breaches with their cause; %" PRIu64
           " messages, %u acknowledged, %u resolved; %" PRIu64
           " entries in the ledgers; the slowest without a fault %.1f s\n",
           day.stage->seed, (double)(day.end_us - day.live_us) / 6e7, fate_count(), files->ticks, verdict->judged,
           verdict->spells, verdict->clocks, verdict->told, verdict->breaches, check_counts().pages, crew.acknowledged,
           crew.resolved, clocks_entries(), verdict->worst_s);
}

void play_days(struct stage *stage)
{
    day.stage = stage;
    day.dice = dice_of(stage->seed, 'y');
    tap_set(check_tap());
    receiver_listen(crew_took, crew_sends);
    check_begin(stage->hosts, HOSTS_MAX);
    check_seldom(ACKS_EACH);
    name_people();
    room_open();
    people_the_world();
    crew_begin(stage->seed);
    const struct trial trial = {
        .hosts = stage->hosts, .n_hosts = stage->n_hosts, .hold_us = hold_of, .prompt_us = PROMPT_US
    };
    int64_t over_us = world_wall_us() + DAY;
    go_live(room_add_event(day.tenant, "sale", "UTC", 1), &trial);
    begin_faults(1, over_us - HEAL_US);
    run_to(over_us, &trial);
    hosts_must_be_drained(stage->hosts, stage->n_hosts);
    struct files_counts files = files_audit(stage->hosts, stage->n_hosts, world_wall_us() - MINUTE);
    struct verdict verdict = verdict_of(&trial);
    tell(&files, &verdict);
    crew_end();
}
