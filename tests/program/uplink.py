"""The agent's end of the uplink by hand (docs/protocol.md), for what an honest agent would never send."""
import hashlib
import os
import socket
import struct
import time

from world import DEADLINE_S

HELLO_OF_REQ = bytes.fromhex("0053500000300000")
HELLO_OF_REP = bytes.fromhex("0053500000310000")

REASONS = {0: "other", 1: "unknown-host", 2: "malformed", 3: "too-large", 4: "overlap", 5: "above-highest", 6: "limit"}


# ---- protobuf: as much of it as the messages need

def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number):
    """A difference modulo 2^64 as `times` and `values` hold it."""
    return varint((number << 1 ^ number >> 63) & (1 << 64) - 1)


def field(number, value):
    """A whole number or bytes. Zero is left out, as proto3 does; for an empty message give b''."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """{number: value} of an encoded message; of a repeated field the last."""
    found = {}
    at = 0

    def number():
        nonlocal at
        result = shift = 0
        while True:
            byte = message[at]
            at += 1
            result |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return result
    while at < len(message):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        elif key & 7 == 2:
            length = number()
            found[key >> 3] = message[at:at + length]
            at += length
        else:
            raise ValueError(f"wire type {key & 7} in an answer")
    return found


# ---- messages

def handshake(hello):
    return field(1, field(1, hello))


def hello(host, run):
    return (varint(1 << 3 | 1) + struct.pack("<Q", int(host, 16)) + field(2, run) + field(3, time.monotonic_ns() // 1000)
            + field(5, b"test") + field(6, b"test") + field(7, b"test"))


def sealed(counter, request):
    return field(2, field(1, counter) + field(2, request))


def table(columns=1):
    """`columns` targets of one probe."""
    metric = field(1, b"probe.loss") + field(2, b"1") + field(3, 7)  # exponent -4 in zigzag
    return field(1, metric) + b"".join(field(2, field(2, b"target-%d" % i)) for i in range(columns))


def batch(run, first, count=1, columns=1, name=None, values=None):
    """`count` ticks a second apart from number `first`; every value is 0."""
    start_us = first * 1_000_000
    mono = [zigzag(start_us)] + [zigzag(1_000_000)] * (count > 1) + [zigzag(0)] * max(0, count - 2)
    wall = [zigzag(1_795_000_000_000_000)] + [zigzag(0)] * (count - 1)
    if name is None:
        name = hashlib.blake2b(table(columns), digest_size=16).digest()
    return (field(1, run) + field(2, first) + field(3, name) + field(4, columns) + field(5, count - 1)
            + field(6, b"".join(mono + wall)) + field(9, zigzag(0) * columns * count if values is None else values))


def report(of_batch, highest, of_table=None):
    return field(2, field(1, highest) + field(3, 1_000_000) + (field(6, of_table) if of_table else b"")
                 + field(7, of_batch))


class Peer:
    """A connection that speaks REQ, with a host's id and a run of its own."""

    def __init__(self, port, host):
        self.host = host
        self.run = os.urandom(16)
        self.counter = 0
        self.request_id = 0x80000000
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, length):
        """b'' or less than asked for when the collector hangs up."""
        data = b""
        while len(data) < length:
            try:
                more = self.socket.recv(length - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                break
            data += more
        return data

    def is_hung_up(self):
        return self.read(1) == b""

    def open(self):
        self.send(HELLO_OF_REQ)
        assert self.read(8) == HELLO_OF_REP
        return self

    def ask_raw(self, envelope):
        """{number: value} of the envelope that answers, None when the collector hung up."""
        self.request_id += 1
        body = struct.pack(">I", self.request_id) + envelope
        self.send(struct.pack(">Q", len(body)) + body)
        head = self.read(12)
        if len(head) < 12:
            return None
        length, request_id = struct.unpack(">QI", head)
        assert request_id == self.request_id
        return fields(self.read(length - 4))

    def ask(self, envelope):
        """("stored", first, last), ("refused", reason, text) ... as the answer in the envelope says."""
        answered = self.ask_raw(envelope)
        if 3 in answered:
            return ("no_session",)
        inner = fields(answered[1] if 1 in answered else fields(answered[2])[2])
        if 4 in inner:
            return ("welcome",)
        if 5 in inner:
            stored = fields(inner[5])
            return ("stored", stored.get(1, 0), stored.get(2, 0))
        if 6 in inner:
            refused = fields(inner[6])
            return ("refused", REASONS[refused.get(1, 0)], refused.get(2, b"").decode())
        return ("busy",) if 7 in inner else ("no_table",)

    def greet(self):
        """The connection and its session."""
        self.open()
        answer = self.ask(handshake(hello(self.host, self.run)))
        assert answer == ("welcome",), answer
        return self

    def ask_sealed(self, request):
        answer = self.ask(sealed(self.counter, request))
        self.counter += 1
        return answer
