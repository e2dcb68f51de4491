/* Which seconds of a window have data, and why the others have none. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/scan.h"
#include "collector/control/rows.h"

enum { GAPS_A_PAGE = 700, HOSTS_A_PAGE = 200 };
#define DEFAULT_US (86400 * US_PER_S)

struct coverage_call {
    struct call *call;
    uint64_t event; /* 0: none */
    size_t asked;   /* hosts */
    int64_t from_us, to_us;
};

/* The token is the last host told and the end of the window: all pages judge the same time. */
static int read_next(const struct call *call, uint64_t *ret_after, int64_t *ret_to_us, struct err *err)
{
    uint64_t to_us;
    *ret_after = 0;
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_hex64(&scan, ret_after) || !scan_char(&scan, ' ') || !scan_u64(&scan, &to_us) || !scan_done(&scan) ||
        to_us > INT64_MAX)
        return err_set(err, -EINVAL, "\"next\" is not one that coverage has given");
    *ret_to_us = (int64_t)to_us;
    return 0;
}

static json_t *form_gaps(const struct store_host_coverage *host)
{
    json_t *gaps = json_array();
    for (size_t i = 0; i < host->n; i++) {
        const struct store_gap *gap = &host->gaps[i];
        json_array_append_new(gaps, json_pack("{s:o, s:o, s:o, s:s}", "from", form_instant(gap->from_us), "to",
                                              form_instant(gap->to_us), "gap_s",
                                              form_seconds(gap->to_us - gap->from_us), "cause", gap->cause));
    }
    return gaps;
}

static json_t *form_coverage(const struct call *call, const struct store_host_coverage *host, int64_t width_us)
{
    if (host->too_much)
        return json_pack("{s:o, s:n, s:n, s:n, s:n, s:n, s:[], s:s}", "host",
                         form_host_brief(call->collector, host->host), "covered_s", "share", "longest_gap_s",
                         "gaps_total", "minutes", "gaps", "error", "too much is known of this host");
    double share = width_us > 0 ? (double)host->covered_us / (double)width_us : 0;
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:b, s:o, s:n}", "host", form_host_brief(call->collector, host->host),
                     "covered_s", form_seconds(host->covered_us), "share", form_real(share), "longest_gap_s",
                     form_seconds(host->longest_us), "gaps_total", (json_int_t)host->n_gaps, "minutes", host->minutes,
                     "gaps", form_gaps(host), "error");
}

static void on_coverage(void *user, const struct store_coverage *result, const struct err *err)
{
    AUTO(auto_free) struct coverage_call *coverage = user;
    struct call *call = coverage->call;
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *hosts = json_array();
    for (size_t i = 0; i < result->n; i++)
        json_array_append_new(hosts, form_coverage(call, &result->hosts[i], result->to_us - result->from_us));
    bool more = result->n < coverage->asked || coverage->asked == HOSTS_A_PAGE;
    if (more && result->n > 0 &&
        asprintf(&call->more, "%016" PRIx64 " %" PRId64, result->hosts[result->n - 1].host, result->to_us) < 0)
        call->more = NULL;
    const struct event *event = coverage->event ? collector_event(call->collector, coverage->event) : NULL;
    call->data = json_pack("{s:o, s:o, s:o, s:o}", "event", event ? json_string(event->name) : json_null(), "from",
                           form_instant(result->from_us), "to", form_instant(result->to_us), "coverage", hosts);
    call_finish(call, NULL);
}

/* What was given, else the event's, else the last day. */
static int read_window(const struct call *call, const struct event *event, struct coverage_call *coverage,
                       struct err *err)
{
    int64_t now_us = collector_now_us(call->collector);
    coverage->to_us = event ? event->end_us : now_us;
    int rc = call_instant(call, "to", &coverage->to_us, err);
    coverage->from_us = event ? event->start_us : coverage->to_us > DEFAULT_US ? coverage->to_us - DEFAULT_US : 0;
    if (rc == 0)
        rc = call_instant(call, "from", &coverage->from_us, err);
    if (rc < 0)
        return rc;
    if (coverage->from_us >= coverage->to_us)
        return err_set(err, -EINVAL, "from is not before to");
    if (coverage->from_us >= now_us)
        return err_set(err, -EINVAL, "that time has not come yet");
    return 0;
}

static int ask(struct call *call, struct coverage_call *coverage, struct err *err)
{
    const struct event *event = NULL;
    AUTO(call_hosts_done) struct call_hosts hosts = { .at = NULL };
    uint64_t after = 0;
    int rc = call_text(call, "event") ? call_event(call, &event, err) : 0;
    if (rc == 0)
        rc = read_window(call, event, coverage, err);
    if (rc == 0)
        rc = read_next(call, &after, &coverage->to_us, err);
    if (rc == 0)
        rc = call_hosts(call, event, after, HOSTS_A_PAGE, &hosts, err);
    if (rc == 0 && hosts.n == 0 && !call->next)
        rc = err_set(err, -ENOENT, "there is no such host; warroom hosts shows them");
    if (rc < 0)
        return rc;
    coverage->call = call;
    coverage->event = event ? event->id : 0;
    coverage->asked = hosts.n;
    struct store_coverage_query query = {
        .hosts = { .tenant = hosts.tenant, .n = hosts.n, .at = hosts.at, .rows = GAPS_A_PAGE },
        .from_us = coverage->from_us,
        .to_us = coverage->to_us,
    };
    if (hosts.n == 0) { /* the page before was the last one after all */
        on_coverage(coverage, &(struct store_coverage){ coverage->from_us, coverage->to_us, 0, NULL }, NULL);
        return 0;
    }
    return store_coverage(collector_store(call->collector), &query, on_coverage, coverage, err);
}

int verb_coverage(struct call *call, struct err *err)
{
    struct coverage_call *coverage = calloc(1, sizeof *coverage);
    if (!coverage)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = ask(call, coverage, err);
    if (rc == 0)
        return CALL_LATER; /* the answer's */
    free(coverage);
    return rc;
}
