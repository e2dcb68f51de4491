#include "agent/read/load.h"

#include <errno.h>

/* "0.63 0.25 0.09 1/95 7482" */
int loadavg_parse(const char *text, size_t len, struct loadavg *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct loadavg load;
    uint64_t runnable;
    bool good = scan_real(&scan, &load.load_1m) && scan_char(&scan, ' ') && scan_real(&scan, &load.load_5m) &&
                scan_char(&scan, ' ') && scan_real(&scan, &load.load_15m) && scan_char(&scan, ' ') &&
                scan_u64(&scan, &runnable) && scan_char(&scan, '/') && scan_u64(&scan, &load.threads);
    if (!good || load.load_1m < 0 || load.load_5m < 0 || load.load_15m < 0)
        return err_set(err, -EBADMSG, "loadavg: not three loads and two counts");
    *ret = load;
    return 0;
}

int uptime_parse(const char *text, size_t len, double *ret_s, struct err *err)
{
    struct scan scan = scan_over(text, len);
    double up_s;
    if (!scan_real(&scan, &up_s) || !scan_char(&scan, ' ') || up_s < 0)
        return err_set(err, -EBADMSG, "uptime: not two numbers");
    *ret_s = up_s;
    return 0;
}

/* "592\t0\t2466183": open, a field that is always 0 since Linux 2.6, the limit. */
int file_nr_parse(const char *text, size_t len, struct file_nr *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    uint64_t at[3];
    for (int i = 0; i < 3; i++) {
        scan_blanks(&scan);
        if (!scan_u64(&scan, &at[i]))
            return err_set(err, -EBADMSG, "file-nr: not three numbers");
    }
    *ret = (struct file_nr){ .open = at[0], .most = at[2] };
    return 0;
}

static bool read_loadavg(struct files *files, struct loadavg *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_LOADAVG, &text) &&
           files_judge(files, FILE_LOADAVG, loadavg_parse(text.at, text.len, ret, &err), &err);
}

static bool read_uptime(struct files *files, double *ret_s)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_UPTIME, &text) &&
           files_judge(files, FILE_UPTIME, uptime_parse(text.at, text.len, ret_s, &err), &err);
}

static bool read_file_nr(struct files *files, struct file_nr *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_FILE_NR, &text) &&
           files_judge(files, FILE_FILE_NR, file_nr_parse(text.at, text.len, ret, &err), &err);
}

static void take_stat(struct load_history *history, const struct take *take)
{
    if (!take->stat) {
        history->known = false;
        return;
    }
    const struct stat_totals *now = &take->stat->totals;
    add(take, METRIC_PROCESSES_RUNNING, (double)now->running);
    add(take, METRIC_PROCESSES_BLOCKED, (double)now->blocked);
    double forks = counter_moved(now->forks, history->forks) / take->seconds;
    add(take, METRIC_PROCESSES_CREATED, history->known ? forks : NAN);
    history->forks = now->forks;
    history->known = true;
}

void load_take(void *state, const struct take *take)
{
    struct loadavg load = { .threads = 0 };
    double up_s = 0;
    struct file_nr open = { .open = 0 };
    take_stat(state, take);
    if (read_loadavg(take->files, &load)) {
        add(take, METRIC_LOAD_1M, load.load_1m);
        add(take, METRIC_LOAD_5M, load.load_5m);
        add(take, METRIC_LOAD_15M, load.load_15m);
        add(take, METRIC_THREADS, (double)load.threads);
    }
    if (read_uptime(take->files, &up_s))
        add(take, METRIC_UPTIME, up_s);
    if (read_file_nr(take->files, &open)) {
        add(take, METRIC_FILES_OPEN, (double)open.open);
        add(take, METRIC_FILES_UTILIZATION, ratio_clamped((double)open.open / (double)open.most));
    }
}

void load_raw(void *state, const struct raw *raw)
{
    (void)state;
    struct loadavg load = { .threads = 0 };
    struct file_nr open = { .open = 0 };
    if (raw->stat) {
        const struct stat_totals *now = &raw->stat->totals;
        raw_emit(raw, (double)now->boot_s, NULL, 0, "boot_time_seconds");
        raw_emit(raw, (double)now->forks, NULL, 0, "forks_total");
        raw_emit(raw, (double)now->running, NULL, 0, "procs_running");
        raw_emit(raw, (double)now->blocked, NULL, 0, "procs_blocked");
    }
    if (read_loadavg(raw->files, &load)) {
        raw_emit(raw, load.load_1m, NULL, 0, "load1");
        raw_emit(raw, load.load_5m, NULL, 0, "load5");
        raw_emit(raw, load.load_15m, NULL, 0, "load15");
    }
    if (read_file_nr(raw->files, &open)) {
        raw_emit(raw, (double)open.open, NULL, 0, "filefd_allocated");
        raw_emit(raw, (double)open.most, NULL, 0, "filefd_maximum");
    }
}
