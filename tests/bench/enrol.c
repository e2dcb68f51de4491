#include "tests/bench/enrol.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/auto.h"
#include "base/scan.h"
#include "proto/link/control.h"

#define ASK_TIMEOUT_US INT64_C(30000000)
enum { ASKERS = CONTROL_IN_FLIGHT / 2 }; /* leaves room for people */

struct task { /* what the askers share */
    const char *control;
    unsigned n_tenants, n;
    uint64_t *hosts;
    atomic_uint next;
    atomic_bool failed;
};

struct asker {
    struct task *task;
    uv_thread_t thread;
    int rc;
    struct err err;
};

static void json_undo(json_t **json)
{
    json_decref(*json);
}

/* Takes `args`. On 0 *ret_data is the caller's. */
static int ask(const char *control, const char *verb, json_t *args, json_t **ret_data, struct err *err)
{
    AUTO(json_undo) json_t *request = json_pack("{s:s, s:o}", "verb", verb, "args", args);
    AUTO(auto_free) char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    AUTO(auto_free) char *reply = NULL;
    size_t len;
    if (!text)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = control_ask(control, text, strlen(text), ASK_TIMEOUT_US, &reply, &len, err);
    if (rc < 0)
        return rc;
    AUTO(json_undo) json_t *answer = json_loadb(reply, len, 0, NULL);
    json_t *data = json_object_get(answer, "data");
    if (!data)
        return err_set(err, -EPROTO, "%s: the collector says %s", verb, reply);
    *ret_data = json_incref(data);
    return 0;
}

static int add_tenant(const char *control, unsigned number, struct err *err)
{
    char name[32];
    AUTO(json_undo) json_t *data = NULL;
    snprintf(name, sizeof name, "bench-%u", number);
    return ask(control, "tenant add", json_pack("{s:s}", "name", name), &data, err);
}

static int enrol_host(const struct task *task, unsigned index, struct err *err)
{
    char name[32], tenant[32];
    AUTO(json_undo) json_t *data = NULL;
    snprintf(name, sizeof name, "swarm-%05u", index);
    snprintf(tenant, sizeof tenant, "bench-%u", index % task->n_tenants + 1);
    int rc = ask(task->control, "host enroll", json_pack("{s:s, s:s}", "name", name, "tenant", tenant), &data, err);
    if (rc < 0)
        return rc;
    const char *id = json_string_value(json_object_get(json_object_get(data, "host"), "id"));
    struct scan scan = scan_over(id, id ? strlen(id) : 0);
    if (!scan_hex64(&scan, &task->hosts[index]) || !scan_done(&scan))
        return err_set(err, -EPROTO, "host enroll: the answer has no host id");
    return 0;
}

static void enrol_some(void *arg)
{
    struct asker *asker = arg;
    struct task *task = asker->task;
    unsigned index;
    while (asker->rc == 0 && !atomic_load(&task->failed) && (index = atomic_fetch_add(&task->next, 1)) < task->n)
        asker->rc = enrol_host(task, index, &asker->err);
    if (asker->rc < 0)
        atomic_store(&task->failed, true);
}

int enrol_hosts(const char *control, unsigned n_tenants, unsigned n, uint64_t *ret_hosts, struct err *err)
{
    for (unsigned i = 1; i <= n_tenants; i++) {
        int rc = add_tenant(control, i, err);
        if (rc < 0)
            return rc;
    }
    struct task task = { .control = control, .n_tenants = n_tenants, .n = n, .hosts = ret_hosts };
    struct asker askers[ASKERS] = { 0 };
    int started = 0;
    while (started < ASKERS) {
        askers[started].task = &task;
        if (uv_thread_create(&askers[started].thread, enrol_some, &askers[started]) < 0)
            break;
        started++;
    }
    int rc = started > 0 ? 0 : err_set(err, -EAGAIN, "no thread to ask from");
    for (int i = 0; i < started; i++) {
        uv_thread_join(&askers[i].thread);
        if (rc == 0 && askers[i].rc < 0)
            rc = err_set(err, askers[i].rc, "%s", askers[i].err.text);
    }
    return rc;
}
