/* proto/link/nng_shut.h - ends a connection of nng's the only way it takes well: as if the peer had hung up (client.c).
 *
 * Shape    its descriptor is looked for among the process's own, by the address it is bound to
 * Race     between finding and shutting down nng may have closed the descriptor, and another of its connections may
 *          have got the number: then that one is dialled anew. Nothing else in the process is bound to this address
 * Threads  any
 */
#pragma once
#include <nng/nng.h>

void nng_shut(const nng_sockaddr *local);
