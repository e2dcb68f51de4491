#include "agent/ticker.h"

#include <assert.h>

void ticker_init(struct ticker *ticker, int64_t interval_us, uint64_t host)
{
    assert(interval_us >= 10);
    int64_t jitter_us = interval_us / 10 < TICKER_JITTER_US ? interval_us / 10 : TICKER_JITTER_US;
    *ticker = (struct ticker){ .interval_us = interval_us, .offset_us = (int64_t)(host % (uint64_t)jitter_us) };
}

int64_t ticker_wait(const struct ticker *ticker, int64_t wall_us)
{
    /* A timer may fire a hair before its slot, or the wall clock be slewed back past it: what comes up to a quarter
     * early has had that slot, or it would get two ticks. */
    int64_t since_us = wall_us - ticker->offset_us;
    int64_t slot = (since_us + ticker->interval_us / 4) / ticker->interval_us;
    return (slot + 1) * ticker->interval_us - since_us;
}

uint64_t ticker_took(struct ticker *ticker, int64_t mono_us)
{
    int64_t passed_us = mono_us - ticker->last_us;
    int64_t intervals = (passed_us + ticker->interval_us / 2) / ticker->interval_us;
    uint64_t left_out = ticker->last_us > 0 && intervals > 1 ? (uint64_t)(intervals - 1) : 0;
    ticker->last_us = mono_us;
    return left_out;
}
