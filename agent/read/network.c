#include "agent/read/network.h"

#include <errno.h>

enum { TITLE_LINES = 2 };

/* "  eth0: 26201425     733 ..."; old kernels leave no space behind the colon. */
static bool parse_line(struct scan line, struct interface *ret)
{
    struct scan_text name;
    scan_blanks(&line);
    /* An alias ("eth0:1") never has a line, so the first colon ends the name. */
    if (!scan_until(&line, ':', &name) || !device_name_set(&ret->name, name))
        return false;
    for (int i = 0; i < INTERFACE_FIELDS; i++) {
        scan_blanks(&line);
        if (!scan_u64(&line, &ret->at[i]))
            return false;
    }
    return true;
}

int network_parse(const char *text, size_t len, struct interface *ret, size_t room, size_t *ret_n, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct scan_text line;
    size_t n = 0;
    for (int i = 0; scan_line(&scan, &line); i++) {
        struct interface one;
        if (i < TITLE_LINES)
            continue;
        if (!parse_line(scan_over(line.at, line.len), &one))
            return err_set(err, -EBADMSG, "net/dev: a line is not a name and %d numbers", INTERFACE_FIELDS);
        if (n < room)
            ret[n++] = one;
    }
    if (n == 0)
        return err_set(err, -ENODATA, "net/dev: no interfaces");
    *ret_n = n;
    return 0;
}

/* Whether the counters of `now` are not a continuation of those of `last`: the interface was made anew. */
static bool began_anew(const struct interface *last, const struct interface *now)
{
    static const enum interface_field steady[] = { RX_BYTES, RX_PACKETS, TX_BYTES, TX_PACKETS };
    for (size_t i = 0; i < sizeof steady / sizeof steady[0]; i++)
        if (now->at[steady[i]] < last->at[steady[i]])
            return true;
    return false;
}

static const struct network_row {
    enum metric_id metric;
    enum interface_field field;
} rows[] = {
    { METRIC_NETWORK_TRANSMIT, TX_BYTES },           { METRIC_NETWORK_RECEIVE, RX_BYTES },
    { METRIC_NETWORK_PACKETS_TRANSMIT, TX_PACKETS }, { METRIC_NETWORK_PACKETS_RECEIVE, RX_PACKETS },
    { METRIC_NETWORK_ERRORS_TRANSMIT, TX_ERRORS },   { METRIC_NETWORK_ERRORS_RECEIVE, RX_ERRORS },
    { METRIC_NETWORK_DROPS_TRANSMIT, TX_DROPS },     { METRIC_NETWORK_DROPS_RECEIVE, RX_DROPS },
};

/* Loopback never leaves the host; the others are the far ends of what a bridge or a real interface counts as well. */
static bool is_reported(const char *name)
{
    static const char *const skipped[] = { "lo", "veth*", "cali*", "lxc*", "vnet*", "ifb*", "dummy*" };
    return !device_matches(name, skipped, sizeof skipped / sizeof skipped[0]);
}

static void add_interface(const struct take *take, const struct interface *last, const struct interface *now)
{
    double per_s = last && !began_anew(last, now) ? 1 / take->seconds : NAN;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum interface_field field = rows[i].field;
        double moved = last ? counter_moved(now->at[field], last->at[field]) : NAN;
        readings_add(take->readings, rows[i].metric, now->name.text, moved * per_s);
    }
}

static bool read_interfaces(struct files *files, struct interface_list *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_NET_DEV, &text) &&
           files_judge(files, FILE_NET_DEV, network_parse(text.at, text.len, ret->at, INTERFACES_MAX, &ret->n, &err),
                       &err);
}

void network_take(void *state, const struct take *take)
{
    struct network_history *history = state;
    struct interface_list *now = history->now;
    struct interface_list *last = history->last;
    if (!read_interfaces(take->files, now)) {
        last->n = 0;
        return;
    }
    size_t reported = 0;
    for (size_t i = 0; i < now->n; i++) {
        struct interface *one = &now->at[i];
        if (!is_reported(one->name.text) || reported++ >= INTERFACES_REPORTED)
            continue;
        size_t before = device_find(last->at, last->n, sizeof *one, &one->name, i);
        add_interface(take, before < last->n ? &last->at[before] : NULL, one);
    }
    if (reported > INTERFACES_REPORTED && !history->left_out_said)
        log_event(take->log, LOG_WARN, "reader_interfaces_left_out", KV_COUNT("found", reported),
                  KV_COUNT("reported", INTERFACES_REPORTED));
    history->left_out_said = reported > INTERFACES_REPORTED;
    history->now = last;
    history->last = now;
}

/* All but lo, as Debian's node_exporter does. */
void network_raw(void *state, const struct raw *raw)
{
    static const char *const names[INTERFACE_FIELDS] = {
        [RX_BYTES] = "receive_bytes",
        [RX_PACKETS] = "receive_packets",
        [RX_ERRORS] = "receive_errs",
        [RX_DROPS] = "receive_drop",
        [RX_FIFO] = "receive_fifo",
        [RX_FRAME] = "receive_frame",
        [RX_COMPRESSED] = "receive_compressed",
        [RX_MULTICAST] = "receive_multicast",
        [TX_BYTES] = "transmit_bytes",
        [TX_PACKETS] = "transmit_packets",
        [TX_ERRORS] = "transmit_errs",
        [TX_DROPS] = "transmit_drop",
        [TX_FIFO] = "transmit_fifo",
        [TX_COLLISIONS] = "transmit_colls",
        [TX_CARRIER] = "transmit_carrier",
        [TX_COMPRESSED] = "transmit_compressed",
    };
    static const char *const skipped[] = { "lo" };
    struct network_history *history = state;
    if (!read_interfaces(raw->files, history->now))
        return;
    for (size_t i = 0; i < history->now->n; i++) {
        const struct interface *one = &history->now->at[i];
        const struct raw_label label = { "device", one->name.text };
        for (int field = 0; field < INTERFACE_FIELDS && !device_matches(one->name.text, skipped, 1); field++)
            raw_emit(raw, (double)one->at[field], &label, 1, "network_%s_total", names[field]);
    }
}
