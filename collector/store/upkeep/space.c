#include "collector/store/upkeep/space.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

struct space {
    struct store_space found;
    bool looking;
    struct job look; /* while `looking`, this and what follows are the worker's */
    struct store_space answer;
    char dir[];
};

static struct space *of_job(struct job *job)
{
    return (struct space *)(void *)((char *)job - offsetof(struct space, look));
}

static void run_look(struct job *job)
{
    struct space *space = of_job(job);
    struct statvfs disk;
    space->answer = (struct store_space){ 0 };
    if (statvfs(space->dir, &disk) == 0)
        space->answer = (struct store_space){ .free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize,
                                              .total_bytes = (uint64_t)disk.f_blocks * disk.f_frsize };
}

static void look_done(struct job *job)
{
    struct space *space = of_job(job);
    space->looking = false;
    if (space->answer.total_bytes > 0)
        space->found = space->answer;
}

int space_new(struct space **ret_space, const char *dir, struct err *err)
{
    size_t size = strlen(dir) + 1;
    struct space *space = calloc(1, sizeof *space + size);
    if (!space)
        return err_set(err, -ENOMEM, "store: out of memory");
    space->look = (struct job){ .run = run_look, .done = look_done };
    memcpy(space->dir, dir, size);
    *ret_space = space;
    return 0;
}

void space_look(struct space *space, struct worker *worker)
{
    if (space->looking)
        return;
    space->looking = true;
    worker_submit(worker, &space->look);
}

struct store_space space_found(const struct space *space)
{
    return space->found;
}

struct space *space_free(struct space *space)
{
    if (space && !space->looking)
        free(space);
    return NULL;
}
