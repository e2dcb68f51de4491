"""Rules as they hold on a host: what lies over them is listed, tested and exported like the rules themselves."""
import time
import unittest

from world import World

STEP_S = 10
TICKS = 120

RULES = """
rules:
  - {name: cpu_hot, metric: system.cpu.utilization, above: 0.9, clear: 0.8, hold: 30s, severity: critical, summary: "CPU above {threshold}"}
  - {name: memory_full, metric: system.memory.utilization, above: 0.9, severity: warning, summary: Memory}
  - {name: out, metric: "system.network.io.rate{direction=transmit}", above: 0.5, limit: egress, severity: warning, summary: Egress}
  - {name: window_only, metric: system.cpu.utilization, above: 0.2, severity: info, in_force: [window], summary: Some CPU}
overlays:
  - {rule: cpu_hot, group: shop, above: 0.5, clear: 0.4, hold: 20s}
  - {rule: memory_full, group: batch, off: true}
"""

DOCUMENT = """
name: sale
zone: UTC
first_day: {today}
days: 2
drill: true
hosts: [web-1]
limits: [{{hosts: web-1, egress: 1000000}}]
rules: [{{rule: cpu_hot, above: 0.3, clear: 0.3, severity: info}}, {{rule: memory_full, hold: 60s}}]
"""


def rows(data, *keys):
    return [tuple(row[key] for key in keys) for row in data]


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """web-1 of the group shop, job-1 of batch, db-1 of none: the same 20 minutes of each are stored."""
        cls.world = world = cls.enterClassContext(World())
        world.configure(webhooks=[], rules=RULES)
        world.start_collector()
        world.must("tenant", "add", "acme")
        cls.start_s = (int(time.time()) - TICKS * STEP_S - 60) // STEP_S * STEP_S
        cls.series = world.folder / "series.csv"
        with open(cls.series, "w", encoding="utf-8") as file:
            file.write("time_s,system.cpu.utilization,system.memory.utilization,"
                       "system.network.io.rate{direction=transmit}[eth0] (By/s)\n")
            for tick in range(TICKS):
                cpu = 0.6 if 30 <= tick < 60 else 0.35 if tick >= 90 else 0.1
                file.write(f"{cls.start_s + tick * STEP_S},{cpu},{0.95 if 60 <= tick < 90 else 0.1},600000\n")
        for host, group in (("web-1", "shop"), ("job-1", "batch"), ("db-1", "db-1")):
            world.must("host", "enroll", host, "--tenant", "acme", "--group", group)
            world.must("import", cls.series, "--host", host)
        cls.document = world.folder / "sale.yaml"
        cls.document.write_text(DOCUMENT.format(today=time.strftime("%Y-%m-%d", time.gmtime())))
        world.must("event", "create", "-f", cls.document, "--tenant", "acme")

    def fired(self, data):
        """(rule, tick it crossed in, tick it cleared in, severity)"""
        def tick(moment):
            if moment is None:
                return None
            at = time.strptime(moment[:19] + "Z", "%Y-%m-%dT%H:%M:%SZ")
            return (int(time.mktime(at)) - time.timezone - self.start_s) // STEP_S
        return [(row["rule"], tick(row["crossed"]), tick(row["cleared"]), row["severity"]) for row in data["firings"]]

    def test_a_list_says_what_is_other_on_a_host_and_by_whom(self):
        shop = {rule["rule"]: rule for rule in self.world.must("rule", "list", "--host", "web-1")["rules"]}
        self.assertEqual(set(shop), {"cpu_hot", "memory_full", "out"})
        cpu = shop["cpu_hot"]
        self.assertEqual((cpu["threshold"], cpu["clear"], cpu["hold_s"], cpu["severity"], cpu["page"], cpu["from"], cpu["off"]),
                         (0.5, 0.4, 20, "critical", True, "group shop", False))
        self.assertEqual(cpu["condition"], "above 50 %, ends at 40 %")
        self.assertEqual((shop["memory_full"]["from"], shop["memory_full"]["off"]), (None, False))
        batch = {rule["rule"]: rule for rule in self.world.must("rule", "list", "--host", "job-1")["rules"]}
        self.assertEqual((batch["memory_full"]["off"], batch["memory_full"]["from"]), (True, "group batch"))
        self.assertEqual((batch["cpu_hot"]["threshold"], batch["cpu_hot"]["from"]), (0.9, None))

    def test_a_list_of_a_window_says_what_its_event_makes_other(self):
        sale = {rule["rule"]: rule
                for rule in self.world.must("rule", "list", "--host", "web-1", "--event", "sale")["rules"]}
        cpu = sale["cpu_hot"]
        self.assertEqual((cpu["threshold"], cpu["clear"], cpu["hold_s"], cpu["severity"], cpu["page"], cpu["from"]),
                         (0.3, 0.3, 20, "info", False, "group shop, event sale"))
        self.assertEqual((sale["memory_full"]["hold_s"], sale["memory_full"]["from"]), (60, "event sale"))
        self.assertEqual((sale["out"]["threshold"], sale["out"]["judged"]), (500000, True))
        self.assertIn("window_only", sale)
        status, _, error = self.world.console("rule", "list", "--host", "db-1", "--event", "sale")
        self.assertEqual((status, "db-1 is not in the scope of sale" in error), (2, True), error)

    def test_a_host_is_tested_by_what_its_group_makes_of_the_rules(self):
        shop = self.world.must("rule", "test", "web-1")
        self.assertEqual(self.fired(shop), [("cpu_hot", 30, 60, "critical"), ("memory_full", 60, 90, "warning")])
        self.assertEqual(shop["rules"], 3)
        self.assertEqual(rows(shop["not_judged"], "rule", "reason"), [("out", "no egress declared")])
        batch = self.world.must("rule", "test", "job-1")
        self.assertEqual(batch["firings"], [])
        self.assertEqual(rows(batch["not_judged"], "rule", "reason"),
                         [("memory_full", "off"), ("out", "no egress declared")])
        self.assertEqual(self.fired(self.world.must("rule", "test", "db-1")), [("memory_full", 60, 90, "warning")])

    def test_a_window_is_tested_by_what_its_event_makes_of_the_rules(self):
        sale = self.world.must("rule", "test", "web-1", "--event", "sale", "--from", "-1h")
        self.assertEqual(self.fired(sale),
                         [("out", 0, None, "warning"), ("window_only", 30, 60, "info"), ("cpu_hot", 30, 60, "info"),
                          ("memory_full", 60, 90, "warning"), ("window_only", 90, None, "info"),
                          ("cpu_hot", 90, None, "info")])
        self.assertEqual(sale["not_judged"], [])
        in_state = self.world.must("rule", "test", "web-1", "--event-state", "live")  # no event: the group's alone
        self.assertEqual({row["rule"]: row["threshold"] for row in in_state["firings"]},
                         {"window_only": 0.2, "cpu_hot": 0.5, "memory_full": 0.9})

    def test_rules_of_a_file_come_with_what_the_file_and_the_event_lay_over_them(self):
        other = self.world.folder / "other.yaml"
        other.write_text("rules:\n  - {name: cpu_hot, metric: system.cpu.utilization, above: 0.99, severity: warning, "
                         "summary: CPU}\noverlays:\n  - {rule: cpu_hot, group: shop, above: 0.55, clear: 0.2}\n")
        self.assertEqual(self.fired(self.world.must("rule", "test", "web-1", "-f", other)), [("cpu_hot", 30, 60, "warning")])
        self.assertEqual(self.world.must("rule", "test", "db-1", "-f", other)["firings"], [])
        sale = self.world.must("rule", "test", "web-1", "-f", other, "--event", "sale", "--from", "-1h")
        self.assertEqual(self.fired(sale), [("cpu_hot", 30, 60, "info"), ("cpu_hot", 90, None, "info")])

    def test_an_export_is_of_the_rules_as_they_are_on_the_host(self):
        def export(*args):
            status, out, error = self.world.console("rule", "export", *args)
            self.assertEqual((status, error), (0, ""))
            return out
        shop = export("--host", "web-1")
        self.assertIn("      # cpu_hot: as it is there, by group shop\n      - alert: \"cpu_hot\"\n", shop)
        self.assertIn("} > 0.5 or ", shop)
        self.assertIn("for: 20s\n", shop)
        batch = export("--host", "job-1")
        self.assertIn("      # memory_full: off there, by group batch\n", batch)
        self.assertNotIn('alert: "memory_full"', batch)
        sale = export("--host", "web-1", "--event", "sale")
        self.assertIn("in the state live, for the host web-1", sale)
        self.assertIn("      # cpu_hot: as it is there, by group shop, event sale\n", sale)
        self.assertIn("> 5e+05", sale)
        every = export()
        self.assertIn("      # cpu_hot is other for the group shop: export its hosts, by --host\n", every)
        self.assertIn("      # memory_full is off for the group batch: export its hosts, by --host\n", every)
        status, _, error = self.world.console("rule", "export", "--event", "sale")
        self.assertEqual((status, "host by host" in error), (2, True), error)

    # ---- a file of history

    def test_a_file_is_told_the_same_as_the_host_into_which_it_was_imported(self):
        rules = self.world.folder / "rules.yaml"
        for host, group in (("web-1", "shop"), ("job-1", "batch"), ("db-1", "db-1")):
            stored = self.world.must("rule", "test", host, "-f", rules)
            given = self.world.must("rule", "test", "--data", self.series, "-f", rules, "--group", group)
            self.assertEqual([row | {"host": None} for row in stored["firings"]], given["firings"])
            for key in ("rules", "not_judged", "ticks", "truncated"):
                self.assertEqual(stored[key], given[key], key)
            self.assertEqual(set(given), set(stored) | {"data"})

    def test_a_file_and_its_rules_need_no_collector(self):
        def of_file(*args):
            return self.world.must("--control", self.world.folder / "nobody.sock", "rule", "test", "-f",
                                   self.world.folder / "rules.yaml", "--data", *args)
        text = self.world.folder / "series.om"
        status, _, error = self.world.console("export", "--host", "web-1", "--from", "-1h", "--format", "openmetrics", "-o", text)
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(of_file(text, "--format", "openmetrics")["firings"], of_file(self.series)["firings"])
        live = of_file(self.series, "--event-state", "live", "--egress", "1MB")
        self.assertEqual(self.fired(live)[:2], [("out", 0, None, "warning"), ("window_only", 30, 60, "info")])
        later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.start_s + 70 * STEP_S))
        self.assertEqual(self.fired(of_file(self.series, "--from", later)), [("memory_full", 70, 90, "warning")])
        self.assertEqual(of_file(self.series, "--to", later)["ticks"], 70)
        status, out, error = self.world.console("rule", "test", "--data", self.series, "-f", self.world.folder / "rules.yaml")
        self.assertEqual((status, error), (0, ""))
        self.assertTrue(out.startswith(f"{self.series}: 2 of 3 rules over 120 ticks would have fired 1 time\n"), out)
        self.assertTrue(out.endswith("not judged, no egress declared: out\n"), out)

    def test_what_a_file_cannot_be_tested_with_is_refused(self):
        broken = self.world.folder / "broken.csv"
        broken.write_text("time_s,system.cpu.utilization\n1795400000,0.5\n1795400010,much\n")
        rules = self.world.folder / "rules.yaml"
        bad = self.world.folder / "bad.yaml"
        bad.write_text(RULES.replace("above: 0.9, clear: 0.8", "above: 90"))
        for status, says, args in ((1, f"{broken}: line 3", ("--data", broken, "-f", rules)),
                                   (2, f"{bad}:3", ("--data", self.series, "-f", bad)),
                                   (2, "wants a rule file", ("--data", self.series)),
                                   (2, "leave host out", ("web-1", "--data", self.series, "-f", rules)),
                                   (2, "csv or openmetrics", ("--data", self.series, "-f", rules, "--format", "xml")),
                                   (2, "group goes with --data", ("web-1", "--group", "shop")),
                                   (2, "whose ticks", ("-f", rules)),
                                   (2, "there is no dead", ("--data", self.series, "-f", rules, "--event-state", "dead")),
                                   (1, "cannot read", ("--data", self.world.folder / "none.csv", "-f", rules))):
            got, out, error = self.world.console("rule", "test", *args)
            self.assertEqual((got, out, says in error), (status, "", True), error)


if __name__ == "__main__":
    unittest.main()
