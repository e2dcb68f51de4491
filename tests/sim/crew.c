#include "tests/sim/crew.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"
#include "tests/sim/check.h"
#include "tests/sim/files.h"
#include "tests/sim/room.h"
#include "utlist.h"

#define AGAIN_US (10 * US_PER_S)
enum { TENANTS = 1 /* of days */, NEVER_PCT = 25, RESOLVES_PCT = 8, TALKS_PCT = 15, LEAST_S = 5, MOST_S = 2400 };

struct duty { /* what somebody is about to do */
    struct duty *next, *prev;
    uint64_t incident;
    char who[CONTACT_NAME_MAX + 1];
    bool resolves;
    bool talks;
    unsigned clock;
    int64_t at_us; /* of the acknowledgement */
};

struct answered { /* and what is on record of it */
    uint64_t incident;
    unsigned clock;
    int64_t at_us;
};

static struct {
    struct dice dice;
    size_t n;
    struct answered *answered;
    struct crew_counts counts;
    struct duty *duties;
} crew;

void crew_begin(uint64_t seed)
{
    crew.dice = dice_of(seed, 'c');
}

/* ---- what they do ---- */

static void end_duty(struct duty *duty)
{
    DL_DELETE(crew.duties, duty);
    free(duty);
}

static void answer(void *user);

static void note_answered(const struct duty *duty)
{
    crew.answered = reallocarray(crew.answered, crew.n + 1, sizeof *crew.answered);
    if (!crew.answered)
        world_fail("out of memory");
    crew.answered[crew.n++] =
        (struct answered){ .incident = duty->incident, .clock = duty->clock, .at_us = duty->at_us };
    crew.counts.acknowledged++;
}

/* What a dying collector says nobody hears. */
static void on_written(void *user, int rc)
{
    struct duty *duty = user;
    if (rc == 0 && !room_process()->dead) {
        note_answered(duty);
        end_duty(duty);
        return;
    }
    crew.counts.asked_again++;
    world_at(world_now_us() + AGAIN_US, answer, duty);
}

/* Whatever comes of it: it has no bearing on who is told. */
static void talk(const struct duty *duty)
{
    collector_note(room_ask(), duty->incident, "looking at it", duty->who, NULL);
    if (dice_chance(&crew.dice, 50))
        collector_assign(room_ask(), duty->incident, duty->who, duty->who, NULL);
}

static void answer(void *user)
{
    struct duty *duty = user;
    struct collector *collector = room_process()->stopped ? NULL : room_ask();
    if (!collector || room_process()->dead) {
        world_at(world_now_us() + AGAIN_US, answer, duty);
        return;
    }
    const struct incident *incident = pager_incident(collector_pager(collector), duty->incident);
    uint64_t tenant = incident ? incident->tenant : TENANT_RESERVED; /* whose own are in a file of their own */
    int rc = -1;
    if (incident && duty->talks)
        talk(duty);
    if (incident) {
        duty->clock = incident->clock;
        duty->at_us = world_wall_us();
        rc = (duty->resolves ? collector_resolve : collector_acknowledge)(collector, duty->incident, duty->who, NULL);
    }
    if (rc < 0 || duty->resolves) { /* it was over before, or is now */
        crew.counts.resolved += rc == 0;
        end_duty(duty);
        return;
    }
    collector_then(collector, STORE_TENANT, tenant, on_written, duty);
}

static void take_on(const struct receipt *receipt, uint64_t incident)
{
    if (dice_chance(&crew.dice, NEVER_PCT))
        return;
    struct duty *duty = calloc(1, sizeof *duty);
    if (!duty)
        world_fail("out of memory");
    duty->incident = incident;
    memcpy(duty->who, receipt->contact, sizeof duty->who);
    duty->resolves = dice_chance(&crew.dice, RESOLVES_PCT);
    duty->talks = dice_chance(&crew.dice, TALKS_PCT);
    DL_APPEND(crew.duties, duty);
    world_at(world_now_us() + dice_span(&crew.dice, LEAST_S * 1000, MOST_S * 1000) * US_PER_MS, answer, duty);
}

void crew_took(const struct receipt *receipt)
{
    check_took(receipt);
    for (size_t i = 0; i < receipt->n_incidents; i++)
        if (receipt->taken && receipt->kind == MESSAGE_TRIGGER && !check_is_machine(receipt->contact))
            take_on(receipt, receipt->incidents[i]);
}

/* ---- what must not be ---- */

static void check_not_acknowledged(const struct incident *incident, const char *contact)
{
    for (size_t i = 0; i < crew.n; i++) {
        const struct answered *answered = &crew.answered[i];
        if (answered->incident == incident->id && answered->clock == incident->clock &&
            world_wall_us() < answered->at_us + ACKNOWLEDGED_FOR_US - US_PER_S)
            world_fail("%s is told of incident %" PRIu64 ", which was acknowledged %.0f s before", contact,
                       incident->id, (double)(world_wall_us() - answered->at_us) / 1e6);
    }
}

/* Nobody is told what is not in the outbox. */
static void check_is_recorded(const struct message *message)
{
    const struct incident *incident = message->items[0].incident;
    sqlite3 *db = files_kept(incident->tenant);
    sqlite3_stmt *stmt;
    if (!db ||
        sqlite3_prepare_v2(db, "SELECT 1 FROM page WHERE incident = ? AND key = ?", -1, &stmt, NULL) != SQLITE_OK)
        world_fail("the outbox of tenant %" PRIu64 " cannot be read", incident->tenant);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)incident->id);
    sqlite3_bind_text(stmt, 2, message->key, -1, SQLITE_STATIC);
    bool found = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    if (!found)
        world_fail("page %s goes out, and the outbox on disk does not have it", message->key);
}

struct attempt { /* at a page */
    const char *key;
    size_t len;
    unsigned before; /* it */
};

static void find_attempt(void *user, const struct page *page)
{
    struct attempt *attempt = user;
    if (strlen(page->key) == attempt->len && strncmp(page->key, attempt->key, attempt->len) == 0)
        attempt->before += page->attempts; /* one made anew in the same moment has the same key */
}

/* How many attempts at the page that leads are on disk. Chatter, of no incident, may be in any file. */
static unsigned begun_on_disk(const struct attempt *attempt, uint64_t tenant, uint64_t incident)
{
    sqlite3 *db = files_kept(tenant);
    sqlite3_stmt *stmt;
    if (!db || sqlite3_prepare_v2(db, "SELECT SUM(attempts) FROM page WHERE incident = ? AND key = ?", -1, &stmt,
                                  NULL) != SQLITE_OK)
        return 0;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)incident);
    sqlite3_bind_text(stmt, 2, attempt->key, (int)attempt->len, SQLITE_STATIC);
    unsigned n = sqlite3_step(stmt) == SQLITE_ROW ? (unsigned)sqlite3_column_int(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return n;
}

/* A process that starts now would know that the message has begun to go. Nobody else may have to, where there is no
 * limit. */
static bool has_begun(const struct channel_route *route, const struct message *message)
{
    const struct incident *incident = message->n_items > 0 ? message->items[0].incident : NULL;
    struct attempt attempt = { .key = message->key, .len = strcspn(message->key, "+") };
    struct collector *collector = room_collector();
    bool begun = false, fault = false;
    uint64_t first = incident ? incident->tenant : 0, last = incident ? incident->tenant : TENANTS;
    if (incident)
        pager_each_page(collector_pager(collector), incident->id, find_attempt, &attempt);
    for (uint64_t tenant = first; tenant <= last; tenant++) {
        begun = begun || begun_on_disk(&attempt, tenant, incident ? incident->id : 0) > attempt.before;
        fault = fault || store_fault(collector->store, STORE_TENANT, tenant);
    }
    if (!begun && !fault && channel_per_minute(route->kind) > 0)
        world_fail("page %s goes out by %s, and nothing on disk says that it has begun to", message->key, route->name);
    return begun;
}

bool crew_sends(const struct channel_route *route, const struct message *message)
{
    for (size_t i = 0; i < message->n_items && message->kind == MESSAGE_TRIGGER; i++)
        check_not_acknowledged(message->items[i].incident, message->contact);
    if (message->n_items == 1 && !message->items[0].unrecorded)
        check_is_recorded(message);
    return has_begun(route, message);
}

struct crew_counts crew_counts(void)
{
    return crew.counts;
}

void crew_end(void)
{
    while (crew.duties)
        end_duty(crew.duties);
    free(crew.answered);
    memset(&crew, 0, sizeof crew);
}
