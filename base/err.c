#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int fill(struct err *err, int code, const char *reason, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

/* The text is made beside `err` and copied over: an argument may point into what it replaces. */
static int fill(struct err *err, int code, const char *reason, const char *format, va_list args)
{
    char text[ERR_TEXT_MAX];
    int used = vsnprintf(text, sizeof text, format, args);
    if (reason && used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ": %s", reason);
    memcpy(err->text, text, sizeof text);
    err->code = code;
    return code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    fill(err, code, NULL, format, args);
    va_end(args);
    return code;
}

int err_sys(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    char number[32];
    snprintf(number, sizeof number, "error %d", code);
    const char *reason = strerrordesc_np(-code); /* needs no buffer and knows no locale, unlike strerror() */
    va_list args;
    va_start(args, format);
    fill(err, code, reason ? reason : number, format, args); /* libuv has a few codes that are no errno */
    va_end(args);
    return code;
}

int err_within(struct err *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    fill(err, code, err->text, format, args);
    va_end(args);
    return code;
}
