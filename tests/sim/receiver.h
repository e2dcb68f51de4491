/* tests/sim/receiver.h - who is paged: collector/channel/channel.h with a simulated receiver behind it.
 *
 * Shape    a request takes its time, is taken or not, and is answered or not, as the receiver feels that moment. Each
 *          one that reached it is told to `took`, by what its JSON says
 * Dead     requests of a dead collector reach nobody
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum receiver_mood {
    RECEIVER_WELL,
    RECEIVER_DOWN,    /* refuses connections */
    RECEIVER_FAILING, /* 500, 503, 429 */
    RECEIVER_REFUSING /* 404: permanent */,
    RECEIVER_MUTE, /* takes it, or does not, and never answers */
    RECEIVER_SLOW  /* takes seconds, below the sender's patience */
};

struct receipt {   /* one request that reached the receiver */
    int64_t at_us; /* wall */
    bool taken;    /* with a 2xx */
    bool answered; /* and the sender heard it */
    bool trigger;  /* else it tells of a resolution */
    bool possible_copy, unrecorded, late;
    uint64_t incident;
    char key[128];
};

void receiver_set_mood(enum receiver_mood mood);
/* `took` gets each receipt when it is complete; borrowed. */
void receiver_listen(void (*took)(const struct receipt *receipt));
