"""What was stored is found again: series, latest values, quantiles, the highest, and which seconds have data at all."""
import contextlib
import datetime
import sqlite3
import unittest

from world import World, wait_for

CPU = "system.cpu.utilization"
MEMORY = "system.memory.utilization"


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Query(unittest.TestCase):
    """A host that reported each second, whose agent was away for a while, and then reported until ticks were in blocks."""

    @classmethod
    def setUpClass(cls):
        cls.world = world = cls.enterClassContext(World())
        world.begin()
        world.must("host", "enroll", "never-1", "--tenant", "acme")
        world.wait_for_stored_ticks(5)
        world.kill("agent")
        went = instant(world.must("hosts")["hosts"][0]["last_tick"])
        wait_for("five seconds without an agent", lambda: instant(world.must("status")["now"]) > went + 5)
        world.start_agent()
        wait_for("ticks are in blocks", cls.sealed, 300)
        world.wait_for_stored_ticks(3)
        world.kill("agent")
        world.must("tenant", "add", "globex")
        cls.held = cls.number("SELECT sum(last - first + 1) FROM interval")

    @classmethod
    def number(cls, sql):
        with contextlib.closing(sqlite3.connect(f"file:{cls.world.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchone()[0]

    @classmethod
    def sealed(cls):
        return cls.number("SELECT count(*) FROM block")

    def must(self, *words):
        return self.world.must(*words, "--tenant", "acme")

    def stored(self):
        """Instants of all ticks before now, as the store counts them."""
        now = self.world.must("status")["now"]
        data = self.must("query", "web-1", MEMORY, "--from", "-1h", "--to", now, "--points", "100000")
        return now, [point[0] for point in data["series"][0]["points"]]

    def human(self, *words):
        status, out, error = self.world.console(*words, "--tenant", "acme")
        self.assertEqual((status, error), (0, ""))
        for line in out.splitlines():
            self.assertLessEqual(len(line), 100, line)
        return out

    def test_each_tick_is_found_once_wherever_it_lies(self):
        now, found = self.stored()
        self.assertEqual(found, sorted(set(found)))
        self.assertGreater(len(found), 60)
        self.assertEqual(len(found), self.held)
        minutes = self.must("query", "web-1", MEMORY, "--from", "-1h", "--to", now, "--step", "1m")
        self.assertEqual(minutes["step_s"], 60)
        points = minutes["series"][0]["points"]
        self.assertEqual(sum(point[4] for point in points), len(found))
        self.assertTrue(all(instant(point[0]) % 60 == 0 for point in points))

    def test_steps_with_quantiles(self):
        data = self.must("query", "web-1", MEMORY, "--step", "10s", "--quantiles")
        for _, least, mean, most, count, p95, p99 in data["series"][0]["points"]:
            self.assertGreaterEqual(count, 1)
            self.assertLessEqual(least, mean)
            self.assertAlmostEqual(p95, most, delta=0.02 * most)
            self.assertAlmostEqual(p99, most, delta=0.02 * most)
        self.assertIn("P95", self.human("query", "web-1", MEMORY, "--step", "10s", "--quantiles"))

    def test_latest_values(self):
        values = self.must("query", "latest", "--hosts", "web-*,never-*")["values"]
        self.assertEqual({row["host"] for row in values}, {"web-1"})
        memory = [row for row in values if row["metric"] == MEMORY]
        self.assertAlmostEqual(memory[0]["value"], 0.30, places=2)
        self.assertGreater(len(values), 50)
        few = self.must("query", "latest", "--host", "web-1", "--metric", "system.memory.*")["values"]
        self.assertEqual({row["metric"] for row in few}, {row["metric"] for row in values
                                                          if row["metric"].startswith("system.memory.")})
        self.assertIn("30.0 %", self.human("query", "latest", "--metric", MEMORY))

    def test_quantiles_of_a_range(self):
        data = self.must("query", "quantiles", "system.memory.*", "--from", "-1h")
        row = [row for row in data["quantiles"] if row["metric"] == MEMORY][0]
        self.assertAlmostEqual(row["p95"], 0.30, delta=0.005)
        self.assertGreater(row["count"], 60)
        self.assertFalse(data["whole_days"])
        self.assertIn(MEMORY, self.human("query", "quantiles", MEMORY))
        self.assertTrue(self.must("query", "quantiles", MEMORY, "--from", "-30d")["whole_days"])

    def test_the_highest_hosts(self):
        for by in ("mean", "max", "p95"):
            data = self.must("query", "top", MEMORY, "--by", by)
            self.assertEqual([row["host"]["name"] for row in data["top"]], ["web-1"])
            self.assertAlmostEqual(data["top"][0]["value"], 0.30, delta=0.005)
        self.assertIn("web-1", self.human("query", "top", MEMORY, "--by", "p95"))
        status, _, error = self.world.console("query", "top", MEMORY, "--by", "median", "--tenant", "acme")
        self.assertEqual(status, 2)
        self.assertIn("want mean, max or p95", error)

    def test_coverage_of_an_event(self):
        data = self.must("coverage", "sale")
        self.assertEqual(data["event"], "sale")
        web, never = data["coverage"]
        self.assertEqual((web["host"]["name"], never["host"]["name"]), ("web-1", "never-1"))
        self.assertEqual((never["covered_s"], never["gaps"][0]["cause"]), (0, "before-first"))
        causes = [gap["cause"] for gap in web["gaps"]]
        self.assertEqual((causes[0], causes.count("before-first"), causes.count("agent-down")), ("before-first", 1, 1))
        down = [gap for gap in web["gaps"] if gap["cause"] == "agent-down"][0]
        self.assertGreater(down["gap_s"], 4)
        self.assertAlmostEqual(down["gap_s"], instant(down["to"]) - instant(down["from"]), delta=0.01)
        span = instant(data["to"]) - instant(data["from"])
        self.assertAlmostEqual(web["covered_s"] + sum(gap["gap_s"] for gap in web["gaps"]), span, delta=0.1)
        self.assertAlmostEqual(web["share"], web["covered_s"] / span, places=6)
        out = self.human("coverage", "sale", "--host", "web-1")
        self.assertIn("agent-down", out)
        self.assertNotIn("never-1", out)

    def test_what_cannot_be_asked(self):
        for says, *words in (("that time has not come yet", "coverage", "--from", "2199-01-01T00:00:00Z", "--to",
                              "2199-01-02T00:00:00Z"),
                             ("from is not before to", "query", "quantiles", CPU, "--from", "-1h", "--to", "-2h"),
                             ("more than 100000 steps", "query", "web-1", CPU, "--from", "-10d", "--step", "1s"),
                             ("give --host or --hosts, not both", "coverage", "sale", "--hosts", "web-1", "--host", "never-1"),
                             ("give --host or --hosts, not both", "query", "latest", "--hosts", "web-1", "--host", "web-1"),
                             ("give --points or --step, not both", "query", "web-1", CPU, "--step", "5s", "--points", "7")):
            status, out, error = self.world.console(*words, "--tenant", "acme")
            self.assertEqual((status, out), (2, ""))
            self.assertIn(says, error)
        status, _, error = self.world.console("query", "latest")
        self.assertEqual(status, 2)
        self.assertIn("there are several tenants: say which with --tenant", error)


if __name__ == "__main__":
    unittest.main()
