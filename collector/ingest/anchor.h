/* collector/ingest/anchor.h - a host's own clock put right: corrected time = anchor + the agent's monotonic time.
 *
 * Shape    one anchor a run. It starts from the hello (one way, so up to the path's delay late) and is bettered by
 *          the four stamps of exchanges: request sent and answer received by the agent's clock, received and sent
 *          by the collector's
 * Choice   the exchange with the least round trip of the last ANCHOR_KEEP_US counts: its error is at most half of
 *          that trip
 * Change   slewed at 500 ppm at most, so that neighbouring ticks keep their order; further off than ANCHOR_STEP_US
 *          is a clock step: taken at once, and told
 * Source   RFC 5905 (NTP), section 8, for offset and delay of four stamps
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define ANCHOR_STEP_US   INT64_C(1000000)
#define ANCHOR_KEEP_US   (INT64_C(300) * 1000000)
#define ANCHOR_SLEW_PPM  INT64_C(500)
#define ANCHOR_NO_RTT_US INT64_MAX /* from a hello: worse than any exchange */

struct anchor {
    int64_t anchor_us; /* collector's wall time at the run's mono 0, as used */
    int64_t target_us; /* what it is slewed towards */
    int64_t rtt_us;    /* of the exchange the target came from */
    int64_t chosen_us; /* wall time when that exchange was taken */
    int64_t slewed_us; /* wall time of the last slew */
};

struct exchange {        /* t1..t4 of RFC 5905 */
    int64_t sent_us;     /* agent's mono */
    int64_t received_us; /* collector's wall */
    int64_t answered_us; /* collector's wall */
    int64_t got_us;      /* agent's mono */
};

/* From a hello that carried `mono_us` and was received at `now_us`. */
void anchor_start(struct anchor *anchor, int64_t mono_us, int64_t now_us);

/* Takes an exchange into account. *ret_step_us: how far the clock stepped, 0 mostly. Impossible stamps (a negative
 * round trip) are passed over. */
void anchor_learn(struct anchor *anchor, const struct exchange *exchange, int64_t now_us, int64_t *ret_step_us);

/* The anchor to use for ticks up to `mono_us` received at `now_us`: no tick's time is after its receipt. */
int64_t anchor_for(const struct anchor *anchor, int64_t mono_us, int64_t now_us);
