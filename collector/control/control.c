#include "collector/control/control.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"

#define TELL_US (60 * US_PER_S)
enum { ROLES_MEMORY = 1 << 20 };

struct control {
    struct collector *collector;
    struct control_server *server;
    struct feed *feed;
    const struct log *log;
    pthread_mutex_t lock; /* of the next two: nng's threads read them, the loop's alone writes */
    struct arena arena;   /* of roles */
    struct config_list roles;
    uid_t own;
    uint64_t refused; /* requests and readers of users that are not admitted */
    int64_t refused_told_us;
    uint64_t last_item;
    struct backup_watch *backup;
    size_t under_way; /* calls not ended yet */
    bool closing;
};

/* ---- answers ---- */

static const char *code_of(int rc)
{
    switch (rc) {
    case -EINVAL:
    case -ENOTUNIQ:
        return "usage";
    case -ENOENT:
        return "not-found";
    case -EEXIST:
        return "exists";
    case -EACCES:
    case -EPERM:
    case -ERANGE:
    case -EBUSY:
    case -EALREADY:
    case -ENOSPC:
        return "not-allowed";
    case -EAGAIN:
        return "busy";
    case -EIO:
        return "disk";
    default:
        return "internal";
    }
}

static void send_json(struct control *control, unsigned ticket, json_t *answer)
{
    AUTO(auto_free) char *text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(answer);
    static const char no_memory[] = "{\"ok\":false,\"error\":{\"code\":\"internal\",\"text\":\"out of memory\"}}";
    static const char too_large[] =
        "{\"ok\":false,\"error\":{\"code\":\"internal\",\"text\":\"the answer is too large; ask for less\"}}";
    if (!text)
        control_answer(control->server, ticket, no_memory, sizeof no_memory - 1);
    else if (strlen(text) > CONTROL_MESSAGE_MAX)
        control_answer(control->server, ticket, too_large, sizeof too_large - 1);
    else
        control_answer(control->server, ticket, text, strlen(text));
}

static void send_error(struct control *control, unsigned ticket, const struct err *err)
{
    send_json(control, ticket,
              json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "code", code_of(err->code), "text", err->text));
}

static void free_control(struct control *control)
{
    if (!control->closing || control->under_way > 0)
        return;
    arena_done(&control->arena);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

void call_finish(struct call *call, const struct err *err)
{
    struct control *control = call->control;
    if (!control->closing) {
        if (err) {
            send_error(control, call->ticket, err);
        } else {
            json_t *answer = json_pack("{s:b, s:o*}", "ok", 1, "data", json_incref(call->data));
            if (call->more)
                json_object_set_new(answer, "next", json_string(call->more));
            send_json(control, call->ticket, answer);
        }
    }
    json_decref(call->data);
    json_decref(call->args);
    free(call->next);
    free(call->more);
    free(call);
    control->under_way--;
    free_control(control);
}

void call_stored(void *user, int rc)
{
    struct err err;
    if (rc < 0)
        err_set(&err, -EIO, "it holds, but the disk cannot record it now; the collector keeps trying");
    call_finish(user, rc < 0 ? &err : NULL);
}

/* ---- requests ---- */

struct backup_watch *call_backup(const struct call *call)
{
    return call->control->backup;
}

const char *call_text(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->args, name));
}

double call_real(const struct call *call, const char *name)
{
    const json_t *value = json_object_get(call->args, name);
    return value ? json_number_value(value) : NAN;
}

int64_t call_int(const struct call *call, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(call->args, name);
    return value ? json_integer_value(value) : otherwise;
}

int call_tenant(const struct call *call, uint64_t *ret_id, struct err *err)
{
    const char *name = call_text(call, "tenant");
    *ret_id = 0;
    if (!name)
        return 0;
    const struct fleet *fleet = collector_fleet(call->collector);
    const struct tenant *row = fleet_tenant_named(fleet, name);
    uint64_t number;
    struct scan scan = scan_over(name, strlen(name));
    if (!row && scan_u64(&scan, &number) && scan_done(&scan))
        row = fleet_tenant(fleet, number);
    if (!row)
        return err_set(err, -ENOENT, "there is no tenant %.63s; warroom tenant list shows them", name);
    *ret_id = row->id;
    return 0;
}

static void name_user(char text[64], uid_t uid)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        snprintf(text, 64, "%s", found->pw_name);
    else
        snprintf(text, 64, "uid %u", (unsigned)uid);
}

/* ---- roles ---- */

static bool is_in_group(const void *user, const char *group)
{
    return ipc_user_in_group(*(const uid_t *)user, group);
}

/* What it borrows in *ret is there until the loop's thread takes the roles anew. */
static bool grant(struct control *control, uid_t uid, struct granted *ret)
{
    char name[64];
    name_user(name, uid);
    struct roles_caller caller = {
        .always = uid == 0 || uid == control->own, .name = name, .in_group = is_in_group, .user = &uid
    };
    pthread_mutex_lock(&control->lock);
    bool granted = roles_grant(&control->roles, &caller, ret);
    pthread_mutex_unlock(&control->lock);
    return granted;
}

/* The feed tells of all tenants, so it is not for customers. Called on nng's threads. */
static bool may_not_follow(void *user, struct ipc_caller caller)
{
    struct granted granted;
    return !grant(user, caller.uid, &granted) || granted.role == ROLE_CUSTOMER;
}

/* A customer names its own tenant, or means it. */
static int confine(struct call *call, const struct verb *verb, const char *tenant, struct err *err)
{
    const struct tenant *row = fleet_tenant_named(collector_fleet(call->collector), tenant);
    const char *asked = call_text(call, "tenant");
    if (!row)
        return err_set(err, -EPERM, "%s is a customer of the tenant %s, which is not there", call->by, tenant);
    if (asked && strcmp(asked, row->name) != 0)
        return err_set(err, -EPERM, "%s is a customer of %s and sees no other tenant", call->by, row->name);
    call->role_tenant = row->id;
    if (!asked && verb_takes(verb, "tenant") && json_object_set_new(call->args, "tenant", json_string(row->name)) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

static int check_role(struct call *call, uid_t uid, const struct verb *verb, struct err *err)
{
    struct granted granted;
    char who[ROLES_WHO_TEXT];
    if (!grant(call->control, uid, &granted))
        return err_set(err, -EPERM, "%s has no role here: `roles` of collector.yaml has to name it", call->by);
    call->role = granted.role;
    if (!roles_allow(verb->roles, granted.role))
        return err_set(err, -EPERM, "%s is %s here, and %s is for %s", call->by, role_name(granted.role), verb->name,
                       roles_who(who, &call->control->roles, verb->roles));
    return granted.role == ROLE_CUSTOMER ? confine(call, verb, granted.tenant, err) : 0;
}

static void run(struct control *control, unsigned ticket, uid_t uid, const struct console_request *request)
{
    struct err err = { .code = -ENOMEM, .text = "out of memory" };
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        send_error(control, ticket, &err);
        return;
    }
    call->control = control;
    call->strangers = control->refused;
    call->collector = control->collector;
    call->verb = request->verb;
    call->ticket = ticket;
    call->args = json_incref(request->args);
    call->next = request->next ? strdup(request->next) : NULL;
    name_user(call->by, uid);
    control->under_way++;
    int rc = check_role(call, uid, request->verb, &err);
    if (rc == 0)
        rc = request->verb->run(call, &err);
    if (rc < 0) {
        err.code = rc;
        call_finish(call, &err);
    } else if (rc == CALL_ANSWER) {
        call_finish(call, NULL);
    } else if (rc == CALL_WHEN_STORED) {
        collector_then(control->collector, call->file, call->tenant, call_stored, call);
    }
}

/* A stranger may try as often as it likes: all are counted, one a minute is logged. */
static void note_stranger(struct control *control, const char *socket, uid_t uid, unsigned n)
{
    int64_t now = collector_now_us(control->collector);
    bool told = control->refused > 0 && now >= control->refused_told_us && now - control->refused_told_us < TELL_US;
    control->refused += n;
    if (told)
        return;
    control->refused_told_us = now;
    log_event(control->log, LOG_WARN, "console_refused", KV_TEXT("socket", socket), KV_INT("uid", uid),
              KV_COUNT("refused", control->refused));
}

static void on_feed_refused(void *user, uid_t uid, unsigned n)
{
    note_stranger(user, "feed", uid, n);
}

static void refuse_stranger(struct control *control, unsigned ticket, uid_t uid)
{
    struct err err;
    char name[64];
    name_user(name, uid);
    note_stranger(control, "control", uid, 1);
    err_set(&err, -EACCES, "%s may not: the collector hears root, its own user and the members of the socket's group",
            name);
    send_error(control, ticket, &err);
}

static void on_request(void *user, const struct control_request *asked)
{
    struct control *control = user;
    struct console_request request;
    struct err err;
    if (!asked->admitted) {
        refuse_stranger(control, asked->ticket, asked->uid);
        return;
    }
    if (console_request_parse(asked->text, asked->len, &request, &err) < 0) {
        send_error(control, asked->ticket, &err);
        return;
    }
    run(control, asked->ticket, asked->uid, &request);
    console_request_done(&request);
}

/* ---- feed ---- */

void control_happened(struct control *control, const struct happening *happening)
{
    json_t *item = form_happening(control->collector, happening, ++control->last_item);
    AUTO(auto_free) char *text = json_dumps(item, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(item);
    if (text && strlen(text) <= FEED_ITEM_MAX)
        feed_publish(control->feed, text, strlen(text));
}

/* ---- life ---- */

static int listen_to_consoles(struct control *control, uv_loop_t *loop, struct err *err)
{
    const struct collector_config *config = collector_configuration(control->collector);
    struct ipc_gate gate;
    int rc = ipc_gate_init(&gate, config->console_group, err);
    if (rc < 0)
        return rc;
    control->own = gate.own;
    struct ipc_gate feed_gate = gate;
    feed_gate.bars = may_not_follow;
    feed_gate.user = control;
    rc = feed_open(&control->feed, loop, config->feed, &feed_gate, on_feed_refused, control, err);
    if (rc == 0)
        rc = control_server_open(&control->server, loop, config->control, &gate, on_request, control, err);
    return rc;
}

int control_take_roles(struct control *control, struct err *err)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = ROLES_MEMORY };
    struct config_list roles;
    int rc = roles_copy(&collector_configuration(control->collector)->roles, &arena, &roles, err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&control->lock);
    struct arena before = control->arena;
    control->arena = arena;
    control->roles = roles;
    pthread_mutex_unlock(&control->lock);
    arena = before;
    return 0;
}

int control_open(struct control **ret_control, uv_loop_t *loop, struct collector *collector, const struct log *log,
                 struct err *err)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return err_set(err, -ENOMEM, "out of memory");
    control->collector = collector;
    control->log = log;
    control->backup = backup_watch_new();
    if (!control->backup) {
        free(control);
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&control->lock, NULL); /* one of the default kind cannot fail */
    int rc = control_take_roles(control, err);
    if (rc == 0)
        rc = listen_to_consoles(control, loop, err);
    if (rc < 0) {
        feed_close(control->feed);
        backup_watch_leave(control->backup);
        control->closing = true;
        free_control(control);
        return rc;
    }
    *ret_control = control;
    return 0;
}

struct control *control_close(struct control *control)
{
    if (!control)
        return NULL;
    control->closing = true;
    control->server = control_server_close(control->server);
    control->feed = feed_close(control->feed);
    backup_watch_leave(control->backup);
    free_control(control);
    return NULL;
}
