/* The verbs the console may use, who may use them, and requests checked against them. A step of an event is everybody's
 * here: the event's own table says who may take it. */
#include <errno.h>
#include <string.h>

#include "collector/control/call.h"

static const struct verb verbs[] = {
    { "status", verb_status, { { .name = NULL } }, ROLES_STAFF },
    { "tenant add", verb_tenant_add, { { "name", ARG_TEXT, true } }, ROLES_COMMANDERS },
    { "tenant list", verb_tenant_list, { { .name = NULL } }, ROLES_STAFF },
    { "tenant show", verb_tenant_show, { { "tenant", ARG_TEXT, true } }, ROLES_ALL },
    { "tenant set",
      verb_tenant_set,
      { { "tenant", ARG_TEXT, true },
        { "first_day", ARG_TEXT, true },
        { "plan", ARG_TEXT, false },
        { "years", ARG_INT, false },
        { "zone", ARG_TEXT, false },
        { "calendar", ARG_TEXT, false } },
      ROLES_COMMANDERS },
    { "plan list", verb_plan_list, { { .name = NULL } }, ROLES_ALL },
    { "entitlement show", verb_entitlement_show, { { "tenant", ARG_TEXT, true } }, ROLES_ALL },
    { "entitlement buy",
      verb_entitlement_buy,
      { { "tenant", ARG_TEXT, true },
        { "grant", ARG_TEXT, false },
        { "days", ARG_INT, true },
        { "from_day", ARG_TEXT, true },
        { "to_day", ARG_TEXT, true } },
      ROLES_COMMANDERS },
    { "entitlement advise",
      verb_entitlement_advise,
      { { "tenant", ARG_TEXT, true }, { "first_day", ARG_TEXT, true }, { "days", ARG_INT, false } },
      ROLES_COMMANDERS },
    { "entitlement cancel",
      verb_entitlement_cancel,
      { { "tenant", ARG_TEXT, true }, { "advice", ARG_INT, true } },
      ROLES_COMMANDERS },
    { "host enroll",
      verb_host_enroll,
      { { "name", ARG_TEXT, false },
        { "tenant", ARG_TEXT, true },
        { "uses", ARG_INT, false },
        { "expires_s", ARG_REAL, false },
        { "group", ARG_TEXT, false },
        { "labels", ARG_TEXT, false },
        { "egress", ARG_REAL, false },
        { "ingress", ARG_REAL, false },
        { "connections", ARG_REAL, false },
        { "new_connections", ARG_REAL, false },
        { "disk_read", ARG_REAL, false },
        { "disk_write", ARG_REAL, false } },
      ROLES_COMMANDERS },
    { "host rotate",
      verb_host_rotate,
      { { "host", ARG_TEXT, true }, { "tenant", ARG_TEXT, false }, { "expires_s", ARG_REAL, false } },
      ROLES_COMMANDERS },
    { "host revoke",
      verb_host_revoke,
      { { "host", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } },
      ROLES_COMMANDERS },
    { "host retire",
      verb_host_retire,
      { { "host", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } },
      ROLES_COMMANDERS },
    { "host invitations", verb_host_invitations, { { "tenant", ARG_TEXT, false } }, ROLES_COMMANDERS },
    { "host uninvite", verb_host_uninvite, { { "invitation", ARG_TEXT, true } }, ROLES_COMMANDERS },
    { "host set",
      verb_host_set,
      { { "host", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "group", ARG_TEXT, false },
        { "labels", ARG_TEXT, false },
        { "egress", ARG_REAL, false },
        { "ingress", ARG_REAL, false },
        { "connections", ARG_REAL, false },
        { "new_connections", ARG_REAL, false },
        { "disk_read", ARG_REAL, false },
        { "disk_write", ARG_REAL, false } },
      ROLES_COMMANDERS },
    { "hosts", verb_hosts, { { "tenant", ARG_TEXT, false } }, ROLES_ALL },
#define EVENT_FIELDS                                                                                                   \
    { "file", ARG_TEXT, false }, { "document", ARG_TEXT, false }, { "name", ARG_TEXT, false },                         \
        { "zone", ARG_TEXT, false }, { "first_day", ARG_TEXT, false }, { "days", ARG_INT, false },                     \
        { "drill", ARG_BOOL, false }, { "patrol", ARG_TEXT, false }, { "hosts", ARG_TEXT, false },                     \
        { "labels", ARG_TEXT, false }, { "tiers", ARG_TEXT, false }, { "limits", ARG_TEXT, false },                    \
        { "demand", ARG_TEXT, false }, { "contacts", ARG_TEXT, false }, { "escalation", ARG_TEXT, false },             \
        { "runbooks", ARG_TEXT, false }, { "rules", ARG_TEXT, false },                                                 \
    {                                                                                                                  \
        "notes", ARG_TEXT, false                                                                                       \
    }
    { "event create", verb_event_create, { { "tenant", ARG_TEXT, true }, EVENT_FIELDS }, ROLES_ASKERS },
    { "event set",
      verb_event_set,
      { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false }, { "reason", ARG_TEXT, false }, EVENT_FIELDS },
      ROLES_ASKERS },
    { "event list", verb_event_list, { { "tenant", ARG_TEXT, false } }, ROLES_ALL },
    { "event show", verb_event_show, { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } }, ROLES_ALL },
#define EVENT_STEP(verb)                                                                                               \
    {                                                                                                                  \
        "event " verb, verb_event_do,                                                                                  \
            { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false }, { "reason", ARG_TEXT, false } }, ROLES_ALL   \
    }
    EVENT_STEP("request"),
    EVENT_STEP("accept"),
    EVENT_STEP("check"),
    EVENT_STEP("arm"),
    EVENT_STEP("start"),
    EVENT_STEP("end"),
    EVENT_STEP("report"),
    EVENT_STEP("close"),
    EVENT_STEP("cancel"),
    { "event override",
      verb_event_override,
      { { "event", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "gate", ARG_TEXT, true },
        { "reason", ARG_TEXT, true } },
      ROLES_COMMANDERS },
    { "incident list", verb_incident_list, { { "tenant", ARG_TEXT, false }, { "all", ARG_BOOL, false } }, ROLES_ALL },
    { "incident show", verb_incident_show, { { "incident", ARG_INT, true } }, ROLES_ALL },
    { "incident ack", verb_incident_ack, { { "incident", ARG_INT, true } }, ROLES_OPERATORS },
    { "incident assign",
      verb_incident_assign,
      { { "incident", ARG_INT, true }, { "to", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "incident note",
      verb_incident_note,
      { { "incident", ARG_INT, true }, { "text", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "incident resolve", verb_incident_resolve, { { "incident", ARG_INT, true } }, ROLES_OPERATORS },
    { "incident reopen", verb_incident_reopen, { { "incident", ARG_INT, true } }, ROLES_OPERATORS },
    { "silence add",
      verb_silence_add,
      { { "tenant", ARG_TEXT, false },
        { "hosts", ARG_TEXT, true },
        { "rule", ARG_TEXT, false },
        { "for_s", ARG_REAL, false },
        { "until", ARG_TEXT, false },
        { "reason", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "silence list", verb_silence_list, { { "tenant", ARG_TEXT, false } }, ROLES_ALL },
    { "silence end",
      verb_silence_end,
      { { "silence", ARG_INT, true }, { "tenant", ARG_TEXT, false } },
      ROLES_OPERATORS },
    { "notice add",
      verb_notice_add,
      { { "tenant", ARG_TEXT, false },
        { "kind", ARG_TEXT, true },
        { "hosts", ARG_TEXT, true },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true },
        { "title", ARG_TEXT, true },
        { "impact", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "notice list", verb_notice_list, { { "tenant", ARG_TEXT, false } }, ROLES_ALL },
    { "notice answer",
      verb_notice_answer,
      { { "notice", ARG_INT, true }, { "tenant", ARG_TEXT, false }, { "reason", ARG_TEXT, true } },
      ROLES_COMMANDERS },
    { "rehearse",
      verb_rehearse,
      { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false }, { "host", ARG_TEXT, false } },
      ROLES_OPERATORS },
    { "rehearsal stop",
      verb_rehearsal_stop,
      { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } },
      ROLES_OPERATORS },
    { "rehearsal show",
      verb_rehearsal_show,
      { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } },
      ROLES_ALL },
    { "lint", verb_lint, { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false } }, ROLES_STAFF },
    { "contact list", verb_contact_list, { { .name = NULL } }, ROLES_STAFF },
    { "contact show", verb_contact_show, { { "contact", ARG_TEXT, true } }, ROLES_STAFF },
    { "contact test", verb_contact_test, { { "contact", ARG_TEXT, true } }, ROLES_OPERATORS },
    { "oncall list", verb_oncall_list, { { .name = NULL } }, ROLES_STAFF },
    { "oncall show",
      verb_oncall_show,
      { { "rota", ARG_TEXT, true }, { "from", ARG_TEXT, false }, { "to", ARG_TEXT, false } },
      ROLES_STAFF },
    { "oncall override",
      verb_oncall_override,
      { { "rota", ARG_TEXT, true },
        { "contact", ARG_TEXT, true },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true },
        { "reason", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "ledger list",
      verb_ledger_list,
      { { "tenant", ARG_TEXT, false },
        { "event", ARG_TEXT, false },
        { "kind", ARG_TEXT, false },
        { "oldest", ARG_BOOL, false },
        { "entries", ARG_INT, false } },
      ROLES_ALL },
    { "ledger export", verb_ledger_export, { { "tenant", ARG_TEXT, false } }, ROLES_ALL },
    { "ledger accept",
      verb_ledger_accept,
      { { "tenant", ARG_TEXT, true }, { "reason", ARG_TEXT, true } },
      ROLES_COMMANDERS },
    { "patrol log",
      verb_patrol_log,
      { { "event", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "findings", ARG_BOOL, false },
        { "oldest", ARG_BOOL, false } },
      ROLES_ALL },
    { "patrol handover",
      verb_patrol_handover,
      { { "event", ARG_TEXT, true }, { "tenant", ARG_TEXT, false }, { "note", ARG_TEXT, true } },
      ROLES_OPERATORS },
    { "query",
      verb_query,
      { { "host", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "metric", ARG_TEXT, true },
        { "instance", ARG_TEXT, false },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true },
        { "points", ARG_INT, false },
        { "step_s", ARG_REAL, false },
        { "quantiles", ARG_BOOL, false } },
      ROLES_ALL },
    { "query latest",
      verb_query_latest,
      { { "tenant", ARG_TEXT, false },
        { "host", ARG_TEXT, false },
        { "hosts", ARG_TEXT, false },
        { "metric", ARG_TEXT, false },
        { "instance", ARG_TEXT, false } },
      ROLES_ALL },
    { "query quantiles",
      verb_query_quantiles,
      { { "tenant", ARG_TEXT, false },
        { "host", ARG_TEXT, false },
        { "hosts", ARG_TEXT, false },
        { "metric", ARG_TEXT, true },
        { "instance", ARG_TEXT, false },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true } },
      ROLES_ALL },
    { "query top",
      verb_query_top,
      { { "tenant", ARG_TEXT, false },
        { "hosts", ARG_TEXT, false },
        { "metric", ARG_TEXT, true },
        { "instance", ARG_TEXT, false },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true },
        { "by", ARG_TEXT, false },
        { "most", ARG_INT, false } },
      ROLES_ALL },
    { "coverage",
      verb_coverage,
      { { "tenant", ARG_TEXT, false },
        { "event", ARG_TEXT, false },
        { "host", ARG_TEXT, false },
        { "hosts", ARG_TEXT, false },
        { "from", ARG_TEXT, false },
        { "to", ARG_TEXT, false } },
      ROLES_ALL },
    { "rule list",
      verb_rule_list,
      { { "tenant", ARG_TEXT, false }, { "host", ARG_TEXT, false }, { "event", ARG_TEXT, false } },
      ROLES_ALL },
    { "rule export",
      verb_rule_export,
      { { "tenant", ARG_TEXT, false },
        { "host", ARG_TEXT, false },
        { "event", ARG_TEXT, false },
        { "state", ARG_TEXT, false } },
      ROLES_ALL },
    { "rule test",
      verb_rule_test,
      { { "tenant", ARG_TEXT, false },
        { "host", ARG_TEXT, true },
        { "event", ARG_TEXT, false },
        { "from", ARG_TEXT, false },
        { "to", ARG_TEXT, false },
        { "state", ARG_TEXT, false },
        { "file", ARG_TEXT, false },
        { "document", ARG_TEXT, false } },
      ROLES_ALL },
    { "backup", verb_backup, { { "tenant", ARG_TEXT, false } }, ROLES_COMMANDERS },
    { "export",
      verb_export,
      { { "host", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "metric", ARG_TEXT, false },
        { "instance", ARG_TEXT, false },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true } },
      ROLES_ALL },
    { "export series",
      verb_export_series,
      { { "host", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "metric", ARG_TEXT, false },
        { "instance", ARG_TEXT, false },
        { "from", ARG_TEXT, true },
        { "to", ARG_TEXT, true } },
      ROLES_ALL },
    { "import",
      verb_import,
      { { "host", ARG_TEXT, true },
        { "tenant", ARG_TEXT, false },
        { "source", ARG_TEXT, true },
        { "table", ARG_TEXT, false },
        { "batch", ARG_TEXT, false } },
      ROLES_COMMANDERS },
};

static bool is_of_kind(const json_t *value, enum arg_kind kind)
{
    switch (kind) {
    case ARG_TEXT:
        return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
    case ARG_INT:
        return json_is_integer(value);
    case ARG_REAL:
        return json_is_number(value);
    case ARG_BOOL:
        return json_is_boolean(value);
    }
    return false;
}

static const struct arg *find_arg(const struct verb *verb, const char *name)
{
    for (size_t i = 0; i < CALL_ARGS_MAX && verb->args[i].name; i++)
        if (strcmp(verb->args[i].name, name) == 0)
            return &verb->args[i];
    return NULL;
}

bool verb_takes(const struct verb *verb, const char *name)
{
    return find_arg(verb, name) != NULL;
}

static int check_args(const struct verb *verb, json_t *args, struct err *err)
{
    static const char *const kinds[] = { "a text", "a whole number", "a number", "true or false" };
    const char *name;
    json_t *value;
    json_object_foreach(args, name, value)
    {
        const struct arg *arg = find_arg(verb, name);
        if (!arg)
            return err_set(err, -EINVAL, "%s takes no argument %.40s", verb->name, name);
        if (!is_of_kind(value, arg->kind))
            return err_set(err, -EINVAL, "%s: %s is to be %s", verb->name, name, kinds[arg->kind]);
    }
    for (size_t i = 0; i < CALL_ARGS_MAX && verb->args[i].name; i++)
        if (verb->args[i].required && !json_object_get(args, verb->args[i].name))
            return err_set(err, -EINVAL, "%s needs the argument %s", verb->name, verb->args[i].name);
    return 0;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int check_request(json_t *whole, struct console_request *ret, struct err *err)
{
    const char *name = json_string_value(json_object_get(whole, "verb"));
    const json_t *next = json_object_get(whole, "next");
    json_t *args = json_object_get(whole, "args");
    if (!name)
        return err_set(err, -EINVAL, "a request is an object with a \"verb\"");
    const struct verb *verb = find_verb(name);
    if (!verb)
        return err_set(err, -EINVAL, "there is no verb %.60s; is the collector older than this console?", name);
    if (args && !json_is_object(args))
        return err_set(err, -EINVAL, "\"args\" is to be an object");
    if (next && !json_is_string(next))
        return err_set(err, -EINVAL, "\"next\" is to be a text");
    if (!args)
        json_object_set_new(whole, "args", args = json_object());
    int rc = check_args(verb, args, err);
    if (rc == 0)
        *ret = (struct console_request){
            .verb = verb, .args = json_incref(args), .next = json_string_value(next), .whole = whole
        };
    return rc;
}

int console_request_parse(const char *text, size_t len, struct console_request *ret, struct err *err)
{
    json_error_t fault;
    json_t *whole = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
    if (!whole)
        return err_set(err, -EINVAL, "not JSON: %.120s", fault.text);
    int rc = check_request(whole, ret, err);
    if (rc < 0)
        json_decref(whole);
    return rc;
}

void console_request_done(struct console_request *request)
{
    json_decref(request->args);
    json_decref(request->whole);
}
