#include "collector/channel/letter.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "collector/channel/text.h"

/* 76 characters a line of text; of an encoded word, with its field's name before it, likewise. */
enum { TEXT_CHUNK = 57, SUBJECT_CHUNK = 39 };

#define LETTERS_DIGITS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

int letter_address_check(const char *address, struct err *err)
{
    static const char local[] = LETTERS_DIGITS ".!#$%&'*+-/=?^_`{|}~"; /* RFC 5322 atext, and the dot */
    static const char domain[] = LETTERS_DIGITS ".-";
    size_t len = strnlen(address, LETTER_ADDRESS_MAX + 1);
    size_t at = strspn(address, local);
    size_t behind = address[at] == '@' ? strspn(address + at + 1, domain) : 0;
    if (len > LETTER_ADDRESS_MAX || at == 0 || behind == 0 || at + 1 + behind != len)
        return err_set(err, -EINVAL, "not a mail address: want name@example.com, %d bytes at most", LETTER_ADDRESS_MAX);
    return 0;
}

static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            return false;
    return !strstr(text, "=?"); /* would be read as an encoded word */
}

static void put_base64(FILE *out, const char *bytes, size_t len)
{
    char text[sodium_base64_ENCODED_LEN(TEXT_CHUNK, sodium_base64_VARIANT_ORIGINAL)];
    fputs(sodium_bin2base64(text, sizeof text, (const unsigned char *)bytes, len, sodium_base64_VARIANT_ORIGINAL), out);
}

static void put_subject(FILE *out, const struct message *message)
{
    char subject[HEADLINE_ROOM];
    text_headline(message, subject);
    fputs("Subject:", out);
    if (is_plain(subject)) {
        fprintf(out, " %s\r\n", subject);
        return;
    }
    size_t left = strlen(subject);
    for (const char *at = subject; left > 0;) { /* no encoded word may hold half a character */
        size_t len = utf8_cut(at, left, SUBJECT_CHUNK);
        fputs(" =?UTF-8?B?", out);
        put_base64(out, at, len);
        fputs("?=\r\n", out);
        at += len;
        left -= len;
    }
}

static void put_date(FILE *out, int64_t now_us)
{
    /* Tables, as strftime() speaks the locale's language. */
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t seconds = (time_t)(now_us / US_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    fprintf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
            tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_message_id(FILE *out, const char *key, const char *domain)
{
    unsigned char hash[16]; /* a key may hold a contact's name, and that any character */
    char text[2 * sizeof hash + 1];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)key, strlen(key), NULL, 0);
    fprintf(out, "Message-Id: <warroom.%s@%s>\r\n", sodium_bin2hex(text, sizeof text, hash, sizeof hash), domain);
}

static void put_thread(FILE *out, const struct message *message, const char *domain)
{
    for (size_t i = 0; i < message->n_items; i++)
        fprintf(out, "%s <warroom.incident.%" PRIu64 "@%s>\r\n", i == 0 ? "References:" : "",
                message->items[i].incident->id, domain);
    if (message->n_items > 0)
        fprintf(out, "In-Reply-To: <warroom.incident.%" PRIu64 "@%s>\r\n", message->items->incident->id, domain);
}

static bool is_urgent(const struct message *message)
{
    for (size_t i = 0; i < message->n_items; i++)
        if (message->items[i].incident->severity == SEVERITY_CRITICAL)
            return message->kind == MESSAGE_TRIGGER;
    return false;
}

static void put_fields(FILE *out, const char *from, const struct message *message)
{
    const char *domain = strchr(from, '@') + 1;
    fprintf(out, "From: Warroom <%s>\r\nTo: <%s>\r\n", from, message->address);
    put_subject(out, message);
    put_date(out, message->now_us);
    put_message_id(out, message->key, domain);
    put_thread(out, message, domain);
    fputs("Auto-Submitted: auto-generated\r\n", out);
    if (is_urgent(message))
        fputs("X-Priority: 1\r\nImportance: high\r\n", out);
    fputs("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\n",
          out);
}

/* RFC 2045: within text the end of a line is CR LF before it is encoded. */
static char *with_crlf(const char *text)
{
    size_t lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    char *lined = malloc(strlen(text) + lines + 2);
    char *to = lined;
    for (; lined && *text; text++) {
        if (*text == '\n')
            *to++ = '\r';
        *to++ = *text;
    }
    if (lined)
        memcpy(to, "\r\n", 3);
    return lined;
}

static void put_text(FILE *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += TEXT_CHUNK) {
        put_base64(out, text + at, len - at < TEXT_CHUNK ? len - at : TEXT_CHUNK);
        fputs("\r\n", out);
    }
}

char *letter_write(const char *from, const struct message *message)
{
    char *letter = NULL;
    size_t size = 0;
    AUTO(auto_free) char *text = text_of(message, TEXT_ROOM_MAX);
    AUTO(auto_free) char *lined = text ? with_crlf(text) : NULL;
    FILE *out = lined ? open_memstream(&letter, &size) : NULL;
    if (!out)
        return NULL;
    put_fields(out, from, message);
    put_text(out, lined);
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return letter;
    free(letter);
    return NULL;
}
