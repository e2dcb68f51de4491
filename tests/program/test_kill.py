"""kill -9 at the worst moments: the page still goes out, and nothing is stored twice or lost."""
import signal
import sqlite3
import unittest

from world import World, wait_for


def stored_intervals(world):
    """(run, first, last) of every stored interval, and the ticks held for each run, straight from the tenant's file."""
    with sqlite3.connect(f"file:{world.folder}/state/tenant-1.db?mode=ro", uri=True) as db:
        intervals = db.execute("SELECT run, first, last FROM interval ORDER BY run, first").fetchall()
        batches = db.execute("SELECT run, first, n FROM batch ORDER BY run, first").fetchall()
    return intervals, batches


class Killed(unittest.TestCase):
    def check_nothing_twice(self, world):
        intervals, batches = stored_intervals(world)
        held = {}
        for run, first, count in batches:
            for number in range(first, first + count):
                self.assertNotIn(number, held.setdefault(run, set()), f"tick {number} of run {run} is stored twice")
                held[run].add(number)
        for run, first, last in intervals:
            numbers = set(range(first, last + 1))
            self.assertLessEqual(numbers, held[run], f"run {run} says it holds {first}..{last}, but does not")
            held[run] -= numbers
        self.assertFalse(any(held.values()), "ticks are held that no interval names")
        return intervals

    def test_the_collector_dies_between_commit_and_page(self):
        with World() as world:
            world.begin()
            world.kill("receiver")
            world.host.use_memory(0.97)
            incident = wait_for("the incident is on disk", lambda: world.incident_with("detected"))
            self.assertIsNone(incident["delivered"])
            world.kill("collector")
            world.start_receiver()
            world.start_collector()
            after = wait_for("the page goes out after all", lambda: world.incident_with("delivered"))
            self.assertEqual(after["id"], incident["id"])
            self.assertEqual(after["crossed"], incident["crossed"])
            self.assertEqual(len([page for page in world.pages() if page["page"]["status"] == "firing"]), 1)

    def test_the_collector_dies_while_the_page_is_under_way(self):
        with World() as world:
            world.begin(answer="hang")
            world.host.use_memory(0.97)
            wait_for("the receiver has the page", world.pages)
            world.kill("collector")
            world.kill("receiver")
            world.start_receiver()
            world.start_collector()
            wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            first, second = world.pages()[:2]
            self.assertEqual(first["key"], second["key"])
            incident = world.incidents()[0]
            page = world.must("incident", "show", incident["id"])["pages"][0]
            self.assertTrue(page["possible_copy"])

    def test_a_page_that_was_delivered_is_not_sent_again(self):
        with World() as world:
            world.begin()
            world.host.use_memory(0.97)
            wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            ticks = world.must("status")["store"]["ticks"]
            self.assertGreater(ticks, 0)
            world.kill("collector")
            world.start_collector()
            wait_for("ticks come in again", lambda: world.must("status")["store"]["ticks"] >= 3)
            self.assertEqual(len(world.pages()), 1)
            self.assertEqual(len(world.incidents()), 1)

    def test_the_collector_dies_and_no_tick_is_lost_or_stored_twice(self):
        with World() as world:
            world.begin()
            for _ in range(3):
                seen = world.must("status")["store"]["ticks"]
                wait_for("more ticks are stored", lambda: world.must("status")["store"]["ticks"] > seen + 1)
                world.kill("collector")
                world.start_collector()
            wait_for("ticks come in again", lambda: world.must("status")["store"]["ticks"] >= 2)
            world.kill("agent", signal.SIGTERM)
            intervals = self.check_nothing_twice(world)
            self.assertEqual(len(intervals), 1, "one run without a gap is one interval")
            self.assertEqual(intervals[0][1], 1)

    def test_the_agent_dies_between_send_and_ack(self):
        with World() as world:
            world.begin()
            for _ in range(2):
                seen = world.must("status")["store"]["ticks"]
                wait_for("ticks are stored", lambda: world.must("status")["store"]["ticks"] > seen)
                world.signal("collector", signal.SIGSTOP)
                sent = wait_for_sent(world)
                self.assertGreater(sent, 0)
                world.kill("agent")
                world.signal("collector", signal.SIGCONT)
                world.start_agent()
                wait_for("the host reports again", world.reports_each_second)
            intervals = self.check_nothing_twice(world)
            self.assertGreaterEqual(len({run for run, _, _ in intervals}), 3)


def wait_for_sent(world):
    """Bytes the agent has sent that the stopped collector has not read."""
    def unread():
        with open("/proc/net/tcp", encoding="ascii") as file:
            lines = file.readlines()[1:]
        for line in lines:
            fields = line.split()
            local_port = int(fields[1].split(":")[1], 16)
            if local_port == world.port and fields[3] == "01":
                waiting = int(fields[4].split(":")[1], 16)
                if waiting > 0:
                    return waiting
        return 0
    return wait_for("a report waits at the collector", unread)


if __name__ == "__main__":
    unittest.main()
