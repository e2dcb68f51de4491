#include <errno.h>
#include <stddef.h>

#include "agent/read/counters.h"
#include "agent/read/tcp.h"

struct field {
    const char *group;
    const char *name;
    size_t at;
    bool optional; /* COUNTER_ABSENT where it is missing */
};

static const struct field snmp_fields[] = {
    { "Tcp", "CurrEstab", offsetof(struct snmp, established), false },
    { "Tcp", "ActiveOpens", offsetof(struct snmp, active_opens), false },
    { "Tcp", "PassiveOpens", offsetof(struct snmp, passive_opens), false },
    { "Tcp", "AttemptFails", offsetof(struct snmp, attempt_fails), false },
    { "Tcp", "EstabResets", offsetof(struct snmp, resets), false },
    { "Tcp", "OutRsts", offsetof(struct snmp, resets_sent), false },
    { "Tcp", "InSegs", offsetof(struct snmp, in_segments), false },
    { "Tcp", "OutSegs", offsetof(struct snmp, out_segments), false },
    { "Tcp", "RetransSegs", offsetof(struct snmp, retransmits), false },
    { "Udp", "InDatagrams", offsetof(struct snmp, udp_in), false },
    { "Udp", "OutDatagrams", offsetof(struct snmp, udp_out), false },
    { "Udp", "RcvbufErrors", offsetof(struct snmp, udp_buffer_errors), false },
};

static const struct field netstat_fields[] = {
    { "TcpExt", "ListenOverflows", offsetof(struct netstat, listen_overflows), false },
    { "TcpExt", "ListenDrops", offsetof(struct netstat, listen_drops), false },
    { "TcpExt", "TCPTimeouts", offsetof(struct netstat, timeouts), false },
    { "TcpExt", "TCPBacklogDrop", offsetof(struct netstat, backlog_drops), true },
    { "TcpExt", "TCPReqQFullDrop", offsetof(struct netstat, syn_queue_drops), true },
    { "TcpExt", "TCPSynRetrans", offsetof(struct netstat, syn_retransmits), true },
};

static const struct field sockstat_fields[] = {
    { "sockets", "used", offsetof(struct sockstat, used), false },
    { "TCP", "orphan", offsetof(struct sockstat, tcp_orphans), false },
    { "TCP", "tw", offsetof(struct sockstat, tcp_time_wait), false },
    { "TCP", "mem", offsetof(struct sockstat, tcp_memory_pages), false },
};

struct wanted {
    const struct field *fields;
    size_t n;
    unsigned seen; /* bit i: fields[i] */
    void *into;
    const struct field *bad; /* was there, but is no number */
};

static bool keep_wanted(void *user, const struct counter *counter)
{
    struct wanted *wanted = user;
    for (size_t i = 0; i < wanted->n; i++) {
        const struct field *field = &wanted->fields[i];
        if (!scan_text_is(counter->name, field->name) || !scan_text_is(counter->group, field->group))
            continue;
        if (!counter_number(counter, (uint64_t *)(void *)((char *)wanted->into + field->at)))
            wanted->bad = field;
        wanted->seen |= 1u << i;
        break;
    }
    return !wanted->bad;
}

static int conclude(const struct wanted *wanted, bool whole, const char *file, struct err *err)
{
    if (wanted->bad)
        return err_set(err, -EBADMSG, "%s: %s is not a number", file, wanted->bad->name);
    if (!whole)
        return err_set(err, -EBADMSG, "%s: names and values do not match", file);
    for (size_t i = 0; i < wanted->n; i++) {
        const struct field *field = &wanted->fields[i];
        if (wanted->seen & 1u << i)
            continue;
        if (!field->optional)
            return err_set(err, -ENODATA, "%s: no %s %s", file, field->group, field->name);
        *(uint64_t *)(void *)((char *)wanted->into + field->at) = COUNTER_ABSENT;
    }
    return 0;
}

#define WANTED(table, out)                                                                                             \
    {                                                                                                                  \
        .fields = (table), .n = sizeof(table) / sizeof((table)[0]), .into = (out)                                      \
    }

int snmp_parse(const char *text, size_t len, struct snmp *ret, struct err *err)
{
    struct snmp snmp;
    struct wanted wanted = WANTED(snmp_fields, &snmp);
    bool whole = counters_in_pairs((struct scan_text){ text, len }, keep_wanted, &wanted);
    int rc = conclude(&wanted, whole, "net/snmp", err);
    if (rc < 0)
        return rc;
    *ret = snmp;
    return 0;
}

int netstat_parse(const char *text, size_t len, struct netstat *ret, struct err *err)
{
    struct netstat netstat;
    struct wanted wanted = WANTED(netstat_fields, &netstat);
    bool whole = counters_in_pairs((struct scan_text){ text, len }, keep_wanted, &wanted);
    int rc = conclude(&wanted, whole, "net/netstat", err);
    if (rc < 0)
        return rc;
    *ret = netstat;
    return 0;
}

int sockstat_parse(const char *text, size_t len, struct sockstat *ret, struct err *err)
{
    struct sockstat sockstat;
    struct wanted wanted = WANTED(sockstat_fields, &sockstat);
    bool whole = counters_in_lines((struct scan_text){ text, len }, keep_wanted, &wanted);
    int rc = conclude(&wanted, whole, "net/sockstat", err);
    if (rc < 0)
        return rc;
    *ret = sockstat;
    return 0;
}

int number_parse(const char *text, size_t len, uint64_t *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    uint64_t value;
    if (!scan_u64(&scan, &value) || (!scan_done(&scan) && !scan_char(&scan, '\n')))
        return err_set(err, -EBADMSG, "not a number");
    *ret = value;
    return 0;
}
