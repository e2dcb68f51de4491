/* CONTROL_IN_FLIGHT slots, each an nng context with one aio that receives and then sends: a request that waits for its
 * commit holds its slot, the others go on. nng's callback puts the slot into the inbox and does nothing else; whose
 * turn it is, is decided on the loop.
 *
 * An answer given in the very moment its console leaves is lost by nng 1.5.2 together with its memory: a pipe that is
 * closing still looks alive to the context, but starts no send any more. Rare, and an answer's size each time. */
#include <assert.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/auto.h"
#include "proto/link/control.h"
#include "proto/link/inbox.h"
#include "proto/link/ipc.h"
#include "proto/link/nng_error.h"

enum { REQUEST_ID_LEN = 4 };

enum turn { RECEIVING, THEIRS, SENDING };

struct slot {
    struct inbox_item done; /* first: an item is its slot */
    struct control_server *server;
    nng_ctx ctx;
    nng_aio *aio;
    enum turn turn;
};

struct control_server {
    nng_socket socket;
    struct inbox *inbox;
    struct ipc_gate gate;
    control_request_fn *fn;
    void *user;
    bool closing;
    struct slot slots[CONTROL_IN_FLIGHT];
};

/* On nng's threads. */
static void on_aio(void *arg)
{
    struct slot *slot = arg;
    inbox_put(slot->server->inbox, &slot->done);
}

static void receive(struct slot *slot)
{
    slot->turn = RECEIVING;
    nng_ctx_recv(slot->ctx, slot->aio);
}

/* Frees what the aio still holds. */
static void drop_message(struct slot *slot)
{
    nng_msg *msg = nng_aio_get_msg(slot->aio);
    if (msg)
        nng_msg_free(msg);
    nng_aio_set_msg(slot->aio, NULL);
}

static void received(struct slot *slot)
{
    struct control_server *server = slot->server;
    int rv = nng_aio_result(slot->aio);
    if (rv == NNG_ECLOSED || rv == NNG_ECANCELED)
        return; /* we are closing */
    nng_msg *msg = rv == 0 ? nng_aio_get_msg(slot->aio) : NULL;
    struct ipc_caller caller;
    if (!msg || ipc_caller_of(nng_msg_get_pipe(msg), &caller) < 0) { /* a pipe that is gone cannot be answered either */
        if (rv == 0)
            drop_message(slot);
        receive(slot);
        return;
    }
    nng_aio_set_msg(slot->aio, NULL); /* now it is ours alone: the answer may be given before `fn` returns */
    slot->turn = THEIRS;
    struct control_request request = { .ticket = (unsigned)(slot - server->slots),
                                       .uid = caller.uid,
                                       .admitted = ipc_gate_admits(&server->gate, caller),
                                       .text = nng_msg_body(msg),
                                       .len = nng_msg_len(msg) };
    server->fn(server->user, &request);
    nng_msg_free(msg);
}

static void on_inbox(void *user, struct inbox_item *item)
{
    struct control_server *server = user;
    struct slot *slot = (struct slot *)item;
    if (!slot || server->closing)
        return;
    if (slot->turn == RECEIVING) {
        received(slot);
        return;
    }
    if (nng_aio_result(slot->aio) != 0)
        drop_message(slot); /* who asked is gone */
    receive(slot);
}

void control_answer(struct control_server *server, unsigned ticket, const char *text, size_t len)
{
    assert(server && ticket < CONTROL_IN_FLIGHT && (text || len == 0));
    struct slot *slot = &server->slots[ticket];
    assert(slot->turn == THEIRS);
    if (server->closing || slot->turn != THEIRS)
        return;
    nng_msg *msg = NULL;
    /* One too long for the other end, or for our memory, is not sent: whoever asked learns by its timeout. */
    if (len > CONTROL_MESSAGE_MAX || nng_msg_alloc(&msg, 0) != 0 || nng_msg_append(msg, text, len) != 0) {
        if (msg)
            nng_msg_free(msg);
        receive(slot);
        return;
    }
    slot->turn = SENDING;
    nng_aio_set_msg(slot->aio, msg);
    nng_ctx_send(slot->ctx, slot->aio);
}

static void free_server(void *user)
{
    struct control_server *server = user;
    for (int i = 0; i < CONTROL_IN_FLIGHT; i++) {
        if (!server->slots[i].aio)
            continue;
        drop_message(&server->slots[i]);
        nng_aio_free(server->slots[i].aio);
    }
    free(server);
}

struct control_server *control_server_close(struct control_server *server)
{
    if (!server)
        return NULL;
    server->closing = true;
    for (int i = 0; i < CONTROL_IN_FLIGHT; i++) {
        if (server->slots[i].aio)
            nng_aio_stop(server->slots[i].aio); /* waits for its callback */
    }
    nng_close(server->socket); /* and its contexts, and the socket's file */
    if (server->inbox)
        server->inbox = inbox_close(server->inbox, free_server);
    else
        free_server(server);
    return NULL;
}

static void server_undo(struct control_server **server)
{
    control_server_close(*server);
}

static int open_slots(struct control_server *server, struct err *err)
{
    for (int i = 0; i < CONTROL_IN_FLIGHT; i++) {
        struct slot *slot = &server->slots[i];
        slot->server = server;
        int rv = nng_ctx_open(&slot->ctx, server->socket);
        if (rv == 0)
            rv = nng_aio_alloc(&slot->aio, on_aio, slot);
        if (rv != 0)
            return nng_error_set(err, rv, "control: cannot make a context");
    }
    return 0;
}

int control_server_open(struct control_server **ret_server, uv_loop_t *loop, const char *path,
                        const struct ipc_gate *gate, control_request_fn *fn, void *user, struct err *err)
{
    assert(ret_server && loop && path && gate && fn);
    AUTO(server_undo) struct control_server *server = calloc(1, sizeof *server);
    if (!server)
        return err_set(err, -ENOMEM, "control: out of memory");
    server->gate = *gate;
    server->fn = fn;
    server->user = user;
    int rc = inbox_open(&server->inbox, loop, on_inbox, server, err);
    if (rc < 0)
        return rc;
    int rv = nng_rep0_open(&server->socket);
    if (rv == 0)
        rv = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, CONTROL_MESSAGE_MAX + REQUEST_ID_LEN);
    if (rv != 0)
        return nng_error_set(err, rv, "control: cannot make a socket");
    if ((rc = open_slots(server, err)) < 0 ||
        (rc = ipc_listen(server->socket, path, IPC_REP, IPC_REQ, gate, "control", err)) < 0)
        return rc;
    for (int i = 0; i < CONTROL_IN_FLIGHT; i++)
        receive(&server->slots[i]);
    *ret_server = TAKE(server);
    return 0;
}
