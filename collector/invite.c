/* Who may come, and who may not any more: the collector's own key, invitations, hosts that are revoked and retired.
 *
 * What an invitation is good for lies in the registry under the hash of its token: whoever reads a file or a backup of
 * it cannot join by it. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include "collector/parts.h"
#include "proto/codec/codec.h"

_Static_assert((int)KEY_BYTES == (int)INVITE_KEY_BYTES && (int)KEY_BYTES == (int)HOST_KEY_BYTES, "one kind of key");

/* ---- the collector's own key ---- */

static bool has_hosts_with_keys(const struct collector *collector)
{
    for (const struct host *host = NULL; (host = fleet_next_host(collector->fleet, host));)
        if (keyring_next_key(collector->keyring, host->id, NULL))
            return true;
    return false;
}

/* Agents know the collector by it. To go on without the one they know is better than not to start: putting back a copy
 * heals it, and until then each host is silent, which people are paged about. */
static int make_key(struct collector *collector, struct err *err)
{
    const char *path = collector->config->key;
    bool known = has_hosts_with_keys(collector);
    int rc = key_pair_draw(&collector->key, err);
    if (rc == 0)
        rc = key_file_create(path, &collector->key, err);
    if (rc == 0)
        log_event(&collector->log, known ? LOG_ERROR : LOG_INFO, "collector_key_made", KV_TEXT("file", path),
                  KV_TEXT("hosts", known ? "none will be heard until it joins anew, or until the old file is back"
                                         : "none have joined yet"));
    return rc;
}

int invite_open_key(struct collector *collector, struct err *err)
{
    int rc = key_file_read(&collector->key, collector->config->key, err);
    return rc == -ENOENT ? make_key(collector, err) : rc;
}

/* ---- invitations ---- */

static int forget_token(struct collector *collector, const struct token *token)
{
    struct token gone = *token;
    gone.uses_left = 0;
    keyring_drop_token(collector->keyring, gone.hash);
    return store_put_token(collector->store, &gone);
}

int invite_use(struct collector *collector, const struct token *token)
{
    struct token row = *token;
    if (row.uses_left <= 1)
        return forget_token(collector, token);
    row.uses_left--;
    int rc = keyring_put_token(collector->keyring, &row, NULL);
    return rc < 0 ? rc : store_put_token(collector->store, &row);
}

void invite_tick(struct collector *collector)
{
    int64_t now = now_us(collector), first = INT64_MAX;
    if (now < collector->expiry_us)
        return;
    for (const struct token *token = keyring_next_token(collector->keyring, NULL); token;) {
        const struct token *next = keyring_next_token(collector->keyring, token);
        if (token->expires_us <= now)
            forget_token(collector, token);
        else if (token->expires_us < first)
            first = token->expires_us;
        token = next;
    }
    collector->expiry_us = first;
}

static int check(const struct collector *collector, const struct host_invite *invite, struct err *err)
{
    if (invite->host != 0 && !fleet_host(collector->fleet, invite->host))
        return err_set(err, -ENOENT, "there is no host %016" PRIx64, invite->host);
    if (invite->host == 0 && !fleet_tenant(collector->fleet, invite->tenant))
        return err_set(err, -ENOENT, "there is no tenant %" PRIu64, invite->tenant);
    if (invite->host == 0 && invite->group && fleet_check_name("group", invite->group, err) < 0)
        return -EINVAL;
    unsigned most = invite->host != 0 ? 1 : INVITE_USES_MAX;
    if (invite->uses < 1 || invite->uses > most)
        return err_set(err, -EINVAL, "an invitation of %s is for 1 to %u uses", invite->host ? "one host" : "new hosts",
                       most);
    if (invite->within_us < 1 || invite->within_us > INVITE_WITHIN_MAX_US)
        return err_set(err, -EINVAL, "an invitation is good for %d days at most",
                       (int)(INVITE_WITHIN_MAX_US / (INT64_C(86400) * US_PER_S)));
    return 0;
}

static int keep_token(struct collector *collector, const struct token *row, struct err *err)
{
    const struct token *before = row->host != 0 ? keyring_token_for(collector->keyring, row->host) : NULL;
    int rc = before ? forget_token(collector, before) : 0;
    if (rc == 0)
        rc = keyring_put_token(collector->keyring, row, err);
    if (rc < 0)
        return rc;
    if (row->expires_us < collector->expiry_us)
        collector->expiry_us = row->expires_us;
    return store_put_token(collector->store, row) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* Where agents find us, when the file does not say so: where we listen, by the port we got. */
static int addresses(struct collector *collector, struct invite *ret, struct err *err)
{
    const struct collector_config *config = collector->config;
    if (config->public.n > 0) {
        ret->n_addresses = config->public.n;
        memcpy(ret->addresses, config->public.at, config->public.n * sizeof *config->public.at);
        return 0;
    }
    struct sockaddr_storage address;
    if (address_numeric(config->listen, &address) < 0 || address_is_any(config->listen))
        return err_set(err, -EPERM,
                       "listen: %s is not what agents could dial: set `public` in collector.yaml to what they can, and"
                       " invite then",
                       config->listen);
    in_port_t port = htons((in_port_t)link_server_port(collector->server));
    if (address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address)->sin6_port = port;
    else
        ((struct sockaddr_in *)&address)->sin_port = port;
    address_write(&address, collector->listens_on);
    ret->n_addresses = 1;
    ret->addresses[0] = collector->listens_on;
    return 0;
}

int collector_can_invite(struct collector *collector, struct err *err)
{
    struct invite unused;
    int rc = addresses(collector, &unused, err);
    return rc < 0 ? rc : keyring_has_room(collector->keyring, err);
}

int collector_invite(struct collector *collector, const struct host_invite *invite, struct invite *ret, struct err *err)
{
    const struct host *host = fleet_host(collector->fleet, invite->host);
    int64_t now = now_us(collector);
    struct invite made = { .expires_us = now + invite->within_us };
    int rc = check(collector, invite, err);
    if (rc == 0)
        rc = addresses(collector, &made, err);
    if (rc < 0)
        return rc;
    if (getrandom(made.token, sizeof made.token, 0) != (ssize_t)sizeof made.token)
        return err_sys(err, -errno, "no random numbers to be had");
    struct token row = { .tenant = host ? host->tenant : invite->tenant,
                         .host = invite->host,
                         .uses_left = invite->uses,
                         .expires_us = made.expires_us,
                         .created_us = now };
    if (!host && invite->group)
        snprintf(row.group, sizeof row.group, "%s", invite->group);
    codec_token_hash(made.token, row.hash);
    rc = keep_token(collector, &row, err);
    if (rc == 0) {
        memcpy(made.collector, collector->key.public_key.bytes, sizeof made.collector);
        *ret = made;
        log_event(&collector->log, LOG_INFO, "invitation_made", KV_TEXT("host", host ? host->name : ""),
                  KV_TEXT("tenant", fleet_tenant(collector->fleet, row.tenant)->name), KV_COUNT("uses", row.uses_left));
    }
    explicit_bzero(made.token, sizeof made.token);
    return rc;
}

int collector_uninvite(struct collector *collector, uint64_t id, struct token *ret, struct err *err)
{
    const struct token *token = keyring_token_by_id(collector->keyring, id);
    if (!token)
        return err_set(err, -ENOENT, "there is no invitation %016" PRIx64 ": it was used up, expired or taken back",
                       id);
    struct token gone = *token;
    const struct host *host = fleet_host(collector->fleet, gone.host);
    if (forget_token(collector, token) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    if (host)
        desk_host_changed(collector, host->id);
    log_event(&collector->log, LOG_INFO, "invitation_taken_back", KV_TEXT("host", host ? host->name : ""),
              KV_TEXT("tenant", fleet_tenant(collector->fleet, gone.tenant)->name), KV_COUNT("uses", gone.uses_left));
    *ret = gone;
    return 0;
}

/* ---- hosts that are sent away ---- */

static int revoke_key(struct collector *collector, uint64_t host)
{
    for (const struct host_key *key = NULL; (key = keyring_next_key(collector->keyring, host, key));) {
        if (key->state != KEY_ACTIVE)
            continue;
        struct host_key row = *key;
        row.state = KEY_REVOKED;
        row.since_us = now_us(collector);
        int rc = keyring_put_key(collector->keyring, &row);
        return rc < 0 ? rc : store_put_host_key(collector->store, &row); /* a host has one */
    }
    return 0;
}

static int send_away(struct collector *collector, const struct host *row, struct err *err)
{
    const struct token *token = keyring_token_for(collector->keyring, row->id);
    if ((token && forget_token(collector, token) < 0) || revoke_key(collector, row->id) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    uplink_send_away(collector, scope_host(collector, row->id));
    return 0;
}

int collector_revoke_host(struct collector *collector, uint64_t host, const struct host **ret_row, struct err *err)
{
    const struct host *row = fleet_host(collector->fleet, host);
    if (!row)
        return err_set(err, -ENOENT, "there is no host %016" PRIx64, host);
    int rc = send_away(collector, row, err);
    if (rc < 0)
        return rc;
    log_event(&collector->log, LOG_WARN, "host_revoked", KV_TEXT("host", row->name));
    *ret_row = row;
    return 0;
}

int collector_retire_host(struct collector *collector, uint64_t host, const struct host **ret_row, struct err *err)
{
    const struct host *before = fleet_host(collector->fleet, host);
    if (!before)
        return err_set(err, -ENOENT, "there is no host %016" PRIx64, host);
    struct host row = *before;
    row.standing = HOST_RETIRED;
    int rc = send_away(collector, before, err);
    if (rc == 0)
        rc = command_keep_host(collector, &row, ret_row, err);
    if (rc == 0)
        log_event(&collector->log, LOG_INFO, "host_retired", KV_TEXT("host", row.name));
    return rc;
}

/* ---- what people see of it ---- */

const char *host_admission_name(enum host_admission admission)
{
    static const char *const names[ADMISSION_COUNT] = {
        [ADMISSION_NONE] = "none",       [ADMISSION_INVITED] = "invited", [ADMISSION_JOINED] = "joined",
        [ADMISSION_REVOKED] = "revoked", [ADMISSION_RETIRED] = "retired",
    };
    return names[admission];
}

enum host_admission invite_admission(const struct collector *collector, const struct host *row)
{
    bool revoked = false;
    for (const struct host_key *key = NULL; (key = keyring_next_key(collector->keyring, row->id, key));) {
        if (key->state == KEY_ACTIVE)
            return ADMISSION_JOINED;
        revoked |= key->state == KEY_REVOKED;
    }
    if (keyring_token_for(collector->keyring, row->id))
        return ADMISSION_INVITED;
    if (row->standing == HOST_RETIRED)
        return ADMISSION_RETIRED;
    return revoked ? ADMISSION_REVOKED : ADMISSION_NONE;
}
