#include "agent/read/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_FIRST = 16 << 10 };

static const struct file_row {
    const char *path;  /* under the procfs root */
    const char *other; /* tried when `path` cannot be opened */
    bool optional;     /* not there on every kernel */
} rows[FILE_COUNT] = {
    [FILE_STAT] = { "stat", NULL, false },
    [FILE_LOADAVG] = { "loadavg", NULL, false },
    [FILE_UPTIME] = { "uptime", NULL, false },
    [FILE_FILE_NR] = { "sys/fs/file-nr", NULL, true },
    [FILE_MEMINFO] = { "meminfo", NULL, false },
    [FILE_VMSTAT] = { "vmstat", NULL, false },
    [FILE_PRESSURE_CPU] = { "pressure/cpu", NULL, true },
    [FILE_PRESSURE_IO] = { "pressure/io", NULL, true },
    [FILE_PRESSURE_MEMORY] = { "pressure/memory", NULL, true },
    /* net is a link to self/net; in a captured folder it leads nowhere, and process 1 stands for the host. */
    [FILE_SNMP] = { "net/snmp", "1/net/snmp", false },
    [FILE_NETSTAT] = { "net/netstat", "1/net/netstat", false },
    [FILE_SOCKSTAT] = { "net/sockstat", "1/net/sockstat", false },
    [FILE_SOCKSTAT6] = { "net/sockstat6", "1/net/sockstat6", true },
    [FILE_CONNTRACK_COUNT] = { "sys/net/netfilter/nf_conntrack_count", NULL, true },
    [FILE_CONNTRACK_MAX] = { "sys/net/netfilter/nf_conntrack_max", NULL, true },
    [FILE_DISKSTATS] = { "diskstats", NULL, false },
    [FILE_NET_DEV] = { "net/dev", "1/net/dev", false },
    /* The mount points must be those of the namespace in which statvfs() will be called: see foreign_root. */
    [FILE_MOUNTINFO] = { "self/mountinfo", "1/mountinfo", false },
};

int files_open(struct files *files, const char *procfs, bool foreign_root, const struct log *log, struct err *err)
{
    int fd = open(procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, -errno, "reader: cannot open %s", procfs);
    *files = (struct files){ .proc_fd = fd, .foreign_root = foreign_root, .log = log };
    for (int i = 0; i < FILE_COUNT; i++)
        files->at[i].fd = -1;
    return 0;
}

static void close_one(struct files *files, enum host_file file)
{
    if (files->at[file].fd >= 0)
        close(files->at[file].fd);
    files->at[file].fd = -1;
}

void files_close(struct files *files)
{
    for (int i = 0; i < FILE_COUNT; i++)
        close_one(files, (enum host_file)i);
    close(files->proc_fd);
    free(files->text);
    files->text = NULL;
}

bool files_judge(struct files *files, enum host_file file, int rc, const struct err *err)
{
    bool failing = rc < 0;
    if (failing && !files->at[file].failing)
        log_event(files->log, LOG_WARN, "reader_file_failing", KV_TEXT("file", rows[file].path),
                  KV_TEXT("error", err->text));
    if (!failing && files->at[file].failing)
        log_event(files->log, LOG_INFO, "reader_file_well", KV_TEXT("file", rows[file].path));
    files->at[file].failing = failing;
    return !failing;
}

/* What open() and read() say of a feature this kernel was built, booted or set up without. */
static bool is_absence(int code)
{
    return code == -ENOENT || code == -ENOTDIR || code == -EOPNOTSUPP;
}

static bool give_up(struct files *files, enum host_file file, int code)
{
    close_one(files, file);
    if (rows[file].optional && is_absence(code))
        return false;
    struct err err;
    return files_judge(files, file, err_sys(&err, code, "cannot read it"), &err);
}

/* 0, or -errno of the last path tried. */
static int open_one(struct files *files, enum host_file file)
{
    if (files->at[file].fd >= 0)
        return 0;
    bool swap = file == FILE_MOUNTINFO && files->foreign_root;
    const char *first = swap ? rows[file].other : rows[file].path;
    const char *second = swap ? rows[file].path : rows[file].other;
    int fd = openat(files->proc_fd, first, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && second)
        fd = openat(files->proc_fd, second, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    files->at[file].fd = fd;
    return 0;
}

static int make_room(struct files *files, size_t len)
{
    if (len < files->text_size)
        return 0;
    if (len >= FILES_TEXT_MAX)
        return -EFBIG;
    size_t size = files->text_size ? files->text_size * 2 : TEXT_FIRST;
    char *text = realloc(files->text, size);
    if (!text)
        return -ENOMEM;
    files->text = text;
    files->text_size = size;
    return 0;
}

/* The kernel hands out a page or so a call, however large the buffer, so the end is only known by reading nothing. */
static int read_all(struct files *files, int fd, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        int rc = make_room(files, len);
        if (rc < 0)
            return rc;
        ssize_t n = pread(fd, files->text + len, files->text_size - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

bool files_read(struct files *files, enum host_file file, struct scan_text *ret)
{
    assert(files && (unsigned)file < FILE_COUNT && ret);
    int rc = open_one(files, file);
    if (rc < 0)
        return give_up(files, file, rc);
    size_t len = 0;
    rc = read_all(files, files->at[file].fd, &len);
    if (rc < 0)
        return give_up(files, file, rc);
    *ret = (struct scan_text){ files->text, len };
    return true;
}

bool files_changed(struct files *files, enum host_file file)
{
    struct pollfd ask = { .fd = files->at[file].fd, .events = POLLPRI };
    return ask.fd < 0 || (poll(&ask, 1, 0) > 0 && (ask.revents & POLLPRI));
}
