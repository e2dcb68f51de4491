/* proto/link/random_fixture.h - random bytes that are not: libsodium asks what it was given for them, so that ephemeral
 * keys are those of a known conversation. */
#pragma once
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/link/keys.h"

static uint8_t next_random[KEY_BYTES];

static inline const char *name_of_random(void)
{
    return "ephemeral keys that are known";
}

static inline void take_random(void *const buffer, const size_t size)
{
    assert_int_equal(size, sizeof next_random);
    memcpy(buffer, next_random, size);
}

static inline uint32_t no_random(void)
{
    fail();
    return 0;
}

/* A group's setup. */
static inline int script_random(void **state)
{
    static randombytes_implementation scripted = { .implementation_name = name_of_random,
                                                   .random = no_random,
                                                   .buf = take_random };
    (void)state;
    return sodium_init() < 0 ? -1 : randombytes_set_implementation(&scripted); /* it takes some for itself */
}
