/* The reader is opened before the list is asked for, so no change falls between them. Ids of the feed rise by one: a
 * gap means that items were missed (or that the collector began anew), and then the list is shown again. */
#include "warroom/command/follow.h"

#include <errno.h>
#include <inttypes.h>

#include "base/auto.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/sheet.h"
#include "warroom/command/show.h"

#define FEED_WAIT_US (INT64_C(60) * 1000000)

struct following {
    const struct console *console;
    const struct settings *settings;
    const struct request *request;
    struct feed_reader *reader; /* owned */
    int64_t last;               /* id of the newest item; 0: none yet */
};

static void following_undo(struct following *following)
{
    if (following->reader)
        following->console->line.feed_close(following->reader);
}

static void json_undo(json_t **json)
{
    json_decref(*json);
}

static struct sheet sheet_now(const struct console *console)
{
    return (struct sheet){ console->out, console->terminal, console->colour, clock_wall_us(&console->clock) };
}

static int show_list(struct following *following, struct err *err)
{
    AUTO(json_undo) json_t *data = NULL;
    const struct request *request = following->request;
    if (request->json)
        return 0;
    int rc = exchange(&following->console->line, following->settings->control, request->verb->control, request->args,
                      &data, err);
    if (rc < 0)
        return rc;
    struct sheet sheet = sheet_now(following->console);
    show_incidents(data, &sheet);
    fflush(sheet.out);
    return 0;
}

/* Whether the item is one the list would have: an incident, of the tenant that was asked for. */
static bool wanted(const struct following *following, const json_t *item)
{
    const char *tenant = json_string_value(json_object_get(following->request->args, "tenant"));
    return field_is(item, "kind", "incident") &&
           (!tenant || field_is(field_object(item, "incident"), "tenant", tenant));
}

static int take_item(struct following *following, const char *text, size_t len, struct err *err)
{
    AUTO(json_undo) json_t *item = json_loadb(text, len, 0, NULL);
    const struct console *console = following->console;
    int64_t id;
    int rc = 0;
    if (!field_count(item, "id", &id))
        return err_set(err, -EPROTO,
                       "an item of the feed makes no sense: are warroom and warroom-collector of one version?");
    if (following->last != 0 && id != following->last + 1) {
        fprintf(console->err, "warroom: items of the feed were missed (%" PRId64 " came after %" PRId64 ")%s\n", id,
                following->last, following->request->json ? "" : "; the list anew:");
        rc = show_list(following, err);
    }
    following->last = id;
    if (rc < 0 || !wanted(following, item))
        return rc;
    struct sheet sheet = sheet_now(console);
    if (following->request->json)
        fprintf(console->out, "%.*s\n", (int)len, text);
    else
        show_incident_change(item, &sheet);
    return fflush(console->out) == 0 ? 0 : err_sys(err, -errno, "cannot write");
}

int follow_incidents(const struct console *console, const struct settings *settings, const struct request *request,
                     struct err *err)
{
    AUTO(following_undo) struct following following = { console, settings, request, NULL, 0 };
    int rc = console->line.feed_open(&following.reader, settings->feed, err);
    if (rc == -ECONNREFUSED || rc == -ENOENT)
        return err_set(err, rc, "no collector publishes at %s: start it, or name its feed by --feed", settings->feed);
    if (rc == 0)
        rc = show_list(&following, err);
    while (rc == 0) {
        AUTO(auto_free) char *text = NULL;
        size_t len = 0;
        rc = console->line.feed_read(following.reader, FEED_WAIT_US, &text, &len, err);
        if (rc == -ETIMEDOUT) { /* nothing happens: good */
            rc = 0;
            continue;
        }
        if (rc == 0)
            rc = take_item(&following, text, len, err);
    }
    return rc;
}
