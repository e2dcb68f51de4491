/* base/log.h - what a program tells its operator: one logfmt line an event on a descriptor, usually stderr.
 *
 *   log_event(log, LOG_WARN, "webhook_refused", KV_TEXT("webhook", name), KV_INT("status", 503));
 *   ts=2026-11-23T02:40:11.123Z level=warn event=webhook_refused webhook=war-room status=503
 *
 * Names    events are stable and each has a paragraph in docs/events.md: what it means, what to do
 * Who      programs log, modules return errors; never a secret, never a URL with its query
 * Threads  any thread: a line is one write(2). Lines longer than LOG_LINE_MAX are cut.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum { LOG_LINE_MAX = 2048 };

/* "debug", "info", "warn", "error", in the order of the levels; NULL ends it, as CONFIG_CHOICE wants it. */
extern const char *const log_level_names[];

struct log {
    int fd;
    enum log_level least;      /* events below it are not written */
    const struct clock *clock; /* borrowed */
};

struct log_kv {
    const char *key;
    enum { LOG_KV_TEXT, LOG_KV_INT, LOG_KV_COUNT, LOG_KV_REAL } kind;
    union {
        const char *text; /* NULL is shown as "" */
        int64_t integer;
        uint64_t count;
        double real;
    };
};

#define KV_TEXT(k, v)  ((struct log_kv){ .key = (k), .kind = LOG_KV_TEXT, .text = (v) })
#define KV_INT(k, v)   ((struct log_kv){ .key = (k), .kind = LOG_KV_INT, .integer = (v) })
#define KV_COUNT(k, v) ((struct log_kv){ .key = (k), .kind = LOG_KV_COUNT, .count = (v) })
#define KV_REAL(k, v)  ((struct log_kv){ .key = (k), .kind = LOG_KV_REAL, .real = (v) })

#define log_event(log, level, name, ...)                                                                               \
    log_write((log), (level), (name), (const struct log_kv[]){ { .key = NULL }, ##__VA_ARGS__ },                       \
              sizeof((const struct log_kv[]){ { .key = NULL }, ##__VA_ARGS__ }) / sizeof(struct log_kv))

/* Use log_event(). The first of `pairs` is padding: C11 knows no empty array. A NULL log writes nothing. */
void log_write(const struct log *log, enum log_level level, const char *name, const struct log_kv *pairs, size_t n);
