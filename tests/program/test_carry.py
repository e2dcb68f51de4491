"""History in and out, copies of the files while they are written, and what a damaged one looks like."""
import contextlib
import csv
import gzip
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time
import unittest
from decimal import Decimal

from world import BIN, ROOT, World, wait_for

PROMTOOL = ROOT / "build/tools/prometheus/usr/bin/promtool"


def number(cell):
    return Decimal(cell) if cell else None


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def shifted(source, target, end_s):
    """A copy of a recording whose last row is of `end_s`: the collector keeps no samples of years ago."""
    opened = gzip.open(source, "rt", encoding="utf-8") if source.suffix == ".gz" else open(source, encoding="utf-8")
    with opened as file:
        head, *rows = csv.reader(file)
    unit = 1 if head[0] == "time_s" else 1000
    shift = end_s * unit - int(rows[-1][0])
    with open(target, "w", encoding="utf-8") as file:
        file.write(",".join(head) + "\n")
        for row in rows:
            file.write(",".join([str(int(row[0]) + shift), *row[1:]]) + "\n")
    return target


def made(path, start_s, count, step_s=1):
    """A file with every kind of cell."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("time_s,system.cpu.utilization,system.disk.io.rate{direction=read}[vda] (By/s),load,\"odd, name[x y]\"\n")
        for i in range(count):
            file.write(f"{start_s + i * step_s},0.{i % 10000:04},{i * 4096 if i % 3 else ''},{i}.5,"
                       f"{i / 7 if i % 97 == 5 else i}\n")
    return path


class Carry(unittest.TestCase):
    @contextlib.contextmanager
    def world(self):
        with World() as world:
            world.configure(webhooks=[])
            with open(world.folder / "collector.yaml", "a", encoding="utf-8") as file:
                file.write(f"backup: {world.folder}/backups\n")
            world.start_collector()
            world.must("tenant", "add", "acme")
            self.host_id = world.must("host", "enroll", "web-1", "--tenant", "acme")["host"]["id"]
            yield world

    def must(self, world, *args):
        status, out, error = world.console(*args)
        self.assertEqual(status, 0, error)
        return out

    def same_cells(self, one, other):
        """Every cell of `one` stands in `other`, whichever order its columns are in."""
        a, b = rows_of(one), rows_of(other)
        self.assertEqual(len(a), len(b))
        scale = 1000 if a[0][0] == "time_s" else 1
        at = {re.sub(r" \([^()]*\)$", "", name): i for i, name in enumerate(b[0])}
        columns = [at[re.sub(r" \([^()]*\)$", "", name)] for name in a[0][1:]]
        for x, y in zip(a[1:], b[1:]):
            self.assertEqual(Decimal(x[0]) * scale, Decimal(y[0]))
            for cell, column in zip(x[1:], columns):
                if cell != y[column] and number(cell) != number(y[column]):
                    self.assertEqual(float(cell), float(y[column]))

    # ---- in and out

    def test_what_is_imported_comes_out_digit_by_digit(self):
        with self.world() as world:
            now = int(time.time())
            file = made(world.folder / "in.csv", now - 7200, 5000)
            told = world.must("import", file, "--host", "web-1")
            self.assertEqual((told["ticks"], told["new"], told["series"]), (5000, 5000, 4))
            self.assertIsNone(told["dropped_before"])
            out = world.folder / "out.csv"
            self.must(world, "export", "--host", "web-1", "--from", "-1d", "-o", out)
            self.same_cells(file, out)
            # once more through another host: what export writes import takes
            world.must("host", "enroll", "web-2", "--tenant", "acme")
            self.assertEqual(world.must("import", out, "--host", "web-2")["new"], 5000)
            again = self.must(world, "export", "--host", "web-2", "--from", "-1d")
            self.assertEqual(again, out.read_text())

    def test_the_same_file_again_changes_nothing_and_one_that_grew_goes_on(self):
        with self.world() as world:
            start = int(time.time()) - 7200
            file = made(world.folder / "in.csv", start, 1000)
            self.assertEqual(world.must("import", file, "--host", "web-1")["new"], 1000)
            before = world.must("status")["store"]["ticks"]
            self.assertEqual(world.must("import", file, "--host", "web-1")["new"], 0)
            self.assertEqual(world.must("status")["store"]["ticks"], before)
            made(file, start, 1500)
            self.assertEqual(world.must("import", file, "--host", "web-1")["new"], 500)
            world.kill("collector")  # and what is stored is known after a kill, too
            world.start_collector()
            self.assertEqual(world.must("import", file, "--host", "web-1")["new"], 0)
            self.assertEqual([(first, last) for _, first, last in self.intervals(world)], [(1, 1500)])
            with open(file, encoding="utf-8") as text:
                lines = text.readlines()
            del lines[700]
            file.write_text("".join(lines))
            status, _, error = world.console("import", file, "--host", "web-1")
            self.assertEqual(status, 0, error)  # shorter than what is stored: nothing shows
            made(file, start, 1500, step_s=2)
            status, _, error = world.console("import", file, "--host", "web-1")
            self.assertEqual(status, 1)
            self.assertIn("was changed since", error)

    def intervals(self, world):
        with contextlib.closing(sqlite3.connect(f"file:{world.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT run, first, last FROM interval ORDER BY run, first").fetchall()

    def test_an_import_that_breaks_off_goes_on_where_it_stopped(self):
        with self.world() as world:
            file = made(world.folder / "in.csv", int(time.time()) - 150000, 120000)
            rows = file.read_bytes().splitlines(keepends=True)
            pipe = world.folder / "as-it-is-read.csv"
            os.mkfifo(pipe)
            with subprocess.Popen([BIN / "warroom", "--control", world.folder / "control.sock", "import", pipe, "--host",
                                   "web-1"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as console:
                with contextlib.suppress(BrokenPipeError), open(pipe, "wb") as reading:
                    reading.writelines(rows[:90000])  # the console waits for the rest when the collector goes
                    reading.flush()
                    wait_for("some of it is stored", lambda: world.must("status")["store"]["ticks"] >= 4000)
                    world.kill("collector")
                    reading.writelines(rows[90000:])
                _, error = console.communicate()
                self.assertEqual(console.returncode, 1)
                self.assertIn("run it again to go on", error)
            world.start_collector()
            told = world.must("import", file, "--host", "web-1")
            self.assertGreaterEqual(told["ticks"] - told["new"], 4000)
            self.assertGreater(told["new"], 0)
            self.assertEqual([(first, last) for _, first, last in self.intervals(world)], [(1, 120000)])

    def test_faults_are_told_with_their_line_and_nothing_is_imported_of_them(self):
        cases = [("", "the file is empty"),
                 ("date,cpu\n", "line 1: the first column is to be time"),
                 ("time_s,a\n1790000000,1\n1790000000,1\n", "line 3: 2026-09-21T14:13:20.000Z stands twice"),
                 ("time_s,a\n1790000000,1\n1790000001,1,2\n", "line 3: 3 columns, the first line has 2"),
                 ("time_s,a\n4000000000,1\n", "lies in the future"),
                 ("time_ms,a\n1790000000,1\n", "is before the year 2000"),
                 ("time_s," + ",".join(f"c{i}" for i in range(1025)) + "\n", "split the file by columns"),
                 ("time_s,a\n" + "1" * (3 << 20) + "\n", "line 2: the line is longer than")]
        with self.world() as world:
            for text, why in cases:
                (world.folder / "bad.csv").write_text(text)
                status, _, error = world.console("import", world.folder / "bad.csv", "--host", "web-1")
                self.assertEqual(status, 1, error)
                self.assertIn(why, error)
            self.assertEqual(world.must("status")["store"]["ticks"], 0)
            for args, code in ((["import", "nothing.csv", "--host", "web-1"], 1), (["import", "x", "--host", "nobody"], 1),
                               (["import", "x", "--host", "web-1", "--format", "xml"], 2),
                               (["export", "--host", "web-1", "--format", "xml"], 2), (["export"], 2),
                               (["export", "--host", "web-1"], 1)):
                self.assertEqual(world.console(*args)[0], code)

    def test_the_past_pages_nobody_and_leaves_the_live_state_alone(self):
        with World() as world:
            world.begin()
            world.must("event", "show", "sale")
            now = int(time.time())
            file = world.folder / "hot.csv"
            file.write_text("time_s,system.memory.utilization\n"
                            + "".join(f"{now - 600 + i},0.99\n" for i in range(600)))
            last = world.must("hosts")["hosts"][0]["last_tick"]
            world.must("import", file, "--host", "web-1")
            wait_for("live ticks go on", lambda: world.must("hosts")["hosts"][0]["last_tick"] > last)
            self.assertEqual(world.incidents(), [])
            world.kill("collector")
            world.start_collector()
            wait_for("the host reports again", world.reports_each_second)
            self.assertEqual(world.incidents(), [])
            # both are there
            out = self.must(world, "export", "--host", "web-1", "--metric", "system.memory.utilization", "--from", "-1h")
            values = [row.split(",")[1] for row in out.splitlines()[1:]]
            self.assertEqual(values.count("0.99"), 600)
            self.assertTrue(any(value.startswith("0.3") for value in values))

    def test_what_an_export_does_not_find_and_an_import_cannot_read_is_said(self):
        with self.world() as world:
            status, _, error = world.console("export", "--host", "web-1", "--metric", "zz*")
            self.assertEqual(status, 1)
            self.assertRegex(error, r"web-1 has no samples between \S+ and \S+ of metrics that match 'zz\*'; "
                                    "warroom coverage --host web-1 shows when it has")
            status, _, error = world.console("import", world.folder, "--host", "web-1")
            self.assertEqual(status, 1)
            self.assertNotIn("line", error)

    def test_openmetrics_is_what_others_read_and_comes_back(self):
        with self.world() as world:
            file = made(world.folder / "in.csv", int(time.time()) - 7200, 3000)
            world.must("import", file, "--host", "web-1")
            out = world.folder / "out.om"
            self.must(world, "export", "--host", "web-1", "--from", "-1d", "--format", "openmetrics", "-o", out)
            text = out.read_text()
            self.assertTrue(text.endswith("# EOF\n"))
            self.check_openmetrics(text)
            if PROMTOOL.exists():
                done = subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", out, world.folder / "tsdb"],
                                      capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
            world.must("host", "enroll", "web-2", "--tenant", "acme")
            self.assertEqual(world.must("import", out, "--host", "web-2", "--format", "openmetrics")["new"], 3000)
            for metric in ("system.cpu.utilization", "system.disk.io.rate*"):
                one, two = (self.must(world, "export", "--host", host, "--metric", metric, "--from", "-1d")
                            for host in ("web-1", "web-2"))
                lines = [[line for line in text.splitlines() if not line.endswith(",")] for text in (one, two)]
                self.assertEqual(*lines)

    def check_openmetrics(self, text):
        """Families and series in one piece each, times rising, nothing but what the format allows."""
        family, seen, last, done = None, set(), None, set()
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                family = line.split(" ")[2]
                self.assertNotIn(family, seen)
                seen.add(family)
                continue
            if line.startswith("# UNIT "):
                _, _, name, unit = line.split(" ")
                self.assertEqual(name, family)
                self.assertTrue(name.endswith("_" + unit))
                continue
            found = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
                                 r'(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*")*\}) (\S+) (\d+(?:\.\d+)?)', line)
            self.assertIsNotNone(found, line)
            self.assertEqual(found[1], family)
            float(found[3])
            series = found[1] + found[2]
            if last and last[0] == series:
                self.assertGreater(Decimal(found[4]), last[1])
            else:
                self.assertNotIn(series, done)
                done.add(series)
            last = (series, Decimal(found[4]))

    @unittest.skipUnless(os.environ.get("WARROOM_DATA"), "WARROOM_DATA names no directory of recordings")
    def test_recordings_come_back_exactly(self):
        with self.world() as world:
            now = int(time.time())
            for source in sorted(pathlib.Path(os.environ["WARROOM_DATA"]).glob("*.csv*")):
                name = source.name.split(".")[0]
                world.must("host", "enroll", name, "--tenant", "acme")
                file = shifted(source, world.folder / f"{name}.csv", now - 3600)
                self.assertGreater(world.must("import", file, "--host", name)["new"], 0)
                out = world.folder / f"{name}.out"
                self.must(world, "export", "--host", name, "--from", "-60d", "-o", out)
                self.same_cells(file, out)

    # ---- backup and fsck

    def fsck(self, world, tenant, state=None):
        config = world.folder / "collector.yaml"
        if state:
            text = config.read_text().replace(f"state: {world.folder}/state", f"state: {state}")
            config = world.folder / "fsck.yaml"
            config.write_text(text)
        return world.run("warroom-collector", "--config", config, "--fsck", tenant)

    def test_a_backup_is_whole_while_the_agent_streams_and_starts_elsewhere(self):
        with World() as world:
            world.begin()
            with open(world.folder / "collector.yaml", "a", encoding="utf-8") as file:
                file.write(f"backup: {world.folder}/backups\n")
            status, _, error = world.console("backup")
            self.assertEqual(status, 1)
            self.assertIn("no folder for backups is configured", error)
            world.kill("collector")
            world.start_collector()
            made(world.folder / "in.csv", int(time.time()) - 7200, 5000)
            world.must("import", world.folder / "in.csv", "--host", "web-1")
            world.wait_for_stored_ticks(2)
            told = world.must("backup")["backup"]
            self.assertTrue(told["done"])
            self.assertEqual(told["files"], len(list((world.folder / "state").glob("*.db"))))
            copy = pathlib.Path(told["path"])
            self.assertEqual(copy.parent, world.folder / "backups")
            world.wait_for_stored_ticks(2)  # nothing of it stood in the agent's way
            status, out, error = self.fsck(world, "all")
            self.assertEqual(status, 1)
            self.assertIn("a collector is running", error)
            status, out, error = self.fsck(world, "all", copy)
            self.assertEqual(status, 0, out + error)
            self.assertIn(" 0 findings", out)
            world.kill("agent")
            world.kill("collector")
            shutil.rmtree(world.folder / "state")
            shutil.copytree(copy, world.folder / "state")
            world.start_collector()
            self.assertEqual(world.must("hosts")["hosts"][0]["name"], "web-1")
            self.must(world, "export", "--host", "web-1", "--from", "-1d", "-o", world.folder / "out.csv")
            self.assertGreaterEqual(len(rows_of(world.folder / "out.csv")), 5001)
            world.start_agent()
            wait_for("its agent reports again", lambda: world.must("hosts")["hosts"][0]["state"] == "reporting")

    def test_what_keeps_a_backup_from_its_folder_is_of_the_disk(self):
        with self.world() as world:
            (world.folder / "backups").symlink_to(world.folder / "nowhere")
            status, _, error = world.console("backup")
            self.assertEqual(status, 1)
            self.assertIn("(disk)", error)
            (world.folder / "backups").unlink()
            self.assertTrue(world.must("backup")["backup"]["done"])

    def test_fsck_names_the_row_a_flipped_byte_is_in(self):
        with self.world() as world:
            world.must("import", made(world.folder / "in.csv", int(time.time()) - 30000, 12000), "--host", "web-1")
            file = world.folder / "state/tenant-1.db"

            def blocks():
                with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
                    return db.execute("SELECT id, bytes FROM block WHERE level > 0 AND NOT EXISTS (SELECT 1 FROM batch)"
                                      " ORDER BY length(bytes) DESC").fetchall()
            wait_for("the ticks are in blocks", blocks)
            world.kill("collector", 15)
            status, out, _ = self.fsck(world, "acme")
            self.assertEqual(status, 0, out)
            block, data = blocks()[0]
            whole = file.read_bytes()
            at = whole.index(data[-64:]) + 32
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
            status, out, _ = self.fsck(world, "acme")
            self.assertEqual(status, 1)
            self.assertIn(f"tenant-1.db: block {block} (host web-1, ", out)
            self.assertNotIn(" 0 findings", out)
            file.write_bytes(whole)
            self.assertEqual(self.fsck(world, "1")[0], 0)
            status, _, error = self.fsck(world, "nobody")
            self.assertEqual(status, 1)
            self.assertIn("there is no tenant nobody", error)
            self.assertEqual(world.run("warroom-collector", "--fsck")[0], 2)


if __name__ == "__main__":
    unittest.main()
