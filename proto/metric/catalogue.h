/* proto/metric/catalogue.h - one row a metric: the only place to touch to add, change or remove one.
 *
 *   METRIC(ID, KEY, UNIT, EXPONENT, INSTANCE LABEL or NULL, DESCRIPTION, SOURCE)
 *
 * metric_id.h makes the enumerators from these rows, metric.c the table, metric_docs the page docs/metrics.md. What
 * each column may hold is in metric.h and is checked by metric_test.c.
 *
 * Exponents: ratios 10^-4; latencies 10^-6 s; sizes and bytes a second whole; packets and operations a second 10^-1;
 * what is rare (errors, drops, kills) finer, so that one in a slow tick is still not rounded to none.
 *
 * No #pragma once: it is included with different meanings of METRIC.
 */

/* ---- CPU ---- */

METRIC(CPU_UTILIZATION, "system.cpu.utilization", "1", -4, NULL,
       "Share of CPU time that was neither idle nor waiting for I/O, over all logical CPUs.", "/proc/stat, line cpu")
METRIC(CPU_UTILIZATION_MAX, "system.cpu.utilization.max", "1", -4, NULL,
       "The same share for the busiest logical CPU: one full core hides in the mean of many.", "/proc/stat, lines cpuN")
METRIC(CPU_USER, "system.cpu.utilization{mode=user}", "1", -4, NULL,
       "Share of CPU time in user programs, without guests and without niced programs.", "/proc/stat, user - guest")
METRIC(CPU_NICE, "system.cpu.utilization{mode=nice}", "1", -4, NULL,
       "Share of CPU time in niced user programs, without niced guests.", "/proc/stat, nice - guest_nice")
METRIC(CPU_SYSTEM, "system.cpu.utilization{mode=system}", "1", -4, NULL, "Share of CPU time in the kernel.",
       "/proc/stat, system")
METRIC(CPU_IDLE, "system.cpu.utilization{mode=idle}", "1", -4, NULL, "Share of CPU time with nothing to do.",
       "/proc/stat, idle")
METRIC(CPU_IOWAIT, "system.cpu.utilization{mode=iowait}", "1", -4, NULL,
       "Share of CPU time idle while a task waited for I/O; the kernel only estimates it.", "/proc/stat, iowait")
METRIC(CPU_IRQ, "system.cpu.utilization{mode=irq}", "1", -4, NULL, "Share of CPU time serving hardware interrupts.",
       "/proc/stat, irq")
METRIC(CPU_SOFTIRQ, "system.cpu.utilization{mode=softirq}", "1", -4, NULL,
       "Share of CPU time serving soft interrupts, network packets above all.", "/proc/stat, softirq")
METRIC(CPU_STEAL, "system.cpu.utilization{mode=steal}", "1", -4, NULL,
       "Share of CPU time the hypervisor gave to somebody else while this host wanted it.", "/proc/stat, steal")
METRIC(CPU_GUEST, "system.cpu.utilization{mode=guest}", "1", -4, NULL,
       "Share of CPU time running guests of this host, niced or not.", "/proc/stat, guest + guest_nice")
METRIC(CPU_COUNT, "system.cpu.logical.count", "{cpu}", 0, NULL, "Logical CPUs that are online.",
       "/proc/stat, lines cpuN")
METRIC(CONTEXT_SWITCHES, "system.cpu.context_switch.rate", "{switch}/s", 0, NULL, "Context switches a second.",
       "/proc/stat, ctxt")

/* ---- load ---- */

METRIC(LOAD_1M, "system.cpu.load_average.1m", "{task}", -2, NULL,
       "Tasks running or in uninterruptible sleep, averaged over a minute.", "/proc/loadavg, field 1")
METRIC(LOAD_5M, "system.cpu.load_average.5m", "{task}", -2, NULL, "The same over five minutes.",
       "/proc/loadavg, field 2")
METRIC(LOAD_15M, "system.cpu.load_average.15m", "{task}", -2, NULL, "The same over fifteen minutes.",
       "/proc/loadavg, field 3")
METRIC(PROCESSES_RUNNING, "system.process.count{state=running}", "{process}", 0, NULL,
       "Tasks running or ready to run at this moment, the agent among them.", "/proc/stat, procs_running")
METRIC(PROCESSES_BLOCKED, "system.process.count{state=blocked}", "{process}", 0, NULL,
       "Tasks waiting for I/O at this moment.", "/proc/stat, procs_blocked")
METRIC(PROCESSES_CREATED, "system.process.created.rate", "{process}/s", -1, NULL,
       "Processes and threads created a second.", "/proc/stat, processes")
METRIC(THREADS, "system.thread.count", "{thread}", 0, NULL, "Processes and threads that exist.",
       "/proc/loadavg, field 4 behind the slash")
METRIC(UPTIME, "system.uptime", "s", 0, NULL, "Time since the kernel started.", "/proc/uptime, field 1")
METRIC(FILES_OPEN, "system.file_descriptor.count", "{file}", 0, NULL, "Open files of the whole host.",
       "/proc/sys/fs/file-nr, field 1")
METRIC(FILES_UTILIZATION, "system.file_descriptor.utilization", "1", -4, NULL,
       "Share of the kernel's limit of open files that is in use.", "/proc/sys/fs/file-nr, field 1 / field 3")

/* ---- memory ---- */

METRIC(MEMORY_LIMIT, "system.memory.limit", "By", 0, NULL, "Memory the kernel manages.", "/proc/meminfo, MemTotal")
METRIC(MEMORY_AVAILABLE, "system.memory.linux.available", "By", 0, NULL,
       "Memory programs can still get without swapping; an estimate of the kernel, before Linux 3.14 of the agent.",
       "/proc/meminfo, MemAvailable; else MemFree + Cached + SReclaimable - Shmem")
METRIC(MEMORY_USED, "system.memory.usage{state=used}", "By", 0, NULL, "Memory that is not available.",
       "/proc/meminfo, MemTotal - MemAvailable")
METRIC(MEMORY_FREE, "system.memory.usage{state=free}", "By", 0, NULL, "Memory that holds nothing at all.",
       "/proc/meminfo, MemFree")
METRIC(MEMORY_CACHED, "system.memory.usage{state=cached}", "By", 0, NULL,
       "Memory that holds contents of files, shared memory among them.", "/proc/meminfo, Cached")
METRIC(MEMORY_BUFFERS, "system.memory.usage{state=buffers}", "By", 0, NULL, "Memory that holds blocks of disks.",
       "/proc/meminfo, Buffers")
METRIC(MEMORY_SHARED, "system.memory.linux.shared", "By", 0, NULL, "Shared memory and tmpfs.", "/proc/meminfo, Shmem")
METRIC(MEMORY_RECLAIMABLE, "system.memory.linux.slab.usage{state=reclaimable}", "By", 0, NULL,
       "Memory of the kernel's own caches that it gives back when asked.", "/proc/meminfo, SReclaimable")
METRIC(MEMORY_UNRECLAIMABLE, "system.memory.linux.slab.usage{state=unreclaimable}", "By", 0, NULL,
       "Memory of the kernel's own caches that it can't give back; a leak in the kernel shows here.",
       "/proc/meminfo, SUnreclaim")
METRIC(MEMORY_DIRTY, "system.memory.linux.dirty", "By", 0, NULL, "Memory that waits to be written to disk.",
       "/proc/meminfo, Dirty")
METRIC(MEMORY_WRITEBACK, "system.memory.linux.writeback", "By", 0, NULL,
       "Memory that is being written to disk at this moment.", "/proc/meminfo, Writeback")
METRIC(MEMORY_ANONYMOUS, "system.memory.linux.anonymous", "By", 0, NULL,
       "Memory programs asked for, without files and shared memory.", "/proc/meminfo, AnonPages")
METRIC(MEMORY_COMMITTED, "system.memory.linux.committed", "By", 0, NULL, "Memory promised to programs.",
       "/proc/meminfo, Committed_AS")
METRIC(MEMORY_UTILIZATION, "system.memory.utilization", "1", -4, NULL, "Share of memory that is not available.",
       "/proc/meminfo, 1 - MemAvailable / MemTotal")
METRIC(OOM_KILLS, "system.memory.oom_kill.rate", "{kill}/s", -3, NULL,
       "Processes killed a second because memory ran out (Linux 4.13 and later).", "/proc/vmstat, oom_kill")
METRIC(SWAP_LIMIT, "system.paging.limit", "By", 0, NULL, "Swap space; 0 on hosts without swap.",
       "/proc/meminfo, SwapTotal")
METRIC(SWAP_USED, "system.paging.usage{state=used}", "By", 0, NULL, "Swap space in use.",
       "/proc/meminfo, SwapTotal - SwapFree")
METRIC(SWAP_UTILIZATION, "system.paging.utilization", "1", -4, NULL,
       "Share of swap space in use; there is no such series on hosts without swap.",
       "/proc/meminfo, 1 - SwapFree / SwapTotal")
METRIC(SWAP_IN, "system.paging.operation.rate{direction=in}", "{page}/s", -1, NULL, "Pages read from swap a second.",
       "/proc/vmstat, pswpin")
METRIC(SWAP_OUT, "system.paging.operation.rate{direction=out}", "{page}/s", -1, NULL, "Pages written to swap a second.",
       "/proc/vmstat, pswpout")
METRIC(FAULTS_MAJOR, "system.paging.fault.rate{type=major}", "{fault}/s", -1, NULL,
       "Page faults a second that had to read from disk.", "/proc/vmstat, pgmajfault")
METRIC(FAULTS_MINOR, "system.paging.fault.rate{type=minor}", "{fault}/s", 0, NULL,
       "Page faults a second that were served from memory.", "/proc/vmstat, pgfault - pgmajfault")

/* ---- pressure (PSI, Linux 4.20 and later) ---- */

METRIC(PRESSURE_CPU_SOME, "system.pressure.stall.utilization{level=some,resource=cpu}", "1", -4, NULL,
       "Share of time in which some task waited for a CPU.", "/proc/pressure/cpu, some total")
METRIC(PRESSURE_IO_SOME, "system.pressure.stall.utilization{level=some,resource=io}", "1", -4, NULL,
       "Share of time in which some task waited for I/O.", "/proc/pressure/io, some total")
METRIC(PRESSURE_IO_FULL, "system.pressure.stall.utilization{level=full,resource=io}", "1", -4, NULL,
       "Share of time in which every task that had work waited for I/O.", "/proc/pressure/io, full total")
METRIC(PRESSURE_MEMORY_SOME, "system.pressure.stall.utilization{level=some,resource=memory}", "1", -4, NULL,
       "Share of time in which some task waited for memory.", "/proc/pressure/memory, some total")
METRIC(PRESSURE_MEMORY_FULL, "system.pressure.stall.utilization{level=full,resource=memory}", "1", -4, NULL,
       "Share of time in which every task that had work waited for memory.", "/proc/pressure/memory, full total")

/* ---- disks ---- */

METRIC(DISK_READ_BYTES, "system.disk.io.rate{direction=read}", "By/s", 0, "device", "Bytes read a second.",
       "/proc/diskstats, field 6 x 512")
METRIC(DISK_WRITE_BYTES, "system.disk.io.rate{direction=write}", "By/s", 0, "device", "Bytes written a second.",
       "/proc/diskstats, field 10 x 512")
METRIC(DISK_READS, "system.disk.operation.rate{direction=read}", "{operation}/s", -1, "device",
       "Reads completed a second.", "/proc/diskstats, field 4")
METRIC(DISK_WRITES, "system.disk.operation.rate{direction=write}", "{operation}/s", -1, "device",
       "Writes completed a second.", "/proc/diskstats, field 8")
METRIC(DISK_READ_AWAIT, "system.disk.operation.await{direction=read}", "s", -6, "device",
       "Mean time of the reads that completed, waiting included; 0 when there were none.",
       "/proc/diskstats, field 7 / field 4")
METRIC(DISK_WRITE_AWAIT, "system.disk.operation.await{direction=write}", "s", -6, "device",
       "Mean time of the writes that completed, waiting included; 0 when there were none.",
       "/proc/diskstats, field 11 / field 8")
METRIC(DISK_UTILIZATION, "system.disk.utilization", "1", -4, "device",
       "Share of time with some request in flight; near 1 does not mean full on disks that serve many at once.",
       "/proc/diskstats, field 13")
METRIC(DISK_QUEUE, "system.disk.queue.length", "{operation}", -3, "device",
       "Mean number of requests waiting or being served.", "/proc/diskstats, field 14")

/* ---- filesystems ---- */

METRIC(FILESYSTEM_LIMIT, "system.filesystem.limit", "By", 0, "mountpoint", "Size of the filesystem.",
       "statvfs(3), f_blocks x f_frsize")
METRIC(FILESYSTEM_USED, "system.filesystem.used", "By", 0, "mountpoint", "Space in use.",
       "statvfs(3), (f_blocks - f_bfree) x f_frsize")
METRIC(FILESYSTEM_AVAILABLE, "system.filesystem.available", "By", 0, "mountpoint",
       "Space that programs other than root's can still get.", "statvfs(3), f_bavail x f_frsize")
METRIC(FILESYSTEM_UTILIZATION, "system.filesystem.utilization", "1", -4, "mountpoint",
       "Share of space in use, as df shows it: what is reserved for root counts as neither used nor available.",
       "statvfs(3), used / (used + available)")
METRIC(FILESYSTEM_READONLY, "system.filesystem.readonly", "1", 0, "mountpoint",
       "1 when it can't be written, as after an error of its disk; else 0.", "statvfs(3), f_flag ST_RDONLY")
METRIC(INODES_LIMIT, "system.filesystem.inodes.limit", "{inode}", 0, "mountpoint",
       "Inodes the filesystem has room for; no such series where it has no fixed number.", "statvfs(3), f_files")
METRIC(INODES_USED, "system.filesystem.inodes.used", "{inode}", 0, "mountpoint", "Inodes in use.",
       "statvfs(3), f_files - f_ffree")
METRIC(INODES_UTILIZATION, "system.filesystem.inodes.utilization", "1", -4, "mountpoint", "Share of inodes in use.",
       "statvfs(3), 1 - f_ffree / f_files")

/* ---- network ---- */

METRIC(NETWORK_TRANSMIT, "system.network.io.rate{direction=transmit}", "By/s", 0, "device",
       "Bytes sent a second: egress.", "/proc/net/dev, field 9")
METRIC(NETWORK_RECEIVE, "system.network.io.rate{direction=receive}", "By/s", 0, "device",
       "Bytes received a second: ingress.", "/proc/net/dev, field 1")
METRIC(NETWORK_PACKETS_TRANSMIT, "system.network.packet.rate{direction=transmit}", "{packet}/s", -1, "device",
       "Packets sent a second.", "/proc/net/dev, field 10")
METRIC(NETWORK_PACKETS_RECEIVE, "system.network.packet.rate{direction=receive}", "{packet}/s", -1, "device",
       "Packets received a second.", "/proc/net/dev, field 2")
METRIC(NETWORK_ERRORS_TRANSMIT, "system.network.error.rate{direction=transmit}", "{error}/s", -2, "device",
       "Errors of sending a second.", "/proc/net/dev, field 11")
METRIC(NETWORK_ERRORS_RECEIVE, "system.network.error.rate{direction=receive}", "{error}/s", -2, "device",
       "Errors of receiving a second.", "/proc/net/dev, field 3")
METRIC(NETWORK_DROPS_TRANSMIT, "system.network.packet.dropped.rate{direction=transmit}", "{packet}/s", -2, "device",
       "Packets dropped a second before they were sent.", "/proc/net/dev, field 12")
METRIC(NETWORK_DROPS_RECEIVE, "system.network.packet.dropped.rate{direction=receive}", "{packet}/s", -2, "device",
       "Packets dropped a second after they were received.", "/proc/net/dev, field 4")

/* ---- TCP, UDP, sockets ---- */

METRIC(TCP_ESTABLISHED, "system.network.connection.count{state=established}", "{connection}", 0, NULL,
       "TCP connections that are open, those the other side has closed (CLOSE_WAIT) among them.",
       "/proc/net/snmp, Tcp CurrEstab")
METRIC(TCP_TIME_WAIT, "system.network.connection.count{state=time_wait}", "{connection}", 0, NULL,
       "TCP connections in TIME_WAIT.", "/proc/net/sockstat, TCP tw")
METRIC(TCP_ORPHANS, "system.network.connection.orphan.count", "{connection}", 0, NULL,
       "TCP connections no process holds any more.", "/proc/net/sockstat, TCP orphan")
METRIC(TCP_INBOUND, "system.network.connection.rate{direction=inbound}", "{connection}/s", -1, NULL,
       "TCP connections accepted a second.", "/proc/net/snmp, Tcp PassiveOpens")
METRIC(TCP_OUTBOUND, "system.network.connection.rate{direction=outbound}", "{connection}/s", -1, NULL,
       "TCP connections dialled a second.", "/proc/net/snmp, Tcp ActiveOpens")
METRIC(TCP_FAILURES, "system.network.connection.failure.rate", "{connection}/s", -2, NULL,
       "TCP connections a second that failed while they were being made.", "/proc/net/snmp, Tcp AttemptFails")
METRIC(TCP_RESETS, "system.network.connection.reset.rate", "{connection}/s", -2, NULL,
       "Open TCP connections reset a second.", "/proc/net/snmp, Tcp EstabResets")
METRIC(TCP_RESETS_SENT, "system.network.tcp.reset.rate{direction=transmit}", "{segment}/s", -2, NULL,
       "TCP resets sent a second: what was asked for was not there or not wanted.", "/proc/net/snmp, Tcp OutRsts")
METRIC(TCP_SEGMENTS_TRANSMIT, "system.network.tcp.segment.rate{direction=transmit}", "{segment}/s", -1, NULL,
       "TCP segments sent a second, retransmitted ones not counted.", "/proc/net/snmp, Tcp OutSegs")
METRIC(TCP_SEGMENTS_RECEIVE, "system.network.tcp.segment.rate{direction=receive}", "{segment}/s", -1, NULL,
       "TCP segments received a second.", "/proc/net/snmp, Tcp InSegs")
METRIC(TCP_RETRANSMITS, "system.network.tcp.retransmit.rate", "{segment}/s", -2, NULL,
       "TCP segments sent again a second.", "/proc/net/snmp, Tcp RetransSegs")
METRIC(TCP_RETRANSMIT_RATIO, "system.network.tcp.retransmit.ratio", "1", -4, NULL,
       "Share of the TCP segments sent that had been sent before; 0 when none were sent.",
       "/proc/net/snmp, Tcp RetransSegs / (OutSegs + RetransSegs)")
METRIC(TCP_TIMEOUTS, "system.network.tcp.timeout.rate", "{timeout}/s", -2, NULL,
       "TCP retransmission timeouts a second: the loss a user feels.", "/proc/net/netstat, TcpExt TCPTimeouts")
METRIC(TCP_LISTEN_OVERFLOWS, "system.network.tcp.listen.overflow.rate", "{connection}/s", -2, NULL,
       "New connections a second that found the accept queue full.", "/proc/net/netstat, TcpExt ListenOverflows")
METRIC(TCP_LISTEN_DROPS, "system.network.tcp.listen.drop.rate", "{connection}/s", -2, NULL,
       "New connections a second that were dropped, for a full accept queue or another reason.",
       "/proc/net/netstat, TcpExt ListenDrops")
METRIC(TCP_BACKLOG_DROPS, "system.network.tcp.backlog.drop.rate", "{segment}/s", -2, NULL,
       "TCP segments dropped a second because a busy socket's backlog was full.",
       "/proc/net/netstat, TcpExt TCPBacklogDrop")
METRIC(TCP_SYN_QUEUE_DROPS, "system.network.tcp.syn_queue.drop.rate", "{connection}/s", -2, NULL,
       "New connections a second dropped because too many were half open.", "/proc/net/netstat, TcpExt TCPReqQFullDrop")
METRIC(TCP_SYN_RETRANSMITS, "system.network.tcp.syn_retransmit.rate", "{segment}/s", -2, NULL,
       "Requests to connect sent again a second: the other side did not answer in time.",
       "/proc/net/netstat, TcpExt TCPSynRetrans")
METRIC(TCP_MEMORY, "system.network.tcp.memory", "By", 0, NULL, "Memory of TCP's buffers.",
       "/proc/net/sockstat, TCP mem x page size")
METRIC(SOCKETS, "system.network.socket.count", "{socket}", 0, NULL, "Sockets in use, of any kind.",
       "/proc/net/sockstat, sockets used")
METRIC(UDP_RECEIVE, "system.network.udp.datagram.rate{direction=receive}", "{datagram}/s", -1, NULL,
       "UDP datagrams received a second.", "/proc/net/snmp, Udp InDatagrams")
METRIC(UDP_TRANSMIT, "system.network.udp.datagram.rate{direction=transmit}", "{datagram}/s", -1, NULL,
       "UDP datagrams sent a second.", "/proc/net/snmp, Udp OutDatagrams")
METRIC(UDP_BUFFER_ERRORS, "system.network.udp.receive_buffer_error.rate", "{datagram}/s", -2, NULL,
       "UDP datagrams dropped a second because a program did not read its socket in time.",
       "/proc/net/snmp, Udp RcvbufErrors")
METRIC(CONNTRACK_COUNT, "system.network.conntrack.count", "{connection}", 0, NULL,
       "Connections the firewall keeps track of; no such series where it keeps none.",
       "/proc/sys/net/netfilter/nf_conntrack_count")
METRIC(CONNTRACK_UTILIZATION, "system.network.conntrack.utilization", "1", -4, NULL,
       "Share of the firewall's connection table in use; at 1 it drops new connections.",
       "/proc/sys/net/netfilter/nf_conntrack_count / nf_conntrack_max")

/* ---- probes ---- */

METRIC(PROBE_LATENCY, "probe.latency", "s", -6, "target",
       "Mean time of the attempts of the latest burst that succeeded; absent when none did.", "probe")
METRIC(PROBE_LATENCY_MAX, "probe.latency.max", "s", -6, "target", "The slowest of them.", "probe")
METRIC(PROBE_LOSS, "probe.loss", "1", -4, "target", "Share of the attempts of the latest burst that failed.", "probe")
METRIC(PROBE_ATTEMPTS, "probe.attempts", "{attempt}", 0, "target", "Attempts of the latest burst.", "probe")

/* ---- the agent itself ---- */

METRIC(AGENT_CPU, "warroom.agent.cpu.utilization", "1", -5, NULL,
       "Share of one CPU the agent used; shown as 1 when its threads used more.", "getrusage(2)")
METRIC(AGENT_MEMORY, "warroom.agent.memory.rss", "By", 0, NULL, "Memory the agent holds.", "/proc/self/statm, field 2")
METRIC(AGENT_QUEUE, "warroom.agent.queue.ticks", "{tick}", 0, NULL,
       "Ticks the agent holds because the collector has not confirmed them yet.", "agent")
METRIC(AGENT_DROPPED, "warroom.agent.dropped", "{tick}", 0, NULL,
       "Ticks that gave way to newer ones since the agent started.", "agent")
METRIC(AGENT_EXERCISE, "warroom.agent.exercise", "1", 0, NULL,
       "What the way from here to people is being exercised by: 0 nothing, 1 a heartbeat, 2 a rehearsal.", "policy")
