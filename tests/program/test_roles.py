"""Who may do what: users and groups of this host have the roles that the collector's file gives them."""
import json
import os
import shutil
import signal
import subprocess
import unittest

from world import BIN, DEADLINE_S, World, wait_for

DAEMON, BIN_USER, SYS, GAMES_USER, NOBODY = 1, 2, 3, 5, 65534
GAMES = 60  # the sockets' group: all of them are let in
ROLES = """console_group: games
roles:
  - {user: daemon, role: viewer}
  - {group: nogroup, role: operator}
  - {user: sys, role: commander}
  - {user: games, role: customer, tenant: acme}
"""


@unittest.skipUnless(os.geteuid() == 0, "only root can ask as somebody else")
class Roles(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.folder.chmod(0o755)
        shutil.copy(BIN / "warroom", self.world.folder)
        self.world.start_receiver()
        self.world.configure()
        with open(self.world.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write(ROLES)
        self.world.start_collector()

    def ask_as(self, user, *args):
        done = subprocess.run([self.world.folder / "warroom", "--control", self.world.folder / "control.sock", *args, "--json"],
                              user=user, group=GAMES, extra_groups=(), capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout, done.stderr

    def takes(self, user, *args):
        status, out, error = self.ask_as(user, *args)
        self.assertEqual((status, error), (0, ""))
        return json.loads(out)

    def refuses(self, user, why, *args):
        status, out, error = self.ask_as(user, *args)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(why, error)

    def test_each_does_what_its_role_may_and_no_more(self):
        self.takes(SYS, "tenant", "add", "acme")
        self.takes(DAEMON, "hosts")
        self.refuses(DAEMON, "daemon is viewer here, and tenant add is for commander: sys", "tenant", "add", "more")
        self.refuses(DAEMON, "incident ack is for operator or commander: group nogroup, sys", "incident", "ack", "1")
        self.refuses(NOBODY, "there is no open incident 1", "incident", "ack", "1")  # may ask; there is none
        self.refuses(NOBODY, "nobody is operator here", "host", "enroll", "web-1", "--tenant", "acme")
        self.refuses(BIN_USER, "bin has no role here", "hosts")
        self.assertEqual([tenant["name"] for tenant in self.world.must("tenant", "list")["tenants"]], ["acme"])

    def test_the_collectors_own_ledger_is_for_its_own_people(self):
        self.takes(SYS, "tenant", "add", "acme")
        self.assertEqual(self.takes(DAEMON, "ledger", "list", "--tenant", "warroom")["entries"], [])
        self.refuses(GAMES_USER, "sees no other tenant", "ledger", "list", "--tenant", "warroom")
        self.refuses(SYS, "warroom is the collector's own name", "tenant", "add", "warroom")
        status, _, error = self.ask_as(DAEMON, "ledger", "list", "--tenant", "warroom", "--event", "sale")
        self.assertEqual(status, 2)
        self.assertIn("is of no event", error)

    def test_a_reload_takes_up_changed_roles_and_a_faulty_file_none(self):
        self.refuses(DAEMON, "daemon is viewer here", "tenant", "add", "acme")
        path = self.world.folder / "collector.yaml"
        good = path.read_text().replace("{user: daemon, role: viewer}", "{user: daemon, role: commander}")
        good = good.replace("  - {user: sys, role: commander}\n", "")
        path.write_text(good.replace("role: operator", "role: king"))
        self.world.signal("collector", signal.SIGHUP)
        wait_for("the file is refused", lambda: "event=reload_refused" in self.world.log("collector"))
        self.refuses(DAEMON, "daemon is viewer here", "tenant", "add", "acme")
        path.write_text(good)
        self.world.signal("collector", signal.SIGHUP)
        wait_for("the file is read anew", lambda: "event=reloaded" in self.world.log("collector"))
        self.takes(DAEMON, "tenant", "add", "acme")
        self.refuses(SYS, "sys has no role here", "hosts")
        self.refuses(NOBODY, "tenant add is for commander: daemon", "tenant", "add", "more")
        self.assertNotIn("key=roles", self.world.log("collector"))

    def test_a_customer_sees_its_tenant_alone(self):
        for tenant in ("acme", "umbrella"):
            self.world.must("tenant", "add", tenant)
            self.world.must("host", "enroll", f"{tenant}-1", "--tenant", tenant)
        self.assertEqual([host["name"] for host in self.takes(GAMES_USER, "hosts")["hosts"]], ["acme-1"])
        self.assertEqual(len(self.takes(GAMES_USER, "hosts", "--tenant", "acme")["hosts"]), 1)
        self.refuses(GAMES_USER, "sees no other tenant", "hosts", "--tenant", "umbrella")
        self.refuses(GAMES_USER, "there is no host umbrella-1", "query", "umbrella-1", "system.cpu.utilization")
        self.refuses(GAMES_USER, "status is for viewer, operator or commander", "status")
        self.assertEqual(self.takes(GAMES_USER, "incident", "list", "--all")["incidents"], [])
        status, _, error = self.ask_as(GAMES_USER, "incident", "list", "--follow")
        self.assertEqual(status, 1, error)
        wait_for("the feed is not for customers", lambda: f"event=console_refused socket=feed uid={GAMES_USER}" in
                 self.world.log("collector"))

    def test_a_customer_does_not_see_an_incident_of_another_by_its_number(self):
        self.world.live_event()
        self.world.must("tenant", "add", "umbrella")
        self.world.host.use_memory(0.97)
        incident = wait_for("an incident is open", lambda: self.world.incident_with("detected"))
        self.assertEqual(self.takes(GAMES_USER, "incident", "show", str(incident["id"]))["incident"]["id"], incident["id"])
        path = self.world.folder / "collector.yaml"
        path.write_text(path.read_text().replace("role: customer, tenant: acme", "role: customer, tenant: umbrella"))
        self.world.kill("collector")
        self.world.start_collector()
        self.refuses(GAMES_USER, "there is no incident", "incident", "show", str(incident["id"]))


if __name__ == "__main__":
    unittest.main()
