/* History from the console, a batch a request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/call.h"
#include "collector/store/pack/pack.h"
#include "proto/text/base64.h"

static void on_imported(void *user, const struct collector_imported *result, const struct err *err)
{
    struct call *call = user;
    if (!err) {
        struct store_retention keeps = store_retention_of(&collector_configuration(call->collector)->retention);
        char run[BASE64_TEXT(RUN_BYTES)];
        base64_encode(run, result->run.bytes, RUN_BYTES);
        call->data = json_pack("{s:s, s:I, s:o, s:b, s:I, s:I}", "run", run, "stored", (json_int_t)result->stored,
                               "last", result->stored ? json_integer((json_int_t)result->stored_us) : json_null(),
                               "had", result->had, "keeps_s", (json_int_t)(keeps.samples_us / US_PER_S),
                               "keeps_minutes_s", (json_int_t)(keeps.minutes_us / US_PER_S));
    }
    call_finish(call, err);
}

/* On 0 ret->at is the caller's; an argument that was not given is empty. */
static int bytes_arg(const struct call *call, const char *name, size_t most, struct bytes *ret, struct err *err)
{
    const char *text = call_text(call, name);
    if (!text)
        return 0;
    size_t len = strlen(text);
    if (len > BASE64_TEXT(most))
        return err_set(err, -EINVAL, "%s: more than %zu bytes", name, most);
    AUTO(auto_free) uint8_t *bytes = malloc(BASE64_BYTES(len) + 1);
    if (!bytes)
        return err_set(err, -ENOMEM, "out of memory");
    size_t n;
    if (base64_decode(bytes, text, len, &n) < 0 || n > most)
        return err_set(err, -EINVAL, "%s is not base64 of at most %zu bytes", name, most);
    *ret = (struct bytes){ TAKE(bytes), n };
    return 0;
}

static int source_arg(const struct call *call, struct import_source *ret, struct err *err)
{
    uint8_t bytes[BASE64_BYTES(BASE64_TEXT(sizeof ret->bytes)) + 1];
    const char *text = call_text(call, "source");
    size_t n = 0;
    if (strlen(text) >= BASE64_TEXT(sizeof ret->bytes) || base64_decode(bytes, text, strlen(text), &n) < 0 ||
        n != sizeof ret->bytes)
        return err_set(err, -EINVAL, "source is not base64 of %zu bytes", sizeof ret->bytes);
    memcpy(ret->bytes, bytes, n);
    return 0;
}

static void free_bytes(struct import_batch *import)
{
    free((void *)import->table.at);
    free((void *)import->batch.at);
}

int verb_import(struct call *call, struct err *err)
{
    AUTO(free_bytes) struct import_batch import = { .host = 0 };
    const struct host *host;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), &host, err);
    if (rc == 0)
        rc = source_arg(call, &import.source, err);
    if (rc == 0)
        rc = bytes_arg(call, "table", MESSAGE_MAX, &import.table, err);
    if (rc == 0)
        rc = bytes_arg(call, "batch", BATCH_MAX, &import.batch, err);
    if (rc != 0)
        return rc;
    if ((import.table.len == 0) != (import.batch.len == 0))
        return err_set(err, -EINVAL, "a batch needs its table, and a table its batch");
    import.host = host->id;
    rc = collector_import(call->collector, &import, on_imported, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
