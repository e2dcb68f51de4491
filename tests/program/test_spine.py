"""The whole path: a threshold crossed on a host becomes a page, is answered, and ends."""
import time
import unittest

from world import World, wait_for


class Spine(unittest.TestCase):
    def test_a_crossing_becomes_a_page_with_four_stamps(self):
        with World() as world:
            world.begin()
            before = time.time()
            world.host.use_memory(0.97)
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            page = world.pages()[0]
            self.assertEqual(page["page"]["version"], "4")
            self.assertEqual(page["page"]["status"], "firing")
            self.assertEqual(page["page"]["commonLabels"]["severity"], "critical")
            self.assertTrue(page["key"])
            self.assertEqual(incident["event"], "sale")
            self.assertEqual(incident["state"], "triggered")
            self.assertLessEqual(incident["crossed"], incident["detected"])
            self.assertLessEqual(incident["detected"], incident["delivered"])
            self.assertGreaterEqual(incident["crossed"],
                                    time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before - 1)))
            self.assertFalse(incident["late"] or incident["breached"])

            world.must("incident", "ack", incident["id"])
            acknowledged = world.incident_with("acknowledged")
            self.assertEqual(acknowledged["state"], "acknowledged")
            self.assertLessEqual(acknowledged["delivered"], acknowledged["acknowledged"])

            world.host.use_memory(0.30)
            resolved = wait_for("the incident resolves", lambda: world.incident_with("resolved"))
            self.assertEqual(resolved["resolved_by"], "recovery")
            wait_for("those who were paged are told", lambda: len(world.pages()) == 2)
            self.assertEqual(world.pages()[1]["page"]["status"], "resolved")

    def test_a_short_spell_pages_nobody(self):
        with World() as world:
            world.begin(hold="60s")
            world.host.use_memory(0.97)
            wait_for("the alert is pending", lambda: world.must("status")["alerts"]["pending"] == 1)
            world.host.use_memory(0.30)
            wait_for("the alert is gone", lambda: world.must("status")["alerts"]["pending"] == 0)
            self.assertEqual(world.incidents(), [])
            self.assertEqual(world.pages(), [])

    def test_no_data_is_unknown_and_resolves_nothing(self):
        with World() as world:
            world.begin()
            world.host.use_memory(0.97)
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            world.kill("agent")
            wait_for("the host is silent", lambda: world.must("hosts")["hosts"][0]["state"] == "silent")

            def states():
                shown = world.must("incident", "show", incident["id"])
                return {alert["rule"]: alert["state"] for alert in shown["alerts"]}
            wait_for("silence is told", lambda: states().get("silence") == "firing")
            self.assertEqual(states()["memory-full"], "unknown")
            self.assertIsNone(world.must("incident", "show", incident["id"])["incident"]["resolved"])

    def test_outside_its_window_the_rule_is_not_in_force(self):
        with World() as world:
            world.begin(calm="2s")
            world.host.use_memory(0.97)
            wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            world.must("event", "close", "sale")
            incident = wait_for("its incident ends with the window", lambda: world.incident_with("resolved"))
            self.assertEqual(incident["state"], "resolved")
            wait_for("the host samples calmly again", lambda: world.must("hosts")["hosts"][0]["interval_s"] == 2)

    def test_what_was_measured_can_be_asked_for(self):
        with World() as world:
            world.begin()
            wait_for("some ticks are stored", lambda: world.must("status")["store"]["ticks"] >= 3)
            answer = world.must("query", "web-1", "system.memory.utilization", "--from", "-1m")
            points = answer["series"][0]["points"]
            self.assertGreaterEqual(len(points), 2)
            self.assertAlmostEqual(points[-1][2], 0.30, places=3)
            self.assertEqual(answer["unit"], "1")


if __name__ == "__main__":
    unittest.main()
