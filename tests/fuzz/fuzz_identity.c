/* What is taken for an identity is whole: addresses to dial, a host, a pair whose public key belongs to its secret. */
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "proto/link/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity identity;
    struct key_pair again;
    struct address address;
    if (identity_parse((const char *)data, size, &identity, NULL) < 0)
        return 0;
    check(identity.host != 0 && identity.n_addresses >= 1 && identity.n_addresses <= INVITE_ADDRESSES_MAX);
    for (size_t i = 0; i < identity.n_addresses; i++)
        check(address_split(identity.addresses[i], &address) == 0 && address.port != 0);
    check(key_pair_of(&again, identity.keys.secret, NULL) == 0 && memcmp(&again, &identity.keys, sizeof again) == 0);
    return 0;
}
