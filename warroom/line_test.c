/* The console over the real line: a control socket served by a loop on a thread of its own, as in another process. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "proto/link/control.h"
#include "proto/link/feed.h"
#include "warroom/command/command.h"

struct collector { /* the thread's, but for `stop`; the rest is read after it has ended */
    uv_loop_t loop;
    uv_async_t stop;
    uv_thread_t thread;
    struct control_server *server;
    unsigned requests;
};

struct fixture {
    struct collector collector;
    char dir[32];
    char socket[64];
    struct console console;
    char *out, *err;
    size_t out_len, err_len;
};

/* What is asked for by a piece of the request, first match first. */
static const struct {
    const char *piece, *answer;
} answers[] = {
    { "\"next\":2", "{\"ok\":true,\"data\":{\"tenants\":[{\"id\":2,\"name\":\"bravo\"}]}}" },
    { "tenant list", "{\"ok\":true,\"data\":{\"tenants\":[{\"id\":1,\"name\":\"acme\"}]},\"next\":2}" },
    { "tenant add", "{\"ok\":false,\"error\":{\"code\":\"exists\",\"text\":\"there is a tenant acme already\"}}" },
};

static void on_request(void *user, const struct control_request *request)
{
    struct collector *collector = user;
    collector->requests++;
    if (request->uid != getuid() || !request->admitted)
        abort();
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (memmem(request->text, request->len, answers[i].piece, strlen(answers[i].piece))) {
            control_answer(collector->server, request->ticket, answers[i].answer, strlen(answers[i].answer));
            return;
        }
    }
    control_answer(collector->server, request->ticket, "?", 1);
}

static void on_stop(uv_async_t *stop)
{
    struct collector *collector = stop->data;
    collector->server = control_server_close(collector->server);
    uv_close((uv_handle_t *)stop, NULL);
}

static void run_loop(void *user)
{
    uv_run(&((struct collector *)user)->loop, UV_RUN_DEFAULT);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err = { 0 };
    *state = f;
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    snprintf(f->dir, sizeof f->dir, "/tmp/console-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->socket, sizeof f->socket, "%s/control.sock", f->dir);
    uv_loop_init(&f->collector.loop);
    uv_async_init(&f->collector.loop, &f->collector.stop, on_stop);
    f->collector.stop.data = &f->collector;
    struct ipc_gate gate;
    int rc = ipc_gate_init(&gate, NULL, &err);
    if (rc == 0)
        rc = control_server_open(&f->collector.server, &f->collector.loop, f->socket, &gate, on_request, &f->collector,
                                 &err);
    if (rc < 0)
        return fprintf(stderr, "%s\n", err.text), rc;
    f->console.out = open_memstream(&f->out, &f->out_len);
    f->console.err = open_memstream(&f->err, &f->err_len);
    f->console.clock = clock_system();
    f->console.config_file = "/nonexistent/console.yaml";
    f->console.line = (struct collector_line){ control_ask, feed_reader_open, feed_read, feed_reader_close };
    return uv_thread_create(&f->collector.thread, run_loop, &f->collector);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    uv_async_send(&f->collector.stop);
    uv_thread_join(&f->collector.thread);
    int rc = uv_loop_close(&f->collector.loop);
    fclose(f->console.out);
    fclose(f->console.err);
    free(f->out);
    free(f->err);
    unlink(f->socket);
    rmdir(f->dir);
    free(f);
    return rc;
}

static enum command_exit run(struct fixture *f, char *first, char *second, char *third)
{
    char control[] = "--control";
    char name[] = "warroom";
    char *words[] = { name, control, f->socket, first, second, third, NULL };
    enum command_exit exit = command_run(&f->console, third ? 6 : 5, words);
    fflush(f->console.out);
    fflush(f->console.err);
    return exit;
}

static void a_list_of_several_pages_comes_over_the_socket(void **state)
{
    struct fixture *f = *state;
    char tenant[] = "tenant";
    char list[] = "list";
    assert_int_equal(run(f, tenant, list, NULL), COMMAND_OK);
    assert_string_equal(f->out, "ID  TENANT  SINCE\n"
                                " 1  acme    -\n"
                                " 2  bravo   -\n");
}

static void a_refusal_comes_over_the_socket(void **state)
{
    struct fixture *f = *state;
    char tenant[] = "tenant";
    char add[] = "add";
    char acme[] = "acme";
    assert_int_equal(run(f, tenant, add, acme), COMMAND_FAILED);
    assert_string_equal(f->err, "warroom: there is a tenant acme already (exists)\n");
}

static void an_answer_that_is_no_json_is_said(void **state)
{
    struct fixture *f = *state;
    char event[] = "event";
    char list[] = "list";
    assert_int_equal(run(f, event, list, NULL), COMMAND_FAILED);
    assert_non_null(strstr(f->err, "makes no sense"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_list_of_several_pages_comes_over_the_socket),
        WITH(a_refusal_comes_over_the_socket),
        WITH(an_answer_that_is_no_json_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
