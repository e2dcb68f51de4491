"""What somebody sees who listens on the uplink's port: a host joins and reports for a minute, and tshark takes down each packet."""
import base64
import os
import re
import signal
import socket
import subprocess
import unittest

import uplink
from sought import URLSAFE, WORD_BYTES, seen
from world import DEADLINE_S, Failed, ROOT, World, wait_for

HOST, TENANT, DISK = "web-listened-to", "acme-listened-to", "disk-listened-to"
TICKS = 60  # one a second: the shortest interval that a collector asks for


class Capture:
    """What goes over a port of loopback, from start to stop."""

    def __init__(self, world, port, name="tshark"):
        self.world, self.port, self.name = world, port, name
        self.file = world.folder / f"{name}.pcap"
        world.start(name, "tshark", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", self.file)
        wait_for("tshark takes down what it hears", self.hears_a_knock)

    def hears_a_knock(self):
        """Whether it has all that was said before now."""
        if not self.world.alive(self.name):
            raise Failed(f"tshark may not capture on loopback (it takes root, or cap_net_raw): {self.world.log(self.name)}")
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as knock:
            return any(int(line[1]) == knock.getsockname()[1] for line in self.read())

    def read(self):
        """[connection, port of who sent it, payload in hexadecimal] of each packet on record."""
        done = subprocess.run(["tshark", "-n", "-r", self.file, "-T", "fields", "-e", "tcp.stream", "-e", "tcp.srcport",
                               "-e", "tcp.payload"], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return [line for line in lines if len(line) == 3]  # the last one may not be whole yet

    def stop(self):
        """(packets with a payload, {(connection, port of who sent it): bytes})."""
        wait_for("tshark has taken down all", self.hears_a_knock)
        self.world.kill(self.name, signal.SIGINT)
        packets = [line for line in self.read() if line[2]]
        streams = {}
        for connection, port, payload in packets:
            streams.setdefault((connection, int(port)), bytearray()).extend(bytes.fromhex(payload))
        return len(packets), streams


def catalogue():
    keys = re.findall(r"^\| `([a-z_.]+)", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {key.encode() for key in keys}


class Listener(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        disks = self.world.folder / "proc/diskstats"
        disks.write_text(disks.read_text().replace("vda", DISK))
        (self.world.folder / "sys/block" / DISK).mkdir(parents=True)
        self.world.configure(webhooks=[])
        self.world.start_collector()
        self.world.must("tenant", "add", TENANT)
        today = self.world.must("status")["now"][:10]
        self.world.must("event", "create", "sale", "--tenant", TENANT, "--zone", "UTC", "--from", today, "--days", "2",
                        "--hosts", "*", "--drill")
        self.world.must("event", "start", "sale")
        self.world.configure_agent(f"sysfs: {self.world.folder}/sys\n"
                                   f"rootfs: {ROOT}/agent/read/fixtures/plain/rootfs\n")
        self.line = self.world.invite(HOST, "--tenant", TENANT)

    def words(self):
        """What a listener would like to know: who, whose, what is measured, and how to get in."""
        latest = self.world.must("query", "latest", "--tenant", TENANT)["values"]
        instances = {value["instance"].encode() for value in latest}
        metrics = {re.match(r"[a-z_.]+", value["metric"]).group().encode() for value in latest}
        self.assertGreaterEqual(catalogue(), metrics)
        self.assertGreaterEqual(instances, {DISK.encode(), b"/srv/with space"})
        names = {HOST, TENANT, os.uname().nodename, os.uname().release, self.world.must("hosts")["hosts"][0]["id"]}
        return {word for word in instances | catalogue() | {name.encode() for name in names} | {self.line.encode()}
                if len(word) >= WORD_BYTES} | {uplink.Invitation(self.line).token}

    def test_who_listens_reads_nothing(self):
        capture = Capture(self.world, self.world.port)
        self.world.join(self.line)
        self.world.start_agent()
        wait_for("a minute's ticks are stored", lambda: self.world.must("status")["store"]["ticks"] >= TICKS, 3 * DEADLINE_S)
        self.assertEqual(self.world.kill("agent", signal.SIGTERM), 0)
        packets, streams = capture.stop()
        dialled = [stream for (_, port), stream in streams.items() if port != self.world.port]
        self.assertEqual([bytes(stream[:8]) for stream in dialled], 2 * [uplink.HELLO_OF_REQ], "it joined, then it reported")
        self.assertGreaterEqual(packets, TICKS, "a report and an answer a tick, or two of them when the collector was slow")
        self.assertGreater(sum(map(len, dialled)), 100 * TICKS, "a tick's values take as much, whatever else it is sent with")
        self.assertEqual(seen(self.words(), streams.values()), set())

    def test_what_is_said_in_clear_is_seen(self):
        """The same search, when somebody says all of it without a channel."""
        self.world.join(self.line)
        self.world.start_agent()
        self.world.wait_for_stored_ticks(2)
        words = self.words()
        capture = Capture(self.world, self.world.port)
        for word in sorted(words):
            with uplink.Peer(self.world.port, None) as peer:
                peer.open()
                hello = uplink.hello(uplink.NO_HOST, peer.run, hostname=word)
                self.assertIsNone(peer.ask_raw(uplink.handshake(hello)), "the collector hangs up")
        _, streams = capture.stop()
        self.assertEqual(seen(words, streams.values()), words)


class Search(unittest.TestCase):
    def test_a_word_is_found_in_each_of_its_forms(self):
        word = bytes(range(200, 232))
        texts = [word, word.hex().encode(), word.hex().upper().encode()]
        for before in range(3):
            text = base64.b64encode(bytes(before * b"x") + word + b"behind")
            texts += [text, text.translate(URLSAFE)]
        for text in texts:
            self.assertEqual(seen({word}, [b"before " + text]), {word}, text)
            self.assertEqual(seen({word[::-1]}, [text]), set())


if __name__ == "__main__":
    unittest.main()
