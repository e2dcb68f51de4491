/* collector/people.h - who is told, as the configuration has it: channels, contacts, on-call rotas, escalations.
 *
 * Shape    lists of the collector's file, checked as a whole: every name that one of them uses is there, nobody of one
 *          tenant is told what is another's. Contacts, rotas and webhooks share one set of names, channels and webhooks
 *          another
 * Limits   PEOPLE_..._MAX; names are 1..CONTACT_NAME_MAX bytes of shown text without blanks, commas and semicolons
 * Owner    texts live in the arena of the file
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "collector/channel/route.h"
#include "collector/event/rota.h"
#include "collector/page/policy.h"

enum {
    PEOPLE_CHANNELS_MAX = 32,
    PEOPLE_CONTACTS_MAX = 256,
    PEOPLE_WAYS_MAX = 4, /* of a contact */
    PEOPLE_ROTAS_MAX = 64,
    PEOPLE_ESCALATIONS_MAX = 64,
    PEOPLE_STEPS_MAX = 8,      /* of an escalation */
    PEOPLE_STEP_NAMES_MAX = 8, /* of a step */
    PEOPLE_ADDRESS_MAX = 253
};
#define PEOPLE_AFTER_MAX_US (86400 * US_PER_S) /* of a step */

struct channel_config {
    const char *name;
    int kind; /* enum channel_kind */
    const char *url, *secret, *user, *password, *from;
    int tls;            /* enum channel_tls */
    int64_t per_minute; /* 0: as its kind has it */
    int line;
};

struct way_config {
    const char *channel;
    const char *address; /* NULL: the channel's own */
    int line;
};

struct contact_config {
    const char *name;
    int language;            /* enum language */
    const char *tenant;      /* NULL: it may be told of any tenant's incidents */
    bool hears;              /* how its tenant's events go, too */
    struct config_list ways; /* of struct way_config, 1..PEOPLE_WAYS_MAX in the order of preference */
    int line;
};

struct rota_config {
    const char *name, *zone;
    struct config_texts members; /* 1..ROTA_MEMBERS_MAX names of contacts */
    const char *from, *at;       /* "2026-11-23", "08:00" */
    int64_t turn_us;
    int64_t first_s; /* what these two are */
    int line;
};

struct step_config {
    int64_t after_us;
    struct config_texts contacts; /* and rotas */
    int line;
};

struct escalation_config {
    const char *name;
    const char *tenant;       /* whose incidents it is for; NULL: those of tenants without one of their own */
    struct config_list steps; /* of struct step_config, by time */
    int line;
};

struct people_config {
    struct config_list channels, contacts, rotas, escalations; /* of the structs above */
};

/* Tables for base/config. */
extern const struct config_field people_channel_fields[], people_contact_fields[], people_rota_fields[],
    people_escalation_fields[];

struct people_named { /* what the rest of the file calls so */
    const char *name;
    int line;
};

/* What only shows when all of it is there. Fills what follows from it. -EINVAL: `faults` says why. `webhooks`: those
 * names are taken. */
int people_check(const char *path, struct people_config *people, const struct people_named *webhooks, size_t n_webhooks,
                 struct config_faults *faults);

/* NULL: there is none of that name. */
const struct channel_config *people_channel(const struct people_config *people, const char *name);
const struct contact_config *people_contact(const struct people_config *people, const char *name);
const struct rota_config *people_rota(const struct people_config *people, const char *name);
/* A tenant's own, or that of all. NULL: nothing is said. */
const struct escalation_config *people_escalation(const struct people_config *people, const char *tenant);

/* Views: borrowed from the configuration. */
struct rota people_rota_view(const struct rota_config *config);
struct channel_route people_route(const struct channel_config *config);

/* As the pager has it. -E2BIG: its canonical text is too long. */
int people_policy(const struct escalation_config *escalation, struct page_policy *ret, struct err *err);

/* Over how many channels that differ it can be told. */
size_t people_count_channels(const struct contact_config *contact);
/* Whether it may hear of this tenant's incidents; NULL: of no tenant's in particular. */
bool people_may_tell(const struct contact_config *contact, const char *tenant);
