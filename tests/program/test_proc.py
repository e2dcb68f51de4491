"""A /proc that is missing, empty, cut or full of junk takes its own series away and nothing else; it is said once."""
import concurrent.futures
import json
import shutil
import signal
import unittest

from world import World, wait_for

# A file of /proc, and what only it can tell: names of series begin with one of these.
OWNS = {
    "stat": ("system.cpu.utilization", "system.cpu.logical.count", "system.cpu.context_switch", "system.process.count",
             "system.process.created"),
    "loadavg": ("system.cpu.load_average", "system.thread.count"),
    "uptime": ("system.uptime",),
    "meminfo": ("system.memory.", "system.paging.limit", "system.paging.usage"),
    "vmstat": ("system.paging.operation", "system.paging.fault", "system.memory.oom_kill", "system.paging."),
    "pressure/cpu": ("system.pressure.stall.utilization{level=some,resource=cpu}",),
    "pressure/io": ("system.pressure.stall.utilization{level=some,resource=io}",
                    "system.pressure.stall.utilization{level=full,resource=io}"),
    "pressure/memory": ("system.pressure.stall.utilization{level=some,resource=memory}",
                        "system.pressure.stall.utilization{level=full,resource=memory}"),
    "diskstats": ("system.disk.",),
    "sys/fs/file-nr": ("system.file_descriptor.",),
    "1/mountinfo": ("system.filesystem.",),
    "1/net/dev": ("system.network.io", "system.network.packet", "system.network.error", "system.network.dropped"),
    "1/net/snmp": ("system.network.connection.", "system.network.tcp.", "system.network.udp."),
    "1/net/netstat": ("system.network.tcp.", "system.network.connection."),
    "1/net/sockstat": ("system.network.connection.count{state=time_wait}", "system.network.connection.orphan",
                       "system.network.tcp.memory", "system.network."),
}
OPTIONAL = ("pressure/cpu", "pressure/io", "pressure/memory", "sys/fs/file-nr")  # kernels without them are well
AS_NAMED = {"1/mountinfo": "self/mountinfo", "1/net/dev": "net/dev", "1/net/snmp": "net/snmp",
            "1/net/netstat": "net/netstat", "1/net/sockstat": "net/sockstat"}  # the names people know them by


def missing(file):
    file.unlink()


def empty(file):
    file.write_bytes(b"")


def cut(file):
    file.write_bytes(file.read_bytes()[:3])


def junk(file):
    file.write_bytes(bytes(range(256)) * 64)


class Once(unittest.TestCase):
    """`--once` of a captured host, each file broken in each way."""

    def series(self, world, procfs):
        status, out, error = world.run("warroom-agent", "--once", "--format", "json", "--procfs", procfs)
        self.assertEqual(status, 0, error)
        said = [line for line in error.splitlines() if "event=reader_file_failing" in line]
        return {(one["metric"], one.get("instance")) for one in json.loads(out)["series"]}, said

    def look(self, world, whole, name, how):
        """What is wrong with what the agent makes of this breakage; nothing if all is well."""
        procfs = world.folder / f"{name.replace('/', '-')}-{how.__name__}"
        shutil.copytree(world.host.folder, procfs, symlinks=True)
        how(procfs / name)
        left, said = self.series(world, procfs)
        faults = []
        lost = whole - left
        if not lost:
            faults.append("took nothing away")
        faults += [f"took {metric} away" for metric, _ in lost if not metric.startswith(OWNS[name])]
        faults += [f"brought {metric}" for metric, _ in left - whole]
        silent = how is missing and name in OPTIONAL
        if len(said) != (0 if silent else 1):
            faults.append(f"was said {len(said)} times")
        elif said and f"file={AS_NAMED.get(name, name)} " not in said[0]:
            faults.append(f"was told as {said[0]}")
        return [f"{name} {how.__name__}: {fault}" for fault in faults]

    def test_each_file_takes_only_its_own_series_with_it(self):
        with World() as world, concurrent.futures.ThreadPoolExecutor(12) as pool:
            whole, said = self.series(world, world.host.folder)
            self.assertGreater(len(whole), 80)
            self.assertEqual(said, [])
            ways = [(name, how) for name in OWNS for how in (missing, empty, cut, junk)]
            faults = pool.map(lambda way: self.look(world, whole, *way), ways)
            self.assertEqual([fault for some in faults for fault in some], [])

    def test_a_folder_without_any_of_them_is_no_reason_to_fail(self):
        with World() as world:
            bare = world.folder / "bare"
            bare.mkdir()
            left, said = self.series(world, bare)
            self.assertFalse({metric for metric, _ in left if not metric.startswith("warroom.")})
            self.assertEqual(len(said), len(set(said)))
            self.assertGreaterEqual(len(said), 10)

    def test_a_folder_that_is_not_there_is(self):
        with World() as world:
            status, out, error = world.run("warroom-agent", "--once", "--procfs", world.folder / "nowhere")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("nowhere: No such file or directory", error)


class Running(unittest.TestCase):
    """The agent lives through it, tick after tick."""

    def lines(self, world, event, name):
        return [line for line in world.log("agent").splitlines()
                if f"event={event} " in line and f"file={name}" in line.split()]

    def points(self, world, metric):
        answer = world.must("query", "web-1", metric, "--from", "-10m", "--points", "1000")
        return sum(point[4] for series in answer["series"] for point in series["points"])

    def test_it_is_said_once_when_it_fails_and_once_when_it_is_well(self):
        with World() as world:
            world.begin()
            file = world.host.folder / "loadavg"
            whole = file.read_bytes()
            for turn, how in enumerate((empty, cut, junk), 1):
                how(file)
                wait_for("it is said", lambda turn=turn: len(self.lines(world, "reader_file_failing", "loadavg")) == turn)
                without = self.points(world, "system.cpu.load_average.1m")
                seen = self.points(world, "system.memory.utilization")
                wait_for("other series go on", lambda seen=seen: self.points(world, "system.memory.utilization") > seen + 2)
                self.assertLessEqual(self.points(world, "system.cpu.load_average.1m"), without + 1)
                self.assertEqual(len(self.lines(world, "reader_file_failing", "loadavg")), turn)
                file.write_bytes(whole)
                wait_for("it is well", lambda turn=turn: len(self.lines(world, "reader_file_well", "loadavg")) == turn)
                without = self.points(world, "system.cpu.load_average.1m")
                wait_for("its series go on",
                         lambda without=without: self.points(world, "system.cpu.load_average.1m") > without)
            self.assertEqual(len(self.lines(world, "reader_file_failing", "loadavg")), 3)
            self.assertEqual(len(self.lines(world, "reader_file_well", "loadavg")), 3)

    def test_the_agent_outlives_all_of_it_at_once(self):
        with World() as world:
            world.begin()
            whole = {name: (world.host.folder / name).read_bytes() for name in OWNS}
            for how in (junk, cut, empty):  # in place: the agent keeps its files open
                for name in OWNS:
                    how(world.host.folder / name)
                world.wait_for_stored_ticks(2)
                for name, text in whole.items():
                    (world.host.folder / name).write_bytes(text)
                world.wait_for_stored_ticks(2)
            self.assertTrue(world.alive("agent"))
            world.host.use_memory(0.97)
            wait_for("and a crossing is a crossing", lambda: world.incident_with("delivered"))
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)

    def test_a_silent_file_does_not_make_an_incident_end(self):
        with World() as world:
            world.begin()
            world.host.use_memory(0.97)
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            empty(world.host.folder / "meminfo")
            wait_for("its series is unknown", lambda: world.must("status")["alerts"]["unknown"] == 1)

            def states():
                return [alert["state"] for alert in world.must("incident", "show", incident["id"])["alerts"]]
            wait_for("that is on record", lambda: states() == ["unknown"])
            world.wait_for_stored_ticks(2)
            self.assertIsNone(world.incidents()[0]["resolved"])
            world.host.use_memory(0.30)
            self.assertIn("resolved", wait_for("it ends by data", lambda: world.incident_with("resolved")))


if __name__ == "__main__":
    unittest.main()
