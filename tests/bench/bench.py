"""What the benchmarks share: the small world of the program tests, and how to ask the kernel about a process."""
import json
import os
import pathlib
import platform
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))
import world  # noqa: E402  (its folder had to be named first)

def run(main):
    """main(), such that whatever ends it stops what it started, and a failure is one line behind the logs."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        main()
    except world.Failed as failed:
        say(failed)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def emit(benchmark, figures, settings):
    """The one line on stdout."""
    machine = {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "load_average_1m": os.getloadavg()[0],  # of everything on the host, this benchmark too
    }
    print(json.dumps({"benchmark": benchmark, **figures, "settings": settings, "machine": machine}), flush=True)


def cpu_s(pid):
    """Processor time of all threads of a process, gone ones too, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) makes: 2 is CPUCLOCK_SCHED


def memory_kib(pid):
    """RSS, PSS and what is the process's own, in KiB."""
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            key, _, rest = line.partition(":")
            if rest.rstrip().endswith("kB"):
                fields[key] = int(rest.split()[0])
    return {"rss_kib": fields["Rss"], "pss_kib": fields["Pss"], "private_dirty_kib": fields["Private_Dirty"]}


def peak_rss_kib(pid):
    """The most it ever had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


# All hosts of a benchmark share an address, and some do nothing but come, or say in a minute what takes a host a day.
NO_LIMITS = """limit_connections: 40000
limit_strangers: 39999
limit_strangers_of_address: 39999
limit_handshakes: 1000000
limit_handshakes_of_address: 1000000
limit_messages: 1000000
limit_bytes: 1099511627776
"""


class BenchWorld(world.World):
    """A world whose collector logs no more than it does in service, and lets one address do what thousands do."""

    def configure(self, *args, **kwargs):
        super().configure(*args, **kwargs)
        path = self.folder / "collector.yaml"
        path.write_text(path.read_text().replace("log_level: debug\n", f"log_level: info\n{NO_LIMITS}"))

    def pid(self, name):
        return self.running[name].pid

    def event_without_agent(self):
        """A tenant, a host and a live event over it. Returns the host's invitation."""
        self.must("tenant", "add", "acme")
        line = self.invite("web-1", "--tenant", "acme")
        self.start_event()
        return line
