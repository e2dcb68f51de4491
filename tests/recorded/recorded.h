/* tests/recorded/recorded.h - a recording of what an agent and a collector of one version said (README.md beside it).
 *
 * Shape    recorded_read() takes one file of it, "plain" or "wire": a message a line. recorded_tell() says in words
 *          what a message means to the codec as it is now
 * Errors   -errno; -EBADMSG: not such a file, not such a message
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "proto/codec/codec.h"

enum { RECORDED_MAX = 64, RECORDED_BYTES = 1 << 18 };

struct recorded_message {
    bool request; /* ">": of the agent; else "<", of the collector: the answer to the one before */
    struct bytes said;
};

struct recorded { /* large */
    size_t n;
    struct recorded_message at[RECORDED_MAX];
    uint8_t bytes[RECORDED_BYTES]; /* of all of them */
};

int recorded_read(const char *path, struct recorded *ret, struct err *err);

int recorded_tell(FILE *to, bool request, const uint8_t *said, size_t len, struct err *err);
