/* agent/read/load.h - load, processes, uptime, open files.
 *
 * Source   proc(5): /proc/loadavg, /proc/uptime, /proc/sys/fs/file-nr; /proc/stat through stat.h
 */
#pragma once
#include "agent/read/source.h"

struct loadavg {
    double load_1m, load_5m, load_15m;
    uint64_t threads; /* that exist */
};

struct file_nr {
    uint64_t open;
    uint64_t most;
};

/* -EBADMSG: not what proc(5) says. */
int loadavg_parse(const char *text, size_t len, struct loadavg *ret, struct err *err);
int uptime_parse(const char *text, size_t len, double *ret_s, struct err *err);
int file_nr_parse(const char *text, size_t len, struct file_nr *ret, struct err *err);

struct load_history {
    bool known;
    uint64_t forks;
};

void load_take(void *state, const struct take *take);
void load_raw(void *state, const struct raw *raw);
