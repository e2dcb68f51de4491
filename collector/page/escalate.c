/* The steps of an incident's policy. Their delays count from the clock that the incident is judged by, so that what was
 * found late is told to more people sooner; once the budget cannot be kept any more there is nothing to be gained by
 * that, and they count from when it was found. A step that reaches nobody is no step: the next one is taken at once,
 * and everybody is told when the last one is none either. */
#include <limits.h>
#include <string.h>

#include "collector/page/parts.h"

#define ANY_STEP UINT_MAX

/* The row's text is one that page_policy_text() has written, or a file was damaged: then everybody is told. */
static struct page_policy policy_of(const struct incident *row)
{
    struct page_policy policy = { .n_steps = 0 };
    page_policy_parse(row->policy, strlen(row->policy), &policy, NULL);
    return policy;
}

static unsigned count_steps(const struct page_policy *policy)
{
    return policy->n_steps > 0 ? policy->n_steps : 1;
}

static int64_t due_us(const struct incident *row, const struct page_policy *policy)
{
    int64_t at_us = row->steps_us + (policy->n_steps > 0 ? policy->steps[row->step].after_us : 0);
    return at_us > row->damped_us ? at_us : row->damped_us;
}

/* Whoever hears of the tenant. */
static void tell_all(struct paging *p, struct dossier *dossier, bool machines_alone, unsigned step)
{
    for (size_t i = 0; i < p->pager->ways.n_contacts; i++) {
        const struct page_contact *contact = &p->pager->ways.contacts[i];
        if (contact_is_for(contact, dossier->row.tenant) && (contact->everything || !machines_alone))
            slips_trigger(p, dossier, contact, step);
    }
}

/* False: nobody is told by that. */
static bool tell_name(struct paging *p, struct dossier *dossier, const char *name, unsigned step)
{
    const struct page_contact *contact = contact_find(p->pager, name, dossier->row.tenant);
    if (!contact || contact->n_ways == 0)
        return false;
    slips_trigger(p, dossier, contact, step);
    return contact_counts(p->pager, name, dossier->row.tenant);
}

static const char *on_duty(struct paging *p, const char *name)
{
    const struct page_ways *ways = &p->pager->ways;
    return ways->on_duty ? ways->on_duty(ways->user, name, p->now_us) : NULL;
}

/* False: it reached nobody. */
static bool take_step(struct paging *p, struct dossier *dossier, const struct page_policy_step *step, unsigned number)
{
    bool told = false;
    for (unsigned i = 0; i < step->n; i++) {
        const char *person = on_duty(p, step->whom[i]);
        told |= tell_name(p, dossier, person ? person : step->whom[i], number);
    }
    return told;
}

/* Somebody was told by the step, or is being. */
static bool has_told(const struct paging *p, const struct dossier *dossier, unsigned step)
{
    for (const struct slip *slip = dossier->slips; slip; slip = slip->next)
        if (slip_stands(dossier, slip) && (step == ANY_STEP || slip->row.step == step) &&
            contact_counts(p->pager, slip->row.contact, slip->row.tenant))
            return true;
    return false;
}

/* Those that are due; at once: the next one, due or not, for the one before has reached nobody. */
static void take_steps(struct paging *p, struct dossier *dossier, const struct page_policy *policy, bool at_once)
{
    struct incident *row = &dossier->row;
    for (; row->step < count_steps(policy) && (at_once || p->now_us >= due_us(row, policy)); row->step++) {
        if (policy->n_steps == 0)
            tell_all(p, dossier, false, 0);
        else
            at_once = !take_step(p, dossier, &policy->steps[row->step], row->step);
    }
    bool last = row->step >= count_steps(policy);
    if (last && at_once && !has_told(p, dossier, ANY_STEP))
        tell_all(p, dossier, false, 0);
    dossier->step_us = last ? INT64_MAX : due_us(row, policy);
}

static bool is_escalated(const struct incident *row)
{
    return row->state == INCIDENT_TRIGGERED && !row->rehearsal && row->clock > 0;
}

void escalate(struct paging *p, struct dossier *dossier)
{
    if (!is_escalated(&dossier->row))
        return;
    tell_all(p, dossier, true, 0); /* machines hear of what comes and goes as well */
    if (p->now_us < dossier->row.damped_us || dossier->step_us > p->now_us)
        return;
    const struct page_policy policy = policy_of(&dossier->row);
    take_steps(p, dossier, &policy, false);
}

void escalate_begin(struct paging *p, struct dossier *dossier, int64_t from_us)
{
    dossier->row.step = 0;
    dossier->row.steps_us = from_us;
    dossier->step_us = 0;
    escalate(p, dossier);
}

/* Who was on duty then has been told, unless somebody of the step is lost. False: it has reached nobody, nor does it
 * now. */
static bool take_again(struct paging *p, struct dossier *dossier, const struct page_policy_step *step, unsigned number,
                       bool lost)
{
    if (lost || !has_told(p, dossier, number))
        return take_step(p, dossier, step, number) || has_told(p, dossier, number);
    for (unsigned i = 0; i < step->n; i++)
        if (!on_duty(p, step->whom[i]))
            tell_name(p, dossier, step->whom[i], number);
    return true;
}

void escalate_again(struct paging *p, struct dossier *dossier, unsigned lost)
{
    const struct incident *row = &dossier->row;
    unsigned taken = row->step;
    bool reached = true;
    if (!is_escalated(row) || p->now_us < row->damped_us)
        return;
    const struct page_policy policy = policy_of(row);
    tell_all(p, dossier, policy.n_steps > 0 || taken == 0, 0);
    for (unsigned i = 0; i < taken && i < policy.n_steps; i++)
        reached = take_again(p, dossier, &policy.steps[i], i, (lost & STEP_BIT(i)) != 0);
    if (!reached)
        take_steps(p, dossier, &policy, true);
    if (row->step != taken)
        tell_incident(p, dossier);
}
