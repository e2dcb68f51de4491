"""Hosts whose link to the collector can be cut and slowed, each in a network namespace of its own; what their agents took.

The programs speak over loopback only. So in its namespace an agent dials a relay on that namespace's loopback, which goes over a
veth to a relay on this side, which dials the collector's loopback: faults of the link are faults of the veth.
"""
import contextlib
import os
import pathlib
import signal
import struct
import subprocess
import sys

from world import BIN, FakeHost, wait_for

RELAY = pathlib.Path(__file__).with_name("relay.py")
MARK = bytes.fromhex("d7575253")  # docs/spool.md
HEAD, TICKS = 1, 3


def tool(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def must(*command):
    done = tool(*command)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


class Relay:
    def __init__(self, listen, target, prefix=()):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([*prefix, sys.executable, "-B", str(RELAY), listen, target],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().split()
        if not said:
            raise OSError(f"no relay from {listen} to {target}")
        self.port = int(said[1])

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class PlainLink:
    """Without a namespace: one relay on loopback, which makes the faults itself."""

    name = "a relay on loopback"

    def __init__(self, number, collector_port):
        del number
        self.relay = Relay("127.0.0.1:0", f"127.0.0.1:{collector_port}")
        self.port = self.relay.port
        self.prefix = []

    def cut(self):
        self.relay.tell("cut")

    def slow(self):
        self.relay.tell("slow")

    def heal(self):
        self.relay.tell("heal")

    def reset(self):
        self.relay.tell("reset")

    def close(self):
        self.relay.stop()


class NamespaceLink:
    """A namespace with a veth to this one."""

    name = "a veth to a network namespace"

    def __init__(self, number, collector_port):
        self.space = f"warroom-{os.getpid()}-{number}"
        self.device = f"wr{os.getpid() % 100000}n{number}"
        net = f"169.254.{100 + os.getpid() % 100}.{4 * number}"
        here, there = (net.rsplit(".", 1)[0] + f".{4 * number + i}" for i in (1, 2))
        self.relays = []
        self.prefix = ["ip", "netns", "exec", self.space]
        must("ip", "netns", "add", self.space)
        try:
            must("ip", "link", "add", self.device, "type", "veth", "peer", "name", "up0", "netns", self.space)
            must("ip", "address", "add", f"{here}/30", "dev", self.device)
            must("ip", "link", "set", self.device, "up")
            must(*self.prefix, "ip", "address", "add", f"{there}/30", "dev", "up0")
            must(*self.prefix, "ip", "link", "set", "up0", "up")
            must(*self.prefix, "ip", "link", "set", "lo", "up")
            self.relays.append(Relay(f"{here}:0", f"127.0.0.1:{collector_port}"))
            self.relays.append(Relay("127.0.0.1:0", f"{here}:{self.relays[0].port}", self.prefix))
        except OSError:
            self.close()
            raise
        self.port = self.relays[1].port

    def cut(self):
        must("ip", "link", "set", self.device, "down")

    def slow(self):
        """Both ways: 200 ms and a loss where the kernel has netem, else 16 kbit/s."""
        netem = ("root", "netem", "delay", "200ms", "50ms", "loss", "5%")
        for way in ([], self.prefix):
            device = "up0" if way else self.device
            if tool(*way, "tc", "qdisc", "replace", "dev", device, *netem).returncode != 0:
                must(*way, "tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", "16kbit", "burst", "2kb",
                     "latency", "2s")

    def heal(self):
        must("ip", "link", "set", self.device, "up")
        for way in ([], self.prefix):
            tool(*way, "tc", "qdisc", "del", "dev", "up0" if way else self.device, "root")  # there may be none

    def reset(self):
        self.relays[1].tell("reset")

    def close(self):
        for relay in self.relays:
            relay.stop()
        tool("ip", "link", "del", self.device)
        must("ip", "netns", "del", self.space)
        leave_no_mount()


def leave_no_mount():
    """`ip netns` makes a mount of its folder and leaves it: on a host whose /run is no file system of its own that is a mount
    of the disk, which other tests see."""
    with open("/proc/self/mounts") as mounts:  # os.path.ismount() does not see a folder mounted on itself
        times = sum(line.split()[1] == "/run/netns" for line in mounts)
    for _ in range(times if not os.listdir("/run/netns") else 0):
        tool("umount", "/run/netns")


def make_link(number, collector_port):
    """A namespace where we may have one."""
    try:
        return NamespaceLink(number, collector_port)
    except OSError as why:
        print(f"no network namespace, a relay alone: {why}", file=sys.stderr)
        return PlainLink(number, collector_port)


# ---- what an agent took, as its spool has it

def records(data):
    """(kind, content) of the records of a segment, up to one that is cut off."""
    at = 0
    while data[at:at + 4] == MARK and len(data) >= at + 16:
        head = struct.unpack_from("<I", data, at + 12)[0]
        length, kind = head & 0xffffff, head >> 24
        if len(data) < at + 16 + length:
            return
        yield kind, data[at + 16:at + 16 + length]
        at += 16 + length


def highest_in(folder):
    """{run: the highest tick in the spool}."""
    highest = {}
    for path in sorted(folder.glob("*.spool")):
        run = None
        with contextlib.suppress(FileNotFoundError):  # done with this very moment
            for kind, content in records(path.read_bytes()):
                if kind == HEAD:
                    run = content[28:44]
                elif kind == TICKS:
                    first = struct.unpack_from("<Q", content)[0]
                    count = struct.unpack_from("<I", content, 24)[0]
                    highest[run] = max(highest.get(run, 0), first + count - 1)
    return highest


class Host:
    """A host with its fake /proc, its link and its agent."""

    def __init__(self, world, number, line):
        self.world = world
        self.name = f"web-{number}"
        self.folder = world.folder / self.name
        self.folder.mkdir()
        self.proc = FakeHost(self.folder / "proc")
        self.link = make_link(number, world.port)
        self.taken = {}  # run: the highest tick seen in the spool
        (self.folder / "agent.yaml").write_text(
            f"identity: {self.folder}/identity\nprocfs: {self.folder}/proc\nspool: {self.folder}/spool\n")
        world.join(line, self.folder / "agent.yaml")
        dialled = (self.folder / "identity").read_text()
        (self.folder / "identity").write_text(dialled.replace(f":{world.port}", f":{self.link.port}"))

    def start(self):
        self.world.start(self.name, *self.link.prefix, BIN / "warroom-agent", "--config", self.folder / "agent.yaml")

    def look(self):
        """Takes note of what the agent has taken by now; the sum over its runs."""
        for run, highest in highest_in(self.folder / "spool").items():
            self.taken[run] = max(self.taken.get(run, 0), highest)
        return sum(self.taken.values())

    def kill(self):
        self.world.kill(self.name)
        self.look()

    def stop(self):
        self.world.signal(self.name, signal.SIGSTOP)

    def go_on(self):
        self.world.signal(self.name, signal.SIGCONT)

    def wait_for_ticks(self, count):
        before = self.look()
        wait_for(f"{self.name} takes {count} ticks", lambda: self.look() >= before + count)

    def close(self):
        self.link.close()
