#include "collector/collector_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/folder_fixture.h"
#include "collector/agent_fixture.h"
#include "collector/parts.h"

#define START_S INT64_C(1795400000)

/* Ends the test with what the collector said. */
static void must(const struct fixture *f, int rc)
{
    if (rc == 0)
        return;
    fail_msg("%s", f->err.text);
    abort(); /* for readers that do not know that fail_msg() jumps away */
}

/* ---- both loops ---- */

static int wait_ms(const uv_loop_t *loop, int most)
{
    int wait = uv_backend_timeout(loop);
    return wait < 0 || (most >= 0 && most < wait) ? most : wait;
}

void step(struct fixture *f)
{
    struct pollfd fds[] = { { .fd = uv_backend_fd(&f->loop), .events = POLLIN },
                            { .fd = uv_backend_fd(&f->beyond), .events = POLLIN } };
    uv_update_time(&f->loop);
    uv_update_time(&f->beyond);
    poll(fds, 2, wait_ms(&f->loop, wait_ms(&f->beyond, -1)));
    uv_run(&f->loop, UV_RUN_NOWAIT);
    uv_run(&f->beyond, UV_RUN_NOWAIT);
}

/* ---- life ---- */

static void on_happened(void *user, const struct happening *happening)
{
    struct fixture *f = user;
    if (f->n_happened < FIXTURE_HAPPENED)
        f->happened[f->n_happened] = *happening;
    f->n_happened++;
}

void open_collector(struct fixture *f)
{
    struct collector_listener listener = { .happened = on_happened, .user = f };
    must(f, collector_open(&f->collector, &f->loop, &f->config, &f->clock, &f->log, listener, &f->err));
    uv_timer_stop(&f->collector->second);
}

void close_collector(struct fixture *f)
{
    f->collector = collector_close(f->collector);
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

void restart_collector(struct fixture *f)
{
    close_collector(f);
    open_collector(f);
}

void pass(struct fixture *f, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        clock_fake_pass(&f->fake, NS_PER_S);
        collector_tick(f->collector);
    }
}

struct collector_status status_of(const struct fixture *f)
{
    struct collector_status status;
    collector_status(f->collector, &status);
    return status;
}

size_t times_logged(const struct fixture *f, const char *text)
{
    static char log[1 << 18];
    ssize_t n = pread(f->log.fd, log, sizeof log - 1, 0);
    size_t times = 0;
    log[n > 0 ? n : 0] = '\0';
    for (const char *at = log; (at = strstr(at, text)); at++)
        times++;
    return times;
}

bool was_logged(const struct fixture *f, const char *text)
{
    return times_logged(f, text) > 0;
}

/* ---- configuration ---- */

struct rule *add_rule(struct fixture *f, const char *name, const char *metric, double threshold, int64_t hold_s)
{
    assert_true(f->config.n_rules < FIXTURE_RULES);
    struct rule *rule = &f->rules[f->config.n_rules++];
    *rule = (struct rule){ .instance = "*",
                           .page = true,
                           .comparison = COMPARE_ABOVE,
                           .severity = SEVERITY_CRITICAL,
                           .limit = -1,
                           .in_force = IN_FORCE_ALWAYS,
                           .threshold = threshold,
                           .clear = threshold,
                           .hold_us = hold_s * US_PER_S };
    snprintf(rule->name, sizeof rule->name, "%s", name);
    snprintf(rule->metric, sizeof rule->metric, "%s", metric);
    snprintf(rule->summary, sizeof rule->summary, "%s above {threshold}", name);
    return rule;
}

void add_webhook(struct fixture *f, const char *name, const char *path, const char *tenant)
{
    size_t n = f->config.webhooks.n;
    assert_true(n < FIXTURE_WEBHOOKS);
    snprintf(f->urls[n], sizeof f->urls[n], "http://127.0.0.1:%u%s", receiver_port(f->receiver), path);
    f->webhooks[n] = (struct webhook_config){ .name = name, .url = f->urls[n], .tenant = tenant };
    f->config.webhooks.n = n + 1;
}

/* ---- commands ---- */

static void on_told(void *user, int rc)
{
    (void)rc;
    *(bool *)user = true;
}

static void commit_file(struct fixture *f, enum store_file file, uint64_t tenant)
{
    bool told = false;
    collector_then(f->collector, file, tenant, on_told, &told);
    RUN_UNTIL(f, told);
}

void commit(struct fixture *f, uint64_t tenant)
{
    commit_file(f, STORE_TENANT, tenant);
}

struct recording {
    bool done;
    size_t n;
    struct recorded *at;
};

static void on_record(void *user, const struct store_ledger *result, const struct err *err)
{
    struct recording *recording = user;
    assert_null(err);
    for (size_t i = 0; i < result->n; i++) {
        const struct ledger_entry *entry = &result->at[i].entry;
        struct recorded *to = &recording->at[recording->n++];
        json_t *body = json_loads(entry->body, 0, NULL);
        const char *what = json_string_value(json_object_get(body, "what"));
        *to = (struct recorded){ .event = entry->event, .incident = entry->incident };
        snprintf(to->kind, sizeof to->kind, "%s", entry->kind);
        snprintf(to->actor, sizeof to->actor, "%s", entry->actor);
        snprintf(to->what, sizeof to->what, "%s", what ? what : "");
        snprintf(to->body, sizeof to->body, "%s", entry->body);
        json_decref(body);
    }
    recording->done = true;
}

size_t read_record(struct fixture *f, uint64_t tenant, const char *kind, struct recorded *ret, size_t most)
{
    struct recording recording = { .at = ret };
    struct store_ledger_query query = { .tenant = tenant, .oldest_first = true, .most = most };
    snprintf(query.kind, sizeof query.kind, "%s", kind);
    commit(f, tenant);
    must(f, store_ledger(collector_store(f->collector), &query, on_record, &recording, &f->err));
    RUN_UNTIL(f, recording.done);
    return recording.n;
}

enum { REPORTED_S = 30, REPORTING_MAX = 8 }; /* sessions end a minute after their last word */

/* All at once, and the disk is told that somebody waits: a day has many of these. */
static void report_all(struct fixture *f, struct reporting *reporting, size_t n)
{
    unsigned sent[REPORTING_MAX];
    assert_true(n <= REPORTING_MAX);
    uint64_t before = status_of(f).reports;
    for (size_t i = 0; i < n; i++) {
        sent[i] = SEND(reporting[i].agent, .first = reporting[i].next, .n = REPORTED_S, .interval_us = US_PER_S);
        reporting[i].next += REPORTED_S;
    }
    RUN_UNTIL(f, status_of(f).reports >= before + n);
    commit(f, f->tenant);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(wait_reply(reporting[i].agent, sent[i])->answer.last, reporting[i].next - 1);
}

void pass_reporting(struct fixture *f, struct reporting *reporting, size_t n, int64_t seconds)
{
    assert_int_equal(seconds % REPORTED_S, 0);
    for (int64_t passed = REPORTED_S; passed <= seconds; passed += REPORTED_S) {
        clock_fake_pass(&f->fake, REPORTED_S * NS_PER_S);
        for (size_t i = 0; passed % 3600 == REPORTED_S && i < n; i++)
            hello(reporting[i].agent);
        report_all(f, reporting, n);
        collector_tick(f->collector);
    }
}

uint64_t add_tenant(struct fixture *f, const char *name)
{
    const struct tenant *row;
    must(f, collector_add_tenant(f->collector, name, &row, &f->err));
    commit_file(f, STORE_REGISTRY, 0);
    return row->id;
}

uint64_t add_host(struct fixture *f, uint64_t tenant, const char *name)
{
    const struct host *row;
    struct host_change change = { .group = NULL };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    must(f, collector_enroll_host(f->collector, tenant, name, &change, &row, &f->err));
    commit_file(f, STORE_REGISTRY, 0);
    return row->id;
}

static struct invite make_invite(struct fixture *f, const struct host_invite *of)
{
    struct invite invite;
    must(f, collector_invite(f->collector, of, &invite, &f->err));
    return invite;
}

struct invite invite_host(struct fixture *f, uint64_t host)
{
    return make_invite(f, &(struct host_invite){ .host = host, .uses = 1, .within_us = 3600 * US_PER_S });
}

struct invite invite_hosts(struct fixture *f, const char *group, unsigned uses)
{
    return make_invite(
        f, &(struct host_invite){ .tenant = f->tenant, .group = group, .uses = uses, .within_us = 3600 * US_PER_S });
}

enum host_admission admission(const struct fixture *f, uint64_t host)
{
    struct host_view view;
    collector_host_view(f->collector, host, &view);
    return view.key;
}

const struct decision fixture_commander = { .by = "alice", .role = ROLE_COMMANDER, .reason = "the test says so" };

uint64_t plan_event(struct fixture *f, const struct event_plan *plan)
{
    struct event event;
    const struct event *row;
    struct document *document = malloc(sizeof *document);
    assert_non_null(document);
    int rc = event_init(&event, plan, &f->err);
    if (rc == 0)
        document_of(&event, document);
    if (rc == 0)
        rc = collector_add_event(f->collector, f->tenant, document, &fixture_commander, &row, &f->err);
    free(document);
    must(f, rc);
    return row->id;
}

uint64_t start_event(struct fixture *f, const char *name)
{
    const struct event *row;
    uint64_t id = plan_event(
        f, &(struct event_plan){
               .name = name, .zone = "UTC", .first_day = "2026-11-23", .days = 1, .hosts = "web-*", .drill = true });
    scope_event(f->collector, id)->patrol.closed = true; /* all its rounds are on record, so to speak */
    must(f, collector_event_do(f->collector, id, EVENT_START, &fixture_commander, &row, &f->err));
    return id;
}

/* ---- disk ---- */

void break_disk(void)
{
    faulty_vfs_set(FAULTY_FULL, TENANT_FILE);
}

void heal_disk(void)
{
    faulty_vfs_set(FAULTY_NOTHING, NULL);
}

void run_until_failed(struct fixture *f)
{
    uint64_t before = status_of(f).store.failed;
    /* The first to fail may have been on its way already. */
    RUN_UNTIL(f, status_of(f).store.failed >= before + 2);
}

void run_until_declared(struct fixture *f)
{
    run_until_failed(f);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    RUN_UNTIL(f, store_fault(collector_store(f->collector), STORE_TENANT, f->tenant));
    collector_tick(f->collector);
}

void run_until_recovered(struct fixture *f)
{
    RUN_UNTIL(f, !store_fault(collector_store(f->collector), STORE_TENANT, f->tenant));
    collector_tick(f->collector);
}

/* ---- pages ---- */

unsigned pages_out(struct fixture *f)
{
    commit(f, f->tenant);
    commit(f, TENANT_RESERVED);
    RUN_UNTIL(f, status_of(f).pages_queued == 0);
    return receiver_requests(f->receiver);
}

bool page_says(const struct fixture *f, const char *text)
{
    return strstr(receiver_last(f->receiver), text);
}

size_t count_happened(const struct fixture *f, enum happening_kind kind)
{
    size_t n = 0;
    assert_true(f->n_happened <= FIXTURE_HAPPENED);
    for (size_t i = 0; i < f->n_happened; i++)
        n += f->happened[i].kind == kind;
    return n;
}

size_t count_alerts(const struct fixture *f, enum alert_state state)
{
    size_t n = 0;
    assert_true(f->n_happened <= FIXTURE_HAPPENED);
    for (size_t i = 0; i < f->n_happened; i++)
        n += f->happened[i].kind == HAPPENED_ALERT && f->happened[i].alert.alert.state == state;
    return n;
}

const struct incident *incident(const struct fixture *f, uint64_t id)
{
    const struct incident *found = pager_incident(collector_pager(f->collector), id);
    assert_non_null(found);
    return found;
}

/* ---- setup ---- */

static const struct receiver_rule answers[] = {
    { "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/mute", NULL, RECEIVER_KEEP },
    { "/busy", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { NULL, NULL, RECEIVER_KEEP },
};

int fixture_setup(void **state)
{
    static bool installed;
    if (!installed)
        faulty_vfs_install();
    installed = true;
    heal_disk();
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_non_null(mkdtemp(folder_template(f->dir, sizeof f->dir, "warroom-collector")));
    uv_loop_init(&f->loop);
    uv_loop_init(&f->beyond);
    f->fake = (struct clock_fake){ .mono_ns = 1000 * NS_PER_S, .wall_ns = START_S * NS_PER_S };
    f->clock = clock_of_fake(&f->fake);
    f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .least = LOG_DEBUG, .clock = &f->clock };
    f->receiver = receiver_open(&f->beyond, answers);
    snprintf(f->key, sizeof f->key, "%s/collector.key", f->dir);
    f->config = (struct collector_config){ .key = f->key,
                                           .control = "control.sock",
                                           .feed = "feed.sock",
                                           .listen = "127.0.0.1:0",
                                           .state = f->dir,
                                           .rule_rows = f->rules,
                                           .webhooks.at = f->webhooks };
    add_webhook(f, "duty", "/ok", NULL);
    *state = f;
    open_collector(f);
    f->tenant = add_tenant(f, "acme");
    f->host = add_host(f, f->tenant, "web-1");
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
    (void)stat;
    (void)flag;
    (void)walk;
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    heal_disk();
    close_collector(f);
    free_agents(f);
    receiver_close(f->receiver);
    uv_run(&f->beyond, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    rc = uv_loop_close(&f->beyond) < 0 ? -1 : rc;
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    close(f->log.fd);
    free(f);
    return rc;
}
