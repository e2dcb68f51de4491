/* One address at a time has a link of its own; whatever ends the try ends the link, and when that is closed the next
 * address has its turn. */
#include "agent/join.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "agent/self.h"
#include "agent/uplink/secure.h"
#include "base/arena.h"
#include "base/auto.h"
#include "base/moment.h"
#include "proto/codec/codec.h"
#include "proto/link/address.h"
#include "proto/link/client.h"

struct joining {
    const struct join_config *config;
    const struct invite *invite;
    uv_loop_t loop;
    uv_timer_t timer;
    struct link_client *link;
    size_t at; /* the address */
    bool asked;
    struct secure secure;
    struct sent sent;
    uint8_t heard[HANDSHAKE_PAYLOAD_MAX];
    struct identity identity;
    struct joined joined;
    bool decided;
    int rc; /* once it is */
    struct err err;
};

/* ---- one address ---- */

static void stop(struct joining *j)
{
    uv_timer_stop(&j->timer);
    j->link = link_client_close(j->link);
}

static void decide(struct joining *j, int rc)
{
    j->decided = true;
    j->rc = rc;
    stop(j);
}

static void give_up(struct joining *j, const char *why)
{
    fprintf(j->config->say, "warroom-agent: %s %s\n", j->invite->addresses[j->at], why);
    stop(j);
}

static void on_timer(uv_timer_t *timer)
{
    struct joining *j = timer->data;
    give_up(j, j->asked ? "does not answer" : "cannot be reached");
}

static void on_up(void *user)
{
    struct joining *j = user;
    struct self_names names;
    self_names(&names);
    struct hello hello = {
        .mono_us = clock_mono_us(j->config->clock),
        .wall_us = clock_wall_us(j->config->clock),
        .version = WARROOM_VERSION,
        .hostname = names.hostname,
        .system = names.system,
        .token = { j->invite->token, sizeof j->invite->token },
    };
    if (getrandom(hello.run.bytes, sizeof hello.run.bytes, 0) != (ssize_t)sizeof hello.run.bytes) {
        decide(j, err_sys(&j->err, -errno, "join: no random bits for the run"));
        return;
    }
    int rc = secure_hello(&j->secure, &hello, &j->sent, &j->err);
    if (rc == 0)
        rc = link_client_ask(j->link, j->sent.bytes, j->sent.len, &j->err);
    j->asked = true;
    if (rc < 0)
        decide(j, rc);
}

static void on_down(void *user)
{
    struct joining *j = user;
    if (j->asked)
        give_up(j, "hung up on us: it is not the collector of this invitation, or it has another key by now");
}

static void copy_text(char to[TEXT_MAX + 1], const char *text)
{
    snprintf(to, TEXT_MAX + 1, "%s", text ? text : "");
}

static void take_welcome(struct joining *j, const struct answer *answer)
{
    if (answer->host == 0) {
        give_up(j, "did not say who this host is: the collector is older than its invitation");
        return;
    }
    j->identity.host = j->joined.host = answer->host;
    copy_text(j->joined.address, j->invite->addresses[j->at]);
    copy_text(j->joined.name, answer->name);
    copy_text(j->joined.tenant, answer->tenant);
    decide(j, 0);
}

static void give_up_for_now(struct joining *j, int64_t retry_us)
{
    char text[128], duration[DURATION_TEXT];
    int64_t retry_s = (retry_us + US_PER_S - 1) / US_PER_S;
    snprintf(text, sizeof text, "has no time for us: join again in %s", duration_format(duration, retry_s * US_PER_S));
    give_up(j, text);
}

static void take_answer(struct joining *j, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_WELCOME:
        take_welcome(j, answer);
        break;
    case ANSWER_REFUSED:
        decide(j, err_set(&j->err, -EPERM, "join: the collector refused: %s (%s)", answer->text,
                          refusal_name(answer->refusal)));
        break;
    case ANSWER_BUSY:
        give_up_for_now(j, answer->retry_us);
        break;
    default:
        give_up(j, "answered something else than a hello wants");
    }
}

static void take_handshake(struct joining *j, const struct envelope *envelope)
{
    size_t len;
    if (secure_open(&j->secure, envelope, j->heard, sizeof j->heard, &len, NULL) != 0) {
        give_up(j, "was answered for by somebody else than the collector of this invitation");
        return;
    }
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct answer answer;
    if (codec_decode_answer(j->heard, len, &arena, &answer, NULL) < 0)
        give_up(j, "answered what this version does not understand");
    else
        take_answer(j, &answer);
}

static void on_answer(void *user, const uint8_t *bytes, size_t len)
{
    struct joining *j = user;
    struct envelope envelope;
    if (codec_decode_envelope(bytes, len, &envelope, NULL) < 0)
        give_up(j, "is no collector");
    else if (envelope.kind == ENVELOPE_HANDSHAKE)
        take_handshake(j, &envelope);
    else if (envelope.kind == ENVELOPE_LEAVE)
        give_up_for_now(j, envelope.retry_us);
    else
        give_up(j, "answered something else than a hello wants");
}

static void try_address(struct joining *j)
{
    struct link_client_handlers handlers = { on_up, on_down, on_answer, j };
    j->asked = false;
    int rc = link_client_open(&j->link, &j->loop, &j->invite->addresses[j->at], 1, handlers, &j->err);
    if (rc < 0) {
        decide(j, rc);
        return;
    }
    link_client_ask_but_once(j->link); /* nng would be back at who hung up on us before we hear of it */
    uv_timer_start(&j->timer, on_timer, (uint64_t)(j->config->wait_us / US_PER_MS), 0);
    uv_run(&j->loop, UV_RUN_DEFAULT); /* to the end of the link */
}

/* ---- the whole ---- */

static int ask_all(struct joining *j, struct err *err)
{
    int rc = uv_loop_init(&j->loop);
    if (rc < 0)
        return err_sys(err, rc, "join: no event loop");
    uv_timer_init(&j->loop, &j->timer); /* never fails */
    j->timer.data = j;
    for (j->at = 0; j->at < j->invite->n_addresses && !j->decided; j->at++)
        try_address(j);
    uv_close((uv_handle_t *)&j->timer, NULL);
    uv_run(&j->loop, UV_RUN_DEFAULT);
    uv_loop_close(&j->loop);
    if (!j->decided)
        return err_set(err, -EHOSTUNREACH, "join: no address of the invitation led to its collector");
    if (j->rc < 0)
        *err = j->err;
    return j->rc;
}

static int begin_identity(struct identity *ret, const struct invite *invite, struct err *err)
{
    struct address parts;
    for (size_t i = 0; i < invite->n_addresses; i++) {
        if (address_split(invite->addresses[i], &parts) < 0 || parts.port == 0)
            return err_set(err, -EBADMSG, "join: the invitation names \"%s\", which is no address of a collector",
                           invite->addresses[i]);
        copy_text(ret->addresses[i], invite->addresses[i]);
    }
    ret->n_addresses = invite->n_addresses;
    _Static_assert((int)INVITE_ADDRESSES_MAX <= (int)LINK_ADDRESSES_MAX, "addresses an agent may dial");
    _Static_assert(sizeof ret->collector.bytes == sizeof invite->collector, "a public key");
    memcpy(ret->collector.bytes, invite->collector, sizeof ret->collector.bytes);
    return key_pair_draw(&ret->keys, err);
}

static void joining_done(struct joining *j)
{
    secure_done(&j->secure);
    identity_done(&j->identity);
}

static int join_with(const struct join_config *config, const struct invite *invite, struct joined *ret, struct err *err)
{
    AUTO(joining_done) struct joining j = { .config = config, .invite = invite };
    int rc = begin_identity(&j.identity, invite, err);
    if (rc < 0)
        return rc;
    secure_init(&j.secure, &j.identity.keys, &j.identity.collector);
    if (invite->expires_us <= clock_wall_us(config->clock)) /* the collector's clock counts */
        fprintf(config->say, "warroom-agent: by this host's clock the invitation has expired; asking all the same\n");
    rc = ask_all(&j, err);
    if (rc == 0)
        rc = identity_write(config->path, config->replace, &j.identity, err);
    if (rc == 0)
        *ret = j.joined;
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void invite_done(struct invite *invite)
{
    explicit_bzero(invite, sizeof *invite);
}

int join(const struct join_config *config, const char *line, size_t len, struct joined *ret, struct err *err)
{
    assert(config && config->clock && config->say && line && ret && err);
    for (; len > 0 && is_blank(*line); line++)
        len--;
    while (len > 0 && is_blank(line[len - 1]))
        len--;
    AUTO(arena_wipe) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    AUTO(invite_done) struct invite invite = { .n_addresses = 0 };
    int rc = codec_parse_invite(line, len, &arena, &invite, err);
    if (rc < 0)
        return err_within(err, rc, "join");
    rc = identity_check_place(config->path, config->replace, err);
    return rc < 0 ? rc : join_with(config, &invite, ret, err);
}
