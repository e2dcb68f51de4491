/* collector/channel/route.h - the kinds of channels: what each needs, carries and takes a minute, and sending by any of
 * them.
 *
 * Shape    a table of kinds (docs/channels.md tells each); what makes the body and what reads the answer is pure and
 *          stands in a file of the kind's own
 * Done     a message is delivered when the transport and the answer's body both say so, by the rule of its kind. An
 *          answer that asks for patience, by status or in its body, comes back with retry_after_us
 * Secrets  neither URLs, passwords and keys nor what an answer says stand in an error's text
 * Threads  the loop's thread; all but channel_send() is pure
 */
#pragma once
#include "collector/channel/channel.h"
#include "collector/channel/message.h"
#include "collector/page/page.h"

enum channel_kind {
    CHANNEL_WEBHOOK,
    CHANNEL_SMTP,
    CHANNEL_WECOM,
    CHANNEL_DINGTALK,
    CHANNEL_FEISHU,
    CHANNEL_KIND_COUNT
};
extern const char *const channel_kind_names[]; /* "webhook", "smtp"...; NULL ends them */

extern const char *const channel_tls_names[]; /* "starttls", "implicit", "none"; NULL ends them */

struct channel_route { /* a channel as it is configured; borrowed texts, NULL for what is not said */
    char name[CONTACT_NAME_MAX + 1];
    enum channel_kind kind;
    const char *url;
    const char *secret; /* what a robot's requests are signed with */
    const char *user;   /* of a mail relay, as what follows */
    const char *password;
    const char *from;
    enum channel_tls tls;
};

/* -EINVAL: it cannot work, and why. For checking a configuration. */
int channel_route_check(const struct channel_route *route, struct err *err);

/* -EINVAL: not an address at such a channel, and what one looks like there. */
int channel_address_check(enum channel_kind kind, const char *address, struct err *err);

unsigned channel_per_minute(enum channel_kind kind); /* messages its service takes a minute; 0: no limit of its own */
size_t channel_items_max(enum channel_kind kind);    /* pages one message may carry */

/* Tells routes apart that lead elsewhere, or are let in by something else; nothing can be read off it. */
uint64_t channel_route_mark(const struct channel_route *route);

/* Sends; everything is copied. `fn` is called once from the loop with the outcome, or never when the sender closes
 * first.
 * -EINVAL: a URL, key or address that cannot be sent; -E2BIG: more items than the kind carries; -EBUSY: as
 * channel_mail(). `fn` is not called then. */
int channel_send(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                 void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err);

/* Whether the channel can be reached, and lets us in where it wants a login, with nothing sent to anybody: delivered
 * means that it can. Otherwise as channel_send(). */
int channel_probe(struct channel_sender *sender, const struct channel_route *route,
                  void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err);
