"""What was done is on record, in a chain that a second hand works out from the bytes on disk: also after kill -9."""
import contextlib
import hashlib
import json
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


if __name__ == "__main__":
    unittest.main()
