/* The socket is an nng REQ, one dialer, one aio that sends and then receives; its callback puts it into the inbox and
 * does nothing else. What is up is a number under a lock, not a queue of events: the id of the pipe in use. The loop
 * compares it with the one it told of last, so flaps fold and nothing is allocated on nng's threads.
 *
 * Three traps of nng 1.5.2 shape the rest:
 *
 * REM_POST may come before ADD_POST. A peer that hangs up at once gets its pipe reaped on one thread while the other
 * has not yet announced it. So the id last removed is remembered, and an announcement of it ignored. Likewise an answer
 * may arrive before its pipe's ADD_POST: the answer announces it.
 *
 * Redialling must not close anything of nng's. nng_pipe_close(), nng_dialer_close() and nng_close() on a pipe that is
 * in the middle of a message all stop the transport's aio while the protocol's waits for it; if the callback between
 * two partial reads falls into that moment, nobody completes the protocol's aio, and the one reaper thread of the
 * process waits for it for ever: no pipe is ever given back again, nng_close() never returns. What never did this is a
 * peer that hangs up: then the read fails first and the closing follows from it. So redialling makes it look like that:
 * the connection's descriptor, found by its local address, is shut down under nng, which sees the end of the stream,
 * reaps the pipe and dials again after its shortest pause. Closing and making a new dialer or socket instead would be
 * the unsafe path at the moment the network is at its worst.
 *
 * Going to another address means another dialer, and closing the one before. That is safe only when it has no pipe that
 * the protocol has started on, by the paragraph above. So from the moment on that it is to be closed no pipe of it gets
 * that far: they are refused in ADD_PRE, which comes before the protocol's start. And it is closed only when there is
 * none that got further: when the last one's REM_POST has come. What that cannot help: a peer that resets amid SP's
 * greeting just when its dialer is closed may cost a descriptor (measured: 12 in 1,100 moves, with peers that did
 * little else; none in 2,000 with peers that were silent, refused, half greeted or had no name). nng says nothing of a
 * dial that fails, so an address has a turn, by the clock.
 *
 * Its pause between two dials is drawn below a bound that doubles with each, but half of the draws come out as no pause
 * at all: of a collector that was restarted within 60 ms some agents had been refused six times by then and stayed away
 * for nine seconds. So the bound is itself bound, by a quarter of the time that the collector has been away. Who was
 * away for a moment is found again within a second, who was away for an hour is not stormed.
 *
 * Closing is that trap as well: nng_close() closes the dialer, and with it the pipe. So before it the pipe is made to
 * go as above; none comes after it, and the dialer is closed the moment it goes, before nng dials again. That leaves
 * what nobody has met yet, and a process that is told to stop must: so it is done on a thread of its own, which is
 * waited for but so long. One that takes longer keeps what it needs, and gives it back should it ever be done.
 *
 * With an infinite resend time REQ forgets the request when the connection breaks, so it is a minute, except where a
 * request is to go but once; the server takes a request sent again while it has it in hand for one. */
#include "proto/link/client.h"

#include <assert.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/link/address.h"
#include "proto/link/inbox.h"
#include "proto/link/nng_error.h"
#include "proto/link/nng_shut.h"
#include "proto/link/pause.h"

enum { REQUEST_ID_LEN = 4, RESEND_MS = 60000, DIAL_MIN_MS = 200, TURN_MAX_MS = 60000, CLOSE_MAX_MS = 2000 };
enum { URL_MAX = sizeof "tcp://[]:65535" + ADDRESS_HOST_MAX };

enum step { IDLE, SENDING, AWAITING };

struct link_client {
    struct link_client_handlers handlers;
    nng_socket socket;
    nng_aio *aio;
    struct inbox *inbox;
    struct inbox_item done; /* the aio's, when nng is done with it */
    enum step step;
    bool replaced;  /* what the aio is doing is for a request nobody waits for any more */
    nng_msg *next;  /* owned: to be sent when the aio is ours again */
    uint64_t asked; /* how often: an answer is for who asked last */
    uint32_t told;  /* the pipe on_up was last called for; 0: none */
    bool closing;
    char *addresses[LINK_ADDRESSES_MAX];
    size_t n_addresses, at; /* the one dialled now */
    unsigned in_vain;       /* turns since one worked */
    nng_dialer dialer;
    uv_timer_t turn;
    uv_timer_t away;  /* goes on while nothing is up */
    uint64_t gone_ms; /* since when, by the loop */
    uv_mutex_t lock;
    uv_cond_t changed; /* a pipe is gone, or nng is closed */
    unsigned handles;  /* under lock: ours and the inbox's, still open, and the thread that closes nng */
    uint32_t pipe;     /* under lock: the pipe in use; 0: none */
    uint32_t removed;  /* under lock: the one that went last */
    uint32_t begun;    /* under lock: the pipe let through ADD_PRE that has not gone yet; 0: none */
    uint32_t shut;     /* the pipe last shut down */
    bool moving;       /* under lock: no more pipes of this dialer */
    bool ending;       /* under lock: nor any more dialling */
    bool closed;       /* under lock: nng is */
    bool left;         /* under lock: to nng; there is no inbox any more */
};

/* On nng's threads, before the protocol knows of the pipe. */
static void on_pipe_begins(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct link_client *client = arg;
    (void)event;
    uv_mutex_lock(&client->lock);
    bool refused = client->moving;
    if (!refused)
        client->begun = (uint32_t)nng_pipe_id(pipe);
    uv_mutex_unlock(&client->lock);
    if (refused)
        nng_pipe_close(pipe);
}

/* When the last pipe goes: nng would dial again right after it. */
static void end_dialer(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    bool ending = client->ending;
    uv_mutex_unlock(&client->lock);
    if (ending)
        nng_dialer_close(client->dialer);
}

/* On nng's threads. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct link_client *client = arg;
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    if (event == NNG_PIPE_EV_REM_POST)
        end_dialer(client);
    uv_mutex_lock(&client->lock);
    if (event == NNG_PIPE_EV_REM_POST) {
        client->removed = id;
        if (client->begun == id)
            client->begun = 0;
        if (client->pipe == id)
            client->pipe = 0;
        uv_cond_broadcast(&client->changed);
    } else if (client->removed != id) {
        client->pipe = id;
    }
    if (!client->left)
        inbox_wake(client->inbox);
    uv_mutex_unlock(&client->lock);
}

/* On nng's threads. */
static void on_aio(void *arg)
{
    struct link_client *client = arg;
    uv_mutex_lock(&client->lock);
    if (!client->left)
        inbox_put(client->inbox, &client->done);
    uv_mutex_unlock(&client->lock);
}

/* ---- breaking a connection ---- */

static void break_one(struct link_client *client, nng_pipe pipe)
{
    nng_sockaddr local;
    if (pipe.id == 0 || pipe.id == client->shut || nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &local) != 0)
        return;
    client->shut = pipe.id;
    nng_shut(&local);
}

/* Of the pipe in use, if there is one. */
static void break_pipe(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    nng_pipe pipe = { .id = client->pipe };
    uv_mutex_unlock(&client->lock);
    break_one(client, pipe);
}

/* ---- one address after the other ---- */

static int longest_pause_ms(const struct link_client *client)
{
    return link_longest_pause_ms(uv_now(client->away.loop) - client->gone_ms);
}

static void on_away(uv_timer_t *timer)
{
    struct link_client *client = timer->data;
    (void)nng_dialer_set_ms(client->dialer, NNG_OPT_RECONNMAXT, longest_pause_ms(client));
}

/* From now on, or since the start, nothing is up. */
static void begin_away(struct link_client *client)
{
    client->gone_ms = uv_now(client->away.loop);
    uv_timer_start(&client->away, on_away, LINK_PAUSE_LEAST_MS, LINK_PAUSE_LEAST_MS);
}

/* The bound of the next absence is set now: its first dials fail before we hear of it. */
static void end_away(struct link_client *client)
{
    uv_timer_stop(&client->away);
    (void)nng_dialer_set_ms(client->dialer, NNG_OPT_RECONNMAXT, LINK_PAUSE_LEAST_MS);
}

static int dial(struct link_client *client, struct err *err)
{
    char url[URL_MAX];
    snprintf(url, sizeof url, "tcp://%s", client->addresses[client->at]);
    unsigned rounds = client->in_vain / (unsigned)client->n_addresses;
    int most_ms = longest_pause_ms(client);
    int pause_ms = rounds < 8 && DIAL_MIN_MS << rounds < most_ms ? DIAL_MIN_MS << rounds : most_ms;
    int rv = nng_dialer_create(&client->dialer, client->socket, url);
    if (rv == 0)
        rv = nng_dialer_set_ms(client->dialer, NNG_OPT_RECONNMINT, pause_ms);
    if (rv == 0)
        rv = nng_dialer_set_ms(client->dialer, NNG_OPT_RECONNMAXT, most_ms);
    if (rv == 0)
        rv = nng_dialer_start(client->dialer, NNG_FLAG_NONBLOCK);
    return rv == 0 ? 0 : nng_error_set(err, rv, "link: cannot dial");
}

static void on_turn(uv_timer_t *timer);

/* Half of it is random: agents that lost the same collector do not all come to the next one as one. */
static void begin_turn(struct link_client *client)
{
    if (client->n_addresses < 2)
        return;
    unsigned rounds = client->in_vain / (unsigned)client->n_addresses;
    unsigned most_ms = rounds < 8 && LINK_TURN_MS << rounds < TURN_MAX_MS ? LINK_TURN_MS << rounds : TURN_MAX_MS;
    uv_timer_start(&client->turn, on_turn, most_ms / 2 + nng_random() % (most_ms / 2 + 1), 0);
}

/* False: the dialer has a pipe that the protocol has begun with. */
static bool may_close_dialer(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    bool may = client->begun == 0;
    if (may)
        client->moving = true; /* and has none from here on */
    uv_mutex_unlock(&client->lock);
    return may;
}

/* An address that cannot even be dialled (nng has no memory) has its turn like the others. */
static void go_on(struct link_client *client)
{
    nng_dialer_close(client->dialer);
    client->at = (client->at + 1) % client->n_addresses;
    client->in_vain++;
    uv_mutex_lock(&client->lock);
    client->moving = false;
    uv_mutex_unlock(&client->lock);
    (void)dial(client, NULL);
    begin_turn(client);
}

static void on_turn(uv_timer_t *timer)
{
    struct link_client *client = timer->data;
    if (may_close_dialer(client))
        go_on(client);
    else /* a connection is coming, or going */
        begin_turn(client);
}

/* Asked to move on: not before the last pipe is gone, be it one that was not in use yet when we were asked. */
static void finish_move(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    bool moving = client->moving, gone = client->begun == 0;
    uv_mutex_unlock(&client->lock);
    if (moving && gone)
        go_on(client);
    else if (moving)
        break_pipe(client);
}

static void note_up(struct link_client *client)
{
    client->in_vain = 0;
    uv_timer_stop(&client->turn);
    end_away(client);
}

static void note_down(struct link_client *client)
{
    begin_away(client);
    begin_turn(client);
}

/* Tells of ups and downs since the last time. */
static void tell(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    uint32_t pipe = client->pipe;
    uv_mutex_unlock(&client->lock);
    if (pipe == client->told)
        return;
    bool was_up = client->told != 0;
    client->told = pipe;
    if (pipe != 0)
        note_up(client);
    else if (!client->closing)
        note_down(client);
    if (was_up && client->handlers.on_down)
        client->handlers.on_down(client->handlers.user);
    if (pipe != 0 && !client->closing && client->told == pipe && client->handlers.on_up)
        client->handlers.on_up(client->handlers.user);
}

static void send_next(struct link_client *client)
{
    if (!client->next)
        return;
    client->replaced = false;
    client->step = SENDING;
    nng_aio_set_msg(client->aio, TAKE(client->next));
    nng_send_aio(client->socket, client->aio);
}

/* The answer's pipe is up, whether its announcement has come or not. on_up may ask something new, or close us. */
static void deliver(struct link_client *client, nng_msg *msg)
{
    uint64_t asked = client->asked;
    uint32_t id = (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg));
    uv_mutex_lock(&client->lock);
    if (client->removed != id)
        client->pipe = id;
    uv_mutex_unlock(&client->lock);
    tell(client);
    if (!client->closing && client->asked == asked)
        client->handlers.on_answer(client->handlers.user, nng_msg_body(msg), nng_msg_len(msg));
}

/* The request is on its way. If nobody waits for it and nothing takes its place, REQ must be made to forget it, or it
 * would send it again on the next connection: a receive that is cancelled does that. */
static void await_answer(struct link_client *client)
{
    if (client->replaced && client->next) {
        send_next(client);
        return;
    }
    client->step = AWAITING;
    nng_recv_aio(client->socket, client->aio);
    if (client->replaced)
        nng_aio_cancel(client->aio);
}

/* The aio is ours again: looks at what became of its step and takes the next one. */
static void aio_done(struct link_client *client)
{
    enum step step = client->step;
    bool ok = nng_aio_result(client->aio) == 0;
    if (step == SENDING && ok) { /* the message went with it */
        await_answer(client);
        return;
    }
    /* A step that failed was cancelled by us, or nng had no memory: whoever asked has a patience of its own. */
    nng_msg *msg = nng_aio_get_msg(client->aio);
    nng_aio_set_msg(client->aio, NULL);
    client->step = IDLE;
    if (step == AWAITING && ok && !client->replaced)
        deliver(client, msg);
    if (msg)
        nng_msg_free(msg);
    if (!client->closing && client->step == IDLE)
        send_next(client);
}

static void on_inbox(void *user, struct inbox_item *item)
{
    struct link_client *client = user;
    tell(client);
    if (!client->closing)
        finish_move(client);
    if (item && !client->closing)
        aio_done(client);
}

/* The aio is stopped: what it still has is a request not sent, or an answer not looked at. */
static void free_aio(nng_aio *aio)
{
    nng_msg *msg = nng_aio_get_msg(aio);
    if (msg)
        nng_msg_free(msg);
    nng_aio_free(aio);
}

static void free_client(struct link_client *client)
{
    if (client->next)
        nng_msg_free(client->next);
    if (client->aio)
        free_aio(client->aio);
    for (size_t i = 0; i < client->n_addresses; i++)
        free(client->addresses[i]);
    uv_cond_destroy(&client->changed);
    uv_mutex_destroy(&client->lock);
    free(client);
}

static void let_go(void *user)
{
    struct link_client *client = user;
    uv_mutex_lock(&client->lock);
    bool last = --client->handles == 0;
    uv_mutex_unlock(&client->lock);
    if (last)
        free_client(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

static void client_undo(struct link_client **client)
{
    if (*client)
        link_client_close(*client);
}

static int set_options(struct link_client *client, struct err *err)
{
    int rv;
    if ((rv = nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, RESEND_MS)) != 0 ||
        (rv = nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, LINK_MESSAGE_MAX + REQUEST_ID_LEN)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_PRE, on_pipe_begins, client)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_POST, on_pipe, client)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_pipe, client)) != 0)
        return nng_error_set(err, rv, "link: cannot set the socket up");
    return 0;
}

static int check_addresses(const char *const *addresses, size_t n, struct err *err)
{
    struct address parts;
    for (size_t i = 0; i < n; i++)
        if (address_split(addresses[i], &parts) < 0 || parts.port == 0)
            return err_set(err, -EINVAL, "link: \"%s\" is not an address, want collector.example.org:9740",
                           addresses[i]);
    return 0;
}

static int copy_addresses(struct link_client *client, const char *const *addresses, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        client->addresses[i] = strdup(addresses[i]);
        if (!client->addresses[i])
            return err_set(err, -ENOMEM, "link: out of memory");
        client->n_addresses = i + 1;
    }
    return 0;
}

static int open_socket(struct link_client *client, struct err *err)
{
    int rv;
    if ((rv = nng_aio_alloc(&client->aio, on_aio, client)) != 0 || (rv = nng_req0_open(&client->socket)) != 0)
        return nng_error_set(err, rv, "link: cannot make a socket");
    int rc = set_options(client, err);
    return rc < 0 ? rc : dial(client, err);
}

int link_client_open(struct link_client **ret_client, uv_loop_t *loop, const char *const *addresses, size_t n,
                     struct link_client_handlers handlers, struct err *err)
{
    assert(ret_client && loop && addresses && n >= 1 && n <= LINK_ADDRESSES_MAX && handlers.on_answer);
    int rc = check_addresses(addresses, n, err);
    if (rc < 0)
        return rc;
    struct link_client *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return err_set(err, -ENOMEM, "link: out of memory");
    uv_mutex_init(&fresh->lock); /* aborts on misuse and cannot fail otherwise on Linux */
    uv_cond_init(&fresh->changed);
    uv_timer_init(loop, &fresh->turn); /* never fails */
    uv_timer_init(loop, &fresh->away);
    fresh->turn.data = fresh->away.data = fresh;
    fresh->handles = 2;
    AUTO(client_undo) struct link_client *client = fresh;
    client->handlers = handlers;
    rc = copy_addresses(client, addresses, n, err);
    if (rc == 0)
        rc = inbox_open(&client->inbox, loop, on_inbox, client, err);
    if (rc < 0)
        return rc;
    client->handles++;
    begin_away(client);
    rc = open_socket(client, err);
    if (rc < 0)
        return rc;
    begin_turn(client);
    *ret_client = TAKE(client);
    return 0;
}

const char *link_client_address(const struct link_client *client)
{
    return client->addresses[client->at];
}

/* Stops what the aio is doing; the inbox brings it back. */
static void replace(struct link_client *client)
{
    if (client->next)
        nng_msg_free(TAKE(client->next));
    if (client->step == IDLE)
        return;
    client->replaced = true;
    nng_aio_cancel(client->aio);
}

int link_client_ask(struct link_client *client, const uint8_t *bytes, size_t len, struct err *err)
{
    assert(client && (bytes || len == 0));
    if (len > LINK_MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "link: request of %zu bytes, want at most %d", len, LINK_MESSAGE_MAX);
    nng_msg *msg;
    if (nng_msg_alloc(&msg, 0) != 0)
        return err_set(err, -ENOMEM, "link: out of memory");
    if (len > 0 && nng_msg_append(msg, bytes, len) != 0) {
        nng_msg_free(msg);
        return err_set(err, -ENOMEM, "link: out of memory");
    }
    replace(client);
    client->asked++;
    client->next = msg;
    if (client->step == IDLE)
        send_next(client);
    return 0;
}

void link_client_ask_but_once(struct link_client *client)
{
    assert(client);
    (void)nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE); /* fails for none of ours */
}

void link_client_forget(struct link_client *client)
{
    assert(client);
    replace(client);
}

void link_client_redial(struct link_client *client)
{
    assert(client);
    replace(client);
    break_pipe(client);
}

void link_client_move_on(struct link_client *client)
{
    assert(client);
    link_client_redial(client);
    if (client->n_addresses < 2)
        return;
    uv_mutex_lock(&client->lock);
    client->moving = true;
    uv_mutex_unlock(&client->lock);
    finish_move(client);
}

/* ---- closing ---- */

/* No pipe is begun with any more: ends the one that was, and waits until it is gone. */
static void end_pipe(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    nng_pipe pipe = { .id = client->begun };
    uv_mutex_unlock(&client->lock);
    break_one(client, pipe);
    uv_mutex_lock(&client->lock);
    while (client->begun != 0)
        uv_cond_wait(&client->changed, &client->lock);
    uv_mutex_unlock(&client->lock);
}

/* The aio first: what REQ has been given to send when its pipe goes, nng 1.5.2 may lose the memory of. */
static void close_nng(void *arg)
{
    struct link_client *client = arg;
    if (client->aio)
        nng_aio_stop(client->aio); /* waits for its callback */
    end_pipe(client);
    nng_close(client->socket);
    uv_mutex_lock(&client->lock);
    client->closed = true;
    uv_cond_broadcast(&client->changed);
    uv_mutex_unlock(&client->lock);
    let_go(client);
}

/* False: nng still has not, and what the client has of it is left to it. */
static bool await_closed(struct link_client *client)
{
    const uint64_t end_ns = uv_hrtime() + CLOSE_MAX_MS * UINT64_C(1000000);
    uv_mutex_lock(&client->lock);
    for (uint64_t now_ns; !client->closed && (now_ns = uv_hrtime()) < end_ns;)
        (void)uv_cond_timedwait(&client->changed, &client->lock, end_ns - now_ns);
    bool closed = client->closed;
    client->left = !closed;
    uv_mutex_unlock(&client->lock);
    return closed;
}

/* Without a thread for it nng is not closed at all, and dials on, in vain. */
static void end_nng(struct link_client *client)
{
    uv_thread_t thread;
    uv_mutex_lock(&client->lock);
    client->moving = client->ending = true;
    client->handles++;
    bool started = uv_thread_create(&thread, close_nng, client) == 0;
    client->left = !started;
    uv_mutex_unlock(&client->lock);
    if (!started)
        return;
    if (await_closed(client))
        uv_thread_join(&thread);
    else
        pthread_detach(thread);
}

struct link_client *link_client_close(struct link_client *client)
{
    if (!client)
        return NULL;
    client->closing = true;
    end_nng(client);
    if (client->inbox)
        client->inbox = inbox_close(client->inbox, let_go);
    uv_close((uv_handle_t *)&client->turn, on_timer_closed);
    uv_close((uv_handle_t *)&client->away, on_timer_closed);
    return NULL;
}
