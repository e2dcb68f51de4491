/* agent/uplink/declare.h - ticks that will never come, until the collector has been told.
 *
 * Shape    a list, oldest first; a report carries the first ones of it, and when it is answered `stored` they have been
 *          told. Neighbours of one run and cause are one entry
 * Limit    DECLARE_MAX entries; of more the oldest is forgotten: the collector then sees a gap without a cause
 * Threads  one caller
 */
#pragma once
#include "proto/codec/message.h"

enum { DECLARE_MAX = 512 };

struct declare {
    struct dropped at[DECLARE_MAX];
    uint32_t n;
    uint32_t carried; /* the first ones, by the report in flight */
};

void declare_add(struct declare *declare, const struct dropped *dropped);

/* Puts the first ones, DROPPED_MAX at most, into the report, which borrows them until it is encoded. */
void declare_carry(struct declare *declare, struct report *report);

/* The report was not carried, or not taken. */
void declare_back(struct declare *declare);

/* It was: `told` is called for each it carried. */
void declare_told(struct declare *declare, void (*told)(void *user, const struct dropped *dropped), void *user);
