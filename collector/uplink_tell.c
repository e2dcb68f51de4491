/* What is said of those who come to the uplink. Whatever anybody can do from outside, as often as they like, is counted
 * each time and said once a minute with how often it was: nobody fills the log by it. */
#include "collector/parts.h"

void uplink_over(struct collector *collector, enum limit limit, uint64_t n, const struct session *session)
{
    uint64_t times = limits_over(&collector->limits, limit, n, clock_mono_us(collector->clock));
    if (times > 0)
        log_event(&collector->log, LOG_WARN, "limit_reached", KV_TEXT("limit", limit_name(limit)),
                  KV_COUNT("times", times), KV_TEXT("peer", session ? link_peer_address(session->peer) : ""),
                  KV_TEXT("host", session && session->host ? session->host->row->name : ""));
}

void uplink_tell_refusal(struct session *session, const struct host_state *host, enum refusal refusal, const char *text,
                         uint64_t times)
{
    struct collector *collector = session->collector;
    collector->refused[refusal]++;
    if (times > 0)
        log_event(&collector->log, LOG_WARN, "report_refused", KV_TEXT("peer", link_peer_address(session->peer)),
                  KV_TEXT("host", host ? host->row->name : ""), KV_TEXT("reason", refusal_name(refusal)),
                  KV_TEXT("error", text), KV_COUNT("times", times));
}

void uplink_tell_strange(const struct session *session, enum strange strange, const char *error)
{
    static const char *const events[STRANGE_COUNT] = {
        [STRANGE_NOT_OURS] = "peer_not_ours",           [STRANGE_NO_HELLO] = "session_never_said_hello",
        [STRANGE_NO_REPORT] = "session_never_reported", [STRANGE_HANDSHAKE] = "handshake_not_opened",
        [STRANGE_MESSAGE] = "message_not_opened",
    };
    struct collector *collector = session->collector;
    uint64_t times = damper_count(&collector->strange[strange], 1, clock_mono_us(collector->clock));
    if (times > 0)
        log_event(&collector->log, LOG_WARN, events[strange], KV_COUNT("times", times),
                  KV_TEXT("peer", link_peer_address(session->peer)), KV_TEXT("error", error));
}

/* Somebody on the path, or an agent that has lost count: of a session it is not worth more than a line. */
void uplink_tell_unopened(struct session *session, const struct err *err)
{
    struct collector *collector = session->collector;
    collector->unopened_messages++;
    if (!session->host)
        uplink_tell_strange(session, STRANGE_MESSAGE, err->text);
    else if (!session->told_unopened)
        log_event(&collector->log, LOG_WARN, "message_not_opened", KV_TEXT("peer", link_peer_address(session->peer)),
                  KV_TEXT("host", session->host->row->name), KV_TEXT("error", err->text));
    session->told_unopened = true;
}

/* Connections that the link closed by itself. */
void uplink_tell_turned_away(struct collector *collector)
{
    static const struct {
        enum link_close why;
        enum limit limit;
    } rows[] = { { LINK_CLOSE_FULL, OVER_CONNECTIONS }, { LINK_CLOSE_CROWDED, OVER_STRANGERS } };
    struct link_counts counts = link_server_counts(collector->server);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t *had = &collector->turned_away[rows[i].why];
        uplink_over(collector, rows[i].limit, counts.closed[rows[i].why] - *had, NULL);
        *had = counts.closed[rows[i].why];
    }
}
