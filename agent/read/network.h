/* agent/read/network.h - bytes, packets, errors and drops of network interfaces.
 *
 * Source   proc(5): /proc/net/dev, of the network namespace the agent runs in
 */
#pragma once
#include "agent/read/names.h"
#include "agent/read/source.h"

enum { INTERFACES_MAX = 1024 };

/* In the order of the file. */
enum interface_field {
    RX_BYTES,
    RX_PACKETS,
    RX_ERRORS,
    RX_DROPS,
    RX_FIFO,
    RX_FRAME,
    RX_COMPRESSED,
    RX_MULTICAST,
    TX_BYTES,
    TX_PACKETS,
    TX_ERRORS,
    TX_DROPS,
    TX_FIFO,
    TX_COLLISIONS,
    TX_CARRIER,
    TX_COMPRESSED,
    INTERFACE_FIELDS
};

struct interface {
    struct device_name name; /* first: see device_find() */
    uint64_t at[INTERFACE_FIELDS];
};

/* -ENODATA: no interface at all, and there always is lo. -EBADMSG: a line is not a name and sixteen numbers. At most
 * `room`; *ret_n is untouched on failure, what `ret` holds is then unspecified. */
int network_parse(const char *text, size_t len, struct interface *ret, size_t room, size_t *ret_n, struct err *err);

struct interface_list {
    size_t n;
    struct interface at[INTERFACES_MAX];
};

struct network_history {
    struct interface_list *last; /* owned by the reader, both; swapped each tick */
    struct interface_list *now;
    bool left_out_said;
};

void network_take(void *state, const struct take *take);
void network_raw(void *state, const struct raw *raw);
