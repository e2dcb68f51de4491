#include "agent/uplink/declare.h"

#include <string.h>

static void forget(struct declare *declare, uint32_t i, uint32_t n)
{
    memmove(declare->at + i, declare->at + i + n, (declare->n - i - n) * sizeof *declare->at);
    declare->n -= n;
}

static bool extends_last(struct declare *declare, const struct dropped *dropped)
{
    if (declare->n == declare->carried)
        return false;
    struct dropped *last = &declare->at[declare->n - 1];
    if (memcmp(&last->run, &dropped->run, sizeof last->run) != 0 || last->cause != dropped->cause ||
        last->last + 1 != dropped->first)
        return false;
    last->last = dropped->last;
    return true;
}

void declare_add(struct declare *declare, const struct dropped *dropped)
{
    if (extends_last(declare, dropped))
        return;
    if (declare->n == DECLARE_MAX)
        forget(declare, declare->carried, 1);
    declare->at[declare->n++] = *dropped;
}

void declare_carry(struct declare *declare, struct report *report)
{
    declare->carried = declare->n < DROPPED_MAX ? declare->n : DROPPED_MAX;
    report->dropped = declare->at;
    report->n_dropped = declare->carried;
}

void declare_back(struct declare *declare)
{
    declare->carried = 0;
}

void declare_told(struct declare *declare, void (*told)(void *user, const struct dropped *dropped), void *user)
{
    for (uint32_t i = 0; i < declare->carried; i++)
        told(user, &declare->at[i]);
    forget(declare, 0, declare->carried);
    declare->carried = 0;
}
