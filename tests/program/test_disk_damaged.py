"""A file of the collector is damaged: the collector says so, pages all the same, and takes the file back when it was restored."""
import json
import os
import shutil
import signal
import sqlite3
import unittest

from disk import firing, resolved
from test_signals import Left
from world import World, wait_for


class Damaged(Left):
    def back_up(self, world):
        with sqlite3.connect(f"file:{world.folder}/state/tenant-1.db?mode=ro", uri=True) as db, \
                sqlite3.connect(world.folder / "backup.db") as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        db.close()
        copy.close()

    def spoil(self, world):
        path = world.folder / "state/tenant-1.db"
        size = path.stat().st_size
        with open(path, "r+b") as file:
            file.write(b"this is no database " * (size // 20))

    def restore(self, world):
        """As docs/storage.md tells an operator to."""
        for path in (world.folder / "state").glob("tenant-1.db*"):
            path.rename(world.folder / f"broken-{path.name}")
        shutil.copyfile(world.folder / "backup.db", world.folder / "state/restored")
        os.rename(world.folder / "state/restored", world.folder / "state/tenant-1.db")

    def events(self, world):
        """None while the collector is between its two lives."""
        status, output, _ = world.console("event", "list", "--json")
        return json.loads(output)["events"] if status == 0 else []

    def assert_it_is_said(self, world):
        own = wait_for("it is paged", lambda: firing(world, "cannot be written"))[0]
        self.assertIn("The store of tenant acme cannot be written: file damaged; restore it from a backup",
                      own["commonAnnotations"]["summary"])
        self.assertEqual(own["commonAnnotations"]["unrecorded"], "false", "its own file is well")
        wait_for("the fault is declared", lambda: "event=store_fault_declared file=tenant-1.db" in world.log("collector"))

    def test_a_file_damaged_at_run_time_is_said_and_taken_back_when_restored(self):
        with World() as world:
            world.begin()
            wait_for("ticks are stored", lambda: world.samples_stored() and world.stored())
            self.back_up(world)
            self.spoil(world)
            status, _, error = world.console("incident", "list", "--all")  # whoever reads it finds out
            self.assertEqual(status, 1, error)
            self.assert_it_is_said(world)
            world.host.use_memory(0.97)
            page = wait_for("the page goes out all the same", lambda: firing(world, "Memory nearly full"))[0]
            self.assertEqual(page["commonAnnotations"]["unrecorded"], "true")
            wait_for("the agent holds its ticks", lambda: "event=collector_busy" in world.log("agent"))
            self.restore(world)
            wait_for("it is over", lambda: resolved(world, "cannot be written"))
            world.wait_for_stored_ticks(3)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            intervals = world.stored()
            self.assertLessEqual(len(intervals), 2, "only what was stored after the backup is missing")
            world.kill("collector")
            world.start_collector()
            self.assertTrue(any("Memory nearly full" in row["title"] for row in world.incidents()))

    def test_a_file_damaged_while_the_collector_was_away_is_left_out_until_it_is_restored(self):
        with World() as world:
            world.begin()
            wait_for("ticks are stored", lambda: world.samples_stored() and world.stored())
            world.kill("collector", signal.SIGTERM)
            shutil.copyfile(world.folder / "state/tenant-1.db", world.folder / "backup.db")
            self.spoil(world)
            world.start_collector()
            self.assert_it_is_said(world)
            wait_for("the agent holds its ticks", lambda: "event=collector_busy" in world.log("agent"))
            self.restore(world)
            wait_for("it takes up what it could not read, by itself", lambda: any(
                event["state"] == "live" for event in self.events(world)))
            self.assertIn("event=collector_starts_anew", world.log("collector"))
            wait_for("it is over", lambda: resolved(world, "cannot be written"))
            world.wait_for_stored_ticks(1)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world)

    def test_a_registry_that_is_damaged_is_said_and_nothing_starts(self):
        with World() as world:
            world.begin()
            world.kill("collector", signal.SIGTERM)
            path = world.folder / "state/registry.db"
            path.write_bytes(b"this is no database " * 300)
            status, _, error = world.run("warroom-collector", "--config", world.folder / "collector.yaml")
            self.assertEqual(status, 1)
            self.assertIn("registry.db", error)
            self.assertIn("event=collector_not_started", error)


if __name__ == "__main__":
    unittest.main()
