/* A file of history, batch by batch. What of it is stored already is passed over, so that an import that broke off goes
 * on where it stopped when it is run again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/moment.h"
#include "proto/text/base64.h"
#include "warroom/carry/bundle.h"
#include "warroom/carry/source.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/run.h"

struct import {
    const struct console *console;
    const char *control;
    json_t *args; /* owned: host, tenant, source, and what the next request adds */
    struct source *source;
    struct bundle *bundle;
    struct run_id run;
    int64_t anchor_us;
    uint64_t ticks; /* read so far */
    uint64_t stored_before;
    int64_t stored_us; /* of the last of those; 0: none */
    uint64_t sent;
    int64_t first_us, last_us;
    int64_t keeps_s, keeps_minutes_s; /* how long the collector keeps ticks, and those a minute apart */
};

static void import_done(struct import *import)
{
    json_decref(import->args);
    source_close(import->source);
    bundle_free(import->bundle);
}

static void json_undo(json_t **json)
{
    json_decref(*json);
}

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- requests ---- */

/* While the collector has its hands full it says so at once: asked again after a moment, for a minute at most. */
static int ask(struct import *import, json_t **ret_data, struct err *err)
{
    enum { TRIES = 120 };
    const int64_t pause_us = 500 * US_PER_MS;
    int rc = -EAGAIN;
    for (int i = 0; i < TRIES && rc == -EAGAIN; i++) {
        AUTO(json_undo) json_t *next = NULL;
        if (i > 0)
            import->console->pause(pause_us);
        rc = exchange_page(&import->console->line, import->control, "import", import->args, NULL, ret_data, &next, err);
    }
    return rc;
}

static int set_bytes(struct import *import, const char *key, struct bytes bytes, struct err *err)
{
    AUTO(auto_free) char *text = malloc(BASE64_TEXT(bytes.len));
    if (!text)
        return out_of_memory(err);
    base64_encode(text, bytes.at, bytes.len);
    return json_object_set_new(import->args, key, json_string(text)) < 0 ? out_of_memory(err) : 0;
}

static int take_run(struct import *import, const json_t *data, struct err *err)
{
    uint8_t run[BASE64_BYTES(BASE64_TEXT(RUN_BYTES)) + 1];
    const char *text = field_text(data, "run");
    int64_t stored = 0;
    size_t n = 0;
    if (strlen(text) >= BASE64_TEXT(RUN_BYTES) || base64_decode(run, text, strlen(text), &n) < 0 || n != RUN_BYTES ||
        !field_count(data, "stored", &stored) || stored < 0)
        return err_set(err, -EPROTO,
                       "the collector's answer makes no sense: are warroom and warroom-collector of one "
                       "version?");
    memcpy(import->run.bytes, run, RUN_BYTES);
    import->stored_before = (uint64_t)stored;
    field_count(data, "last", &import->stored_us);
    field_count(data, "keeps_s", &import->keeps_s);
    field_count(data, "keeps_minutes_s", &import->keeps_minutes_s);
    return 0;
}

static int begin(struct import *import, struct err *err)
{
    struct table_hash identity = source_identity(import->source);
    AUTO(json_undo) json_t *data = NULL;
    int rc = set_bytes(import, "source", (struct bytes){ identity.bytes, sizeof identity.bytes }, err);
    if (rc == 0)
        rc = ask(import, &data, err);
    if (rc == 0)
        rc = take_run(import, data, err);
    if (rc == 0)
        rc = set_bytes(import, "table", bundle_table(import->bundle), err);
    return rc;
}

static int send_batch(struct import *import, struct err *err)
{
    struct bytes batch;
    uint32_t n;
    AUTO(json_undo) json_t *data = NULL;
    int rc = bundle_take(import->bundle, &import->run, import->stored_before + import->sent + 1, import->anchor_us,
                         &batch, &n, err);
    if (rc == 0)
        rc = set_bytes(import, "batch", batch, err);
    if (rc == 0)
        rc = ask(import, &data, err);
    if (rc < 0)
        return rc;
    import->sent += n;
    return 0;
}

/* ---- ticks ---- */

/* The last tick that is stored must be the file's own: otherwise the file was changed, and its n-th tick is another. */
static int pass_over(const struct import *import, const struct tick *tick, struct err *err)
{
    char text[MOMENT_TEXT];
    if (import->ticks < import->stored_before || tick->at_us == import->stored_us)
        return 0;
    return err_set(err, -EEXIST,
                   "line %" PRIu64 ": a file that begins like this one was imported before, and its tick %" PRIu64
                   " was of %s: this file was changed since, and what is stored cannot be",
                   tick->line, import->ticks, moment_format(text, import->stored_us));
}

static int take_tick(struct import *import, const struct tick *tick, struct err *err)
{
    if (import->ticks++ == 0)
        import->anchor_us = import->first_us = tick->at_us;
    import->last_us = tick->at_us;
    if (import->ticks <= import->stored_before)
        return pass_over(import, tick, err);
    while (bundle_add(import->bundle, tick) == BUNDLE_FULL) {
        int rc = send_batch(import, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int carry(struct import *import, struct err *err)
{
    struct tick tick;
    int rc;
    while ((rc = source_next(import->source, &tick, err)) == 0) {
        rc = take_tick(import, &tick, err);
        if (rc < 0)
            return rc;
    }
    while (rc >= 0 && !bundle_is_empty(import->bundle))
        rc = send_batch(import, err);
    return rc < 0 ? rc : 0;
}

/* ---- the verb ---- */

static int format_of(const json_t *args, enum source_format *ret, struct err *err)
{
    if (field_is(args, "format", "csv"))
        *ret = SOURCE_CSV;
    else if (field_is(args, "format", "openmetrics"))
        *ret = SOURCE_OPENMETRICS;
    else
        return err_set(err, -EINVAL, "import: --format must be csv or openmetrics, not \"%s\"",
                       field_text(args, "format"));
    return 0;
}

/* What is imported of a file that turns out bad on a later line stays: told, so that nobody looks for it in vain. */
static int with_progress(const struct import *import, int rc, const char *name, struct err *err)
{
    if (import->sent > 0) {
        struct err cause = *err;
        return err_set(err, rc, "%s: %s (%" PRIu64 " ticks before it are imported; run it again to go on)", name,
                       cause.text, import->sent);
    }
    return err_within(err, rc, "%s", name);
}

/* What lies before it the collector will soon let go. NULL: all of the file is young enough. */
static const char *dropped_before(const struct import *import, char text[MOMENT_TEXT])
{
    const int64_t minute_us = 60 * US_PER_S;
    bool coarse = import->ticks > 1 && (import->last_us - import->first_us) / (int64_t)(import->ticks - 1) >= minute_us;
    int64_t keeps_s = coarse ? import->keeps_minutes_s : import->keeps_s;
    int64_t from_us = clock_wall_us(&import->console->clock) - keeps_s * US_PER_S;
    return keeps_s > 0 && import->ticks > 0 && import->first_us < from_us ? moment_format(text, from_us) : NULL;
}

static int run_with(struct import *import, FILE *file, enum source_format format, const json_t *args, json_t **ret_data,
                    struct err *err)
{
    uint32_t n = 0;
    int rc = source_open(&import->source, file, format, clock_wall_us(&import->console->clock), err);
    const struct series *series = rc == 0 ? source_series(import->source, &n) : NULL;
    if (rc == 0)
        rc = bundle_new(&import->bundle, series, n, err);
    if (rc == 0)
        rc = begin(import, err);
    if (rc == 0)
        rc = carry(import, err);
    if (rc < 0)
        return with_progress(import, rc == -EINVAL ? -EBADMSG : rc, field_text(args, "file"), err);
    char first[MOMENT_TEXT], last[MOMENT_TEXT], before[MOMENT_TEXT];
    *ret_data = json_pack("{s:s, s:I, s:I, s:I, s:s?, s:s?, s:s?}", "host", field_text(args, "host"), "series",
                          (json_int_t)n, "ticks", (json_int_t)import->ticks, "new", (json_int_t)import->sent, "from",
                          import->ticks ? moment_format(first, import->first_us) : NULL, "to",
                          import->ticks ? moment_format(last, import->last_us) : NULL, "dropped_before",
                          dropped_before(import, before));
    return *ret_data ? 0 : out_of_memory(err);
}

int run_import(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
               struct err *err)
{
    const char *name = field_text(args, "file");
    bool standard = strcmp(name, "-") == 0;
    enum source_format format = SOURCE_CSV;
    int rc = format_of(args, &format, err);
    if (rc < 0)
        return rc;
    AUTO(auto_fclose) FILE *opened = standard ? NULL : fopen(name, "re");
    if (!standard && !opened)
        return err_sys(err, -errno, "cannot read %s", name);
    AUTO(import_done) struct import import = { .console = console, .control = control };
    import.args =
        json_pack("{s:O, s:O*}", "host", json_object_get(args, "host"), "tenant", json_object_get(args, "tenant"));
    if (!import.args)
        return out_of_memory(err);
    return run_with(&import, standard ? console->in : opened, format, args, ret_data, err);
}
