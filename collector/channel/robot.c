#include "collector/channel/robot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "collector/channel/answer.h"

enum { WHO_MAX = 64 };

int mention_read(const char *address, struct mention *ret, struct err *err)
{
    static const char digits[] = "0123456789";
    static const char id[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._@-";
    static const char mobile[] = "mobile:";
    struct mention mention = { MENTION_USER, address };
    if (!address[0])
        mention.what = MENTION_NOBODY;
    else if (strcmp(address, "all") == 0)
        mention.what = MENTION_ALL;
    else if (strncmp(address, mobile, strlen(mobile)) == 0)
        mention = (struct mention){ MENTION_MOBILE, address + strlen(mobile) };
    size_t len = strlen(mention.who);
    const char *allowed = mention.what == MENTION_MOBILE ? digits : id;
    if (mention.what != MENTION_NOBODY && (len == 0 || len > WHO_MAX || strspn(mention.who, allowed) < len))
        return err_set(err, -EINVAL, "not whom a robot can call: want a user id, mobile:NUMBER, all or nothing");
    *ret = mention;
    return 0;
}

struct mention mention_of(const struct message *message)
{
    struct mention mention = { MENTION_NOBODY, "" };
    if (message->kind == MESSAGE_TRIGGER || message->kind == MESSAGE_TEST)
        mention_read(message->address, &mention, NULL);
    return mention;
}

/* Whether the answer has a code at all: then the first that is not 0, or 0. */
static bool read_code(const struct channel_answer *answer, const struct robot_answer *form, int64_t *ret)
{
    AUTO(json_undo) json_t *json = json_loads(answer->body, JSON_REJECT_DUPLICATES, NULL);
    bool found = false;
    *ret = 0;
    for (const char *const *field = form->fields; *field; field++) {
        const json_t *code = json_object_get(json, *field);
        if (!json_is_integer(code))
            continue;
        found = true;
        if (*ret == 0)
            *ret = json_integer_value(code);
    }
    return found;
}

static const struct robot_code *find_code(const struct robot_answer *form, int64_t code)
{
    for (size_t i = 0; i < form->n_codes; i++)
        if (form->codes[i].code == code)
            return &form->codes[i];
    return NULL;
}

static void judge_code(const struct channel_answer *answer, const struct robot_answer *form, int64_t code,
                       struct page_outcome *outcome)
{
    static const struct robot_code unknown = { .permanent = true, .meaning = "refused" };
    const struct robot_code *known = find_code(form, code);
    if (!known)
        known = &unknown;
    outcome->delivered = false;
    outcome->permanent = known->permanent;
    outcome->retry_after_us = 0;
    if (known->wait_us > 0) {
        outcome->status = 429; /* its twin in the body: so that whoever reads the record need not know the codes */
        outcome->retry_after_us = answer->retry_after_us > 0 ? answer->retry_after_us : known->wait_us;
    }
    snprintf(outcome->error, sizeof outcome->error, "HTTP %d, code %" PRId64 ": %s", answer->status, code,
             known->meaning);
}

void robot_judge(const struct channel_answer *answer, const struct robot_answer *form, struct page_outcome *ret)
{
    int64_t code;
    answer_judge_status(answer, ret);
    if (answer->status == 0 || answer->status >= 500)
        return;
    bool said = read_code(answer, form, &code);
    if (said && code != 0) {
        judge_code(answer, form, code, ret);
    } else if (!said && ret->delivered) {
        ret->delivered = false; /* a gateway's page, say: whoever answered, it was not the robot */
        snprintf(ret->error, sizeof ret->error, "HTTP %d, but the body does not say that it was taken", answer->status);
    }
}

int robot_put_list(json_t *object, const char *key, const char *value)
{
    json_t *list = json_array();
    int rc = json_array_append_new(list, json_string(value));
    return rc | json_put(object, key, list);
}
