/* warroom-feed: says again what a host once said, to a collector, over the uplink's protocol.
 *
 * Each line of its input is an invitation, each a host that joins. The hello's monotonic clock is ahead of that of the
 * ticks, by how long ago they are to lie: the collector's anchor puts them there. Each host sends its next batch when
 * the one before it is stored. Prints one JSON object. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/codec/codec.h"
#include "proto/link/address.h"
#include "tests/bench/arguments.h"
#include "tests/bench/line.h"
#include "tests/bench/recording.h"

#define MONO_FIRST_US US_PER_S
enum { ARENA_BYTES = 8 << 20, HOSTS_MAX = 1000 };

struct options {
    const char *connect, *recording;
    uint64_t begin_us, spacing_us, ticks, batch_ticks;
};

struct feed;

struct sender {
    struct feed *feed;
    struct line line;
    uv_timer_t again;
    struct invite invite;
    struct key_pair key;
    struct public_key collector;
    struct run_id run;
    uint64_t sent, in_hand; /* ticks */
    bool with_table;
    bool ended;
};

struct feed {
    struct options options;
    uv_loop_t loop;
    struct line_home home;
    struct arena arena;
    struct recording recording;
    int64_t round_us; /* from one telling of the recording to the next */
    struct sender *senders;
    unsigned n_senders, left;
    bool failed;
    uint64_t batches, ticks, batch_bytes;
    int64_t mono_us[TICKS_MAX];
    struct column columns[SERIES_MAX];
    uint8_t batch[BATCH_MAX];
};

static int64_t mono_us_of(const struct feed *feed, uint64_t tick)
{
    const struct recording *recording = &feed->recording;
    if (feed->options.spacing_us > 0)
        return MONO_FIRST_US + (int64_t)(tick * feed->options.spacing_us);
    int64_t rounds = (int64_t)(tick / recording->rows);
    return MONO_FIRST_US + rounds * feed->round_us + recording->at_us[tick % recording->rows] - recording->at_us[0];
}

static void end(struct sender *sender)
{
    if (sender->ended)
        return;
    sender->ended = true;
    sender->feed->left--;
    uv_close((uv_handle_t *)&sender->again, NULL);
    line_stop(&sender->line);
}

static void fail(struct sender *sender, const char *why)
{
    fprintf(stderr, "feed: line %zu: %s\n", (size_t)(sender - sender->feed->senders) + 1, why ? why : "the line went");
    sender->feed->failed = true;
    end(sender);
}

/* ---- out ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Never beyond the end of a telling: columns are views into the recording. */
static uint64_t ticks_of_next(const struct sender *sender)
{
    const struct feed *feed = sender->feed;
    uint64_t row = sender->sent % feed->recording.rows;
    uint64_t n = least(feed->options.ticks - sender->sent, feed->recording.rows - row);
    return least(least(n, feed->options.batch_ticks), BATCH_VALUES_MAX / feed->recording.table.n);
}

static int encode(struct sender *sender, uint64_t n, size_t *ret_len)
{
    struct feed *feed = sender->feed;
    const struct recording *recording = &feed->recording;
    uint64_t row = sender->sent % recording->rows;
    for (uint64_t i = 0; i < n; i++)
        feed->mono_us[i] = mono_us_of(feed, sender->sent + i);
    for (uint32_t i = 0; i < recording->table.n; i++) {
        feed->columns[i] = recording->columns[i];
        feed->columns[i].fixed += row;
    }
    const struct batch batch = {
        .run = sender->run,
        .first = sender->sent + 1,
        .n_ticks = (uint32_t)n,
        .n_columns = recording->table.n,
        .table = recording->table.hash,
        .mono_us = feed->mono_us,
        .wall_us = feed->mono_us,
        .columns = feed->columns,
    };
    return codec_encode_batch(&batch, feed->batch, sizeof feed->batch, ret_len, NULL);
}

static void send_next(struct sender *sender)
{
    struct feed *feed = sender->feed;
    struct report report = { .highest = feed->options.ticks,
                             .has_table = sender->with_table,
                             .table_bytes = feed->recording.table_bytes,
                             .batch_bytes.at = feed->batch };
    uint64_t n = ticks_of_next(sender);
    if (n == 0) {
        end(sender);
        return;
    }
    int rc = encode(sender, n, &report.batch_bytes.len);
    while (rc == -EMSGSIZE && n > 1) {
        n = (n * 3 + 3) / 4;
        rc = encode(sender, n, &report.batch_bytes.len);
    }
    if (rc < 0) {
        fail(sender, "a batch that cannot be encoded");
        return;
    }
    sender->in_hand = n;
    feed->batches++;
    feed->batch_bytes += report.batch_bytes.len;
    line_report(&sender->line, &report);
    sender->line.before_us = sender->line.answered_us = 0; /* stamps of a clock that is not the ticks' */
}

static void on_again(uv_timer_t *again)
{
    send_next(again->data);
}

static void on_open(struct line *line)
{
    struct sender *sender = line->user;
    struct clock clock = clock_system();
    int64_t wall_us = clock_wall_us(&clock);
    line_hello(line, &(struct hello){ .run = sender->run,
                                      .mono_us = MONO_FIRST_US + wall_us - (int64_t)sender->feed->options.begin_us,
                                      .wall_us = wall_us,
                                      .version = WARROOM_VERSION,
                                      .hostname = "feed",
                                      .system = "Linux",
                                      .token = { sender->invite.token, TOKEN_BYTES } });
}

/* ---- in ---- */

static void on_answer(struct line *line, const struct answer *answer)
{
    struct sender *sender = line->user;
    line->before_us = line->answered_us = 0;
    switch (answer->kind) {
    case ANSWER_WELCOME:
        send_next(sender);
        return;
    case ANSWER_STORED:
        sender->with_table = false;
        sender->sent += sender->in_hand;
        sender->feed->ticks += sender->in_hand;
        send_next(sender);
        return;
    case ANSWER_BUSY:
        uv_timer_start(&sender->again, on_again, (uint64_t)(answer->retry_us / US_PER_MS), 0);
        return;
    case ANSWER_REFUSED:
        fail(sender, answer->text);
        return;
    case ANSWER_NO_TABLE:
        sender->with_table = true;
        send_next(sender);
        return;
    }
}

static void on_gone(struct line *line, const char *why)
{
    struct sender *sender = line->user;
    if (!sender->ended)
        fail(sender, why);
}

/* ---- begin and end ---- */

static void start(struct feed *feed, struct sender *sender)
{
    sender->feed = feed;
    sender->with_table = true;
    sender->line.home = &feed->home;
    sender->line.user = sender;
    sender->line.own = &sender->key;
    sender->line.collector = &sender->collector;
    memcpy(sender->collector.bytes, sender->invite.collector, sizeof sender->collector.bytes);
    uv_timer_init(&feed->loop, &sender->again);
    sender->again.data = sender;
    feed->left++;
    if (key_pair_draw(&sender->key, NULL) < 0 || getrandom(&sender->run, sizeof sender->run, 0) != sizeof sender->run)
        fail(sender, "no randomness");
    else
        line_start(&sender->line);
}

static int read_invitations(struct feed *feed, struct err *err)
{
    char text[INVITE_TEXT_MAX];
    feed->senders = calloc(HOSTS_MAX, sizeof *feed->senders);
    if (!feed->senders)
        return err_set(err, -ENOMEM, "out of memory");
    while (feed->n_senders < HOSTS_MAX && fgets(text, sizeof text, stdin)) {
        int rc =
            codec_parse_invite(text, strcspn(text, "\n"), &feed->arena, &feed->senders[feed->n_senders].invite, err);
        if (rc < 0)
            return rc;
        feed->n_senders++;
    }
    return feed->n_senders > 0 ? 0 : err_set(err, -EINVAL, "no invitation came");
}

static int prepare(struct feed *feed, struct err *err)
{
    struct sockaddr_storage address;
    if (address_numeric(feed->options.connect, &address) < 0 || address.ss_family != AF_INET)
        return err_set(err, -EINVAL, "--connect %s: want an IPv4 ADDRESS:PORT", feed->options.connect);
    memcpy(&feed->home.address, &address, sizeof feed->home.address);
    int rc = recording_open(&feed->recording, feed->options.recording, &feed->arena, err);
    if (rc < 0)
        return rc;
    const struct recording *recording = &feed->recording;
    uint32_t last = recording->rows - 1;
    int64_t span_us = recording->at_us[last] - recording->at_us[0];
    feed->round_us = span_us + (last > 0 ? span_us / last : US_PER_S);
    if (feed->options.ticks == 0)
        feed->options.ticks = recording->rows;
    return read_invitations(feed, err);
}

static void run(struct feed *feed)
{
    int64_t began_ns = (int64_t)uv_hrtime();
    uv_loop_init(&feed->loop);
    feed->home.loop = &feed->loop;
    feed->home.on_open = on_open;
    feed->home.on_answer = on_answer;
    feed->home.on_gone = on_gone;
    for (unsigned i = 0; i < feed->n_senders; i++)
        start(feed, &feed->senders[i]);
    uv_run(&feed->loop, UV_RUN_DEFAULT);
    uv_loop_close(&feed->loop);
    printf("{\"ticks\": %" PRIu64 ", \"samples\": %" PRIu64 ", \"batches\": %" PRIu64 ", \"batch_bytes\": %" PRIu64
           ", \"seconds\": %.6f}\n",
           feed->ticks, feed->ticks * feed->recording.table.n, feed->batches, feed->batch_bytes,
           (double)((int64_t)uv_hrtime() - began_ns) / NS_PER_S);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'a':
        options->connect = arg;
        return 0;
    case 'f':
        options->recording = arg;
        return 0;
    case 'b':
        options->begin_us = arguments_number(arg, 0, UINT64_MAX, state);
        return 0;
    case 's':
        options->spacing_us = arguments_number(arg, 0, UINT64_MAX, state);
        return 0;
    case 'n':
        options->ticks = arguments_number(arg, 0, UINT64_MAX, state);
        return 0;
    case 'm':
        options->batch_ticks = arguments_number(arg, 0, UINT64_MAX, state);
        return 0;
    default:
        return arguments_other(key, arg, state, options->connect && options->recording, "--connect and --recording");
    }
}

static void parse_options(struct options *ret, int argc, char **argv)
{
    static const struct argp_option rows[] = {
        { "connect", 'a', "ADDRESS:PORT", 0, "the collector's uplink", 0 },
        { "recording", 'f', "FILE", 0, "what dataset.py prepared", 0 },
        { "begin-us", 'b', "US", 0, "when the first tick is to lie", 0 },
        { "spacing-us", 's', "US", 0, "between ticks, whatever the recording says", 0 },
        { "ticks", 'n', "N", 0, "of each host; more than the recording has: it is told again (default: as it has)", 0 },
        { "batch-ticks", 'm', "N", 0, "of a batch, at most (default: what fits)", 0 },
        { 0 },
    };
    *ret = (struct options){ .batch_ticks = TICKS_MAX };
    arguments_parse(rows, parse_option,
                    "Sends a collector what hosts once said; reads their invitations from its input, one a line.", argc,
                    argv, ret);
}

int main(int argc, char **argv)
{
    struct err err;
    AUTO(auto_free) struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return 1;
    parse_options(&feed->options, argc, argv);
    arena_init(&feed->arena, ARENA_BYTES);
    arena_init(&feed->home.arena, CODEC_ARENA_BYTES);
    int rc = prepare(feed, &err);
    if (rc == 0)
        run(feed);
    else
        fprintf(stderr, "feed: %s\n", err.text);
    bool good = rc == 0 && !feed->failed;
    recording_close(&feed->recording);
    arena_done(&feed->home.arena);
    arena_done(&feed->arena);
    free(feed->senders);
    return good ? 0 : 1;
}
