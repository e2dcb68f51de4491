"""Hundreds of hosts that cross at once, one robot that takes 20 messages a minute, a mail relay that is down: who is told when."""
import argparse
import statistics

from bench import cpu_s, emit, run, say
from storming import BUDGET_S, PER_MINUTE, Storm, most_in_a_minute, stamp
from world import wait_for


def measure(world):
    before = cpu_s(world.running["collector"].pid)
    world.order("cross")
    wait_for("each incident is told to somebody", world.is_told, BUDGET_S)
    spent = cpu_s(world.running["collector"].pid) - before
    incidents = [one["incident"] for one in world.shown()]
    waited = [stamp(one["delivered"]) - stamp(one["crossed"]) for one in incidents]
    tried = [entry["body"] for entry in world.attempts() if entry["body"]["for"] == "trigger"]
    told = [body for body in tried if body["what"] == "delivered"]
    messages = world.messages()
    return {
        "incidents": len(incidents),
        "crossed_to_delivered_s": {"median": round(statistics.median(waited), 3), "max": round(max(waited), 3)},
        "breached": sum(one["breached"] for one in incidents),
        "named_to_somebody": len(world.named()),
        "pages_delivered": len(told),
        "by_spilling": sum(body["class"] == "spill" for body in told),
        "messages": len(messages),
        "most_together": max(body["with"] for body in told) + 1,
        "most_in_a_minute": most_in_a_minute([at for _, at, _ in messages]),
        "refused_by_the_robot": sum(code != 0 for code, _, _ in messages),
        "refused_by_the_relay": sum(body["what"] == "refused" for body in tried),
        "collector_cpu_s": round(spent, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--groups", type=int, default=50)
    options = parser.parse_args()
    with Storm(options.hosts, options.groups) as world:
        world.begin()
        say(f"{options.hosts} hosts in {options.groups} groups cross at once")
        figures = measure(world)
    emit("storm", {**figures, "targets": {"crossed_to_delivered_s": BUDGET_S, "most_in_a_minute": PER_MINUTE, "breached": 0}},
         {"hosts": options.hosts, "groups": options.groups, "interval_s": 1, "hold_s": 0, "robot_per_minute": PER_MINUTE,
          "relay": "refuses connections", "contacts": "two, one by mail first, one by the robot first"})
    waited = figures["crossed_to_delivered_s"]
    say(f"{figures['incidents']} incidents told to somebody after {waited['median']} s in the median, {waited['max']} s at most, by "
        f"{figures['messages']} messages, {figures['most_in_a_minute']} in a minute; {figures['by_spilling']} pages by the next way")


if __name__ == "__main__":
    run(main)
