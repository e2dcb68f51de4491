"""`warroom-agent join` on its own: what it refuses before it asks anybody, and where its invitation must not be seen."""
import os
import socket
import subprocess
import unittest

import uplink
from world import BIN, DEADLINE_S, World

TOKEN = bytes(range(32))


def invitation(*addresses):
    return uplink.invitation(addresses, bytes(32 * [9]), TOKEN)


class Join(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.identity = self.world.folder / "identity"
        self.config = self.world.folder / "agent.yaml"
        self.config.write_text(f"identity: {self.identity}\nspool: {self.world.folder}/spool\n")
        self.listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))  # takes connections, says nothing
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"

    def join(self, line, *args):
        done = subprocess.run([BIN / "warroom-agent", "--config", self.config, "join", *args, "-"], input=line, text=True,
                              capture_output=True, timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_what_is_no_invitation(self):
        whole = invitation(self.address)
        for line, words in (("", "not an invitation"), ("wr2:AAAA\n", "not an invitation"), (whole[:-4], "not whole"),
                            (whole + "=", "not whole"), ("wr1:" + 3000 * "A", "not whole")):
            status, out, error = self.join(line)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(words, error)

    def test_nobody_is_asked_without_a_place_for_the_identity(self):
        self.identity.write_text("there already")
        status, out, error = self.join(invitation(self.address))
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"{self.identity} is there already", error)
        self.assertIn("--replace", error)
        self.assertEqual(self.identity.read_text(), "there already")
        self.config.write_text(f"identity: {self.world.folder}/not/there\n")
        status, _, error = self.join(invitation(self.address))
        self.assertEqual(status, 1)
        self.assertIn(f"{self.world.folder}/not", error)
        self.listening.settimeout(0)
        with self.assertRaises(BlockingIOError):
            self.listening.accept()

    def test_an_invitation_is_in_no_argv_and_no_message(self):
        line = invitation(self.address)
        secret = line[40:80]
        with open(self.world.folder / "join.log", "wb") as log:
            process = subprocess.Popen([BIN / "warroom-agent", "--config", self.config, "join", line], stdout=log, stderr=log)
        self.listening.settimeout(DEADLINE_S)
        with self.listening.accept()[0]:  # it has read its command line
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                command = file.read()
            self.assertIn(b"\0join\0", command)
            self.assertNotIn(secret.encode(), command)
        process.terminate()
        process.wait(DEADLINE_S)
        for command in ((line,), ("jion", line), ("join", "-", line), ("join", line, "word"), ("join", line[:-8])):
            status, out, error = self.world.run("warroom-agent", "--config", self.config, *command)
            self.assertNotEqual(status, 0)
            self.assertNotIn(secret, out + error)
        self.assertNotIn(secret, self.world.log("join"))

    def test_a_host_that_has_not_joined_does_not_start(self):
        status, out, error = self.world.run("warroom-agent", "--config", self.config)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("event=agent_cannot_start", error)
        self.assertIn(f"no {self.identity}: this host has not joined", error)

    def test_an_identity_that_others_may_read_is_refused(self):
        self.identity.write_text("collector: []\n")
        os.chmod(self.identity, 0o644)
        status, _, error = self.world.run("warroom-agent", "--config", self.config)
        self.assertEqual(status, 1)
        self.assertIn("chmod 600", error)
        os.chmod(self.identity, 0o600)
        _, _, error = self.world.run("warroom-agent", "--config", self.config)
        self.assertIn("`collector` is not as `warroom-agent join` wrote it", error)

    def test_what_cannot_be_reached_is_told(self):
        self.listening.close()
        status, out, error = self.join(invitation(self.address))
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(error, f"warroom-agent: {self.address} cannot be reached\n"
                                "warroom-agent: join: no address of the invitation led to its collector\n")
        self.assertFalse(self.identity.exists())


if __name__ == "__main__":
    unittest.main()
