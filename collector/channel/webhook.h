/* collector/channel/webhook.h - a page as Alertmanager's webhook v4 JSON.
 *
 * Source   Alertmanager documentation, webhook_config; our own fields under commonLabels and commonAnnotations
 *          (docs/webhook.md is the contract, a test holds its example and this code together)
 * Limits   WEBHOOK_ALERTS_MAX alerts a body, firing ones first; the others are counted in truncatedAlerts. One incident
 *          a body: receivers tell incidents apart by its groupKey
 * Threads  pure
 */
#pragma once
#include "collector/channel/message.h"
#include "collector/channel/route.h"

enum { WEBHOOK_ALERTS_MAX = 50 };

/* The body: JSON, terminated, freed by free(). NULL: out of memory. Text that is not UTF-8 is repaired. */
char *webhook_body(const struct channel_route *route, const struct message *message);
