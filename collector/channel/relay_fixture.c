#include "collector/channel/relay_fixture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utlist.h"

enum { SAID_MAX = 64 << 10 };

struct relay {
    uv_loop_t *loop;
    uv_tcp_t listener;
    const struct relay_rule *rules;
    struct talk *talks;
    unsigned handles; /* not yet closed */
    unsigned mails, quits, waiting;
    char last[SAID_MAX + 1];
};

struct talk {
    uv_tcp_t tcp;
    uv_write_t write;
    struct relay *relay;
    const struct relay_rule *rule; /* being followed; NULL: none of the relay's own */
    bool in_mail;
    size_t len, done; /* bytes that came, and of those the ones looked at */
    char said[SAID_MAX + 1];
    struct talk *next, *prev;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "relay: %s\n", what);
    abort();
}

static void let_go(struct relay *relay)
{
    if (--relay->handles == 0)
        free(relay);
}

static void on_talk_closed(uv_handle_t *handle)
{
    struct talk *talk = handle->data;
    let_go(talk->relay);
    free(talk);
}

static void talk_close(struct talk *talk, bool reset)
{
    if (uv_is_closing((uv_handle_t *)&talk->tcp))
        return;
    DL_DELETE(talk->relay->talks, talk);
    if (reset)
        uv_tcp_close_reset(&talk->tcp, on_talk_closed);
    else
        uv_close((uv_handle_t *)&talk->tcp, on_talk_closed);
}

static void settle(struct talk *talk)
{
    if (talk->rule && talk->rule->after != RELAY_KEEP)
        talk_close(talk, talk->rule->after == RELAY_RESET);
}

static void on_written(uv_write_t *write, int status)
{
    struct talk *talk = write->data;
    if (status == 0 && !uv_is_closing((uv_handle_t *)&talk->tcp))
        settle(talk);
}

static const struct relay_rule *rule_of(const struct relay *relay, const char *command)
{
    for (const struct relay_rule *rule = relay->rules; rule->command; rule++)
        if (strcmp(rule->command, command) == 0)
            return rule;
    return NULL;
}

static void reply(struct talk *talk, const char *command, const char *otherwise)
{
    talk->rule = rule_of(talk->relay, command);
    const char *text = talk->rule ? talk->rule->reply : otherwise;
    if (!text) {
        talk->relay->waiting++;
        settle(talk);
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
    talk->write.data = talk;
    must(uv_write(&talk->write, (uv_stream_t *)&talk->tcp, &buf, 1, on_written) == 0, "write");
}

static void take_command(struct talk *talk, const char *line)
{
    static const struct {
        const char *command, *reply;
    } own[] = { { "EHLO", "250-relay.example.com\r\n250 SIZE\r\n" },
                { "MAIL", "250 ok\r\n" },
                { "RCPT", "250 ok\r\n" },
                { "DATA", "354 go on\r\n" },
                { "QUIT", "221 bye\r\n" },
                { "NOOP", "250 ok\r\n" } };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strncmp(line, own[i].command, 4) != 0)
            continue;
        const struct relay_rule *rule = rule_of(talk->relay, own[i].command);
        talk->in_mail = i == 3 && (!rule || (rule->reply && rule->reply[0] == '3'));
        talk->relay->quits += i == 4;
        reply(talk, own[i].command, own[i].reply);
        return;
    }
    reply(talk, line, "500 what?\r\n");
}

/* A command, or a whole mail, at `at`; the bytes it has, 0: not yet whole. */
static size_t take_one(struct talk *talk, const char *at)
{
    const char *mark = talk->in_mail ? "\r\n.\r\n" : "\r\n";
    const char *end = strstr(at, mark);
    if (!end)
        return 0;
    if (talk->in_mail) {
        talk->in_mail = false;
        talk->relay->mails++;
        reply(talk, ".", "250 taken\r\n");
    } else {
        take_command(talk, at);
    }
    return (size_t)(end - at) + strlen(mark);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct talk *talk = handle->data;
    (void)suggested;
    *ret = uv_buf_init(talk->said + talk->len, (unsigned)(SAID_MAX - talk->len));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct talk *talk = stream->data;
    (void)buf;
    if (n < 0) {
        talk_close(talk, false);
        return;
    }
    talk->len += (size_t)n;
    talk->said[talk->len] = '\0';
    memcpy(talk->relay->last, talk->said, talk->len + 1);
    for (size_t took; (took = take_one(talk, talk->said + talk->done));)
        talk->done += took;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct relay *relay = listener->data;
    must(status == 0, "listen");
    struct talk *talk = calloc(1, sizeof *talk);
    must(talk != NULL, "memory");
    talk->relay = relay;
    talk->tcp.data = talk;
    uv_tcp_init(relay->loop, &talk->tcp);
    relay->handles++;
    DL_APPEND(relay->talks, talk);
    must(uv_accept(listener, (uv_stream_t *)&talk->tcp) == 0, "accept");
    uv_read_start((uv_stream_t *)&talk->tcp, give_room, on_bytes);
    reply(talk, "", "220 relay.example.com\r\n");
}

struct relay *relay_open(uv_loop_t *loop, const struct relay_rule *rules)
{
    struct relay *relay = calloc(1, sizeof *relay);
    must(relay != NULL, "memory");
    relay->loop = loop;
    relay->rules = rules;
    relay->listener.data = relay;
    relay->handles = 1;
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &relay->listener);
    must(uv_tcp_bind(&relay->listener, (struct sockaddr *)&address, 0) == 0, "bind");
    must(uv_listen((uv_stream_t *)&relay->listener, 128, on_connection) == 0, "listen");
    return relay;
}

static void on_listener_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void relay_close(struct relay *relay)
{
    struct talk *talk, *after;
    DL_FOREACH_SAFE(relay->talks, talk, after)
    talk_close(talk, false);
    uv_close((uv_handle_t *)&relay->listener, on_listener_closed);
}

unsigned relay_port(const struct relay *relay)
{
    struct sockaddr_in address;
    int len = sizeof address;
    must(uv_tcp_getsockname(&relay->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    return ntohs(address.sin_port);
}

unsigned relay_mails(const struct relay *relay)
{
    return relay->mails;
}

unsigned relay_quits(const struct relay *relay)
{
    return relay->quits;
}

const char *relay_last(const struct relay *relay)
{
    return relay->last;
}

unsigned relay_waiting(const struct relay *relay)
{
    return relay->waiting;
}
