"""What the secure channel costs the collector: handshakes as code and with their transport, sealing beside what a batch
costs anyway, and the memory of agents that are there and silent."""
import argparse
import json
import resource
import signal
import subprocess
import time

from bench import BenchWorld, cpu_s, emit, memory_kib, run, say
from world import BIN, SHIPPED_RULES, Failed, wait_for

TOOLS = BIN.parent / "tests"
INGEST = {"connections": 1000, "rate": 10000, "columns": 100, "warm": 3}


class Logins:
    """warroom-logins, beside this program: each phase it has measured is one line."""

    def __init__(self, world, options):
        self.process = subprocess.Popen(
            [TOOLS / "warroom-logins", "--connect", f"127.0.0.1:{world.port}", "--control", world.folder / "control.sock", "--pid",
             str(world.pid("collector")), "--agents", str(options.agents), "--columns", str(options.columns), "--seconds",
             str(options.seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the logins were not measured; see above")
        return json.loads(line)


def raise_descriptors():
    """For the collector, too: it inherits ours."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def as_code():
    done = subprocess.run([TOOLS / "warroom-seal"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed("the channel was not measured; see above")
    return json.loads(done.stdout)


def begin(world):
    world.configure(rules=SHIPPED_RULES, webhooks=[])
    world.start_collector()


def cost_of_a_batch(options):
    """Processor time of the collector for each batch of `ingest`'s load, sealed as all are, in µs."""
    load = {**INGEST, "seconds": options.seconds}
    with BenchWorld() as world:
        begin(world)
        swarm = subprocess.run(
            [TOOLS / "warroom-swarm", "--connect", f"127.0.0.1:{world.port}", "--control", world.folder / "control.sock", "--pid",
             str(world.pid("collector")), *(text for key, value in load.items() for text in (f"--{key}", str(value)))],
            stdout=subprocess.PIPE, text=True, check=False)
    if swarm.returncode != 0:
        raise Failed("the swarm did not measure; see above")
    figures = json.loads(swarm.stdout)
    return figures["collector_cpu_s"] / figures["stored"] * 1e6


def connections(world):
    return (world.ask("status") or {"uplink": {"connections": -1}})["uplink"]["connections"]


def come_and_stay(options):
    """Logins and sessions, and what agents that stay take of a collector that has just begun and knows them all."""
    with BenchWorld() as world:
        begin(world)
        new = memory_kib(world.pid("collector"))
        with Logins(world, options) as logins:
            say(f"{options.agents} agents join, and come and go for {options.seconds} s with and without a report")
            phases = {figures.pop("what"): figures for figures in (logins.result() for _ in range(3))}
            if world.kill("collector", signal.SIGTERM) != 0:
                raise Failed("the collector did not end well")
            world.start_collector()
            wait_for("the collector has nothing to do", lambda: is_idle(world))
            empty = memory_kib(world.pid("collector"))
            logins.go_on()
            logins.result()
            wait_for("all are there", lambda: connections(world) == options.agents)
            wait_for("the collector has nothing to do", lambda: is_idle(world))
            full = memory_kib(world.pid("collector"))
            phases["memory"] = {"pss_kib_new": new["pss_kib"], "pss_kib_away": empty["pss_kib"], "pss_kib_there": full["pss_kib"]}
    return phases


def is_idle(world):
    """It took less than a hundredth of a core in the last while."""
    before = cpu_s(world.pid("collector"))
    time.sleep(1)
    return cpu_s(world.pid("collector")) - before < 0.01


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10000)
    parser.add_argument("--columns", type=int, default=1, help="series of the one report that each agent sends")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    raise_descriptors()
    code = as_code()
    batch_us = cost_of_a_batch(options)
    phases = come_and_stay(options)
    collectors_us = code["report_open_us"] + code["answer_seal_us"]
    plain_us = batch_us - collectors_us
    memory = phases.pop("memory")
    figures = {
        "handshakes_per_cpu_s_as_code": round(1e6 / code["handshake_us"]),
        "logins_per_cpu_s": phases["logins"]["per_cpu_s"],
        "sessions_per_cpu_s": phases["sessions"]["per_cpu_s"],
        "joined_per_cpu_s": phases["joined"]["per_cpu_s"],
        "batch_us": round(batch_us, 2),
        "sealed_by_plain": round((code["report_seal_us"] + code["report_open_us"]) / plain_us, 4),
        "collectors_part_by_plain": round(collectors_us / plain_us, 4),
        "kib_per_agent": round((memory["pss_kib_there"] - memory["pss_kib_away"]) / options.agents, 2),
        "kib_per_agent_and_its_host": round((memory["pss_kib_there"] - memory["pss_kib_new"]) / options.agents, 2),
        **memory,
        "code": code,
        **phases,
        "targets": {"logins_per_cpu_s": 4500, "sealed_by_plain": 0.10, "kib_per_agent": 3},
    }
    emit("link", figures, {"agents": options.agents, "seconds": options.seconds, "columns_of_the_report": options.columns,
                           "coming_at_once": 64, "batches": {**INGEST, "ticks_per_batch": 1}})
    say(f"{figures['logins_per_cpu_s']:.0f} logins a CPU second ({figures['handshakes_per_cpu_s_as_code']} as code); sealing and opening "
        f"{100 * figures['sealed_by_plain']:.1f} % of a batch's {plain_us:.1f} µs; {figures['kib_per_agent']} KiB an agent")


if __name__ == "__main__":
    run(main)
