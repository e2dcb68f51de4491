/* proto/link/nng_error.h - nng's positive codes as the negative errno values of the rest of the program.
 *
 * NNG_ENOMEM is 2, which is ENOENT elsewhere: no code of nng's leaves this folder.
 */
#pragma once
#include "base/err.h"

/* `rv` is not 0. Always < 0. */
int nng_error(int rv);

/* Fills `err` as err_sys() does, with nng's own words, and returns nng_error(rv). */
int nng_error_set(struct err *err, int rv, const char *what);
