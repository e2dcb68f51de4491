"""Who may use the console: root, the collector's own user, the members of one group. Told apart by the kernel, not by the socket's
mode alone."""
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from world import BIN, DEADLINE_S, World, wait_for

NOBODY, GAMES = 65534, 60


@unittest.skipUnless(os.geteuid() == 0, "only root can ask as somebody else")
class Stranger(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.folder.chmod(0o755)
        shutil.copy(BIN / "warroom", self.world.folder)  # the build may stand where only root comes
        self.world.configure(webhooks=[])
        with open(self.world.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write("console_group: games\n")
        self.world.start_collector()

    def ask_as(self, user, group, *args, extra=()):
        done = subprocess.run([self.world.folder / "warroom", "--control", self.world.folder / "control.sock", *args],
                              user=user, group=group, extra_groups=extra, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout, done.stderr

    def loosen(self):
        for name in ("control.sock", "feed.sock"):
            (self.world.folder / name).chmod(0o666)

    def test_the_sockets_are_the_groups(self):
        for name in ("control.sock", "feed.sock"):
            at = (self.world.folder / name).stat()
            self.assertEqual((at.st_gid, at.st_mode & 0o7777), (GAMES, 0o660))

    def test_a_member_asks_and_is_known_by_name(self):
        status, out, error = self.ask_as(NOBODY, GAMES, "tenant", "add", "acme", "--json")
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(json.loads(out)["tenant"]["name"], "acme")

    def test_a_stranger_is_kept_out_by_the_mode(self):
        status, out, error = self.ask_as(NOBODY, NOBODY, "status")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("group", error)
        self.assertEqual(self.world.must("status")["console"]["refused"], 0, "the kernel did it")

    def test_a_stranger_gets_nothing_though_the_mode_was_loosened(self):
        self.loosen()
        for n in range(1, 4):
            status, out, error = self.ask_as(NOBODY, NOBODY, "tenant", "add", "theirs")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("nobody may not", error)
            self.assertEqual(self.world.must("status")["console"]["refused"], n)
        self.assertEqual(self.world.must("tenant", "list")["tenants"], [])
        told = re.findall(r"event=console_refused socket=control uid=(\d+) refused=(\d+)", self.world.log("collector"))
        self.assertEqual(told, [(str(NOBODY), "1")], "one is told, all are counted")

    def test_a_stranger_hears_nothing_of_the_feed_though_the_mode_was_loosened(self):
        self.loosen()
        status, out, error = self.ask_as(NOBODY, NOBODY, "incident", "list", "--follow", "--json")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("group", error)
        wait_for("it is told", lambda: f"event=console_refused socket=feed uid={NOBODY}" in self.world.log("collector"))

    def test_an_unknown_group_keeps_the_collector_from_starting(self):
        self.assertEqual(self.world.kill("collector", signal.SIGTERM), 0)
        path = self.world.folder / "collector.yaml"
        path.write_text(path.read_text().replace("console_group: games", "console_group: no-such-group"))
        status, _, error = self.world.run("warroom-collector", "--config", path)
        self.assertEqual(status, 1)
        self.assertIn("there is no group no-such-group on this host", error)


if __name__ == "__main__":
    unittest.main()
