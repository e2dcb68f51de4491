#include "warroom/command/exchange.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "warroom/command/field.h"

static void json_undo(json_t **json)
{
    json_decref(*json);
}

/* What a person can do about a collector that cannot be reached. */
static int unreached(int rc, const char *path, struct err *err)
{
    switch (rc) {
    case -ECONNREFUSED:
    case -ENOENT:
        return err_set(err, rc, "no collector answers at %s: start warroom-collector, or name its socket by --control",
                       path);
    case -EACCES:
    case -EPERM:
        return err_set(err, rc,
                       "you may not talk to %s: join the group warroom (usermod -aG warroom USER), then sign in anew",
                       path);
    case -ETIMEDOUT:
        return err_set(err, rc, "the collector at %s did not answer within %d s; its log says why", path,
                       (int)(EXCHANGE_TIMEOUT_US / US_PER_S));
    case -EMSGSIZE:
        return err_set(err, rc, "the request is too long for the collector");
    default:
        return rc;
    }
}

static int not_understood(struct err *err)
{
    return err_set(err, -EPROTO,
                   "the collector's answer makes no sense: are warroom and warroom-collector of one version?");
}

static int refusal(const json_t *answer, struct err *err)
{
    const json_t *error = field_object(answer, "error");
    if (!error)
        return not_understood(err);
    const char *code = field_text(error, "code");
    int rc = strcmp(code, "usage") == 0 ? -EINVAL : strcmp(code, "busy") == 0 ? -EAGAIN : -EPROTO;
    return err_set(err, rc, "%s (%s)", field_text(error, "text"), code);
}

/* One request, one answer. On 0 *ret_answer is an object with an object `data`. */
static int ask_once(const struct collector_line *line, const char *path, const char *verb, const json_t *args,
                    json_t *next, json_t **ret_answer, struct err *err)
{
    /* "O": the references of args and next are shared; pack says NULL when out of memory. */
    AUTO(json_undo) json_t *request = json_pack("{s:s, s:O, s:O*}", "verb", verb, "args", args, "next", next);
    AUTO(auto_free) char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    if (!text)
        return err_set(err, -ENOMEM, "out of memory");
    AUTO(auto_free) char *answer_text = NULL;
    size_t len = 0;
    int rc = line->ask(path, text, strlen(text), EXCHANGE_TIMEOUT_US, &answer_text, &len, err);
    if (rc < 0)
        return unreached(rc, path, err);
    AUTO(json_undo) json_t *answer = json_loadb(answer_text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer))
        return not_understood(err);
    if (!field_true(answer, "ok"))
        return refusal(answer, err);
    if (!field_object(answer, "data"))
        return not_understood(err);
    *ret_answer = TAKE(answer);
    return 0;
}

/* Series cut by a page go on in the next one under the same instance. */
static int append_items(json_t *list, json_t *more)
{
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    json_t *first = json_array_get(more, 0);
    json_t *points = json_object_get(last, "points");
    json_t *instance = json_object_get(last, "instance");
    if (points && instance && json_equal(instance, json_object_get(first, "instance"))) {
        if (json_array_extend(points, json_object_get(first, "points")) < 0)
            return -1;
        json_array_remove(more, 0);
    }
    return json_array_extend(list, more);
}

static int append_page(json_t *data, json_t *page)
{
    const char *key;
    json_t *more;
    json_object_foreach(page, key, more)
    {
        json_t *list = json_object_get(data, key);
        if (json_is_array(list) && json_is_array(more) && append_items(list, more) < 0)
            return -1;
    }
    return 0;
}

int exchange(const struct collector_line *line, const char *path, const char *verb, const json_t *args,
             json_t **ret_data, struct err *err)
{
    AUTO(json_undo) json_t *data = NULL;
    AUTO(json_undo) json_t *next = NULL;
    for (int i = 0; i < EXCHANGE_PAGES_MAX; i++) {
        AUTO(json_undo) json_t *answer = NULL;
        int rc = ask_once(line, path, verb, args, next, &answer, err);
        if (rc < 0)
            return rc;
        json_t *page = json_object_get(answer, "data");
        if (!data)
            data = json_incref(page);
        else if (append_page(data, page) < 0)
            return err_set(err, -ENOMEM, "out of memory");
        json_t *after = json_object_get(answer, "next");
        if (!after || json_is_null(after)) {
            *ret_data = TAKE(data);
            return 0;
        }
        if (next && json_equal(next, after))
            return not_understood(err); /* it would go round for ever */
        json_decref(next);
        next = json_incref(after);
    }
    return not_understood(err);
}

int exchange_page(const struct collector_line *line, const char *path, const char *verb, const json_t *args,
                  json_t *next, json_t **ret_data, json_t **ret_next, struct err *err)
{
    AUTO(json_undo) json_t *answer = NULL;
    int rc = ask_once(line, path, verb, args, next, &answer, err);
    if (rc < 0)
        return rc;
    json_t *after = json_object_get(answer, "next");
    if (json_is_null(after))
        after = NULL;
    *ret_data = json_incref(json_object_get(answer, "data"));
    *ret_next = json_incref(after);
    return 0;
}
