"""Rules as Prometheus takes them, by promtool: what is exported is a rule file, and it fires when we do.

The second test gives the same series to `warroom rule test` and to `promtool test rules`, with the exported file, and asks
promtool at each evaluation whether exactly our alerts fire. WARROOM_PROMTOOL_SEED repeats one choice of series and rules.
"""
import datetime
import json
import os
import random
import subprocess
import time
import unittest

from world import ROOT, SHIPPED_RULES, World

PROMTOOL = ROOT / "build/tools/prometheus/usr/bin/promtool"
STEP_S = 10
TICKS = 240

# our series, theirs, the labels by which a host has several, from, to
SERIES = [
    ("system.cpu.utilization (1)", "system_cpu_utilization_ratio", {}, 0, 1),
    ("system.memory.utilization (1)", "system_memory_utilization_ratio", {}, 0, 1),
    ("system.network.io.rate{direction=transmit}[eth0] (By/s)", "system_network_io_rate_bytes_per_second",
     {"direction": "transmit", "device": "eth0"}, 0, 125e6),
    ("system.network.io.rate{direction=transmit}[eth1] (By/s)", "system_network_io_rate_bytes_per_second",
     {"direction": "transmit", "device": "eth1"}, 0, 125e6),
    ("system.filesystem.utilization[/data] (1)", "system_filesystem_utilization_ratio", {"mountpoint": "/data"}, 0, 1),
]
ABSENT = 4  # the one that comes and goes


def walk(random_, least, most):
    """Some rest at a level, some jump, as a host does."""
    value = least
    for _ in range(TICKS):
        if random_.random() < 0.3:
            value = least + (most - least) * random_.random()
        yield f"{value:.4f}" if most <= 1 else f"{value:.0f}"


def come_and_go(random_, values):
    there = True
    for value in values:
        there = there if random_.random() < 0.85 else not there
        yield value if there else None


def level(random_, number, metric, least, most, limit=None, instance=None):
    below = random_.random() < 0.3
    threshold = round(random_.uniform(0.2, 0.8), 2)
    clear = round(threshold + (1 if below else -1) * random_.choice([0, 0.1, 0.2]), 2)
    scale = 1 if limit else most - least
    return {"name": f"rule_{number}", "metric": f'"{metric}"', "below" if below else "above": threshold * scale,
            "clear": clear * scale, "hold": f"{random_.choice([0, 0, 10, 20, 30, 60, 90])}s",
            "severity": random_.choice(["info", "warning", "critical"]), "summary": "bad"} | (
                {"limit": limit} if limit else {}) | ({"instance": f'"{instance}"'} if instance else {})


def rules_of(random_):
    rules = []
    for metric, least, most, more in (("system.cpu.utilization", 0, 1, {}), ("system.memory.utilization", 0, 1, {}),
                                      ("system.network.io.rate{direction=transmit}", 0, 125e6, {}),
                                      ("system.network.io.rate{direction=transmit}", 0, 125e6, {"limit": "egress"}),
                                      ("system.network.io.rate{direction=transmit}", 0, 125e6, {"instance": "eth[!0]"})):
        rules += [level(random_, len(rules) + i, metric, least, most, **more) for i in range(3)]
    for hold in (0, 20, 60):
        rules.append({"name": f"gone_{hold}", "metric": "system.filesystem.utilization", "instance": "/data", "absent": "true",
                      "hold": f"{hold}s", "severity": "warning", "summary": "gone"})
    return rules


def seconds(moment):
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


class Promtool(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())

    def begin(self, rules):
        self.world.configure(webhooks=[], rules=rules)
        self.world.start_collector()
        self.world.must("tenant", "add", "acme")
        self.world.must("host", "enroll", "web-1", "--tenant", "acme", "--egress", "1Gbit")

    def export(self, *args):
        status, out, error = self.world.console("rule", "export", *args)
        self.assertEqual((status, error), (0, ""))
        path = self.world.folder / "exported.yaml"
        path.write_text(out)
        return path

    def check(self, path):
        done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return int(done.stdout.rsplit("SUCCESS: ", 1)[1].split()[0])

    def test_the_shipped_rules_are_a_rule_file_in_each_state(self):
        self.begin(SHIPPED_RULES)
        listed = self.world.must("rule", "list")["rules"]
        self.assertGreater(len(listed), 50)
        for state, word in (("no-event", "normal"), ("live", "window")):
            own = [rule for rule in listed if rule["in_force"] in ("always", word)]
            levels = [rule for rule in own if rule["condition"].startswith(("above", "below"))
                      and "of the last" not in rule["condition"]]
            for args, limits in (((), (None,)), (("--host", "web-1"), (None, "egress"))):
                exported = self.export("--event-state", state, *args)
                sayable = [rule for rule in levels if rule["limit"] in limits]
                self.assertEqual(self.check(exported), len(sayable))
                reasons = [line for line in exported.read_text().splitlines() if line.startswith("      # ")]
                self.assertEqual(len(reasons), len(own) - len(sayable), reasons)

    # ---- the same series, the same times

    def import_series(self, columns, start_s):
        with open(self.world.folder / "series.csv", "w", encoding="utf-8") as file:
            file.write("time_s," + ",".join(series[0] for series in SERIES) + "\n")
            for tick, cells in enumerate(zip(*columns)):
                file.write(f"{start_s + tick * STEP_S}," + ",".join(cell or "" for cell in cells) + "\n")
        imported = self.world.must("import", self.world.folder / "series.csv", "--host", "web-1")
        self.assertEqual(imported["new"], TICKS)

    def expectations(self, rules, firings, start_s):
        """What must fire at each evaluation, by our word."""
        labels = {series[0].split(" ")[0]: series[2] for series in SERIES}
        for rule in rules:
            own = [firing for firing in firings if firing["rule"] == rule["name"]]
            for tick in range(TICKS):
                now = start_s + tick * STEP_S
                up = [labels[f"{firing['metric']}[{firing['instance']}]" if firing["instance"] else firing["metric"]]
                      for firing in own if seconds(firing["fired"]) <= now
                      and (firing["cleared"] is None or now < seconds(firing["cleared"]))]
                yield {"eval_time": f"{tick * STEP_S}s", "alertname": rule["name"], "exp_alerts": [
                    {"exp_labels": found | {"host": "web-1", "severity": rule["severity"],
                                            "page": "true" if rule["severity"] == "critical" else "false"},
                     "exp_annotations": {"summary": rule["summary"]}} for found in up]}

    def promtool_series(self, columns):
        for (_, name, labels, _, _), column in zip(SERIES, columns):
            text = ",".join(f'{key}="{value}"' for key, value in ({"host": "web-1"} | labels).items())
            values = [cell or ("_" if tick and not column[tick - 1] else "stale") for tick, cell in enumerate(column)]
            yield {"series": f"{name}{{{text}}}", "values": " ".join(values)}

    def fires_as_promtool(self, seed):
        random_ = random.Random(seed)
        rules = rules_of(random_)
        columns = [list(walk(random_, least, most)) for *_, least, most in SERIES]
        columns[ABSENT] = list(come_and_go(random_, columns[ABSENT]))
        start_s = (int(time.time()) - TICKS * STEP_S - 60) // STEP_S * STEP_S
        self.begin("rules:\n" + "".join("  - " + "\n    ".join(f"{key}: {value}" for key, value in rule.items()) + "\n"
                                        for rule in rules))
        self.import_series(columns, start_s)
        tested = self.world.must("rule", "test", "web-1", "--from", "-1h")
        self.assertEqual((tested["ticks"], tested["rules"], tested["truncated"]), (TICKS, len(rules), False))
        self.assertEqual(self.check(self.export("--host", "web-1")), len(rules))
        test = {"rule_files": ["exported.yaml"], "evaluation_interval": f"{STEP_S}s", "tests": [
            {"interval": f"{STEP_S}s", "input_series": list(self.promtool_series(columns)),
             "alert_rule_test": list(self.expectations(rules, tested["firings"], start_s))}]}
        (self.world.folder / "test.yaml").write_text(json.dumps(test))  # JSON is YAML
        done = subprocess.run([PROMTOOL, "test", "rules", "test.yaml"], cwd=self.world.folder, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, f"seed {seed}: {(done.stdout + done.stderr)[:4000]}")
        return tested["firings"]

    def test_the_same_series_fire_and_clear_at_the_same_evaluations(self):
        seeds = [int(os.environ["WARROOM_PROMTOOL_SEED"])] if "WARROOM_PROMTOOL_SEED" in os.environ else range(1, 7)
        fired = []
        for seed in seeds:
            with self.subTest(seed=seed), World() as self.world:
                fired += self.fires_as_promtool(seed)
        self.assertTrue({firing["rule"] for firing in fired} >= {"rule_0", "gone_0", "gone_20"}, "hardly anything fired")
        self.assertTrue(any(firing["cleared"] for firing in fired))

    def test_rules_that_are_given_are_tested_in_the_place_of_the_collectors_own(self):
        self.begin(SHIPPED_RULES)
        start_s = (int(time.time()) - TICKS * STEP_S - 60) // STEP_S * STEP_S
        flat = ["0.5"] * TICKS
        self.import_series([flat] * 5, start_s)
        self.assertEqual(self.world.must("rule", "test", "web-1")["firings"], [])
        other = self.world.folder / "other.yaml"
        other.write_text("rules:\n  - {name: busy, metric: system.cpu.utilization, above: 0.4, hold: 30s, severity: info, "
                         "in_force: [live], summary: busy}\n")
        self.assertEqual(self.world.must("rule", "test", "web-1", "-f", other)["rules"], 0)
        tested = self.world.must("rule", "test", "web-1", "-f", other, "--event-state", "live")
        self.assertEqual([(firing["rule"], seconds(firing["crossed"]), seconds(firing["fired"]), firing["cleared"],
                           firing["value"]) for firing in tested["firings"]], [("busy", start_s, start_s + 30, None, 0.5)])
        self.world.start_event()
        self.assertEqual(self.world.must("rule", "test", "web-1", "-f", other, "--event", "sale")["rules"], 1)
        other.write_text(other.read_text().replace("0.4", "40"))
        status, _, error = self.world.console("rule", "test", "web-1", "-f", other)
        self.assertEqual((status, "other.yaml:2" in error, "0 to 1" in error), (2, True, True), error)

    def test_what_holds_for_a_host_is_listed_with_its_own_limits(self):
        self.begin(SHIPPED_RULES)
        listed = {rule["rule"]: rule for rule in self.world.must("rule", "list", "--host", "web-1")["rules"]}
        self.assertEqual({rule["in_force"] for rule in listed.values()}, {"always", "normal"})
        self.assertEqual((listed["egress_critical"]["threshold"], listed["egress_critical"]["judged"]),
                         (0.95 * 125e6, True))
        self.assertFalse(listed["ingress_critical"]["judged"])
        self.world.start_event()
        live = self.world.must("rule", "list", "--host", "web-1")["rules"]
        self.assertEqual({rule["in_force"] for rule in live}, {"always", "window"})
        self.assertEqual(live, self.world.must("rule", "list", "--host", "web-1", "--event", "sale")["rules"])


if __name__ == "__main__":
    unittest.main()
