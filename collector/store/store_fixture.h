/* collector/store/store_fixture.h - what the store's tests share: a folder, a loop and a standing clock, rows and
 * batches to write, and everything a start reads back.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collector/store/store.h"

enum { FIXTURE_KEPT = 64 };

struct loaded { /* counts may exceed what is kept */
    size_t tenants, hosts, host_keys, tokens, rota_overrides, intervals, anchors, alerts, events, incidents,
        incident_alerts, pages;
    size_t contracts, packs, draws, event_documents, gates;
    struct tenant tenant[FIXTURE_KEPT];
    struct host host[FIXTURE_KEPT];
    struct host_key host_key[FIXTURE_KEPT];
    struct token token[FIXTURE_KEPT];
    struct rota_override rota_override[FIXTURE_KEPT];
    uint64_t interval_tenant[FIXTURE_KEPT];
    struct store_interval interval[FIXTURE_KEPT];
    struct store_anchor anchor[FIXTURE_KEPT];
    struct alert alert[FIXTURE_KEPT];
    struct event event[FIXTURE_KEPT];
    struct event_document event_document[FIXTURE_KEPT];
    struct gate gate[FIXTURE_KEPT];
    struct incident incident[FIXTURE_KEPT];
    struct incident_alert incident_alert[FIXTURE_KEPT];
    struct page page[FIXTURE_KEPT];
    struct contract contract[FIXTURE_KEPT];
    struct pack pack[FIXTURE_KEPT];
    struct draw draw[FIXTURE_KEPT];
    struct store_marks marks;
};

struct fixture {
    char dir[64];
    uv_loop_t loop;
    struct clock_fake fake;
    struct clock clock;
    struct log log; /* into a file of its own */
    struct store *store;
    struct err err;
    struct loaded loaded;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Makes of a tenant's file of today one of before contacts had ways to be told by. */
extern const char fixture_drop_ways[];

/* Closes and runs the loop until it is empty. */
void close_store(struct fixture *f);
/* Opens without reading. */
void open_store(struct fixture *f);
/* Closes, opens, reads into f->loaded. */
void reopen_store(struct fixture *f);
int load_store(struct fixture *f);
/* DIR/name */
const char *path_in(struct fixture *f, const char *name);
/* What the store has logged so far holds `text`. */
bool was_logged(struct fixture *f, const char *text);

/* Runs the loop until *done. */
void run_until(struct fixture *f, const bool *done);

struct told { /* the answer of a store_then() */
    bool done;
    int rc;
    int order; /* 1 for the first one told in this test */
};
void expect(struct fixture *f, struct told *told, enum store_file file, uint64_t tenant);
/* store_then(), hurried, waited for. */
int commit(struct fixture *f, enum store_file file, uint64_t tenant);
/* Stored once they return; the second adds 1 and 2. */
void add_tenant(struct fixture *f, uint64_t id);
void add_tenants(struct fixture *f);

struct ledger { /* of a tenant, as it was read from the file */
    uint64_t n;
    char last_body[256];
};
/* Reads all of it, the oldest first, and fails the test unless it is one chain from its first entry on. */
void read_ledger(struct fixture *f, uint64_t tenant, struct ledger *ret);
/* Puts an entry with this body. */
int put_entry(struct fixture *f, uint64_t tenant, const char *body);

/* ---- sample rows: `n` makes them differ ---- */
struct run_id run_of(uint8_t n);
struct alert alert_of(unsigned n);
struct event event_of(uint64_t id, uint64_t tenant);
struct incident incident_of(uint64_t id, uint64_t tenant);
struct page page_of(uint64_t id, uint64_t incident, uint64_t tenant);

/* ---- batches ---- */

/* Encoded series table and batch, ready to be stored. */
struct packed {
    struct store_batch row;
    uint8_t table[4096];
    uint8_t batch[BATCH_MAX];
};
/* Ticks first..first+n-1 of series `cpu` and `disk.read` of vda and vdb; tick t lies at t seconds of mono, anchored at
 * `anchor_us`; the values are t (cpu), 2t (vda), and absent but at every fourth tick (vdb). */
void pack(struct packed *ret, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n,
          int64_t anchor_us);
/* The same with ticks `apart_us` apart. */
void pack_apart(struct packed *ret, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n,
                int64_t anchor_us, int64_t apart_us);
/* Packs and stores; 0 or what store_batch() says. */
int put_batch(struct fixture *f, uint64_t tenant, uint64_t host, uint8_t run, uint64_t first, uint32_t n);
#define ANCHOR_US INT64_C(1795400000000000) /* of put_batch() */
