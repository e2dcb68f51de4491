#include "agent/read/memory.h"

#include <errno.h>
#include <string.h>

struct field {
    const char *key;
    size_t at;
    bool optional;
};

enum { MEM_AVAILABLE = 0 }; /* its row below */

static const struct field mem_fields[] = {
    [MEM_AVAILABLE] = { "MemAvailable", offsetof(struct meminfo, available), true }, /* Linux 3.14 */
    { "MemTotal", offsetof(struct meminfo, total), false },
    { "MemFree", offsetof(struct meminfo, free), false },
    { "Buffers", offsetof(struct meminfo, buffers), false },
    { "Cached", offsetof(struct meminfo, cached), false },
    { "Shmem", offsetof(struct meminfo, shared), true }, /* Linux 2.6.32 */
    { "Dirty", offsetof(struct meminfo, dirty), true },  /* lxcfs and others who rewrite the file leave out the rest */
    { "Writeback", offsetof(struct meminfo, writeback), true },
    { "AnonPages", offsetof(struct meminfo, anonymous), true },
    { "Committed_AS", offsetof(struct meminfo, committed), true },
    { "SReclaimable", offsetof(struct meminfo, reclaimable), true },
    { "SUnreclaim", offsetof(struct meminfo, unreclaimable), true },
    { "SwapTotal", offsetof(struct meminfo, swap_total), false },
    { "SwapFree", offsetof(struct meminfo, swap_free), false },
};
enum { MEM_FIELDS = sizeof mem_fields / sizeof mem_fields[0] };

enum { VM_OOM_KILL = 0 };

static const struct field vm_fields[] = {
    [VM_OOM_KILL] = { "oom_kill", offsetof(struct vmstat, oom_kills), true }, /* Linux 4.13 */
    { "pswpin", offsetof(struct vmstat, swap_in), true },                     /* kernels built without swap */
    { "pswpout", offsetof(struct vmstat, swap_out), true },
    { "pgfault", offsetof(struct vmstat, faults), false },
    { "pgmajfault", offsetof(struct vmstat, major_faults), false },
};
enum { VM_FIELDS = sizeof vm_fields / sizeof vm_fields[0] };

/* Index of the field called `key`, n when there is none. */
static size_t find(const struct field *fields, size_t n, struct scan_text key)
{
    size_t i = 0;
    while (i < n && !scan_text_is(key, fields[i].key))
        i++;
    return i;
}

static int check_seen(const struct field *fields, size_t n, unsigned seen, const char *file, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!fields[i].optional && !(seen & 1u << i))
            return err_set(err, -ENODATA, "%s: no field %s", file, fields[i].key);
    return 0;
}

struct mem_row {
    struct scan_text key;
    uint64_t value; /* bytes where the file says kB */
    bool bytes;
};

/* "MemTotal:       24684096 kB", "HugePages_Total:       0" */
static bool parse_mem_row(struct scan_text line, struct mem_row *ret)
{
    struct scan scan = scan_over(line.at, line.len);
    struct mem_row row;
    if (!scan_until(&scan, ':', &row.key))
        return false;
    scan_blanks(&scan);
    if (!scan_u64(&scan, &row.value))
        return false;
    scan_blanks(&scan);
    row.bytes = scan_literal(&scan, "kB");
    if (!scan_done(&scan) || (row.bytes && __builtin_mul_overflow(row.value, UINT64_C(1024), &row.value)))
        return false;
    *ret = row;
    return true;
}

/* What newer kernels work out with their watermarks; Shmem is inside Cached and can't be dropped. */
static void settle_available(struct meminfo *mem, bool given)
{
    if (!given) {
        uint64_t most = mem->total;
        uint64_t sum = 0;
        uint64_t parts[] = { mem->free, mem->cached, mem->reclaimable };
        for (int i = 0; i < 3; i++)
            if (__builtin_add_overflow(sum, parts[i], &sum))
                sum = most;
        mem->available = sum > mem->shared ? sum - mem->shared : 0;
        mem->estimated = true;
    }
    if (mem->available > mem->total) /* seen where containers rewrite one number and not the other */
        mem->available = mem->total;
}

int meminfo_parse(const char *text, size_t len, struct meminfo *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct meminfo mem = { .estimated = false };
    struct scan_text line;
    unsigned seen = 0;
    while (scan_line(&scan, &line)) {
        struct scan key_scan = scan_over(line.at, line.len);
        struct scan_text key;
        if (!scan_until(&key_scan, ':', &key))
            continue; /* Linux 2.4 had a table on top */
        size_t i = find(mem_fields, MEM_FIELDS, key);
        if (i == MEM_FIELDS)
            continue;
        struct mem_row row;
        if (!parse_mem_row(line, &row))
            return err_set(err, -EBADMSG, "meminfo: %s is not a size", mem_fields[i].key);
        *(uint64_t *)(void *)((char *)&mem + mem_fields[i].at) = row.value;
        seen |= 1u << i;
    }
    int rc = check_seen(mem_fields, MEM_FIELDS, seen, "meminfo", err);
    if (rc < 0)
        return rc;
    if (mem.total == 0)
        return err_set(err, -EBADMSG, "meminfo: MemTotal is 0");
    settle_available(&mem, seen & 1u << MEM_AVAILABLE);
    *ret = mem;
    return 0;
}

/* "pgfault 1808350" */
static bool parse_vm_row(struct scan *line, uint64_t *ret)
{
    scan_blanks(line);
    return scan_u64(line, ret) && scan_done(line);
}

int vmstat_parse(const char *text, size_t len, struct vmstat *ret, struct err *err)
{
    struct scan scan = scan_over(text, len);
    struct vmstat vm = { .has_oom_kills = false };
    struct scan_text text_line;
    unsigned seen = 0;
    while (scan_line(&scan, &text_line)) {
        /* Of some 190 lines five are wanted, all with a p or an o in front. */
        if (text_line.len == 0 || (text_line.at[0] != 'p' && text_line.at[0] != 'o'))
            continue;
        struct scan line = scan_over(text_line.at, text_line.len);
        struct scan_text key;
        if (!scan_word(&line, &key))
            continue;
        size_t i = find(vm_fields, VM_FIELDS, key);
        if (i == VM_FIELDS)
            continue;
        if (!parse_vm_row(&line, (uint64_t *)(void *)((char *)&vm + vm_fields[i].at)))
            return err_set(err, -EBADMSG, "vmstat: %s is not a number", vm_fields[i].key);
        seen |= 1u << i;
    }
    int rc = check_seen(vm_fields, VM_FIELDS, seen, "vmstat", err);
    if (rc < 0)
        return rc;
    vm.has_oom_kills = seen & 1u << VM_OOM_KILL;
    *ret = vm;
    return 0;
}

static bool read_vmstat(struct files *files, struct vmstat *ret)
{
    struct scan_text text;
    struct err err;
    return files_read(files, FILE_VMSTAT, &text) &&
           files_judge(files, FILE_VMSTAT, vmstat_parse(text.at, text.len, ret, &err), &err);
}

static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

/* Said once: it stays so until the kernel is replaced. */
static void note_estimate(struct memory_history *history, const struct take *take)
{
    if (!history->estimate_said)
        log_event(take->log, LOG_WARN, "reader_memory_estimated", KV_TEXT("file", "meminfo"));
    history->estimate_said = true;
}

static void take_meminfo(struct memory_history *history, const struct take *take)
{
    struct meminfo mem = { .total = 0 };
    struct scan_text text;
    struct err err;
    if (!files_read(take->files, FILE_MEMINFO, &text) ||
        !files_judge(take->files, FILE_MEMINFO, meminfo_parse(text.at, text.len, &mem, &err), &err))
        return;
    if (mem.estimated)
        note_estimate(history, take);
    uint64_t used = mem.total - mem.available;
    uint64_t swap_used = less(mem.swap_total, mem.swap_free);
    add(take, METRIC_MEMORY_UTILIZATION, (double)used / (double)mem.total);
    add(take, METRIC_MEMORY_LIMIT, (double)mem.total);
    add(take, METRIC_MEMORY_AVAILABLE, (double)mem.available);
    add(take, METRIC_MEMORY_USED, (double)used);
    add(take, METRIC_MEMORY_FREE, (double)mem.free);
    add(take, METRIC_MEMORY_CACHED, (double)mem.cached);
    add(take, METRIC_MEMORY_BUFFERS, (double)mem.buffers);
    add(take, METRIC_MEMORY_SHARED, (double)mem.shared);
    add(take, METRIC_MEMORY_RECLAIMABLE, (double)mem.reclaimable);
    add(take, METRIC_MEMORY_UNRECLAIMABLE, (double)mem.unreclaimable);
    add(take, METRIC_MEMORY_DIRTY, (double)mem.dirty);
    add(take, METRIC_MEMORY_WRITEBACK, (double)mem.writeback);
    add(take, METRIC_MEMORY_ANONYMOUS, (double)mem.anonymous);
    add(take, METRIC_MEMORY_COMMITTED, (double)mem.committed);
    add(take, METRIC_SWAP_LIMIT, (double)mem.swap_total);
    add(take, METRIC_SWAP_USED, (double)swap_used);
    if (mem.swap_total > 0)
        add(take, METRIC_SWAP_UTILIZATION, (double)swap_used / (double)mem.swap_total);
}

static void take_vmstat(struct memory_history *history, const struct take *take)
{
    bool known = history->known;
    const struct vmstat last = history->last;
    history->known = read_vmstat(take->files, &history->last);
    if (!history->known)
        return;
    const struct vmstat *now = &history->last;
    double per_s = known ? 1 / take->seconds : NAN;
    add(take, METRIC_SWAP_IN, counter_moved(now->swap_in, last.swap_in) * per_s);
    add(take, METRIC_SWAP_OUT, counter_moved(now->swap_out, last.swap_out) * per_s);
    add(take, METRIC_FAULTS_MAJOR, counter_moved(now->major_faults, last.major_faults) * per_s);
    add(take, METRIC_FAULTS_MINOR,
        counter_moved(less(now->faults, now->major_faults), less(last.faults, last.major_faults)) * per_s);
    if (now->has_oom_kills)
        add(take, METRIC_OOM_KILLS, counter_moved(now->oom_kills, last.oom_kills) * per_s);
}

void memory_take(void *state, const struct take *take)
{
    take_meminfo(state, take);
    take_vmstat(state, take);
}

/* node_exporter's spelling: "Active(anon)" is Active_anon, and what has a unit ends in _bytes. */
static void raw_meminfo(const struct raw *raw)
{
    struct scan_text text;
    if (!files_read(raw->files, FILE_MEMINFO, &text))
        return;
    struct scan scan = scan_over(text.at, text.len);
    struct scan_text line;
    struct mem_row row;
    while (scan_line(&scan, &line)) {
        char name[64];
        if (!parse_mem_row(line, &row) || row.key.len >= sizeof name)
            continue;
        size_t n = 0;
        for (size_t i = 0; i < row.key.len; i++)
            if (row.key.at[i] != ')')
                name[n++] = row.key.at[i] == '(' ? '_' : row.key.at[i];
        raw_emit(raw, (double)row.value, NULL, 0, "memory_%.*s%s", (int)n, name, row.bytes ? "_bytes" : "");
    }
}

/* node_exporter's choice: ^(oom_kill|pgpg|pswp|pg.*fault).* */
static bool is_raw_vmstat(struct scan_text key)
{
    struct scan scan = scan_over(key.at, key.len);
    return scan_literal(&scan, "oom_kill") || scan_literal(&scan, "pgpg") || scan_literal(&scan, "pswp") ||
           (scan_literal(&scan, "pg") && memmem(scan.at, (size_t)(scan.end - scan.at), "fault", 5));
}

static void raw_vmstat(const struct raw *raw)
{
    struct scan_text text;
    if (!files_read(raw->files, FILE_VMSTAT, &text))
        return;
    struct scan scan = scan_over(text.at, text.len);
    struct scan_text text_line;
    while (scan_line(&scan, &text_line)) {
        struct scan line = scan_over(text_line.at, text_line.len);
        struct scan_text key;
        uint64_t value;
        if (scan_word(&line, &key) && is_raw_vmstat(key) && parse_vm_row(&line, &value))
            raw_emit(raw, (double)value, NULL, 0, "vmstat_%.*s", (int)key.len, key.at);
    }
}

void memory_raw(void *state, const struct raw *raw)
{
    (void)state;
    raw_meminfo(raw);
    raw_vmstat(raw);
}
