/* The parsers alone: counters of the network and of its interfaces. */
#include "agent/read/parse_fixture.h"

#include <errno.h>

#include "agent/read/network.h"
#include "agent/read/tcp.h"

/* ---- network counters ---- */

#define SNMP_NAMES                                                                                                     \
    "Tcp: MaxConn New ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs "         \
    "OutRsts\n"
#define SNMP_TCP SNMP_NAMES "Tcp: -1 99 1 2 3 4 5 6 7 8 9\n"
#define SNMP_UDP "Udp: InDatagrams OutDatagrams RcvbufErrors\nUdp: 10 11 12\n"

static void snmp_matches_columns_by_name_and_stands_a_negative_one(void **state)
{
    (void)state;
    struct snmp snmp;
    static const char text[] = "Ip: A\nIp: 1\n" SNMP_TCP SNMP_UDP;
    assert_int_equal(snmp_parse(text, strlen(text), &snmp, NULL), 0);
    assert_int_equal(snmp.active_opens, 1);
    assert_int_equal(snmp.established, 5);
    assert_int_equal(snmp.resets_sent, 9);
    assert_int_equal(snmp.udp_buffer_errors, 12);
}

static void snmp_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    struct snmp snmp;
    REFUSES(snmp_parse, snmp, -ENODATA, "", SNMP_TCP, SNMP_UDP);
    REFUSES(snmp_parse, snmp, -EBADMSG, SNMP_NAMES, SNMP_NAMES "Tcp: -1 99 1\n", SNMP_NAMES "Udp: 1\n", "Tcp\nTcp\n",
            "Tcp: A\nTcp: 1 2\n", "Tcp: CurrEstab\nTcp: -1\n", "Tcp: CurrEstab\nTcp: 1x\n");
}

static void netstat_goes_without_what_old_kernels_do_not_count(void **state)
{
    (void)state;
    struct netstat netstat;
    static const char old[] = "TcpExt: ListenOverflows ListenDrops TCPTimeouts\nTcpExt: 7 9 15\n";
    assert_int_equal(netstat_parse(old, strlen(old), &netstat, NULL), 0);
    assert_int_equal(netstat.listen_drops, 9);
    assert_true(netstat.syn_retransmits == COUNTER_ABSENT);
    REFUSES(netstat_parse, netstat, -ENODATA, "", "TcpExt: ListenDrops\nTcpExt: 1\n");
    REFUSES(netstat_parse, netstat, -EBADMSG, "TcpExt: ListenDrops\n", "TcpExt: ListenDrops\nIpExt: 1\n");
}

static void sockstat_reads_names_and_values_in_one_line(void **state)
{
    (void)state;
    struct sockstat sockets;
    static const char text[] = "sockets: used 17\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5\nFRAG: inuse 0 memory 0\n";
    assert_int_equal(sockstat_parse(text, strlen(text), &sockets, NULL), 0);
    assert_int_equal(sockets.used, 17);
    assert_int_equal(sockets.tcp_time_wait, 3);
    REFUSES(sockstat_parse, sockets, -ENODATA, "", "sockets: used 17\n");
    REFUSES(sockstat_parse, sockets, -EBADMSG, "sockets: used\n", "sockets used 1\n", "sockets: used x\n");
    uint64_t number;
    assert_int_equal(number_parse("12\n", 3, &number, NULL), 0);
    REFUSES(number_parse, number, -EBADMSG, "", "x", "12 13", "-1\n");
}

/* ---- interfaces ---- */

#define DEV_TITLE "Inter-|   Receive  |  Transmit\n face |bytes\n"

static void net_dev_reads_lines_with_and_without_a_space_behind_the_colon(void **state)
{
    (void)state;
    struct interface list[2];
    size_t n;
    static const char text[] = DEV_TITLE "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                                         "b\xff.7: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 18446744073709551615\n"
                                         "more: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
    assert_int_equal(network_parse(text, strlen(text), list, 2, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].at[TX_BYTES], 9);
    assert_string_equal(list[1].name.text, "b\xff.7");
    assert_true(list[1].at[TX_COMPRESSED] == UINT64_MAX);
}

static void net_dev_is_refused_when_strange(void **state)
{
    (void)state;
    static const char *const bad[] = { DEV_TITLE "eth0 1 2\n", DEV_TITLE "eth0: 1 2 3\n", DEV_TITLE ": 1 2 3\n",
                                       DEV_TITLE "\n", DEV_TITLE "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -1\n" };
    struct interface one;
    size_t n = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(network_parse(bad[i], strlen(bad[i]), &one, 1, &n, NULL), -EBADMSG);
    assert_int_equal(network_parse("", 0, &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(network_parse(DEV_TITLE, strlen(DEV_TITLE), &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(n, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snmp_matches_columns_by_name_and_stands_a_negative_one),
        cmocka_unit_test(snmp_is_refused_when_something_is_missing_or_strange),
        cmocka_unit_test(netstat_goes_without_what_old_kernels_do_not_count),
        cmocka_unit_test(sockstat_reads_names_and_values_in_one_line),
        cmocka_unit_test(net_dev_reads_lines_with_and_without_a_space_behind_the_colon),
        cmocka_unit_test(net_dev_is_refused_when_strange),
    };
    return cmocka_run_group_tests_name("parse_network", tests, NULL, NULL);
}
