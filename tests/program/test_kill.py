"""kill -9 at the worst moments: the page still goes out, and nothing is stored twice or lost."""
import signal
import unittest

from world import World, wait_for


class Killed(unittest.TestCase):
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
            intervals = world.stored()
            self.assertEqual(len(intervals), 1, "one run without a gap is one interval")
            self.assertEqual(intervals[0][1], 1)

    def test_the_agent_dies_between_send_and_ack(self):
        with World() as world:
            world.begin()
            for runs in (1, 2):
                wait_for("ticks of this run are stored", lambda runs=runs: runs_stored(world) == runs)
                world.signal("collector", signal.SIGSTOP)
                sent = wait_for_sent(world)
                self.assertGreater(sent, 0)
                world.kill("agent")
                world.signal("collector", signal.SIGCONT)
                world.start_agent()
            wait_for("ticks of the third run are stored", lambda: runs_stored(world) == 3)


def runs_stored(world):
    return len({run for run, _, _ in world.stored()})


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
