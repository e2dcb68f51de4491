#include "warroom/command/fake_fixture.h"

#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { QUEUE_MAX = 16, WORDS_MAX = 32 };
#define NOW_S INT64_C(1795401660) /* 2026-11-23T02:41:00Z */

struct fake {
    struct clock_fake clock;
    struct console console;
    struct {
        char *text; /* owned */
        int rc;
    } answers[QUEUE_MAX];
    size_t n_answers, n_asked;
    int pauses;
    char *asked[QUEUE_MAX];
    char path[128];
    char *feed[QUEUE_MAX]; /* owned */
    size_t n_feed, n_read;
    char *out, *err;
    size_t out_len, err_len;
};

static struct fake *the_fake;

static int ask(const char *path, const char *text, size_t len, int64_t timeout_us, char **ret_text, size_t *ret_len,
               struct err *err)
{
    struct fake *fake = the_fake;
    (void)timeout_us;
    snprintf(fake->path, sizeof fake->path, "%s", path);
    size_t i = fake->n_asked++;
    if (i < QUEUE_MAX)
        fake->asked[i] = strndup(text, len);
    if (i >= fake->n_answers)
        return err_set(err, -ECONNREFUSED, "fake: nobody there");
    if (fake->answers[i].rc < 0)
        return err_set(err, fake->answers[i].rc, "fake: broken");
    *ret_text = strdup(fake->answers[i].text);
    *ret_len = strlen(*ret_text);
    return 0;
}

static int feed_open(struct feed_reader **ret_reader, const char *path, struct err *err)
{
    snprintf(the_fake->path, sizeof the_fake->path, "%s", path);
    if (the_fake->n_feed == 0)
        return err_set(err, -ECONNREFUSED, "fake: no feed");
    *ret_reader = (struct feed_reader *)(void *)the_fake;
    return 0;
}

static int feed_read(struct feed_reader *reader, int64_t timeout_us, char **ret_text, size_t *ret_len, struct err *err)
{
    struct fake *fake = (struct fake *)(void *)reader;
    (void)timeout_us;
    if (fake->n_read == fake->n_feed)
        return err_set(err, -ECONNRESET, "fake: the feed broke");
    const char *text = fake->feed[fake->n_read++];
    if (!text)
        return err_set(err, -ETIMEDOUT, "fake: none in time");
    *ret_text = strdup(text);
    *ret_len = strlen(text);
    return 0;
}

static struct feed_reader *feed_close(struct feed_reader *reader)
{
    (void)reader;
    return NULL;
}

static void no_pause(int64_t us)
{
    (void)us;
    the_fake->pauses++;
}

int fake_pauses(struct fake *fake)
{
    return fake->pauses;
}

struct fake *fake_open(void)
{
    struct fake *fake = calloc(1, sizeof *fake);
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    fake->clock.wall_ns = NOW_S * NS_PER_S;
    fake->console.clock = clock_of_fake(&fake->clock);
    fake->console.config_file = "/nonexistent/console.yaml";
    fake->console.line = (struct collector_line){ ask, feed_open, feed_read, feed_close };
    fake->console.pause = no_pause;
    the_fake = fake;
    return fake;
}

void fake_close(struct fake *fake)
{
    for (size_t i = 0; i < QUEUE_MAX; i++) {
        free(fake->asked[i]);
        free(fake->answers[i].text);
        free(fake->feed[i]);
    }
    free(fake->out);
    free(fake->err);
    free(fake);
    the_fake = NULL;
}

int fake_setup(void **state)
{
    *state = fake_open();
    return 0;
}

int fake_teardown(void **state)
{
    fake_close(*state);
    return 0;
}

static char *quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    return copy;
}

void fake_answer(struct fake *fake, const char *text)
{
    fake->answers[fake->n_answers++].text = quoted(text);
}

void fake_fail(struct fake *fake, int rc)
{
    fake->answers[fake->n_answers++].rc = rc;
}

void fake_feed(struct fake *fake, const char *text)
{
    fake->feed[fake->n_feed++] = text ? quoted(text) : NULL;
}

void fake_terminal(struct fake *fake, bool colour)
{
    fake->console.terminal = true;
    fake->console.colour = colour;
}

static int cut(char *line, char *words[WORDS_MAX])
{
    int n = 0;
    while (*(line += strspn(line, " ")) && n < WORDS_MAX - 1) {
        char stop = *line == '\'' ? '\'' : ' ';
        line += stop == '\'';
        words[n++] = line;
        line += strcspn(line, (char[]){ stop, '\0' });
        if (*line)
            *line++ = '\0';
    }
    words[n] = NULL;
    return n;
}

enum command_exit fake_run(struct fake *fake, const char *line)
{
    char *copy = strdup(line);
    char *words[WORDS_MAX];
    int n = cut(copy, words);
    free(fake->out);
    free(fake->err);
    fake->console.out = open_memstream(&fake->out, &fake->out_len);
    fake->console.err = open_memstream(&fake->err, &fake->err_len);
    enum command_exit exit = command_run(&fake->console, n, words);
    fclose(fake->console.out);
    fclose(fake->console.err);
    free(copy);
    return exit;
}

void prints(struct fake *fake, const char *line, const char *answer, const char *expected)
{
    fake_answer(fake, answer);
    assert_int_equal(fake_run(fake, line), COMMAND_OK);
    assert_string_equal(fake_err(fake), "");
    assert_string_equal(fake_out(fake), expected);
}

const char *fake_out(struct fake *fake)
{
    return fake->out;
}

const char *fake_err(struct fake *fake)
{
    return fake->err;
}

const char *fake_asked(struct fake *fake, size_t i)
{
    return i < QUEUE_MAX && fake->asked[i] ? fake->asked[i] : "";
}

const char *fake_path(struct fake *fake)
{
    return fake->path;
}
