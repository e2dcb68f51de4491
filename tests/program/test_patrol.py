"""Patrol through the console: a live drill has its rounds on record, what they find is an incident, and a shift hands over."""
import unittest

from world import World, wait_for


class Patrol(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.begin()

    def rounds(self, *args):
        return self.world.ask("patrol", "log", "sale", *args)["rounds"]

    def test_rounds_are_on_record_over_a_kill_and_a_shift_hands_over(self):
        world = self.world
        wait_for("the first round", lambda: self.rounds())
        first = self.rounds("--findings")[0]
        self.assertEqual((first["k"], first["phase"], first["state"]), (0, "live", "kept"))
        self.assertEqual(len(first["checks"]), 12)
        unchecked = [check["check"] for check in first["checks"] if not check["checked"]]
        self.assertIn("certificates", unchecked)
        self.assertEqual(first["not_checked"], len(unchecked))

        world.kill("collector")
        world.start_collector()
        self.assertEqual(self.rounds("--findings"), [first])

        handed = world.ask("patrol", "handover", "sale", "--note", "quiet so far")["handover"]
        self.assertIsNone(handed["since"])
        self.assertEqual((handed["note"], handed["rounds"]["kept"], handed["rounds"]["missed"]), ("quiet so far", 1, 0))
        self.assertIn("event", [line["kind"] for line in handed["happened"]])
        again = world.ask("patrol", "handover", "sale", "--note", "nothing since")["handover"]
        self.assertIsNotNone(again["since"])
        self.assertEqual(again["rounds"]["kept"], 0)
        entries = world.ask("ledger", "list", "--event", "sale", "--kind", "handover")["entries"]
        self.assertEqual([entry["body"]["note"] for entry in entries], ["nothing since", "quiet so far"])

    def test_a_handover_says_what_the_next_shift_is_to_know(self):
        code, out, error = self.world.console("patrol", "handover", "sale", "--note", "n" * 4001)
        self.assertEqual((code, out), (2, ""), error)
        self.assertIn("1 to 4000 bytes", error)


if __name__ == "__main__":
    unittest.main()
