/* base/err.h - why a call failed, in one line a person can act on.
 *
 * Shape    a function returns 0 when done, > 0 for an answer its own header lists, < 0 for a failure: -errno or
 *          UV_E*, the same numbers on Linux. `struct err *err` comes last, may be NULL, and is written only on
 *          failure. Text one line without a full stop, "part: what went wrong"; never a secret; cut at ERR_TEXT_MAX
 *          bytes. The arguments may be the text of the same `err`.
 */
#pragma once
enum { ERR_TEXT_MAX = 256 };

struct err {
    int code; /* the negative value the call returned */
    char text[ERR_TEXT_MAX];
};

/* Fills `err` and returns `code`: return err_set(err, -EMSGSIZE, "spool: record of %zu bytes", len). */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, followed by what the system says of `code`: "spool: cannot create x: No space left on device". */
int err_sys(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text of a failure on its way up; `code` is what the callee returned and what this
 * returns: return err_within(err, rc, "tenant %s", name). */
int err_within(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
