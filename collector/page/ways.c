#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/page/parts.h"

bool contact_is_for(const struct page_contact *contact, uint64_t tenant)
{
    return contact->tenant == 0 || contact->tenant == tenant;
}

const struct page_contact *contact_find(const struct pager *pager, const char *name, uint64_t tenant)
{
    for (size_t i = 0; i < pager->ways.n_contacts; i++) {
        const struct page_contact *contact = &pager->ways.contacts[i];
        if (strcmp(contact->name, name) == 0 && contact_is_for(contact, tenant))
            return contact;
    }
    return NULL;
}

static bool is_machine(const struct pager *pager, const char *name)
{
    for (size_t i = 0; i < pager->ways.n_contacts; i++)
        if (strcmp(pager->ways.contacts[i].name, name) == 0)
            return pager->ways.contacts[i].everything;
    return false;
}

/* Somebody who is no machine hears of the tenant. */
static bool have_people(const struct pager *pager, uint64_t tenant)
{
    for (size_t i = 0; i < pager->ways.n_contacts; i++)
        if (!pager->ways.contacts[i].everything && contact_is_for(&pager->ways.contacts[i], tenant))
            return true;
    return false;
}

bool contact_counts(const struct pager *pager, const char *name, uint64_t tenant)
{
    return !is_machine(pager, name) || !have_people(pager, tenant);
}

bool contact_has_way(const struct page_contact *contact, const char *channel, const char *address)
{
    for (unsigned i = 0; i < contact->n_ways; i++)
        if (strcmp(contact->ways[i].channel, channel) == 0 && strcmp(contact->ways[i].address, address) == 0)
            return true;
    return false;
}

void ways_done(struct page_ways *ways)
{
    free((void *)ways->contacts);
    free((void *)ways->channels);
}

/* NULL: out of memory. */
static void *copy_of(const void *at, size_t n, size_t size)
{
    void *copy = calloc(n + 1, size);
    if (copy && n > 0)
        memcpy(copy, at, n * size);
    return copy;
}

static int take_ways(struct pager *pager, const struct page_ways *ways, int64_t now_us)
{
    struct page_contact *contacts = copy_of(ways->contacts, ways->n_contacts, sizeof *contacts);
    struct page_channel *channels = copy_of(ways->channels, ways->n_channels, sizeof *channels);
    if (!contacts || !channels) {
        free(contacts);
        free(channels);
        return -ENOMEM;
    }
    ways_done(&pager->ways);
    pager->ways = *ways;
    pager->ways.contacts = contacts;
    pager->ways.channels = channels;
    return lanes_set(pager, now_us);
}

int pager_set_ways(struct pager *pager, const struct page_ways *ways, int64_t now_us, struct page_effects *out)
{
    struct paging p = { .pager = pager, .now_us = now_us, .out = out };
    struct dossier *dossier, *next;
    int rc = take_ways(pager, ways, now_us);
    if (rc < 0)
        return rc;
    HASH_ITER(hh, pager->dossiers, dossier, next)
    {
        unsigned lost = slips_cancel_gone(&p, dossier);
        if (!dossier->known)
            continue;
        slips_cancel_left_over(&p, dossier);
        escalate_again(&p, dossier, lost);
    }
    chatter_cancel_gone(&p);
    return p.rc;
}
