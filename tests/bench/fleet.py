"""What a fleet costs at one batch a second each, as it grows; and how it comes back after the collector was gone for a minute."""
import argparse
import contextlib
import json
import signal
import sqlite3
import subprocess
import time

from bench import BenchWorld, cpu_s, emit, memory_kib, peak_rss_kib, run, say
from world import BIN, SHIPPED_RULES, Failed, wait_for


class Swarm:
    """warroom-swarm, beside this program: each phase it has measured is one line."""

    def __init__(self, world, load):
        self.process = subprocess.Popen(
            [BIN.parent / "tests/warroom-swarm", "--connect", f"127.0.0.1:{world.port}", "--control",
             world.folder / "control.sock", "--pid", str(world.pid("collector")), "--returns",
             *(text for key, value in load.items() for text in (f"--{key}", str(value)))],
            stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the swarm did not measure; see above")
        return json.loads(line)


def missing_ticks(path, ticks):
    """How many of the ticks that fell due the file does not hold exactly once, by interval and by row."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.execute("BEGIN")
        runs, broken, held = db.execute(
            "SELECT count(*), sum(pieces > 1 OR first > 1), sum(held) FROM"
            " (SELECT count(*) AS pieces, min(first) AS first, sum(last - first + 1) AS held FROM interval GROUP BY run)").fetchone()
        rows = db.execute("SELECT (SELECT coalesce(sum(n), 0) FROM batch) + (SELECT coalesce(sum(n), 0) FROM block)").fetchone()[0]
    return {"missing_ticks": ticks - held, "ticks_in_rows_less_in_intervals": rows - held, "runs": runs, "runs_with_gaps": broken}


def measure(agents, options):
    load = {"connections": agents, "rate": agents, "columns": options.columns, "warm": options.warm,
            "seconds": options.seconds, "backlog-ms": options.backlog_ms}
    with BenchWorld() as world:
        world.configure(rules=SHIPPED_RULES, webhooks=[])
        world.start_collector()
        idle = memory_kib(world.pid("collector"))
        with Swarm(world, load) as swarm:
            steady = swarm.result()
            memory = memory_kib(world.pid("collector"))
            commits = world.must("status")["store"]["commit_ms"]
            say(f"{agents} agents are steady; the collector is killed, and comes back after {options.outage} s")
            world.kill("collector", signal.SIGKILL)
            time.sleep(options.outage)
            world.start_collector()
            began = time.monotonic()
            back = swarm.result()
            seconds = time.monotonic() - began
            back["collector_cpu_s"] = round(cpu_s(world.pid("collector")), 3)
            back["collector_cpu_share_of_a_core"] = round(back["collector_cpu_s"] / seconds, 3)
            back["collector_peak_rss_kib"] = peak_rss_kib(world.pid("collector"))
            back["commit_ms"] = world.must("status")["store"]["commit_ms"]
        if world.kill("collector", signal.SIGTERM) != 0:
            raise Failed("the collector did not end well")
        back.update(missing_ticks(world.folder / "state/tenant-1.db", back["ticks"]))
    for key in ("connections", "tenants", "columns"):
        del steady[key]
    figures = {"agents": agents, "idle_pss_kib": idle["pss_kib"], "steady": {**steady, **memory, "commit_ms": commits},
               "pss_kib_per_agent": round((memory["pss_kib"] - idle["pss_kib"]) / agents, 2),
               "return": {**back, "outage_s": options.outage}}
    emit("fleet", figures, {**load, "tenants": 1, "ticks_per_batch": 1, "rules": "share/rules/*.yaml",
                            "outage": "SIGKILL, then started anew", "durable": "SQLite WAL, synchronous=FULL"})
    say(f"{agents} agents: {100 * steady['collector_cpu_share_of_a_core']:.1f} % of a core, PSS {memory['pss_kib'] / 1024:.1f} MiB, commit p99 "
        f"{commits['p99']:.1f} ms, ack p50 {steady['ack_ms']['p50']:.1f} p99 {steady['ack_ms']['p99']:.1f} ms; return: all back after "
        f"{back['all_present_s']:.1f} s, all stored after {back['all_stored_s']:.1f} s, live ack p99 {back['live_ack_ms']['p99']:.1f} ms, "
        f"peak {back['collector_peak_rss_kib'] / 1024:.0f} MiB, {back['missing_ticks']} ticks missing")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--warm", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--outage", type=int, default=60)
    parser.add_argument("--backlog-ms", type=int, default=1000, help="from one message of backlog of an agent to the next")
    options = parser.parse_args()
    for agents in options.agents:
        measure(agents, options)


if __name__ == "__main__":
    run(main)
