"""The agent's end of the uplink by hand (docs/protocol.md), for what an honest agent would never send."""
import base64
import hashlib
import os
import socket
import struct
import time

import noise
from world import DEADLINE_S

HELLO_OF_REQ = bytes.fromhex("0053500000300000")
HELLO_OF_REP = bytes.fromhex("0053500000310000")

REASONS = {0: "other", 1: "unknown-host", 2: "malformed", 3: "too-large", 4: "overlap", 5: "above-highest", 6: "limit",
           7: "revoked", 8: "token"}
NO_HOST = "0" * 16


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
    return dict(all_fields(message))


def all_fields(message):
    """[(number, value)] of it, in order."""
    found = []
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
            found.append((key >> 3, number()))
        elif key & 7 == 1:
            found.append((key >> 3, struct.unpack_from("<Q", message, at)[0]))
            at += 8
        elif key & 7 == 2:
            length = number()
            found.append((key >> 3, message[at:at + length]))
            at += length
        else:
            raise ValueError(f"wire type {key & 7} in an answer")
    return found


# ---- messages

def handshake(message):
    return field(1, message)


def hello(host, run, token=b"", hostname=b"test"):
    return field(1, varint(1 << 3 | 1) + struct.pack("<Q", int(host, 16)) + field(2, run)
                 + field(3, time.monotonic_ns() // 1000) + field(5, b"test") + field(6, hostname) + field(7, b"test")
                 + (field(8, token) if token else b""))


def is_hello(request):
    return 1 in fields(request)


def sealed(counter, box):
    return field(2, field(1, counter) + field(2, box))


def table(columns=1):
    """`columns` targets of one probe."""
    metric = field(1, b"probe.loss") + field(2, b"1") + field(3, 7)  # exponent -4 in zigzag
    return field(1, metric) + b"".join(field(2, field(2, b"target-%d" % i)) for i in range(columns))


def batch(run, first, count=1, columns=1, name=None, values=None, start_us=None):
    """`count` ticks a second apart from number `first`; every value is 0."""
    start_us = start_us or first * 1_000_000
    mono = [zigzag(start_us)] + [zigzag(1_000_000)] * (count > 1) + [zigzag(0)] * max(0, count - 2)
    wall = [zigzag(1_795_000_000_000_000)] + [zigzag(0)] * (count - 1)
    if name is None:
        name = hashlib.blake2b(table(columns), digest_size=16).digest()
    return (field(1, run) + field(2, first) + field(3, name) + field(4, columns) + field(5, count - 1)
            + field(6, b"".join(mono + wall)) + field(9, zigzag(0) * columns * count if values is None else values))


def report(of_batch, highest, of_table=None):
    return field(2, field(1, highest) + field(3, 1_000_000) + (field(6, of_table) if of_table else b"")
                 + field(7, of_batch))


def invitation(addresses, collector, token, expires_us=4_000_000_000_000_000):
    """The line that is pasted on a host."""
    message = b"".join(field(1, address.encode()) for address in addresses)
    message += field(2, collector) + field(3, token) + field(4, expires_us << 1)
    return "wr1:" + base64.urlsafe_b64encode(message).decode().rstrip("=")


class Invitation:
    """The line that is pasted on a host."""

    def __init__(self, line):
        if not line.startswith("wr1:"):
            raise ValueError(f"not an invitation: {line[:8]}...")
        text = line[4:].strip()
        found = all_fields(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        self.addresses = [value.decode() for number, value in found if number == 1]
        self.collector, self.token = dict(found)[2], dict(found)[3]
        zigzagged = dict(found)[4]
        self.expires_us = zigzagged >> 1 ^ -(zigzagged & 1)


class Identity:
    """Who an agent is: its key, and which collector it has the key of."""

    def __init__(self, collector, host=NO_HOST, key=None):
        self.collector, self.host = collector, host
        self.key = key or noise.Key()


def join(line, hostname="test"):
    """What `warroom-agent join` does: the identity that the invitation makes of a new key."""
    invitation = Invitation(line)
    identity = Identity(invitation.collector)
    with Peer(int(invitation.addresses[0].rsplit(":", 1)[1]), identity) as peer:
        answer = peer.open().shake(invitation.token, hostname.encode())
        assert answer[0] == "welcome", answer
        identity.host = answer[1]
    return identity


class Peer:
    """A connection that speaks REQ, with an identity, a run of its own, and a channel once hands were shaken."""

    def __init__(self, port, identity, source="127.0.0.1"):
        self.identity = identity
        self.run = os.urandom(16)
        self.channel = None
        self.request_id = 0x80000000
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S, (source, 0))

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

    # ---- envelopes

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

    def opened(self, answered, handshake_of=None):
        """The encoded answer in an envelope, None when it is one in clear."""
        if 1 in answered:
            return handshake_of.read(answered[1])
        if 2 in answered:
            box = fields(answered[2])
            return self.channel.open(box.get(1, 0), box[2])
        return None

    def ask(self, envelope, handshake_of=None):
        """("stored", first, last), ("refused", reason, text) ... as the answer in the envelope says."""
        answered = self.ask_raw(envelope)
        if answered is None:
            return ("hung_up",)
        answer = self.opened(answered, handshake_of)
        if answer is not None:
            return outcome(answer)
        return ("no_session",) if 3 in answered else ("leave",)

    def say(self, request):
        """The encoded answer to an encoded request, a hello or a report; None when there is none that is sealed."""
        initiator = noise.Initiator(self.identity.key, self.identity.collector) if is_hello(request) else None
        answered = self.ask_raw(handshake(initiator.write(request)) if initiator else sealed(*self.channel.seal(request)))
        answer = self.opened(answered, initiator) if answered is not None else None
        if initiator:
            self.channel = initiator.channel
        return answer

    # ---- sessions

    def shake(self, token=b"", hostname=b"test", host=None):
        """Both messages of the handshake. On a welcome its channel takes the place of the one before."""
        initiator = noise.Initiator(self.identity.key, self.identity.collector)
        first = initiator.write(hello(host or self.identity.host, self.run, token, hostname))
        answer = self.ask(handshake(first), initiator)
        if answer[0] == "welcome":
            self.channel = initiator.channel
        return answer

    def greet(self):
        """The connection and its session."""
        self.open()
        answer = self.shake()
        assert answer[0] == "welcome", answer
        return self

    def ask_sealed(self, request, counter=None):
        return self.ask(sealed(*self.channel.seal(request, counter)))


def outcome(answer):
    """What Peer.ask() says of an encoded answer."""
    inner = fields(answer)
    if 4 in inner:
        welcome = fields(inner[4])
        return ("welcome", f"{welcome.get(1, 0):016x}", welcome.get(2, b"").decode(), welcome.get(3, b"").decode())
    if 5 in inner:
        stored = fields(inner[5])
        return ("stored", stored.get(1, 0), stored.get(2, 0))
    if 6 in inner:
        refused = fields(inner[6])
        return ("refused", REASONS[refused.get(1, 0)], refused.get(2, b"").decode())
    return ("busy",) if 7 in inner else ("no_table",)
