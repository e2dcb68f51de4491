/* collector/page/page_fixture.h - what the tests of the pager share: a pager with one machine for a contact, time in
 * seconds from T0, and what each call made stored at once. */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/page/page.h"

#define S    US_PER_S
#define T0   (INT64_C(1795400000) * S)
#define CPU  "system.cpu.utilization"
#define READ "system.disk.io.rate{direction=read}"
#define SHOP UINT64_C(1) /* tenant */
#define SALE UINT64_C(9) /* event */

struct fixture {
    struct pager *pager;
    struct page_effects out;
    int64_t now_us;
    size_t n_channels;
    const struct page_channel *channels; /* for set_people() */
    const char *policy;                  /* of what opens; NULL: none */
    const char *duty;                    /* who is on duty by the rota "desk" */
    bool is_over;                        /* the window of every event */
    const char *gone;                    /* set_people() leaves out who is called so; "*": all people */
    const char *moved;                   /* has another address there */
};

struct change { /* of the CPU alert of web-1, firing since now, unless said otherwise */
    enum alert_state from;
    enum alert_state to;
    int64_t crossed_s; /* 0: now */
    const char *rule;
    const char *instance;
    uint64_t host; /* web-N of the group "web" */
    uint64_t event;
    enum severity severity;
    bool no_page;
    bool opens; /* an incident, all the same */
    bool late;
    bool muted, unmuted;
};

void at(struct fixture *f, int64_t s);
/* What the last call made is stored, and so may be sent. */
void store(struct fixture *f);
/* A contact told of everything, with a channel of its own. */
struct page_contact machine(const char *name, uint64_t tenant);
void set_contacts(struct fixture *f, size_t n, const char *const *names);
/* alice, bob, lead and manager, by mail; what opens has the policy. With channels alice has a robot besides, without
 * there is a machine "hook". alice is on duty unless somebody is. */
void set_people(struct fixture *f, const char *policy);
/* Whom the last call has made trigger pages for, in their order: "alice/mail bob/mail". */
const char *paged(const struct fixture *f);
int setup(void **state);
int teardown(void **state);
uint64_t own(struct fixture *f, const char *title, int64_t crossed_us);
int change_rc(struct fixture *f, struct change c);
/* The same alert of any host, for a call of its own to pager_alert(). */
struct transition cpu_fires(const struct fixture *f, uint64_t host);
const struct incident *incident(const struct fixture *f, uint64_t id);
const struct page *take(struct fixture *f);
/* Behind the contact stands its channel. */
void assert_key(const char *key, const char *start, const char *contact);
void assert_nothing_due(struct fixture *f);
void outcome(struct fixture *f, uint64_t page, struct page_outcome o);
uint64_t deliver(struct fixture *f);
/* Lets the next attempt fail; returns the seconds until the one after it, -1: there is none. */
int64_t fail_once(struct fixture *f, struct page_outcome o);
void acknowledge(struct fixture *f, uint64_t id);
void tick(struct fixture *f);
void add_id(void *user, const struct incident *row);

#define CHANGE(f, ...)    assert_int_equal(change_rc((f), (struct change){ __VA_ARGS__ }), 0)
#define FIRES(f, ...)     CHANGE(f, .from = ALERT_PENDING, .to = ALERT_FIRING, __VA_ARGS__)
#define RECOVERS(f, ...)  CHANGE(f, .from = ALERT_FIRING, .to = ALERT_OK, __VA_ARGS__)
#define GETS_LOST(f, ...) CHANGE(f, .from = ALERT_FIRING, .to = ALERT_UNKNOWN, __VA_ARGS__)

#define TEST(name)        cmocka_unit_test_setup_teardown(name, setup, teardown)
