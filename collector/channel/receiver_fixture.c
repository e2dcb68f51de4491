#include "collector/channel/receiver_fixture.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utlist.h"

enum { REQUEST_MAX = 256 << 10 };

struct receiver {
    uv_loop_t *loop;
    uv_tcp_t listener;
    const struct receiver_rule *rules;
    struct connection *connections;
    unsigned n_connections, most, requests;
    unsigned handles; /* not yet closed */
    bool closing;
    char last[REQUEST_MAX + 1];
};

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct receiver *receiver;
    const struct receiver_rule *rule; /* being answered */
    size_t len;
    char bytes[REQUEST_MAX + 1];
    struct connection *next, *prev;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "receiver: %s\n", what);
    abort();
}

static void let_go(struct receiver *receiver)
{
    if (--receiver->handles == 0)
        free(receiver);
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    let_go(connection->receiver);
    free(connection);
}

static void connection_close(struct connection *connection)
{
    if (uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    DL_DELETE(connection->receiver->connections, connection);
    connection->receiver->n_connections--;
    uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

static void on_reset_closed(uv_handle_t *handle)
{
    on_connection_closed(handle);
}

static void settle(struct connection *connection)
{
    switch (connection->rule->after) {
    case RECEIVER_KEEP:
        break;
    case RECEIVER_CLOSE:
        connection_close(connection);
        break;
    case RECEIVER_RESET:
        DL_DELETE(connection->receiver->connections, connection);
        connection->receiver->n_connections--;
        uv_tcp_close_reset(&connection->tcp, on_reset_closed);
        break;
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    if (status < 0)
        connection_close(connection);
    else if (!uv_is_closing((uv_handle_t *)&connection->tcp))
        settle(connection);
}

static const struct receiver_rule *find_rule(const struct receiver *receiver, const char *request)
{
    static const struct receiver_rule none = { "", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                                               RECEIVER_KEEP };
    const char *path = strchr(request, ' ');
    for (const struct receiver_rule *rule = receiver->rules; path && rule->path; rule++) {
        size_t len = strlen(rule->path);
        if (strncmp(path + 1, rule->path, len) == 0 && path[1 + len] == ' ')
            return rule;
    }
    return &none;
}

static bool request_whole(const struct connection *connection)
{
    const char *body = strstr(connection->bytes, "\r\n\r\n");
    if (!body)
        return false;
    const char *length = strcasestr(connection->bytes, "\r\nContent-Length: ");
    size_t want = length ? strtoul(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
    return connection->len - (size_t)(body + 4 - connection->bytes) >= want;
}

static void answer(struct connection *connection)
{
    struct receiver *receiver = connection->receiver;
    memcpy(receiver->last, connection->bytes, connection->len + 1);
    receiver->requests++;
    connection->rule = find_rule(receiver, connection->bytes);
    connection->len = 0;
    connection->bytes[0] = '\0';
    if (!connection->rule->answer) {
        settle(connection);
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)connection->rule->answer, (unsigned)strlen(connection->rule->answer));
    connection->write.data = connection;
    must(uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buf, 1, on_written) == 0, "write");
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct connection *connection = handle->data;
    (void)suggested;
    *ret = uv_buf_init(connection->bytes + connection->len, (unsigned)(REQUEST_MAX - connection->len));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;
    (void)buf;
    if (n < 0) {
        connection_close(connection);
        return;
    }
    connection->len += (size_t)n;
    connection->bytes[connection->len] = '\0';
    if (request_whole(connection))
        answer(connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct receiver *receiver = listener->data;
    must(status == 0, "listen");
    struct connection *connection = calloc(1, sizeof *connection);
    must(connection != NULL, "memory");
    connection->receiver = receiver;
    connection->tcp.data = connection;
    uv_tcp_init(receiver->loop, &connection->tcp);
    receiver->handles++;
    DL_APPEND(receiver->connections, connection);
    if (++receiver->n_connections > receiver->most)
        receiver->most = receiver->n_connections;
    must(uv_accept(listener, (uv_stream_t *)&connection->tcp) == 0, "accept");
    uv_read_start((uv_stream_t *)&connection->tcp, give_room, on_bytes);
}

struct receiver *receiver_open(uv_loop_t *loop, const struct receiver_rule *rules)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    must(receiver != NULL, "memory");
    receiver->loop = loop;
    receiver->rules = rules;
    receiver->listener.data = receiver;
    receiver->handles = 1;
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &receiver->listener);
    must(uv_tcp_bind(&receiver->listener, (struct sockaddr *)&address, 0) == 0, "bind");
    must(uv_listen((uv_stream_t *)&receiver->listener, 512, on_connection) == 0, "listen");
    return receiver;
}

static void on_listener_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void receiver_close(struct receiver *receiver)
{
    struct connection *connection, *after;
    DL_FOREACH_SAFE(receiver->connections, connection, after)
    connection_close(connection);
    uv_close((uv_handle_t *)&receiver->listener, on_listener_closed);
}

unsigned receiver_port(const struct receiver *receiver)
{
    struct sockaddr_in address;
    int len = sizeof address;
    must(uv_tcp_getsockname(&receiver->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    return ntohs(address.sin_port);
}

unsigned receiver_requests(const struct receiver *receiver)
{
    return receiver->requests;
}

unsigned receiver_connections_most(const struct receiver *receiver)
{
    return receiver->most;
}

const char *receiver_last(const struct receiver *receiver)
{
    return receiver->last;
}
