/* What hosts and agents say of themselves. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/patrol/parts.h"

#define COVERED_ALL     0.99
#define COVERED_LEAST   0.95
#define BACKLOG_TOLD_US (60 * US_PER_S)
enum { VERSIONS_MAX = 8 };

#define each_host(sight, host)                                                                                         \
    for (const struct patrol_host *host = (sight)->hosts; host < (sight)->hosts + (sight)->n_hosts; host++)

static double seconds(int64_t us)
{
    return (double)us / (double)US_PER_S;
}

/* ---- hosts reporting ---- */

static void find_not_reporting(const struct patrol_sight *sight, const struct patrol_host *host,
                               struct patrol_result *ret)
{
    char took[DURATION_TEXT];
    bool never = host->presence == PATROL_NEVER; /* of which no alert tells */
    struct patrol_finding *finding =
        finding_add(ret, never ? in_window(sight, SEVERITY_CRITICAL) : SEVERITY_WARNING, host->name);
    if (!finding)
        return;
    if (never) {
        finding_text(finding, "never reported");
        return;
    }
    int64_t silent_us = sight->now_us - host->last_tick_us;
    finding_text(finding, "silent: its last tick is %s old", duration_format_brief(took, silent_us));
    finding_number(finding, "silent_s", seconds(silent_us));
}

static void find_slow(const struct patrol_host *host, struct patrol_result *ret)
{
    char is[DURATION_TEXT], wanted[DURATION_TEXT];
    struct patrol_finding *finding = finding_add(ret, SEVERITY_WARNING, host->name);
    if (!finding)
        return;
    finding_text(finding, "samples each %s, asked for is each %s",
                 host->interval_us ? duration_format(is, host->interval_us) : "?",
                 duration_format(wanted, host->wanted_us));
    finding_number(finding, "interval_s", seconds(host->interval_us));
    finding_number(finding, "wanted_s", seconds(host->wanted_us));
}

void check_hosts(const struct patrol_sight *sight, struct patrol_result *ret)
{
    size_t reporting = 0;
    each_host(sight, host)
    {
        bool reports = host->presence == PATROL_REPORTING;
        reporting += reports;
        if (!reports)
            find_not_reporting(sight, host, ret);
        else if (host->wanted_us != 0 && host->interval_us != host->wanted_us)
            find_slow(host, ret);
    }
    if (sight->n_hosts == 0) {
        struct patrol_finding *finding = finding_add(ret, in_window(sight, SEVERITY_CRITICAL), "scope");
        if (finding)
            finding_text(finding, "no host is in scope: nothing is watched");
    }
    result_checked(ret, sight->n_hosts, "%zu of %zu hosts report", reporting, sight->n_hosts);
}

/* ---- coverage ---- */

static void find_gap(const struct patrol_host *host, struct patrol_result *ret)
{
    char longest[DURATION_TEXT];
    struct patrol_finding *finding =
        finding_add(ret, host->covered < COVERED_LEAST ? SEVERITY_WARNING : SEVERITY_INFO, host->name);
    if (!finding)
        return;
    finding_text(finding, "%.4g %% of the time since the last round has data; longest gap %s, %s", host->covered * 100,
                 duration_format_brief(longest, host->longest_us), host->cause ? host->cause : "cause not known");
    finding_number(finding, "share", host->covered);
    finding_number(finding, "longest_gap_s", seconds(host->longest_us));
}

void check_coverage(const struct patrol_sight *sight, struct patrol_result *ret)
{
    double sum = 0;
    size_t n = 0;
    each_host(sight, host)
    {
        if (isnan(host->covered) || host->presence == PATROL_NEVER)
            continue;
        n++;
        sum += host->covered;
        if (host->covered < COVERED_ALL)
            find_gap(host, ret);
    }
    char span[DURATION_TEXT];
    if (sight->no_coverage[0])
        result_not_checked(ret, "%s", sight->no_coverage);
    else if (n == 0)
        result_not_checked(ret, "no host has data to judge");
    else
        result_checked(ret, n, "%.4g %% of the %s since the last round, over %zu hosts; %zu not judged",
                       sum / (double)n * 100, duration_format_brief(span, sight->now_us - sight->since_us), n,
                       sight->n_hosts - n);
}

/* ---- clocks ---- */

static void find_skew(const struct patrol_host *host, struct patrol_result *ret)
{
    char off[DURATION_TEXT];
    struct patrol_finding *finding = finding_add(ret, SEVERITY_WARNING, host->name);
    if (!finding)
        return;
    int64_t off_us = host->ahead_us < 0 ? -host->ahead_us : host->ahead_us;
    finding_text(finding, "its wall clock is %s %s", duration_format_brief(off, off_us),
                 host->ahead_us < 0 ? "behind" : "ahead");
    finding_number(finding, "ahead_s", seconds(host->ahead_us));
}

void check_clocks(const struct patrol_sight *sight, struct patrol_result *ret)
{
    struct patrol_finding *finding;
    size_t n = 0;
    each_host(sight, host)
    {
        n += host->has_session;
        if (host->has_session && (host->ahead_us > sight->skew_us || host->ahead_us < -sight->skew_us))
            find_skew(host, ret);
        if (host->stepped && (finding = finding_add(ret, SEVERITY_WARNING, host->name)))
            finding_text(finding, "its clock jumped since the last round");
    }
    if (sight->own_step_us != 0 && (finding = finding_add(ret, SEVERITY_WARNING, "collector"))) {
        finding_text(finding, "the collector's own clock jumped by %.4g s since the last round",
                     seconds(sight->own_step_us));
        finding_number(finding, "step_s", seconds(sight->own_step_us));
    }
    result_checked(ret, n, "the collector's and those of %zu hosts; %zu without a session", n, sight->n_hosts - n);
}

/* ---- agents ---- */

struct versions {
    size_t n; /* different ones; those past the room are not told apart */
    struct {
        const char *text;
        size_t hosts;
    } at[VERSIONS_MAX];
};

static void count_version(struct versions *versions, const char *version)
{
    size_t i = 0;
    while (i < versions->n && strcmp(versions->at[i].text, version) != 0)
        i++;
    if (i == VERSIONS_MAX)
        i--;
    if (i == versions->n)
        versions->at[versions->n++].text = version;
    versions->at[i].hosts++;
}

static void find_versions(const struct versions *versions, struct patrol_result *ret)
{
    char list[PATROL_TEXT_MAX] = "";
    size_t used = 0;
    struct patrol_finding *finding = finding_add(ret, SEVERITY_INFO, "versions");
    if (!finding)
        return;
    for (size_t i = 0; i < versions->n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.31s on %zu", i ? ", " : "", versions->at[i].text,
                                 versions->at[i].hosts);
    finding_text(finding, "agents differ: %s", list);
    finding_number(finding, "versions", (double)versions->n);
}

static void find_ailing(const struct patrol_host *host, struct patrol_result *ret)
{
    char lost[DURATION_TEXT];
    struct patrol_finding *finding;
    if (host->cloned && (finding = finding_add(ret, SEVERITY_WARNING, host->name)))
        finding_text(finding, "two agents report by its one key: a machine was copied");
    if (host->too_many_alerts && (finding = finding_add(ret, SEVERITY_WARNING, host->name)))
        finding_text(finding, "more alerts than are watched of a host");
    if (host->dropped_us > 0 && (finding = finding_add(ret, SEVERITY_WARNING, host->name))) {
        finding_text(finding, "its agent gave up ticks of %s since the last round",
                     duration_format_brief(lost, host->dropped_us));
        finding_number(finding, "dropped_s", seconds(host->dropped_us));
    }
}

void check_agents(const struct patrol_sight *sight, struct patrol_result *ret)
{
    struct versions versions = { 0 };
    size_t n = 0;
    each_host(sight, host)
    {
        if (host->version[0]) {
            n++;
            count_version(&versions, host->version);
        }
        find_ailing(host, ret);
    }
    if (versions.n > 1)
        find_versions(&versions, ret);
    result_checked(ret, n, "%zu agents of %zu version%s; %zu not known", n, versions.n, versions.n == 1 ? "" : "s",
                   sight->n_hosts - n);
}

/* ---- spool ---- */

void check_spool(const struct patrol_sight *sight, struct patrol_result *ret)
{
    size_t n = 0;
    uint64_t most = 0;
    each_host(sight, host)
    {
        char behind[DURATION_TEXT];
        int64_t interval_us = host->interval_us ? host->interval_us : WATCH_INTERVAL_US;
        struct patrol_finding *finding;
        if (!host->has_session)
            continue;
        n++;
        most = host->backlog > most ? host->backlog : most;
        if ((double)host->backlog * (double)interval_us < (double)BACKLOG_TOLD_US ||
            !(finding = finding_add(ret, SEVERITY_WARNING, host->name)))
            continue;
        double behind_us = (double)host->backlog * (double)interval_us;
        finding_text(finding, "%" PRIu64 " ticks have not come yet, about %s", host->backlog,
                     duration_format_brief(behind, behind_us < 9e18 ? (int64_t)behind_us : INT64_MAX));
        finding_number(finding, "ticks", (double)host->backlog);
    }
    if (n == 0)
        result_not_checked(ret, "no agent has a session to say");
    else
        result_checked(ret, n,
                       "the present runs of %zu agents, %" PRIu64 " ticks behind at most; what earlier runs left is"
                       " not told by them",
                       n, most);
}
