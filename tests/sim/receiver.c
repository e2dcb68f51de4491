#include "tests/sim/receiver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/service.h"
#include "tests/sim/world.h"
#include "utlist.h"

struct post {
    uv_timer_t timer;
    struct post *next, *prev;
    struct channel_sender *sender;
    channel_answer_fn *fn;
    void (*forget)(void *user);
    void *user;
    struct reply reply;
    struct receipt receipt;
};

struct channel_sender {
    struct process *process;
    struct post *posts;
};

static struct {
    void (*took)(const struct receipt *receipt);
    receiver_sends_fn *sends;
    const struct channel_route *route; /* of what is being sent... */
    const struct message *message;     /* ...and what it says */
    bool is_known;                     /* ...and a restart would know of it */
} receiver;

void receiver_listen(void (*took)(const struct receipt *receipt), receiver_sends_fn *sends)
{
    receiver.took = took;
    receiver.sends = sends;
}

bool receipt_is_of(const struct receipt *receipt, uint64_t incident)
{
    for (size_t i = 0; i < receipt->n_incidents; i++)
        if (receipt->incidents[i] == incident)
            return true;
    return false;
}

/* ---- what is said ---- */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */

typedef void outcome_fn(void *user, const struct page_outcome *outcome);

int __real_channel_send(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                        outcome_fn *fn, void *user, struct err *err);
int __wrap_channel_send(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                        outcome_fn *fn, void *user, struct err *err);

int __wrap_channel_send(struct channel_sender *sender, const struct channel_route *route, const struct message *message,
                        outcome_fn *fn, void *user, struct err *err)
{
    receiver.route = route;
    receiver.message = message;
    receiver.is_known = true;
    if (receiver.sends && !sender->process->dead)
        receiver.is_known = receiver.sends(route, message);
    return __real_channel_send(sender, route, message, fn, user, err);
}

int __real_channel_probe(struct channel_sender *sender, const struct channel_route *route, outcome_fn *fn, void *user,
                         struct err *err);
int __wrap_channel_probe(struct channel_sender *sender, const struct channel_route *route, outcome_fn *fn, void *user,
                         struct err *err);

int __wrap_channel_probe(struct channel_sender *sender, const struct channel_route *route, outcome_fn *fn, void *user,
                         struct err *err)
{
    receiver.route = route;
    return __real_channel_probe(sender, route, fn, user, err);
}

/* NOLINTEND(bugprone-reserved-identifier) */

static struct receipt new_receipt(void)
{
    const struct message *message = receiver.message;
    struct receipt receipt = { .sent_us = world_wall_us(),
                               .possible_copy = message->possible_copy,
                               .kind = message->kind,
                               .n_incidents = message->n_items };
    snprintf(receipt.contact, sizeof receipt.contact, "%s", message->contact);
    snprintf(receipt.channel, sizeof receipt.channel, "%s", receiver.route->name);
    snprintf(receipt.key, sizeof receipt.key, "%s", message->key);
    for (size_t i = 0; i < message->n_items; i++) {
        receipt.incidents[i] = message->items[i].incident->id;
        receipt.unrecorded = receipt.unrecorded || message->items[i].unrecorded;
    }
    return receipt;
}

/* ---- one message ---- */

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
    post->receipt.taken = post->reply.taken;
    if (post->reply.arrived)
        receiver.took(&post->receipt);
}

static void on_answer_due(uv_timer_t *timer)
{
    struct post *post = timer->data;
    const struct reply *reply = &post->reply;
    struct channel_answer answer = { .status = reply->status,
                                     .body = reply->body ? reply->body : "",
                                     .error = reply->error,
                                     .retry_after_us = reply->retry_after_us };
    post->receipt.answered = reply->answered;
    tell(post);
    end_post(post);
    post->fn(post->user, &answer);
}

static struct post *new_post(struct channel_sender *sender, channel_answer_fn *fn, void (*forget)(void *user),
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

static int begin_post(struct post *post, struct err *err)
{
    if (!post)
        return err_set(err, -ENOMEM, "channel: out of memory");
    post->receipt = new_receipt();
    if (!post->sender->process->dead)
        post->reply = service_reply(receiver.route, receiver.is_known);
    uv_timer_start(&post->timer, on_answer_due, (uint64_t)(post->reply.after_us / US_PER_MS), 0);
    return 0;
}

int channel_post(struct channel_sender *sender, const char *url, const char *const *headers, const char *body,
                 size_t body_len, channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err)
{
    (void)url;
    (void)headers;
    if (receiver.route->kind == CHANNEL_WEBHOOK &&
        !memmem(body, body_len, receiver.message->key, strlen(receiver.message->key)))
        world_fail("a page that does not say its key: %.*s", (int)body_len, body);
    return begin_post(new_post(sender, fn, forget, user), err);
}

/* ---- one connection, without a message ---- */

static void on_knock_due(uv_timer_t *timer)
{
    struct post *post = timer->data;
    const struct channel_answer answer = { .status = post->reply.status, .body = "", .error = post->reply.error };
    end_post(post);
    post->fn(post->user, &answer);
}

static int begin_knock(struct post *post, struct err *err)
{
    if (!post)
        return err_set(err, -ENOMEM, "channel: out of memory");
    post->reply = service_knock(receiver.route);
    uv_timer_start(&post->timer, on_knock_due, (uint64_t)(post->reply.after_us / US_PER_MS), 0);
    return 0;
}

int channel_knock(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                  void *user, struct err *err)
{
    (void)url;
    return begin_knock(new_post(sender, fn, forget, user), err);
}

int channel_mail(struct channel_sender *sender, const struct channel_mail *mail, channel_answer_fn *fn,
                 void (*forget)(void *user), void *user, struct err *err)
{
    struct post *post = new_post(sender, fn, forget, user);
    return mail->letter ? begin_post(post, err) : begin_knock(post, err);
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

int channel_mail_check(const char *url, enum channel_tls tls, struct err *err)
{
    (void)url;
    (void)tls;
    (void)err;
    return 0;
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
