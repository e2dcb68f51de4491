/* Contacts: who can be told, by which ways. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/channel/message.h"
#include "collector/control/call.h"

static const struct people_config *people_of(const struct call *call)
{
    return &collector_configuration(call->collector)->people;
}

static json_t *form_way(const struct people_config *people, const struct way_config *way)
{
    const struct channel_config *channel = people_channel(people, way->channel);
    return json_pack("{s:s, s:s, s:o}", "channel", way->channel, "kind",
                     channel ? channel_kind_names[channel->kind] : "", "address",
                     way->address ? json_string(way->address) : json_null());
}

static json_t *form_contact(const struct people_config *people, const struct contact_config *contact)
{
    const struct way_config *ways = contact->ways.at;
    json_t *list = json_array();
    for (size_t i = 0; i < contact->ways.n; i++)
        json_array_append_new(list, form_way(people, &ways[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:i}", "name", contact->name, "language", language_names[contact->language],
                     "tenant", contact->tenant ? json_string(contact->tenant) : json_null(), "ways", list, "channels",
                     (int)people_count_channels(contact));
}

int verb_contact_list(struct call *call, struct err *err)
{
    (void)err;
    const struct people_config *people = people_of(call);
    json_t *list = json_array();
    for (size_t i = 0; i < people->contacts.n; i++)
        json_array_append_new(list, form_contact(people, (const struct contact_config *)people->contacts.at + i));
    call->data = json_pack("{s:o}", "contacts", list);
    return CALL_ANSWER;
}

static json_t *rotas_of(const struct call *call, const char *contact)
{
    const struct people_config *people = people_of(call);
    const struct rota_config *rotas = people->rotas.at;
    json_t *list = json_array();
    for (size_t i = 0; i < people->rotas.n; i++) {
        struct rota_duty duty = { .contact = "" };
        bool member = false;
        for (size_t j = 0; j < rotas[i].members.n; j++)
            member = member || strcmp(rotas[i].members.at[j], contact) == 0;
        collector_duty(call->collector, rotas[i].name, collector_now_us(call->collector), &duty, NULL);
        bool on_duty = strcmp(duty.contact, contact) == 0;
        if (member || on_duty)
            json_array_append_new(list, json_pack("{s:s, s:b}", "rota", rotas[i].name, "on_duty", on_duty));
    }
    return list;
}

int verb_contact_show(struct call *call, struct err *err)
{
    const char *name = call_text(call, "contact");
    const struct contact_config *contact = people_contact(people_of(call), name);
    if (!contact)
        return err_set(err, -ENOENT, "there is no contact %.64s; warroom contact list shows them", name);
    call->data = json_pack("{s:o, s:o}", "contact", form_contact(people_of(call), contact), "oncall",
                           rotas_of(call, contact->name));
    return CALL_ANSWER;
}

/* ---- whether it is reached ---- */

static json_t *form_tried(const struct people_config *people, const struct collector_tried_way *tried)
{
    const struct channel_config *channel = people_channel(people, tried->way.channel);
    return json_pack("{s:s, s:s, s:o, s:b, s:i, s:o, s:o}", "channel", tried->way.channel, "kind",
                     channel ? channel_kind_names[channel->kind] : "", "address", form_text(tried->way.address),
                     "delivered", tried->outcome.delivered, "status", tried->outcome.status, "error",
                     form_text(tried->outcome.error), "took_s", form_seconds(tried->took_us));
}

static const char *state_of(size_t delivered, size_t n)
{
    return delivered == n ? "ok" : delivered > 0 ? "warning" : "critical";
}

static void on_tried(void *user, const struct collector_tryout *result)
{
    struct call *call = user;
    struct err err = { .text = "" };
    if (!result) {
        err_set(&err, -EIO, "the collector leaves");
        call_finish(call, &err);
        return;
    }
    json_t *ways = json_array();
    size_t delivered = 0;
    for (size_t i = 0; i < result->n; i++) {
        json_array_append_new(ways, form_tried(people_of(call), &result->ways[i]));
        delivered += result->ways[i].outcome.delivered;
    }
    call->data =
        json_pack("{s:s, s:s, s:o}", "contact", result->contact, "state", state_of(delivered, result->n), "ways", ways);
    collector_then(call->collector, STORE_TENANT, result->tenant, call_stored, call);
}

int verb_contact_test(struct call *call, struct err *err)
{
    int rc = collector_try_contact(call->collector, call_text(call, "contact"), call->by, on_tried, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
