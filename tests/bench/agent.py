"""What the agent takes: processor time, memory, bytes on the wire, reading this host each second in a live event."""
import argparse
import re
import subprocess
import time

from bench import BenchWorld, cpu_s, emit, memory_kib, run, say, threads
from world import Failed, wait_for

HEADERS = 20 + 32  # IPv4, and TCP with its timestamps: what a segment costs on a real network, also where loopback has none


class Wire:
    """The agent's one connection, as the kernel counts it."""

    def __init__(self, port):
        lines = subprocess.run(["ss", "-tinH", "state", "established", "dst", f"127.0.0.1:{port}"],
                               capture_output=True, text=True, check=True).stdout
        if lines.count("bytes_received:") != 1:
            raise Failed(f"want one connection to the collector, ss shows:\n{lines}")
        self.local = lines.split()[2]
        counts = {key: int(value) for key, value in re.findall(r"(\w+):(\d+)\b", lines)}
        self.payload = counts["bytes_sent"] + counts["bytes_received"]
        self.segments = counts["segs_out"] + counts["segs_in"]

    def ip_bytes_since(self, before):
        if self.local != before.local:
            raise Failed("the agent connected anew while it was measured")
        return self.payload - before.payload + (self.segments - before.segments) * HEADERS


class Reading:
    """All counters at one moment: half an interval after a tick was stored, when nothing is on its way."""

    def __init__(self, world):
        before = world.samples_stored()
        wait_for("a tick is stored", lambda: world.samples_stored() > before)
        time.sleep(0.4)
        self.store = world.must("status")["store"]
        self.wire = Wire(world.port)
        self.cpu_s = cpu_s(world.pid("agent"))
        self.at = time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm", type=int, default=10, help="seconds before measuring")
    options = parser.parse_args()
    with BenchWorld() as world:
        world.configure(webhooks=[])
        world.start_collector()
        line = world.event_without_agent()
        (world.folder / "agent.yaml").write_text(f"identity: {world.folder}/identity\nspool: {world.folder}/spool\n")
        world.join(line)
        world.start_agent()
        wait_for("the host reports each second", world.reports_each_second)
        say(f"warming up {options.warm} s, then measuring {options.seconds} s")
        time.sleep(options.warm)
        first = Reading(world)
        time.sleep(max(options.seconds - 1, 1))
        last = Reading(world)
        memory = memory_kib(world.pid("agent"))
        n_threads = threads(world.pid("agent"))

    seconds = last.at - first.at
    samples = last.store["samples"] - first.store["samples"]
    ticks = last.store["ticks"] - first.store["ticks"]
    wire_bytes = last.wire.ip_bytes_since(first.wire)
    figures = {
        "cpu_s_per_hour": round((last.cpu_s - first.cpu_s) / seconds * 3600, 2),
        "pss_mib": round(memory["pss_kib"] / 1024, 2),
        "wire_bytes_per_sample": round(wire_bytes / samples, 2),
        **memory,
        "threads": n_threads,
        "series": round(samples / ticks),
        "ticks": ticks,
        "samples": samples,
        "wire_bytes": wire_bytes,
        "segments": last.wire.segments - first.wire.segments,
        "targets": {"cpu_s_per_hour": 5, "pss_mib": 4, "wire_bytes_per_sample": 7, "series_at_least": 100},
    }
    emit("agent", figures, {
        "interval_s": 1,
        "seconds": round(seconds, 2),
        "warm_s": options.warm,
        "probes": 0,
        "ticks_per_batch": 1,
        "wire_formula": f"(bytes_sent + bytes_received + {HEADERS} x (segs_out + segs_in)) / samples stored; "
                        "ss -ti of the agent's connection, both ways; 20 of IPv4 and 32 of TCP a segment",
    })
    say(f"{figures['series']} series each second: {figures['cpu_s_per_hour']} CPU s an hour, {figures['pss_mib']} MiB PSS, "
        f"{figures['wire_bytes_per_sample']} bytes on the wire a sample")


if __name__ == "__main__":
    run(main)
