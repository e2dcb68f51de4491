#include "tests/bench/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "proto/codec/codec.h"

enum { TABLE_ROOM = 64 << 10 };

static void json_undo(json_t **json)
{
    json_decref(*json);
}

static int map_file(struct recording *ret, const char *path, struct err *err)
{
    struct stat stat;
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0)
        return err_sys(err, -errno, "cannot open %s", path);
    ret->len = (size_t)stat.st_size;
    ret->map = mmap(NULL, ret->len, PROT_READ, MAP_PRIVATE, fd, 0);
    return ret->map == MAP_FAILED ? err_sys(err, -errno, "cannot read %s", path) : 0;
}

static int read_series(struct recording *ret, json_t *list, const char *values, struct arena *arena, struct err *err)
{
    size_t n = json_array_size(list);
    struct series *series = arena_alloc(arena, n, sizeof *series);
    struct column *columns = arena_alloc(arena, n, sizeof *columns);
    uint8_t *encoded = arena_alloc(arena, TABLE_ROOM, 1);
    if (n == 0 || n > SERIES_MAX || !series || !columns || !encoded)
        return err_set(err, -EINVAL, "a recording of %zu series, want 1..%d", n, SERIES_MAX);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        series[i] = (struct series){ arena_text(arena, name ? name : "", name ? strlen(name) : 0), "", "1",
                                     (int)json_integer_value(json_object_get(row, "exponent")) };
        columns[i].real = json_is_true(json_object_get(row, "real"));
        columns[i].fixed = (const int64_t *)(const void *)(values + i * ret->rows * sizeof(int64_t));
    }
    ret->columns = columns;
    ret->table = (struct series_table){ .n = (uint32_t)n, .at = series };
    int rc = codec_encode_table(&ret->table, encoded, TABLE_ROOM, &ret->table_bytes.len, err);
    if (rc < 0)
        return rc;
    ret->table_bytes.at = encoded;
    ret->table.hash = codec_table_hash(encoded, ret->table_bytes.len);
    return 0;
}

int recording_open(struct recording *ret, const char *path, struct arena *arena, struct err *err)
{
    int rc = map_file(ret, path, err);
    if (rc < 0)
        return rc;
    const char *text = ret->map;
    const char *end = memchr(text, '\n', ret->len);
    AUTO(json_undo) json_t *head = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
    json_t *list = json_object_get(head, "series");
    ret->rows = (uint32_t)json_integer_value(json_object_get(head, "rows"));
    size_t want = end ? (size_t)(end + 1 - text) + ret->rows * (json_array_size(list) + 1) * sizeof(int64_t) : 0;
    if (ret->rows == 0 || want != ret->len)
        return err_set(err, -EINVAL, "%s is no recording", path);
    ret->at_us = (const int64_t *)(const void *)(end + 1);
    return read_series(ret, list, (const char *)(ret->at_us + ret->rows), arena, err);
}

void recording_close(struct recording *recording)
{
    if (recording->map && recording->map != MAP_FAILED)
        munmap(recording->map, recording->len);
}
