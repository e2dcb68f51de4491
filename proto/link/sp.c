/* Source: the SP TCP mapping (RFC draft "TCP Mapping for Scalability Protocols") and the request/reply protocol's
 * header. A request that came through SP devices carries the ids of their hops before its own, without the top bit;
 * agents dial the collector itself, so the first id must be the request's. */
#include "proto/link/sp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_HELLO, PHASE_HEAD, PHASE_BODY, PHASE_BROKEN };
enum { LENGTH_LEN = 8, ID_LEN = 4, ROOM_MIN = 512 };

static const uint32_t id_top_bit = UINT32_C(1) << 31;
static const uint8_t hello_of_req[SP_HELLO_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };
static const uint8_t hello_of_rep[SP_HELLO_LEN] = { 0, 'S', 'P', 0, 0, 0x31, 0, 0 };

static uint64_t read_big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void write_big_endian(uint8_t *ret, size_t len, uint64_t value)
{
    for (size_t i = len; i-- > 0; value >>= 8)
        ret[i] = (uint8_t)value;
}

void sp_init(struct sp *sp, size_t max)
{
    *sp = (struct sp){ .max = max, .phase = PHASE_HELLO };
}

void sp_release(struct sp *sp)
{
    if (sp->phase == PHASE_BODY)
        return;
    free(sp->body);
    sp->body = NULL;
    sp->room = 0;
}

void sp_done(struct sp *sp)
{
    sp->phase = PHASE_BROKEN;
    sp_release(sp);
}

bool sp_midway(const struct sp *sp)
{
    return sp->phase == PHASE_BODY || (sp->phase == PHASE_HEAD && sp->have > 0);
}

/* Fills the head up to `want` bytes and returns how many it took. */
static size_t fill_head(struct sp *sp, size_t want, const uint8_t *bytes, size_t len)
{
    size_t n = want - sp->have;
    if (n > len)
        n = len;
    if (n > 0)
        memcpy(sp->head + sp->have, bytes, n);
    sp->have = (uint8_t)(sp->have + n);
    return n;
}

static int take_hello(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used)
{
    *ret_used = fill_head(sp, SP_HELLO_LEN, bytes, len);
    if (memcmp(sp->head, hello_of_req, sp->have) != 0)
        return -EPROTO;
    if (sp->have < SP_HELLO_LEN)
        return SP_MORE;
    sp->have = 0;
    sp->phase = PHASE_HEAD;
    return SP_OPENED;
}

/* Judges what has come of the head at once: who lies in its first bytes need not be waited for. */
static int take_head(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used)
{
    *ret_used = fill_head(sp, SP_HEAD_LEN, bytes, len);
    if (sp->have < LENGTH_LEN)
        return SP_MORE;
    uint64_t frame = read_big_endian(sp->head, LENGTH_LEN);
    if (frame < ID_LEN)
        return -EBADMSG;
    if (frame - ID_LEN > sp->max)
        return -EMSGSIZE;
    if (sp->have < SP_HEAD_LEN)
        return SP_MORE;
    sp->id = (uint32_t)read_big_endian(sp->head + LENGTH_LEN, ID_LEN);
    if (!(sp->id & id_top_bit))
        return -EBADMSG;
    sp->len = (size_t)(frame - ID_LEN);
    sp->got = 0;
    sp->have = 0;
    sp->phase = PHASE_BODY;
    return SP_MORE;
}

static int make_room(struct sp *sp, size_t need)
{
    if (need <= sp->room)
        return 0;
    size_t room = sp->room * 2 > need ? sp->room * 2 : need;
    if (room < ROOM_MIN)
        room = ROOM_MIN;
    if (room > sp->len)
        room = sp->len;
    uint8_t *body = realloc(sp->body, room);
    if (!body)
        return -ENOMEM;
    sp->body = body;
    sp->room = room;
    return 0;
}

static int end_body(struct sp *sp, const uint8_t *bytes, struct sp_request *ret)
{
    *ret = (struct sp_request){ .id = sp->id, .bytes = bytes, .len = sp->len };
    sp->phase = PHASE_HEAD;
    return SP_REQUEST;
}

static int take_body(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used, struct sp_request *ret)
{
    size_t n = sp->len - sp->got;
    if (n > len)
        n = len;
    *ret_used = n;
    if (n == sp->len) /* whole, and nothing of it came before */
        return end_body(sp, bytes, ret);
    if (n == 0)
        return SP_MORE;
    if (make_room(sp, sp->got + n) < 0)
        return -ENOMEM;
    memcpy(sp->body + sp->got, bytes, n);
    sp->got += n;
    return sp->got < sp->len ? SP_MORE : end_body(sp, sp->body, ret);
}

static int take_message(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used, struct sp_request *ret)
{
    size_t of_head = 0;
    size_t of_body = 0;
    int rc = SP_MORE;
    if (sp->phase == PHASE_HEAD)
        rc = take_head(sp, bytes, len, &of_head);
    if (sp->phase == PHASE_BODY)
        rc = take_body(sp, bytes + of_head, len - of_head, &of_body, ret);
    *ret_used = of_head + of_body;
    return rc;
}

int sp_take(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used, struct sp_request *ret)
{
    assert(bytes && ret_used && ret);
    *ret_used = 0;
    if (sp->phase == PHASE_BROKEN)
        return -EPROTO;
    sp_release(sp);
    int rc =
        sp->phase == PHASE_HELLO ? take_hello(sp, bytes, len, ret_used) : take_message(sp, bytes, len, ret_used, ret);
    if (rc < 0)
        sp_done(sp);
    return rc;
}

void sp_write_hello(uint8_t ret[SP_HELLO_LEN])
{
    memcpy(ret, hello_of_rep, SP_HELLO_LEN);
}

void sp_write_head(uint8_t ret[SP_HEAD_LEN], uint32_t id, size_t len)
{
    write_big_endian(ret, LENGTH_LEN, (uint64_t)len + ID_LEN);
    write_big_endian(ret + LENGTH_LEN, ID_LEN, id);
}
