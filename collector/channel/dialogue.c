#include "collector/channel/dialogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The mail with its dots doubled where a line begins with one, and the dot that ends it (RFC 5321 4.5.2). */
static char *stuffed(const char *letter)
{
    static const char end[] = ".\r\n";
    size_t dots = *letter == '.';
    for (const char *c = letter; (c = strstr(c, "\n.")); c++)
        dots++;
    char *mail = malloc(strlen(letter) + dots + sizeof end);
    char *to = mail;
    for (const char *c = letter; mail && *c; c++) {
        if (*c == '.' && (c == letter || c[-1] == '\n'))
            *to++ = '.';
        *to++ = *c;
    }
    if (mail)
        memcpy(to, end, sizeof end);
    return mail;
}

char *dialogue_say(const struct dialogue *dialogue)
{
    char *command = NULL;
    int len = 0;
    switch (dialogue->state) {
    case DIALOGUE_MAIL:
        len = asprintf(&command, "MAIL FROM:<%s>\r\n", dialogue->from);
        break;
    case DIALOGUE_RCPT:
        len = asprintf(&command, "RCPT TO:<%s>\r\n", dialogue->to);
        break;
    case DIALOGUE_DATA:
        return strdup("DATA\r\n");
    case DIALOGUE_END:
        return stuffed(dialogue->letter);
    case DIALOGUE_NOOP:
        return strdup("NOOP\r\n");
    case DIALOGUE_TAKEN:
    case DIALOGUE_REFUSED:
        return strdup("QUIT\r\n");
    }
    return len < 0 ? NULL : command;
}

/* 251: it will be forwarded. 354 is the only reply that asks for more. */
static bool is_well(enum dialogue_state state, int code)
{
    if (state == DIALOGUE_DATA)
        return code == 354;
    return code == 250 || (state == DIALOGUE_RCPT && code == 251);
}

static void move_on(struct dialogue *dialogue)
{
    if (is_well(dialogue->state, dialogue->code)) {
        dialogue->state = dialogue->state == DIALOGUE_END ? DIALOGUE_TAKEN : dialogue->state + 1;
        return;
    }
    dialogue->refused = dialogue->state;
    dialogue->state = DIALOGUE_REFUSED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 1: this line ends the reply. */
static int take_line(struct dialogue *dialogue, struct err *err)
{
    const char *line = dialogue->line;
    size_t len = dialogue->len;
    bool coded = len >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]);
    if (!coded || (len > 3 && line[3] != ' ' && line[3] != '-'))
        return err_set(err, -EBADMSG, "what the relay answers is not SMTP");
    if (++dialogue->lines > DIALOGUE_LINES_MAX)
        return err_set(err, -EBADMSG, "the relay's reply is too long");
    dialogue->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    dialogue->len = 0;
    if (len > 3 && line[3] == '-')
        return 0;
    dialogue->lines = 0;
    return 1;
}

int dialogue_hear(struct dialogue *dialogue, const char *bytes, size_t len, struct err *err)
{
    if (dialogue->state >= DIALOGUE_TAKEN)
        return 0; /* nobody listens to the answer to a farewell */
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (dialogue->len == sizeof dialogue->line)
                return err_set(err, -EBADMSG, "a line of the relay's reply is too long");
            dialogue->line[dialogue->len++] = bytes[i];
            continue;
        }
        dialogue->len -= dialogue->len > 0 && dialogue->line[dialogue->len - 1] == '\r';
        int rc = take_line(dialogue, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        move_on(dialogue);
        if (i + 1 < len && dialogue->state < DIALOGUE_TAKEN) /* else the rest were taken for replies to what follows */
            return err_set(err, -EBADMSG, "the relay answers more than it was asked");
        return 1;
    }
    return 0;
}
