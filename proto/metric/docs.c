#include "proto/metric/docs.h"

#include <string.h>

#include "proto/metric/metric.h"

/* The page's chapters, in the order of the catalogue: a row belongs to the first chapter whose prefix begins its key.
 */
static const struct chapter {
    const char *title;
    const char *prefixes[4];
    const char *text;
} chapters[] = {
    { "CPU, load and processes",
      { "system.cpu.", "system.process.", "system.thread.", "system.uptime" },
      "CPU time is counted in ticks of the kernel's clock, usually 1/100 s. The modes add up to 1. Time of guests is "
      "inside `user` and `nice` in the kernel's file; here it is taken out and has a mode of its own." },
    { "Open files", { "system.file_descriptor." }, NULL },
    { "Memory and swap", { "system.memory.", "system.paging." }, NULL },
    { "Pressure",
      { "system.pressure." },
      "Share of the time between two ticks, from the kernel's running totals; there are no such series on kernels "
      "without PSI." },
    { "Disks",
      { "system.disk." },
      "Whole disks, LVM and RAID volumes. Left out: partitions (they would count twice), `loop*`, `ram*`, `zram*`, "
      "`fd*`, `sr*`. The first 32 of a host are read." },
    { "Filesystems",
      { "system.filesystem." },
      "Local filesystems on disks: `bcachefs`, `btrfs`, `exfat`, `ext2`, `ext3`, `ext4`, `f2fs`, `jfs`, `nilfs2`, "
      "`ntfs3`, `reiserfs`, `vfat`, `xfs`, `zfs`. Each is read once, at the mount point nearest to its root, however "
      "often it is mounted. Network and FUSE filesystems (`nfs`, `cifs`, `ceph`, `9p`, `fuse.*` and the like) are not "
      "asked at all: asking a server that is gone hangs. The first 20 of a host are read." },
    { "Network",
      { "system.network.io.", "system.network.packet.", "system.network.error." },
      "Left out: `lo`, whose bytes never leave the host, and what only carries bytes on that another interface counts "
      "too: `veth*`, `cali*`, `lxc*`, `vnet*`, `ifb*`, `dummy*`. The first 32 of a host are read. The interfaces are "
      "those of the network namespace the agent runs in." },
    { "Connections and sockets",
      { "system.network." },
      "IPv4 and IPv6 together, but for `time_wait` and `orphan`: "
      "the kernel counts those for both families in one place." },
    { "Probes", { "probe." }, NULL },
    { "The agent itself", { "warroom." }, NULL },
};
enum { CHAPTERS = sizeof chapters / sizeof chapters[0] };

static const struct chapter *chapter_of(const struct metric *metric)
{
    for (size_t i = 0; i < CHAPTERS; i++)
        for (size_t j = 0; j < 4 && chapters[i].prefixes[j]; j++)
            if (strncmp(metric->key, chapters[i].prefixes[j], strlen(chapters[i].prefixes[j])) == 0)
                return &chapters[i];
    return NULL;
}

static void write_resolution(FILE *out, int exponent)
{
    if (exponent >= 0) {
        fprintf(out, "1%.*s", exponent, "000000000000");
        return;
    }
    fprintf(out, "0.%.*s1", -exponent - 1, "000000000000");
}

static void write_row(FILE *out, const struct metric *metric)
{
    fprintf(out, "| `%s` | `%s` | ", metric->key, metric->unit);
    write_resolution(out, metric->exponent);
    if (metric->instance_label)
        fprintf(out, " | `%s`", metric->instance_label);
    else
        fputs(" |", out);
    fprintf(out, " | %s | %s |\n", metric->description, metric->source);
}

static void write_chapter(FILE *out, const struct chapter *chapter)
{
    fprintf(out, "\n## %s\n\n", chapter->title);
    if (chapter->text)
        fprintf(out, "%s\n\n", chapter->text);
    fputs("| metric | unit | resolution | one for each | what it is | source |\n|---|---|---|---|---|---|\n", out);
    for (int i = 0; i < METRIC_COUNT; i++)
        if (chapter_of(metric_get((enum metric_id)i)) == chapter)
            write_row(out, metric_get((enum metric_id)i));
}

void metric_docs_write(FILE *out)
{
    fputs("# Metrics\n\n"
          "<!-- Printed by the build target metric_docs from proto/metric/catalogue.h: change it there. -->\n\n"
          "Every quantity the agent can report. Names follow the OpenTelemetry semantic conventions where these have "
          "one. Rates are per second, derived in the agent from two readings of a kernel counter; the first tick after "
          "a start has none. A counter that went backwards gives no value for that tick, never a negative one. Ratios "
          "and utilisations run from 0 to 1. A series whose file is missing or unreadable is not reported, the others "
          "are.\n",
          out);
    for (size_t i = 0; i < CHAPTERS; i++)
        write_chapter(out, &chapters[i]);
}
