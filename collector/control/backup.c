/* A backup takes as long as it takes: whoever asked hears about twice a second how far it is, by an answer with more
 * behind it, and goes on asking. Who leaves does not end it; the collector's log says how it went. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/control/call.h"

struct backup_watch {
    bool running;      /* the collector still calls back */
    bool left;         /* the console's side is closed: freed by the last call */
    struct call *call; /* waits for the next word of it; NULL: nobody does */
    json_t *last;      /* what was heard last; NULL: nothing, or a failure */
    struct err err;    /* that failure */
};

/* What the system says of the backup's folder is of the disk: the same numbers mean other things of other verbs. */
static int blame(int rc)
{
    switch (rc) {
    case -EPERM: /* no folder is configured */
    case -EAGAIN:
    case -EEXIST:
    case -ECANCELED:
    case -EBUSY:
    case -EINVAL:
    case -ENOMEM:
        return rc;
    default:
        return -EIO;
    }
}

static json_t *form_backup(const struct store_backup *state)
{
    return json_pack("{s:{s:b, s:s, s:I, s:I, s:I, s:I}}", "backup", "done", state->done, "path", state->path, "files",
                     (json_int_t)state->files, "files_total", (json_int_t)state->n_files, "bytes",
                     (json_int_t)state->bytes, "bytes_total", (json_int_t)state->n_bytes);
}

static void answer(struct backup_watch *watch)
{
    struct call *call = watch->call;
    if (!call)
        return;
    watch->call = NULL;
    call->data = json_incref(watch->last);
    call->more = watch->running ? strdup("running") : NULL;
    call_finish(call, watch->last ? NULL : &watch->err);
}

static void free_watch(struct backup_watch *watch)
{
    json_decref(watch->last);
    free(watch);
}

static void on_backup(void *user, const struct store_backup *state, const struct err *err)
{
    struct backup_watch *watch = user;
    json_decref(watch->last);
    watch->last = err ? NULL : form_backup(state);
    if (err) {
        watch->err = *err;
        watch->err.code = blame(err->code);
    }
    watch->running = state && !state->done;
    answer(watch);
    if (watch->left && !watch->running)
        free_watch(watch);
}

struct backup_watch *backup_watch_new(void)
{
    return calloc(1, sizeof(struct backup_watch));
}

void backup_watch_leave(struct backup_watch *watch)
{
    watch->left = true;
    if (!watch->running)
        free_watch(watch);
}

static int start(struct call *call, struct backup_watch *watch, struct err *err)
{
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0 && watch->running)
        rc = err_set(err, -EAGAIN, "a backup is under way already");
    if (rc < 0)
        return rc;
    rc = collector_backup(call->collector, tenant ? tenant : STORE_ALL_TENANTS, on_backup, watch, err);
    if (rc < 0)
        return blame(rc);
    watch->running = true;
    return 0;
}

int verb_backup(struct call *call, struct err *err)
{
    struct backup_watch *watch = call_backup(call);
    int rc = 0;
    if (!call->next)
        rc = start(call, watch, err);
    else if (watch->call || (!watch->running && !watch->last && watch->err.code == 0))
        rc = err_set(err, -EINVAL, "\"next\" is not one that backup has given");
    if (rc < 0)
        return rc;
    watch->call = call;
    if (!watch->running) /* it ended while nobody waited */
        answer(watch);
    return CALL_LATER;
}
