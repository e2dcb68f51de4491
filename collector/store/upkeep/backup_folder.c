#include "collector/store/upkeep/backup_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"

#define PARTIAL ".partial"
enum { NAMES_A_SECOND = 99 };

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int name_folder(struct backup_folder *ret, const char *dir, const char *name, struct err *err)
{
    AUTO(auto_free) char *path = NULL;
    AUTO(auto_free) char *partial = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0 || asprintf(&partial, "%s/.%s" PARTIAL, dir, name) < 0)
        return err_set(err, -ENOMEM, "backup: out of memory");
    *ret = (struct backup_folder){ .path = TAKE(path), .partial = TAKE(partial) };
    return 0;
}

int backup_folder_name(struct backup_folder *folder, const char *dir, int64_t now_us, struct err *err)
{
    char stamp[32];
    struct tm parts;
    time_t seconds = now_us / US_PER_S;
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    return name_folder(folder, dir, stamp, err);
}

/* Its files, and then itself: there are no folders in it. */
static void remove_folder(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO(auto_closedir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(fd, entry->d_name, 0);
    unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static bool is_partial(const char *name)
{
    size_t len = strlen(name);
    return name[0] == '.' && len > sizeof PARTIAL && strcmp(name + len - (sizeof PARTIAL - 1), PARTIAL) == 0;
}

static int remove_old(const char *path, struct err *err)
{
    AUTO(auto_closedir) DIR *dir = opendir(path);
    if (!dir)
        return err_sys(err, -errno, "backup: cannot read %s", path);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (is_partial(entry->d_name))
            remove_folder(dirfd(dir), entry->d_name);
    return 0;
}

/* DIR of DIR/NAME; the caller's. */
static char *parent_of(const char *path)
{
    return strndup(path, (size_t)(strrchr(path, '/') - path));
}

/* Whoever may write to it could put a link where a file is to be made, or take a backup for a restore of his own. */
static int check_owner(const char *dir, struct err *err)
{
    struct stat info;
    AUTO(auto_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0)
        return err_sys(err, -errno, "backup: cannot open the folder %s", dir);
    if (info.st_uid != geteuid())
        return err_set(err, -EPERM, "backup: %s belongs to user %u, not to this one", dir, info.st_uid);
    if (info.st_mode & 022)
        return err_set(err, -EPERM, "backup: others may write to %s, want mode 0700", dir);
    return 0;
}

static int check_room(const char *dir, uint64_t bytes, struct err *err)
{
    struct statvfs disk;
    if (statvfs(dir, &disk) < 0)
        return err_sys(err, -errno, "backup: cannot ask how full the disk under %s is", dir);
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t want = bytes + bytes / 20;
    if (room >= want)
        return 0;
    return err_set(err, -ENOSPC,
                   "backup: the disk under %s has %" PRIu64 " MB free, the copy wants %" PRIu64
                   " MB: its files and 5 %%",
                   dir, room / 1000000, want / 1000000);
}

/* Backups of one second are told apart by a number behind it. */
static int find_free_name(struct backup_folder *folder, const char *dir, struct err *err)
{
    AUTO(auto_free) char *first = strdup(strrchr(folder->path, '/') + 1);
    if (!first)
        return err_set(err, -ENOMEM, "backup: out of memory");
    struct stat info;
    for (unsigned n = 2; lstat(folder->path, &info) == 0; n++) {
        AUTO(auto_free) char *name = NULL;
        if (n > NAMES_A_SECOND)
            return err_set(err, -EEXIST, "backup: there is a %s already: try again in a second", folder->path);
        if (asprintf(&name, "%s-%u", first, n) < 0)
            return err_set(err, -ENOMEM, "backup: out of memory");
        struct backup_folder next = { .path = NULL };
        int rc = name_folder(&next, dir, name, err);
        if (rc < 0)
            return rc;
        free(folder->path);
        free(folder->partial);
        *folder = next;
    }
    return 0;
}

int backup_folder_make(struct backup_folder *folder, uint64_t bytes, struct err *err)
{
    AUTO(auto_free) char *dir = parent_of(folder->path);
    if (!dir)
        return err_set(err, -ENOMEM, "backup: out of memory");
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_sys(err, -errno, "backup: cannot make %s", dir);
    int rc = check_owner(dir, err);
    if (rc == 0)
        rc = remove_old(dir, err); /* before its room is asked for */
    if (rc == 0)
        rc = check_room(dir, bytes, err);
    if (rc == 0)
        rc = find_free_name(folder, dir, err);
    if (rc == 0 && mkdir(folder->partial, 0700) < 0)
        rc = err_sys(err, -errno, "backup: cannot make %s", folder->partial);
    return rc;
}

static int flush_folder(const char *path, struct err *err)
{
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_sys(err, -errno, "backup: cannot flush %s", path);
    return 0;
}

int backup_folder_commit(struct backup_folder *folder, struct err *err)
{
    AUTO(auto_free) char *dir = parent_of(folder->path);
    if (!dir)
        return err_set(err, -ENOMEM, "backup: out of memory");
    int rc = flush_folder(folder->partial, err);
    if (rc < 0)
        return rc;
    if (rename(folder->partial, folder->path) < 0)
        return err_sys(err, -errno, "backup: cannot give %s its name", folder->path);
    free(TAKE(folder->partial));
    return flush_folder(dir, err);
}

void backup_folder_done(struct backup_folder *folder)
{
    if (folder->partial)
        remove_folder(AT_FDCWD, folder->partial);
    free(folder->partial);
    free(folder->path);
    *folder = (struct backup_folder){ .path = NULL };
}
