/* Any bytes as an entry of the ledger: refused, or encoded again to the very same bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[LEDGER_BYTES_MAX];
    struct ledger_entry entry;
    size_t len;
    if (ledger_decode(data, size, &entry, NULL) < 0)
        return 0;
    if (ledger_encode(&entry, bytes, &len, NULL) < 0 || len != size || memcmp(bytes, data, len) != 0)
        abort();
    return 0;
}
