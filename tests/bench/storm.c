/* warroom-storm: hosts that come by invitations, report each second, and cross a threshold all at once.
 *
 * Each line of the file of invitations is for as many of the hosts as any other; they join one behind the other and
 * `joined` is said when all have. From then on a line of input is an order: `cross` takes the memory of each of them to
 * 97 % with its next tick, `recover` lets it go. The end of the input is its own end. Hosts whose line went are lost:
 * the storm ends with them, and with an error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/address.h"
#include "tests/bench/arguments.h"
#include "tests/bench/member.h"

#define MEMORY "system.memory.utilization"
enum {
    JOINING_AT_ONCE = 64,
    COLUMNS = 60,
    CROSSED = 9700,
    HOSTS_MAX = 900 /* descriptors */,
    INVITATIONS_MAX = 1000,
    LINE_ROOM = 1024,
    PACE_MS = 10
};

struct options {
    const char *connect, *invitations;
    unsigned hosts;
};

struct storm {
    const struct options *options;
    uv_loop_t loop;
    uv_timer_t pace;
    uv_pipe_t orders;
    char order[LINE_ROOM];
    size_t order_len;
    struct sample_shape shape;
    struct arena arena;
    struct crew crew;
    struct member *members;
    struct invite *invites;
    unsigned n_invites, started;
    int64_t due_ns; /* of the next tick of any; 0: not all have joined */
    uint64_t turn;  /* whose it is */
    bool ended, failed;
};

static void end(struct storm *storm)
{
    if (storm->ended)
        return;
    storm->ended = true;
    for (unsigned i = 0; i < storm->started; i++)
        member_stop(&storm->members[i]);
    uv_close((uv_handle_t *)&storm->pace, NULL);
    uv_close((uv_handle_t *)&storm->orders, NULL);
}

/* ---- orders ---- */

static void obey(struct storm *storm, const char *order)
{
    if (strcmp(order, "cross") == 0)
        storm->crew.crossed = CROSSED;
    else if (strcmp(order, "recover") == 0)
        storm->crew.crossed = 0;
    else
        fprintf(stderr, "storm: %s: want cross or recover\n", order);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct storm *storm = handle->data;
    *ret = uv_buf_init(storm->order + storm->order_len, (unsigned)(sizeof storm->order - storm->order_len));
}

static void on_orders(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    struct storm *storm = stream->data;
    if (len < 0) { /* UV_EOF too; a line without an end is no order */
        end(storm);
        return;
    }
    storm->order_len += (size_t)len;
    for (char *feed; (feed = memchr(storm->order, '\n', storm->order_len));) {
        *feed = '\0';
        obey(storm, storm->order);
        storm->order_len -= (size_t)(feed + 1 - storm->order);
        memmove(storm->order, feed + 1, storm->order_len);
    }
}

/* ---- hosts ---- */

static void on_pace(uv_timer_t *timer)
{
    struct storm *storm = timer->data;
    int64_t now_ns = (int64_t)uv_hrtime();
    if (storm->crew.tally.failed > 0) { /* said by the member */
        storm->failed = true;
        end(storm);
        return;
    }
    if (storm->due_ns == 0)
        return;
    for (; storm->due_ns <= now_ns; storm->due_ns += NS_PER_S / storm->options->hosts)
        member_due(&storm->members[storm->turn++ % storm->options->hosts], storm->due_ns);
}

static void start_next(struct storm *storm)
{
    unsigned number = storm->started++;
    member_start(&storm->members[number], &storm->crew, &storm->invites[number % storm->n_invites], number);
}

static void on_joined(struct crew *crew)
{
    struct storm *storm = crew->home.loop->data;
    if (storm->started < storm->options->hosts) {
        start_next(storm);
    } else if (crew->joined == storm->options->hosts) {
        storm->due_ns = (int64_t)uv_hrtime();
        puts("joined");
        fflush(stdout);
    }
}

/* ---- begin and end ---- */

static int read_invitations(struct storm *storm, struct err *err)
{
    char line[LINE_ROOM];
    AUTO(auto_fclose) FILE *file = fopen(storm->options->invitations, "re");
    if (!file)
        return err_set(err, -errno, "cannot open %s", storm->options->invitations);
    while (storm->n_invites < INVITATIONS_MAX && fgets(line, sizeof line, file)) {
        int rc = codec_parse_invite(line, strcspn(line, "\n"), &storm->arena, &storm->invites[storm->n_invites], err);
        if (rc < 0)
            return rc;
        storm->n_invites++;
    }
    return storm->n_invites > 0 ? 0 : err_set(err, -ENODATA, "%s holds no invitation", storm->options->invitations);
}

/* -ENOENT: no such column. */
static int find_memory(struct storm *storm, struct err *err)
{
    const struct series_table *table = &storm->shape.table;
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(table->at[i].metric, MEMORY) == 0) {
            storm->crew.crosses = i;
            return 0;
        }
    return err_set(err, -ENOENT, "%s is not among the first %d series", MEMORY, COLUMNS);
}

static int prepare(struct storm *storm, struct err *err)
{
    const struct options *options = storm->options;
    struct sockaddr_storage address;
    if (address_numeric(options->connect, &address) < 0 || address.ss_family != AF_INET)
        return err_set(err, -EINVAL, "--connect %s: want an IPv4 ADDRESS:PORT", options->connect);
    memcpy(&storm->crew.home.address, &address, sizeof storm->crew.home.address);
    storm->members = calloc(options->hosts, sizeof *storm->members);
    storm->invites = calloc(INVITATIONS_MAX, sizeof *storm->invites);
    if (!storm->members || !storm->invites)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = sample_shape_make(&storm->shape, COLUMNS, &storm->arena, err);
    if (rc == 0)
        rc = find_memory(storm, err);
    return rc < 0 ? rc : read_invitations(storm, err);
}

static void run(struct storm *storm)
{
    struct crew *crew = &storm->crew;
    crew->home.loop = &storm->loop;
    member_handlers(&crew->home);
    crew->shape = &storm->shape;
    crew->period_ns = NS_PER_S / storm->options->hosts * storm->options->hosts;
    crew->on_joined = on_joined;
    uv_loop_init(&storm->loop);
    storm->loop.data = storm;
    uv_timer_init(&storm->loop, &storm->pace);
    storm->pace.data = storm;
    uv_timer_start(&storm->pace, on_pace, PACE_MS, PACE_MS);
    uv_pipe_init(&storm->loop, &storm->orders, 0);
    storm->orders.data = storm;
    uv_pipe_open(&storm->orders, STDIN_FILENO);
    uv_read_start((uv_stream_t *)&storm->orders, on_room, on_orders);
    for (unsigned i = 0; i < storm->options->hosts && i < JOINING_AT_ONCE; i++)
        start_next(storm);
    uv_run(&storm->loop, UV_RUN_DEFAULT);
    uv_loop_close(&storm->loop);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'a':
        options->connect = arg;
        return 0;
    case 'i':
        options->invitations = arg;
        return 0;
    case 'n':
        options->hosts = (unsigned)arguments_number(arg, 1, HOSTS_MAX, state);
        return 0;
    default:
        return arguments_other(key, arg, state, options->connect && options->invitations,
                               "--connect and --invitations");
    }
}

static struct options parse_options(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "connect", 'a', "ADDRESS:PORT", 0, "the collector's uplink", 0 },
        { "invitations", 'i', "FILE", 0, "a line each", 0 },
        { "hosts", 'n', "N", 0, "that come by them, in turn (default 500)", 0 },
        { 0 },
    };
    struct options options = { .hosts = 500 };
    arguments_parse(
        rows, parse_option,
        "Hosts that report each second to a Warroom collector, and cross a threshold at an order on the input.", argc,
        argv, &options);
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct err err;
    AUTO(auto_free) struct storm *storm = calloc(1, sizeof *storm);
    if (!storm)
        return 1;
    storm->options = &options;
    arena_init(&storm->arena, 1 << 20);
    arena_init(&storm->crew.home.arena, CODEC_ARENA_BYTES);
    int rc = prepare(storm, &err);
    if (rc == 0)
        run(storm);
    else
        fprintf(stderr, "storm: %s\n", err.text);
    for (unsigned i = 0; storm->members && i < options.hosts; i++)
        member_free(&storm->members[i]);
    arena_done(&storm->crew.home.arena);
    arena_done(&storm->arena);
    free(storm->members);
    free(storm->invites);
    return rc == 0 && !storm->failed ? 0 : 1;
}
