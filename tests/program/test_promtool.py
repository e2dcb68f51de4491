"""Rules as Prometheus takes them, by promtool: what is exported is a rule file."""
import subprocess
import unittest

from world import ROOT, World

PROMTOOL = ROOT / "build/tools/prometheus/usr/bin/promtool"


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
        self.begin((ROOT / "share/rules/default.yaml").read_text())
        listed = self.world.must("rule", "list")["rules"]
        self.assertGreater(len(listed), 50)
        for state, word in (("no-event", "normal"), ("live", "window")):
            own = [rule for rule in listed if rule["in_force"] in ("always", word)]
            of_host = [rule for rule in own if rule["limit"] in (None, "egress")]
            without_limit = [rule for rule in own if rule["limit"] is None]
            self.assertEqual(self.check(self.export("--event-state", state)), len(without_limit))
            self.assertEqual(self.check(self.export("--event-state", state, "--host", "web-1")), len(of_host))

    def test_what_holds_for_a_host_is_listed_with_its_own_limits(self):
        self.begin((ROOT / "share/rules/default.yaml").read_text())
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
