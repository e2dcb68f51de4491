"""Whether the way to people is there, looked at before anybody has to go it: heartbeats through all of it, a connection to each channel,
and somebody outside who hears from us while all is well. One test needs root: mount."""
import contextlib
import os
import signal
import sqlite3
import unittest

from disk import fill_until_fault
from world import World, wait_for

PEOPLE = """channels:
  - {{name: mail, kind: smtp, url: 'smtp://127.0.0.1:{mail}', from: warroom@example.com, tls: none}}
  - {{name: hook, kind: webhook, url: '{hook}'}}
contacts:
  - {{name: alice, ways: [{{channel: mail, address: alice@example.com}}, {{channel: hook}}]}}
"""
DEAD_MAN = "dead_man: {{url: '{url}', every: 30s}}\n"


class Pulse(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.start_receiver()
        self.world.start_receiver(name="outside")
        self.world.start_mailbox()
        self.world.configure(webhooks=[])
        self.world.people(PEOPLE.format(mail=self.world.receiver_ports["mailbox"], hook=self.world.url())
                          + DEAD_MAN.format(url=self.world.url("outside", "alive?key=hidden")))

    def heart(self):
        return self.world.must("event", "show", "sale")["heartbeat"]

    def told(self, text):
        return [page for page in self.world.pages() if text in str(page["page"])]

    def fed(self):
        return len(self.world.pages("outside"))

    def test_beats_come_through_and_leave_nothing_behind(self):
        self.world.start_collector()
        self.world.live_event()
        heart = wait_for("a beat has come through", lambda: self.heart()["came"] and self.heart())
        self.assertEqual((heart["able"], heart["lost"], heart["stuck"]), (True, 0, None))
        self.assertIn("  heartbeat 1 came through, the last ", self.world.console("event", "show", "sale")[1])
        self.world.signal("agent", signal.SIGSTOP)
        wait_for("nobody is left to be asked", lambda: not self.heart()["able"])
        self.world.signal("agent", signal.SIGCONT)
        wait_for("it can be asked again", lambda: self.heart()["able"])
        self.assertEqual(self.heart()["lost"], 0)  # a host that is silent says nothing of the way
        self.world.kill("collector")
        self.world.start_collector()
        wait_for("beats go on", lambda: self.heart()["came"])
        self.world.kill("collector", signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(f"file:{self.world.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM page WHERE kind = 'heartbeat'").fetchone()[0], 0)
            self.assertEqual(db.execute("SELECT count(*) FROM alert WHERE rule LIKE 'warroom%'").fetchone()[0], 0)
        self.assertEqual(self.told("heartbeat"), [])

    def test_a_relay_that_is_away_is_told_of_by_the_other_channel(self):
        self.world.kill("mailbox")
        self.world.start_collector()
        self.world.live_event()
        wait_for("it is told of", lambda: self.told("Channel mail cannot be reached: "))
        incident = next(row for row in self.world.incidents() if row["group"] == "channel-mail")
        self.assertEqual((incident["tenant"], incident["state"]), ("warroom", "triggered"))
        self.world.start_mailbox()
        wait_for("it can be reached", lambda: "event=concern_over" in self.world.log("collector"))
        wait_for("that is on disk", lambda: self.world.must(
            "incident", "show", incident["id"])["incident"]["resolved_by"] == "recovery")

    def test_somebody_outside_hears_from_a_collector_that_is_well(self):
        self.world.start_collector()
        wait_for("he is fed", self.fed)
        self.assertEqual(self.world.pages("outside")[0]["path"], "/alive?key=hidden")
        wait_for("he is fed again", lambda: self.fed() >= 2)
        self.assertNotIn("hidden", self.world.log("collector"))

    def test_he_is_left_alone_when_the_disk_takes_nothing(self):
        self.world.small_disk("16m")
        self.world.start_collector()
        self.world.live_event()
        wait_for("he is fed", self.fed)
        fill_until_fault(self.world)
        fed = self.fed()
        wait_for("he is not", lambda: "event=dead_man_not_fed" in self.world.log("collector"))
        self.assertLessEqual(self.fed() - fed, 1)  # of the moment before it was declared
        fed = self.fed()
        os.unlink(self.world.folder / "state/filler")
        wait_for("he is again", lambda: self.fed() > fed)


if __name__ == "__main__":
    unittest.main()
