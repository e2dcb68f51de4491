"""What is not an honest agent's report is refused, each with its reason, while an honest agent goes on reporting."""
import os
import socket
import struct
import unittest

import noise
import uplink
from world import World, wait_for


class Refused(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = cls.enterClassContext(World())
        cls.world.begin()
        cls.db_1 = uplink.join(cls.world.invite("db-1", "--tenant", "acme"))

    def setUp(self):
        self.log_before = len(self.world.log("collector"))
        self.refused_before = self.refused()

    def tearDown(self):
        """Whatever a test did, the honest agent's ticks still come in, and its connection is the one it had."""
        self.ticks_go_on()
        self.assertEqual(self.world.log("agent").count("event=session_opened"), 1)
        self.assertNotIn("batch_refused", self.world.log("agent"))

    def ticks_go_on(self):
        seen = self.world.must("status")["store"]["ticks"]
        wait_for("the honest agent's ticks go on", lambda: self.world.must("status")["store"]["ticks"] > seen)

    def refused(self):
        return self.world.must("status")["uplink"]["refused"]

    def peer(self, identity=None):
        return self.enterContext(uplink.Peer(self.world.port, identity or self.db_1))

    def logged(self):
        return self.world.log("collector")[self.log_before:]

    def assert_refused(self, answer, reason, *words):
        """Told to the peer, logged once, counted once."""
        self.assertEqual(answer[:2], ("refused", reason))
        for word in words:
            self.assertIn(word, answer[2])
        lines = [line for line in self.logged().splitlines() if "event=report_refused" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(f"reason={reason} ", lines[0])
        self.assertIn("peer=127.0.0.1:", lines[0])
        self.assertEqual(self.refused(), {**self.refused_before, reason: self.refused_before.get(reason, 0) + 1})

    # ---- who

    def test_a_host_that_was_never_enrolled(self):
        stranger = uplink.Identity(self.db_1.collector, "00000000000000aa")
        self.assert_refused(self.peer(stranger).open().shake(), "unknown-host", "warroom host enroll")

    def test_a_host_that_names_itself_as_another(self):
        web_1 = self.world.must("hosts")["hosts"][0]["id"]
        self.assertNotEqual(web_1, self.db_1.host)
        self.assert_refused(self.peer().open().shake(host=web_1), "unknown-host")

    def test_one_who_has_the_key_of_another_collector_is_not_answered(self):
        astray = uplink.Identity(noise.Key().public, self.db_1.host, self.db_1.key)
        self.assertEqual(self.peer(astray).open().shake(), ("hung_up",))

    def test_a_first_message_played_again_is_answered_and_means_nothing(self):
        """Only who made it could open the answer, and the session it would begin never begins."""
        honest, player = self.peer().open(), self.peer().open()
        initiator = noise.Initiator(self.db_1.key, self.db_1.collector)
        first = uplink.handshake(initiator.write(uplink.hello(self.db_1.host, honest.run)))
        self.assertEqual(honest.ask(first, initiator)[0], "welcome")
        honest.channel = initiator.channel
        report = uplink.report(uplink.batch(honest.run, 1), 1, uplink.table())
        self.assertEqual(honest.ask_sealed(report), ("stored", 1, 1))
        self.assertIn(1, player.ask_raw(first))
        self.assertEqual(honest.ask_sealed(uplink.report(uplink.batch(honest.run, 2), 2)), ("stored", 1, 2))

    def test_a_report_before_any_hello_is_told_to_shake_hands(self):
        peer = self.peer().open()
        self.assertEqual(peer.ask(uplink.sealed(0, os.urandom(200))), ("no_session",))
        self.assertEqual(self.refused(), self.refused_before)

    def test_a_counter_that_was_used_before_is_told_to_shake_hands(self):
        peer = self.peer().greet()
        request = uplink.report(uplink.batch(peer.run, 1), 1, uplink.table())
        self.assertEqual(peer.ask_sealed(request, 5), ("stored", 1, 1))
        self.assertEqual(peer.ask_sealed(request, 5), ("no_session",))

    def test_a_report_that_was_altered_on_its_way_is_told_to_shake_hands(self):
        peer = self.peer().greet()
        counter, box = peer.channel.seal(uplink.report(uplink.batch(peer.run, 1), 1, uplink.table()))
        altered = box[:30] + bytes([box[30] ^ 1]) + box[31:]
        self.assertEqual(peer.ask(uplink.sealed(counter, altered)), ("no_session",))

    # ---- what

    def test_a_batch_of_an_earlier_run_is_welcome(self):
        peer = self.peer().greet()
        answer = peer.ask_sealed(uplink.report(uplink.batch(os.urandom(16), 1), 1, uplink.table()))
        self.assertEqual(answer, ("stored", 1, 1))
        self.assertEqual(self.refused(), self.refused_before)

    def test_a_request_that_is_no_protobuf(self):
        peer = self.peer().greet()
        self.assert_refused(peer.ask_sealed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "malformed")

    def test_a_report_that_breaks_off(self):
        peer = self.peer().greet()
        whole = uplink.report(uplink.batch(peer.run, 1, 3), 3, uplink.table())
        self.assert_refused(peer.ask_sealed(whole[:-5]), "malformed")

    def test_a_batch_whose_values_break_off(self):
        peer = self.peer().greet()
        cut = uplink.batch(peer.run, 1, 3, values=uplink.zigzag(0) * 2)
        self.assert_refused(peer.ask_sealed(uplink.report(cut, 3, uplink.table())), "malformed")

    def test_bytes_behind_the_last_value(self):
        peer = self.peer().greet()
        long = uplink.batch(peer.run, 1, 3, values=uplink.zigzag(0) * 4)
        self.assert_refused(peer.ask_sealed(uplink.report(long, 3, uplink.table())), "malformed")

    def test_a_batch_with_more_columns_than_its_table(self):
        peer = self.peer().greet()
        wide = uplink.batch(peer.run, 1, columns=2, name=uplink.hashlib.blake2b(uplink.table(), digest_size=16).digest())
        self.assert_refused(peer.ask_sealed(uplink.report(wide, 1, uplink.table())), "malformed", "column")

    def test_a_table_that_has_not_the_name_the_batch_says(self):
        peer = self.peer().greet()
        of_another = uplink.batch(peer.run, 1, name=bytes(16))
        answer = peer.ask_sealed(uplink.report(of_another, 1, uplink.table()))
        self.assert_refused(answer, "malformed", "table")

    def test_a_table_that_was_never_sent_is_asked_for(self):
        peer = self.peer().greet()
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1, name=bytes(16)), 1)), ("no_table",))
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1), 1, uplink.table())), ("stored", 1, 1))

    def test_more_ticks_than_a_batch_may_have(self):
        peer = self.peer().greet()
        answer = peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1, 3601), 3601, uplink.table()))
        self.assert_refused(answer, "too-large")

    def test_more_columns_than_a_batch_may_have(self):
        peer = self.peer().greet()
        name = bytes(16)
        answer = peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1, columns=1025, name=name), 1))
        self.assert_refused(answer, "too-large")

    def test_a_tick_above_the_highest_its_run_has_declared(self):
        peer = self.peer().greet()
        answer = peer.ask_sealed(uplink.report(uplink.batch(peer.run, 5, 3), 6, uplink.table()))
        self.assert_refused(answer, "above-highest", "5..7", "above 6")

    def test_earlier_numbers_than_the_highest_are_welcome(self):
        peer = self.peer().greet()
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 9), 9, uplink.table())), ("stored", 9, 9))
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 3, 2), 9)), ("stored", 3, 4))
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 5, 4), 9)), ("stored", 3, 9))
        self.assertEqual(self.refused(), self.refused_before)

    def test_a_batch_that_overlaps_stored_ticks(self):
        peer = self.peer().greet()
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 1, 4), 4, uplink.table())), ("stored", 1, 4))
        answer = peer.ask_sealed(uplink.report(uplink.batch(peer.run, 3, 4), 6))
        self.assert_refused(answer, "overlap", "3..6", "1..4")
        self.assertEqual(peer.ask_sealed(uplink.report(uplink.batch(peer.run, 5, 2), 6)), ("stored", 1, 6))

    def test_the_same_batch_again_is_answered_as_before(self):
        peer = self.peer().greet()
        request = uplink.report(uplink.batch(peer.run, 1, 4), 4, uplink.table())
        self.assertEqual(peer.ask_sealed(request), ("stored", 1, 4))
        self.assertEqual(peer.ask_sealed(request), ("stored", 1, 4))
        self.world.stored()  # fails where a tick is held twice
        self.assertEqual(self.refused(), self.refused_before)

    # ---- what is not even our protocol

    def assert_not_ours(self, envelope):
        """It ends its connection, is counted, and said: not each time, for anybody may send as much of it as they like."""
        peer = self.peer().open()
        self.assertIsNone(peer.ask_raw(envelope))
        wait_for("it is said", lambda: "event=peer_not_ours times=" in self.world.log("collector"))
        self.assertEqual(self.refused()["malformed"], self.refused_before.get("malformed", 0) + 1)

    def test_an_envelope_of_garbage_ends_its_connection(self):
        self.assert_not_ours(b"\xff" * 40)

    def test_an_answer_sent_as_a_request_ends_its_connection(self):
        self.assert_not_ours(uplink.field(3, b""))

    def test_a_web_browser(self):
        peer = self.peer()
        peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertNotIn(b"HTTP", peer.read(4096))

    def test_another_protocol_of_scalability(self):
        peer = self.peer()
        peer.send(bytes.fromhex("0053500000200000"))  # PUB
        self.assertTrue(len(peer.read(64)) <= 8)

    def test_a_length_beyond_all_limits_ends_its_connection_at_once(self):
        for length in (1 << 17, 1 << 40, (1 << 64) - 1):
            peer = self.peer().open()
            peer.send(struct.pack(">QI", length, 0x80000001))
            self.assertTrue(peer.is_hung_up(), f"{length} bytes")

    def test_a_message_without_a_request_id_ends_its_connection(self):
        for body in (b"", b"\x80\x00", b"\x00\x00\x00\x01" + uplink.handshake(bytes(96))):
            peer = self.peer().open()
            peer.send(struct.pack(">Q", len(body)) + body)
            self.assertTrue(peer.is_hung_up(), body)

    def test_somebody_who_hangs_up_in_the_middle_of_a_message(self):
        for cut in (3, 8, 11, 40):
            peer = self.peer().open()
            body = struct.pack(">I", 0x80000001) + bytes(100)
            peer.send((struct.pack(">Q", len(body)) + body)[:cut])
            peer.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(peer.is_hung_up())


if __name__ == "__main__":
    unittest.main()
