#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/page/parts.h"

void page_effects_clear(struct page_effects *effects)
{
    effects->n_incidents = effects->n_alerts = effects->n_pages = effects->n_steps = 0;
    effects->urgent = false;
}

void page_effects_done(struct page_effects *effects)
{
    free(effects->incidents);
    free(effects->alerts);
    free(effects->pages);
    free(effects->steps);
    *effects = (struct page_effects){ 0 };
}

/* The place for one more of `size` bytes. NULL: out of memory, told in `rc`. */
static void *room_for_one(struct paging *p, void **at, size_t n, size_t *room, size_t size)
{
    if (n == *room) {
        size_t more = *room ? *room * 2 : 4;
        void *grown = reallocarray(*at, more, size);
        if (!grown) {
            p->rc = -ENOMEM;
            return NULL;
        }
        *at = grown;
        *room = more;
    }
    return (char *)*at + n * size;
}

void tell_incident(struct paging *p, const struct dossier *dossier)
{
    struct page_effects *out = p->out;
    if (out->n_incidents > 0 && out->incidents[out->n_incidents - 1].id == dossier->row.id)
        out->n_incidents--; /* changed again before anybody saw it */
    struct incident *place =
        room_for_one(p, (void **)&out->incidents, out->n_incidents, &out->incidents_room, sizeof *out->incidents);
    if (!place)
        return;
    *place = dossier->row;
    out->n_incidents++;
}

void tell_alert(struct paging *p, const struct incident_alert *row)
{
    struct page_effects *out = p->out;
    struct incident_alert *place =
        room_for_one(p, (void **)&out->alerts, out->n_alerts, &out->alerts_room, sizeof *out->alerts);
    if (!place)
        return;
    *place = *row;
    out->n_alerts++;
}

void tell_page(struct paging *p, const struct slip *slip)
{
    struct page_effects *out = p->out;
    struct page *place = room_for_one(p, (void **)&out->pages, out->n_pages, &out->pages_room, sizeof *out->pages);
    if (!place)
        return;
    *place = slip->row;
    out->n_pages++;
}

void tell_step(struct paging *p, const struct dossier *dossier, enum incident_step step, const char *by,
               const char *text)
{
    struct page_effects *out = p->out;
    struct incident_taken *place =
        room_for_one(p, (void **)&out->steps, out->n_steps, &out->steps_room, sizeof *out->steps);
    if (!place)
        return;
    *place = (struct incident_taken){ .step = step, .incident = dossier->row };
    snprintf(place->by, sizeof place->by, "%s", by ? by : BY_COLLECTOR);
    snprintf(place->text, sizeof place->text, "%s", text ? text : "");
    out->n_steps++;
}
