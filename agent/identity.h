/* agent/identity.h - who this host is to its collector, as `warroom-agent join` learnt it: one file, a secret.
 *
 * Shape    four lines, in this order; what begins with # is passed over:
 *              collector: ["collector.example.org:9740", "198.51.100.7:9740"]
 *              collector_key: "BASE64"
 *              host: "0123456789abcdef"
 *              secret_key: "BASE64"
 * Trust    it is read only if key_file_open() thinks it fit: this user's own, and nobody else's to touch
 * Written  whole or not at all, flushed, mode 0600. Written by root it belongs to the owner of its directory: to the
 *          user the agent runs as
 * Secrets  whoever holds a struct identity wipes it by identity_done(); no error text has a value out of the file
 * Threads  any; files are read and written while the caller waits
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/codec/message.h"
#include "proto/link/keys.h"

enum { IDENTITY_TEXT_MAX = 2048 };

struct identity {
    char addresses[INVITE_ADDRESSES_MAX][TEXT_MAX + 1]; /* "HOST:PORT" */
    size_t n_addresses;                                 /* from 1 */
    struct public_key collector;
    uint64_t host; /* not 0 */
    struct key_pair keys;
};

/* Points to them, for who wants them so. Borrowed from `identity`. */
void identity_addresses(const struct identity *identity, const char *ret[INVITE_ADDRESSES_MAX]);

/* -EBADMSG: it is not what identity_write() writes; *ret is untouched. Pure: the fuzz target. */
int identity_parse(const char *text, size_t len, struct identity *ret, struct err *err);

/* -ENOENT: this host has not joined. -EBADMSG as above, and the errors of key_file_open(). */
int identity_read(struct identity *ret, const char *path, struct err *err);

/* Whether identity_write() is likely to go well, before anybody relies on it. -EEXIST: there is one already, and it is
 * not to be replaced; -EACCES, -ENOENT...: its directory is not to be written to. */
int identity_check_place(const char *path, bool replace, struct err *err);

/* On 0 it is on disk. -EEXIST as above; other -errno: the disk said no, and what was there is there. */
int identity_write(const char *path, bool replace, const struct identity *identity, struct err *err);

/* Wipes it. For AUTO(). */
void identity_done(struct identity *identity);
