/* The SP parser meets a stream in one piece and the same stream cut at places the input chooses: both must tell the
 * same events, hold no more than has come, and end the same way. Input: u8 limit, u8 seed of the cuts, the stream. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/link/sp.h"

enum { EVENTS_MAX = 4096 };

struct event {
    int what;
    uint32_t id;
    size_t len;
    uint64_t sum;
};

struct story {
    struct event events[EVENTS_MAX];
    size_t n;
    int end;
};

static void require(int holds)
{
    if (!holds)
        abort();
}

static uint64_t sum_of(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 14695981039346656037U;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211U;
    return sum;
}

static void note(struct story *story, int what, const struct sp_request *request)
{
    if (story->n == EVENTS_MAX)
        return;
    struct event *event = &story->events[story->n++];
    *event = (struct event){ .what = what };
    if (what == SP_REQUEST) {
        event->id = request->id;
        event->len = request->len;
        event->sum = sum_of(request->bytes, request->len);
    }
}

static int feed(struct sp *sp, struct story *story, const uint8_t *bytes, size_t len)
{
    for (;;) {
        size_t used = 0;
        struct sp_request request = { 0 };
        int rc = sp_take(sp, bytes, len, &used, &request);
        require(used <= len && sp->room <= sp->max);
        if (rc == SP_MORE)
            require(used == len);
        if (rc <= 0)
            return rc;
        require(rc != SP_REQUEST || (request.len <= sp->max && request.id >> 31));
        note(story, rc, &request);
        bytes += used;
        len -= used;
    }
}

static void tell(struct story *story, size_t max, const uint8_t *bytes, size_t len, unsigned seed)
{
    struct sp sp;
    sp_init(&sp, max);
    story->n = 0;
    story->end = 0;
    while (len > 0 && story->end == 0) {
        size_t piece = len;
        if (seed) {
            seed = seed * 1103515245U + 12345U;
            piece = 1 + (seed >> 16) % 37;
        }
        if (piece > len)
            piece = len;
        uint8_t *copy = malloc(piece); /* its own block, so that reading past it is seen */
        require(copy != NULL);
        memcpy(copy, bytes, piece);
        story->end = feed(&sp, story, copy, piece);
        free(copy);
        bytes += piece;
        len -= piece;
    }
    if (story->end < 0) {
        size_t used = 1;
        struct sp_request request;
        require(sp_take(&sp, (const uint8_t *)"", 0, &used, &request) < 0 && used == 0);
    }
    sp_done(&sp);
    require(sp.body == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    static struct story whole;
    static struct story cut;
    tell(&whole, (size_t)data[0] * 8, data + 2, size - 2, 0);
    tell(&cut, (size_t)data[0] * 8, data + 2, size - 2, 1U + data[1]);
    require(whole.end == cut.end && whole.n == cut.n);
    for (size_t i = 0; i < whole.n; i++)
        require(memcmp(&whole.events[i].sum, &cut.events[i].sum, sizeof whole.events[i].sum) == 0 &&
                whole.events[i].what == cut.events[i].what && whole.events[i].id == cut.events[i].id &&
                whole.events[i].len == cut.events[i].len);
    return 0;
}
