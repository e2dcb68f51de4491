"""The collector's disk is read-only or hangs: the collector says so, pages all the same, and goes on by itself when the disk does.

Needs root: the state lies on a disk of its own, made by mount.
"""
import signal
import unittest

from disk import faults, FileDisk, firing, resolved, tool
from test_signals import Left
from world import World, wait_for


class Failing(Left):
    def assert_it_pages_unrecorded(self, world):
        world.host.use_memory(0.97)
        page = wait_for("the page goes out all the same", lambda: firing(world, "Memory nearly full"))[0]
        self.assertEqual(page["commonAnnotations"]["unrecorded"], "true")

    def assert_it_goes_on(self, world):
        wait_for("those who were paged are told that it is over", lambda: resolved(world, "cannot be written"))
        self.assertEqual(faults(world), [])
        world.wait_for_stored_ticks(3)
        wait_for("both pages are on record", lambda: all(row["delivered"] for row in world.incidents()))
        self.assertEqual(len(firing(world)), 2, "nobody is paged twice")

    def test_a_read_only_disk_is_said_and_mounted_anew_it_goes_on(self):
        with World() as world:
            disk = FileDisk(world)
            world.begin()
            wait_for("a tick is stored", world.stored)
            disk.break_down()
            own = wait_for("it is paged", lambda: firing(world, "cannot be written"))[0]
            self.assertIn("disk read-only; mount it for writing", own["commonAnnotations"]["summary"])
            self.assertEqual(own["commonAnnotations"]["unrecorded"], "true")
            self.assertIn("the file of tenant acme cannot be written", faults(world))
            self.assert_it_pages_unrecorded(world)
            wait_for("the agent holds its ticks", lambda: "event=collector_busy" in world.log("agent"))
            disk.replace()
            self.assert_it_goes_on(world)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world)
            self.assert_nothing_refused(world)

    def test_a_disk_that_hangs_is_said_and_goes_on(self):
        with World() as world:
            FileDisk(world)
            world.begin()
            wait_for("a tick is stored", world.stored)
            tool("fsfreeze", "-f", world.folder / "state")
            try:
                own = wait_for("it is paged", lambda: firing(world, "cannot be written"))[0]
                self.assertIn("the disk does not answer", own["commonAnnotations"]["summary"])
                self.assert_it_pages_unrecorded(world)
            finally:
                tool("fsfreeze", "-u", world.folder / "state")
            self.assert_it_goes_on(world)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world)
            self.assert_nothing_refused(world)


if __name__ == "__main__":
    unittest.main()
