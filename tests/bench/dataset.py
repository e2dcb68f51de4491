"""Recordings of real hosts, found by what is in the files: a CSV, plain or gzipped, whose first column is a time and each
other one a metric. docs/benchmarks.md has the shape."""
import array
import decimal
import gzip
import json
import math
import pathlib
import statistics

US_OF = {"time_s": 1_000_000, "ts_s": 1_000_000, "time_ms": 1000, "ts_ms": 1000, "time_us": 1, "ts_us": 1}
ABSENT = -2**63
EXPONENT_LEAST = -12  # of the protocol
DAY_US = 86_400_000_000
SERIES_MAX = 1024


def open_text(path):
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")


def time_column(path):
    """The first column's name when it is a time."""
    if not path.name.endswith((".csv", ".csv.gz")):
        return None
    with open_text(path) as file:
        name = file.readline().split(",")[0].strip().strip('"')
    return name if name in US_OF else None


def digits_after_point(text):
    exponent = decimal.Decimal(text).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


class Column:
    """One series: as doubles, as they stand in the file; and as what is sent."""

    def __init__(self, name, texts):
        self.name = name
        distinct = set(texts)
        missing = {text for text in distinct if not text.strip() or not math.isfinite(float(text))}
        floats = {text: math.nan if text in missing else float(text) for text in distinct}
        self.floats = array.array("d", map(floats.__getitem__, texts))
        self.present = len(texts) - sum(map(missing.__contains__, texts)) if missing else len(texts)
        digits = max((digits_after_point(text) for text in distinct - missing), default=0)
        fixed = {text: ABSENT if text in missing else int(decimal.Decimal(text).scaleb(digits)) for text in distinct} \
            if digits <= -EXPONENT_LEAST else {}
        self.real = not fixed or any(not -2**63 <= value < 2**63 for value in fixed.values())
        self.exponent = 0 if self.real else -digits
        self.sent = self.floats if self.real else array.array("q", map(fixed.__getitem__, texts))


class Dataset:
    def __init__(self, path):
        self.name = path.name.split(".csv")[0]
        with decimal.localcontext() as context, open_text(path) as file:
            context.prec = 60  # scaleb() must never round
            names = [name.strip().strip('"') for name in file.readline().split(",")]
            rows = [line.rstrip("\r\n").split(",") for line in file if line.strip()]
            unit = US_OF[names[0]]
            rows = sorted({int(float(row[0])): row for row in rows}.items())  # times must rise
            texts = zip(*(row for _, row in rows))
            next(texts)
            self.at_us = array.array("q", (at * unit for at, _ in rows))
            self.columns = [Column(name, column) for name, column in zip(names[1:], texts)][:SERIES_MAX]
        self.rows = len(self.at_us)
        self.samples = sum(column.present for column in self.columns)
        self.spacing_s = statistics.median(b - a for a, b in zip(self.at_us, self.at_us[1:])) / 1e6
        self.by_minute = self.spacing_s >= 60

    def shift_us(self, now_us):
        """Whole days that bring its last tick into the last UTC day that ended over three hours ago."""
        newest_day = (now_us - 3 * 3_600_000_000) // DAY_US - 1
        return (newest_day - self.at_us[-1] // DAY_US) * DAY_US

    def series_name(self, index):
        """As it is sent: a name of its own, whatever the columns are called; no glob."""
        plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in self.columns[index].name)
        return f"{index}.{plain}"[:96]

    def write(self, path):
        """For recording.h."""
        head = json.dumps({"rows": self.rows, "series": [
            {"name": self.series_name(i), "exponent": column.exponent, "real": column.real}
            for i, column in enumerate(self.columns)]})
        head += " " * (-(len(head) + 1) % 8) + "\n"
        with open(path, "wb") as file:
            file.write(head.encode())
            self.at_us.tofile(file)
            for column in self.columns:
                column.sent.tofile(file)


def find(folder):
    """All there are, by name."""
    return [Dataset(path) for path in sorted(pathlib.Path(folder).rglob("*.csv*")) if path.is_file() and time_column(path)]
