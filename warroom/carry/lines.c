#include "warroom/carry/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 2 * LINES_LEN_MAX };

int lines_open(struct lines *lines, FILE *file, struct err *err)
{
    *lines = (struct lines){ .file = file, .buffer = malloc(BUFFER_BYTES) };
    return lines->buffer ? 0 : err_set(err, -ENOMEM, "out of memory");
}

void lines_done(struct lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

static int fill(struct lines *lines, struct err *err)
{
    memmove(lines->buffer, lines->buffer + lines->at, lines->end - lines->at);
    lines->end -= lines->at;
    lines->at = 0;
    while (!lines->eof && lines->end < BUFFER_BYTES) {
        errno = 0;
        size_t n = fread(lines->buffer + lines->end, 1, BUFFER_BYTES - lines->end, lines->file);
        lines->end += n;
        if (n == 0 && ferror(lines->file))
            return err_sys(err, errno ? -errno : -EIO, "the file cannot be read");
        lines->eof = n == 0;
    }
    return 0;
}

static bool take(struct lines *lines, const char **ret, size_t *ret_len)
{
    const char *from = lines->buffer + lines->at;
    const char *newline = memchr(from, '\n', lines->end - lines->at);
    if (!newline && (!lines->eof || lines->at == lines->end))
        return false;
    size_t len = newline ? (size_t)(newline - from) : lines->end - lines->at;
    lines->at += len + (newline != NULL);
    if (len > 0 && from[len - 1] == '\r')
        len--;
    static const char mark[] = "\xef\xbb\xbf";
    if (lines->number++ == 0 && len >= 3 && memcmp(from, mark, 3) == 0) {
        from += 3;
        len -= 3;
    }
    *ret = from;
    *ret_len = len;
    return true;
}

int lines_next(struct lines *lines, const char **ret, size_t *ret_len, struct err *err)
{
    if (!take(lines, ret, ret_len)) {
        int rc = fill(lines, err);
        if (rc < 0)
            return rc;
        if (lines->at == lines->end)
            return LINES_END;
        if (!take(lines, ret, ret_len)) {
            lines->number++;
            *ret_len = LINES_LEN_MAX + 1;
        }
    }
    if (*ret_len > LINES_LEN_MAX)
        return err_set(err, -EMSGSIZE, "the line is longer than %d bytes: is this a text file?", LINES_LEN_MAX);
    return 0;
}

struct lines_mark lines_mark(const struct lines *lines)
{
    return (struct lines_mark){ lines->at, lines->number };
}

bool lines_peek(struct lines *lines, const char **ret, size_t *ret_len)
{
    return take(lines, ret, ret_len);
}

void lines_back(struct lines *lines, struct lines_mark mark)
{
    lines->at = mark.at;
    lines->number = mark.number;
}

int lines_rewind(struct lines *lines, struct err *err)
{
    if (fseeko(lines->file, 0, SEEK_SET) < 0)
        return err_sys(err, -errno, "the file cannot be read again");
    lines->at = lines->end = 0;
    lines->eof = false;
    lines->number = 0;
    return 0;
}
