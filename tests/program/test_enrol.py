"""Who may report: hosts join by an invitation, are known by their key from then on, and are sent away when a person says so.

What `warroom-agent join` refuses by itself is in test_join.py."""
import contextlib
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import time
import unittest

import noise
import uplink
from chaos import highest_in
from world import BIN, World, wait_for


class Machine:
    """A host beside the world's own, with its folder: settings, identity, spool."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.folder = world.folder / name
        self.folder.mkdir(mode=0o700)
        self.config, self.identity = self.folder / "agent.yaml", self.folder / "identity"
        self.config.write_text(f"identity: {self.identity}\nprocfs: {world.folder}/proc\nspool: {self.folder}/spool\n"
                               "interval: 1s\n")

    def join(self, line, *more):
        return self.world.join(line, self.config, *more)

    def start(self):
        self.world.start(self.name, BIN / "warroom-agent", "--config", self.config)

    def said(self):
        return self.world.log(self.name)

    def taken(self):
        """The highest number in the spool."""
        return max(highest_in(self.folder / "spool").values(), default=0)


class Enrolment(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.configure(webhooks=[])
        self.world.start_collector()
        self.world.must("tenant", "add", "acme")
        self.world.start_event()  # hosts report each second

    def invite(self, name="web-1", *more):
        return self.world.invite(name, "--tenant", "acme", *more)

    def joined(self, name="web-1"):
        """A machine whose agent reports."""
        machine = Machine(self.world, name)
        machine.join(self.invite(name))
        machine.start()
        wait_for(f"{name} reports", lambda: self.host(name)["state"] == "reporting")
        return machine

    def reached_at(self, *addresses):
        """The collector says that agents dial these."""
        with open(self.world.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write(f"public: {list(addresses)}\n")
        self.world.kill("collector", signal.SIGTERM)
        self.world.start_collector()

    def host(self, name="web-1"):
        return next(row for row in self.world.must("hosts")["hosts"] if row["name"] == name)

    def refused(self, machine, line, *words):
        """It did not join, was told why, and has nothing of it."""
        status, _, error = self.world.try_join(line, machine.config)
        self.assertEqual(status, 1, error)
        for word in words:
            self.assertIn(word, error)
        self.assertNotIn(line, error)
        self.assertFalse(machine.identity.exists())

    def more_ticks(self, count=2):
        self.world.wait_for_stored_ticks(count)

    # ---- to join

    def test_what_is_printed_is_what_is_pasted(self):
        status, out, error = self.world.console("host", "enroll", "web-1", "--tenant", "acme")
        self.assertEqual(status, 0, error)
        program, verb, line = shlex.split(re.search(r"^ *(warroom-agent join .*)$", out, re.MULTILINE).group(1))
        self.assertEqual(self.host()["key"], "invited")
        machine = Machine(self.world, "pasted")
        status, out, error = self.world.run(program, "--config", machine.config, verb, line)
        self.assertEqual(status, 0, error)
        host = self.host()
        self.assertEqual(out, f"joined 127.0.0.1:{self.world.port} as web-1 of tenant acme (host {host['id']})\n")
        self.assertEqual((host["key"], host["state"]), ("joined", "never"))
        self.assertEqual(machine.identity.stat().st_mode & 0o777, 0o600)
        machine.start()
        self.more_ticks()
        self.assertEqual(self.host()["state"], "reporting")

    def test_a_line_is_good_once(self):
        line = self.invite()
        Machine(self.world, "first").join(line)
        self.refused(Machine(self.world, "second"), line, "invitation")
        self.assertEqual(self.world.must("status")["uplink"]["refused"], {"token": 1})

    def test_a_line_that_has_expired(self):
        line = self.invite()
        self.world.kill("collector", signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(self.world.folder / "state/registry.db")) as registry, registry:
            registry.execute("UPDATE token SET expires_us = ?", [time.time_ns() // 1000])
        self.world.start_collector()
        self.refused(Machine(self.world, "late"), line, "invitation", "expired")

    def test_of_several_addresses_one_that_answers_will_do(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:  # who takes connections and says nothing, then not even that
            self.reached_at(f"127.0.0.1:{nobody.getsockname()[1]}", f"127.0.0.1:{self.world.port}")
            machine = Machine(self.world, "web-1")
            self.assertIn(f"joined 127.0.0.1:{self.world.port} as web-1", machine.join(self.invite()))
        machine.start()
        self.more_ticks()

    def test_an_invitation_for_a_group_is_good_for_as_many_as_it_says(self):
        line = self.world.invite("--group", "image", "--uses", "2", "--tenant", "acme")
        uplink.join(line, "web.example.com")
        uplink.join(line, "web.example.com")
        self.refused(Machine(self.world, "third"), line, "invitation")
        rows = self.world.must("hosts")["hosts"]
        self.assertEqual(len({row["name"] for row in rows}), 2)
        self.assertEqual({(row["group"], row["key"]) for row in rows}, {("image", "joined")})

    def test_an_agent_that_joins_again_after_its_answer_was_lost_has_joined(self):
        """Same token, same key: nothing is used up a second time."""
        invitation = uplink.Invitation(self.invite())
        identity = uplink.Identity(invitation.collector)
        for _ in range(2):
            with uplink.Peer(self.world.port, identity) as peer:
                self.assertEqual(peer.open().shake(invitation.token)[0::2], ("welcome", "web-1"))

    def test_a_host_that_has_joined_does_not_join_by_mistake(self):
        machine = Machine(self.world, "web-1")
        machine.join(self.invite())
        before, line = machine.identity.read_text(), self.invite("web-2")
        status, _, error = self.world.try_join(line, machine.config)
        self.assertEqual(status, 1)
        self.assertIn("--replace", error)
        self.assertEqual(machine.identity.read_text(), before)
        self.assertEqual(self.host("web-2")["key"], "invited", "the line is as good as before")

    # ---- what is kept on the host

    def test_an_identity_that_others_may_read_is_refused(self):
        machine = Machine(self.world, "web-1")
        machine.join(self.invite())
        machine.identity.chmod(0o644)
        status, _, error = self.world.run("warroom-agent", "--config", machine.config)
        self.assertEqual(status, 1)
        self.assertIn("chmod 600", error)
        machine.identity.chmod(0o600)
        machine.start()
        self.more_ticks()

    def test_a_collector_that_is_another_hears_nothing(self):
        """Whoever listens at the collector's address without its key gets a message that does not open."""
        machine = Machine(self.world, "web-1")
        machine.join(self.invite())
        self.world.kill("collector")
        with socket.create_server(("127.0.0.1", self.world.port)) as impostor:
            impostor.settimeout(60)
            machine.start()
            connection = impostor.accept()[0]
            connection.settimeout(60)
            with connection, connection.makefile("rwb") as stream:
                self.assertEqual(stream.read(8), uplink.HELLO_OF_REQ)
                stream.write(uplink.HELLO_OF_REP)
                stream.flush()
                length = int.from_bytes(stream.read(8), "big")
                message = uplink.fields(stream.read(length)[4:])[1]
        self.assertNotIn(b"Linux", message)
        with self.assertRaises(noise.Unopened):
            noise.Responder(noise.Key()).read(message)

    # ---- to come back, and to go

    def test_a_rebuilt_machine_goes_on_with_its_history(self):
        machine = self.joined()
        self.more_ticks()
        before = self.host()
        self.world.kill("web-1")
        history = self.world.must("query", "web-1", "system.memory.utilization", "--from", "-10m")["series"][0]["points"]
        shutil.rmtree(machine.folder)
        rebuilt = Machine(self.world, "web-1")
        rebuilt.join(self.invite())
        rebuilt.start()
        self.more_ticks()
        self.assertEqual(self.host()["id"], before["id"])
        points = self.world.must("query", "web-1", "system.memory.utilization", "--from", "-10m")["series"][0]["points"]
        self.assertEqual(sum(point[4] for point in points) > sum(point[4] for point in history), True)
        self.assertLessEqual(points[0][0], history[0][0])

    def test_what_was_joined_before_is_heard_no_more(self):
        old = uplink.join(self.invite())
        new = uplink.join(self.invite())
        self.assertEqual(old.host, new.host)
        with uplink.Peer(self.world.port, old) as peer:
            self.assertEqual(peer.open().shake()[0], "refused")
        with uplink.Peer(self.world.port, new) as peer:
            peer.greet()

    def test_a_live_session_ends_when_its_key_is_replaced(self):
        old = uplink.join(self.invite())
        with uplink.Peer(self.world.port, old) as peer:
            peer.greet()
            self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1), 1, uplink.table()))[0], "stored")
            uplink.join(self.world.must("host", "rotate", "web-1")["invitation"]["code"])
            self.assertTrue(peer.is_hung_up())

    def test_a_key_is_rotated_without_a_tick_lost(self):
        machine = self.joined()
        line = self.world.must("host", "rotate", "web-1")["invitation"]["code"]
        self.more_ticks()  # the old key is heard until the new one is there
        before = machine.identity.read_text()
        machine.join(line, "--replace")
        self.assertNotEqual(machine.identity.read_text(), before)
        self.world.kill("web-1", signal.SIGTERM)
        machine.start()
        self.more_ticks()
        self.world.kill("web-1", signal.SIGTERM)
        self.assertEqual([first for _, first, _ in self.world.stored()], [1, 1], "two runs, each whole")

    def test_who_is_revoked_is_heard_no_more_and_keeps_its_ticks(self):
        machine = self.joined()
        self.more_ticks()
        self.assertEqual(self.world.must("host", "revoke", "web-1")["host"]["key"], "revoked")
        wait_for("the agent says so", lambda: "revoked" in machine.said())
        self.assertTrue(self.world.alive("web-1"))
        self.assertFalse(self.host()["connected"])
        stored = self.world.must("status")["store"]["ticks"]
        taken = machine.taken()
        wait_for("it keeps what it takes", lambda: machine.taken() >= max(taken, stored) + 2)
        self.assertEqual(self.world.must("status")["store"]["ticks"], stored)
        machine.join(self.invite(), "--replace")
        self.world.kill("web-1", signal.SIGTERM)
        kept = machine.taken()
        machine.start()
        wait_for("what it kept is stored", lambda: max(last for _, _, last in self.world.stored()) >= kept)
        self.assertEqual({first for _, first, _ in self.world.stored()}, {1}, "no run has a gap")

    def test_who_is_retired_is_missed_by_nobody(self):
        self.joined()
        self.more_ticks()
        self.assertEqual(self.world.must("host", "retire", "web-1")["host"]["key"], "retired")
        wait_for("its connection is closed", lambda: not self.host()["connected"])
        points = self.world.must("query", "web-1", "system.memory.utilization", "--from", "-10m")["series"][0]["points"]
        self.assertTrue(points, "its history stays")

    def test_a_cloned_machine_is_noticed(self):
        self.joined()
        clone = Machine(self.world, "clone")
        shutil.copy2(self.world.folder / "web-1/identity", clone.identity)
        clone.start()
        wait_for("it is said", lambda: self.host()["cloned"])
        self.assertIn("event=host_cloned", self.world.log("collector"))


if __name__ == "__main__":
    unittest.main()
