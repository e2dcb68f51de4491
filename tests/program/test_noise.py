"""The Noise that the peers of these tests speak is Noise: a public conversation, byte for byte, on both sides of it."""
import unittest

from noise import Initiator, Key, Responder, Unopened

# Of cacophony's test vectors, as proto/link/channel_vectors_test.c has it.
VECTOR = {
    "prologue": "4a6f686e2047616c74",
    "init_static": "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    "init_ephemeral": "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    "init_remote_static": "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
    "resp_static": "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    "resp_ephemeral": "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    "messages": [
        ("4c756477696720766f6e204d69736573",
         "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e327ad936929812f624884"
         "847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e13bf7043"
         "9c538e3602a7127af71a29cc"),
        ("4d757272617920526f746862617264",
         "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de3ecb1043bcb098e9af91"
         "d9c64748d998c7b47890871571"),
        ("462e20412e20486179656b",
         "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07"),
        ("4361726c204d656e676572",
         "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2"),
        ("4a65616e2d426170746973746520536179",
         "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7"),
        ("457567656e2042f6686d20766f6e2042617765726b",
         "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3"),
    ],
}


def octets(name):
    return bytes.fromhex(VECTOR[name])


class Noise(unittest.TestCase):
    def setUp(self):
        own, prologue = Key(octets("init_static")), octets("prologue")
        self.initiator = Initiator(own, octets("init_remote_static"), prologue, Key(octets("init_ephemeral")))
        self.responder = Responder(Key(octets("resp_static")), prologue, Key(octets("resp_ephemeral")))

    def test_a_public_conversation(self):
        (hello, first), (welcome, second), *reports = [tuple(map(bytes.fromhex, pair)) for pair in VECTOR["messages"]]
        self.assertEqual(self.initiator.write(hello), first)
        self.assertEqual(self.responder.read(first), hello)
        self.assertEqual(self.responder.peer, self.initiator.s.public)
        self.assertEqual(self.responder.write(welcome), second)
        self.assertEqual(self.initiator.read(second), welcome)
        sender, receiver = self.initiator.channel, self.responder.channel
        for plain, box in reports:
            counter, sealed = sender.seal(plain)
            self.assertEqual(sealed, box)
            self.assertEqual(receiver.open(counter, box), plain)
            sender, receiver = receiver, sender

    def test_what_was_altered_does_not_open(self):
        first = self.initiator.write(b"hello")
        with self.assertRaises(Unopened):
            self.responder.read(first[:-1] + bytes([first[-1] ^ 1]))

    def test_what_was_meant_for_another_does_not_open(self):
        with self.assertRaises(Unopened):
            Responder(Key(), octets("prologue")).read(self.initiator.write(b"hello"))


if __name__ == "__main__":
    unittest.main()
