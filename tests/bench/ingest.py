"""What the collector takes for many agents: one tick a batch, each answered when it is on disk, judged by the shipped rules."""
import argparse
import json
import subprocess

from bench import BenchWorld, emit, run, say
from world import BIN, SHIPPED_RULES, Failed

ENROL_AND_JOIN_S = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--tenants", type=int, default=1)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rate", type=int, default=10000, help="batches a second, all together")
    parser.add_argument("--warm", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with BenchWorld() as world:
        world.configure(rules=SHIPPED_RULES, webhooks=[])
        world.start_collector()
        load = vars(options)
        swarm = subprocess.run(
            [BIN.parent / "tests/warroom-swarm", "--connect", f"127.0.0.1:{world.port}", "--control",
             world.folder / "control.sock", "--pid", str(world.pid("collector")),
             *(text for key, value in load.items() for text in (f"--{key}", str(value)))],
            stdout=subprocess.PIPE, text=True, check=False, timeout=ENROL_AND_JOIN_S + options.warm + options.seconds)
        if swarm.returncode != 0:
            raise Failed("the swarm did not measure; see above")
        status = world.must("status")

    figures = json.loads(swarm.stdout)
    for key in ("connections", "tenants", "columns"):
        del figures[key]  # stand in the settings
    figures["alerts_firing"] = status["alerts"]["firing"]
    figures["store_bytes_per_sample"] = round(status["store"]["bytes"] / status["store"]["samples"], 3)
    figures["targets"] = {"cpu_s_per_million_samples": 0.5}
    emit("ingest", figures, {**load, "ticks_per_batch": 1, "in_flight_per_connection": 1,
                             "rules": "share/rules/*.yaml", "durable": "SQLite WAL, synchronous=FULL"})
    kept = "kept up" if figures["kept_up"] else "DID NOT KEEP UP"
    say(f"{figures['cpu_s_per_million_samples']:.3f} CPU s per million samples; offered {figures['offered_batches_per_s']:.0f}/s, "
        f"served {figures['served_batches_per_s']:.0f}/s ({kept}); ack p50 {figures['ack_ms']['p50']:.1f} ms, "
        f"p99 {figures['ack_ms']['p99']:.1f} ms")


if __name__ == "__main__":
    run(main)
