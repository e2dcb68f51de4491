#include "tests/sim/plant.h"

#include <stdlib.h>
#include <string.h>

#include "collector/page/page.h"
#include "collector/store/store.h"
#include "tests/sim/world.h"

enum { LOST_EACH = 8 };

static enum plant { PLANT_NONE, PLANT_OUTBOX, PLANT_ACK, PLANT_UNKNOWN, PLANT_COUNT } planted;

bool plant_set(const char *name)
{
    static const char *const names[PLANT_COUNT] = { "", "outbox", "ack", "unknown" };
    for (int i = PLANT_NONE + 1; i < PLANT_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            planted = (enum plant)i;
    return planted != PLANT_NONE;
}

struct promise { /* who waits for a group, and does not wait for it */
    void (*fn)(void *user, int rc);
    void *user;
};

static void keep_promise(void *user)
{
    struct promise promise = *(struct promise *)user;
    free(user);
    promise.fn(promise.user, 0);
}

static int promise_now(void (*fn)(void *user, int rc), void *user)
{
    struct promise *promise = malloc(sizeof *promise);
    if (!promise)
        world_fail("out of memory");
    *promise = (struct promise){ fn, user };
    world_at(world_now_us(), keep_promise, promise); /* never within the call */
    return 0;
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */

int __real_store_put_page(struct store *store, const struct page *row);
int __wrap_store_put_page(struct store *store, const struct page *row);
int __real_store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc),
                      void *user);
int __wrap_store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc),
                      void *user);
int __real_pager_alert(struct pager *pager, const struct transition *transition, const struct page_scope *scope,
                       int64_t now_us, struct page_effects *out);
int __wrap_pager_alert(struct pager *pager, const struct transition *transition, const struct page_scope *scope,
                       int64_t now_us, struct page_effects *out);

/* outbox: some pages are never written, at no attempt. */
int __wrap_store_put_page(struct store *store, const struct page *row)
{
    if (planted == PLANT_OUTBOX && row->id % LOST_EACH == 0)
        return 0;
    return __real_store_put_page(store, row);
}

/* ack: what waits for a tenant's group, as an agent's answer does, is told at once that it is on disk. */
int __wrap_store_then(struct store *store, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc),
                      void *user)
{
    if (planted == PLANT_ACK && file == STORE_TENANT)
        return promise_now(fn, user);
    return __real_store_then(store, file, tenant, fn, user);
}

/* unknown: an alert nothing is known of any more counts as one that is well. */
int __wrap_pager_alert(struct pager *pager, const struct transition *transition, const struct page_scope *scope,
                       int64_t now_us, struct page_effects *out)
{
    struct transition told = *transition;
    if (planted == PLANT_UNKNOWN && told.alert.state == ALERT_UNKNOWN)
        told.alert.state = ALERT_OK;
    return __real_pager_alert(pager, &told, scope, now_us, out);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
