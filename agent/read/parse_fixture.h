/* What a parser is held to. */
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define NEAR(have, want) assert_true(fabs((have) - (want)) < 1e-9)

/* Each of `texts` is refused with a reason and leaves `result`, `size` bytes, as it was. */
#define REFUSES(parse, result, want_rc, ...)                                                                           \
    do {                                                                                                               \
        const char *const texts_[] = { __VA_ARGS__ };                                                                  \
        for (size_t i_ = 0; i_ < sizeof texts_ / sizeof texts_[0]; i_++) {                                             \
            memset(&(result), 0x5A, sizeof(result));                                                                   \
            struct err err_ = { .code = 0 };                                                                           \
            int rc_ = parse(texts_[i_], strlen(texts_[i_]), &(result), &err_);                                         \
            if (rc_ != (want_rc) || err_.code != (want_rc) || err_.text[0] == '\0')                                    \
                fail_msg("\"%s\": %d", texts_[i_], rc_);                                                               \
            for (size_t b_ = 0; b_ < sizeof(result); b_++)                                                             \
                assert_int_equal(((const unsigned char *)&(result))[b_], 0x5A);                                        \
        }                                                                                                              \
    } while (0)
