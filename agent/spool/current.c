/* What is put and marked gathers in a buffer and goes out in one pwrite(). `good` is the current segment as of the last
 * success: when a write fails the segment is cut back to it and closed, and the next put opens a new one, whose head
 * repeats all that is to be declared. So nothing but that needs to be remembered about what was not written. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/spool/parts.h"

size_t current_len(const struct spool *spool)
{
    return (size_t)(spool->writer.at - spool->buffer);
}

void current_empty(struct spool *spool)
{
    spool->writer = (struct writer){ .at = spool->buffer, .end = spool->buffer + BUFFER_BYTES };
}

/* What was not synced when it was full is synced with the next; two of them within one sync's time are too many. */
static void leave_segment(struct spool *spool)
{
    if (spool->old_fd >= 0) {
        fdatasync(spool->old_fd);
        close(spool->old_fd);
    }
    spool->old_fd = -1;
    if (spool->n_unsynced > 0)
        spool->old_fd = spool->fd;
    else
        close(spool->fd);
    spool->fd = -1;
    spool->current = NULL;
}

static void give_up_segment(struct spool *spool)
{
    struct segment *segment = spool->current;
    uint64_t bytes = spool->good.bytes;
    current_empty(spool);
    while (spool->n_unsynced > 0 && spool->unsynced[spool->n_unsynced - 1].first > spool->figures.written)
        spool->n_unsynced--;
    if (bytes == 0) {
        leave_segment(spool);
        segment_remove(spool, segment);
        return;
    }
    if (ftruncate(spool->fd, (off_t)bytes) < 0) {
        /* The part of a record that is left is passed over by whoever reads it. */
    }
    spool->figures.bytes -= segment->bytes - bytes;
    segment->bytes = bytes;
    segment->first = spool->good.first;
    segment->last = spool->good.last;
    leave_segment(spool);
}

static int write_all(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int current_flush(struct spool *spool, struct err *err)
{
    struct segment *segment = spool->current;
    size_t len = current_len(spool);
    if (len == 0)
        return 0;
    assert(segment && !spool->writer.full);
    int rc = write_all(spool->fd, spool->buffer, len, spool->good.bytes);
    if (rc < 0) {
        err_sys(err, rc, "spool: cannot write to %s", spool->directory);
        give_up_segment(spool);
        return rc;
    }
    current_empty(spool);
    spool->good = *segment;
    if (segment->last > spool->figures.written)
        spool->figures.written = segment->last;
    return 0;
}

static int make_file(struct spool *spool, struct err *err)
{
    char name[SEGMENT_NAME_LEN];
    int fd;
    do {
        segment_name(name, ++spool->number);
        fd = openat(spool->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0)
        return err_sys(err, -errno, "spool: cannot make a segment in %s", spool->directory);
    return fd;
}

void current_grow(struct spool *spool, size_t before)
{
    size_t n = current_len(spool) - before;
    spool->current->bytes += n;
    spool->figures.bytes += n;
}

static void write_preamble(struct spool *spool)
{
    struct spool_head head = {
        .version = SPOOL_VERSION,
        .host = spool->config.host,
        .boot = spool->config.boot,
        .run = spool->config.run,
    };
    size_t before = current_len(spool);
    spool_write_head(&spool->writer, &head);
    spool_write_head(&spool->writer, &head);
    for (size_t i = 0; i < spool->drops.n; i++)
        spool_write_mark(&spool->writer, SPOOL_DROPPED, &spool->drops.at[i]);
    current_grow(spool, before);
}

static int open_segment(struct spool *spool, struct err *err)
{
    int fd = make_file(spool, err);
    if (fd < 0)
        return fd;
    struct segment *segment = segment_add(spool, spool->number, spool->own);
    if (!segment) {
        close(fd);
        return err_set(err, -ENOMEM, "spool: out of memory for a segment");
    }
    spool->fd = fd;
    spool->current = segment;
    spool->good = *segment;
    spool->n_tables = 0;
    spool->dir_synced = false;
    write_preamble(spool);
    return 0;
}

int current_ready(struct spool *spool, size_t need, struct err *err)
{
    int rc = 0;
    bool full = spool->current && spool->current->bytes + need > spool->segment_bytes && spool->current->last > 0;
    if (full || current_len(spool) + need + HEAD_ROOM > BUFFER_BYTES)
        rc = current_flush(spool, err);
    if (rc == 0 && full && spool->current)
        leave_segment(spool);
    if (rc == 0 && !spool->current)
        rc = open_segment(spool, err);
    return rc;
}

void spool_note(struct spool *spool, enum spool_kind kind, const struct dropped *mark)
{
    size_t before = current_len(spool);
    if (!spool->current || before + MARK_ROOM > BUFFER_BYTES)
        return;
    spool_write_mark(&spool->writer, kind, mark);
    current_grow(spool, before);
}
