"""Ticks the collector has not stored wait on the agent's disk: neither a kill nor an outage costs one, and a disk that
cannot be written costs nothing but memory."""
import contextlib
import re
import signal
import subprocess
import unittest

from world import BIN, World, wait_for

QUICK = "interval: 100ms\n"  # while there is no collector to say otherwise


def runs(world):
    """{run: [(first, last), ...]} as the collector holds them; every tick of them was seen to be there exactly once."""
    held = {}
    for run, first, last in world.stored():
        held.setdefault(run, []).append((first, last))
    return held


def segments(world):
    return sorted(path.name for path in (world.folder / "spool").glob("*.spool"))


def spooled(world):
    """Records of ticks in the spool, by their frames: docs/spool.md."""
    return sum(len(re.findall(rb"\xd7WRS.{11}\x03", path.read_bytes(), re.DOTALL))
               for path in (world.folder / "spool").glob("*.spool"))


def wait_for_spooled_ticks(world, ticks):
    """Until so many more ticks are in the spool."""
    before = spooled(world)
    wait_for(f"{ticks} more ticks are in the spool", lambda: spooled(world) >= before + ticks)


def left(world):
    """What the agent said when it left: {key: count}."""
    line = re.findall(r"event=agent_left (.*)", world.log("agent"))[-1]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


@contextlib.contextmanager
def small_disk(folder, size):
    """A disk of its own. Needs root, as mount does."""
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "warroom-test", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def grow_disk(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


class Spool(unittest.TestCase):
    def without_collector(self, world, agent_too=False):
        """A host the collector knows, an agent that has delivered a few ticks; then there is no collector."""
        world.begin()
        world.wait_for_stored_ticks(3)
        if agent_too:
            world.kill("agent", signal.SIGTERM)
            self.assertEqual(left(world)["undelivered"], 0)
        world.kill("collector")
        with open(world.folder / "agent.yaml", "a", encoding="utf-8") as file:
            file.write(QUICK)

    def assert_whole(self, world, count):
        """Every tick of so many runs is stored exactly once, from the first on."""
        held = wait_for(f"{count} runs without a gap", lambda: (lambda held: held if len(held) == count and all(
            len(parts) == 1 and parts[0][0] == 1 for parts in held.values()) else None)(runs(world)))
        self.assertEqual(len(held), count)
        self.assertNotIn("event=spool_unreadable", world.log("agent"))
        self.assertNotIn("event=batch_refused", world.log("agent"))
        return held

    def test_kills_and_an_outage_cost_no_tick_and_store_none_twice(self):
        with World() as world:
            self.without_collector(world)
            wait_for_spooled_ticks(world, 2)
            world.kill("agent")
            world.start_agent()
            wait_for_spooled_ticks(world, 30)
            world.kill("agent")
            world.start_agent()
            wait_for_spooled_ticks(world, 15)
            world.start_collector()
            self.assert_whole(world, 3)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assertEqual(segments(world), [], "what is delivered does not stay")
            self.assertEqual(left(world)["undelivered"], 0)

    def test_an_agent_that_leaves_in_an_outage_leaves_its_ticks_on_disk(self):
        with World() as world:
            self.without_collector(world, agent_too=True)
            world.start_agent()
            wait_for_spooled_ticks(world, 10)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            said = left(world)
            self.assertGreaterEqual(said["undelivered"], 10)
            self.assertEqual(said["spooled"], said["undelivered"])
            world.start_agent()
            world.start_collector()
            held = self.assert_whole(world, 3)
            self.assertIn([(1, said["undelivered"])], list(held.values()), "what it left is what was delivered")

    def test_a_full_disk_costs_nothing_while_memory_lasts_and_is_used_again_when_it_has_room(self):
        with World() as world, small_disk(world.folder / "spool", "24k"):
            self.without_collector(world)
            world.kill("agent")
            world.start_agent()
            wait_for("the disk is full", lambda: "event=spool_failing" in world.log("agent"))
            self.assertIn("No space left on device", world.log("agent"))
            world.wait_for_ticks(30)
            self.assertEqual(world.log("agent").count("event=spool_failing"), 1)
            grow_disk(world.folder / "spool", "1m")
            wait_for("the disk is used again", lambda: "event=spool_well" in world.log("agent"))
            wait_for_spooled_ticks(world, 3)
            world.kill("agent")  # what was in memory meanwhile is on disk now
            world.start_agent()
            world.start_collector()
            self.assert_whole(world, 3)

    def test_a_full_disk_gets_room_by_what_is_delivered(self):
        with World() as world, small_disk(world.folder / "spool", "24k"):
            self.without_collector(world)
            world.kill("agent")
            world.start_agent()
            wait_for("the disk is full", lambda: "event=spool_failing" in world.log("agent"))
            world.start_collector()
            wait_for("the disk is used again", lambda: "event=spool_well" in world.log("agent"))
            self.assert_whole(world, 2)

    def test_two_agents_do_not_share_a_spool(self):
        with World() as world:
            world.begin()
            world.wait_for_stored_ticks(1)
            world.start("second", BIN / "warroom-agent", "--config", world.folder / "agent.yaml")
            pid = world.running["agent"].pid
            wait_for("the second says who holds it", lambda: f"is held by process {pid}" in world.log("second"))
            self.assertTrue(world.alive("second"))
            world.kill("agent")
            wait_for("the second takes it over", lambda: "event=spool_well" in world.log("second"))


if __name__ == "__main__":
    unittest.main()
