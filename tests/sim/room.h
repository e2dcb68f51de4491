/* tests/sim/room.h - the war room: the machine the collector runs on, and what is done to it.
 *
 * Shape    the real collector on real files in a folder; opened, closed, killed and opened again. While it is down
 *          nobody listens. What it cannot open it tries again every few seconds, as systemd would
 * Watcher  hears what the collector says has happened, and when it comes and goes
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "collector/collector.h"
#include "proto/link/keys.h"
#include "tests/sim/world.h"

struct room_watcher {
    void (*happened)(const struct happening *happening);
    void (*up)(void);
    void (*down)(void); /* before its files are closed */
};

/* `dir`, in the current folder, is made; everything is borrowed. `log_fd`: where the collector's log goes; `trace`:
 * reports too. */
void room_set_up(const char *dir, int log_fd, bool trace, struct room_watcher watcher);
/* Channels, contacts, escalations, webhooks: those of such a collector.yaml. Before it is opened. */
void room_read_people(const char *text);
void room_tear_down(void);

void room_open(void);
/* SIGTERM. It may take its time; the world does not move meanwhile. */
void room_close(void);
enum room_end { ROOM_KILLED, ROOM_POWER_CUT };
void room_end(enum room_end how);
void room_open_after(int64_t wait_us);
/* Buries a collector that has died on its own. True: it had. */
bool room_bury(void);

/* A line in the collector's log on what is done to it: `of` may be NULL. */
void room_say(const char *what, const char *of, double seconds);

/* The same of a report, when the log has every one of them. */
void room_trace(const char *what, const char *host, uint64_t first, uint64_t last);

/* NULL: it is down. */
struct collector *room_collector(void);
struct process *room_process(void);
const char *room_dir(void);

/* For a command: between two turns of its loop, which knows what time it is then. NULL: it is down. */
struct collector *room_ask(void);
/* Waits until what was asked for is on disk. False: the collector died before it said so. */
bool room_wait(uint64_t tenant);

/* Commands, waited for until they are on disk. No fault may be at work. */
uint64_t room_add_tenant(const char *name);
uint64_t room_add_host(uint64_t tenant, const char *name, const struct public_key *key);
/* Days of the window are those of `zone`, from the one it is there now. */
uint64_t room_add_event(uint64_t tenant, const char *name, const char *zone, int64_t days);
void room_do_event(uint64_t event, enum event_verb verb);
