"""Peers of the versions before: an agent of each that is promised is understood by today's collector, a collector of each by today's
agent; and today's understand what is to come. What those peers said is on record (tests/recorded)."""
import contextlib
import signal
import struct
import threading
import unittest

import downlink
import recording
import uplink
from world import World, wait_for


def batch_of(report):
    return uplink.fields(uplink.fields(uplink.fields(report)[2])[7])


def without_words(outcome):
    """A refusal's text is for people and may be another."""
    return outcome[:2] if outcome[0] == "refused" else outcome


def replaced(message, exchange):
    for old, new in exchange.items():
        message = message.replace(old, new)
    return message


class Agents(unittest.TestCase):
    """What an agent said is said again, by another host id and another token, which a collector has to know."""

    def play(self, version, shape=lambda request: request):
        """The answers to it, and those of its own time."""
        exchanges = recording.Recording.load(version).exchanges()
        joining, welcome = exchanges[0]
        token, host = uplink.fields(uplink.fields(joining)[1])[8], uplink.fields(uplink.fields(welcome)[4])[1]
        with World() as world, contextlib.ExitStack() as stack:
            world.configure(webhooks=[])
            world.start_collector()
            world.must("tenant", "add", "acme")
            world.start_event()
            invitation = uplink.Invitation(world.invite("web-1", "--tenant", "acme"))
            now = world.must("hosts")["hosts"][0]["id"]
            exchange = {token: invitation.token, struct.pack("<Q", host): struct.pack("<Q", int(now, 16))}
            identity, got, want = uplink.Identity(invitation.collector), [], []
            for request, answer in exchanges:
                want.append(uplink.outcome(replaced(answer, exchange)))
                if want[-1][0] == "refused":
                    world.must("host", "revoke", "web-1")
                if uplink.is_hello(request):
                    peer = stack.enter_context(uplink.Peer(world.port, identity)).open()
                got.append(uplink.outcome(peer.say(shape(replaced(request, exchange)))))
            self.assertEqual(sum(last - first + 1 for _, first, last in world.stored()), self.ticks(exchanges))
            self.assertIn(f"agent={uplink.fields(uplink.fields(joining)[1])[5].decode()} ", world.log("collector"))
        return got, want

    @staticmethod
    def ticks(exchanges):
        """How many its collector had in the end: the last word on each run."""
        last = {}
        for request, answer in exchanges:
            outcome = uplink.outcome(answer)
            if outcome[0] == "stored":
                last[batch_of(request)[1]] = outcome[2] - outcome[1] + 1
        return sum(last.values())

    def test_are_answered_as_in_their_time(self):
        for version in recording.promised():
            with self.subTest(version):
                got, want = self.play(version)
                self.assertEqual(list(map(without_words, got)), list(map(without_words, want)))

    def test_may_say_more_than_is_known(self):
        got, want = self.play(recording.promised()[0], lambda request: recording.later(request, recording.REQUEST))
        self.assertEqual(list(map(without_words, got)), list(map(without_words, want)))


class Player:
    """A collector that says what one said: welcome to each run that is new, then of its ticks that they are stored, until there is
    nothing more to play; what earlier runs left it takes note of only."""

    def __init__(self, version, shape):
        self.sessions, self.left, self.reports, self.lock = [], {}, [], threading.Lock()
        for request, answer in recording.Recording.load(version).exchanges():
            if uplink.is_hello(request):
                run = uplink.fields(uplink.fields(request)[1])[2]
                self.sessions.append((shape(answer), []))
            elif batch_of(request)[1] == run:
                self.sessions[-1][1].append(shape(answer))

    def begin(self, _):
        return self.answer

    def answer(self, request):
        with self.lock:
            if not uplink.is_hello(request):
                batch = batch_of(request)
                self.reports.append((batch[1], batch[2]))
                return self.left[batch[1]].pop(0) if self.left[batch[1]] else None
            run = uplink.fields(uplink.fields(request)[1])[2]
            if run in self.left:
                return None
            welcome, self.left[run] = self.sessions.pop(0)
            return welcome


class Collectors(unittest.TestCase):
    """An agent of today joins one that says what was said, reports to it until it falls silent, and is started again."""

    def hold(self, version, shape=lambda answer: answer):
        player = Player(version, shape)
        count = len(player.sessions[1][1])
        self.assertGreater(count, 2)
        with World() as world, downlink.Collector(player.begin) as collector:
            world.configure_agent()
            line = uplink.invitation([collector.address], collector.key.public, bytes(range(32)))
            self.assertIn(f"joined {collector.address} as web-1 of tenant acme", world.join(line))
            world.start_agent()
            wait_for("it reports on after the last answer", lambda: len(player.reports) > count)
            run = player.reports[0][0]
            self.assertEqual(player.reports, [(run, first) for first in range(1, count + 2)], "what is stored is not sent again")
            world.wait_for_ticks(2)
            world.kill("agent", signal.SIGTERM)
            world.start_agent()
            wait_for("it brings what is left", lambda: player.reports.count((run, count + 1)) == 2)
            self.assertNotIn((run, count), player.reports[count:], "and nothing that was stored")
            self.assertNotIn("event=answer_not_opened", world.log("agent"))

    def test_move_what_an_agent_keeps_as_in_their_time(self):
        for version in recording.promised():
            with self.subTest(version):
                self.hold(version)

    def test_may_say_more_than_is_known(self):
        self.hold(recording.promised()[0], lambda answer: recording.later(answer, recording.ANSWER))


class Kept(unittest.TestCase):
    def test_each_version_that_is_promised_is_on_record_as_what_it_is(self):
        self.assertEqual(recording.promised()[0], recording.minor(recording.this_version()))
        for version in recording.promised():
            self.assertTrue((recording.RECORDED / version).is_dir(), f"{version} is not on record: scripts/record-peer.sh")
            recorded = recording.Recording.load(version)
            for request, _ in recorded.exchanges():
                if uplink.is_hello(request):
                    said = uplink.fields(uplink.fields(request)[1])[5].decode()
                    self.assertEqual(recording.minor(said), version)
            self.assertEqual([envelope for _, envelope in recording.lines(version, "wire")], list(recorded.wire()))


if __name__ == "__main__":
    unittest.main()
