"""From a threshold crossed on a host to the page at its receiver: one host in a live event, sampled each second, hold 0."""
import argparse
import datetime
import random
import statistics
import time

from bench import BenchWorld, emit, run, say
from world import wait_for


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def spread(values):
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def firing(world):
    return [page for page in world.pages() if page["page"]["status"] == "firing"]


def trial(world, number):
    """Seconds from the crossing to the page received, and from the stamp crossed to the stamp delivered."""
    time.sleep(random.random())  # anywhere within the agent's interval
    world.host.use_memory(0.97)
    crossed_at = time.time()
    page = wait_for("the page is received", lambda: firing(world)[number - 1:])[0]
    incident = wait_for("the page is on record", lambda: world.incident_with("delivered"))
    world.host.use_memory(0.30)
    wait_for("the incident resolves", lambda: world.incident_with("resolved"))
    wait_for("those who were paged are told", lambda: len(world.pages()) == 2 * number)
    return page["at"] - crossed_at, stamp(incident["delivered"]) - stamp(incident["crossed"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    with BenchWorld() as world:
        world.begin(hold="0s")
        say(f"{options.trials} crossings, one after the other")
        trials = [trial(world, number) for number in range(1, options.trials + 1)]
    figures = {
        "crossing_to_received_s": spread([received for received, _ in trials]),
        "crossed_to_delivered_s": spread([delivered for _, delivered in trials]),
        "trials": len(trials),
    }
    emit("page", figures, {"interval_s": 1, "hold_s": 0, "crossing": "meminfo rewritten in a fake procfs, at a random moment",
                           "receiver": "webhook on loopback, stamps when the body is read"})
    seen = figures["crossing_to_received_s"]
    say(f"crossing to page received: min {seen['min']} s, median {seen['median']} s, max {seen['max']} s")


if __name__ == "__main__":
    run(main)
