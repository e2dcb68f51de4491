"""Agents stream while everything is killed, stopped, cut and slowed at random: every tick they took is stored exactly once,
and every planted crossing has its page.

WARROOM_CHAOS_SEED repeats a run's choices, WARROOM_CHAOS_S says how many seconds it goes on (60).
"""
import datetime
import os
import random
import re
import signal
import sqlite3
import sys
import time
import unittest

from chaos import Host
from world import World, wait_for

HOSTS = 4
SECONDS = float(os.environ.get("WARROOM_CHAOS_S", "60"))
SETTLE_S = 180.0
CLOCK_S = 3.0


class Chaos:
    """The world, with several hosts, and what is done to it."""

    def __init__(self, world, seed):
        self.world = world
        self.random = random.Random(seed)
        self.hosts = []
        self.planted = []  # (host name, from, to): spells of bad memory, in seconds of the wall clock
        self.done = []

    def begin(self):
        world = self.world
        world.start_receiver()
        world.configure()
        world.start_collector()
        world.must("tenant", "add", "acme")
        world.start_event()
        for number in range(HOSTS):
            host = Host(world, number, world.invite(f"web-{number}", "--tenant", "acme"))
            self.hosts.append(host)
            host.start()
        wait_for("all hosts report each second", lambda: all(
            row["state"] == "reporting" and row["interval_s"] == 1 for row in world.must("hosts")["hosts"]))

    # ---- what is done to it; each leaves the world as it found it, but for the tc and link faults it says

    def kill_collector(self):
        self.world.kill("collector")
        self.wait(0, 4)
        self.world.start_collector()

    def end_collector(self):
        self.world.kill("collector", signal.SIGTERM)
        self.wait(0, 4)
        self.world.start_collector()

    def stop_collector(self):
        self.world.signal("collector", signal.SIGSTOP)
        self.wait(1, 8)
        self.world.signal("collector", signal.SIGCONT)

    def kill_agent(self):
        host = self.a_host()
        host.kill()
        self.wait(0, 3)
        host.start()

    def stop_agent(self):
        host = self.a_host()
        host.stop()
        self.wait(1, 8)
        host.go_on()

    def cut_link(self):
        host = self.a_host()
        host.link.cut()
        self.wait(1, 12)
        if self.random.random() < 0.3:  # and its agent dies while it is cut off
            host.kill()
            host.start()
        host.link.heal()

    def slow_link(self):
        host = self.a_host()
        host.link.slow()
        self.wait(2, 8)
        host.link.heal()

    def reset_link(self):
        self.a_host().link.reset()

    def cross(self):
        """A spell of bad memory, that the agent is known to have read, and its end."""
        host = self.a_host()
        began = time.time()
        host.proc.use_memory(0.97)
        host.wait_for_ticks(2)
        self.planted.append((host.name, began, time.time()))
        host.proc.use_memory(0.30)
        host.wait_for_ticks(2)

    def wait(self, least, most):
        time.sleep(self.random.uniform(least, most))  # how long a fault lasts, not for anything to happen

    def a_host(self):
        return self.random.choice(self.hosts)

    def go_on(self, seconds):
        faults = [self.kill_collector, self.end_collector, self.stop_collector, self.kill_agent, self.kill_agent,
                  self.stop_agent, self.cut_link, self.cut_link, self.slow_link, self.reset_link, self.cross, self.cross]
        until = time.monotonic() + seconds
        deck = []
        while time.monotonic() < until or deck:
            if not deck:  # each of them is met in every round
                deck = self.random.sample(faults, len(faults))
            fault = deck.pop()
            self.done.append(fault.__name__)
            fault()
            self.wait(0, 1)
            for host in self.hosts:
                host.look()

    # ---- the end of it

    def settle(self):
        """Everything is well again: what was taken is delivered, and the agents leave with nothing in hand."""
        for host in self.hosts:
            host.link.heal()
        wait_for("all hosts report", lambda: all(
            row["state"] == "reporting" for row in (self.world.ask("hosts") or {"hosts": [{"state": ""}]})["hosts"]), SETTLE_S)
        wait_for("every tick is stored", lambda: not self.missing(), SETTLE_S)
        wait_for("every crossing is paged", lambda: not self.unpaged(), SETTLE_S)
        for host in self.hosts:
            host.look()
            self.world.kill(host.name, signal.SIGTERM)
        self.world.kill("collector", signal.SIGTERM)

    def intervals(self):
        """{run: [(first, last)]} of what is stored or was declared dropped."""
        db = sqlite3.connect(f"file:{self.world.folder}/state/tenant-1.db?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT run.run, first, last FROM interval JOIN run ON run.id = interval.run"
                              " UNION ALL SELECT run.run, first, last FROM dropped JOIN run ON run.id = dropped.run"
                              " ORDER BY 1, 2").fetchall()
        finally:
            db.close()
        held = {}
        for run, first, last in rows:
            held.setdefault(bytes(run), []).append((first, last))
        return held

    def missing(self):
        """What of the ticks taken is not accounted for: per run, whatever makes it not 1..highest without a hole."""
        held = self.intervals()
        wrong = []
        for host in self.hosts:
            for run, highest in host.taken.items():
                at = 0
                for first, last in held.get(run, []):
                    if first != at + 1:
                        wrong.append(f"{host.name} run {run.hex()}: {at + 1}..{first - 1}")
                    at = last
                if at < highest:
                    wrong.append(f"{host.name} run {run.hex()}: {at + 1}..{highest}")
        return wrong

    def dropped(self):
        db = sqlite3.connect(f"file:{self.world.folder}/state/tenant-1.db?mode=ro", uri=True)
        try:
            return db.execute("SELECT * FROM dropped").fetchall()
        finally:
            db.close()

    def unpaged(self):
        """Spells that no incident tells of that was paged. One that came while its host's incident was open belongs to that."""
        paged = {}  # what comes back within ten minutes is the same incident, under a later clock: the first one counts
        for page in self.world.pages():
            if page["page"]["status"] == "firing":
                starts = min(alert["startsAt"] for alert in page["page"]["alerts"])
                number = page["page"]["commonLabels"]["incident"]
                paged[number] = min(starts, paged.get(number, starts))
        told = [{**row, "crossed": min(row["crossed"], paged[str(row["id"])])} for row in self.world.incidents()
                if str(row["id"]) in paged and self.tells_of_memory(row)]
        return [spell for spell in self.planted if not any(covers(row, *spell) for row in told)]

    def tells_of_memory(self, row):
        alerts = (self.world.ask("incident", "show", row["id"]) or {"alerts": []})["alerts"]
        return any(alert["rule"] == "memory-full" for alert in alerts)


def covers(row, name, began, ended):
    """The incident of this host was open in the spell. Its clock is put right over a slow link, so not to the second."""
    crossed, resolved = seconds_of(row["crossed"]), seconds_of(row["resolved"])
    return row["group"] == name and crossed <= ended + CLOCK_S and (resolved is None or resolved >= began - CLOCK_S)


def seconds_of(instant):
    return instant and datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


class Shown(unittest.TestCase):
    def test_nothing_is_lost_and_nobody_stays_unpaged(self):
        seed = int(os.environ.get("WARROOM_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"\nseed {seed}, {SECONDS:.0f} s; again: WARROOM_CHAOS_SEED={seed}", file=sys.stderr)
        with World() as world:
            chaos = Chaos(world, seed)
            try:
                chaos.begin()
                print(f"links: {chaos.hosts[0].link.name}", file=sys.stderr)
                chaos.go_on(SECONDS)
                chaos.settle()
                self.assertEqual(chaos.missing(), [])
                self.assertEqual(chaos.dropped(), [], "no spool was full, so nothing was dropped")
                self.assert_each_once(world, chaos)
            finally:
                for host in chaos.hosts:
                    host.close()
                print("done: " + " ".join(chaos.done), file=sys.stderr)

    def assert_each_once(self, world, chaos):
        """Intervals say what is stored; the checker, that each of their ticks is in exactly one row."""
        status, out, error = world.run("warroom-collector", "--config", world.folder / "collector.yaml", "--fsck", "all")
        self.assertEqual(status, 0, out + error)
        ticks = sum(last - first + 1 for parts in chaos.intervals().values() for first, last in parts)
        self.assertEqual(int(re.search(r"(\d+) ticks", out).group(1)), ticks, out)
        taken = sum(sum(host.taken.values()) for host in chaos.hosts)
        print(f"{taken} ticks of {sum(len(host.taken) for host in chaos.hosts)} runs, {len(chaos.planted)} "
              f"crossings; {out.strip()}", file=sys.stderr)
        self.assertGreaterEqual(ticks, taken)


if __name__ == "__main__":
    unittest.main()
