/* The collector copies its files and says how far it is; the last answer is the one that is shown. */
#include "base/auto.h"
#include "warroom/command/command.h"
#include "warroom/command/exchange.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/run.h"

static void json_undo(json_t **json)
{
    json_decref(*json);
}

/* One line that is written over itself. */
static void show_progress(const struct console *console, const json_t *data)
{
    const json_t *backup = field_object(data, "backup");
    char copied[HUMAN_TEXT], all[HUMAN_TEXT];
    double bytes = 0, total = 0;
    if (!console->terminal || !field_number(backup, "bytes", &bytes) || !field_number(backup, "bytes_total", &total))
        return;
    fprintf(console->err, "\r%s of %s copied \033[K", human_value(copied, bytes, "By"), human_value(all, total, "By"));
    fflush(console->err);
}

int run_backup(const struct console *console, const char *control, const json_t *args, json_t **ret_data,
               struct err *err)
{
    AUTO(json_undo) json_t *next = NULL;
    AUTO(json_undo) json_t *data = NULL;
    do {
        json_t *after = NULL;
        json_t *page = NULL;
        int rc = exchange_page(&console->line, control, "backup", args, next, &page, &after, err);
        if (rc < 0)
            return rc;
        json_decref(next);
        json_decref(data);
        next = after;
        data = page;
        if (next)
            show_progress(console, data);
    } while (next);
    if (console->terminal)
        fputs("\r\033[K", console->err);
    *ret_data = TAKE(data);
    return 0;
}
