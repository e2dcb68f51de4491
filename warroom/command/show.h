/* warroom/command/show.h - an answer's data for people, one function a verb. Each takes the JSON as docs/control.md has
 * it and copes with whatever is missing in it. */
#pragma once
#include <jansson.h>

#include "warroom/command/sheet.h"

typedef void show_fn(const json_t *data, const struct sheet *sheet);

show_fn show_status;
show_fn show_tenant;
show_fn show_tenants;
show_fn show_tenant_page;
show_fn show_plans;
show_fn show_contracts;
show_fn show_entitlement; /* contracts, packs, draws */
show_fn show_pack;
show_fn show_draws;
show_fn show_invited; /* with the line to paste: a secret */
show_fn show_rotated; /* likewise, in the place of what the host has */
show_fn show_invitations;
show_fn show_uninvited;
show_fn show_revoked;
show_fn show_retired;
show_fn show_host;
show_fn show_hosts;
show_fn show_event;
show_fn show_events;
show_fn show_event_page; /* with its hosts and incidents */
show_fn show_incident_line;
show_fn show_incident_page; /* with its alerts and pages */
show_fn show_incidents;
show_fn show_silences;
show_fn show_silence_line;
show_fn show_notices;
show_fn show_notice_line;
show_fn show_rehearsal; /* who was told when, and its verdict */
show_fn show_lint;      /* the longest ways from a bad sample to an answer */
show_fn show_contacts;
show_fn show_contact_page;
show_fn show_contact_test;
show_fn show_rotas;
show_fn show_rota_page; /* with its turns */
show_fn show_rota_override;
show_fn show_ledger;
show_fn show_verdict;
show_fn show_exported;
show_fn show_accepted;
show_fn show_rules;
show_fn show_rule_file;
show_fn show_rule_test; /* what would have fired */
show_fn show_rounds;
show_fn show_handover;
show_fn show_query;
show_fn show_latest;
show_fn show_quantiles;
show_fn show_top;
show_fn show_coverage;
show_fn show_imported;
show_fn show_backup;

/* Parts that several of them print; an empty list says so. */
void show_event_table(const json_t *events, const struct sheet *sheet, int indent);
void show_host_table(const json_t *hosts, const struct sheet *sheet, int indent);
void show_incident_table(const json_t *incidents, const struct sheet *sheet, int indent);

/* "egress 12.5 MB/s, connections 5000". False: nothing is declared, nothing is printed. */
bool show_limits(const json_t *declared, const struct sheet *sheet);

/* One line of the feed: an incident after its change. */
void show_incident_change(const json_t *item, const struct sheet *sheet);

/* A list as a table, a row each; in the place of an empty one what `none` says. */
struct listing {
    const char *none;
    const struct column *columns;
    size_t n_columns;
    void (*row)(struct table *table, const json_t *row, const struct sheet *sheet);
};
void show_listing(const json_t *rows, const struct listing *listing, const struct sheet *sheet);

/* "EVENT  FROM to TO", as an answer has them; nothing when it has none. */
void show_window(const json_t *data, const struct sheet *sheet);

/* Tones of words the collector uses for states and severities. */
enum tone show_state_tone(const char *state);

/* Cells: an instant as a time of day or an age, a value with its unit; FIELD_NONE when it is not there. */
void show_time_cell(struct table *table, const json_t *object, const char *key, const struct sheet *sheet);
void show_age_cell(struct table *table, const json_t *object, const char *key, const struct sheet *sheet);
void show_value_cell(struct table *table, const json_t *object, const char *key, const char *unit);
