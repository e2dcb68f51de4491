/* A text is one public key or none, and of each key there is one text: what parses prints as it was. */
#include <stdlib.h>
#include <string.h>

#include "proto/link/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct public_key key;
    char text[KEY_TEXT + 1];
    if (public_key_parse(&key, (const char *)data, size, NULL) < 0)
        return 0;
    if (size != KEY_TEXT || memcmp(public_key_print(text, &key), data, size) != 0)
        abort();
    return 0;
}
