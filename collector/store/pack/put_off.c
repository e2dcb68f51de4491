/* Units that failed by themselves: they wait for an hour, and all others go on. */
#include <errno.h>
#include <stdlib.h>

#include "collector/store/pack/turn.h"

enum { PUT_OFF_MAX = 4096 /* where so many fail, it is not the units */ };

static bool is_same(const struct pack_put_off *put_off, enum pack_stage stage, const struct pack_due *of)
{
    return put_off->stage == stage && put_off->of.series_table == of->series_table &&
           put_off->of.host_no == of->host_no && put_off->of.day == of->day;
}

int64_t pack_put_off_until(const struct pack_turn *turn, enum pack_stage stage, const struct pack_due *of)
{
    const struct pack_state *state = turn->state;
    for (size_t i = 0; i < state->n_put_off; i++)
        if (is_same(&state->put_off[i], stage, of) && state->put_off[i].until_us > turn->now_us)
            return state->put_off[i].until_us;
    return 0;
}

static void forget_past(struct pack_state *state, int64_t now_us)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n_put_off; i++)
        if (state->put_off[i].until_us > now_us)
            state->put_off[n++] = state->put_off[i];
    state->n_put_off = n;
}

static bool is_its_own(const struct pack_turn *turn, int rc)
{
    return !turn->damaged && (rc == -ENOMEM || rc == -EMSGSIZE || rc == -EBADMSG);
}

int pack_turn_put_off(struct pack_turn *turn, int rc, enum pack_stage stage, const struct pack_due *of)
{
    struct pack_state *state = turn->state;
    if (rc >= 0 || !is_its_own(turn, rc) || !turn->unit)
        return rc;
    forget_past(state, turn->now_us);
    if (!state->put_off)
        state->put_off = calloc(PUT_OFF_MAX, sizeof *state->put_off);
    if (!state->put_off || state->n_put_off == PUT_OFF_MAX)
        return rc;
    state->put_off[state->n_put_off++] = (struct pack_put_off){ stage, *of, turn->now_us + PACK_PUT_OFF_US };
    pack_op_undo(turn->unit, &turn->mark);
    turn->n_numbered = turn->mark_numbered;
    turn->put_off_err = turn->err;
    turn->n_put_off++;
    turn->spent_ns += PACK_ROW_NS;
    return 0;
}
