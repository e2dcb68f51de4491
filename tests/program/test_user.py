"""Started as root, the programs become the user that their file names, once they have read what only root may read and have the port
that only root may have. What is left then cannot become root again, nor be looked into."""
import os
import pathlib
import shutil
import signal
import unittest

from disk import resolved
from ports import own_port
from world import World, wait_for

NOBODY, GAMES = 65534, 60


def privileged_port():
    """A free one of those that are root's alone, unless the host was told otherwise."""
    port = own_port(range(600, 1024))
    if port is None:
        raise unittest.SkipTest("no port below 1024 is free")
    return port


class NobodysWorld(World):
    """The folder is the user's; the webhook's URL is root's alone."""

    def __init__(self):
        super().__init__()
        self.folder.chmod(0o755)
        os.chown(self.folder, NOBODY, NOBODY)
        self.port = privileged_port()

    def configure(self, *args, **keys):
        super().configure(*args, **keys)
        secret = self.folder / "webhook.url"
        secret.write_text(self.url())
        secret.chmod(0o600)
        path = self.folder / "collector.yaml"
        path.write_text(path.read_text().replace(f"url: '{self.url()}'", f"url_file: {secret}") + "user: nobody\nconsole_group: games\n")

    def configure_agent(self, extra=""):
        super().configure_agent(extra + "user: nobody\n")

    def facts(self, name):
        text = pathlib.Path(f"/proc/{self.running[name].pid}/status").read_text(encoding="ascii")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class User(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(NobodysWorld())

    def assert_nothing_is_left(self, name, groups=(NOBODY,)):
        facts = self.world.facts(name)
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(facts[capabilities], 16), 0, f"{name}: {capabilities}")
        self.assertEqual(facts["NoNewPrivs"], "1", name)
        self.assertEqual(facts["Uid"].split(), [str(NOBODY)] * 4, name)
        self.assertEqual(facts["Gid"].split(), [str(NOBODY)] * 4, name)
        self.assertEqual(set(facts["Groups"].split()), set(map(str, groups)), name)
        for task in pathlib.Path(f"/proc/{self.world.running[name].pid}/task").iterdir():
            lines = (task / "status").read_text(encoding="ascii").splitlines()
            self.assertIn("CapPrm:\t0000000000000000", lines, f"{name}: each thread for itself")
            self.assertIn("NoNewPrivs:\t1", lines, f"{name}: each thread for itself")
        owner = pathlib.Path(f"/proc/{self.world.running[name].pid}/environ").stat().st_uid
        self.assertEqual(owner, 0, f"{name}: what is not dumpable shows its memory to root alone")
        limits = pathlib.Path(f"/proc/{self.world.running[name].pid}/limits").read_text(encoding="ascii")
        self.assertRegex(limits, r"Max core file size +0 +0 ", name)

    def test_they_work_without_any_privilege(self):
        world = self.world
        world.begin()
        world.wait_for_stored_ticks(1)
        self.assert_nothing_is_left("collector", (NOBODY, GAMES))
        self.assert_nothing_is_left("agent")
        at = (world.folder / "control.sock").stat()
        self.assertEqual((at.st_uid, at.st_gid, at.st_mode & 0o777), (NOBODY, GAMES, 0o660))
        self.assertNotIn("event=runs_as_root", world.log("collector") + world.log("agent"))
        world.host.use_memory(0.97)
        wait_for("the page goes to the secret address", lambda: world.incident_with("delivered"))
        for path in [world.folder / "identity", *(world.folder / "state").iterdir(), *(world.folder / "spool").iterdir()]:
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (NOBODY, NOBODY), path.name)
        self.assertEqual(world.kill("agent", signal.SIGTERM), 0)
        self.assertEqual(world.kill("collector", signal.SIGTERM), 0)
        status, out, error = world.run("warroom-collector", "--config", world.folder / "collector.yaml", "--fsck", "all")
        self.assertEqual((status, error), (0, ""), out)
        for path in (world.folder / "state").iterdir():
            self.assertEqual(path.stat().st_uid, NOBODY, f"the check left {path.name}")

    def test_a_secret_that_only_root_may_read_is_said_by_a_reload_and_kept(self):
        world = self.world
        world.begin()
        world.signal("collector", signal.SIGHUP)
        wait_for("it says so", lambda: "event=reload_refused" in world.log("collector"))
        self.assertIn("webhook.url", world.log("collector"))
        world.host.use_memory(0.97)
        wait_for("the old address holds", lambda: world.incident_with("delivered"))

    def spoil_and_come_back(self):
        """A tenant's file is damaged while the collector is away, and back while it runs: so it has to start anew."""
        world = self.world
        world.begin()
        wait_for("ticks are stored", lambda: world.samples_stored() and world.stored())
        world.kill("collector", signal.SIGTERM)
        path = world.folder / "state/tenant-1.db"
        shutil.copyfile(path, world.folder / "whole.db")
        path.write_bytes(b"this is no database " * 1000)
        world.start_collector()
        wait_for("it is at fault", lambda: world.must("status")["store"]["faults"])
        for left in (world.folder / "state").glob("tenant-1.db*"):
            left.rename(world.folder / f"broken-{left.name}")
        os.chown(world.folder / "whole.db", NOBODY, NOBODY)
        os.rename(world.folder / "whole.db", path)

    def test_it_starts_anew_with_its_port_and_without_privilege_but_not_if_it_could_not_come_back(self):
        world = self.world
        self.spoil_and_come_back()
        wait_for("it says why", lambda: "event=collector_start_put_off" in world.log("collector"))
        self.assertIn("webhook.url", world.log("collector"))
        self.assertNotIn("event=collector_starts_anew", world.log("collector"))
        (world.folder / "webhook.url").chmod(0o644)  # its second life reads it as nobody
        wait_for("then it does", lambda: "event=collector_starts_anew" in world.log("collector"))
        wait_for("it is over", lambda: resolved(world, "cannot be written"))
        world.wait_for_stored_ticks(1)
        self.assertEqual(world.log("collector").count("event=collector_start_put_off"), 1)
        self.assertEqual(int(world.must("status")["listen"].rsplit(":", 1)[1]), world.port)
        self.assert_nothing_is_left("collector", (NOBODY, GAMES))

    def test_a_user_that_is_not_there_keeps_both_from_starting(self):
        world = self.world
        world.configure(webhooks=[])
        world.configure_agent()
        for program, event in (("collector", "collector_not_started"), ("agent", "agent_cannot_start")):
            path = world.folder / f"{program}.yaml"
            path.write_text(path.read_text().replace("user: nobody", "user: no-such-user"))
            status, _, error = world.run(f"warroom-{program}", "--config", path)
            self.assertEqual(status, 1)
            self.assertIn(f"event={event}", error)
            self.assertIn("there is no user no-such-user on this host", error)


if __name__ == "__main__":
    unittest.main()
