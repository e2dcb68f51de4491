#include "tests/sim/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "tests/sim/world.h"

enum { PATH_ROOM = 256, SEND_MOST = 1 << 30 };

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static void kept_path(char ret[PATH_ROOM], const char *path)
{
    snprintf(ret, PATH_ROOM, "%s.kept", path);
}

static void copy_file(int from_dir, int to_dir, const char *name)
{
    AUTO(auto_close) int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
    AUTO(auto_close) int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = 1;
    while (from >= 0 && to >= 0 && n > 0)
        n = sendfile(to, from, NULL, SEND_MOST);
    if (from < 0 || to < 0 || n < 0)
        world_fail("cannot copy %s: %s", name, strerror(errno));
}

void folder_keep(const char *path)
{
    char kept[PATH_ROOM];
    kept_path(kept, path);
    AUTO(auto_closedir) DIR *dir = opendir(path);
    if (!dir)
        return;
    AUTO(auto_close) int to = mkdir(kept, 0700) == 0 ? open(kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (to < 0)
        world_fail("cannot make %s: %s", kept, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_type == DT_REG)
            copy_file(dirfd(dir), to, entry->d_name);
}

void folder_put_back(const char *path)
{
    char kept[PATH_ROOM];
    kept_path(kept, path);
    if (access(kept, F_OK) < 0)
        return;
    folder_remove(path);
    if (rename(kept, path) < 0)
        world_fail("cannot put %s back: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat;
    (void)flag;
    (void)walk;
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
