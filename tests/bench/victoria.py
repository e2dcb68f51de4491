"""VictoriaMetrics from Debian's package, unpacked beside the build, as a process of its own: what it takes for a recording."""
import http.client
import itertools
import json
import math
import pathlib
import struct
import subprocess
import time
import urllib.parse

from bench import cpu_s
from ports import own_port
from world import ROOT, Failed, wait_for

PROGRAM = ROOT / "build/tools/victoria-metrics/usr/bin/victoria-metrics"
TICKS_OF_A_REQUEST = 60
LITERAL_MAX = 1 << 16


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def snappy(content):
    """A block of literals: costs its reader less than a compressed one."""
    pieces = [content[at:at + LITERAL_MAX] for at in range(0, len(content), LITERAL_MAX)]
    return varint(len(content)) + b"".join(b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)


def labels(index):
    return b"".join(field(1, field(1, name) + field(2, value))
                    for name, value in ((b"__name__", b"m%d" % index), (b"host", b"bench")))


def samples_of(values, stamps):
    """WriteRequest.timeseries.samples: a double and a time each, here always of 16 bytes."""
    if any(map(math.isnan, values)):
        present = [(value, stamp) for value, stamp in zip(values, stamps) if not math.isnan(value)]
        values, stamps = zip(*present) if present else ((), ())
    flat = itertools.chain.from_iterable(zip(itertools.repeat(b"\x12\x10\x09"), values, stamps))
    return struct.pack("<" + "3sd7s" * len(values), *flat)


def requests(dataset, shift_us):
    """Remote write, oldest first."""
    names = [labels(index) for index in range(len(dataset.columns))]
    for at in range(0, dataset.rows, TICKS_OF_A_REQUEST):
        rows = slice(at, at + TICKS_OF_A_REQUEST)
        stamps = [b"\x10" + varint((at_us + shift_us) // 1000) for at_us in dataset.at_us[rows]]
        yield snappy(b"".join(field(1, name + samples_of(column.floats[rows], stamps))
                              for name, column in zip(names, dataset.columns)))


class Victoria:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = own_port()
        self.log = open(self.folder.with_suffix(".log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [PROGRAM, f"-storageDataPath={self.folder}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y"],
            stdout=self.log, stderr=self.log)

    def __enter__(self):
        wait_for("VictoriaMetrics listens", self.listens)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def listens(self):
        try:
            return self.get("/health")
        except OSError:
            return None

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status >= 300:
            raise Failed(f"VictoriaMetrics: {path}: {answer.status} {body[:200]!r}")
        return body

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def write(self, bodies):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        for body in bodies:
            connection.request("POST", "/api/v1/write", body, {
                "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
                "X-Prometheus-Remote-Write-Version": "0.1.0"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise Failed(f"VictoriaMetrics: remote write: {answer.status} {text[:200]!r}")
        connection.close()

    def bytes_of(self, part):
        return sum(path.stat().st_size for path in (self.folder / part).rglob("*") if path.is_file())

    def merging(self):
        return any(line.startswith("vm_active_merges{") and not line.endswith(" 0")
                   for line in self.get("/metrics").decode().splitlines())

    def settle(self):
        """All on disk, in as few parts as it ever makes of it."""
        self.get("/internal/force_flush")
        self.get("/internal/force_merge")
        seen = []

        def quiet():
            seen.append(None if self.merging() else self.bytes_of("data"))
            time.sleep(0.2)
            return seen[-1] is not None and len(seen) >= 10 and len(set(seen[-10:])) == 1
        wait_for("VictoriaMetrics has merged", quiet)

    def differing(self, dataset, shift_us):
        """Samples that do not come back as they went in, lost ones too."""
        query = urllib.parse.urlencode({"match[]": '{host="bench"}', "start": dataset.at_us[0] // 10**6 + shift_us // 10**6 - 60,
                                        "end": dataset.at_us[-1] // 10**6 + shift_us // 10**6 + 60})
        back = {}
        for line in self.get(f"/api/v1/export?{query}").splitlines():
            row = json.loads(line)
            back.setdefault(int(row["metric"]["__name__"][1:]), {}).update(zip(row["timestamps"], row["values"]))
        stamps = [(at_us + shift_us) // 1000 for at_us in dataset.at_us]
        wrong = 0
        for index, column in enumerate(dataset.columns):
            got = back.get(index, {})
            wrong += sum(not math.isnan(value) and got.get(stamp) != value for stamp, value in zip(stamps, column.floats))
        return wrong


def measure(dataset, shift_us, folder):
    bodies = list(requests(dataset, shift_us))
    with Victoria(folder) as victoria:
        began = victoria.cpu_s()
        victoria.write(bodies)
        written = victoria.cpu_s()
        victoria.settle()
        settled = victoria.cpu_s()
        return {
            "bytes_per_sample": round(victoria.bytes_of("data") / dataset.samples, 4),
            "index_bytes_per_sample": round(victoria.bytes_of("indexdb") / dataset.samples, 4),
            "ingest_cpu_ns_per_sample": round((written - began) * 1e9 / dataset.samples),
            "merge_cpu_ns_per_sample": round((settled - written) * 1e9 / dataset.samples),
            "differing": victoria.differing(dataset, shift_us),
        }
