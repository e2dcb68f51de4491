#include "tests/sim/net.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/link/client.h"
#include "proto/link/server.h"
#include "tests/sim/tap.h"
#include "tests/sim/world.h"
#include "utlist.h"

#define NEVER_US        INT64_MAX
#define DIAL_LEAST_US   (200 * US_PER_MS)
#define DIAL_MOST_US    (30 * US_PER_S)
#define USER_TIMEOUT_US (LINK_USER_TIMEOUT_S * US_PER_S)
#define VANISH_LEAST_US (60 * US_PER_S) /* until a server's kernel has asked in vain */
#define VANISH_MOST_US  (90 * US_PER_S)
enum { TICKETS_MAX = 8 };

enum packet_kind { PACKET_OPEN, PACKET_MESSAGE, PACKET_CLOSE };

struct packet {
    struct packet *next;
    enum packet_kind kind;
    uint32_t id; /* of the request */
    int64_t sent_us, due_us;
    size_t len;
    uint8_t bytes[];
};

struct link_peer { /* a connection, both its ends */
    struct link_peer *next, *prev;
    struct line *line;
    struct link_client *client; /* NULL: this end is closed */
    struct link_server *server; /* likewise */
    struct packet *way[2];
    int64_t due_us[2]; /* of the last packet: what is sent later arrives later */
    int64_t break_us;  /* when the client's kernel gives up */
    int64_t vanish_us; /* when the server's does */
    bool opened;       /* the server was told */
    bool leaving;      /* link_peer_close() */
    void *user;
    unsigned n_tickets; /* unanswered */
    uint32_t tickets[TICKETS_MAX];
    char address[32];
};

struct link_server {
    uv_timer_t timer;
    struct process *process;
    struct link_server_handlers handlers;
    struct link_counts counts;
};

struct link_client {
    uv_timer_t timer;
    struct process *process;
    struct link_client_handlers handlers;
    struct link_peer *peer; /* NULL: none is being made */
    bool up, told_up;
    int64_t dial_us, pause_us;
    uint32_t asked;
    struct bytes_of { /* the request nobody has answered; NULL: none */
        size_t len;
        uint8_t bytes[];
    } * request;
};

static struct {
    struct link_peer *peers;
    struct link_server *server; /* that listens; NULL: none */
    unsigned ports;
} net;

/* ---- when somebody has something to do ---- */

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static void wake(uv_timer_t *timer, uv_timer_cb fn, int64_t at_us)
{
    if (uv_is_closing((uv_handle_t *)timer))
        return;
    if (at_us == NEVER_US) {
        uv_timer_stop(timer);
        return;
    }
    int64_t wait_us = at_us - world_now_us();
    uv_update_time(timer->loop); /* we may not be in a callback of this loop */
    uv_timer_start(timer, fn, wait_us > 0 ? (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS) : 0, 0);
}

static void on_server_timer(uv_timer_t *timer);
static void on_client_timer(uv_timer_t *timer);

static void wake_server(struct link_server *server)
{
    int64_t at_us = NEVER_US;
    const struct link_peer *peer;
    DL_FOREACH(net.peers, peer)
    {
        if (peer->server != server)
            continue;
        at_us = earlier(at_us, peer->leaving ? 0 : peer->vanish_us);
        if (peer->way[NET_UP])
            at_us = earlier(at_us, peer->way[NET_UP]->due_us);
    }
    wake(&server->timer, on_server_timer, at_us);
}

static void wake_client(struct link_client *client)
{
    int64_t at_us = client->up != client->told_up ? 0 : NEVER_US;
    if (!client->peer)
        at_us = earlier(at_us, client->dial_us);
    else
        at_us = earlier(at_us, client->peer->break_us);
    if (client->peer && client->peer->way[NET_DOWN])
        at_us = earlier(at_us, client->peer->way[NET_DOWN]->due_us);
    wake(&client->timer, on_client_timer, at_us);
}

static void wake_ends(struct link_peer *peer)
{
    if (peer->server)
        wake_server(peer->server);
    if (peer->client)
        wake_client(peer->client);
}

/* ---- packets ---- */

static struct packet *drop_first(struct link_peer *peer, enum net_way way)
{
    struct packet *packet = peer->way[way];
    LL_DELETE(peer->way[way], packet);
    return packet;
}

static void drop_all(struct link_peer *peer, enum net_way way)
{
    while (peer->way[way])
        free(drop_first(peer, way));
}

static int64_t delay_us(const struct line *line, enum net_way way, int64_t from_us)
{
    int64_t again_us = line->cut_us[way] > from_us ? dice_between(world_dice(), 0, US_PER_S) : 0;
    return again_us + dice_between(world_dice(), line->least_us, line->most_us);
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* The kernel's patience ends when nothing that was sent can be acknowledged for too long. */
static void mind_break(struct link_peer *peer, int64_t sent_us)
{
    int64_t patience_us = sent_us + USER_TIMEOUT_US;
    if (peer->line->cut_us[NET_UP] > patience_us || peer->line->cut_us[NET_DOWN] > patience_us)
        peer->break_us = earlier(peer->break_us, patience_us);
}

static void send_packet(struct link_peer *peer, enum net_way way, enum packet_kind kind, uint32_t id, const void *bytes,
                        size_t len)
{
    struct packet *packet = malloc(sizeof *packet + len);
    if (!packet)
        world_fail("out of memory");
    int64_t now_us = world_now_us();
    int64_t from_us = later(now_us, peer->line->cut_us[way]);
    *packet = (struct packet){ .kind = kind, .id = id, .sent_us = now_us, .len = len };
    packet->due_us = later(peer->due_us[way], from_us + delay_us(peer->line, way, now_us));
    peer->due_us[way] = packet->due_us;
    if (len > 0)
        memcpy(packet->bytes, bytes, len);
    LL_APPEND(peer->way[way], packet);
    if (way == NET_UP && peer->client)
        mind_break(peer, now_us);
    wake_ends(peer);
}

static void free_if_gone(struct link_peer *peer)
{
    if (peer->client || peer->server)
        return;
    drop_all(peer, NET_UP);
    drop_all(peer, NET_DOWN);
    DL_DELETE(net.peers, peer);
    free(peer);
}

/* ---- the client ---- */

static void redial_after(struct link_client *client, int64_t wait_us)
{
    client->dial_us = world_now_us() + wait_us + dice_between(world_dice(), 0, client->pause_us);
    client->pause_us = earlier(client->pause_us * 2, DIAL_MOST_US);
}

/* Its end of the connection is no more. `told`: the server's end will hear of it. */
static void client_lose(struct link_client *client, bool told)
{
    struct link_peer *peer = TAKE(client->peer);
    client->up = false;
    if (!peer)
        return;
    peer->client = NULL;
    drop_all(peer, NET_DOWN);
    if (peer->server && told)
        send_packet(peer, NET_UP, PACKET_CLOSE, 0, NULL, 0);
    if (peer->server) {
        peer->vanish_us = world_now_us() + dice_between(world_dice(), VANISH_LEAST_US, VANISH_MOST_US);
        wake_server(peer->server);
    }
    free_if_gone(peer);
}

static void transmit(struct link_client *client)
{
    if (client->up && client->request && !client->process->dead)
        send_packet(client->peer, NET_UP, PACKET_MESSAGE, client->asked, client->request->bytes, client->request->len);
}

static void client_dial(struct link_client *client)
{
    const struct line *line = client->process->line;
    int64_t now_us = world_now_us();
    if (later(line->cut_us[NET_UP], line->cut_us[NET_DOWN]) > now_us + USER_TIMEOUT_US) {
        redial_after(client, USER_TIMEOUT_US);
        return;
    }
    if (!net.server) { /* refused */
        redial_after(client, line->most_us * 2);
        return;
    }
    struct link_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        world_fail("out of memory");
    *peer = (struct link_peer){ .line = client->process->line,
                                .client = client,
                                .server = net.server,
                                .break_us = NEVER_US,
                                .vanish_us = NEVER_US };
    snprintf(peer->address, sizeof peer->address, "10.0.0.1:%u", 1024 + net.ports++ % 64000);
    DL_APPEND(net.peers, peer);
    client->peer = peer;
    send_packet(peer, NET_UP, PACKET_OPEN, 0, NULL, 0);
}

static void client_take(struct link_client *client, struct packet *packet)
{
    AUTO(auto_free) struct packet *held = packet;
    switch (held->kind) {
    case PACKET_OPEN:
        client->up = true;
        client->pause_us = DIAL_LEAST_US;
        transmit(client);
        break;
    case PACKET_MESSAGE:
        if (held->id != client->asked || !client->request)
            break;
        free(TAKE(client->request));
        client->handlers.on_answer(client->handlers.user, held->bytes, held->len);
        break;
    case PACKET_CLOSE:
        client_lose(client, true);
        redial_after(client, 0);
        break;
    }
}

static void client_tell(struct link_client *client)
{
    if (client->up == client->told_up)
        return;
    client->told_up = client->up;
    if (client->up)
        client->handlers.on_up(client->handlers.user);
    else
        client->handlers.on_down(client->handlers.user);
}

/* One thing at a time: what a handler does may change everything. */
static void on_client_timer(uv_timer_t *timer)
{
    struct link_client *client = timer->data;
    struct link_peer *peer = client->peer;
    int64_t now_us = world_now_us();
    if (client->up != client->told_up) {
        client_tell(client);
    } else if (peer && peer->break_us <= now_us) {
        client_lose(client, false);
        redial_after(client, 0);
    } else if (peer && peer->way[NET_DOWN] && peer->way[NET_DOWN]->due_us <= now_us) {
        client_take(client, drop_first(peer, NET_DOWN));
    } else if (!peer && client->dial_us <= now_us) {
        client_dial(client);
    }
    wake_client(client);
}

int link_client_open(struct link_client **ret_client, uv_loop_t *loop, const char *const *addresses, size_t n,
                     struct link_client_handlers handlers, struct err *err)
{
    (void)addresses, (void)n; /* the line says where it leads */
    struct link_client *client = calloc(1, sizeof *client);
    if (!client)
        return err_set(err, -ENOMEM, "link: out of memory");
    client->process = process_of(loop);
    client->handlers = handlers;
    client->pause_us = DIAL_LEAST_US;
    client->dial_us = world_now_us();
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    wake_client(client);
    *ret_client = client;
    return 0;
}

int link_client_ask(struct link_client *client, const uint8_t *bytes, size_t len, struct err *err)
{
    if (len > LINK_MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "link: request of %zu bytes, want at most %d", len, LINK_MESSAGE_MAX);
    free(client->request);
    client->request = malloc(sizeof *client->request + len);
    if (!client->request)
        return err_set(err, -ENOMEM, "link: out of memory");
    client->request->len = len;
    memcpy(client->request->bytes, bytes, len);
    client->asked++;
    transmit(client);
    return 0;
}

void link_client_forget(struct link_client *client)
{
    free(TAKE(client->request));
}

void link_client_redial(struct link_client *client)
{
    free(TAKE(client->request));
    if (!client->up)
        return;
    client_lose(client, true);
    client->dial_us = world_now_us() + dice_between(world_dice(), 0, DIAL_LEAST_US);
    wake_client(client);
}

void link_client_move_on(struct link_client *client)
{
    link_client_redial(client);
}

const char *link_client_address(const struct link_client *client)
{
    (void)client;
    return "collector:9740";
}

static void on_client_closed(uv_handle_t *handle)
{
    struct link_client *client = handle->data;
    free(client->request);
    free(client);
}

struct link_client *link_client_close(struct link_client *client)
{
    if (!client)
        return NULL;
    client_lose(client, true);
    uv_close((uv_handle_t *)&client->timer, on_client_closed);
    return NULL;
}

/* ---- the server ---- */

const char *link_close_name(enum link_close why)
{
    static const char *const names[LINK_CLOSE_COUNT] = { "peer", "handshake", "protocol", "slow",
                                                         "full", "crowded",   "ours" };
    return names[why];
}

struct link_limits link_limits_default(void)
{
    return (struct link_limits){ .peers = 20000 };
}

static void server_lose(struct link_peer *peer, enum link_close why)
{
    struct link_server *server = TAKE(peer->server);
    drop_all(peer, NET_UP);
    server->counts.closed[why]++;
    server->counts.open--;
    if (peer->opened)
        server->handlers.on_close(server->handlers.user, peer, why);
    if (peer->client)
        send_packet(peer, NET_DOWN, PACKET_CLOSE, 0, NULL, 0);
    free_if_gone(peer);
}

static bool has_ticket(const struct link_peer *peer, uint32_t id)
{
    for (unsigned i = 0; i < peer->n_tickets; i++)
        if (peer->tickets[i] == id)
            return true;
    return false;
}

static void server_take(struct link_peer *peer, struct packet *packet)
{
    AUTO(auto_free) struct packet *held = packet;
    struct link_server *server = peer->server;
    switch (held->kind) {
    case PACKET_OPEN:
        peer->opened = true;
        server->counts.accepted++;
        server->counts.open++;
        send_packet(peer, NET_DOWN, PACKET_OPEN, 0, NULL, 0);
        server->handlers.on_open(server->handlers.user, peer);
        break;
    case PACKET_MESSAGE:
        if (peer->leaving || has_ticket(peer, held->id))
            break;
        assert(peer->n_tickets < TICKETS_MAX);
        peer->tickets[peer->n_tickets++] = held->id;
        server->counts.requests++;
        server->counts.bytes_in += held->len;
        tap_give(peer->line->user, held->id);
        server->handlers.on_request(server->handlers.user, peer, held->id, held->bytes, held->len);
        tap_given();
        break;
    case PACKET_CLOSE:
        server_lose(peer, LINK_CLOSE_PEER);
        break;
    }
}

/* The first that has something to do. */
static bool serve_one(struct link_server *server)
{
    struct link_peer *peer;
    int64_t now_us = world_now_us();
    DL_FOREACH(net.peers, peer)
    {
        if (peer->server != server)
            continue;
        if (peer->leaving || peer->vanish_us <= now_us) {
            server_lose(peer, peer->leaving ? LINK_CLOSE_OURS : LINK_CLOSE_PEER);
            return true;
        }
        if (peer->way[NET_UP] && peer->way[NET_UP]->due_us <= now_us) {
            server_take(peer, drop_first(peer, NET_UP));
            return true;
        }
    }
    return false;
}

static void on_server_timer(uv_timer_t *timer)
{
    struct link_server *server = timer->data;
    while (serve_one(server))
        ;
    wake_server(server);
}

int link_server_open(struct link_server **ret_server, uv_loop_t *loop, const char *address, struct link_limits limits,
                     struct link_server_handlers handlers, struct err *err)
{
    (void)address;
    (void)limits;
    if (net.server)
        return err_set(err, -EADDRINUSE, "link: another collector listens already");
    struct link_server *server = calloc(1, sizeof *server);
    if (!server)
        return err_set(err, -ENOMEM, "link: out of memory");
    server->process = process_of(loop);
    server->handlers = handlers;
    uv_timer_init(loop, &server->timer);
    server->timer.data = server;
    net.server = server;
    *ret_server = server;
    return 0;
}

int link_server_adopt(struct link_server **ret_server, uv_loop_t *loop, int bound_fd, struct link_limits limits,
                      struct link_server_handlers handlers, struct err *err)
{
    (void)bound_fd;
    return link_server_open(ret_server, loop, "", limits, handlers, err);
}

unsigned link_server_port(const struct link_server *server)
{
    (void)server;
    return 9740;
}

struct link_counts link_server_counts(const struct link_server *server)
{
    return server->counts;
}

void link_peer_answer(struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct link_server *server = peer->server;
    if (!server || peer->leaving || server->process->dead)
        return;
    unsigned at = 0;
    while (at < peer->n_tickets && peer->tickets[at] != ticket)
        at++;
    if (at == peer->n_tickets)
        return;
    peer->tickets[at] = peer->tickets[--peer->n_tickets];
    server->counts.answers++;
    server->counts.bytes_out += len;
    tap_answer(peer->line->user, ticket, bytes, len);
    if (peer->client) {
        send_packet(peer, NET_DOWN, PACKET_MESSAGE, ticket, bytes, len);
        return;
    }
    /* Nobody is there any more: the answer to this is a reset. */
    int64_t open_us = later(peer->line->cut_us[NET_UP], peer->line->cut_us[NET_DOWN]);
    peer->vanish_us = earlier(peer->vanish_us, later(world_now_us(), open_us) + 2 * peer->line->most_us);
    wake_server(server);
}

void link_peer_close(struct link_peer *peer)
{
    peer->leaving = true;
    if (peer->server)
        wake_server(peer->server);
}

void link_peer_known(struct link_peer *peer)
{
    (void)peer; /* nobody crowds here */
}

uint64_t link_peer_source(const struct link_peer *peer)
{
    (void)peer;
    return 0;
}

void link_peer_set_user(struct link_peer *peer, void *user)
{
    peer->user = user;
}

void *link_peer_user(const struct link_peer *peer)
{
    return peer->user;
}

const char *link_peer_address(const struct link_peer *peer)
{
    return peer->address;
}

static void on_server_closed(uv_handle_t *handle)
{
    struct link_server *server = handle->data;
    struct link_peer *peer, *next;
    DL_FOREACH_SAFE(net.peers, peer, next)
    if (peer->server == server)
        server_lose(peer, LINK_CLOSE_OURS);
    free(server);
}

struct link_server *link_server_close(struct link_server *server)
{
    if (!server)
        return NULL;
    net.server = NULL;
    uv_close((uv_handle_t *)&server->timer, on_server_closed);
    return NULL;
}

/* ---- what goes wrong ---- */

static void hold_back(struct link_peer *peer, enum net_way way, int64_t until_us)
{
    struct packet *packet;
    int64_t now_us = world_now_us();
    LL_FOREACH(peer->way[way], packet)
    {
        if (packet->due_us <= now_us)
            continue;
        packet->due_us = later(packet->due_us, until_us);
        peer->due_us[way] = packet->due_us;
    }
    LL_FOREACH(peer->way[NET_UP], packet)
    if (peer->client && packet->due_us > now_us)
        mind_break(peer, packet->sent_us);
}

void net_cut(struct line *line, enum net_way way, int64_t until_us)
{
    struct link_peer *peer;
    line->cut_us[way] = later(line->cut_us[way], until_us);
    DL_FOREACH(net.peers, peer)
    {
        if (peer->line != line)
            continue;
        hold_back(peer, way, line->cut_us[way]);
        wake_ends(peer);
    }
}

void net_reset(struct line *line)
{
    struct link_peer *peer, *next;
    DL_FOREACH_SAFE(net.peers, peer, next)
    {
        if (peer->line != line)
            continue;
        for (int way = NET_UP; way <= NET_DOWN; way++)
            if (dice_chance(world_dice(), 50))
                drop_all(peer, (enum net_way)way);
        struct link_client *client = peer->client;
        if (client) {
            client_lose(client, true);
            redial_after(client, 0);
            wake_client(client);
        }
    }
}
