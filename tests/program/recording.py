"""What an agent and a collector of one version said to each other, kept for the versions to come (tests/recorded/README.md)."""
import pathlib
import re

import noise
import uplink
from world import ROOT

RECORDED = ROOT / "tests/recorded"
TO_COLLECTOR, TO_AGENT = ">", "<"
REQUEST = {1: None, 2: {7: None, 9: None}}  # for later(); not a report's table: with other bytes it has another name
ANSWER = dict.fromkeys(range(3, 9))


def minor(version):
    return ".".join(version.split(".")[:2])


def this_version():
    return re.search(r"project\(warroom VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))[1]


def promised():
    """The minor versions whose peers are understood: this one and the two that were released before it."""
    released = re.findall(r"^## (\d+\.\d+)\.", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    newest_first = dict.fromkeys([minor(this_version()), *released])
    return list(newest_first)[:3]


def lines(version, file):
    """[(way, message)] of a file of it."""
    text = (RECORDED / version / file).read_text(encoding="ascii")
    return [(way, bytes.fromhex(message)) for way, message in map(str.split, text.splitlines())]


def later(message, within):
    """An encoded message with a field that nobody knows yet, in itself and in the messages of its fields: `within` has their numbers,
    and for each the same; None: those of it are left alone."""
    if within is not None:
        message = b"".join(uplink.field(number, later(value, within[number]) if number in within and isinstance(value, bytes) else value)
                           for number, value in uplink.all_fields(message))
    return message + uplink.field(1000, b"of a later version")


class Recording:
    """`said`: [(way, encoded request or answer)], each request followed by its answer."""

    def __init__(self, said, keys):
        self.said, self.keys = said, keys  # the agent's, the collector's, then both ephemeral ones of each handshake

    @classmethod
    def of(cls, said):
        """With keys that are drawn: what the programs themselves used is theirs."""
        hellos = sum(way == TO_COLLECTOR and uplink.is_hello(message) for way, message in said)
        return cls(said, [noise.Key() for _ in range(2 + 2 * hellos)])

    @classmethod
    def load(cls, version):
        keys = (RECORDED / version / "keys").read_text(encoding="ascii").split()
        return cls(lines(version, "plain"), [noise.Key(bytes.fromhex(key)) for key in keys])

    def exchanges(self):
        """[(request, answer)]"""
        messages = [message for _, message in self.said]
        return list(zip(messages[::2], messages[1::2]))

    def wire(self):
        """The envelopes in which it goes over the network under its keys."""
        agent, collector, *ephemeral = self.keys
        for request, answer in self.exchanges():
            if uplink.is_hello(request):
                initiator = noise.Initiator(agent, collector.public, ephemeral=ephemeral.pop(0))
                responder = noise.Responder(collector, ephemeral=ephemeral.pop(0))
                first = initiator.write(request)
                responder.read(first)
                second = responder.write(answer)
                initiator.read(second)
                yield from (uplink.handshake(first), uplink.handshake(second))
            else:
                yield from (uplink.sealed(*initiator.channel.seal(request)), uplink.sealed(*responder.channel.seal(answer)))

    def save(self, version):
        folder = pathlib.Path(RECORDED / version)
        folder.mkdir(parents=True, exist_ok=True)
        for name, messages in (("plain", [message for _, message in self.said]), ("wire", self.wire())):
            text = "".join(f"{way} {message.hex()}\n" for (way, _), message in zip(self.said, messages))
            (folder / name).write_text(text, encoding="ascii")
        secrets = [key.secret.hex() for key in self.keys]
        (folder / "keys").write_text("\n".join(secrets) + "\n", encoding="ascii")
