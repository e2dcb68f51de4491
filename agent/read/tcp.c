#include "agent/read/tcp.h"

#include <string.h>
#include <unistd.h>

#include "agent/read/counters.h"

static bool read_snmp(struct files *files, struct snmp *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_SNMP, &text) &&
           files_judge(files, FILE_SNMP, snmp_parse(text.at, text.len, ret, &err), &err);
}

static bool read_netstat(struct files *files, struct netstat *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_NETSTAT, &text) &&
           files_judge(files, FILE_NETSTAT, netstat_parse(text.at, text.len, ret, &err), &err);
}

static bool read_sockstat(struct files *files, struct sockstat *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_SOCKSTAT, &text) &&
           files_judge(files, FILE_SOCKSTAT, sockstat_parse(text.at, text.len, ret, &err), &err);
}

static bool read_number(struct files *files, enum host_file file, uint64_t *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, file, &text) && files_judge(files, file, number_parse(text.at, text.len, ret, &err), &err);
}

static const struct rate_row {
    enum metric_id metric;
    size_t at;
} snmp_rates[] = {
    { METRIC_TCP_INBOUND, offsetof(struct snmp, passive_opens) },
    { METRIC_TCP_OUTBOUND, offsetof(struct snmp, active_opens) },
    { METRIC_TCP_FAILURES, offsetof(struct snmp, attempt_fails) },
    { METRIC_TCP_RESETS, offsetof(struct snmp, resets) },
    { METRIC_TCP_RESETS_SENT, offsetof(struct snmp, resets_sent) },
    { METRIC_TCP_SEGMENTS_TRANSMIT, offsetof(struct snmp, out_segments) },
    { METRIC_TCP_SEGMENTS_RECEIVE, offsetof(struct snmp, in_segments) },
    { METRIC_TCP_RETRANSMITS, offsetof(struct snmp, retransmits) },
    { METRIC_UDP_RECEIVE, offsetof(struct snmp, udp_in) },
    { METRIC_UDP_TRANSMIT, offsetof(struct snmp, udp_out) },
    { METRIC_UDP_BUFFER_ERRORS, offsetof(struct snmp, udp_buffer_errors) },
}, netstat_rates[] = {
    { METRIC_TCP_TIMEOUTS, offsetof(struct netstat, timeouts) },
    { METRIC_TCP_LISTEN_OVERFLOWS, offsetof(struct netstat, listen_overflows) },
    { METRIC_TCP_LISTEN_DROPS, offsetof(struct netstat, listen_drops) },
    { METRIC_TCP_BACKLOG_DROPS, offsetof(struct netstat, backlog_drops) },
    { METRIC_TCP_SYN_QUEUE_DROPS, offsetof(struct netstat, syn_queue_drops) },
    { METRIC_TCP_SYN_RETRANSMITS, offsetof(struct netstat, syn_retransmits) },
};

static void add_rates(const struct take *take, const struct rate_row *rows, size_t n, const void *last, const void *now,
                      bool known)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t to = *(const uint64_t *)(const void *)((const char *)now + rows[i].at);
        uint64_t from = known ? *(const uint64_t *)(const void *)((const char *)last + rows[i].at) : 0;
        if (to != COUNTER_ABSENT)
            add(take, rows[i].metric, known ? counter_moved(to, from) / take->seconds : NAN);
    }
}

static double retransmit_ratio(const struct snmp *last, const struct snmp *now)
{
    double again = counter_moved(now->retransmits, last->retransmits);
    double sent = counter_moved(now->out_segments, last->out_segments) + again;
    return sent > 0 ? again / sent : sent; /* 0, or NaN */
}

static void take_snmp(struct tcp_history *history, const struct take *take)
{
    struct snmp now;
    bool known = history->snmp_known;
    history->snmp_known = read_snmp(take->files, &now);
    if (!history->snmp_known)
        return;
    add(take, METRIC_TCP_ESTABLISHED, (double)now.established);
    add_rates(take, snmp_rates, sizeof snmp_rates / sizeof snmp_rates[0], &history->snmp, &now, known);
    add(take, METRIC_TCP_RETRANSMIT_RATIO, known ? retransmit_ratio(&history->snmp, &now) : NAN);
    history->snmp = now;
}

static void take_netstat(struct tcp_history *history, const struct take *take)
{
    struct netstat now;
    bool known = history->netstat_known;
    history->netstat_known = read_netstat(take->files, &now);
    if (!history->netstat_known)
        return;
    add_rates(take, netstat_rates, sizeof netstat_rates / sizeof netstat_rates[0], &history->netstat, &now, known);
    history->netstat = now;
}

void tcp_take(void *state, const struct take *take)
{
    struct sockstat sockets;
    uint64_t tracked, tracked_most;
    take_snmp(state, take);
    take_netstat(state, take);
    if (read_sockstat(take->files, &sockets)) {
        add(take, METRIC_TCP_TIME_WAIT, (double)sockets.tcp_time_wait);
        add(take, METRIC_TCP_ORPHANS, (double)sockets.tcp_orphans);
        add(take, METRIC_TCP_MEMORY, (double)sockets.tcp_memory_pages * (double)sysconf(_SC_PAGESIZE));
        add(take, METRIC_SOCKETS, (double)sockets.used);
    }
    if (!read_number(take->files, FILE_CONNTRACK_COUNT, &tracked))
        return;
    add(take, METRIC_CONNTRACK_COUNT, (double)tracked);
    if (read_number(take->files, FILE_CONNTRACK_MAX, &tracked_most) && tracked_most > 0)
        add(take, METRIC_CONNTRACK_UTILIZATION, ratio_clamped((double)tracked / (double)tracked_most));
}

static bool begins(struct scan_text text, const char *prefix)
{
    return text.len >= strlen(prefix) && memcmp(text.at, prefix, strlen(prefix)) == 0;
}

/* Of what node_exporter hands out by default, the families of TCP: ^Tcp_(ActiveOpens|...)$, ^TcpExt_(Listen.*|...)$. */
static bool is_raw_netstat(const struct counter *counter)
{
    static const char *const tcp[] = { "ActiveOpens",  "InSegs",      "OutSegs",   "OutRsts",
                                       "PassiveOpens", "RetransSegs", "CurrEstab", "InErrs" };
    if (scan_text_is(counter->group, "TcpExt"))
        return begins(counter->name, "Listen") || begins(counter->name, "Syncookies") ||
               scan_text_is(counter->name, "TCPSynRetrans") || scan_text_is(counter->name, "TCPTimeouts");
    for (size_t i = 0; i < sizeof tcp / sizeof tcp[0]; i++)
        if (scan_text_is(counter->group, "Tcp") && scan_text_is(counter->name, tcp[i]))
            return true;
    return false;
}

static bool emit_netstat(void *user, const struct counter *counter)
{
    uint64_t value;
    if (is_raw_netstat(counter) && counter_number(counter, &value))
        raw_emit(user, (double)value, NULL, 0, "netstat_%.*s_%.*s", (int)counter->group.len, counter->group.at,
                 (int)counter->name.len, counter->name.at);
    return true;
}

static bool emit_sockstat(void *user, const struct counter *counter)
{
    uint64_t value;
    if (!counter_number(counter, &value))
        return true;
    raw_emit(user, (double)value, NULL, 0, "sockstat_%.*s_%.*s", (int)counter->group.len, counter->group.at,
             (int)counter->name.len, counter->name.at);
    if (scan_text_is(counter->name, "mem"))
        raw_emit(user, (double)value * (double)sysconf(_SC_PAGESIZE), NULL, 0, "sockstat_%.*s_mem_bytes",
                 (int)counter->group.len, counter->group.at);
    return true;
}

void tcp_raw(void *state, const struct raw *raw)
{
    (void)state;
    struct scan_text text;
    void *user = (void *)(uintptr_t)raw;
    if (files_read(raw->files, FILE_SNMP, &text))
        counters_in_pairs(text, emit_netstat, user);
    if (files_read(raw->files, FILE_NETSTAT, &text))
        counters_in_pairs(text, emit_netstat, user);
    if (files_read(raw->files, FILE_SOCKSTAT, &text))
        counters_in_lines(text, emit_sockstat, user);
    if (files_read(raw->files, FILE_SOCKSTAT6, &text))
        counters_in_lines(text, emit_sockstat, user);
    uint64_t tracked;
    if (read_number(raw->files, FILE_CONNTRACK_COUNT, &tracked))
        raw_emit(raw, (double)tracked, NULL, 0, "nf_conntrack_entries");
    if (read_number(raw->files, FILE_CONNTRACK_MAX, &tracked))
        raw_emit(raw, (double)tracked, NULL, 0, "nf_conntrack_entries_limit");
}
