"""A small world for whole-program tests: the real programs on loopback, a fake /proc that a test can turn, a real receiver.

A test reads as what a person would see; waiting is always for a condition, with a deadline that only a failure reaches.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from ports import own_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell, and its children, would ignore it
BIN = pathlib.Path(os.environ.get("WARROOM_BIN", ROOT / "build/release/bin"))
SHIPPED_RULES = [ROOT / "share/rules" / f"{pack}.yaml" for pack in ("normal", "assurance")]
DEADLINE_S = float(os.environ.get("WARROOM_DEADLINE_S", "60"))

MEMORY_RULE = """
rules:
  - name: memory-full
    metric: system.memory.utilization
    above: 0.9
    clear: 0.8
    hold: {hold}
    severity: critical
    in_force: [live]
    summary: Memory nearly full
"""


PLAN = """title: Large
rank: 1
versions:
  - {from: 2020-01-01, assurance_days: 3, assurance_lead: 10, advice_days: 2, advice_lead: 3}
"""


class Failed(AssertionError):
    pass


def wait_for(what, condition, seconds=DEADLINE_S):
    """The first true value of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"did not happen within {seconds} s: {what}")
        time.sleep(0.05)


class FakeHost:
    """A captured /proc whose memory a test decides."""

    TOTAL_KIB = 16_000_000

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "agent/read/fixtures/plain/proc", folder, symlinks=True)
        self.use_memory(0.30)

    def use_memory(self, ratio):
        available = int(self.TOTAL_KIB * (1 - ratio))
        figures = {"MemTotal": self.TOTAL_KIB, "MemFree": available, "MemAvailable": available, "Buffers": 0,
                   "Cached": 0, "SwapTotal": 0, "SwapFree": 0, "Dirty": 0, "Writeback": 0, "AnonPages": 0, "Shmem": 0,
                   "SReclaimable": 0, "SUnreclaim": 0, "Committed_AS": 0}
        text = "".join(f"{name + ':':16}{kib:>8} kB\n" for name, kib in figures.items())
        with open(self.folder / "meminfo", "r+", encoding="ascii") as file:  # in place: the agent keeps it open
            file.write(text)
            file.truncate()


class World:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="warroom-test."))
        self.running = {}
        self.host = FakeHost(self.folder / "proc")
        self.port = own_port()
        self.receiver_ports = {}
        self.mounted = False
        self.environment = dict(os.environ)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for name in list(self.running):
            self.kill(name)
        if self.mounted:
            subprocess.run(["umount", self.folder / "state"], check=True)
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                sys.stderr.write(f"---- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")
        shutil.rmtree(self.folder)

    # ---- programs

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "a", encoding="utf-8") as log:
            self.running[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log,
                                                  env=self.environment)

    def kill(self, name, how=signal.SIGKILL):
        process = self.running.pop(name)
        if how == signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        return process.wait(DEADLINE_S)

    def signal(self, name, how):
        self.running[name].send_signal(how)

    def alive(self, name):
        return self.running[name].poll() is None

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, program, *args, paste=""):
        """A program to its end, with `paste` as its input: (exit status, stdout, stderr)."""
        done = subprocess.run([BIN / program, *map(str, args)], input=paste, env=self.environment, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout, done.stderr

    # ---- receiver

    def receiver_port(self, name):
        if name not in self.receiver_ports:
            self.receiver_ports[name] = own_port()
        return self.receiver_ports[name]

    def start_receiver(self, answer="200", name="receiver"):
        """The same port again after a restart. Answers: see scripts/receiver.py."""
        port_file = self.folder / f"{name}.port"
        port_file.unlink(missing_ok=True)
        self.start(name, sys.executable, ROOT / "scripts/receiver.py", "--port", self.receiver_port(name),
                   "--port-file", port_file, "--log", self.folder / f"{name}.jsonl", "--answer", answer)
        wait_for("the receiver listens", port_file.exists)

    def url(self, name="receiver", path="page"):
        return f"http://127.0.0.1:{self.receiver_ports.get(name, 1)}/{path}"

    def pages(self, name="receiver"):
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]

    # ---- mailbox

    def start_mailbox(self, name="mailbox"):
        """A mail relay without TLS. The same port again after a restart."""
        port_file = self.folder / f"{name}.port"
        port_file.unlink(missing_ok=True)
        self.start(name, sys.executable, ROOT / "scripts/mailbox.py", "--port", self.receiver_port(name),
                   "--port-file", port_file, "--log", self.folder / f"{name}.jsonl")
        wait_for("the mailbox listens", port_file.exists)

    def letters(self, name="mailbox"):
        return self.pages(name)

    # ---- collector and console

    def configure(self, hold="0s", rules=None, webhooks=None, calm="1s"):
        """Rules: the text of a file, or paths. Webhooks: (name, URL) or (name, URL, tenant); without a list, the one receiver.
        Hosts sample each second also in no window, or else each test would wait for two ticks ten seconds apart."""
        files = rules if isinstance(rules, list) else [self.folder / "rules.yaml"]
        if not isinstance(rules, list):
            files[0].write_text(rules or MEMORY_RULE.format(hold=hold))
        if webhooks is None:
            webhooks = [("war-room", self.url())]
        listing = "".join(f"  - {{name: {webhook[0]}, url: '{webhook[1]}'"
                          + (f", tenant: {webhook[2]}" if len(webhook) > 2 else "") + "}\n" for webhook in webhooks)
        (self.folder / "collector.yaml").write_text(
            f"listen: 127.0.0.1:{self.port}\ncontrol: {self.folder}/control.sock\nfeed: {self.folder}/feed.sock\n"
            f"state: {self.folder}/state\nrules: [{', '.join(map(str, files))}]\nlog_level: debug\ncalm_interval: {calm}\n"
            f"plans: {ROOT}/share/plans\ncalendars: {ROOT}/share/calendars\n"
            + (f"webhooks:\n{listing}" if listing else ""))

    def shelve(self):
        """A plan and a calendar of the test alone, in which every day is worked on: what is shipped holds for years that will pass."""
        for name in "plans", "calendars":
            (self.folder / name).mkdir()
        (self.folder / "plans/large.yaml").write_text(PLAN)
        year = time.gmtime().tm_year
        years = "".join(f"  - {{year: {year + n}, off: []}}\n" for n in range(3))
        (self.folder / "calendars/all.yaml").write_text(f"title: Every day\nweekend: []\nyears:\n{years}")
        file = self.folder / "collector.yaml"
        file.write_text(re.sub(r"(?m)^(plans|calendars): .*$", rf"\1: {self.folder}/\1", file.read_text()))

    def contract(self, tenant):
        """The command that sets it: three years of that plan."""
        return ("tenant", "set", tenant, "--plan", "large", "--from", f"{time.gmtime().tm_year}-01-01", "--years", "3", "--zone", "UTC",
                "--calendar", "all")

    def people(self, text):
        """Channels, contacts, rotas, escalations, as they stand in the collector's file."""
        with open(self.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write(text)

    def start_collector(self):
        self.start("collector", BIN / "warroom-collector", "--config", self.folder / "collector.yaml")
        wait_for("the collector answers", lambda: self.alive("collector") and self.ask("status"))

    def console_command(self, *args):
        return BIN / "warroom", "--control", self.folder / "control.sock", *args

    def console(self, *args):
        return self.run(*self.console_command(*args))

    def ask(self, *args):
        """A verb's --json, or None when it failed."""
        status, out, _ = self.console(*args, "--json")
        return json.loads(out) if status == 0 else None

    def show(self, *args):
        """A verb's --json, whatever verdict it exits by."""
        _, out, error = self.console(*args, "--json")
        if not out:
            raise Failed(f"warroom {' '.join(map(str, args))}: {error}")
        return json.loads(out)

    def must(self, *args):
        status, out, error = self.console(*args, "--json")
        if status != 0:
            raise Failed(f"warroom {' '.join(map(str, args))}: exit {status}: {error}")
        return json.loads(out)

    # ---- agent

    def configure_agent(self, extra=""):
        (self.folder / "agent.yaml").write_text(
            f"identity: {self.folder}/identity\nprocfs: {self.folder}/proc\nspool: {self.folder}/spool\n{extra}")

    def invite(self, *args):
        """The line that `warroom host enroll` gives for a host, or `--group` for whoever comes."""
        return self.must("host", "enroll", *args)["invitation"]["code"]

    def try_join(self, line, config=None, *more):
        """A line pasted on a host: (exit status, stdout, stderr)."""
        return self.run("warroom-agent", "--config", config or self.folder / "agent.yaml", "join", "-", *more, paste=line + "\n")

    def join(self, line, config=None, *more):
        status, out, error = self.try_join(line, config, *more)
        if status != 0:
            raise Failed(f"warroom-agent join: exit {status}: {error}")
        return out

    def start_agent(self):
        self.start("agent", BIN / "warroom-agent", "--config", self.folder / "agent.yaml")

    def wait_for_ticks(self, count):
        """Until the agent has read its host `count` times more, whether or not anybody takes the ticks."""
        a_tick = sum(file.stat().st_size for file in self.host.folder.rglob("*") if file.is_file())

        def read_so_far():
            with open(f"/proc/{self.running['agent'].pid}/io", encoding="ascii") as file:
                return int(file.readline().split()[1])
        before = read_so_far()
        wait_for(f"the agent reads its host {count} times", lambda: read_so_far() >= before + count * a_tick)

    def wait_for_stored_ticks(self, count):
        seen = self.must("status")["store"]["ticks"]
        wait_for(f"{count} more ticks are stored", lambda: self.must("status")["store"]["ticks"] >= seen + count)

    # ---- what is on disk

    def small_disk(self, size):
        """A disk of its own for the collector's state, that a test can fill. Needs root, as mount does."""
        (self.folder / "state").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "warroom-test", self.folder / "state"], check=True)
        self.mounted = True

    def stored(self):
        """The intervals (run, first, last) of the first tenant's file, once they were seen to name as many ticks as are held,
        none of them twice in the inbox. Which ticks a block holds is `warroom-collector --fsck`'s to say."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # all as of one moment, whatever is being written
            intervals = db.execute("SELECT run, first, last FROM interval ORDER BY run, first").fetchall()
            batches = db.execute("SELECT run, first, n FROM batch ORDER BY run, first").fetchall()
            in_blocks = db.execute("SELECT coalesce(sum(n), 0) FROM block").fetchone()[0]
        named = {(run, number) for run, first, last in intervals for number in range(first, last + 1)}
        held = [(run, number) for run, first, count in batches for number in range(first, first + count)]
        if len(set(held)) < len(held):
            raise Failed(f"{len(held) - len(set(held))} ticks are in the inbox twice")
        if not set(held) <= named:
            raise Failed(f"ticks are held that no interval names: {sorted(set(held) - named)}")
        if len(held) + in_blocks != len(named):
            raise Failed(f"{len(named)} ticks are said to be stored, but {len(held)} and {in_blocks} are held")
        return intervals

    # ---- the usual beginning

    def begin(self, hold="0s", answer="200", **config):
        """A live event over one host that reports each second, and a receiver."""
        if "receiver" not in self.running:
            self.start_receiver(answer)
        self.configure(hold, **config)
        self.start_collector()
        self.live_event()

    def live_event(self):
        self.must("tenant", "add", "acme")
        line = self.invite("web-1", "--tenant", "acme")
        self.configure_agent()
        self.join(line)
        self.start_agent()
        wait_for("the host reports", self.reports)  # before: its first round would find that it does not
        self.start_event()
        wait_for("the event's first round, that finds nothing yet", lambda: self.must("patrol", "log", "sale")["rounds"])
        wait_for("the host reports each second", self.reports_each_second)

    def start_event(self):
        """Over all hosts of the tenant, also those to come."""
        today = time.strftime("%Y-%m-%d", time.gmtime())
        self.must("event", "create", "sale", "--tenant", "acme", "--zone", "UTC", "--from", today, "--days", "2",
                  "--hosts", "*", "--drill")
        self.must("event", "start", "sale")

    def reports(self):
        hosts = (self.ask("hosts") or {"hosts": []})["hosts"]
        return bool(hosts) and hosts[0]["state"] == "reporting"

    def reports_each_second(self):
        hosts = (self.ask("hosts") or {"hosts": []})["hosts"]
        return bool(hosts) and hosts[0]["state"] == "reporting" and hosts[0]["interval_s"] == 1

    def incidents(self):
        return (self.ask("incident", "list", "--all") or {"incidents": []})["incidents"]

    def incident_with(self, field):
        """The newest incident, once `field` is set."""
        found = self.incidents()
        return found[0] if found and found[0][field] is not None else None

    def samples_stored(self):
        return self.must("status")["store"]["samples"]
