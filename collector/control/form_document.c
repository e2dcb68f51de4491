/* What an event is, as docs/control.md has it. */
#include <math.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/control/call.h"

static json_t *form_tiers(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_tiers; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "hosts", document->tiers[i].hosts, "tier",
                                              document_tier_name(document->tiers[i].tier)));
    return list;
}

static json_t *form_limits(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_limits; i++) {
        json_t *row = json_pack("{s:s}", "hosts", document->limits[i].hosts);
        for (int k = 0; k < LIMIT_COUNT; k++)
            json_object_set_new(row, host_limit_name((enum host_limit)k), form_real(document->limits[i].limits[k]));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *form_demand(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_demand; i++) {
        const struct document_demand *row = &document->demand[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "hosts", row->hosts, "metric",
                                        row->metric, "times", form_real(row->times), "value", form_real(row->value),
                                        "tier", document_tier_name(row->tier), "start", row->start, "ramp_s",
                                        form_seconds(row->ramp_us), "duration_s", form_seconds(row->duration_us)));
    }
    return list;
}

static json_t *form_contacts(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_contacts; i++)
        json_array_append_new(list, json_string(document->contacts[i]));
    return list;
}

static json_t *form_escalation(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_steps; i++)
        json_array_append_new(list, json_pack("{s:o, s:s}", "after_s", form_seconds(document->steps[i].after_us),
                                              "contacts", document->steps[i].contacts));
    return list;
}

static json_t *form_runbooks(const struct document *document)
{
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_runbooks; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "title", document->runbooks[i].title, "url", document->runbooks[i].url));
    return list;
}

static json_t *form_patrol(const struct document *document)
{
    return document->patrol_us ? json_real((double)document->patrol_us / (double)US_PER_S) : json_null();
}

json_t *form_document(const struct collector *collector, const struct event *row)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document || collector_document(collector, row->id, document, NULL) < 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "patrol_s", form_patrol(document), "tiers",
                     form_tiers(document), "limits", form_limits(document), "demand", form_demand(document), "contacts",
                     form_contacts(document), "escalation", form_escalation(document), "runbooks",
                     form_runbooks(document), "notes", form_text(document->notes));
}
