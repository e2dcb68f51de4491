"""500 hosts in 50 groups cross at once, while one robot takes 20 messages a minute and the mail relay is down: each incident is told to
somebody in time, nothing is dropped, no limit is exceeded, and the record says how."""
import collections
import unittest

from storming import BUDGET_S, PER_MINUTE, Storm, most_in_a_minute, stamp
from world import wait_for


class AStorm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.storm = storm = cls.enterClassContext(Storm())
        storm.begin()
        storm.order("cross")
        wait_for("each incident is told to somebody", storm.is_told)
        wait_for("each by both of them, of all its hosts", lambda: all(
            cls.is_told_to_both(one) and len(one["alerts"]) == storm.hosts // storm.groups for one in storm.shown()))
        cls.shown, cls.messages = storm.shown(), storm.messages()
        cls.attempts = [entry["body"] for entry in storm.attempts()]

    @staticmethod
    def is_told_to_both(shown):
        return {page["contact"] for page in shown["pages"] if page["state"] == "delivered"} == {"alice", "bob"}

    def test_one_incident_a_group_with_all_its_hosts(self):
        groups = sorted(one["incident"]["group"] for one in self.shown)
        self.assertEqual(groups, [f"shelf-{n:02}" for n in range(self.storm.groups)])
        self.assertEqual({len(one["alerts"]) for one in self.shown}, {self.storm.hosts // self.storm.groups})

    def test_each_is_told_within_its_ten_minutes(self):
        for one in self.shown:
            incident = one["incident"]
            self.assertLessEqual(stamp(incident["crossed"]), stamp(incident["detected"]))
            self.assertLessEqual(stamp(incident["delivered"]) - stamp(incident["crossed"]), BUDGET_S)
            self.assertFalse(incident["breached"])
        self.assertLessEqual({one["incident"]["id"] for one in self.shown}, self.storm.named())  # and not only counted as told

    def test_the_robot_is_never_sent_more_than_it_takes(self):
        self.assertEqual([message for message in self.messages if message[0] != 0], [])
        self.assertLessEqual(most_in_a_minute([at for _, at, _ in self.messages]), PER_MINUTE)

    def test_pages_go_together(self):
        pages = [page for one in self.shown for page in one["pages"] if page["channel"] == "robot" and page["state"] == "delivered"]
        self.assertEqual(len(pages), 2 * self.storm.groups)
        self.assertLess(len(self.messages), len(pages) // 2)
        # The record of each says with which it went.
        tried = [body for body in self.attempts if body["channel"] == "robot" and body["for"] == "trigger"]
        self.assertEqual(sorted(body["page"] for body in tried), sorted(page["id"] for page in pages))
        of_message = collections.Counter(body["message"] for body in tried)
        for body in tried:  # what the collector says of the relay itself may have gone with them: that is another ledger's
            self.assertIn(body["with"] + 1 - of_message[body["message"]], (0, 1), body)
        most = max(body["with"] for body in tried) + 1
        self.assertGreaterEqual(most, 10)
        self.assertTrue(any(f"] {most} incidents, first: " in text for _, _, text in self.messages))

    def test_who_is_paged_by_mail_is_told_by_the_robot_and_the_record_says_why(self):
        for one in self.shown:
            first, spill = sorted((page for page in one["pages"] if page["contact"] == "alice"), key=lambda page: page["class"])
            self.assertEqual((first["class"], first["channel"], first["state"]), ("first", "mail", "queued"))
            self.assertEqual((spill["class"], spill["channel"], spill["state"]), ("spill", "robot", "delivered"))
            self.assertRegex(spill["text"], "^mail is down: .*connect")
        spilled = [body for body in self.attempts if body["class"] == "spill"]
        self.assertEqual(len(spilled), self.storm.groups)
        self.assertTrue(all(body["why"].startswith("mail is down: ") and body["what"] == "delivered" for body in spilled))

    def test_nothing_is_dropped(self):
        states = {page["state"] for one in self.shown for page in one["pages"]}
        self.assertEqual(states, {"queued", "delivered"})
        self.assertEqual({len(one["pages"]) for one in self.shown}, {3})

    def test_the_ledger_is_whole(self):
        self.assertEqual(self.storm.console("ledger", "verify", "acme")[0], 0)


if __name__ == "__main__":
    unittest.main()
