#include "proto/link/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

/* Everything but these would mean something else in nng's URLs: "a;b" is a source address, "/" ends the host. */
static const char host_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
static const char ip6_letters[] = "abcdefABCDEF0123456789:.";

static int read_port(const char *text, unsigned *ret)
{
    unsigned port = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return -EINVAL;
    for (const char *at = text; *at; at++)
        port = port * 10 + (unsigned)(*at - '0');
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret = port;
    return 0;
}

int address_split(const char *text, struct address *ret)
{
    struct address address = { .bracketed = text[0] == '[' };
    const char *host = text + address.bracketed;
    const char *end = strchr(host, address.bracketed ? ']' : ':');
    if (!end || end == host || end - host > ADDRESS_HOST_MAX)
        return -EINVAL;
    size_t len = (size_t)(end - host);
    if (strspn(host, address.bracketed ? ip6_letters : host_letters) != len)
        return -EINVAL;
    end += address.bracketed;
    if (*end != ':' || read_port(end + 1, &address.port) < 0)
        return -EINVAL;
    memcpy(address.host, host, len);
    *ret = address;
    return 0;
}

int address_numeric(const char *text, struct sockaddr_storage *ret)
{
    struct address address;
    if (address_split(text, &address) < 0)
        return -EINVAL;
    struct sockaddr_storage numeric = { 0 };
    int rc = address.bracketed ? uv_ip6_addr(address.host, (int)address.port, (struct sockaddr_in6 *)&numeric)
                               : uv_ip4_addr(address.host, (int)address.port, (struct sockaddr_in *)&numeric);
    if (rc < 0)
        return -EINVAL;
    *ret = numeric;
    return 0;
}

socklen_t address_len(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* No /64 of anybody's begins with 0000:ffff, so the two kinds keep apart. */
static uint64_t source_of_ip4(const void *bytes)
{
    uint32_t ip4;
    memcpy(&ip4, bytes, sizeof ip4);
    return UINT64_C(0xffff) << 32 | ntohl(ip4);
}

uint64_t address_source(const struct sockaddr_storage *address)
{
    if (address->ss_family != AF_INET6)
        return source_of_ip4(&((const struct sockaddr_in *)address)->sin_addr);
    const struct in6_addr *ip6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(ip6))
        return source_of_ip4(&ip6->s6_addr[12]);
    uint64_t source = 0;
    for (int i = 0; i < 8; i++)
        source = source << 8 | ip6->s6_addr[i];
    return source;
}

void address_write(const struct sockaddr_storage *address, char ret[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)address;
        uv_ip6_name(ip6, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_MAX, "[%s]:%u", host, (unsigned)ntohs(ip6->sin6_port));
    } else {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)address;
        uv_ip4_name(ip4, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_MAX, "%s:%u", host, (unsigned)ntohs(ip4->sin_port));
    }
}

static bool is_loopback_ip6(const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip))
        return ip->s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(ip);
}

bool address_is_loopback(const char *text)
{
    struct sockaddr_storage numeric;
    if (address_numeric(text, &numeric) < 0)
        return false;
    if (numeric.ss_family == AF_INET6)
        return is_loopback_ip6(&((struct sockaddr_in6 *)&numeric)->sin6_addr);
    return ntohl(((struct sockaddr_in *)&numeric)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool address_is_any(const char *text)
{
    struct sockaddr_storage numeric;
    if (address_numeric(text, &numeric) < 0)
        return false;
    if (numeric.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&numeric)->sin6_addr);
    return ((struct sockaddr_in *)&numeric)->sin_addr.s_addr == htonl(INADDR_ANY);
}
