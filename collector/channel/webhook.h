/* collector/channel/webhook.h - a page as Alertmanager's webhook v4 JSON.
 *
 * Source   Alertmanager documentation, webhook_config; our own fields under commonLabels and commonAnnotations
 *          (docs/webhook.md is the contract, a test holds its example and this code together)
 * Done     any 2xx; 3xx is refused: redirects are not followed; 408, 425, 429 and 5xx are tried again, honouring
 *          Retry-After; other 4xx count as permanent
 * Limits   WEBHOOK_ALERTS_MAX alerts a body, firing ones first; the others are counted in truncatedAlerts
 * Threads  the loop's thread
 */
#pragma once
#include "collector/channel/channel.h"
#include "collector/page/page.h"

enum { WEBHOOK_ALERTS_MAX = 50 };

struct webhook_page { /* what the body is made of; borrowed during the call */
    const struct page *page;
    const struct incident *incident;
    const struct incident_alert *alerts;
    size_t n_alerts;
    const char *tenant_name;
    const char *event_name; /* "" for none */
    bool drill;             /* its event is an exercise */
    bool unrecorded;        /* sent while the disk could not take the record */
};

/* The body: JSON, terminated, freed by free(). NULL: out of memory. Pure. Text that is not UTF-8 is repaired. */
char *webhook_body(const struct webhook_page *page);

/* What an answer means. Pure. */
void webhook_judge(const struct channel_answer *answer, struct page_outcome *ret);

/* Sends; `fn` is called once from the loop with the outcome, or never when the sender closes first.
 * -EINVAL: as channel_post(). */
int webhook_send(struct channel_sender *sender, const char *url, const struct webhook_page *page,
                 void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err);
