/* collector/channel/relay_fixture.h - for tests: a mail relay on loopback, on the test's own loop, without TLS.
 *
 * Shape    takes every mail, but for what its rules say of a command: "" is the greeting, "." the end of the mail
 * Threads  the loop's thread; sharing it with the sender under test shows that neither blocks it
 */
#pragma once
#include <uv.h>

struct relay_rule {
    const char *command; /* "EHLO", "MAIL"... */
    const char *reply;   /* bytes on the wire; NULL: none */
    enum { RELAY_KEEP, RELAY_CLOSE, RELAY_RESET } after;
};

struct relay; /* opaque */

/* `rules` (ended by a NULL command) is borrowed. Aborts when the loopback fails it. */
struct relay *relay_open(uv_loop_t *loop, const struct relay_rule *rules);
/* The loop must run until its handles are gone. */
void relay_close(struct relay *relay);

unsigned relay_port(const struct relay *relay);
unsigned relay_mails(const struct relay *relay);   /* that were sent to their end */
unsigned relay_quits(const struct relay *relay);   /* that said goodbye */
const char *relay_last(const struct relay *relay); /* all that the last connection said; borrowed */
unsigned relay_waiting(const struct relay *relay); /* commands that its rules left without a reply */
