"""The collector's disk is nearly full, or full: the collector says so, pages all the same, takes no sample it cannot keep, and goes on by
itself when there is room.

Needs root: the state lies on a small disk of its own, made by mount.
"""
import os
import signal
import unittest

from disk import critical_incidents, critical_pages, faults, fill_until_fault, firing, resolved
from test_signals import Left
from world import World, wait_for


class Full(Left):
    def test_people_are_paged_all_the_same_and_all_is_on_record_later(self):
        with World() as world:
            world.small_disk("16m")
            world.begin()
            wait_for("a tick is stored", world.stored)
            fill_until_fault(world)
            self.assertIn("event=store_fault_declared", world.log("collector"))
            wait_for("the agent hears it", lambda: "event=collector_busy" in world.log("agent"))

            own = wait_for("the collector's own incident is paged", lambda: firing(world, "cannot be written"))[0]
            self.assertIn("cannot be written: disk full; make room", own["commonAnnotations"]["summary"])
            self.assertEqual(own["commonAnnotations"]["unrecorded"], "true")
            world.host.use_memory(0.97)
            page = wait_for("the page goes out all the same", lambda: firing(world, "Memory nearly full"))[0]
            self.assertEqual(page["commonAnnotations"]["unrecorded"], "true")
            self.assertTrue(world.must("status")["store"]["faults"])
            status, _, error = world.console("event", "close", "sale")
            self.assertEqual(status, 1)
            self.assertIn("it holds, but the disk cannot record it now; the collector keeps trying", error)

            os.unlink(world.folder / "state/filler")
            wait_for("the fault ends", lambda: not world.must("status")["store"]["faults"])
            self.assertIn("event=store_fault_ended", world.log("collector"))
            wait_for("those who were paged are told", lambda: resolved(world, "cannot be written"))
            wait_for("both pages are on record", lambda: all(row["delivered"] for row in critical_incidents(world)))
            before = world.incidents()
            self.assertEqual(len(critical_incidents(world)), 2, "the disk, and the memory; the host was never silent")
            samples = world.must("status")["store"]["ticks"]
            wait_for("ticks are stored again", lambda: world.must("status")["store"]["ticks"] > samples)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            world.kill("collector")  # whatever was only in memory is gone now
            self.assert_one_run(world)
            self.assert_nothing_refused(world)
            world.start_collector()
            after = world.incidents()
            self.assertEqual([(row["id"], row["crossed"], row["delivered"]) for row in after],
                             [(row["id"], row["crossed"], row["delivered"]) for row in before])
            self.assertEqual(world.must("event", "show", "sale")["event"]["state"], "closed")
            self.assertEqual(len(critical_pages(world)), 2, "nobody is paged twice")

    def test_a_collector_stopped_in_a_fault_says_what_it_could_not_write(self):
        with World() as world:
            world.small_disk("16m")
            world.begin()
            wait_for("a tick is stored", world.stored)
            fill_until_fault(world)
            world.kill("collector", signal.SIGTERM)
            self.assertIn("event=store_lost", world.log("collector"))
            os.unlink(world.folder / "state/filler")
            world.start_collector()
            wait_for("the agent brings its ticks", lambda: world.must("status")["store"]["ticks"] > 5)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world)

    def test_a_disk_that_is_nearly_full_is_warned_of_before_it_is(self):
        with World() as world:
            world.small_disk("32m")
            world.begin()
            wait_for("a tick is stored", world.stored)
            free = os.statvfs(world.folder / "state")
            with open(world.folder / "state/filler", "wb") as file:
                file.write(b"\0" * (free.f_bavail * free.f_frsize - (1 << 20)))
            page = wait_for("the warning is paged", lambda: firing(world, "nearly full"))[0]
            self.assertEqual(page["commonLabels"]["severity"], "warning")
            self.assertEqual(page["commonAnnotations"]["unrecorded"], "false")
            self.assertIn("The disk is nearly full", faults(world)[0])
            own = world.must("ledger", "list", "--tenant", "warroom", "--kind", "incident")["entries"]
            self.assertEqual([(entry["body"]["what"], entry["body"]["severity"]) for entry in own], [("opened", "warning")])
            os.unlink(world.folder / "state/filler")
            wait_for("it is over", lambda: resolved(world, "nearly full"))
            self.assertEqual(faults(world), [])
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world)


if __name__ == "__main__":
    unittest.main()
