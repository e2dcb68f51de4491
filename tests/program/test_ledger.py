"""What was done is on record, in a chain that a second hand works out from the bytes on disk: also after kill -9."""
import contextlib
import hashlib
import json
import random
import signal
import sqlite3
import subprocess
import unittest

from world import BIN, World, wait_for


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def decode(data):
    """docs/storage.md, in Python."""
    assert data[0] == 1
    at = 1
    entry = {}
    for name in ("tenant", "n", "at_us", "event", "incident"):
        entry[name], at = varint(data, at)
    kind, actor, body, rest = data[at:].split(b"\0")
    assert rest == b""
    return entry | {"kind": kind.decode(), "actor": actor.decode(), "body": json.loads(body)}


def encode(number):
    """As a varint."""
    more = []
    while number >= 0x80:
        more.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes([*more, number])


def chain(world):
    """All entries of the first tenant, each proven to be the next of its chain."""
    with contextlib.closing(sqlite3.connect(f"file:{world.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT n, bytes, hash FROM ledger ORDER BY n").fetchall()
    before = bytes(32)
    entries = []
    for number, (n, data, value) in enumerate(rows, 1):
        assert n == number, f"entry {number} is missing"
        before = hashlib.blake2b(b"warroom/ledger/1" + before + data, digest_size=32).digest()
        assert before == value, f"entry {n} is not chained to the one before it"
        entries.append(decode(data) | {"hash": value.hex()})
    return entries


def told(entries):
    return [(entry["kind"], entry["body"]["what"]) for entry in entries if entry["kind"] in ("incident", "page")]


class Ledger(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.begin()

    def fire(self):
        self.world.host.use_memory(0.97)
        return wait_for("the page is delivered", lambda: self.world.incident_with("delivered"))

    def test_the_chain_on_disk_is_what_the_console_shows(self):
        incident = self.fire()
        self.world.must("incident", "ack", incident["id"])
        self.world.must("incident", "resolve", incident["id"])
        wait_for("that it is over is told", lambda: len(self.world.pages()) == 2)
        wait_for("and on record", lambda: len(self.world.must("ledger", "list", "--kind", "page")["entries"]) == 2)
        on_disk = chain(self.world)
        self.assertEqual(told(on_disk), [("incident", "opened"), ("page", "delivered"), ("incident", "acknowledged"),
                                         ("incident", "resolved"), ("page", "delivered")])
        shown = self.world.must("ledger", "list", "--oldest")["entries"]
        self.assertEqual([(entry["n"], entry["hash"], entry["body"]) for entry in shown],
                         [(entry["n"], entry["hash"], entry["body"]) for entry in on_disk])
        newest = self.world.must("ledger", "list", "--entries", "2")["entries"]
        self.assertEqual([entry["n"] for entry in newest], [len(on_disk), len(on_disk) - 1])
        of_event = self.world.must("ledger", "list", "--event", "sale", "--kind", "incident")["entries"]
        self.assertEqual({(entry["event"], entry["incident"]) for entry in of_event}, {("sale", incident["id"])})

    def test_a_killed_collector_leaves_neither_hole_nor_fork(self):
        for round in range(3):
            self.world.host.use_memory(0.97)
            incident = wait_for("an incident is open",
                                lambda: [one for one in self.world.incidents() if one["state"] == "triggered"])[0]
            self.world.kill("collector")
            kept = chain(self.world)
            self.world.start_collector()
            self.world.must("incident", "resolve", incident["id"])
            self.world.host.use_memory(0.1)
            wait_for("the alert is over", lambda: self.world.must("status")["alerts"]["firing"] == 0)
            after = chain(self.world)
            self.assertEqual(after[:len(kept)], kept)
            self.assertEqual(sum(what == ("incident", "opened") for what in told(after)), round + 1)
            self.assertEqual(sum(what == ("incident", "resolved") for what in told(after)), round + 1)
        self.world.kill("collector")
        done = subprocess.run([BIN / "warroom-collector", "--fsck", "all", "--config", self.world.folder / "collector.yaml"],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.count("ledger")), (0, 0), done.stdout + done.stderr)

EDITS = 1000


def frames(data):
    """The entries of an export, each with its length and its hash: docs/ledger.md, in Python."""
    at, found = START, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at:at + 4], "big") + 32
        found.append(data[at:end])
        at = end
    return found


START = 24 + 32 + 120


def edited(data, chance):
    """The export with one thing done to it that makes another file of it."""
    entries = frames(data)
    while True:
        i, k = chance.randrange(len(entries)), chance.randrange(len(entries))
        at = chance.randrange(len(data))
        how = chance.choice(["flip", "drop", "insert", "swap", "truncate"])
        changed = list(entries)
        if how == "drop":
            del changed[i]
        elif how == "insert":
            changed.insert(i, entries[k])
        elif how == "swap":
            changed[i], changed[k] = changed[k], changed[i]
        done = data[:START] + b"".join(changed)
        if how == "flip":
            done = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
        elif how == "truncate":
            done = data[:at]
        if done != data:
            return how, done


class Verified(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.begin()
        self.world.host.use_memory(0.97)
        incident = wait_for("the page is delivered", lambda: self.world.incident_with("delivered"))
        self.world.must("incident", "ack", incident["id"])
        self.world.must("incident", "resolve", incident["id"])
        wait_for("all of it is on record", lambda: self.told(incident["id"]) == ["delivered", "delivered"])

    def told(self, incident):
        return [page["state"] for page in self.world.must("incident", "show", incident)["pages"]]

    def verify(self, *words):
        done = subprocess.run([BIN / "warroom", "ledger", "verify", "--json", *words, "--control",
                               self.world.folder / "control.sock"], capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def export(self):
        file = self.world.folder / "acme.ledger"
        return file, self.world.must("ledger", "export", "acme", file)

    def test_an_export_is_verified_without_a_collector_and_no_edit_of_it_passes(self):
        file, told = self.export()
        self.world.kill("collector")
        code, verdict = self.verify("--file", file, "--key", told["key"], "--head", told["head"])
        self.assertEqual((code, verdict["state"], verdict["signed"]), (0, "ok", len(frames(file.read_bytes()))), verdict)
        chance, passed = random.Random(20261123), []
        for _ in range(EDITS):
            how, done = edited(file.read_bytes(), chance)
            other = self.world.folder / "edited.ledger"
            other.write_bytes(done)
            code, verdict = self.verify("--file", other, "--key", told["key"])
            if code != 2 or verdict["state"] != "critical":
                passed.append((how, code, verdict))
        self.assertEqual(passed, [])
        self.assertEqual(self.verify("--file", self.world.folder / "none")[0], 3)
        self.assertEqual(self.verify("--file", file, "--key", "none")[0], 3)
        self.assertEqual(self.verify("--no-such-option")[0], 3)

    def test_what_is_done_to_the_file_of_a_running_collector_is_named(self):
        file, told = self.export()
        self.assertEqual(self.verify("--head", told["head"])[0], 0)
        path = self.world.folder / "state/tenant-1.db"
        for sql, says in (("UPDATE ledger SET actor = 'bob' WHERE n = 3", "entry 3 was altered"),
                          ("UPDATE ledger SET bytes = x'01' WHERE n = 2", "entry 2 was altered"),
                          ("DELETE FROM ledger WHERE n = 2", "entry 2 is missing: entry 3 stands in its place"),
                          ("DELETE FROM ledger WHERE n >= 3", "its tail was cut off")):
            with contextlib.closing(sqlite3.connect(path, timeout=30)) as db:
                db.execute("CREATE TEMP TABLE kept AS SELECT * FROM ledger")
                db.execute(sql)
                db.commit()
                code, verdict = self.verify()
                self.assertEqual(code, 2, verdict)
                self.assertIn(says, verdict["says"])
                db.execute("DELETE FROM ledger")
                db.execute("INSERT INTO ledger SELECT * FROM kept")
                db.execute("DROP TABLE kept")
                db.commit()
        code, verdict = self.verify("--key", told["key"])
        self.assertEqual(code, 0, verdict)

    def test_a_kill_between_the_key_and_its_first_heads_breaks_no_ledger(self):
        """Entries of minutes and no head: what a first start with a key finds, and what it leaves when it is killed."""
        state = self.world.folder / "state"
        wait_for("the key is kept", (state / "ledger.key").exists)
        for name, broken in (("ledger.key.new", False), ("ledger.key", True)):
            self.world.kill("collector")
            with contextlib.closing(sqlite3.connect(state / "tenant-1.db")) as db:
                rows = db.execute("SELECT n, bytes FROM ledger ORDER BY n").fetchall()
                before = bytes(32)
                for n, data in rows:  # the first one was a minute ago
                    at = decode(data)["at_us"]
                    data = data.replace(encode(at), encode(at - 60000000), 1) if n == 1 else data
                    before = hashlib.blake2b(b"warroom/ledger/1" + before + data, digest_size=32).digest()
                    db.execute("UPDATE ledger SET bytes = ?, hash = ?, at_us = ? WHERE n = ?", (data, before, decode(data)["at_us"], n))
                db.commit()
            with contextlib.closing(sqlite3.connect(state / "registry.db")) as db:
                db.execute("DELETE FROM ledger_head")
                db.commit()
            if not broken:
                (state / "ledger.key").rename(state / name)
            self.world.start_collector()
            wait_for("the key is kept", (state / "ledger.key").exists)
            code, verdict = self.verify()
            self.assertEqual((code, "found it altered" in verdict["says"]), (2, True) if broken else (0, False), verdict)

    def test_a_broken_ledger_pages_and_goes_on_once_it_is_accepted(self):
        _, told = self.export()
        self.world.signal("collector", signal.SIGTERM)  # so that all of it is signed
        wait_for("the collector has left", lambda: not self.world.alive("collector"))
        with contextlib.closing(sqlite3.connect(self.world.folder / "state/tenant-1.db")) as db:
            last = db.execute("SELECT max(n) FROM ledger").fetchone()[0]
            db.execute("DELETE FROM ledger WHERE n > 1")
            db.commit()
        self.world.start_collector()
        says = "The ledger of tenant acme is broken: see warroom ledger verify, then ledger accept"
        wait_for("somebody is told", lambda: any(says in json.dumps(page["page"]) for page in self.world.pages()))
        code, verdict = self.verify("acme")
        self.assertEqual((code, "its tail was cut off" in verdict["says"]), (2, True), verdict)
        self.assertIn("a line of 1 to 255 bytes", self.world.console("ledger", "accept", "acme", "--reason", "a\nb")[2])
        accepted = self.world.must("ledger", "accept", "acme", "--reason", "restored from the backup of 02:00")
        code, verdict = self.verify("acme", "--key", told["key"], "--head", accepted["head"])
        self.assertEqual((code, verdict["state"]), (0, "ok"), verdict)
        entry = self.world.must("ledger", "list", "--tenant", "acme", "--kind", "ledger")["entries"][0]
        self.assertEqual((entry["body"]["head"][:22], entry["body"]["signed"], entry["body"]["reason"]),
                         (told["head"][:22], last, "restored from the backup of 02:00"))
        self.assertEqual(self.verify("acme", "--head", told["head"])[0], 2)  # who has kept a head still sees it
        self.assertIn("not broken", self.world.console("ledger", "accept", "acme", "--reason", "again")[2])
        wait_for("it is over", lambda: not [row for row in self.world.must("incident", "list")["incidents"] if row["title"] == says])
        self.world.kill("collector")
        self.world.start_collector()
        self.assertEqual(self.verify("acme")[0], 0)


if __name__ == "__main__":
    unittest.main()
