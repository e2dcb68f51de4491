/* Whatever the bytes are, records lie one behind the other within them; what was read can be written again and is then
 * read as the same; and a good record in front or behind is found all the same. */
#include <stdlib.h>
#include <string.h>

#include "agent/spool/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static void write_again(struct writer *writer, const struct spool_record *record)
{
    switch (record->kind) {
    case SPOOL_HEAD:
        spool_write_head(writer, &record->head);
        break;
    case SPOOL_TABLE:
        spool_write_table(writer, &record->table);
        break;
    case SPOOL_TICKS:
        spool_write_ticks(writer, &record->ticks);
        break;
    case SPOOL_DONE:
    case SPOOL_DROPPED:
    case SPOOL_DECLARED:
        spool_write_mark(writer, record->kind, &record->mark);
        break;
    }
}

static void check_same(const struct spool_record *record)
{
    static uint8_t bytes[SPOOL_FRAME_BYTES + SPOOL_CONTENT_MAX];
    struct writer writer = { bytes, bytes + sizeof bytes, false };
    write_again(&writer, record);
    check(!writer.full && (size_t)(writer.at - bytes) == record->len);
    struct reader reader = { bytes, writer.at };
    struct spool_record again;
    size_t broken;
    check(spool_next(&reader, &again, &broken) && broken == 0 && again.kind == record->kind);
}

/* Returns how many records there are. */
static size_t read_all(const uint8_t *data, size_t size)
{
    struct reader reader = { data, data + size };
    struct spool_record record;
    size_t n = 0, seen = 0, broken;
    for (; spool_next(&reader, &record, &broken); n++) {
        seen += broken + record.len;
        check(seen == (size_t)(reader.at - data) && seen <= size);
        check_same(&record);
    }
    check(seen + broken == size);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dropped mark = { .first = 1, .last = 2 };
    size_t n = read_all(data, size);
    uint8_t *around = malloc(size + 200);
    check(around != NULL);
    struct writer writer = { around, around + size + 200, false };
    spool_write_mark(&writer, SPOOL_DONE, &mark);
    write_bytes(&writer, data, size);
    spool_write_mark(&writer, SPOOL_DONE, &mark);
    /* Cut short, the last of them may have been waiting for what follows now. */
    check(read_all(around, (size_t)(writer.at - around)) >= n + 1);
    free(around);
    return 0;
}
