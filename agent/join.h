/* agent/join.h - `warroom-agent join`: an invitation becomes this host's identity.
 *
 * Shape    the addresses of the invitation one after the other, JOIN_WAIT_US each; the first whose collector answers
 *          decides: a welcome is written to the identity's file, a refusal is told in the collector's words
 * Once     the key is new at each call. The collector takes the token for one key: what was joined and could not be
 *          written is joined again by a new invitation. So what may hinder the writing is looked at before
 * Trust    only who has the secret of the key in the invitation is taken for the collector
 * Secrets  the invitation, its token and the key are wiped; no text has a byte of them
 * Threads  waits; runs a loop of its own
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/identity.h"
#include "base/clock.h"
#include "base/err.h"

#define JOIN_WAIT_US (INT64_C(10) * 1000000)

struct join_config {
    const char *path; /* of the identity */
    bool replace;     /* one that is there */
    int64_t wait_us;  /* for each address */
    const struct clock *clock;
    FILE *say; /* what goes wrong on the way, a line each; stderr */
};

struct joined {
    char address[TEXT_MAX + 1];
    char name[TEXT_MAX + 1];
    char tenant[TEXT_MAX + 1];
    uint64_t host;
};

/* `line` is the invitation, "wr1:...", with blanks around it maybe.
 * -EBADMSG: it is none, or not whole. -EEXIST, -EACCES...: the file cannot be written, and nobody was asked.
 * -EHOSTUNREACH: no address led to its collector. -EPERM: the collector refused. Else of writing the file. */
int join(const struct join_config *config, const char *line, size_t len, struct joined *ret, struct err *err);
