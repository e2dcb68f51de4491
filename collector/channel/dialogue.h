/* collector/channel/dialogue.h - handing one mail to a relay that has greeted us: what to say next, and what its
 * replies mean.
 *
 * Source   RFC 5321: MAIL, RCPT, DATA, the mail itself, QUIT. Commands go one by one: a mail needs four of them. Or
 *          NOOP alone, where there is no mail and only somebody to be found in
 * Shape    replies go in as they arrive, in any pieces; what to send comes out. "250" to the end of the mail is the one
 *          thing that counts as taken; QUIT is said after it, and nobody waits for its answer
 * Limits   a reply has DIALOGUE_LINE_MAX bytes a line and DIALOGUE_LINES_MAX lines
 * Threads  pure: the fuzz target
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* RFC 5321 wants room for 512 bytes a line; there is no limit to how many lines a reply has. */
enum { DIALOGUE_LINE_MAX = 1024, DIALOGUE_LINES_MAX = 100 };

enum dialogue_state {
    DIALOGUE_MAIL,
    DIALOGUE_RCPT,
    DIALOGUE_DATA,
    DIALOGUE_END,  /* the mail was sent: is it taken? */
    DIALOGUE_NOOP, /* instead of all these */
    DIALOGUE_TAKEN,
    DIALOGUE_REFUSED
};

struct dialogue { /* zeroed memory, with these three filled in, is its beginning; DIALOGUE_NOOP alone another one */
    const char *from, *to;
    const char *letter; /* whole lines that end in CR LF; borrowed, as the others */
    enum dialogue_state state;
    enum dialogue_state refused; /* what was, once it is DIALOGUE_REFUSED */
    int code;                    /* of the last reply */
    unsigned lines;
    size_t len;
    char line[DIALOGUE_LINE_MAX];
};

/* What to send now, freed by free(). NULL: out of memory. To be called at the beginning, and after each
 * dialogue_hear() that returned 1; when it is taken or refused what it says is the farewell. */
char *dialogue_say(const struct dialogue *dialogue);

/* Takes bytes that came. 1: a reply is whole and it is our turn. 0: it goes on. -EBADMSG: that is no SMTP. */
int dialogue_hear(struct dialogue *dialogue, const char *bytes, size_t len, struct err *err);
