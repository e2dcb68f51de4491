"""What history takes: bytes and processor time a sample, beside VictoriaMetrics on the same samples; and how fast it is read."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import time

import dataset
import tenantfile
import victoria
from bench import BenchWorld, cpu_s, emit, peak_rss_kib, run, say
from world import BIN, SHIPPED_RULES, Failed, wait_for

PACK_DEADLINE_S = 300
SEALED_TICKS = 540  # of a host: nine full messages, fewer than what is rewritten
SEALED_SAMPLES = 3_000_000
KEPT_SAMPLES, KEPT_HOSTS = 20_000_000, 20
DAY_TICKS = 86_400
DAY_SERIES = 100  # at least
ASKED_SERIES = 20
SPREAD_DAYS, SPREAD_HOSTS, SPREAD_SERIES = 30, 100, 40


class StoreWorld(BenchWorld):
    """A collector whose hosts say again what was recorded."""

    def __enter__(self):
        self.configure(rules=SHIPPED_RULES, webhooks=[])
        self.start_collector()
        self.tenants = {}
        self.host_of = {}  # tenant: its first host's id
        return self

    def tenant(self, name):
        self.tenants[name] = self.must("tenant", "add", name)["tenant"]["id"]

    def file(self, tenant):
        return self.folder / f"state/tenant-{self.tenants[tenant]}.db"

    def hosts(self, tenant, count):
        """Their invitations."""
        rows = [self.must("host", "enroll", f"{tenant}-{i}", "--tenant", tenant) for i in range(count)]
        self.host_of[tenant] = rows[0]["host"]["id"]
        return [row["invitation"]["code"] for row in rows]

    def feed(self, recording, hosts, begin_us, **options):
        done = subprocess.run(
            [BIN.parent / "tests/warroom-feed", "--connect", f"127.0.0.1:{self.port}", "--recording", recording,
             "--begin-us", str(begin_us), *(text for key, value in options.items() for text in (f"--{key.replace('_', '-')}", str(value)))],
            input="".join(line + "\n" for line in hosts), stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Failed("the feed came to an end; see above")
        return json.loads(done.stdout)

    def cpu_s(self):
        return cpu_s(self.pid("collector"))

    def idle_share(self, seconds=3):
        """Of a core, with nothing to do."""
        before = self.cpu_s()
        time.sleep(seconds)
        return (self.cpu_s() - before) / seconds


def is_settled(path):
    inbox, sealed, rewritten, _, parts = tenantfile.ticks_by_level(path)
    return inbox == 0 and sealed == 0 and rewritten == 0 and parts == 0


# ---- bytes: all of a set, as old as it takes to be rewritten for the last time

def hosts_of(data):
    """How many say the same, so that a file is not all schema."""
    return max(1, min(KEPT_HOSTS, KEPT_SAMPLES // data.samples))


def keep_for_good(world, sets, now_us):
    """Every set in a tenant of its own, until nothing more will be rewritten. Returns CPU ns a sample."""
    began = world.cpu_s()
    samples = 0
    for name, (data, recording) in sets.items():
        world.tenant(name)
        fed = world.feed(recording, world.hosts(name, hosts_of(data)), data.at_us[0] + data.shift_us(now_us))
        samples += fed["samples"]
        say(f"{name}: {fed['samples']} samples stored in {fed['seconds']:.1f} s, {fed['batch_bytes'] / fed['samples']:.2f} bytes each on their way")
    for name in sets:
        wait_for(f"{name} is rewritten for good", lambda name=name: is_settled(world.file(name)), PACK_DEADLINE_S)
    return round((world.cpu_s() - began) * 1e9 / samples)


def report_set(world, data, theirs, sealed):
    path = world.file(data.name)
    parts = tenantfile.bytes_by_part(path, world.folder / "copy.db")
    (world.folder / "copy.db").unlink()
    ours = {part: round(size / data.samples / hosts_of(data), 4) for part, size in parts.items()}
    wrong = tenantfile.differing(path, data, hosts_of(data))
    ratio = ours["blocks"] / theirs["bytes_per_sample"]
    figures = {
        "set": data.name, "samples": data.samples, "series": len(data.columns), "rows": data.rows, "spacing_s": data.spacing_s,
        "hosts": hosts_of(data),
        "bytes_per_sample": ours, "differing": wrong, "victoria_metrics": theirs, "ratio": round(ratio, 3),
        "ratio_of_file": round(ours["file"] / theirs["bytes_per_sample"], 3), **sealed,
        "targets": {"ratio": 1.0 if data.by_minute else 0.9, "differing": 0, "sealed_cpu_ns_per_sample": 80},
    }
    emit("store", figures, {"ours": "pages of the tenant's file by what they hold, after VACUUM; ratio: its blocks",
                            "victoria_metrics": "data files after force_merge, index apart; remote write of 60 samples a series"})
    say(f"{data.name}: blocks {ours['blocks']} bytes a sample (rollups {round(ours['minutes'] + ours['sketches'], 4)}, file {ours['file']}), "
        f"VictoriaMetrics {theirs['bytes_per_sample']}: {ratio:.3f} of it; {wrong} differ, theirs {theirs['differing']}; "
        f"sealed {sealed.get('sealed_cpu_ns_per_sample')} ns")


# ---- processor time: from the socket into a sealed block

def seal_full_messages(world, data, recording):
    """Hosts that report the last nine minutes in messages of sixty ticks, until all of it is in sealed blocks."""
    name = f"full-{data.name}"
    count = max(4, min(100, SEALED_SAMPLES // (SEALED_TICKS * len(data.columns))))
    world.tenant(name)
    hosts = world.hosts(name, count)
    idle = world.idle_share()
    began, began_s = world.cpu_s(), time.monotonic()
    fed = world.feed(recording, hosts, time.time_ns() // 1000 - (SEALED_TICKS + 5) * 1_000_000, spacing_us=1_000_000,
                     ticks=SEALED_TICKS, batch_ticks=60)
    stored = world.cpu_s()

    def sealed():
        inbox, level_0, level_1, _, _ = tenantfile.ticks_by_level(world.file(name))
        if level_1 > 0:
            raise Failed("ticks were rewritten while sealing was measured")
        return inbox == 0 and level_0 == fed["ticks"]
    wait_for(f"{name} is sealed", sealed, PACK_DEADLINE_S)
    idle_s = idle * (time.monotonic() - began_s)
    return {"stored_cpu_ns_per_sample": round((stored - began) * 1e9 / fed["samples"], 1),
            "sealed_cpu_ns_per_sample": round((world.cpu_s() - began - idle_s) * 1e9 / fed["samples"], 1),
            "sealed": {"hosts": count, "samples": fed["samples"], "ticks_per_batch": 60, "spacing_s": 1,
                       "idle_share_of_a_core": round(idle, 4)}}


def thread_cpu_s(pid):
    """Of the threads there are, by name."""
    spent = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return spent


def written_bytes(pid):
    """By write calls, whether or not they have reached the disk."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("wchar:"))


def seal_live(options):
    """10,000 batches/s of one tick of 100 from 1,000 connections, until all full minutes of it are in sealed blocks."""
    load = {"connections": 1000, "rate": 10000, "columns": 100, "warm": 3, "seconds": options.live_seconds}
    with BenchWorld() as world:
        world.configure(rules=SHIPPED_RULES, webhooks=[])
        world.start_collector()
        path = world.folder / "state/tenant-1.db"
        swarm = subprocess.run(
            [BIN.parent / "tests/warroom-swarm", "--connect", f"127.0.0.1:{world.port}", "--control", world.folder / "control.sock",
             "--pid", str(world.pid("collector")), *(text for key, value in load.items() for text in (f"--{key}", str(value)))],
            stdout=subprocess.PIPE, text=True, check=False)
        if swarm.returncode != 0:
            raise Failed("the swarm did not measure; see above")
        figures = json.loads(swarm.stdout)
        ended, ended_s = cpu_s(world.pid("collector")), time.monotonic()
        wait_for("what is full is sealed", lambda: tenantfile.full_runs_in_inbox(path) == 0, PACK_DEADLINE_S)
        after = cpu_s(world.pid("collector")) - ended
        waited_s = time.monotonic() - ended_s
        inbox, sealed, rewritten, for_good, _ = tenantfile.ticks_by_level(path)
        threads = thread_cpu_s(world.pid("collector"))
        written = written_bytes(world.pid("collector"))
        peak = peak_rss_kib(world.pid("collector"))
        status = world.must("status")
    batches = figures["stored"]
    ns = round((figures["collector_cpu_s"] + after) * 1e9 / figures["samples"], 1)
    emit("store-live", {
        "sealed_cpu_ns_per_sample": ns, "stored_cpu_ns_per_sample": round(figures["collector_cpu_s"] * 1e9 / figures["samples"], 1),
        "served_batches_per_s": figures["served_batches_per_s"], "kept_up": figures["kept_up"], "ack_ms": figures["ack_ms"],
        "commit_ms": status["store"]["commit_ms"], "batches": batches, "ticks_sealed": sealed + rewritten + for_good,
        "ticks_rewritten": rewritten + for_good, "ticks_left_in_inbox": inbox, "seconds_until_sealed": round(waited_s, 1),
        "peak_rss_kib": peak, "written_bytes_per_sample": round(written / (figures["columns"] * (inbox + sealed + rewritten + for_good)), 1),
        "cpu_s_by_thread": {name: round(seconds, 3) for name, seconds in sorted(threads.items())},
        "targets": {"sealed_cpu_ns_per_sample": 300}}, {**load, "ticks_per_batch": 1, "rules": "share/rules/*.yaml"})
    say(f"live, {figures['served_batches_per_s']:.0f} batches/s: {ns} ns a sample from the socket into a sealed block")


# ---- reads: the collector has ended, the store is asked directly

def ask(world, tenant, from_us, to_us, what, *names):
    done = subprocess.run([BIN.parent / "tests/warroom-ask", world.folder / "state", str(world.tenants[tenant]), str(from_us), str(to_us),
                           what, *names], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed("the store was not asked; see above")
    return json.loads(done.stdout)


def store_a_day(world, sets, now_us):
    """A whole day of a set of 1 s with enough series, told again and again. None: there is none."""
    wide = [both for both in sets.values() if not both[0].by_minute and len(both[0].columns) >= DAY_SERIES]
    if not wide:
        return None
    data, recording = min(wide, key=lambda both: len(both[0].columns))
    world.tenant("day")
    day_us = ((now_us - 3 * 3_600_000_000) // dataset.DAY_US - 1) * dataset.DAY_US
    world.feed(recording, world.hosts("day", 1), day_us, ticks=DAY_TICKS, spacing_us=1_000_000)
    wait_for("the day is rewritten for good", lambda: is_settled(world.file("day")), PACK_DEADLINE_S)
    return data, day_us


def report_day(world, data, day_us):
    step = max(1, len(data.columns) // ASKED_SERIES)
    seen = ask(world, "day", day_us, day_us + dataset.DAY_US, "series", world.host_of["day"],
               *[data.series_name(i) for i in range(0, len(data.columns), step)])
    emit("store-day", {"set": data.name, "series": len(data.columns), "ticks": DAY_TICKS, **seen, "targets": {"median_ms": 5}},
         {"rows": "points of the answer", "values": "samples behind them", "blocks": "for good", "pages": "warm"})
    say(f"one series of one host over a day: median {seen['median_ms']:.2f} ms, max {seen['max_ms']:.2f} ms of {seen['asked']}")


def report_spread(world, sets, now_us):
    """A hundred hosts that all had the month of one recorded by the minute."""
    month = [data for data, _ in sets.values() if data.by_minute and data.at_us[-1] - data.at_us[0] >= SPREAD_DAYS * dataset.DAY_US]
    if not month:
        say(f"no set of {SPREAD_DAYS} days: quantiles from sketches are not measured")
        return
    data = min(month, key=lambda data: abs(len(data.columns) - SPREAD_SERIES))
    like = world.host_of[data.name]
    others = [f"{0x1000 + i:016x}" for i in range(1, SPREAD_HOSTS)]
    tenantfile.copy_sketches(world.file(data.name), int(like, 16), [int(other, 16) for other in others])
    until_us = (data.at_us[-1] + data.shift_us(now_us)) // dataset.DAY_US * dataset.DAY_US
    seen = ask(world, data.name, until_us - SPREAD_DAYS * dataset.DAY_US, until_us, "spread", like, *others)
    emit("store-spread", {"set": data.name, "hosts": SPREAD_HOSTS, "series": len(data.columns), "days": SPREAD_DAYS, **seen,
                          "targets": {"median_ms": 100}},
         {"rows": "series of hosts", "values": "samples the sketches stand for", "sketches": "one host's, under every host", "pages": "warm"})
    say(f"p95 of {seen['rows']} series over {SPREAD_DAYS} days: median {seen['median_ms']:.1f} ms, max {seen['max_ms']:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live-seconds", type=int, default=30)
    options = parser.parse_args()
    folder = os.environ.get("WARROOM_DATA")
    if not folder:
        say("WARROOM_DATA names no directory of recordings: bytes a sample are not measured, nor what reads cost")
    else:
        measure_sets(folder)
    seal_live(options)


def measure_sets(folder):
    found = dataset.find(folder)
    if not found:
        raise Failed(f"{folder} has no recordings: CSV files whose first column is one of {', '.join(dataset.US_OF)}")
    with StoreWorld() as world:
        sets = {}
        for data in found:
            sets[data.name] = (data, world.folder / f"{data.name}.recording")
            data.write(sets[data.name][1])
        sealed = {name: seal_full_messages(world, *both) for name, both in sets.items()}
        now_us = time.time_ns() // 1000
        for_good_ns = keep_for_good(world, sets, now_us)
        say(f"all of it into blocks for good: {for_good_ns} ns a sample")
        day = store_a_day(world, sets, now_us)
        if world.kill("collector", signal.SIGTERM) != 0:
            raise Failed("the collector did not end well")
        for name, (data, _) in sets.items():
            theirs = victoria.measure(data, data.shift_us(now_us), world.folder / f"vm-{name}")
            report_set(world, data, theirs, {**sealed[name], "for_good_cpu_ns_per_sample_of_all_sets": for_good_ns})
        if day:
            report_day(world, *day)
        report_spread(world, sets, now_us)


if __name__ == "__main__":
    run(main)
