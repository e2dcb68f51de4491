#include "tests/sim/service.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

enum { BOXES_MAX = 8, PER_MINUTE_MAX = 128 };
#define ASKED_MAX_US (600 * US_PER_S)
#define JITTER_US    (50 * US_PER_MS) /* clocks of whole milliseconds, and what is sent in one turn */

struct sent {      /* a message that got there */
    int64_t at_us; /* 0: none, or nobody knows of it any more */
    bool is_known; /* to a process that starts now, too */
};

static struct box { /* a channel, as the service has it */
    char name[CONTACT_NAME_MAX + 1];
    enum receiver_mood mood;
    unsigned per_minute; /* 0: no limit */
    int64_t asked_us;    /* to be left alone until then, wall */
    unsigned n_sent;
    struct sent sent[PER_MINUTE_MAX]; /* the last ones, in a ring */
} boxes[BOXES_MAX];

static struct box *box_of(const char *name)
{
    for (int i = 0; i < BOXES_MAX; i++) {
        if (!boxes[i].name[0])
            snprintf(boxes[i].name, sizeof boxes[i].name, "%s", name);
        if (strcmp(boxes[i].name, name) == 0)
            return &boxes[i];
    }
    world_fail("more channels than there are services");
}

void receiver_set_mood(const char *channel, enum receiver_mood mood)
{
    if (channel)
        box_of(channel)->mood = mood;
    for (int i = 0; i < BOXES_MAX && !channel; i++)
        boxes[i].mood = mood;
}

void receiver_set_limit(const char *channel, unsigned per_minute)
{
    box_of(channel)->per_minute = per_minute < PER_MINUTE_MAX ? per_minute : PER_MINUTE_MAX;
}

void service_end(void)
{
    memset(boxes, 0, sizeof boxes);
}

/* Every message that gets there, taken or not. */
static void count(struct box *box, bool is_known)
{
    unsigned recent = 0;
    int64_t first_us = world_now_us();
    for (int i = 0; i < PER_MINUTE_MAX; i++) {
        int64_t at_us = box->sent[i].at_us;
        if (at_us == 0 || world_now_us() - at_us >= 60 * US_PER_S - JITTER_US)
            continue;
        first_us = at_us < first_us ? at_us : first_us;
        recent++;
    }
    if (box->per_minute > 0 && recent >= box->per_minute)
        world_fail("%s, which takes %u messages a minute, was sent one more within %.1f s", box->name, box->per_minute,
                   (double)(world_now_us() - first_us) / 1e6);
    box->sent[box->n_sent++ % PER_MINUTE_MAX] = (struct sent){ world_now_us(), is_known };
}

int64_t receiver_asked_us(const char *channel)
{
    int64_t asked_us = 0;
    for (int i = 0; i < BOXES_MAX; i++)
        if ((!channel || strcmp(boxes[i].name, channel) == 0) && boxes[i].asked_us > asked_us)
            asked_us = boxes[i].asked_us;
    return asked_us;
}

/* The longest that anybody is left alone for (docs/paging.md). */
static void note_asked(struct box *box, const struct reply *reply)
{
    int64_t span_us = reply->retry_after_us < ASKED_MAX_US ? reply->retry_after_us : ASKED_MAX_US;
    int64_t until_us = world_wall_us() + reply->after_us + span_us;
    if (span_us > 0 && until_us > box->asked_us)
        box->asked_us = until_us;
}

void receiver_forgotten(void)
{
    for (int i = 0; i < BOXES_MAX; i++)
        for (int k = 0; k < PER_MINUTE_MAX; k++)
            if (!boxes[i].sent[k].is_known)
                boxes[i].sent[k].at_us = 0;
}

/* ---- what a kind says ---- */

static bool is_robot(const struct channel_route *route)
{
    return route->kind != CHANNEL_WEBHOOK && route->kind != CHANNEL_SMTP;
}

static struct reply well(const struct channel_route *route)
{
    return (struct reply){ .taken = true,
                           .status = route->kind == CHANNEL_SMTP ? 250 : 200,
                           .body = is_robot(route) ? "{\"errcode\":0,\"errmsg\":\"ok\"}" : "" };
}

/* Once in a while; a robot says so in its answer. */
static struct reply failing(const struct channel_route *route)
{
    static const int statuses[] = { 500, 503, 500, 503 };
    struct reply reply = { .status = statuses[dice_between(world_dice(), 0, 3)], .body = "" };
    if (route->kind == CHANNEL_SMTP)
        reply = (struct reply){ .status = 451, .body = "", .error = "Weird server reply" };
    else if (is_robot(route) && dice_chance(world_dice(), 50))
        reply = (struct reply){ .status = 200, .body = "{\"errcode\":-1,\"errmsg\":\"system busy\"}" };
    return reply;
}

static struct reply refusing(const struct channel_route *route)
{
    if (route->kind == CHANNEL_SMTP)
        return (struct reply){ .status = 550, .body = "", .error = "Weird server reply" };
    if (is_robot(route))
        return (struct reply){ .status = 200, .body = "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}" };
    return (struct reply){ .status = 404, .body = "" };
}

/* HTTP is fine, and nobody was told. Where the status is all there is to say it cannot lie. */
static struct reply lying(const struct channel_route *route)
{
    static const char *const lies[] = { "", "<html>OK</html>", "{}", "{\"errcode\":40058,\"errmsg\":\"ok\"}" };
    if (!is_robot(route))
        return failing(route);
    return (struct reply){ .status = 200, .body = lies[dice_between(world_dice(), 0, 3)] };
}

static struct reply too_often(const struct channel_route *route)
{
    if (route->kind == CHANNEL_SMTP)
        return (struct reply){ .status = 421, .body = "", .error = "Weird server reply" };
    if (is_robot(route))
        return (struct reply){ .status = 200, .body = "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}" };
    return (struct reply){ .status = 429, .body = "", .retry_after_us = dice_between(world_dice(), 1, 900) * US_PER_S };
}

struct reply service_reply(const struct channel_route *route, bool is_known)
{
    struct box *box = box_of(route->name);
    struct reply reply = well(route);
    if (box->mood != RECEIVER_DOWN)
        count(box, is_known);
    if (box->mood == RECEIVER_FAILING)
        reply = dice_chance(world_dice(), 70) ? failing(route) : too_often(route);
    else if (box->mood == RECEIVER_REFUSING)
        reply = refusing(route);
    else if (box->mood == RECEIVER_LYING)
        reply = lying(route);
    else if (box->mood == RECEIVER_LIMITED)
        reply = too_often(route);
    else if (box->mood == RECEIVER_DOWN)
        reply = (struct reply){ .error = "connection refused" };
    else if (box->mood == RECEIVER_MUTE)
        reply = (struct reply){ .taken = dice_chance(world_dice(), 50), .error = "timed out" };
    reply.arrived = box->mood != RECEIVER_DOWN;
    reply.answered = box->mood != RECEIVER_DOWN && box->mood != RECEIVER_MUTE;
    reply.after_us = dice_between(world_dice(), 2 * US_PER_MS, 200 * US_PER_MS);
    if (box->mood == RECEIVER_MUTE)
        reply.after_us = CHANNEL_TIMEOUT_US;
    if (box->mood == RECEIVER_SLOW)
        reply.after_us = dice_between(world_dice(), US_PER_S, 9 * US_PER_S);
    note_asked(box, &reply);
    return reply;
}

struct reply service_knock(const struct channel_route *route)
{
    enum receiver_mood mood = box_of(route->name)->mood;
    bool waits = mood == RECEIVER_MUTE && route->kind == CHANNEL_SMTP; /* whose server speaks first */
    struct reply reply = { .after_us = dice_between(world_dice(), 1, 100) * US_PER_MS };
    reply.status = route->kind == CHANNEL_SMTP ? 250 : 0;
    if (mood == RECEIVER_DOWN)
        reply = (struct reply){ .after_us = reply.after_us, .error = "connection refused" };
    return waits ? (struct reply){ .after_us = CHANNEL_TIMEOUT_US, .error = "timed out" } : reply;
}
