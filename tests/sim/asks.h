/* tests/sim/asks.h - what people ask of the collector, by whatever role, allowed or not.
 *
 * Shape    a function a kind of command; what it asks for is up to the dice. Below 0: it was refused, or there was
 *          nothing to ask. The collector is up; what is asked for is not waited for
 */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "tests/sim/dice.h"

/* `dice` is borrowed. */
void asks_begin(uint64_t tenant, struct dice *dice);
/* A contract, waited for: the tenant has a file from then on. */
void asks_sign(void);

int ask_make(struct err *err);     /* an event, a drill now and then */
int ask_change(struct err *err);   /* of its document */
int ask_lead_on(struct err *err);  /* the step that is next, by a commander who overrides what is in its way */
int ask_any_step(struct err *err); /* any verb of any state by anybody */
int ask_override_gate(struct err *err);
int ask_contract(struct err *err);
int ask_pack(struct err *err);
int ask_advice(struct err *err);
int ask_silence(struct err *err);
int ask_notice(struct err *err);
