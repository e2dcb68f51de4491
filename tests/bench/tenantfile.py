"""A tenant's file as it lies on disk: how far its ticks have come, what its bytes are for, what is in its blocks."""
import array
import contextlib
import sqlite3
import struct
import subprocess

from bench import world

PARTS = {"block": "blocks", "block_young": "blocks", "minute": "minutes", "minute_part": "minutes",
         "sketch": "sketches", "sketch_part": "sketches", "batch": "inbox", "batch_by_slot": "inbox"}


def opened(path):
    return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30))


def numbers(path, sql):
    """The one row of a query, while a collector may be writing."""
    with opened(path) as db:
        return db.execute(sql).fetchone()


def ticks_by_level(path):
    """(in the inbox, sealed, rewritten, for good, parts of days): how many ticks, and rows, stand where."""
    return numbers(path, "SELECT (SELECT coalesce(sum(n), 0) FROM batch),"
                         " (SELECT coalesce(sum(n), 0) FROM block WHERE level = 0),"
                         " (SELECT coalesce(sum(n), 0) FROM block WHERE level = 1),"
                         " (SELECT coalesce(sum(n), 0) FROM block WHERE level = 2),"
                         " (SELECT count(*) FROM minute WHERE whole = 0) + (SELECT count(*) FROM sketch WHERE whole = 0)")


def full_runs_in_inbox(path, ticks=60):
    """Runs with as many ticks in the inbox as are sealed at once."""
    return numbers(path, f"SELECT count(*) FROM (SELECT 1 FROM batch GROUP BY run HAVING sum(n) >= {ticks})")[0]


def bytes_by_part(path, copy):
    """Of the file once nothing in it is free: pages by what they hold. The collector has ended."""
    with opened(path) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    with opened(copy) as db:
        parts = dict.fromkeys([*PARTS.values(), "rest"], 0)
        for name, size in db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            parts[PARTS.get(name, "rest")] += size
        parts["rows_of_blocks"] = db.execute("SELECT coalesce(sum(length(bytes)), 0) FROM block").fetchone()[0]
    return {"as_left": path.stat().st_size, "file": copy.stat().st_size, **parts}


def hosts_with_blocks(path):
    """Their numbers, as the ids of rows have them."""
    with opened(path) as db:
        return [no for (no,) in db.execute("SELECT DISTINCT id >> 39 FROM block")]


def blocks(path, no):
    """(times, columns) of each block of a host, by time."""
    with opened(path) as db:
        rows = [row for (row,) in db.execute("SELECT bytes FROM block WHERE id >> 39 = ? ORDER BY id", (no,))]
    framed = b"".join(struct.pack("=I", len(row)) + row for row in rows)
    out = subprocess.run([world.BIN.parent / "tests/warroom-unblock"], input=framed, stdout=subprocess.PIPE, check=False)
    if out.returncode != 0:
        raise world.Failed("blocks that cannot be read; see above")
    at = 0

    def take(kind, count):
        nonlocal at
        values = array.array(kind)
        values.frombytes(out.stdout[at:at + count * values.itemsize])
        at += count * values.itemsize
        return values
    while at < len(out.stdout):
        ticks, columns = take("I", 2)
        yield take("q", ticks), [take("d" if take("B", 1)[0] else "q", ticks) for _ in range(columns)]


def columns_differ(sent, back):
    """In how many values; two that are absent (NaN) are the same."""
    if sent == back:
        return 0
    if sent.typecode != back.typecode or len(sent) != len(back):
        return len(sent)
    return sum(a != b and (a == a or b == b) for a, b in zip(sent, back))


def differing(path, dataset, hosts):
    """Samples of so many hosts that do not come back as they were sent, or not at their time."""
    there = hosts_with_blocks(path)
    return sum(host_differs(path, no, dataset) for no in there) + (hosts - len(there)) * dataset.samples


def host_differs(path, no, dataset):
    times = array.array("q")
    columns = None
    for at_us, values in blocks(path, no):
        times.extend(at_us)
        columns = columns or [array.array(part.typecode) for part in values]
        for column, part in zip(columns, values, strict=True):
            if column.typecode != part.typecode:
                raise world.Failed("a series came back partly as doubles, partly as integers")
            column.extend(part)
    shift_us = times[0] - dataset.at_us[0] if times else 0
    if len(times) != dataset.rows or any(a + shift_us != b for a, b in zip(dataset.at_us, times)):
        return dataset.samples
    return sum(columns_differ(column.sent, back) for column, back in zip(dataset.columns, columns, strict=True))


def copy_sketches(path, host, others):
    """What is known of `host`'s days said of others, too, with no samples behind it. The collector has ended."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        (like,) = db.execute("SELECT no FROM host WHERE id = ?", (host,)).fetchone()
        for other in others:
            no = db.execute("INSERT INTO host (id) VALUES (?)", (other,)).lastrowid
            db.execute("INSERT INTO sketch (id, first_us, last_us, whole, series_table, bytes)"
                       " SELECT id + ((?1 - ?2) << 39), first_us, last_us, whole, series_table, bytes"
                       " FROM sketch WHERE id >> 39 = ?2", (no, like))
