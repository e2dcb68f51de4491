/* Sends one message by one way and prints what became of it, as JSON: for tests that bring the other end.
 *
 *   way KIND URL TLS CA TIMEOUT_MS KEY COPY [NAME=VALUE]...    TLS: starttls, implicit, none; CA: a file, or "";
 *                                                              COPY: 1 if it may have gone out before
 *   names: secret user password from address zh; probe: nothing is sent, only asked
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/channel/message_fixture.h"
#include "collector/channel/route.h"

static int index_of(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fprintf(stderr, "way: no %s\n", name);
    exit(2);
}

static const char *value_of(char **argv, const char *name)
{
    size_t len = strlen(name);
    for (; *argv; argv++)
        if (strncmp(*argv, name, len) == 0 && (*argv)[len] == '=')
            return *argv + len + 1;
    return NULL;
}

static void on_outcome(void *user, const struct page_outcome *outcome)
{
    *(int *)user = 1;
    printf("{\"delivered\": %s, \"permanent\": %s, \"status\": %d, \"retry_after_us\": %lld, \"error\": \"%s\"}\n",
           outcome->delivered ? "true" : "false", outcome->permanent ? "true" : "false", outcome->status,
           (long long)outcome->retry_after_us, outcome->error);
}

static int die(const struct err *err)
{
    fprintf(stderr, "way: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 8)
        return 2;
    static struct message_fixture fixture;
    message_fixture_fill(&fixture);
    char **more = argv + 8;
    const struct channel_route route = {
        .name = "way",
        .kind = (enum channel_kind)index_of(channel_kind_names, argv[1]),
        .url = argv[2],
        .tls = (enum channel_tls)index_of(channel_tls_names, argv[3]),
        .secret = value_of(more, "secret"),
        .user = value_of(more, "user"),
        .password = value_of(more, "password"),
        .from = value_of(more, "from"),
    };
    const char *address = value_of(more, "address");
    fixture.message.address = address ? address : "";
    fixture.message.language = value_of(more, "zh") ? LANGUAGE_ZH : LANGUAGE_EN;
    fixture.message.key = argv[6];
    fixture.message.possible_copy = strcmp(argv[7], "1") == 0;
    signal(SIGPIPE, SIG_IGN);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct channel_sender *sender;
    struct err err = { 0 };
    int told = 0;
    if (channel_route_check(&route, &err) < 0 || channel_sender_open(&sender, &loop, &err) < 0)
        return die(&err);
    if (argv[4][0])
        channel_sender_set_ca(sender, argv[4]);
    channel_sender_set_timeout(sender, strtol(argv[5], NULL, 10) * US_PER_MS);
    int rc = value_of(more, "probe") ? channel_probe(sender, &route, on_outcome, &told, &err)
                                     : channel_send(sender, &route, &fixture.message, on_outcome, &told, &err);
    if (rc < 0)
        return die(&err);
    while (!told)
        uv_run(&loop, UV_RUN_ONCE);
    channel_sender_close(sender);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
