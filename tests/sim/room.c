#include "tests/sim/room.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/event/calendar.h"
#include "collector/parts.h"
#include "collector/watch/rules.h"
#include "tests/sim/disk.h"
#include "tests/sim/hosts.h"

#define TRY_AGAIN_US (5 * US_PER_S)
enum { SHELF_BYTES = 4 << 20 };

static struct {
    struct process process;
    struct collector *collector;
    struct collector_config config;
    struct rule rules[RULES_MAX];
    struct arena shelf;  /* plans and calendars */
    struct arena people; /* who is told */
    struct webhook_config webhooks[2];
    struct log log;
    struct room_watcher watcher;
    const char *dir;
    char key[PATH_MAX];
    uint64_t ends; /* so far: an opening that was planned before one of them is off */
} room;

static const char *shipped[] = { SIM_SHARE "/rules/normal.yaml", SIM_SHARE "/rules/assurance.yaml" };

static void read_shipped(void)
{
    static struct config_faults faults;
    if (rules_read(&room.config.rules, room.rules, &room.config.n_rules, NULL, &faults) < 0)
        world_fail("the rules as shipped are faulty");
    arena_init(&room.shelf, SHELF_BYTES);
    if (shelf_read(&room.config, &room.shelf, &faults) < 0)
        world_fail("plans or calendars as shipped are faulty");
}

/* The one the hosts know. */
static void make_key(void)
{
    struct key_pair key;
    host_collector_keys(&key);
    if (mkdir(room.dir, 0700) < 0 || key_file_create(room.key, &key, NULL) < 0)
        world_fail("cannot make %s", room.key);
}

void room_set_up(const char *dir, int log_fd, bool trace, struct room_watcher watcher)
{
    room.dir = dir;
    snprintf(room.key, sizeof room.key, "%s/collector.key", dir);
    room.watcher = watcher;
    room.log = (struct log){ .fd = log_fd, .least = trace ? LOG_DEBUG : LOG_INFO, .clock = world_clock() };
    room.webhooks[0] = (struct webhook_config){ .name = "duty", .url = "http://duty.example.org/" };
    room.config = (struct collector_config){ .listen = "127.0.0.1:9740",
                                             .control = "control.sock",
                                             .feed = "feed.sock",
                                             .state = dir,
                                             .key = room.key,
                                             .rules = { .n = 2, .at = shipped },
                                             .plans_folder = SIM_SHARE "/plans",
                                             .calendars_folder = SIM_SHARE "/calendars",
                                             .log_level = room.log.least,
                                             .webhooks = { .at = room.webhooks, .n = 1 },
                                             .rule_rows = room.rules };
    read_shipped();
    make_key();
    disk_install();
}

void room_read_people(const char *text)
{
    static struct config_faults faults;
    struct collector_config read;
    FILE *file = fopen("people.yaml", "w");
    if (!file || fputs(text, file) < 0 || fclose(file) < 0)
        world_fail("cannot write people.yaml");
    arena_init(&room.people, SHELF_BYTES);
    if (collector_config_read("people.yaml", &read, &room.people, &faults) < 0)
        world_fail("people.yaml: %s", faults.at[0].text);
    room.config.people = read.people;
    room.config.webhooks = read.webhooks;
}

void room_tear_down(void)
{
    if (room.collector)
        room_close();
    arena_done(&room.shelf);
    arena_done(&room.people);
}

static void on_happened(void *user, const struct happening *happening)
{
    (void)user;
    if (!room.process.dead)
        room.watcher.happened(happening);
}

static void try_again(void *user)
{
    uint64_t ends = (uintptr_t)user;
    if (!room.collector && ends == room.ends)
        room_open();
}

void room_open_after(int64_t wait_us)
{
    world_at(world_now_us() + wait_us, try_again, (void *)(uintptr_t)room.ends);
}

void room_open(void)
{
    struct err err;
    const struct collector_listener listener = { .happened = on_happened };
    /* A tenant whose file cannot be read at the start is left out until the next one (docs/storage.md). */
    if (disk_fails()) {
        room_open_after(TRY_AGAIN_US);
        return;
    }
    process_start(&room.process);
    disk_revive(&room.process);
    int rc =
        collector_open(&room.collector, &room.process.loop, &room.config, world_clock(), &room.log, listener, &err);
    if (rc < 0) {
        room.collector = NULL;
        process_end(&room.process);
        log_event(&room.log, LOG_ERROR, "sim_not_opened", KV_TEXT("error", err.text));
        room_open_after(TRY_AGAIN_US);
        return;
    }
    room.watcher.up();
}

void room_close(void)
{
    room.ends++;
    room.watcher.down();
    uv_update_time(&room.process.loop);
    room.collector = collector_close(room.collector);
    process_end(&room.process);
}

void room_end(enum room_end how)
{
    if (how == ROOM_POWER_CUT)
        disk_cut_power();
    else
        disk_die();
    room_bury();
}

bool room_bury(void)
{
    if (!room.collector || !room.process.dead)
        return false;
    room.process.stopped = false;
    room_close();
    return true;
}

void room_say(const char *what, const char *of, double seconds)
{
    log_event(&room.log, LOG_WARN, "sim_fault", KV_TEXT("what", what), KV_TEXT("of", of), KV_REAL("seconds", seconds));
}

void room_trace(const char *what, const char *host, uint64_t first, uint64_t last)
{
    log_event(&room.log, LOG_DEBUG, "sim_report", KV_TEXT("what", what), KV_TEXT("host", host),
              KV_COUNT("first", first), KV_COUNT("last", last));
}

struct collector *room_collector(void)
{
    return room.collector;
}

struct process *room_process(void)
{
    return &room.process;
}

const char *room_dir(void)
{
    return room.dir;
}

/* ---- commands ---- */

struct collector *room_ask(void)
{
    if (room.collector)
        uv_update_time(&room.process.loop);
    return room.collector;
}

static void on_written(void *user, int rc)
{
    *(int *)user = rc;
}

static void wait_written(enum store_file file, uint64_t tenant)
{
    int rc = 1;
    collector_then(room_ask(), file, tenant, on_written, &rc);
    for (int i = 0; i < 1000 && rc == 1; i++)
        world_run(world_now_us() + 10 * US_PER_MS, NULL);
    if (rc != 0)
        world_fail("a command was not written");
}

bool room_wait(uint64_t tenant)
{
    int rc = 1;
    collector_then(room_ask(), STORE_TENANT, tenant, on_written, &rc);
    for (int i = 0; i < 100000 && rc == 1 && !room_bury(); i++)
        world_run(world_now_us() + US_PER_MS, NULL);
    if (rc != 0 && room.collector)
        world_fail("a command was not written");
    return room.collector != NULL; /* what it says while it is buried nobody hears */
}

static void must(int rc, const struct err *err)
{
    if (rc < 0)
        world_fail("a command was refused: %s", err->text);
}

uint64_t room_add_tenant(const char *name)
{
    const struct tenant *row;
    struct err err;
    must(collector_add_tenant(room_ask(), name, &row, &err), &err);
    wait_written(STORE_REGISTRY, 0);
    return row->id;
}

/* As if it had joined. */
static void let_in(uint64_t host, const struct public_key *key)
{
    struct host_key row = { .host = host, .state = KEY_ACTIVE, .since_us = world_wall_us() };
    memcpy(row.key, key->bytes, sizeof row.key);
    if (keyring_put_key(room.collector->keyring, &row) < 0 || store_put_host_key(room.collector->store, &row) < 0)
        world_fail("a key was not taken");
}

uint64_t room_add_host(uint64_t tenant, const char *name, const struct public_key *key)
{
    const struct host *row;
    struct err err;
    struct host_change change = { .group = NULL };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    must(collector_enroll_host(room_ask(), tenant, name, &change, &row, &err), &err);
    let_in(row->id, key);
    wait_written(STORE_REGISTRY, 0);
    return row->id;
}

static const struct decision commander = { .by = "sim", .role = ROLE_COMMANDER };

uint64_t room_add_event(uint64_t tenant, const char *name, const char *zone, int64_t days)
{
    struct event event;
    static struct document document;
    const struct event *row;
    struct err err;
    char today[32];
    must(calendar_local_text(zone, world_wall_us(), today, &err), &err);
    today[sizeof "2026-11-23" - 1] = '\0';
    struct event_plan plan = {
        .name = name, .zone = zone, .first_day = today, .days = days, .hosts = "*", .drill = true
    };
    must(event_init(&event, &plan, &err), &err);
    document_of(&event, &document);
    must(collector_add_event(room_ask(), tenant, &document, &commander, &row, &err), &err);
    wait_written(STORE_TENANT, tenant);
    return row->id;
}

void room_do_event(uint64_t event, enum event_verb verb)
{
    const struct event *row;
    struct err err;
    must(collector_event_do(room_ask(), event, verb, &commander, &row, &err), &err);
    wait_written(STORE_TENANT, row->tenant);
}
