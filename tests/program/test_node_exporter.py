"""`warroom-agent --once --raw` agrees with Debian's prometheus-node-exporter, asked just before and just after."""
import pathlib
import re
import unittest
import urllib.request

from world import DEADLINE_S, ROOT, World, wait_for

EXPORTER = ROOT / "build/tools/prometheus-node-exporter/usr/bin/prometheus-node-exporter"  # scripts/install-deps.sh test

FAMILIES_LEAST = 100  # a comparison of fewer would not be one

# What the exporter reports and the agent leaves out on purpose; nothing the agent reports may be missing there.
OURS_NOT = (
    # Only filesystems that hold data on this host's own disks: not tmpfs, not network filesystems.
    ("node_filesystem_", lambda labels: labels["fstype"] not in LOCAL),
    # Not whatever one container or one probe has: only what the host has.
    ("node_network_", lambda labels: re.match(r"(veth|cali|lxc|vnet|ifb|dummy)", labels["device"])),
)
LOCAL = {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs3", "reiserfs", "vfat", "xfs",
         "zfs"}

ROUNDS = 5  # of asking all three; other tests keep this host busy, so each series must agree in one of them

# How far a gauge of ours may lie outside of what the exporter read and how far that moved meanwhile: (family, absolute,
# share of the reading). Each is what the readers themselves make of it, which a wrong unit or a wrong row exceeds.
SWINGS = (
    # The exporter's descriptors, sockets and connection while it is asked, which the agent does not see.
    (r"node_filefd_allocated|node_sockstat_.*(inuse|alloc|used|tw|orphan)|node_netstat_Tcp_CurrEstab", 64, 0),
    # In pages, charged whole for each socket.
    (r"node_sockstat_.*(mem|memory)", 16, 0),
    (r"node_sockstat_.*mem_bytes", 16 * 4096, 0),
    # Who runs just now: the reader itself is one.
    (r"node_procs_(running|blocked)|node_disk_io_now", 4, 0),
    # The readers' own pages: each comes in while it reads, the exporter's garbage goes in between.
    (r"node_memory_.*", 1 << 20, 0.25),
    (r"node_nf_conntrack_entries", 16, 0),
    (r"node_filesystem_(avail|free)_bytes", 1 << 20, 0),
    (r"node_filesystem_files_free", 64, 0),
)
# Sizes and ceilings: the same to the last digit.
EXACT = re.compile(r"node_(boot_time_seconds|filefd_maximum|filesystem_(size_bytes|files|readonly)|nf_conntrack_entries_limit"
                   r"|memory_(MemTotal|SwapTotal|Hugepagesize|VmallocTotal|CommitLimit)_bytes|memory_HugePages_Total)$")
FLOAT = 1e-9  # the same ticks times 0.01 or 1/100, the last digit of a double apart


def parse(text):
    """{name: {labels: value}}, labels as a sorted tuple of pairs."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"([a-zA-Z_:0-9]+)(?:\{(.*)\})? (\S+)", line).groups()
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
        found.setdefault(name, {})[tuple(sorted(pairs))] = float(value)
    return found


def types(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def left_out(name, labels):
    return any(name.startswith(family) and is_left_out(dict(labels)) for family, is_left_out in OURS_NOT)


def room(name, reading):
    for pattern, absolute, share in SWINGS:
        if re.fullmatch(pattern, name):
            return absolute + share * abs(reading)
    return 0


class NodeExporter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        world = cls.enterClassContext(World())
        url = cls.start_exporter(world)
        cls.rounds = []
        for _ in range(ROUNDS):
            before = cls.ask(url)
            status, ours, error = world.run("warroom-agent", "--once", "--raw")
            assert status == 0, error
            cls.rounds.append((parse(before), parse(ours), parse(cls.ask(url))))
        cls.types = types(before)
        cls.both = sorted(set.intersection(*(set(reading) for readings in cls.rounds for reading in readings)))

    @staticmethod
    def ask(url):
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            return answer.read().decode()

    @staticmethod
    def start_exporter(world):
        """Its URL, once it answers. It chooses a free port, and says on its log which."""
        world.start("exporter", EXPORTER, "--web.listen-address=127.0.0.1:0", "--no-collector.systemd")

        def listening():
            assert world.alive("exporter"), world.log("exporter")
            inodes = {link.stat().st_ino for link in pathlib.Path(f"/proc/{world.running['exporter'].pid}/fd").iterdir()
                      if link.is_socket()}
            for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[9]) in inodes:
                    return f"http://127.0.0.1:{int(fields[1].split(':')[1], 16)}/metrics"
            return None
        return wait_for("the exporter listens", listening)

    def test_there_is_enough_to_compare(self):
        self.assertGreaterEqual(len(self.both), FAMILIES_LEAST)
        families = ["node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_disk_read_bytes_total",
                    "node_network_receive_bytes_total", "node_netstat_Tcp_ActiveOpens", "node_load1",
                    "node_vmstat_pgfault"]
        # The exporter asks for the mounts of process 1, the agent for its own: the same, but in a chroot, whose root is none.
        mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        if any(line.split()[4] == "/" for line in mounts):
            families.append("node_filesystem_size_bytes")
        for family in families:
            self.assertIn(family, self.both)

    def test_every_family_of_ours_is_one_of_theirs(self):
        for before, ours, _ in self.rounds:
            self.assertEqual(sorted(set(ours) - set(before)), [])

    def test_each_family_has_the_same_label_sets(self):
        for before, ours, after in self.rounds:
            for name in self.both:
                # What came or went between their two readings may be in ours or not.
                always = set(before[name]) & set(after[name])
                ever = set(before[name]) | set(after[name])
                self.assertEqual(set(ours[name]) - ever, set(), name)
                missing = {labels for labels in always - set(ours[name]) if not left_out(name, labels)}
                self.assertEqual(missing, set(), name)

    def is_counter(self, name):
        """The exporter calls what it takes from vmstat and netstat untyped."""
        return self.types[name] == "counter" or (self.types[name] == "untyped" and "CurrEstab" not in name)

    def series(self, names):
        """(family, labels, [(theirs before, ours, theirs after) of each round]) of all series that all have."""
        for name in names:
            for labels in sorted(set.intersection(*(set(one[name]) for readings in self.rounds for one in readings))):
                yield name, labels, [tuple(one[name][labels] for one in readings) for readings in self.rounds]

    def compare(self, names, room_of):
        compared = 0
        for name, labels, readings in self.series(names):
            compared += 1
            agrees = any(min(before, after) - room_of(name, before, after) <= ours
                         <= max(before, after) + room_of(name, before, after) for before, ours, after in readings)
            self.assertTrue(agrees, f"{name} {dict(labels)}: exporter, agent, exporter: {readings}")
        return compared

    def test_counters_lie_between_the_two_readings(self):
        names = [name for name in self.both if self.is_counter(name)]
        compared = self.compare(names, lambda _, before, after: FLOAT * max(abs(before), abs(after)))
        self.assertGreaterEqual(compared, 60)

    def test_gauges_lie_within_the_movement_of_the_two_readings(self):
        names = [name for name in self.both if not self.is_counter(name) and not EXACT.fullmatch(name)]
        compared = self.compare(names, lambda name, before, after: abs(after - before) + room(name, max(before, after)))
        self.assertGreaterEqual(compared, 40)

    def test_sizes_are_the_same_to_the_last_digit(self):
        names = [name for name in self.both if EXACT.fullmatch(name)]
        self.assertGreaterEqual(len(names), 8)
        self.compare(names, lambda *_: 0)


if __name__ == "__main__":
    unittest.main()
