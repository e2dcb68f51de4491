/* proto/link/keys.h - who a program is on the uplink: an X25519 key pair, and the file that keeps it.
 *
 * Shape    a key file is one line, "warroom-secret-key-1 " and the secret in base64; the public key is worked out from
 *          it. A public key is told to people as its base64, KEY_TEXT characters without the terminator
 * Trust    a key file is read only if it is a regular file of the user the program runs as, that no group and nobody
 *          else may touch, named without a symbolic link at its end: anything else is refused with what to do about it
 * Secrets  whoever holds a struct key_pair wipes it by key_pair_done(); no error text and no log has a byte of one
 * Start    libsodium is made ready by whatever makes a key pair, so whoever has one may use the channel
 * Threads  any; the file is read and written while the caller waits
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { KEY_BYTES = 32, KEY_TEXT = 44 };

struct public_key {
    uint8_t bytes[KEY_BYTES];
};

struct key_pair {
    uint8_t secret[KEY_BYTES];
    struct public_key public_key;
};

/* A new one, from the system's random bytes. */
int key_pair_draw(struct key_pair *ret, struct err *err);
/* The pair that belongs to a secret; `secret` is copied. */
int key_pair_of(struct key_pair *ret, const uint8_t secret[KEY_BYTES], struct err *err);
/* Wipes it. For AUTO(). */
void key_pair_done(struct key_pair *pair);

/* Writes a file that is not there yet, mode 0600; on 0 it is on disk. -EEXIST: there is one, which is left as it is;
 * other -errno: the disk said no, and there is none. */
int key_file_create(const char *path, const struct key_pair *pair, struct err *err);
/* Gives a key file the name it is to have for good; on 0 that is on disk. -EEXIST: there is one of that name, which is
 * left as it is; other -errno. */
int key_file_rename(const char *from, const char *to, struct err *err);
/* -ENOENT: there is none. -ELOOP a symbolic link, -EINVAL not a regular file, -EPERM another's or open to others,
 * -EBADMSG not what key_file_create() writes; other -errno: the disk said no. */
int key_file_read(struct key_pair *ret, const char *path, struct err *err);

/* Opens a file that keeps a secret, for reading, if it is fit to: else one of the errors of key_file_read(), but for
 * -EBADMSG, and *ret_fd is untouched. The caller closes it. */
int key_file_open(int *ret_fd, const char *path, struct err *err);

/* The secret as text, for other files than a key file. Returns `ret`, which the caller wipes. */
char *key_pair_print(char ret[KEY_TEXT + 1], const struct key_pair *pair);
/* -EINVAL: not one. */
int key_pair_parse(struct key_pair *ret, const char *text, size_t len, struct err *err);

/* Returns `ret`. */
char *public_key_print(char ret[KEY_TEXT + 1], const struct public_key *key);
/* -EINVAL: not one. */
int public_key_parse(struct public_key *ret, const char *text, size_t len, struct err *err);
