"""Noise_IK_25519_ChaChaPoly_BLAKE2b as revision 34 has it, a second time: on Python's own hashes and python3-cryptography.

Written from the specification, not from proto/link/channel: that the two understand each other shows that both mean Noise.
Names of variables are the specification's (5.1 to 5.3, 7.5).
"""
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NAME = b"Noise_IK_25519_ChaChaPoly_BLAKE2b"
PROLOGUE = b"warroom/1"
HASH_BYTES, KEY_BYTES, TAG_BYTES = 64, 32, 16


class Unopened(ValueError):
    """What came was not sealed for us, by whom it should."""


class Key:
    """A key pair; drawn, or of a secret of 32 bytes."""

    def __init__(self, secret=None):
        self.secret = secret or os.urandom(KEY_BYTES)
        self.private = X25519PrivateKey.from_private_bytes(self.secret)
        self.public = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def exchange(self, public):
        return self.private.exchange(X25519PublicKey.from_public_bytes(public))


def nonce(n):
    return bytes(4) + struct.pack("<Q", n)


def seal(key, n, plain, data=b""):
    return ChaCha20Poly1305(key).encrypt(nonce(n), plain, data)


def unseal(key, n, box, data=b""):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce(n), box, data)
    except InvalidTag as tag:
        raise Unopened("a message that does not open") from tag


def blake2b_hmac(key, data):
    return hmac.new(key, data, hashlib.blake2b).digest()


def hkdf(ck, material):
    """Two outputs of it."""
    temp = blake2b_hmac(ck, material)
    first = blake2b_hmac(temp, b"\x01")
    return first, blake2b_hmac(temp, first + b"\x02")


class Symmetric:
    """SymmetricState and its CipherState."""

    def __init__(self):
        self.h = self.ck = NAME.ljust(HASH_BYTES, b"\0")
        self.k, self.n = None, 0

    def mix_hash(self, data):
        self.h = hashlib.blake2b(self.h + data).digest()

    def mix_key(self, material):
        self.ck, k = hkdf(self.ck, material)
        self.k, self.n = k[:KEY_BYTES], 0

    def encrypt(self, plain):
        box = seal(self.k, self.n, plain, self.h)
        self.n += 1
        self.mix_hash(box)
        return box

    def decrypt(self, box):
        plain = unseal(self.k, self.n, box, self.h)
        self.n += 1
        self.mix_hash(box)
        return plain

    def split(self):
        return [k[:KEY_BYTES] for k in hkdf(self.ck, b"")]


class Channel:
    """After the handshake: a key and a counter each way."""

    def __init__(self, seal_key, open_key):
        self.seal_key, self.open_key = seal_key, open_key
        self.counter = 0

    def seal(self, plain, counter=None):
        """(counter, box); a `counter` of the caller's own leaves the channel's as it is."""
        if counter is None:
            counter = self.counter
            self.counter += 1
        return counter, seal(self.seal_key, counter, plain)

    def open(self, counter, box):
        return unseal(self.open_key, counter, box)


class Initiator:
    """The agent's side: write(), send it, read() what comes back, then there is `channel`."""

    def __init__(self, own, collector_public, prologue=PROLOGUE, ephemeral=None):
        self.s, self.rs = own, collector_public
        self.e = ephemeral or Key()
        self.symmetric = Symmetric()
        self.symmetric.mix_hash(prologue)
        self.symmetric.mix_hash(self.rs)
        self.channel = None

    def write(self, payload):
        state = self.symmetric
        state.mix_hash(self.e.public)
        state.mix_key(self.e.exchange(self.rs))
        static = state.encrypt(self.s.public)
        state.mix_key(self.s.exchange(self.rs))
        return self.e.public + static + state.encrypt(payload)

    def read(self, message):
        state = self.symmetric
        re = message[:KEY_BYTES]
        state.mix_hash(re)
        state.mix_key(self.e.exchange(re))
        state.mix_key(self.s.exchange(re))
        payload = state.decrypt(message[KEY_BYTES:])
        ours, theirs = state.split()
        self.channel = Channel(ours, theirs)
        return payload


class Responder:
    """The collector's side: read(), then there is `peer`; write(), then there is `channel`."""

    def __init__(self, own, prologue=PROLOGUE, ephemeral=None):
        self.s = own
        self.e = ephemeral or Key()
        self.re = self.peer = None
        self.symmetric = Symmetric()
        self.symmetric.mix_hash(prologue)
        self.symmetric.mix_hash(own.public)
        self.channel = None

    def read(self, message):
        state = self.symmetric
        self.re, static = message[:KEY_BYTES], message[KEY_BYTES:2 * KEY_BYTES + TAG_BYTES]
        state.mix_hash(self.re)
        state.mix_key(self.s.exchange(self.re))
        self.peer = state.decrypt(static)
        state.mix_key(self.s.exchange(self.peer))
        return state.decrypt(message[2 * KEY_BYTES + TAG_BYTES:])

    def write(self, payload):
        state = self.symmetric
        state.mix_hash(self.e.public)
        state.mix_key(self.e.exchange(self.re))
        state.mix_key(self.e.exchange(self.peer))
        message = self.e.public + state.encrypt(payload)
        theirs, ours = state.split()
        self.channel = Channel(ours, theirs)
        return message
