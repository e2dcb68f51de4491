/* proto/link/nng_process.h - what a process that lives with nng's client side must have, and nng 1.5.2 has no option
 * for.
 *
 * Linking the object library proto_link_process defines two functions of libc's in the program; libnng calls them
 * through its PLT and so gets ours. Only the agent links it.
 *
 * sysconf      _SC_NPROCESSORS_ONLN is NNG_PROCESS_CPUS. nng starts two task threads and one expiry thread for each
 * CPU: 88 threads and 1.7 GB of address space on a host with 64, for one connection. With one CPU they are ten.
 *              Everything else in the process gets this answer too: who wants to know the host's CPUs reads /proc or
 *              asks uv_available_parallelism()
 * setsockopt   a socket that gets TCP_NODELAY gets TCP_USER_TIMEOUT of LINK_USER_TIMEOUT_S as well. nng sets the former
 *              on every connection and knows no way to set the latter, without which a path that swallows packets is
 *              noticed when TCP gives up, a quarter of an hour later; keepalive does not help while bytes are
 * unacknowledged
 *
 * Threads      any; nothing is kept between calls
 */
#pragma once

enum { NNG_PROCESS_CPUS = 1 };
