/* collector/channel/mail.h - mails to relays, over libcurl's connections.
 *
 * Shape    libcurl connects: the greeting, TLS and the login are its; from then on the words are ours (dialogue.h). For
 *          libcurl's own sending waits on the loop's thread for the reply to the mail, and for that to QUIT
 * Limits   MAILS_MAX under way to a relay, each over a connection of its own; the time the sender gives to connect,
 *          and twice that
 *          to hand the mail over
 * Threads  the loop's thread
 */
#pragma once
#include <uv.h>

#include "collector/channel/channel.h"

enum { MAILS_MAX = 64 }; /* to one URL */

struct mails; /* opaque */

int mails_open(struct mails **ret_mails, uv_loop_t *loop, struct err *err);
/* Mails under way end without their callback, as channel_sender_close() has it. Always returns NULL. */
struct mails *mails_close(struct mails *mails);

/* As channel_mail(). `ca`: a file of authorities trusted instead of the system's; NULL: the system's. */
int mails_send(struct mails *mails, const struct channel_mail *what, int64_t timeout_us, const char *ca,
               channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err);
