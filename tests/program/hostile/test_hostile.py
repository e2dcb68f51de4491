"""Whoever comes to the collector's port, with whatever: honest agents go on, and nothing of it stays behind.

Two real agents report each second, each over the one connection it has had from the beginning. An agent sends what it has
when the report before was acked: so a stored batch of two ticks is a tick that had to wait until there was another one, and a
hole in the numbers is a tick that was lost. A third host, by hand, sends a tick each 20 ms and measures: no answer takes a second,
which is promised of the product on whatever machine. Who attacks comes from addresses of its own, except where the crowd is the
attack.
"""
import contextlib
import os
import pathlib
import random
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import unittest

import noise
import uplink
from world import BIN, World, wait_for

HONEST = ("web-1", "web-2")
STEADY = pathlib.Path(__file__).parents[1] / "steady.py"
ANSWERED_WITHIN_S = 1
PSS_BOUND_KIB = 4 << 10  # what the allocator may keep of a flood
RST = struct.pack("ii", 1, 0)  # SO_LINGER: close() throws away what is on its way, and resets
ID = 0x80000001


def framed(body):
    return struct.pack(">Q", len(body)) + body


def request(envelope, number=ID):
    return framed(struct.pack(">I", number) + envelope)


def sample(rng, data, count):
    """`data` cut short, and with one byte changed, `count` times each."""
    for _ in range(count):
        yield data[:rng.randrange(1, len(data))]
        at = rng.randrange(len(data))
        yield data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1:]


class Steady:
    """steady.py as a process of its own: what this one does must not be what it waits for."""

    def __init__(self, line):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([sys.executable, "-B", str(STEADY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.say(line)
        assert self.process.stdout.readline() == "ready\n"

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def since(self):
        """(ticks stored since the last call, longest wait in seconds); it has ended: ValueError."""
        self.say("")
        stored, longest_s = self.process.stdout.readline().split()
        return int(stored), float(longest_s)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Beside(unittest.TestCase):
    """What honest hosts have to go on beside; each class has a collector of its own."""
    LIMITS = ""

    @classmethod
    def setUpClass(cls):
        cls.world = cls.enterClassContext(World())
        cls.world.configure(webhooks=[])
        with open(cls.world.folder / "collector.yaml", "a", encoding="utf-8") as config:
            config.write(cls.LIMITS)
        cls.world.start_collector()
        cls.world.must("tenant", "add", "acme")
        cls.world.start_event()  # hosts report each second
        for name in HONEST:
            cls.start_host(name)
        cls.db_1 = uplink.join(cls.world.invite("db-1", "--tenant", "acme"))
        cls.steady = cls.enterClassContext(contextlib.closing(Steady(cls.world.invite("steady-1", "--tenant", "acme"))))
        for name in HONEST:
            wait_for(f"{name} reports each second",
                     lambda name=name: cls.host(name)["interval_s"] == 1 and cls.newest(name) > 3)
        cls.pid = cls.world.running["collector"].pid
        cls.descriptors_before, cls.pss_before = cls.descriptors(), cls.pss_kib()
        cls.numbers_before = {name: cls.newest(name) for name in HONEST}
        cls.stored = {name: {} for name in HONEST}  # first tick of a batch: how many; blocks take batches away after a minute

    @classmethod
    def start_host(cls, name):
        folder = cls.world.folder / name
        folder.mkdir(mode=0o700)
        config = folder / "agent.yaml"
        config.write_text(f"identity: {folder}/identity\nprocfs: {cls.world.folder}/proc\nspool: {folder}/spool\n")
        cls.world.join(cls.world.invite(name, "--tenant", "acme"), config)
        cls.world.start(name, BIN / "warroom-agent", "--config", config)

    # ---- what is seen of the collector

    @classmethod
    def host(cls, name):
        return next(row for row in cls.world.must("hosts")["hosts"] if row["name"] == name)

    @classmethod
    def descriptors(cls):
        """Sockets: the store opens files as it goes, which is nothing that a peer does."""
        names = []
        for fd in os.listdir(f"/proc/{cls.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                names.append(os.readlink(f"/proc/{cls.pid}/fd/{fd}"))
        return sum(name.startswith("socket:") for name in names)

    @classmethod
    def pss_kib(cls):
        text = pathlib.Path(f"/proc/{cls.pid}/smaps_rollup").read_text(encoding="ascii")
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))

    @classmethod
    def rows(cls, name, what, table):
        """Of the host's agent, in order; it has had one run."""
        host = int(cls.host(name)["id"], 16)
        with contextlib.closing(sqlite3.connect(f"file:{cls.world.folder}/state/tenant-1.db?mode=ro", uri=True)) as db:
            return db.execute(f"SELECT {what} FROM {table} WHERE run = (SELECT id FROM run WHERE host = ?) ORDER BY first",
                              (host,)).fetchall()

    @classmethod
    def intervals(cls, name):
        return cls.rows(name, "first, last", "interval")

    @classmethod
    def newest(cls, name):
        return max((last for _, last in cls.intervals(name)), default=0)

    def uplink_status(self):
        return self.world.must("status")["uplink"]

    def over(self, limit):
        return self.uplink_status()["over"].get(limit, 0)

    # ---- before and behind each attack

    def setUp(self):
        self.rng = random.Random(4711)
        self.seen = {name: self.newest(name) for name in HONEST}
        self.steady.since()

    def tearDown(self):
        stored, longest_s = self.steady.since()
        self.assertGreater(stored, 0)
        self.assertLess(longest_s, ANSWERED_WITHIN_S)
        for name in HONEST:
            wait_for(f"{name} goes on", lambda name=name: self.newest(name) > self.seen[name])
            self.assertEqual(self.world.log(name).count("event=session_opened"), 1, "it kept its connection")
            self.assertNotIn("batch_refused", self.world.log(name))
            self.assert_none_missing_or_late(name)
        wait_for("all descriptors are back", lambda: self.descriptors() <= self.descriptors_before)
        self.assertLess(self.pss_kib(), self.pss_before + PSS_BOUND_KIB)

    def assert_none_missing_or_late(self, name):
        numbers = range(self.numbers_before[name] + 1, self.newest(name) + 1)
        self.stored[name].update(self.rows(name, "first, n", "batch"))
        self.assertEqual([first for first, _ in self.intervals(name)], [1], f"{name}: a tick is missing")
        late = [number for number in numbers if self.stored[name].get(number) != 1]
        self.assertEqual(late, [], f"{name}: had to wait until there was another one")

    # ---- peers

    @classmethod
    def connect(cls, source="127.0.0.2"):
        return socket.create_connection(("127.0.0.1", cls.world.port), 30, (source, 0))

    @classmethod
    def peer(cls, source="127.0.0.2", identity=None):
        return uplink.Peer(cls.world.port, identity or cls.db_1, source)

    def first_message(self, identity=None):
        identity = identity or self.db_1
        initiator = noise.Initiator(identity.key, identity.collector)
        return initiator.write(uplink.hello(identity.host, os.urandom(16)))

    def hears_nothing(self, sent, source="127.0.0.2"):
        """The connection on which that was sent is closed, and no more than SP's own greeting came."""
        with self.connect(source) as link:
            with contextlib.suppress(ConnectionError):
                link.sendall(sent)
            heard = b""
            with contextlib.suppress(ConnectionError):
                link.shutdown(socket.SHUT_WR)
                while piece := link.recv(4096):
                    heard += piece
        self.assertIn(heard, (b"", uplink.HELLO_OF_REP))


class Hostile(Beside):
    # ---- what is not our protocol

    def test_garbage(self):
        for n in range(100):
            self.hears_nothing(self.rng.randbytes(1 + n * 13))
            self.hears_nothing(uplink.HELLO_OF_REQ + self.rng.randbytes(1 + n * 13))
            self.hears_nothing(uplink.HELLO_OF_REQ + request(b"\xff" + self.rng.randbytes(n)))

    def test_half_headers(self):
        """Left open, all at once, each broken off at another byte; they end by the collector's patience, or here."""
        whole = uplink.HELLO_OF_REQ + request(uplink.handshake(self.first_message()))
        with contextlib.ExitStack() as links:
            for n in range(200):
                link = links.enter_context(self.connect())
                link.sendall(whole[:n % 40])
            wait_for("all of them are there", lambda: self.uplink_status()["strangers"] >= 200)

    def test_other_protocols(self):
        for talk in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
                     b"EHLO x\r\n", b"\0" * 64) + tuple(struct.pack(">4sHH", b"\0SP\0", kind, 0)
                                                         for kind in (0x10, 0x11, 0x20, 0x21, 0x31, 0x50, 0x51, 0x62, 0x70)):
            for _ in range(10):
                self.hears_nothing(talk)

    def test_lengths_beyond_all_limits(self):
        for length in (0, 3, 1 << 17, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
            for _ in range(10):
                self.hears_nothing(uplink.HELLO_OF_REQ + struct.pack(">QI", length, ID))
        for inner in (b"\x0a\xff\xff\xff\xff\x0f", b"\x0a" + uplink.varint(1 << 62), uplink.handshake(bytes(65000))[:-1]):
            self.hears_nothing(uplink.HELLO_OF_REQ + request(inner))

    # ---- handshakes

    def test_handshakes_cut_short_and_altered(self):
        for spoilt in sample(self.rng, self.first_message(), 150):
            self.hears_nothing(uplink.HELLO_OF_REQ + request(uplink.handshake(spoilt)), "127.0.0.3")

    def test_a_first_message_played_again_and_again(self):
        """Each is answered to somebody who cannot read it, until there are too many of them; no session begins."""
        played = uplink.handshake(self.first_message())
        sessions = self.world.log("collector").count("event=session_opened")
        answered = 0
        for _ in range(200):
            with self.peer("127.0.0.4").open() as player:
                answered += player.ask_raw(played) is not None
        self.assertEqual(answered, 200)
        with self.peer("127.0.0.4").open() as player:
            while player.ask_raw(played) is not None:
                answered += 1
        self.assertGreater(self.over("handshakes"), 0)
        with self.peer("127.0.0.4").open() as player:
            self.assertEqual(player.shake(), ("hung_up",), "its address is not heard for a while")
        with self.peer("127.0.0.5").greet() as honest:  # but others are, by the same key
            told = honest.ask_sealed(uplink.report(uplink.batch(honest.run, 1), 1, uplink.table()))
        self.assertEqual(told, ("stored", 1, 1))
        self.assertEqual(self.world.log("collector").count("event=session_opened"), sessions + 1)

    def test_another_hosts_id(self):
        for name in HONEST * 20:
            with self.peer().open() as peer:
                self.assertEqual(peer.shake(host=self.host(name)["id"])[:2], ("refused", "unknown-host"))

    def test_keys_that_were_revoked(self):
        gone = uplink.join(self.world.invite("gone-1", "--tenant", "acme"))
        with self.peer(identity=gone).greet() as live:
            report = uplink.report(uplink.batch(live.run, 1), 1, uplink.table())
            self.assertEqual(live.ask_sealed(report), ("stored", 1, 1))
            self.world.must("host", "revoke", "gone-1", "--tenant", "acme")
            self.assertTrue(live.is_hung_up())
        for _ in range(50):
            with self.peer(identity=gone).open() as peer:
                self.assertEqual(peer.shake()[:2], ("refused", "revoked"))
                self.assertEqual(peer.ask(uplink.sealed(0, os.urandom(100))), ("no_session",))

    # ---- messages of one who has a key

    def test_messages_cut_short_and_altered(self):
        with self.peer().greet() as peer:
            report = uplink.report(uplink.batch(peer.run, 1), 1, uplink.table())
            self.assertEqual(peer.ask_sealed(report), ("stored", 1, 1))
            _, box = peer.channel.seal(report)
            for number, spoilt in enumerate(sample(self.rng, box, 150)):
                self.assertEqual(peer.ask(uplink.sealed(1000 + number, spoilt)), ("no_session",))
            self.assertEqual(peer.ask_sealed(report, 5000), ("stored", 1, 1))

    def test_sealed_reports_that_are_spoilt_within(self):
        """By its key it may say what it likes, but only of itself."""
        with self.peer().greet() as peer:
            report = uplink.report(uplink.batch(peer.run, 1, 5), 5, uplink.table())
            self.assertEqual(peer.ask_sealed(report), ("stored", 1, 5))
            for spoilt in sample(self.rng, report, 200):
                self.assertIn(peer.ask_sealed(spoilt)[0], ("refused", "stored", "no_table", "busy"))

    def test_one_who_sends_without_end_is_put_off_and_then_cut_off(self):
        deaf = uplink.join(self.world.invite("deaf-1", "--tenant", "acme"))
        heard = set()
        with self.peer(identity=deaf).greet() as peer:
            report = uplink.report(uplink.batch(peer.run, 1), 1, uplink.table())
            while (answer := peer.ask_sealed(report)[0]) != "hung_up":
                heard.add(answer)
        self.assertEqual(heard, {"stored", "busy"})
        self.assertGreater(self.over("messages"), 0)

    # ---- many of them

    def test_two_thousand_silent_connections(self):
        """From the address of honest ones, too: who comes meanwhile gets in, for the silent give way."""
        crowded = self.over("strangers")
        with contextlib.ExitStack() as links:
            for _ in range(2000):
                links.enter_context(self.connect("127.0.0.1"))
            wait_for("too many of them were told to go", lambda: self.over("strangers") >= crowded + 900)
            self.start_host("late-1")
            wait_for("a newcomer reports", lambda: self.host("late-1")["state"] == "reporting")
        self.world.kill("late-1")

    def test_sixty_thousand_aborted_connections(self):
        where = ("127.0.0.1", self.world.port)
        accepted = self.uplink_status()["accepted"]
        for _ in range(60000):
            with socket.socket() as link:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                link.connect(where)
        wait_for("all of them came", lambda: self.uplink_status()["accepted"] >= accepted + 60000)

    def test_forty_that_pipeline_requests_and_reset(self):
        talk = uplink.HELLO_OF_REQ + b"".join(request(uplink.sealed(n, bytes(100)), 0x80000000 | n) for n in range(100))
        for _ in range(10):
            links = [self.connect(f"127.0.1.{n}") for n in range(40)]
            for link in links:
                link.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    link.send(talk)
            for link in links:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                link.close()

    def test_one_that_never_reads(self):
        """It sends until nothing more is taken from it: by then it is not read from, or is no more."""
        with socket.socket() as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.bind(("127.0.0.6", 0))
            link.connect(("127.0.0.1", self.world.port))
            link.settimeout(30)
            link.sendall(uplink.HELLO_OF_REQ)
            with self.assertRaises((ConnectionError, TimeoutError)):
                for number in range(10_000_000):
                    link.sendall(request(uplink.sealed(number, bytes(50)), 0x80000000 | number & 0xffff))


class Flood(Beside):
    """Of handshakes that come to nothing; a few hundred are too many here."""
    LIMITS = "limit_handshakes: 10\nlimit_handshakes_of_address: 1\n"

    def test_handshakes_from_a_dozen_addresses(self):
        """All of them together had too many; who comes from elsewhere is heard all the same."""
        played = uplink.handshake(self.first_message())
        for n in range(1, 13):
            with self.peer(f"127.0.2.{n}").open() as player:
                while player.ask_raw(played) is not None:
                    pass
        self.assertGreaterEqual(self.over("handshakes"), 12)
        with self.peer("127.0.2.100").greet() as honest:
            told = honest.ask_sealed(uplink.report(uplink.batch(honest.run, 1), 1, uplink.table()))
        self.assertEqual(told, ("stored", 1, 1))


if __name__ == "__main__":
    unittest.main()
