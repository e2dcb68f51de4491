/* Handshakes: who is let in.
 *
 * Message 1 says who asks, but may have been said long ago, for somebody else to play it again. So nothing is done for
 * it but what does no harm when it is repeated: a token enrols the key that came with it, and a key that is enrolled
 * already is let in whatever token it shows. Enrolment is on disk before message 2 says so; until then the handshake
 * waits, also beyond its connection. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/namesake.h"
#include "collector/parts.h"
#include "proto/codec/codec.h"

enum { HELLO_ARENA = 64 << 10 };

#define TEXT_STRANGER                                                                                                  \
    "this key is not known here: `warroom host enroll NAME --tenant TENANT` prints a line that lets this host join"
#define TEXT_OTHERS_ID                                                                                                 \
    "the host id is not that of this key: let this host join anew, by a line of `warroom host enroll NAME`"
#define TEXT_REVOKED "this key was revoked: a new line of `warroom host enroll NAME` lets this host join again"
#define TEXT_REPLACED                                                                                                  \
    "another agent has joined as this host since: if it should not have, `warroom host enroll NAME` prints a new line"
#define TEXT_TOKEN "the invitation is unknown, used up or expired: `warroom host enroll NAME` prints a new one"

/* ---- message 2 ---- */

static struct opening *opening_free(struct opening *opening)
{
    if (opening) {
        handshake_done(&opening->handshake);
        free(opening);
    }
    return NULL;
}

static int write_answer(struct opening *opening, const struct answer *answer, uint8_t *outer, size_t size,
                        size_t *ret_len)
{
    uint8_t inner[1024];
    uint8_t message[sizeof inner + HANDSHAKE_SECOND_BYTES];
    struct envelope envelope = { .kind = ENVELOPE_HANDSHAKE, .inner.at = message };
    size_t len;
    int rc = codec_encode_answer(answer, inner, sizeof inner, &len, NULL);
    if (rc == 0)
        rc = handshake_write(&opening->handshake, inner, len, message, sizeof message, &envelope.inner.len, NULL);
    return rc < 0 ? rc : codec_encode_envelope(&envelope, outer, size, ret_len, NULL);
}

static int answer(struct opening *opening, struct answer *answer)
{
    struct session *session = opening->session;
    uint8_t outer[1200];
    size_t len;
    answer->sent_us = now_us(opening->collector);
    answer->received_us = opening->exchange.received_us;
    opening->exchange.answered_us = answer->sent_us;
    if (!answer->text)
        answer->text = "";
    int rc = write_answer(opening, answer, outer, sizeof outer, &len);
    if (rc < 0)
        link_peer_close(session->peer); /* a request must not stay without an end */
    else
        link_peer_answer(session->peer, opening->ticket, outer, len);
    return rc;
}

/* These end the opening, and leave the session of before as it was. */

/* They may try as often as they like: strangers, and agents that were revoked, which ask on for years. */
static uint64_t times_to_tell(const struct opening *opening, enum refusal refusal)
{
    struct collector *collector = opening->collector;
    struct damper *damper = opening->host ? &opening->host->turned_away : &collector->refused_strangers[refusal];
    return damper_count(damper, 1, clock_mono_us(collector->clock));
}

static void refuse(struct opening *opening, enum refusal refusal, const char *text)
{
    struct answer no = { .kind = ANSWER_REFUSED, .refusal = refusal, .text = text };
    uplink_tell_refusal(opening->session, opening->host, refusal, text, times_to_tell(opening, refusal));
    answer(opening, &no);
    enrol_drop(opening->session);
}

static void put_off(struct opening *opening)
{
    struct answer busy = { .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
    answer(opening, &busy);
    enrol_drop(opening->session);
}

static void welcome(struct opening *opening)
{
    struct session *session = opening->session;
    const struct host *host = opening->host->row;
    struct answer welcome = { .kind = ANSWER_WELCOME,
                              .host = host->id,
                              .name = host->name,
                              .tenant = fleet_tenant(opening->collector->fleet, host->tenant)->name,
                              .policy = opening->host->policy };
    if (answer(opening, &welcome) < 0) {
        enrol_drop(session);
        return;
    }
    handshake_finish(&opening->handshake, &session->channels[!session->current]);
    opening->answered = true;
    uplink_welcomed(session);
}

/* ---- on disk first ---- */

static void admit(struct opening *opening);

static void on_stored(void *user, int rc)
{
    struct opening *opening = user;
    struct keyring *ring = opening->collector->keyring;
    const struct host_key *key = keyring_key(ring, opening->key);
    opening->waits = false;
    if (rc == 0 && key && key->fresh) {
        struct host_key row = *key;
        row.fresh = false;
        keyring_put_key(ring, &row); /* it is there: that cannot fail */
    }
    if (!opening->session)
        opening_free(opening);
    else if (rc < 0)
        put_off(opening); /* the agent comes again, with the same key */
    else
        admit(opening);
}

static void wait_for_disk(struct opening *opening)
{
    struct store *store = opening->collector->store;
    if (store_then(store, STORE_REGISTRY, 0, on_stored, opening) < 0) {
        put_off(opening);
        return;
    }
    opening->waits = true;
    store_hurry(store, STORE_REGISTRY, 0); /* somebody waits at a terminal */
}

/* Its key is known. */
static void admit(struct opening *opening)
{
    const struct host_key *key = keyring_key(opening->collector->keyring, opening->key);
    if (!key || key->state == KEY_REVOKED)
        refuse(opening, REFUSAL_REVOKED, TEXT_REVOKED);
    else if (key->state != KEY_ACTIVE)
        refuse(opening, REFUSAL_REVOKED, TEXT_REPLACED);
    else if (key->host != opening->host->id)
        put_off(opening); /* it became another host's while this one waited: the agent hears so when it asks again */
    else if (key->fresh)
        wait_for_disk(opening);
    else
        welcome(opening);
}

/* ---- enrolment ---- */

struct host_names {
    const struct collector *collector;
    uint64_t tenant;
};

static bool is_taken(void *user, const char *name)
{
    const struct host_names *names = user;
    const struct host *row;
    return fleet_find_host(names->collector->fleet, names->tenant, name, &row, NULL) == 0;
}

static int add_host(struct collector *collector, const struct token *token, const char *hostname,
                    const struct host **ret_row)
{
    char name[NAME_MAX_BYTES + 1];
    struct host_change change = { .group = token->group[0] ? token->group : NULL };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    struct host_names names = { .collector = collector, .tenant = token->tenant };
    int rc = namesake_find(hostname, is_taken, &names, name);
    return rc < 0 ? rc : collector_enroll_host(collector, token->tenant, name, &change, ret_row, NULL);
}

static int put_key(struct collector *collector, const struct host_key *row)
{
    int rc = keyring_put_key(collector->keyring, row);
    return rc < 0 ? rc : store_put_host_key(collector->store, row);
}

static int retire_old_keys(struct collector *collector, uint64_t host, int64_t now)
{
    struct keyring *ring = collector->keyring;
    const struct host_key *key = keyring_next_key(ring, host, NULL);
    int rc = 0;
    while (key && key->state != KEY_ACTIVE)
        key = keyring_next_key(ring, host, key);
    if (key) {
        struct host_key row = *key;
        row.state = KEY_REPLACED;
        row.since_us = now;
        rc = put_key(collector, &row);
    }
    for (const struct host_key *oldest; rc == 0 && (oldest = keyring_crowded_out(ring, host));) {
        struct host_key row = *oldest;
        row.state = KEY_FORGOTTEN;
        keyring_drop_key(ring, row.key);
        rc = store_put_host_key(collector->store, &row);
    }
    return rc;
}

/* A retired host that comes back is judged again. */
static int put_in_service(struct collector *collector, const struct host *host)
{
    struct host row = *host;
    const struct host *kept;
    if (row.standing == HOST_ACTIVE)
        return 0;
    row.standing = HOST_ACTIVE;
    return command_keep_host(collector, &row, &kept, NULL);
}

/* All of it goes into one group. */
static int enrol(struct opening *opening, const struct token *shown, const char *hostname)
{
    const struct token token = *shown; /* the keyring's own may go with the next change */
    struct collector *collector = opening->collector;
    int64_t now = now_us(collector);
    const struct host *host = fleet_host(collector->fleet, token.host);
    int rc = host ? put_in_service(collector, host) : add_host(collector, &token, hostname, &host);
    if (rc == 0)
        rc = retire_old_keys(collector, host->id, now);
    if (rc < 0)
        return rc;
    struct host_key row = { .host = host->id, .state = KEY_ACTIVE, .since_us = now, .fresh = true };
    memcpy(row.key, opening->key, sizeof row.key);
    rc = put_key(collector, &row);
    if (rc == 0)
        rc = invite_use(collector, &token);
    if (rc < 0)
        return rc;
    opening->host = scope_host(collector, host->id);
    if (opening->session->host == opening->host)
        uplink_leave_host(opening->session); /* it had the key of before itself */
    uplink_send_away(collector, opening->host);
    desk_host_changed(collector, host->id);
    log_event(&collector->log, LOG_INFO, "host_joined", KV_TEXT("host", host->name),
              KV_TEXT("tenant", fleet_tenant(collector->fleet, host->tenant)->name),
              KV_TEXT("peer", link_peer_address(opening->session->peer)));
    return 0;
}

static void take_stranger(struct opening *opening, const struct hello *hello)
{
    struct collector *collector = opening->collector;
    uint8_t hash[TOKEN_HASH_BYTES];
    if (hello->host != 0 || hello->token.len == 0) {
        refuse(opening, REFUSAL_UNKNOWN_HOST, TEXT_STRANGER);
        return;
    }
    codec_token_hash(hello->token.at, hash);
    const struct token *token = keyring_token(collector->keyring, hash);
    if (!token || token->expires_us <= now_us(collector)) {
        refuse(opening, REFUSAL_TOKEN, TEXT_TOKEN);
    } else if (store_fault(collector->store, STORE_REGISTRY, 0)) {
        put_off(opening);
    } else {
        int rc = enrol(opening, token, hello->hostname);
        if (rc == -EEXIST)
            refuse(opening, REFUSAL_LIMIT, "too many hosts of this tenant are called so");
        else if (rc == -ENOSPC)
            refuse(opening, REFUSAL_LIMIT, "this tenant has as many hosts as its collector lets it have (limit_hosts)");
        else if (rc < 0)
            put_off(opening);
        else
            admit(opening);
    }
}

/* ---- message 1 ---- */

static void take_hello(struct opening *opening, const struct hello *hello)
{
    struct collector *collector = opening->collector;
    const struct host_key *key = keyring_key(collector->keyring, opening->key);
    opening->run = hello->run;
    opening->mono_us = hello->mono_us;
    opening->wall_us = hello->wall_us;
    snprintf(opening->version, sizeof opening->version, "%s", hello->version);
    snprintf(opening->system, sizeof opening->system, "%s", hello->system);
    if (collector->closing) {
        put_off(opening);
        return;
    }
    if (store_run_is_imported(&hello->run)) {
        refuse(opening, REFUSAL_MALFORMED, UPLINK_RUN_RESERVED);
        return;
    }
    if (!key) {
        take_stranger(opening, hello);
        return;
    }
    opening->host = scope_host(collector, key->host);
    if (hello->host != 0 && hello->host != key->host)
        refuse(opening, REFUSAL_UNKNOWN_HOST, TEXT_OTHERS_ID);
    else
        admit(opening);
}

/* What is decoded may hold a token, so it has memory to itself, of which nothing is left. */
static void take_opened(struct opening *opening, const uint8_t *payload, size_t len)
{
    AUTO(arena_wipe) struct arena arena;
    struct request request;
    struct err err;
    arena_init(&arena, HELLO_ARENA);
    int rc = codec_decode_request(payload, len, &arena, &request, &err);
    if (rc == 0 && request.kind != REQUEST_HELLO)
        rc = err_set(&err, -EBADMSG, "a handshake holds a hello");
    if (rc < 0)
        refuse(opening, rc == -EMSGSIZE ? REFUSAL_TOO_LARGE : REFUSAL_MALFORMED, err.text);
    else
        take_hello(opening, &request.hello);
}

/* Not for us, by a key that nobody has, or cut short: it gets no answer, for there is nobody to whom one could be
 * sealed. */
static void take_unopened(struct session *session, const struct err *err)
{
    session->collector->unopened_handshakes++;
    uplink_tell_strange(session, STRANGE_HANDSHAKE, err->text);
    enrol_drop(session);
    uplink_dismiss(session);
}

void enrol_take(struct session *session, uint32_t ticket, struct bytes message, int64_t received_us)
{
    struct collector *collector = session->collector;
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX];
    size_t len;
    struct err err;
    if (session->opening && session->opening->waits)
        uplink_no_session(session, session->opening->ticket); /* the agent does not wait for it any more */
    enrol_drop(session);
    struct opening *opening = calloc(1, sizeof *opening);
    if (!opening) {
        link_peer_close(session->peer);
        return;
    }
    opening->collector = collector;
    opening->session = session;
    opening->ticket = ticket;
    opening->exchange.received_us = received_us;
    session->opening = opening;
    handshake_respond(&opening->handshake, CHANNEL_PROLOGUE, &collector->key);
    if (handshake_read(&opening->handshake, message.at, message.len, payload, sizeof payload, &len, &err) < 0) {
        take_unopened(session, &err);
        return;
    }
    memcpy(opening->key, handshake_peer(&opening->handshake)->bytes, sizeof opening->key);
    take_opened(opening, payload, len);
    explicit_bzero(payload, sizeof payload); /* it may have held a token */
}

void enrol_drop(struct session *session)
{
    struct opening *opening = TAKE(session->opening);
    if (!opening)
        return;
    opening->session = NULL;
    if (!opening->answered) {
        handshake_done(&opening->handshake);
    } else {
        channel_done(&session->channels[!session->current]);
    }
    if (!opening->waits) /* otherwise when the disk has spoken */
        opening_free(opening);
}
