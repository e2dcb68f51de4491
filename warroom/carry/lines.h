/* warroom/carry/lines.h - a text file line by line, however long the file is.
 *
 * Shape    a buffer slides over the file. Lines end at LF or CRLF; the last may do without; a byte order mark at the
 *          beginning is passed over
 * Limit    LINES_LEN_MAX bytes a line
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum { LINES_LEN_MAX = 1 << 20 };

struct lines { /* lines_open() sets it up */
    FILE *file;
    char *buffer; /* owned */
    size_t at, end;
    bool eof;
    uint64_t number; /* of the line read last, from 1 */
};

/* `file` is borrowed. -ENOMEM. */
int lines_open(struct lines *lines, FILE *file, struct err *err);
void lines_done(struct lines *lines);

enum lines_answer { LINES_END = 1 };
/* *ret is borrowed until the next call, without its end. -EMSGSIZE: the line is too long; -EIO, -EISDIR...: the file
 * cannot be read. */
int lines_next(struct lines *lines, const char **ret, size_t *ret_len, struct err *err);

struct lines_mark { /* a place to come back to */
    size_t at;
    uint64_t number;
};
/* Lines that are in memory already, ahead of reading them: lines_peek() until it is false, then lines_back(). */
struct lines_mark lines_mark(const struct lines *lines);
bool lines_peek(struct lines *lines, const char **ret, size_t *ret_len);
void lines_back(struct lines *lines, struct lines_mark mark);

/* From the beginning again. -ESPIPE: not of a pipe. */
int lines_rewind(struct lines *lines, struct err *err);
