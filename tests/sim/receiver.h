/* tests/sim/receiver.h - who is paged: collector/channel/channel.h with simulated services behind it.
 *
 * Shape    a message takes its time, is taken or not, and is answered or not, as its channel's service feels that
 *          moment (service.h). What a message is about is listened to where it is handed to its channel (the linker's
 *          --wrap). Each one that reached its service is told to `took`, each one that is sent to `sends`
 * Dead     messages of a dead collector reach nobody
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/channel/route.h"

enum receiver_mood {
    RECEIVER_WELL,
    RECEIVER_DOWN,     /* refuses connections */
    RECEIVER_FAILING,  /* 500, 503, 429 */
    RECEIVER_REFUSING, /* 404: permanent */
    RECEIVER_MUTE,     /* takes it, or does not, and never answers */
    RECEIVER_SLOW,     /* takes seconds, below the sender's patience */
    RECEIVER_LYING,    /* 200 around an error */
    RECEIVER_LIMITED   /* too often, it says */
};

struct receipt {     /* one message that reached its service */
    int64_t sent_us; /* wall */
    int64_t at_us;   /* when it was taken, or not; wall */
    bool taken;      /* somebody can read it */
    bool answered;   /* and the sender heard so */
    bool possible_copy, unrecorded;
    enum message_kind kind;
    char contact[CONTACT_NAME_MAX + 1], channel[CONTACT_NAME_MAX + 1];
    char key[PAGE_KEY_MAX + 1];
    size_t n_incidents; /* 0: it is about none */
    uint64_t incidents[PAGE_TOGETHER_MAX];
};
bool receipt_is_of(const struct receipt *receipt, uint64_t incident);

/* `channel` NULL: of all. */
void receiver_set_mood(const char *channel, enum receiver_mood mood);
void receiver_set_limit(const char *channel, unsigned per_minute);
/* `took` gets each receipt when it is complete, `sends` (may be NULL) each message of a living collector as it is
 * handed to its channel, and says whether a restart would know that it had begun to go; borrowed. */
typedef bool receiver_sends_fn(const struct channel_route *route, const struct message *message);
void receiver_listen(void (*took)(const struct receipt *receipt), receiver_sends_fn *sends);
/* Until when it has asked to be left alone; wall; 0: it has not, as far as the collector knows. NULL: the longest of
 * all. */
int64_t receiver_asked_us(const char *channel);
/* The collector's process is gone, and with it what is on no disk. */
void receiver_forgotten(void);
