/* collector/channel/letter.h - a message as a mail.
 *
 * Source   RFC 5322 (fields), RFC 2045 (text in Base64, so that 7 bits suffice), RFC 2047 (subject), RFC 3834
 *          (Auto-Submitted)
 * Talk     Message-Id is made of the message's key, so every attempt at it has the same; References names a root for
 *          each incident it is about, which no mail ever was, so that all mails of an incident stand together
 * Threads  pure
 */
#pragma once
#include "base/err.h"
#include "collector/channel/message.h"

enum { LETTER_ADDRESS_MAX = 253 };

/* -EINVAL: not a mailbox as we take it: one @, no quotes, comments or spaces, ASCII. */
int letter_address_check(const char *address, struct err *err);

/* Headers and text, lines ended by CR LF, freed by free(). NULL: out of memory. `from` is an address that was checked,
 * as is the message's. */
char *letter_write(const char *from, const struct message *message);
