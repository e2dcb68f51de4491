/* proto/link/address.h - "HOST:PORT" as it stands in configuration files.
 *
 * Shape    HOST is a name, an IPv4 address or an IPv6 address in brackets; PORT is 0..65535, in digits
 * Threads  pure functions; any
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_HOST_MAX = 255, ADDRESS_TEXT_MAX = sizeof "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535" };

struct address {
    char host[ADDRESS_HOST_MAX + 1]; /* without the brackets */
    unsigned port;
    bool bracketed;
};

/* -EINVAL: not of the form; nothing is looked up. `ret` is untouched then. */
int address_split(const char *text, struct address *ret);

/* -EINVAL: not of the form, or HOST is a name. `ret` is untouched then. */
int address_numeric(const char *text, struct sockaddr_storage *ret);

/* What is not an address, or a name, is neither. */
bool address_is_any(const char *text); /* 0.0.0.0, [::]: all a machine has */
bool address_is_loopback(const char *text);

socklen_t address_len(const struct sockaddr_storage *address);

/* What it counts as where addresses are counted: an IPv4 address by itself, also when it came as a mapped one; of an
 * IPv6 address the /64, for whoever has one has all of it. The port does not matter. */
uint64_t address_source(const struct sockaddr_storage *address);

/* Writes it the way address_numeric() reads it. */
void address_write(const struct sockaddr_storage *address, char ret[ADDRESS_TEXT_MAX]);
