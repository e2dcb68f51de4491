#include "tests/sim/receiver.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/channel/channel.h"
#include "tests/sim/world.h"
#include "utlist.h"

struct post {
    uv_timer_t timer;
    struct post *next, *prev;
    struct channel_sender *sender;
    channel_answer_fn *fn;
    void (*forget)(void *user);
    void *user;
    int status; /* that it will be answered with; 0: not at all */
    bool arrived;
    struct receipt receipt;
};

struct channel_sender {
    struct process *process;
    struct post *posts;
};

static struct {
    enum receiver_mood mood;
    void (*took)(const struct receipt *receipt);
} receiver;

void receiver_set_mood(enum receiver_mood mood)
{
    receiver.mood = mood;
}

void receiver_listen(void (*took)(const struct receipt *receipt))
{
    receiver.took = took;
}

/* ---- one request ---- */

static void on_post_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void end_post(struct post *post)
{
    DL_DELETE(post->sender->posts, post);
    uv_close((uv_handle_t *)&post->timer, on_post_closed);
}

static void tell(struct post *post)
{
    post->receipt.at_us = world_wall_us();
    post->receipt.taken = post->status / 100 == 2;
    if (post->arrived)
        receiver.took(&post->receipt);
}

static void on_answer_due(uv_timer_t *timer)
{
    struct post *post = timer->data;
    struct channel_answer answer = { .status = post->status, .body = "", .error = NULL };
    if (post->status == 0)
        answer.error = post->arrived ? "timed out" : "connection refused";
    if (post->status == 429)
        answer.retry_after_us = 5 * US_PER_S;
    post->receipt.answered = true;
    tell(post);
    end_post(post);
    post->fn(post->user, &answer);
}

static int status_now(void)
{
    static const int failures[] = { 500, 503, 429 };
    switch (receiver.mood) {
    case RECEIVER_DOWN:
    case RECEIVER_MUTE:
        return 0;
    case RECEIVER_FAILING:
        return failures[dice_between(world_dice(), 0, 2)];
    case RECEIVER_REFUSING:
        return 404;
    default:
        return 200;
    }
}

static int64_t wait_now_us(void)
{
    switch (receiver.mood) {
    case RECEIVER_MUTE:
        return CHANNEL_TIMEOUT_US;
    case RECEIVER_SLOW:
        return dice_between(world_dice(), US_PER_S, 9 * US_PER_S);
    default:
        return dice_between(world_dice(), 2 * US_PER_MS, 200 * US_PER_MS);
    }
}

static bool flag_of(const json_t *annotations, const char *name)
{
    const char *text = json_string_value(json_object_get(annotations, name));
    return text && strcmp(text, "true") == 0;
}

static void read_body(struct receipt *receipt, const char *body, size_t len)
{
    json_t *json = json_loadb(body, len, 0, NULL);
    const json_t *annotations = json_object_get(json, "commonAnnotations");
    const char *kind = json_string_value(json_object_get(annotations, "kind"));
    const char *key = json_string_value(json_object_get(annotations, "idempotency_key"));
    const char *group = json_string_value(json_object_get(json, "groupKey"));
    if (!kind || !key || !group || sscanf(group, "{}:{incident=\"%" SCNu64 "\"}", &receipt->incident) != 1)
        world_fail("a page that is no page: %.*s", (int)len, body);
    snprintf(receipt->key, sizeof receipt->key, "%s", key);
    receipt->trigger = strcmp(kind, "trigger") == 0;
    receipt->possible_copy = flag_of(annotations, "possible_copy");
    receipt->unrecorded = flag_of(annotations, "unrecorded");
    receipt->late = flag_of(annotations, "late");
    json_decref(json);
}

static struct post *begin_post(struct channel_sender *sender, channel_answer_fn *fn, void (*forget)(void *user),
                               void *user)
{
    struct post *post = calloc(1, sizeof *post);
    if (!post)
        return NULL;
    post->sender = sender;
    post->fn = fn;
    post->forget = forget;
    post->user = user;
    DL_APPEND(sender->posts, post);
    uv_timer_init(&sender->process->loop, &post->timer);
    post->timer.data = post;
    return post;
}

int channel_post(struct channel_sender *sender, const char *url, const char *const *headers, const char *body,
                 size_t body_len, channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err)
{
    (void)url;
    (void)headers;
    struct post *post = begin_post(sender, fn, forget, user);
    if (!post)
        return err_set(err, -ENOMEM, "channel: out of memory");
    post->status = status_now();
    post->arrived = receiver.mood != RECEIVER_DOWN && !sender->process->dead;
    read_body(&post->receipt, body, body_len);
    uv_timer_start(&post->timer, on_answer_due, (uint64_t)(wait_now_us() / US_PER_MS), 0);
    return 0;
}

/* ---- one connection, without a request ---- */

static void on_knock_due(uv_timer_t *timer)
{
    struct post *post = timer->data;
    struct channel_answer answer = { .body = "" };
    if (receiver.mood == RECEIVER_DOWN)
        answer.error = "connection refused";
    end_post(post);
    post->fn(post->user, &answer);
}

int channel_knock(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                  void *user, struct err *err)
{
    (void)url;
    struct post *post = begin_post(sender, fn, forget, user);
    if (!post)
        return err_set(err, -ENOMEM, "channel: out of memory");
    uv_timer_start(&post->timer, on_knock_due, (uint64_t)(dice_between(world_dice(), 1, 100)), 0);
    return 0;
}

/* Nothing outside watches over this world. */
int channel_get(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                void *user, struct err *err)
{
    (void)sender;
    (void)url;
    (void)fn;
    (void)forget;
    (void)user;
    return err_set(err, -ENOTSUP, "no dead man is simulated");
}

int channel_url_check(const char *url, struct err *err)
{
    (void)url;
    (void)err;
    return 0;
}

/* ---- mail: nobody has any in this world ---- */

int channel_mail_check(const char *url, enum channel_tls tls, struct err *err)
{
    (void)url;
    (void)tls;
    (void)err;
    return 0;
}

int channel_mail(struct channel_sender *sender, const struct channel_mail *mail, channel_answer_fn *fn,
                 void (*forget)(void *user), void *user, struct err *err)
{
    (void)sender;
    (void)mail;
    (void)fn;
    (void)forget;
    (void)user;
    return err_set(err, -ENOTSUP, "no mail is simulated");
}

/* ---- the sender ---- */

int channel_sender_open(struct channel_sender **ret_sender, uv_loop_t *loop, struct err *err)
{
    struct channel_sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return err_set(err, -ENOMEM, "channel: out of memory");
    sender->process = process_of(loop);
    *ret_sender = sender;
    return 0;
}

/* What was under way may have arrived all the same, and nobody hears of it. */
struct channel_sender *channel_sender_close(struct channel_sender *sender)
{
    struct post *post, *next;
    if (!sender)
        return NULL;
    DL_FOREACH_SAFE(sender->posts, post, next)
    {
        if (dice_chance(world_dice(), 50))
            tell(post);
        if (post->forget)
            post->forget(post->user);
        end_post(post);
    }
    free(sender);
    return NULL;
}

void channel_sender_set_timeout(struct channel_sender *sender, int64_t timeout_us)
{
    (void)sender;
    (void)timeout_us;
}
