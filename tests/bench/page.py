"""From a threshold crossed on a host to the page at its receiver, beside Prometheus and Alertmanager, which read the same host in the same
run: one host in a live event, sampled each second, hold 0. Then the same with the collector killed in between."""
import argparse
import datetime
import random
import signal
import statistics
import time

from bench import BenchWorld, emit, run, say
from prometheus import Prometheus
from world import Failed, wait_for

TRIALS_OF_A_WORLD = 20
TARGETS = {"crossing_to_accepted_s": {"median": 0.6, "p99": 1.3}, "sample_to_accepted_s": {"p99": 0.15},
           "killed": {"max": 5, "lost": 0, "twice_unmarked": 0}}


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def spread(values):
    """p99: the least that 99 of 100 do not exceed."""
    if not values:
        return {}
    ordered = sorted(values)
    return {"min": round(ordered[0], 4), "median": round(statistics.median(ordered), 4),
            "p99": round(ordered[-(-99 * len(ordered) // 100) - 1], 4), "max": round(ordered[-1], 4)}


class Trials:
    """One crossing after the other, each over before the next."""

    def __init__(self, world, peer):
        self.world = world
        self.seen = {"receiver": 0}  # pages of the trials before
        if peer:
            self.seen["peer"] = 0
        self.phase_s = 0  # of the agent's samples within a second, as the latest trial had it

    def pages(self, name, status):
        """Those of this trial."""
        return [page for page in self.world.pages(name)[self.seen[name]:] if page["page"]["status"] == status]

    def cross(self):
        for name in self.seen:
            self.seen[name] = len(self.world.pages(name))
        time.sleep(random.random())  # anywhere within the interval
        at = time.time()
        self.world.host.use_memory(0.97)
        return at

    def first(self, name, status="firing"):
        return wait_for(f"{name} has the page", lambda: self.pages(name, status))[0]

    def recover(self):
        """When the sample was taken. A person resolves the incident, so that the next one is none that comes and goes."""
        world = self.world
        incident = wait_for("it is on record", lambda: world.incident_with("delivered"))
        world.must("incident", "resolve", incident["id"])
        world.host.use_memory(0.30)
        wait_for("the alert is over", lambda: not any(world.must("status")["alerts"].values()))
        for name in self.seen:
            self.first(name, "resolved")
        sampled_at = stamp(incident["crossed"])
        self.phase_s = sampled_at % 1
        return sampled_at

    def trial(self):
        """Seconds: crossing to accepted, sample to accepted, and the peer's crossing to accepted."""
        crossed_at = self.cross()
        accepted = {name: self.first(name)["at"] for name in self.seen}
        sampled_at = self.recover()
        return accepted["receiver"] - crossed_at, accepted["receiver"] - sampled_at, accepted["peer"] - crossed_at

    def draw_kill(self, crossed_at, number):
        """When: anywhere from the crossing to the sample; each other time about when that is on its way to a page."""
        sampled_at = crossed_at + (self.phase_s - crossed_at) % 1
        if number % 2 == 0:
            return random.uniform(crossed_at, sampled_at)
        return sampled_at + random.uniform(-0.002, 0.005)

    def killed(self, number):
        """What became of the page of a crossing that the collector was killed after."""
        world = self.world
        crossed_at = self.cross()
        time.sleep(max(0, self.draw_kill(crossed_at, number) - time.time()))
        killed_at = time.time()
        world.kill("collector", signal.SIGKILL)
        world.start_collector()
        try:
            page = self.first("receiver")
        except Failed:
            return {"lost": True}
        wait_for("nothing waits to be sent", lambda: not world.must("status")["pages"]["queued"])
        copies = [copy["page"]["commonAnnotations"]["possible_copy"] == "true" for copy in self.pages("receiver", "firing")[1:]]
        self.recover()
        return {"lost": False, "in_between": page["at"] > killed_at, "after_s": page["at"] - crossed_at,
                "unmarked": copies.count(False), "marked": copies.count(True)}


def beside_prometheus(trials):
    """A world anew for each 20: where in a second each of them samples, scrapes and evaluates is drawn when it starts."""
    seen = []
    while len(seen) < trials:
        with BenchWorld() as world:
            world.start_receiver(name="peer")
            world.configure()
            Prometheus(world, world.url("peer"))
            world.begin(hold="0s")
            of_world = Trials(world, True)
            seen += [of_world.trial() for _ in range(min(TRIALS_OF_A_WORLD, trials - len(seen)))]
    return [list(column) for column in zip(*seen)]


def of_a_world(seen, kills):
    """Until there are enough kills. A lost page ends it: what it leaves behind would spoil the next trial."""
    with BenchWorld() as world:
        world.begin(hold="0s")
        trials = Trials(world, False)
        while counted(seen) < kills:
            seen.append(trials.killed(len(seen)))
            if seen[-1]["lost"]:
                return


def counted(seen):
    return sum(one.get("in_between", True) for one in seen)


def with_kills(kills):
    """Until so many came between the crossing and its page."""
    seen = []
    while counted(seen) < kills:
        of_a_world(seen, kills)
    return figures_of(seen)


def figures_of(seen):
    between = [one["after_s"] for one in seen if one.get("in_between")]
    return {
        "in_between": len(between),
        "behind_the_page": sum(one.get("in_between") is False for one in seen),
        "crossing_to_accepted_s": spread(between),
        "lost": sum(one["lost"] for one in seen),
        "twice_unmarked": sum(one.get("unmarked", 0) for one in seen),
        "twice_marked": sum(one.get("marked", 0) for one in seen),
    }


def missed(figures):
    """The targets that were not met, a line each: what a slow host can be the cause of, and what nothing excuses."""
    slow = [f"{name}: {kind} {figures[name][kind]} s, wanted {TARGETS[name][kind]} s"
            for name in ("crossing_to_accepted_s", "sample_to_accepted_s") for kind in TARGETS[name]
            if figures[name].get(kind, 0) > TARGETS[name][kind]]
    killed = figures["killed"]
    if killed["crossing_to_accepted_s"].get("max", 0) > TARGETS["killed"]["max"]:
        slow.append(f"killed: {killed['crossing_to_accepted_s']['max']} s, wanted {TARGETS['killed']['max']} s")
    wrong = [f"killed: {killed[what]} {what}" for what in ("lost", "twice_unmarked") if killed[what] > TARGETS["killed"][what]]
    return slow, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--kills", type=int, default=40)
    options = parser.parse_args()
    say(f"{options.trials} crossings, one after the other, beside Prometheus and Alertmanager")
    ours, behind_sample, theirs = beside_prometheus(options.trials)
    say(f"{options.kills} crossings with the collector killed between them and their pages")
    figures = {
        "trials": options.trials,
        "crossing_to_accepted_s": spread(ours),
        "sample_to_accepted_s": spread(behind_sample),
        "prometheus_crossing_to_accepted_s": spread(theirs),
        "killed": with_kills(options.kills),
    }
    emit("page", {**figures, "targets": TARGETS},
         {"interval_s": 1, "hold_s": 0, "crossing": "meminfo rewritten in a fake procfs that both read, at a random moment",
          "receiver": "webhook on loopback, stamps when the body is read",
          "prometheus": "2.42, scrape and evaluation 1 s, node_exporter; Alertmanager 0.25, group_wait 0 s",
          "worlds_of": TRIALS_OF_A_WORLD, "killed": "SIGKILL, started anew at once"})
    say("crossing to accepted, median and p99: "
        + "; ".join(f"{who} {seen['median']:.3f} s {seen['p99']:.3f} s" for who, seen in (
            ("Warroom", figures["crossing_to_accepted_s"]), ("of that behind the sample", figures["sample_to_accepted_s"]),
            ("Prometheus", figures["prometheus_crossing_to_accepted_s"]))))
    killed = figures["killed"]
    say(f"killed in between {killed['in_between']} times: {killed['crossing_to_accepted_s'].get('max', 0):.3f} s at most, {killed['lost']} lost, "
        f"{killed['twice_unmarked']} twice unmarked")
    slow, wrong = missed(figures)
    for target in slow:
        say(f"missed: {target}")
    if wrong:
        raise Failed("; ".join(wrong))


if __name__ == "__main__":
    run(main)
