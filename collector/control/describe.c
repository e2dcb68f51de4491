/* Events written down: from a document, field by field, or both. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/call.h"

/* All faults of a file at once, as far as they fit a line. */
static int tell_faults(const struct config_faults *faults, struct err *err)
{
    char text[ERR_TEXT_MAX] = "";
    size_t told = 0;
    for (size_t i = 0; i < config_faults_kept(faults); i++) {
        size_t used = strlen(text);
        if (used + strlen(faults->at[i].text) + 24 >= sizeof text && i > 0)
            break;
        snprintf(text + used, sizeof text - used, "%s%s", i ? "; " : "", faults->at[i].text);
        told++;
    }
    if (told < faults->n)
        return err_set(err, -EINVAL, "%s; and %zu more", text, faults->n - told);
    return err_set(err, -EINVAL, "%s", text);
}

static int read_document(const struct call *call, struct document *ret, struct err *err)
{
    struct config_faults faults = { .n = 0 };
    const char *file = call_text(call, "file");
    const char *text = call_text(call, "document");
    int rc = document_parse_given(file ? file : "document", text, strlen(text), ret, &faults);
    return rc == -EINVAL ? tell_faults(&faults, err) : rc;
}

/* As somebody would have typed it. */
static const char *typed(const json_t *value, char number[24])
{
    if (json_is_integer(value))
        snprintf(number, 24, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(number, 24, "%s", json_is_true(value) ? "true" : "false");
    else
        return json_string_value(value);
    return number;
}

/* What was given besides a document goes before it. */
static int set_fields(const struct call *call, struct document *document, struct err *err)
{
    int rc = 0;
    for (enum document_field field = 0; rc == 0 && field < DOCUMENT_FIELD_COUNT; field++) {
        char number[24];
        const json_t *value = json_object_get(call->args, document_key(field));
        if (value)
            rc = document_set(document, document_key(field), typed(value, number), err);
    }
    return rc == -ENOENT ? -EINVAL : rc;
}

static int make_document(const struct call *call, struct document *ret, struct err *err)
{
    struct event draft;
    static const char *const needed[] = { "name", "zone", "first_day" };
    if (call_text(call, "document"))
        return read_document(call, ret, err);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!call_text(call, needed[i]))
            return err_set(err, -EINVAL, "event create needs a %s, or a document that says it", needed[i]);
    struct event_plan plan = { .name = call_text(call, "name"),
                               .zone = call_text(call, "zone"),
                               .first_day = call_text(call, "first_day"),
                               .days = call_int(call, "days", 1),
                               .hosts = call_text(call, "hosts"),
                               .labels = call_text(call, "labels"),
                               .drill = json_is_true(json_object_get(call->args, "drill")) };
    int rc = event_init(&draft, &plan, err);
    if (rc == 0)
        document_of(&draft, ret);
    return rc;
}

int verb_event_create(struct call *call, struct err *err)
{
    uint64_t tenant;
    const struct event *row = NULL;
    struct decision decision = call_decision(call);
    AUTO(auto_free) struct document *document = calloc(1, sizeof *document);
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = make_document(call, document, err);
    if (rc == 0)
        rc = set_fields(call, document, err);
    if (rc == 0)
        rc = collector_add_event(call->collector, tenant, document, &decision, &row, err);
    return rc < 0 ? rc : call_answer_event(call, row);
}

int verb_event_set(struct call *call, struct err *err)
{
    const struct event *row = NULL;
    struct decision decision = call_decision(call);
    AUTO(auto_free) struct document *document = calloc(1, sizeof *document);
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = call_event(call, &row, err);
    if (rc == 0 && call_text(call, "document"))
        rc = read_document(call, document, err);
    else if (rc == 0)
        rc = collector_document(call->collector, row->id, document, err);
    if (rc == 0)
        rc = set_fields(call, document, err);
    if (rc == 0)
        rc = collector_set_event(call->collector, row->id, document, &decision, &row, err);
    return rc < 0 ? rc : call_answer_event(call, row);
}
