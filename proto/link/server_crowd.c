/* Strangers stand in two lines, each in the order they came: one of all, one of their address. Whoever is known stands
 * in neither, so what a crowd does at the door is nothing to those inside. */
#include <errno.h>
#include <stdlib.h>

#include "proto/link/server_parts.h"

int crowd_open(struct link_server *server)
{
    TAILQ_INIT(&server->peers);
    TAILQ_INIT(&server->strangers);
    for (int i = 0; i < SOURCE_CHAINS; i++)
        LIST_INIT(&server->chains[i]);
    return uv_random(NULL, NULL, &server->chain_seed, sizeof server->chain_seed, 0, NULL);
}

static unsigned chain_of(const struct link_server *server, uint64_t key)
{
    uint64_t mixed = (key ^ server->chain_seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(mixed >> 32) % SOURCE_CHAINS;
}

/* NULL: out of memory. */
static struct source *source_of(struct link_server *server, uint64_t key)
{
    unsigned chain = chain_of(server, key);
    struct source *source;
    LIST_FOREACH(source, &server->chains[chain], entry)
    {
        if (source->key == key)
            return source;
    }
    source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->key = key;
    TAILQ_INIT(&source->strangers);
    LIST_INSERT_HEAD(&server->chains[chain], source, entry);
    return source;
}

static void leave_source(struct link_peer *peer)
{
    struct source *source = peer->source;
    peer->source = NULL;
    peer->server->counts.strangers--;
    TAILQ_REMOVE(&source->strangers, peer, beside);
    if (--source->n > 0)
        return;
    LIST_REMOVE(source, entry);
    free(source);
}

int crowd_enter(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    struct source *source = source_of(server, peer->source_key);
    if (!source)
        return -ENOMEM;
    peer->source = source;
    TAILQ_INSERT_TAIL(&server->strangers, peer, entry);
    TAILQ_INSERT_TAIL(&source->strangers, peer, beside);
    server->counts.strangers++;
    source->n++;
    if (source->n > server->limits.crowd)
        peer_end(TAILQ_FIRST(&source->strangers), LINK_CLOSE_CROWDED);
    else if (server->counts.strangers > server->limits.strangers)
        peer_end(TAILQ_FIRST(&server->strangers), LINK_CLOSE_CROWDED);
    return 0;
}

void crowd_leave(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    if (peer->source) {
        TAILQ_REMOVE(&server->strangers, peer, entry);
        leave_source(peer);
    } else {
        TAILQ_REMOVE(&server->peers, peer, entry);
    }
}

struct link_peer *crowd_holder(const struct link_server *server)
{
    struct link_peer *peer, *most = NULL;
    TAILQ_FOREACH(peer, &server->strangers, entry)
    {
        if (peer->held > 0)
            return peer;
    }
    TAILQ_FOREACH(peer, &server->peers, entry)
    {
        if (!most || peer->held > most->held)
            most = peer;
    }
    return most;
}

void link_peer_known(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    if (!peer->source) /* known already, or gone */
        return;
    TAILQ_REMOVE(&server->strangers, peer, entry);
    leave_source(peer);
    TAILQ_INSERT_TAIL(&server->peers, peer, entry);
}

uint64_t link_peer_source(const struct link_peer *peer)
{
    return peer->source_key;
}
