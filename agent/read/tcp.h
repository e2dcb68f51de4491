/* agent/read/tcp.h - connections: how many, how many new, how many lost; sockets; the firewall's table.
 *
 * Source   proc(5), Documentation/networking/snmp_counter.rst: /proc/net/{snmp,netstat,sockstat}. Never /proc/net/tcp:
 *          one read of it walks the kernel's whole hash table, 4.5 ms of CPU even when there are no connections
 */
#pragma once
#include "agent/read/source.h"

struct snmp {
    uint64_t established;
    uint64_t active_opens, passive_opens, attempt_fails, resets, resets_sent;
    uint64_t in_segments, out_segments, retransmits; /* out_segments: without the retransmitted ones */
    uint64_t udp_in, udp_out, udp_buffer_errors;
};

#define COUNTER_ABSENT UINT64_MAX /* this kernel is too old to count it */

struct netstat {
    uint64_t listen_overflows, listen_drops, timeouts;
    uint64_t backlog_drops;   /* Linux 2.6.34; this and those below may be COUNTER_ABSENT */
    uint64_t syn_queue_drops; /* Linux 3.2 */
    uint64_t syn_retransmits; /* Linux 3.15 */
};

struct sockstat {
    uint64_t used;
    uint64_t tcp_orphans, tcp_time_wait, tcp_memory_pages;
};

/* Pairs of lines, names above values; matched by name, since kernels add columns. -ENODATA: a wanted column is missing.
 * -EBADMSG: it is not a number, or a line of names has no line of values with as many under it. */
int snmp_parse(const char *text, size_t len, struct snmp *ret, struct err *err);
int netstat_parse(const char *text, size_t len, struct netstat *ret, struct err *err);
/* -ENODATA, -EBADMSG: likewise for "TCP: inuse 1 orphan 0 ...". */
int sockstat_parse(const char *text, size_t len, struct sockstat *ret, struct err *err);
/* A file that is one number. -EBADMSG: it is not. */
int number_parse(const char *text, size_t len, uint64_t *ret, struct err *err);

struct tcp_history {
    bool snmp_known;
    bool netstat_known;
    struct snmp snmp;
    struct netstat netstat;
};

void tcp_take(void *state, const struct take *take);
void tcp_raw(void *state, const struct raw *raw);
