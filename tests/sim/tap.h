/* tests/sim/tap.h - what the collector is asked and answers within its sessions, in clear: listened to where it opens
 * and seals, for on the line there is nothing to be seen.
 *
 * Shape    the network says whose request the collector is given and which answer it gives; what was opened and sealed
 *          meanwhile is what they hold. channel_open() and channel_seal() lead through here (the linker's --wrap)
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tap {
    void (*asked)(void *user, uint32_t ticket, const uint8_t *request, size_t len);
    void (*answered)(void *user, uint32_t ticket, const uint8_t *answer, size_t len);
};
void tap_set(struct tap to);

/* The collector is given a request of `user`, until tap_given(). */
void tap_give(void *user, uint32_t ticket);
void tap_given(void);
/* It answers: an envelope. */
void tap_answer(void *user, uint32_t ticket, const uint8_t *bytes, size_t len);
