/* Whose the directory is, and that nobody else uses it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool/parts.h"

static int check_owner(int fd, const char *directory, struct err *err)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return err_sys(err, -errno, "spool: cannot look at %s", directory);
    if (stat.st_uid != geteuid())
        return err_set(err, -EPERM, "spool: %s belongs to user %u, not to this one", directory, stat.st_uid);
    if (stat.st_mode & 022)
        return err_set(err, -EPERM, "spool: others may write to %s, want mode 0700", directory);
    if ((stat.st_mode & 077) && fchmod(fd, 0700) < 0)
        return err_sys(err, -errno, "spool: cannot close %s to others", directory);
    return 0;
}

static int open_directory(struct spool *spool, struct err *err)
{
    const char *directory = spool->directory;
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "spool: cannot make the directory %s", directory);
    spool->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (spool->dir_fd < 0)
        return err_sys(err, -errno, "spool: cannot open the directory %s", directory);
    return check_owner(spool->dir_fd, directory, err);
}

static int held(const struct spool *spool, struct err *err)
{
    char text[16] = "";
    ssize_t len = pread(spool->lock_fd, text, sizeof text - 1, 0);
    text[len > 0 ? strcspn(text, "\n") : 0] = '\0';
    return err_set(err, -EBUSY, "spool: %s is held by process %s", spool->directory, *text ? text : "(unknown)");
}

/* The kernel lets go of it with the process. Who it is stands in the file for whoever finds it held. */
static int lock(struct spool *spool, struct err *err)
{
    spool->lock_fd = openat(spool->dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (spool->lock_fd < 0)
        return err_sys(err, -errno, "spool: cannot open %s/lock", spool->directory);
    if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? held(spool, err)
                                    : err_sys(err, -errno, "spool: cannot lock %s", spool->directory);
    char text[16];
    int len = snprintf(text, sizeof text, "%d\n", getpid());
    if (ftruncate(spool->lock_fd, 0) < 0 || pwrite(spool->lock_fd, text, (size_t)len, 0) < 0)
        return err_sys(err, -errno, "spool: cannot write %s/lock", spool->directory);
    return 0;
}

int directory_open(struct spool *spool, struct err *err)
{
    int rc = open_directory(spool, err);
    return rc < 0 ? rc : lock(spool, err);
}
