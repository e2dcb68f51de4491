"""TLS in front, as docs/security.md has it, to the letter: agent, stunnel, TLS, stunnel, collector. In the middle somebody listens."""
import re
import signal
import socket
import subprocess
import threading
import unittest

from ports import own_port
from test_signals import Left
from world import DEADLINE_S, ROOT, World, wait_for

STUNNEL = ROOT / "build/tools/stunnel4/usr/bin/stunnel4"  # scripts/install-deps.sh test
HANDSHAKE, APPLICATION = 22, 23


def documented(where):
    """The configuration that docs/security.md has for `where`."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    return re.search(rf"```ini\n; /etc/stunnel/warroom.conf on {where}\n(.*?)```", text, re.DOTALL).group(1)


class Tap:
    """A way to a port that keeps what went over it."""

    def __init__(self, target):
        self.target = target
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.streams = []  # one for each direction of each connection
        self.sockets = [self.listening]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here, _ = self.listening.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                here.close()
                continue
            self.sockets += [here, there]
            for source, sink in ((here, there), (there, here)):
                stream = bytearray()
                self.streams.append(stream)
                threading.Thread(target=self.carry, args=(source, sink, stream), daemon=True).start()

    @staticmethod
    def carry(source, sink, stream):
        try:
            while piece := source.recv(65536):
                stream += piece
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)  # whoever waits for it goes
            except OSError:
                pass
            one.close()

    def records(self):
        """(type, length) of the TLS records that went over it whole. Anything else is a failure."""
        found = []
        for stream in map(bytes, list(self.streams)):
            at = 0
            while len(stream) - at >= 5:
                kind, version, length = stream[at], stream[at + 1:at + 3], int.from_bytes(stream[at + 3:at + 5], "big")
                if kind not in (20, 21, HANDSHAKE, APPLICATION) or version not in (b"\3\1", b"\3\3") or length > 16640:
                    raise AssertionError(f"no TLS record at byte {at} of {len(stream)}: {stream[at:at + 40]!r}")
                at += 5 + length
                if at <= len(stream):
                    found.append((kind, length))
        return found


class FrontedWorld(World):
    """The agent is told another port than the collector's."""

    tap = None

    def configure(self, *args, **keys):
        super().configure(*args, **keys)
        self.agents_port = own_port()
        with open(self.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write(f"public: ['127.0.0.1:{self.agents_port}']\n")

    def __exit__(self, *how):
        super().__exit__(*how)
        if self.tap:
            self.tap.close()

    def configure_agent(self, extra=""):
        self.certify("collector.example.com")
        self.make_way()
        super().configure_agent(extra)

    def certify(self, name):
        """A certificate that vouches for itself: to those who trust it, it is the authority as well."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", self.folder / "collector.key",
                        "-out", self.folder / "collector.pem"], check=True, capture_output=True, timeout=DEADLINE_S)

    def make_way(self):
        self.tls_port = own_port()
        self.tap = Tap(self.tls_port)
        (self.folder / "ca.pem").write_bytes((self.folder / "collector.pem").read_bytes())
        self.start_stunnel("front", "the collector's machine", {":::9743": f"127.0.0.1:{self.tls_port}",
                                                                "127.0.0.1:9740": f"127.0.0.1:{self.port}"})
        self.start_stunnel("beside", "each host", {"127.0.0.1:9740": f"127.0.0.1:{self.agents_port}",
                                                   "collector.example.com:9743": f"127.0.0.1:{self.tap.port}"})

    def start_stunnel(self, name, where, instead=None):
        path = self.folder / f"{name}.conf"
        if instead:
            text = documented(where)
            for what, becomes in {**instead, "/etc/stunnel/": f"{self.folder}/"}.items():
                if what != "/etc/stunnel/" or what in text:
                    text = text.replace(what, becomes)
            path.write_text(f"foreground = yes\npid =\nsyslog = no\ndebug = info\n{text}")
        told = self.log(name).count("Configuration successful")
        self.start(name, STUNNEL, path)
        wait_for(f"{name} is there", lambda: self.log(name).count("Configuration successful") > told)


class Tls(Left):
    def test_ticks_come_through_and_on_the_wire_there_is_nothing_but_tls(self):
        with FrontedWorld() as world:
            world.begin()
            world.wait_for_stored_ticks(3)
            records = world.tap.records()
            self.assertIn(HANDSHAKE, [kind for kind, _ in records])
            self.assertGreater(sum(length for kind, length in records if kind == APPLICATION), 1000)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world, 3)

    def test_another_certificate_is_not_talked_to_and_nothing_is_lost_meanwhile(self):
        with FrontedWorld() as world:
            world.begin()
            wait_for("a tick is stored", world.stored)
            right = {name: (world.folder / name).read_bytes() for name in ("collector.pem", "collector.key")}
            world.kill("front")
            for wrong in ("collector.example.com", "elsewhere.example.com"):  # an authority unknown to the host; then another name
                world.certify(wrong)
                if wrong.startswith("elsewhere"):
                    (world.folder / "ca.pem").write_bytes((world.folder / "collector.pem").read_bytes())
                    world.kill("beside")
                    world.start_stunnel("beside", "each host")
                complaints = world.log("beside").count("certificate verify failed")
                world.start_stunnel("front", "the collector's machine")
                wait_for("the host's stunnel refuses it",
                         lambda: world.log("beside").count("certificate verify failed") > complaints)
                world.kill("front")
            for name, text in right.items():
                (world.folder / name).write_bytes(text)
            (world.folder / "ca.pem").write_bytes(right["collector.pem"])
            world.kill("beside")
            world.start_stunnel("beside", "each host")
            stored = world.stored()[0][2]
            world.wait_for_ticks(2)
            world.start_stunnel("front", "the collector's machine")
            wait_for("ticks come through again", lambda: world.stored()[0][2] > stored)
            self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
            self.assert_one_run(world, stored + 1)
            world.tap.records()


if __name__ == "__main__":
    unittest.main()
