#include "collector/channel/route.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/auto.h"
#include "collector/channel/answer.h"
#include "collector/channel/dingtalk.h"
#include "collector/channel/feishu.h"
#include "collector/channel/letter.h"
#include "collector/channel/robot.h"
#include "collector/channel/webhook.h"
#include "collector/channel/wecom.h"

const char *const channel_kind_names[] = {
    [CHANNEL_WEBHOOK] = "webhook",   [CHANNEL_SMTP] = "smtp",     [CHANNEL_WECOM] = "wecom",
    [CHANNEL_DINGTALK] = "dingtalk", [CHANNEL_FEISHU] = "feishu", [CHANNEL_KIND_COUNT] = NULL,
};
const char *const channel_tls_names[] = { "starttls", "implicit", "none", NULL };

enum { SECRET_MAX = 255, SIGNED_MAX = 160 /* what a signature adds to a URL */ };

static int check_url(const struct channel_route *route, struct err *err)
{
    return channel_url_check(route->url, err);
}

static int check_robot(const struct channel_route *route, struct err *err)
{
    if (strnlen(route->url, CHANNEL_URL_MAX) > CHANNEL_URL_MAX - SIGNED_MAX)
        return err_set(err, -EINVAL, "a robot's URL is longer than %d bytes", CHANNEL_URL_MAX - SIGNED_MAX);
    if (route->secret && (!route->secret[0] || strnlen(route->secret, SECRET_MAX + 1) > SECRET_MAX))
        return err_set(err, -EINVAL, "`secret` has no byte, or more than %d", SECRET_MAX);
    return channel_url_check(route->url, err);
}

static int check_unsigned(const struct channel_route *route, struct err *err)
{
    return route->secret ? err_set(err, -EINVAL, "`secret` is not for this kind") : check_robot(route, err);
}

static int check_relay(const struct channel_route *route, struct err *err)
{
    if (!route->from)
        return err_set(err, -EINVAL, "`from` is missing");
    int rc = letter_address_check(route->from, err);
    if (rc < 0)
        return err_within(err, rc, "`from`");
    if (!route->user != !route->password)
        return err_set(err, -EINVAL, "`user` and `password` go together");
    if (route->password && route->tls == CHANNEL_TLS_NONE)
        return err_set(err, -EINVAL, "a password goes out over TLS alone");
    return channel_mail_check(route->url, route->tls, err);
}

static int check_nowhere(const char *address, struct err *err)
{
    return address[0] ? err_set(err, -EINVAL, "a webhook has no addresses") : 0;
}

static int check_mention(const char *address, struct err *err)
{
    struct mention mention;
    return mention_read(address, &mention, err);
}

static int check_feishu_mention(const char *address, struct err *err)
{
    struct mention mention;
    int rc = mention_read(address, &mention, err);
    if (rc == 0 && mention.what == MENTION_MOBILE)
        return err_set(err, -EINVAL, "Feishu's robots call people by their open_id, not by number");
    return rc;
}

static char *letter_body(const struct channel_route *route, const struct message *message)
{
    return letter_write(route->from, message);
}

/* 4xx is for now, 5xx for good, as RFC 5321 has it. */
static void judge_relay(const struct channel_answer *answer, struct page_outcome *ret)
{
    *ret = (struct page_outcome){
        .delivered = !answer->error,
        .permanent = answer->status >= 500,
        .perhaps = answer->perhaps,
        .status = answer->status,
    };
    answer_put_error(ret, answer->error);
}

/* `per_minute`: what the services say of themselves; a relay's is what one can be expected to take. */
static const struct kind {
    unsigned per_minute;
    size_t items_max;
    int (*check)(const struct channel_route *route, struct err *err);
    int (*check_address)(const char *address, struct err *err);
    /* Where to, if not the URL as it stands; and what. Freed by free(). NULL: out of memory. */
    char *(*url)(const struct channel_route *route, int64_t now_us);
    char *(*body)(const struct channel_route *route, const struct message *message);
    void (*judge)(const struct channel_answer *answer, struct page_outcome *ret);
} kinds[CHANNEL_KIND_COUNT] = {
    [CHANNEL_WEBHOOK] = { 0, 1, check_url, check_nowhere, NULL, webhook_body, answer_judge_status },
    [CHANNEL_SMTP] = { 60, PAGE_TOGETHER_MAX, check_relay, letter_address_check, NULL, letter_body, judge_relay },
    [CHANNEL_WECOM] = { 20, 20, check_unsigned, check_mention, NULL, wecom_body, wecom_judge },
    [CHANNEL_DINGTALK] = { 20, 20, check_robot, check_mention, dingtalk_url, dingtalk_body, dingtalk_judge },
    [CHANNEL_FEISHU] = { 100, 20, check_robot, check_feishu_mention, NULL, feishu_body, feishu_judge },
};

unsigned channel_per_minute(enum channel_kind kind)
{
    return kinds[kind].per_minute;
}

size_t channel_items_max(enum channel_kind kind)
{
    return kinds[kind].items_max;
}

int channel_route_check(const struct channel_route *route, struct err *err)
{
    if (!route->url)
        return err_set(err, -EINVAL, "`url` is missing");
    return kinds[route->kind].check(route, err);
}

int channel_address_check(enum channel_kind kind, const char *address, struct err *err)
{
    return kinds[kind].check_address(address, err);
}

struct post { /* one message, or one probe, under way */
    void (*judge)(const struct channel_answer *answer, struct page_outcome *ret);
    void (*fn)(void *user, const struct page_outcome *outcome);
    void *user;
};

static void on_answer(void *user, const struct channel_answer *answer)
{
    struct post post = *(struct post *)user;
    free(user);
    struct page_outcome outcome;
    post.judge(answer, &outcome);
    post.fn(post.user, &outcome);
}

uint64_t channel_route_mark(const struct channel_route *route)
{
    const char *const texts[] = { channel_kind_names[route->kind],
                                  channel_tls_names[route->tls],
                                  route->url,
                                  route->secret,
                                  route->user,
                                  route->password,
                                  route->from };
    crypto_generichash_state state;
    uint64_t mark;
    crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0];
         i++) /* with its end, which keeps "ab","c" and "a","bc" apart */
        crypto_generichash_update(&state, (const unsigned char *)(texts[i] ? texts[i] : ""),
                                  strlen(texts[i] ? texts[i] : "") + 1);
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(&mark, hash, sizeof mark);
    return mark;
}

static int send_post(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                     const char *body, struct post *post, struct err *err)
{
    const struct kind *kind = &kinds[route->kind];
    AUTO(auto_free) char *url = kind->url ? kind->url(route, message->now_us) : strdup(route->url);
    if (!url)
        return err_set(err, -ENOMEM, "channel: out of memory");
    char key[sizeof "Idempotency-Key: " + PAGE_KEY_MAX];
    snprintf(key, sizeof key, "Idempotency-Key: %s", message->key);
    const char *const headers[] = { "Content-Type: application/json", key, NULL };
    return channel_post(sender, url, headers, body, strlen(body), on_answer, free, post, err);
}

/* `letter` NULL: only asks. */
static int send_mail(struct channel_sender *sender, const struct channel_route *route, const char *to,
                     const char *letter, struct post *post, struct err *err)
{
    const struct channel_mail mail = {
        .url = route->url,
        .user = route->user,
        .password = route->password,
        .tls = route->tls,
        .from = route->from,
        .to = to,
        .letter = letter,
    };
    return channel_mail(sender, &mail, on_answer, free, post, err);
}

int channel_send(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                 void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err)
{
    assert(sender && route->url && message->key && fn);
    const struct kind *kind = &kinds[route->kind];
    if (message->n_items > kind->items_max)
        return err_set(err, -E2BIG, "channel: %zu pages in one message by %s, which carries %zu", message->n_items,
                       channel_kind_names[route->kind], kind->items_max);
    int rc = kind->check_address(message->address, err);
    if (rc < 0)
        return rc;
    AUTO(auto_free) struct post *post = malloc(sizeof *post);
    AUTO(auto_free) char *body = kind->body(route, message);
    if (!post || !body)
        return err_set(err, -ENOMEM, "channel: out of memory");
    *post = (struct post){ kind->judge, fn, user };
    rc = route->kind == CHANNEL_SMTP ? send_mail(sender, route, message->address, body, post, err)
                                     : send_post(sender, route, message, body, post, err);
    if (rc == 0)
        post = NULL; /* the request's now */
    return rc;
}

static void judge_probe(const struct channel_answer *answer, struct page_outcome *ret)
{
    *ret = (struct page_outcome){ .delivered = !answer->error, .status = answer->status };
    answer_put_error(ret, answer->error);
}

int channel_probe(struct channel_sender *sender, const struct channel_route *route,
                  void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err)
{
    assert(sender && route->url && fn);
    AUTO(auto_free) struct post *post = malloc(sizeof *post);
    if (!post)
        return err_set(err, -ENOMEM, "channel: out of memory");
    *post = (struct post){ judge_probe, fn, user };
    int rc = route->kind == CHANNEL_SMTP ? send_mail(sender, route, NULL, NULL, post, err)
                                         : channel_knock(sender, route->url, on_answer, free, post, err);
    if (rc == 0)
        post = NULL; /* the sender's now */
    return rc;
}
