"""Told to leave, left alone: every tick is stored once, and whoever must hear of it does."""
import re
import signal
import unittest

from world import World, wait_for


class Left(unittest.TestCase):
    """The one run of the agent is stored from its first tick to its last, without a gap."""

    def assert_one_run(self, world, at_least=1):
        intervals = world.stored()
        self.assertEqual(len(intervals), 1, f"one run without a gap is one interval, not {intervals}")
        _, first, last = intervals[0]
        self.assertEqual(first, 1)
        self.assertGreaterEqual(last, at_least)
        return last

    def assert_nothing_refused(self, world):
        self.assertNotIn("report_refused", world.log("collector"))
        self.assertNotIn("batch_refused", world.log("agent"))


class AgentTold(Left):
    def test_it_delivers_what_is_queued_and_leaves(self):
        with World() as world:
            world.begin()
            wait_for("a tick is stored", world.stored)
            world.signal("collector", signal.SIGSTOP)
            stored = world.stored()[0][2]
            world.wait_for_ticks(3)
            agent = world.running.pop("agent")
            agent.send_signal(signal.SIGTERM)
            wait_for("it says what is queued", lambda: "event=agent_leaving" in world.log("agent"))
            self.assertIsNone(agent.poll(), "it waits for its queue to be taken")
            world.signal("collector", signal.SIGCONT)
            self.assertEqual(agent.wait(60), 0)
            queued = int(re.search(r"event=agent_leaving queued=(\d+)", world.log("agent")).group(1))
            self.assertGreaterEqual(queued, 2)
            # The last tick that was stored before may not have been acknowledged yet: it is one of those queued then.
            self.assert_one_run(world, stored + queued - 1)
            self.assert_nothing_refused(world)

    def test_it_leaves_though_nobody_takes_the_queue(self):
        with World() as world:
            world.begin()
            world.kill("collector")
            world.wait_for_ticks(2)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)

    def test_it_leaves_at_once_when_told_twice(self):
        with World() as world:
            world.begin()
            world.signal("collector", signal.SIGSTOP)
            world.signal("agent", signal.SIGTERM)
            wait_for("it leaves", lambda: "event=agent_leaving" in world.log("agent"))
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)

    def test_interrupted_it_leaves_as_well(self):
        with World() as world:
            world.begin()
            self.assertEqual(world.kill("agent", signal.SIGINT), 0)
            self.assertEqual(world.kill("collector", signal.SIGINT), 0)


class CollectorTold(Left):
    def test_it_acknowledges_what_it_wrote_and_leaves(self):
        with World() as world:
            world.begin()
            for _ in range(3):
                seen = world.must("status")["store"]["ticks"]
                wait_for("more ticks are stored", lambda: world.must("status")["store"]["ticks"] > seen)
                self.assertEqual(world.kill("collector", signal.SIGTERM), 0)
                world.start_collector()
            wait_for("ticks come in again", lambda: world.must("status")["store"]["ticks"] > 0)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assertEqual(world.kill("collector", signal.SIGTERM), 0)
            self.assertEqual(list((world.folder / "state").glob("*-wal")), [], "a clean end leaves no log behind")
            self.assert_one_run(world, 3)
            self.assert_nothing_refused(world)
            self.assertEqual(world.log("collector").count("event=collector_stopping"), 4)

    def test_it_leaves_while_a_page_is_under_way_and_sends_it_again_later(self):
        with World() as world:
            world.begin(answer="hang")
            world.host.use_memory(0.97)
            wait_for("the receiver has the page", world.pages)
            self.assertEqual(world.kill("collector", signal.SIGTERM), 0)
            world.kill("receiver")
            world.start_receiver()
            world.start_collector()
            wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            first, second = world.pages()
            self.assertEqual(first["key"], second["key"])

    def test_what_was_open_before_is_open_after(self):
        with World() as world:
            world.begin()
            world.host.use_memory(0.97)
            before = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            world.kill("collector", signal.SIGTERM)
            world.start_collector()
            self.assertEqual(world.incidents(), [before])
            world.host.use_memory(0.30)
            after = wait_for("the incident resolves", lambda: world.incident_with("resolved"))
            self.assertEqual(after["id"], before["id"])
            self.assertEqual(after["delivered"], before["delivered"])


class CollectorAway(Left):
    def test_the_agent_keeps_its_ticks_until_there_is_a_collector_again(self):
        with World() as world:
            world.begin()
            before = wait_for("a tick is stored", world.stored)[0][2]
            world.kill("collector", signal.SIGTERM)
            world.wait_for_ticks(5)
            world.start_collector()
            wait_for("the backlog is stored", lambda: world.stored()[0][2] >= before + 5)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world, before + 5)
            self.assert_nothing_refused(world)
            self.assertEqual(world.log("agent").count("event=agent_started"), 1)

    def test_a_crossing_while_it_was_away_pages_with_its_own_time(self):
        with World() as world:
            world.begin()
            wait_for("a tick is stored", world.stored)
            world.kill("collector", signal.SIGTERM)
            world.host.use_memory(0.97)
            world.wait_for_ticks(3)
            world.start_collector()
            started = world.must("status")["started"]
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            self.assertLess(incident["crossed"], started)
            self.assertGreaterEqual(incident["detected"], started)


if __name__ == "__main__":
    unittest.main()
