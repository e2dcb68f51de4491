#include "warroom/command/command.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/auto.h"
#include "warroom/command/attach.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/follow.h"
#include "warroom/command/help.h"
#include "warroom/command/run.h"
#include "warroom/command/settings.h"
#include "warroom/command/sheet.h"
#include "warroom/command/text.h"
#include "warroom/command/words.h"

enum { SETTINGS_MEMORY = 1 << 20 };

static void json_undo(json_t **json)
{
    json_decref(*json);
}

/* The text may quote what somebody typed or what a collector said: nothing of it is obeyed by the terminal. */
static enum command_exit complain(const struct console *console, const struct err *err)
{
    AUTO(auto_free) char *text = text_clean(err->text);
    fprintf(console->err, "warroom: %s\n", text ? text : "out of memory");
    return err->code == -EINVAL ? COMMAND_USAGE : COMMAND_FAILED;
}

/* Figures as they came: 0.973, not 0.97299999999999998, unless they really have more than 15 digits. */
static void put_json(FILE *out, const json_t *data)
{
    AUTO(auto_free) char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(15));
    AUTO(json_undo) json_t *again = text ? json_loads(text, 0, NULL) : NULL;
    if (json_equal(data, again))
        fputs(text, out);
    else
        json_dumpf(data, out, JSON_COMPACT);
    fputc('\n', out);
}

static enum command_exit show(const struct console *console, const struct request *request, const json_t *data)
{
    struct sheet sheet = { console->out, console->terminal, console->colour, clock_wall_us(&console->clock) };
    if (request->json) {
        put_json(console->out, data);
    } else {
        request->verb->show(data, &sheet);
    }
    if (fflush(console->out) == 0 && !ferror(console->out))
        return COMMAND_OK;
    fputs("warroom: the answer could not be written out\n", console->err);
    return COMMAND_FAILED;
}

static bool is_plugin(const struct verb *verb)
{
    static const char *const plugins[] = { "contact test", "ledger verify", "lint", "rehearse" };
    for (size_t i = 0; verb && i < sizeof plugins / sizeof plugins[0]; i++)
        if (strcmp(verb->control, plugins[i]) == 0)
            return true;
    return false;
}

static enum command_exit refuse(const struct console *console, const struct verb *verb, const struct err *err)
{
    enum command_exit failed = complain(console, err);
    return is_plugin(verb) ? (enum command_exit)PLUGIN_UNKNOWN : failed;
}

static enum command_exit plugin_exit(const json_t *data)
{
    static const char *const states[] = { "ok", "warning", "critical" };
    for (int i = 0; i < 3; i++)
        if (field_is(data, "state", states[i]))
            return (enum command_exit)i;
    return (enum command_exit)PLUGIN_UNKNOWN;
}

static enum command_exit carry_out(const struct console *console, const struct request *request,
                                   const struct settings *settings)
{
    struct err err = { 0 };
    if (request->follow) {
        follow_incidents(console, settings, request, &err);
        return complain(console, &err);
    }
    AUTO(json_undo) json_t *data = NULL;
    run_fn *verb_run = run_find(request->verb->control);
    int rc =
        verb_run ? verb_run(console, settings->control, request->args, &data, &err) : attach_file(request->args, &err);
    if (rc == 0 && !verb_run)
        rc = exchange(&console->line, settings->control, request->verb->control, request->args, &data, &err);
    if (rc < 0)
        return refuse(console, request->verb, &err);
    enum command_exit shown = data ? show(console, request, data) : COMMAND_OK;
    if (!is_plugin(request->verb))
        return shown;
    return shown == COMMAND_OK ? plugin_exit(data) : (enum command_exit)PLUGIN_UNKNOWN;
}

static enum command_exit run(const struct console *console, const struct request *request, struct arena *arena)
{
    struct settings settings;
    if (request->version) {
        fputs("warroom " WARROOM_VERSION "\n", console->out);
        return COMMAND_OK;
    }
    if (request->help) {
        if (request->verb)
            help_verb(console->out, request->verb);
        else if (request->group)
            help_group(console->out, request->group);
        else
            help_all(console->out);
        return COMMAND_OK;
    }
    if (settings_read(&settings, request, console->config_file, arena, console->err) < 0)
        return is_plugin(request->verb) ? (enum command_exit)PLUGIN_UNKNOWN : COMMAND_FAILED;
    return request->check_config ? COMMAND_OK : carry_out(console, request, &settings);
}

enum command_exit command_run(const struct console *console, int argc, char *argv[])
{
    assert(console && argc > 0);
    AUTO(request_done) struct request request = { 0 };
    struct err err = { 0 };
    if (words_parse(&request, argc, argv, clock_wall_us(&console->clock), &err) < 0)
        return refuse(console, request.verb, &err);
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SETTINGS_MEMORY);
    return run(console, &request, &arena);
}
