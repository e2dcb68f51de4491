/* Invitations that are still good: which there are, and taking one back. An invitation's id is of the hash that is kept
 * of its token: nobody joins by it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"

enum { INVITATIONS_A_PAGE = 500 };

struct place { /* where a page begins: behind this one */
    int64_t made_us;
    uint64_t id;
};

/* Who is invited, and what for. */
static json_t *form_outstanding(const struct collector *collector, const struct token *row)
{
    const struct fleet *fleet = collector_fleet(collector);
    const struct host *host = fleet_host(fleet, row->host);
    return json_pack("{s:o, s:s, s:s?, s:s?, s:i, s:o, s:o}", "id", form_host_id(keyring_token_id(row)), "tenant",
                     fleet_tenant(fleet, row->tenant)->name, "host", host ? host->name : NULL, "group",
                     row->group[0] ? row->group : NULL, "uses", (int)row->uses_left, "made",
                     form_instant(row->created_us), "expires", form_instant(row->expires_us));
}

/* ---- the list ---- */

static struct place place_of(const struct token *row)
{
    return (struct place){ .made_us = row->created_us, .id = keyring_token_id(row) };
}

static int compare_places(struct place a, struct place b)
{
    if (a.made_us != b.made_us)
        return a.made_us < b.made_us ? -1 : 1;
    return (a.id > b.id) - (a.id < b.id);
}

static int oldest_first(const void *a, const void *b)
{
    return compare_places(place_of(*(const struct token *const *)a), place_of(*(const struct token *const *)b));
}

static int continue_behind(const struct call *call, struct place *ret, struct err *err)
{
    uint64_t made_us;
    *ret = (struct place){ .made_us = INT64_MIN };
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_u64(&scan, &made_us) || made_us > INT64_MAX || !scan_char(&scan, ' ') || !scan_hex64(&scan, &ret->id) ||
        !scan_done(&scan))
        return err_set(err, -EINVAL, "\"next\" is not one that host invitations has given");
    ret->made_us = (int64_t)made_us;
    return 0;
}

/* Those of the tenant (0: all) behind `behind`, in their order; to be freed. NULL: out of memory. */
static const struct token **find(const struct keyring *ring, uint64_t tenant, struct place behind, size_t *ret_n)
{
    const struct token **found = calloc(keyring_count_tokens(ring) + 1, sizeof(const struct token *));
    size_t n = 0;
    if (!found)
        return NULL;
    for (const struct token *row = NULL; (row = keyring_next_token(ring, row));)
        if ((tenant == 0 || row->tenant == tenant) && compare_places(place_of(row), behind) > 0)
            found[n++] = row;
    qsort(found, n, sizeof(const struct token *), oldest_first);
    *ret_n = n;
    return found;
}

int verb_host_invitations(struct call *call, struct err *err)
{
    uint64_t tenant;
    struct place behind = { 0 };
    size_t n = 0;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = continue_behind(call, &behind, err);
    if (rc < 0)
        return rc;
    AUTO(auto_free) const struct token **found = find(collector_keyring(call->collector), tenant, behind, &n);
    if (!found)
        return err_set(err, -ENOMEM, "out of memory");
    size_t told = n < INVITATIONS_A_PAGE ? n : INVITATIONS_A_PAGE;
    json_t *rows = json_array();
    for (size_t i = 0; i < told; i++)
        json_array_append_new(rows, form_outstanding(call->collector, found[i]));
    if (told < n && asprintf(&call->more, "%" PRId64 " %016" PRIx64, found[told - 1]->created_us,
                             keyring_token_id(found[told - 1])) < 0)
        call->more = NULL;
    call->data = json_pack("{s:o}", "invitations", rows);
    return CALL_ANSWER;
}

/* ---- taking one back ---- */

int verb_host_uninvite(struct call *call, struct err *err)
{
    const char *text = call_text(call, "invitation");
    struct scan scan = scan_over(text, strlen(text));
    struct token gone;
    uint64_t id;
    if (!scan_hex64(&scan, &id) || !scan_done(&scan))
        return err_set(err, -EINVAL,
                       "an invitation's id is of 16 hexadecimal digits; warroom host invitations shows it");
    int rc = collector_uninvite(call->collector, id, &gone, err);
    if (rc < 0)
        return rc;
    call->data = json_pack("{s:o}", "outstanding", form_outstanding(call->collector, &gone));
    call->file = STORE_REGISTRY;
    return CALL_WHEN_STORED;
}
