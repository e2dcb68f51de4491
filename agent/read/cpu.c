/* The kernel's CPU counters are not quite monotonic. iowait may go back (proc.rst says so itself), idle may go back a
 * little when a CPU leaves its tickless sleep, and all of them may begin anew when a CPU comes back after it was taken
 * offline. So each field only ever moves to the highest value seen, and idle falling by IDLE_RESET_S or more is a new
 * beginning: the same two rules node_exporter came to. Guests are counted twice by the kernel, once inside user. */
#include "agent/read/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IDLE_RESET_S = 3 };

static bool began_anew(const struct cpu_times *last, const struct cpu_times *now)
{
    uint64_t fall = (uint64_t)IDLE_RESET_S * (uint64_t)sysconf(_SC_CLK_TCK);
    return now->at[CPU_FIELD_IDLE] < last->at[CPU_FIELD_IDLE] &&
           last->at[CPU_FIELD_IDLE] - now->at[CPU_FIELD_IDLE] >= fall;
}

/* Takes what is counted inside `whole` as well out of it. */
static uint64_t without(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

bool cpu_shares(struct cpu_times *last, const struct cpu_times *now, struct cpu_shares *ret)
{
    if (began_anew(last, now)) {
        *last = *now;
        return false;
    }
    uint64_t moved[CPU_FIELD_COUNT];
    uint64_t total = 0;
    for (int i = 0; i < CPU_FIELD_COUNT; i++) {
        moved[i] = now->at[i] > last->at[i] ? now->at[i] - last->at[i] : 0;
        last->at[i] += moved[i];
        if (i < CPU_FIELD_GUEST)
            total += moved[i];
    }
    if (total == 0)
        return false;
    double whole = (double)total;
    uint64_t user = without(moved[CPU_FIELD_USER], moved[CPU_FIELD_GUEST]);
    uint64_t nice = without(moved[CPU_FIELD_NICE], moved[CPU_FIELD_GUEST_NICE]);
    uint64_t guest = moved[CPU_FIELD_USER] - user + moved[CPU_FIELD_NICE] - nice;
    *ret = (struct cpu_shares){
        .busy = (double)(total - moved[CPU_FIELD_IDLE] - moved[CPU_FIELD_IOWAIT]) / whole,
        .user = (double)user / whole,
        .nice = (double)nice / whole,
        .system = (double)moved[CPU_FIELD_SYSTEM] / whole,
        .idle = (double)moved[CPU_FIELD_IDLE] / whole,
        .iowait = (double)moved[CPU_FIELD_IOWAIT] / whole,
        .irq = (double)moved[CPU_FIELD_IRQ] / whole,
        .softirq = (double)moved[CPU_FIELD_SOFTIRQ] / whole,
        .steal = (double)moved[CPU_FIELD_STEAL] / whole,
        .guest = (double)guest / whole,
    };
    return true;
}

/* The busiest CPU's share. */
static double busiest(struct cpu_history *history, const struct stat_file *stat)
{
    double most = NAN;
    struct cpu_times *each = history->each;
    bool same = history->known && history->n == stat->n_cpus;
    for (size_t i = 0; same && i < stat->n_cpus; i++)
        same = each[i].id == stat->cpus[i].id;
    if (!same) { /* hot-plug: rare, so one tick without a value is cheaper than a merge */
        memcpy(each, stat->cpus, stat->n_cpus * sizeof *each);
        history->n = stat->n_cpus;
        return NAN;
    }
    for (size_t i = 0; i < stat->n_cpus; i++) {
        struct cpu_shares shares;
        if (cpu_shares(&each[i], &stat->cpus[i], &shares) && !(shares.busy <= most))
            most = shares.busy;
    }
    return most;
}

static const struct cpu_row {
    enum metric_id metric;
    size_t at;
} rows[] = {
    { METRIC_CPU_UTILIZATION, offsetof(struct cpu_shares, busy) },
    { METRIC_CPU_USER, offsetof(struct cpu_shares, user) },
    { METRIC_CPU_NICE, offsetof(struct cpu_shares, nice) },
    { METRIC_CPU_SYSTEM, offsetof(struct cpu_shares, system) },
    { METRIC_CPU_IDLE, offsetof(struct cpu_shares, idle) },
    { METRIC_CPU_IOWAIT, offsetof(struct cpu_shares, iowait) },
    { METRIC_CPU_IRQ, offsetof(struct cpu_shares, irq) },
    { METRIC_CPU_SOFTIRQ, offsetof(struct cpu_shares, softirq) },
    { METRIC_CPU_STEAL, offsetof(struct cpu_shares, steal) },
    { METRIC_CPU_GUEST, offsetof(struct cpu_shares, guest) },
};

void cpu_take(void *state, const struct take *take)
{
    struct cpu_history *history = state;
    const struct stat_file *stat = take->stat;
    if (!stat) {
        history->known = false;
        return;
    }
    struct cpu_shares shares;
    if (!history->known)
        history->all = stat->totals.cpu;
    bool moved = history->known && cpu_shares(&history->all, &stat->totals.cpu, &shares);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        add(take, rows[i].metric, moved ? *(const double *)(const void *)((const char *)&shares + rows[i].at) : NAN);
    add(take, METRIC_CPU_UTILIZATION_MAX, busiest(history, stat));
    add(take, METRIC_CPU_COUNT, (double)stat->n_cpus);
    double switches = counter_moved(stat->totals.context_switches, history->context_switches) / take->seconds;
    add(take, METRIC_CONTEXT_SWITCHES, history->known ? switches : NAN);
    history->context_switches = stat->totals.context_switches;
    history->known = true;
}

void cpu_raw(void *state, const struct raw *raw)
{
    (void)state;
    static const char *const modes[] = { "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal" };
    if (!raw->stat)
        return;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    for (size_t i = 0; i < raw->stat->n_cpus; i++) {
        const struct cpu_times *cpu = &raw->stat->cpus[i];
        char id[16];
        snprintf(id, sizeof id, "%u", cpu->id);
        struct raw_label labels[] = { { "cpu", id }, { "mode", NULL } };
        for (int mode = 0; mode < CPU_FIELD_GUEST; mode++) {
            labels[1].value = modes[mode];
            raw_emit(raw, (double)cpu->at[mode] * tick, labels, 2, "cpu_seconds_total");
        }
        for (int mode = 0; mode < 2; mode++) {
            labels[1].value = modes[mode];
            raw_emit(raw, (double)cpu->at[CPU_FIELD_GUEST + mode] * tick, labels, 2, "cpu_guest_seconds_total");
        }
    }
    raw_emit(raw, (double)raw->stat->totals.context_switches, NULL, 0, "context_switches_total");
}
