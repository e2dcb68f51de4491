"""The collector's disk is full, read-only, hangs, or a file on it is damaged: the collector says so, pages all the same,
takes no sample it cannot keep, and goes on by itself when the disk does.

Needs root: the state lies on a small disk of its own, made by mount.
"""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import unittest

from test_signals import Left
from world import World, wait_for


def pages_with(world, status, text):
    pages = [one["page"] for one in world.pages()]
    return [page for page in pages if page["status"] == status and text in page["commonAnnotations"]["summary"]]


def firing(world, text=""):
    return pages_with(world, "firing", text)


def resolved(world, text=""):
    return pages_with(world, "resolved", text)


def critical_pages(world):
    return [page for page in firing(world) if page["commonLabels"]["severity"] == "critical"]


def critical_incidents(world):
    """Without the warnings: that the disk is nearly full, before it is; what the event's closing round finds missing."""
    return [row for row in world.incidents() if row["severity"] == "critical"]


def faults(world):
    return world.must("status")["store"]["faults"]


def tool(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


# ---- disks

def fill(world):
    """Takes every free byte, also those that the collector gives back meanwhile."""
    with open(world.folder / "state/filler", "ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


def fill_until_fault(world):
    def is_at_fault():
        fill(world)
        return "the file of tenant acme cannot be written" in faults(world)
    wait_for("the fault of the tenant's file is declared", is_at_fault)


class FileDisk:
    """A file system in a file, that can be frozen, and that the kernel itself makes read-only when told of an error."""

    def __init__(self, world):
        self.state = world.folder / "state"
        self.image = world.folder / "disk"
        self.state.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        tool("mkfs.ext4", "-q", "-m", "0", self.image)
        self.mount()
        world.mounted = True

    def mount(self):
        tool("mount", "-o", "loop,errors=remount-ro", self.image, self.state)

    def break_down(self):
        device = subprocess.run(["findmnt", "-no", "SOURCE", self.state], check=True, capture_output=True, text=True)
        name = pathlib.Path(device.stdout.strip()).name
        pathlib.Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("broken by a test", encoding="ascii")

    def replace(self):
        """What was on it is copied to another one, and that is put in its place, under the running collector."""
        whole = self.image.with_name("disk-2")
        shutil.copyfile(self.image, whole)
        subprocess.run(["e2fsck", "-fy", whole], check=False, capture_output=True)  # 1: it mended something
        tool("umount", "-l", self.state)
        self.image = whole
        self.mount()


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
