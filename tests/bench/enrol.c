#include "tests/bench/enrol.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/link/control.h"

#define ASK_TIMEOUT_US INT64_C(30000000)

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

static int invite(const char *control, unsigned number, unsigned uses, struct arena *arena, struct invite *ret,
                  struct err *err)
{
    char tenant[32];
    AUTO(json_undo) json_t *data = NULL;
    snprintf(tenant, sizeof tenant, "bench-%u", number);
    int rc = ask(control, "host enroll",
                 json_pack("{s:s, s:s, s:i}", "tenant", tenant, "group", "swarm", "uses", (int)uses), &data, err);
    if (rc < 0)
        return rc;
    const char *line = json_string_value(json_object_get(json_object_get(data, "invitation"), "code"));
    if (!line)
        return err_set(err, -EPROTO, "host enroll: the answer has no invitation");
    return codec_parse_invite(line, strlen(line), arena, ret, err);
}

int enrol_invite(const char *control, unsigned n_tenants, unsigned uses, struct arena *arena,
                 struct invite *ret_invites, struct err *err)
{
    for (unsigned i = 0; i < n_tenants; i++) {
        int rc = add_tenant(control, i + 1, err);
        if (rc == 0)
            rc = invite(control, i + 1, uses, arena, &ret_invites[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
