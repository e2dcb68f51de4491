#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/link/control.h"
#include "proto/link/ipc.h"

enum { ID_LEN = 4 };

/* A connection carries one request, so any id will do; the top bit marks it as one. Nothing is ever sent twice: a
 * command must not be given again because its answer was lost. */
static const uint8_t request_id[ID_LEN] = { 0x80, 0, 0, 1 };

/* Takes the id off the front of the answer. */
static int strip_id(char *answer, size_t *len, struct err *err)
{
    if (*len < ID_LEN || memcmp(answer, request_id, ID_LEN) != 0)
        return err_set(err, -EPROTO, "control: the answer is not to this request");
    *len -= ID_LEN;
    memmove(answer, answer + ID_LEN, *len + 1); /* with the 0 behind it */
    return 0;
}

int control_ask(const char *path, const char *text, size_t len, int64_t timeout_us, char **ret_text, size_t *ret_len,
                struct err *err)
{
    assert(path && text && ret_text && ret_len);
    if (len > CONTROL_MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "control: request of %zu bytes, want at most %d", len, CONTROL_MESSAGE_MAX);
    int64_t deadline_us = ipc_now_us() + timeout_us;
    AUTO(auto_close) int fd = -1;
    int rc = ipc_connect(&fd, path, IPC_REQ, IPC_REP, deadline_us, err);
    if (rc < 0)
        return rc;
    rc = ipc_send(fd, request_id, ID_LEN, text, len, deadline_us, err);
    if (rc < 0)
        return rc;
    AUTO(auto_free) char *answer = NULL;
    size_t answer_len;
    rc = ipc_receive(fd, CONTROL_MESSAGE_MAX + ID_LEN, deadline_us, &answer, &answer_len, err);
    if (rc == 0)
        rc = strip_id(answer, &answer_len, err);
    if (rc < 0)
        return rc;
    *ret_text = TAKE(answer);
    *ret_len = answer_len;
    return 0;
}
