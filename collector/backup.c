/* Backups, into the folder the configuration names. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/parts.h"

struct backing_up {
    struct collector *collector;
    int64_t began_us; /* monotonic */
    void (*fn)(void *user, const struct store_backup *state, const struct err *err);
    void *user;
};

static void on_backup(void *user, const struct store_backup *state, const struct err *err)
{
    struct backing_up *job = user;
    const struct collector *collector = job->collector;
    if (err)
        log_event(&collector->log, LOG_ERROR, "backup_failed", KV_TEXT("error", err->text));
    else if (state->done)
        log_event(&collector->log, LOG_INFO, "backup_done", KV_TEXT("path", state->path),
                  KV_COUNT("files", state->files), KV_COUNT("bytes", state->bytes),
                  KV_REAL("seconds", (double)(clock_mono_us(collector->clock) - job->began_us) / (double)US_PER_S));
    job->fn(job->user, state, err);
    if (err || state->done)
        free(job);
}

int collector_backup(struct collector *collector, uint64_t tenant,
                     void (*fn)(void *user, const struct store_backup *state, const struct err *err), void *user,
                     struct err *err)
{
    if (!collector->config->backup)
        return err_set(err, -EPERM, "no folder for backups is configured: `backup: DIR` in the collector's file");
    AUTO(auto_free) struct backing_up *job = malloc(sizeof *job);
    if (!job)
        return err_set(err, -ENOMEM, "out of memory");
    *job = (struct backing_up){
        .collector = collector, .began_us = clock_mono_us(collector->clock), .fn = fn, .user = user
    };
    int rc = store_backup(collector->store, collector->config->backup, tenant, on_backup, job, err);
    if (rc == 0)
        (void)TAKE(job);
    return rc == -EBUSY ? -EAGAIN : rc;
}
