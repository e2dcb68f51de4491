/* An envelope that decodes borrows from its bytes, must encode to no more of them, and come back the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[MESSAGE_MAX + 64];
    struct envelope envelope;
    struct envelope again;
    struct err err;
    if (codec_decode_envelope(data, size, &envelope, &err) < 0)
        return 0;
    check(envelope.inner.len == 0 ||
          (envelope.inner.at >= data && envelope.inner.at + envelope.inner.len <= data + size));
    size_t len;
    check(codec_encode_envelope(&envelope, bytes, sizeof bytes, &len, &err) == 0 && len <= size);
    check(codec_decode_envelope(bytes, len, &again, &err) == 0);
    check(again.kind == envelope.kind && again.counter == envelope.counter && again.retry_us == envelope.retry_us);
    check(again.inner.len == envelope.inner.len);
    check(again.inner.len == 0 || memcmp(again.inner.at, envelope.inner.at, again.inner.len) == 0);
    return 0;
}
