"""The way from a host to people, rehearsed by the real programs: an agent, a mailbox, webhooks, somebody who answers."""
import datetime
import signal
import unittest

from test_console import FORMS
from world import World, wait_for

PEOPLE = """channels:
  - {{name: mail, kind: smtp, url: 'smtp://127.0.0.1:{mail}', tls: none, from: warroom@example.com}}
  - {{name: robot, kind: webhook, url: '{robot}'}}
contacts:
  - {{name: alice, language: zh, ways: [{{channel: mail, address: alice@example.com}}, {{channel: robot}}]}}
  - {{name: lead, ways: [{{channel: robot}}, {{channel: mail, address: lead@example.com}}]}}
escalations:
  - {{name: default, steps: [{{after: 0s, contacts: [alice]}}, {{after: 3m, contacts: [lead]}}]}}
"""


class Rehearse(unittest.TestCase):
    def setUp(self):
        self.world = world = self.enterContext(World())
        world.start_receiver()
        world.start_mailbox()
        world.configure()
        world.shelve()
        self.without = (world.folder / "collector.yaml").read_text()
        world.people(PEOPLE.format(mail=world.receiver_ports["mailbox"], robot=world.url(path="robot")))
        world.start_collector()
        world.must("tenant", "add", "acme")
        line = world.invite("web-1", "--tenant", "acme")
        world.configure_agent()
        world.join(line)
        day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=20)
        world.must("event", "create", "sale", "--tenant", "acme", "--zone", "UTC", "--from", day, "--hosts", "web-*")
        world.must("event", "request", "sale")

    def begin(self):
        """The incident of a rehearsal that everybody is being told of, or was."""
        self.world.must("rehearse", "sale", "--no-wait")
        return wait_for("it has crossed", lambda: self.now()["incident"])["id"]

    def now(self):
        return self.world.show("rehearse", "sale", "--show")

    def ended(self):
        return wait_for("it has its verdict", lambda: self.now()["rehearsal"]["state"] == "ended" and self.now())

    def gate(self):
        return next(gate for gate in self.world.must("event", "show", "sale")["gates"] if gate["gate"] == "rehearsal")

    def start_agent(self):
        self.world.start_agent()
        wait_for("the host reports", self.world.reports)

    def resolved(self, incident):
        return self.world.must("incident", "show", incident)["incident"]["state"] == "resolved"

    def test_a_way_that_is_down_fails_the_gate_and_a_repaired_one_opens_it(self):
        world = self.world
        status, _, error = world.console("rehearse", "sale")
        self.assertEqual(status, 3)
        self.assertIn("web-1 does not report", error)
        self.start_agent()
        world.kill("mailbox")
        incident = self.begin()
        wait_for("a way has failed", lambda: "failed" in [page["state"] for page in self.now()["pages"]])
        world.must("incident", "ack", incident)
        found = self.ended()
        self.assertEqual((found["state"], found["rehearsal"]["passed"]), ("critical", False))
        self.assertEqual((set(found), set(found["rehearsal"])), (FORMS["rehearsal show:"], FORMS["rehearsal"]))
        self.assertEqual(self.gate()["state"], "failed")
        self.assertIn("2 of 5 ways did not arrive", self.gate()["evidence"])
        self.assertIn("mail to alice (", self.gate()["evidence"])
        status, out, _ = world.console("rehearse", "sale", "--show")
        self.assertEqual(status, 2)
        self.assertIn("FAILED", out)
        wait_for("it recovers by the agent", lambda: self.resolved(incident))

        world.start_mailbox()
        world.start("console", *world.console_command("rehearse", "sale"))
        incident = wait_for("it has crossed anew", lambda: (self.now()["incident"] or {"id": incident})["id"] != incident
                            and self.now()["incident"]["id"])
        world.must("incident", "ack", incident)
        self.assertEqual(world.running["console"].wait(60), 0)
        self.assertIn("sale: passed\n  5 ways of 3 contacts told within", world.log("console"))
        self.assertEqual(self.gate()["state"], "passed")
        self.assertIn("acknowledged by root after", self.gate()["evidence"])
        self.the_messages_say_what_it_is()
        wait_for("it recovers", lambda: self.resolved(incident))
        self.assertEqual(world.must("status")["incidents"], {"open": 0, "unacknowledged": 0})
        kinds = [row["body"]["what"] for row in world.must("ledger", "list", "--kind", "rehearsal", "--oldest")["entries"]]
        self.assertEqual(kinds, ["started", "crossed", "failed", "started", "crossed", "passed"])
        self.assertIn("rehearsal with web-1 passed: 5 ways", world.console("ledger", "list", "--kind", "rehearsal")[1])
        self.other_ways_want_another_one()

    def the_messages_say_what_it_is(self):
        bodies = [page["page"]["commonAnnotations"] for page in self.world.pages()]
        self.assertEqual({body["rehearsal"] for body in bodies}, {"true"})
        self.assertTrue(all(body["summary"].startswith("REHEARSAL: the way from web-1 to people") for body in bodies))
        letters = [str(letter) for letter in self.world.letters()]
        self.assertTrue(any("REHEARSAL" in letter for letter in letters), letters)

    def other_ways_want_another_one(self):
        world = self.world
        (world.folder / "collector.yaml").write_text(
            self.without + PEOPLE.format(mail=world.receiver_ports["mailbox"], robot=world.url(path="other")))
        before = world.log("collector").count("event=reloaded")
        world.signal("collector", signal.SIGHUP)
        wait_for("it is reloaded", lambda: world.log("collector").count("event=reloaded") > before)
        for gate in "entitlement", "verdict", "lint":
            world.must("event", "override", "sale", gate, "--reason", "by hand")
        world.must("event", "accept", "sale", "--reason", "late")
        world.must("event", "check", "sale")
        self.assertIn("rehearsal: since then alice has another way", world.console("event", "arm", "sale")[2])
        self.assertEqual(self.gate()["state"], "open")

    def test_it_goes_on_when_the_collector_is_killed_and_leaves_nothing_behind(self):
        world = self.world
        self.start_agent()
        world.must("rehearse", "sale", "--no-wait")
        world.kill("collector")  # it may have crossed by then, or not
        world.start_collector()
        incident = wait_for("it has crossed", lambda: self.now()["incident"])["id"]
        wait_for("somebody is told", lambda: "delivered" in [page["state"] for page in self.now()["pages"]])
        world.kill("collector")
        world.start_collector()
        world.must("incident", "ack", incident)
        self.assertEqual(self.ended()["state"], "ok")
        world.kill("collector")
        world.start_collector()
        wait_for("the verdict stands, or is come to again", lambda: self.gate()["state"] == "passed")
        wait_for("it is over", lambda: self.resolved(incident), 120)
        self.assertEqual(len([row for row in world.must("incident", "list", "--all")["incidents"] if row["rehearsal"]]), 1)

    def test_one_that_is_stopped_has_failed(self):
        world = self.world
        self.start_agent()
        incident = self.begin()
        status, out, _ = world.console("rehearse", "sale", "--stop")
        self.assertEqual(status, 2)
        self.assertIn("sale: FAILED\n  stopped by root\n", out)
        self.assertEqual(self.gate()["state"], "failed")
        wait_for("it recovers", lambda: self.resolved(incident))


if __name__ == "__main__":
    unittest.main()
