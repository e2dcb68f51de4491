#include "collector/ingest/anchor.h"

#include <limits.h>

/* Stamps come from outside: keep sums far from overflow. Mono and wall microseconds of honest hosts stay below 2^53. */
#define STAMP_MAX_US (INT64_C(1) << 60)

void anchor_start(struct anchor *anchor, int64_t mono_us, int64_t now_us)
{
    *anchor = (struct anchor){
        .anchor_us = now_us - mono_us,
        .target_us = now_us - mono_us,
        .rtt_us = ANCHOR_NO_RTT_US,
        .chosen_us = now_us,
        .slewed_us = now_us,
    };
}

static bool is_stamp(int64_t us)
{
    return us >= 0 && us < STAMP_MAX_US;
}

static void slew(struct anchor *anchor, int64_t now_us)
{
    int64_t elapsed_us = now_us - anchor->slewed_us;
    if (elapsed_us <= 0)
        return; /* the collector's own wall clock went back: wait until it has caught up */
    int64_t most_us = elapsed_us / 1000000 * ANCHOR_SLEW_PPM + elapsed_us % 1000000 * ANCHOR_SLEW_PPM / 1000000;
    int64_t wanted_us = anchor->target_us - anchor->anchor_us;
    if (wanted_us > most_us)
        wanted_us = most_us;
    if (wanted_us < -most_us)
        wanted_us = -most_us;
    anchor->anchor_us += wanted_us;
    anchor->slewed_us = now_us;
}

void anchor_learn(struct anchor *anchor, const struct exchange *exchange, int64_t now_us, int64_t *ret_step_us)
{
    *ret_step_us = 0;
    if (!is_stamp(exchange->sent_us) || !is_stamp(exchange->got_us) || !is_stamp(exchange->received_us) ||
        !is_stamp(exchange->answered_us))
        return;
    int64_t rtt_us = (exchange->got_us - exchange->sent_us) - (exchange->answered_us - exchange->received_us);
    if (rtt_us < 0)
        return;
    /* Wall minus mono, once for each way; the truth lies between, the middle errs by half the round trip at most. */
    int64_t there_us = exchange->received_us - exchange->sent_us;
    int64_t back_us = exchange->answered_us - exchange->got_us;
    int64_t offset_us = there_us / 2 + back_us / 2;
    bool first = anchor->rtt_us == ANCHOR_NO_RTT_US;
    bool better = rtt_us <= anchor->rtt_us || now_us - anchor->chosen_us > ANCHOR_KEEP_US;
    int64_t off_us = offset_us - anchor->anchor_us;
    /* A step shows in every exchange, however slow: it is beyond what half this round trip can explain. */
    bool step = off_us > ANCHOR_STEP_US + rtt_us / 2 || off_us < -ANCHOR_STEP_US - rtt_us / 2;
    if (better || step) {
        anchor->target_us = offset_us;
        anchor->rtt_us = rtt_us;
        anchor->chosen_us = now_us;
    }
    if (first || step) {
        if (step && !first)
            *ret_step_us = off_us;
        anchor->anchor_us = offset_us;
        anchor->slewed_us = now_us;
        return;
    }
    slew(anchor, now_us);
}

int64_t anchor_for(const struct anchor *anchor, int64_t mono_us, int64_t now_us)
{
    if (anchor->anchor_us + mono_us > now_us)
        return now_us - mono_us;
    return anchor->anchor_us;
}
