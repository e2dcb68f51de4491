/* A rehearsal is begun, and looked at each second until it has its verdict. It goes on whether anybody looks or not. */
#include <errno.h>

#include "base/auto.h"
#include "base/clock.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/run.h"

enum { LOOKS_MAX = 1200, FAILURES_MAX = 60 /* in a row: the collector may be starting anew */ };

static void json_undo(json_t **json)
{
    json_decref(*json);
}

struct asking {
    const struct console *console;
    const char *control;
    const json_t *event; /* what says which one is meant */
};

static bool is_over(const json_t *data)
{
    return field_is(field_object(data, "rehearsal"), "state", "ended");
}

/* One line that is written over itself. */
static void show_progress(const struct console *console, const json_t *data)
{
    const json_t *pages = field_list(data, "pages");
    int64_t id = 0;
    size_t i, arrived = 0;
    json_t *page;
    if (!console->terminal)
        return;
    json_array_foreach(pages, i, page) arrived += field_is(page, "state", "delivered");
    if (field_count(field_object(data, "incident"), "id", &id))
        fprintf(console->err, "\r%zu of %zu ways told; to answer: warroom incident ack %lld \033[K", arrived,
                json_array_size(pages), (long long)id);
    else
        fprintf(console->err, "\rwaiting for %s to say so \033[K", field_text(field_object(data, "rehearsal"), "host"));
    fflush(console->err);
}

/* *data is replaced by how it is then. */
static int look(const struct asking *asking, json_t **data, struct err *err)
{
    json_t *now = NULL;
    int rc = exchange(&asking->console->line, asking->control, "rehearsal show", asking->event, &now, err);
    if (rc < 0)
        return rc;
    json_decref(*data);
    *data = now;
    return 0;
}

static int wait_for_end(const struct asking *asking, json_t **data, struct err *err)
{
    int rc = 0;
    for (int looks = 0, failures = 0; !is_over(*data); looks++) {
        if (looks == LOOKS_MAX)
            return err_set(err, -ETIMEDOUT, "it has no end; warroom rehearse --show tells how it is");
        show_progress(asking->console, *data);
        asking->console->pause(US_PER_S);
        rc = look(asking, data, err);
        failures = rc < 0 ? failures + 1 : 0;
        if (rc == -EINVAL || failures == FAILURES_MAX)
            return rc;
    }
    if (asking->console->terminal)
        fputs("\r\033[K", asking->console->err);
    return 0;
}

static bool is_asked(const json_t *args, const char *key)
{
    return json_is_true(json_object_get(args, key));
}

/* Begun and left to itself is as good as it gets. */
static int leave(json_t *data, struct err *err)
{
    return json_object_set_new(data, "state", json_string("ok")) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int run_rehearse(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
                 struct err *err)
{
    bool stop = is_asked(args, "stop"), show = is_asked(args, "show"), no_wait = is_asked(args, "no_wait");
    const json_t *host = json_object_get(args, "host");
    if (stop + show + (no_wait || host) > 1)
        return err_set(err, -EINVAL, "--stop, --show, and what begins one are three things: want one");
    AUTO(json_undo)
    json_t *event =
        json_pack("{s:O, s:O*}", "event", json_object_get(args, "event"), "tenant", json_object_get(args, "tenant"));
    AUTO(json_undo) json_t *begin = json_pack("{s:O*}", "host", host);
    AUTO(json_undo) json_t *data = NULL;
    if (!event || !begin || json_object_update(begin, event) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    const char *verb = stop ? "rehearsal stop" : show ? "rehearsal show" : "rehearse";
    const struct asking asking = { console, control, event };
    int rc = exchange(&console->line, control, verb, stop || show ? event : begin, &data, err);
    if (rc == 0 && no_wait)
        rc = leave(data, err);
    else if (rc == 0 && !stop && !show)
        rc = wait_for_end(&asking, &data, err);
    if (rc == 0)
        *ret_data = TAKE(data);
    return rc;
}
