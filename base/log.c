#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/moment.h"

const char *const log_level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL,
};

struct line {
    char text[LOG_LINE_MAX];
    size_t len;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    size_t room = sizeof line->text - line->len;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    if (wanted > 0)
        line->len += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static bool is_bare(const char *text)
{
    if (!*text)
        return false;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '"' || *at == '=' || *at == '\\' || *at == 127)
            return false;
    return true;
}

/* Control characters are escaped: text that came from outside must not forge a second line. */
static void put_text(struct line *line, const char *text)
{
    if (!text)
        text = "";
    if (is_bare(text)) {
        put(line, "%s", text);
        return;
    }
    put(line, "\"");
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            put(line, "\\%c", c);
        else if (c == '\n')
            put(line, "\\n");
        else if (c < ' ' || c == 127)
            put(line, "\\x%02x", c);
        else
            put(line, "%c", c);
    }
    put(line, "\"");
}

void log_write(const struct log *log, enum log_level level, const char *name, const struct log_kv *pairs, size_t n)
{
    if (!log || level < log->least)
        return;
    int saved_errno = errno;
    struct line line = { .len = 0 };
    char when[MOMENT_TEXT];
    put(&line, "ts=%s level=%s event=%s", moment_format(when, clock_wall_us(log->clock)), log_level_names[level], name);
    for (size_t i = 1; i < n; i++) { /* the first is padding, see log.h */
        put(&line, " %s=", pairs[i].key);
        switch (pairs[i].kind) {
        case LOG_KV_TEXT:
            put_text(&line, pairs[i].text);
            break;
        case LOG_KV_INT:
            put(&line, "%" PRId64, pairs[i].integer);
            break;
        case LOG_KV_COUNT:
            put(&line, "%" PRIu64, pairs[i].count);
            break;
        case LOG_KV_REAL:
            put(&line, "%.6g", pairs[i].real);
            break;
        }
    }
    if (line.len > sizeof line.text - 2)
        line.len = sizeof line.text - 2;
    line.text[line.len++] = '\n';
    ssize_t written = write(log->fd, line.text, line.len);
    (void)written; /* there is nobody to tell that telling failed */
    errno = saved_errno;
}
