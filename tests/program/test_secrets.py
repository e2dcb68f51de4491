"""Nothing secret is said: not in a log, on the console, in a page, in what the kernel shows of a process, nor in what is kept or
backed up."""
import base64
import pathlib
import re
import signal
import time
import unittest

import uplink
from sought import seen
from world import Failed, World, wait_for

HOOKS = {"kept": b"s3cr3t-of-the-file", "dead": b"s3cr3t-of-the-dead", "missing": b"s3cr3t-of-the-missing",
         "robot": b"s3cr3t-of-the-robot"}
BAD_HOOKS = (b"url: [s3cr3t-of-the-list]", b"url: 'gopher://s3cr3t-of-gopher'", b"url_file: {folder}/bad.url",
             b"ulr: s3cr3t-of-the-typo")
BAD_FILE = b"http://127.0.0.1:1/s3cr3t-of-the-nul\0"

PEOPLE = """channels:
  - {{name: robot, kind: dingtalk, url: 'http://127.0.0.1:1/{robot}', secret: {robot}}}
contacts:
  - {{name: alice, ways: [{{channel: robot, address: alice}}]}}
oncall:
  - {{name: desk, zone: UTC, members: [alice], from: 2026-11-23, at: '08:00', turn: 12h}}
"""
REFUSED = {  # nobody listens there; it is for one whose day was lived through; it is not broken
    "contact test <contact>", "event report <event>", "ledger accept <tenant>"
}
VERBS = {  # of `warroom --help`, in an order in which all of them work: what they are given, once or several times
    "status": "",
    "tenant list": "",
    "tenant set <tenant>": "acme --plan enterprise --from {today} --years 1 --zone UTC --calendar gb-eng",
    "tenant show <tenant>": "acme",
    "plan list": "",
    "entitlement buy <tenant>": "acme --days 2 --from {today} --to {later}",
    "entitlement advise <tenant>": "acme --from {later}",
    "entitlement show <tenant>": "acme",
    "entitlement cancel <advice>": "1 --tenant acme",
    "hosts": "",
    "host set <host>": "web-1 --group web",
    "event create [name]": ("next --tenant acme --zone UTC --from {today} --days 1 --hosts * --drill",
                            "fair --tenant acme --zone UTC --from {later} --days 1 --hosts web-1"),
    "event set <event>": "fair --notes quiet",
    "event list": "",
    "event start <event>": "next",
    "event end <event>": "next",
    "event request <event>": "fair",
    "event accept <event>": "fair --reason late",
    "event override <event> <gate>": tuple(f"fair {gate} --reason none"
                                           for gate in ("verdict", "rehearsal", "lint", "contacts")),
    "event check <event>": "fair",
    "event arm <event>": "fair",
    "event report <event>": "fair",
    "event show <event>": ("sale", "fair"),
    "event cancel <event>": "fair",
    "incident list": "--all",
    "incident show <incident>": "{incident}",
    "incident ack <incident>": "{incident}",
    "incident assign <incident> <colleague>": "{incident} li",
    "incident note <incident> <words>": "{incident} seen",
    "incident resolve <incident>": "{incident}",
    "incident reopen <incident>": "{incident}",
    "silence add": "--tenant acme --hosts * --for 1h --reason tests",
    "silence list": "",
    "silence end <silence>": "1",
    "notice add": "--tenant acme --hosts * --from {today}T00:00:00Z --to {later}T00:00:00Z --kind change --title switch --impact none",
    "notice list": "",
    "notice answer <notice>": "1 --reason none",
    "contact list": "",
    "contact show <contact>": "alice",
    "contact test <contact>": "alice",
    "oncall list": "",
    "oncall override <rota> <contact>": "desk alice --from {today}T00:00:00Z --to {later}T00:00:00Z --reason tests",
    "oncall show <rota>": "desk",
    "ledger list": "--tenant acme",
    "ledger verify [tenant]": "acme",
    "ledger export <tenant> <file>": "acme {folder}/chain",
    "ledger accept <tenant>": "acme --reason none",
    "lint <event>": "sale",
    "rehearse <event>": "sale --no-wait",
    "rule list": "--host web-1",
    "rule test [host]": "web-1 --event sale",
    "rule export": "",
    "patrol log <event>": "sale --findings",
    "patrol handover <event>": "sale --note quiet",
    "coverage [event]": "sale",
    "query latest": "--hosts *",
    "query quantiles <metrics>": "system.*",
    "query top <metric>": "system.memory.utilization",
    "query <host> <metric>": "web-1 system.memory.utilization",
    "backup": "",
    "export": "--host web-1 --output {folder}/export",
    "import <file>": "{folder}/export --host web-2",
    "event close <event>": "sale",
    "host invitations": "",
    "host enroll [name]": "web-3 --tenant acme",
    "host uninvite <invitation>": "{invitation}",
    "host rotate <host>": "web-1",
    "host revoke <host>": "web-1",
    "host retire <host>": "web-1",
    "tenant add <name>": "globex",
}


class Secrets(unittest.TestCase):
    """A host that joined and was refused, an incident paged to webhooks that work, that do not, and that were written wrong."""

    @classmethod
    def machine_told(cls):
        """The incident, once a page of it went to the webhook: what goes to the robot's contact is refused."""
        found = cls.world.incidents()
        pages = cls.world.must("incident", "show", found[0]["id"])["pages"] if found else []
        return found[0] if "delivered" in [page["state"] for page in pages] else None

    @classmethod
    def setUpClass(cls):
        cls.world = world = cls.enterClassContext(World())
        cls.told = {}  # where: what was said there
        world.start_receiver("503,200")
        world.start_receiver("404", name="missing")
        secret = world.folder / "kept.url"
        secret.write_text(world.url(path=f"hook/{HOOKS['kept'].decode()}?key={HOOKS['kept'].decode()}") + "\n")
        (world.folder / "bad.url").write_bytes(BAD_FILE)
        for file in (secret, world.folder / "bad.url"):
            file.chmod(0o600)
        world.configure(webhooks=[("dead", f"http://127.0.0.1:1/{HOOKS['dead'].decode()}"),
                                  ("missing", world.url("missing", HOOKS["missing"].decode()))])
        with open(world.folder / "collector.yaml", "a", encoding="utf-8") as file:
            file.write(f"  - {{name: kept, url_file: {secret}}}\nbackup: {world.folder}/backup\n")
        world.people(PEOPLE.format(robot=HOOKS["robot"].decode()))
        world.start_collector()
        world.must("tenant", "add", "acme")
        world.start_event()
        world.start("feed", *world.console_command("incident", "list", "--follow", "--json"))
        cls.join()
        world.host.use_memory(0.97)
        cls.incident = wait_for("the machine is told", cls.machine_told)
        for name in ("dead", "missing"):
            wait_for("the others are refused", lambda name=name: f"contact={name} " in world.log("collector"))
        cls.write_hooks_wrong()
        cls.ask_everything()

    @classmethod
    def join(cls):
        """A host by its line; another that has its own and may not use that one."""
        world = cls.world
        cls.lines = {name: world.invite(name, "--tenant", "acme") for name in ("web-1", "web-2")}
        world.configure_agent("log_level: debug\n")
        cls.told["warroom-agent join"] = world.join(cls.lines["web-1"])
        other = world.folder / "other.yaml"
        other.write_text(f"identity: {world.folder}/other\nspool: {world.folder}/other-spool\n")
        status, out, error = world.try_join(cls.lines["web-1"], other)
        assert status == 1, out
        cls.told["a line used again"] = out + error
        world.start_agent()
        wait_for("the host reports each second", lambda: any(host["state"] == "reporting" for host in world.must("hosts")["hosts"]))

    @classmethod
    def write_hooks_wrong(cls):
        world, path = cls.world, cls.world.folder / "collector.yaml"
        good = path.read_text()
        for n, hook in enumerate(BAD_HOOKS):
            path.write_text(good.replace("backup:", f"  - {{name: wrong, {hook.decode().format(folder=world.folder)}}}\nbackup:"))
            status, out, error = world.run("warroom-collector", "--config", path, "--check-config")
            assert status != 0, out
            cls.told[f"--check-config {n}"] = out + error
            world.signal("collector", signal.SIGHUP)
            wait_for("it is refused", lambda n=n: world.log("collector").count("event=reload_refused") > n)
        path.write_text(good)

    @classmethod
    def ask_everything(cls):
        days = (time.gmtime(time.time() + day * 86400) for day in range(20, 40))
        later = next(time.strftime("%Y-%m-%d", day) for day in days if day.tm_wday == 2 and day.tm_mday not in (1, 25, 26))
        for verb, given in VERBS.items():
            for words in (given,) if isinstance(given, str) else given:
                cls.ask(verb, words.format(folder=cls.world.folder, incident=cls.incident["id"], later=later,
                                           today=cls.incident["crossed"][:10], invitation=cls.invitation()))

    @classmethod
    def ask(cls, verb, given):
        words = re.sub(r" ?[<[].*", "", verb).split() + given.split()
        status, out, error = cls.world.console(*words)
        if (status != 0) != (verb in REFUSED):
            raise Failed(f"warroom {' '.join(words)}: {out}{error}")
        cls.told[f"{verb} {given}"] = out + error
        cls.told[f"{verb} {given} --json"] = "".join(cls.world.console(*words, "--json")[1:])

    @classmethod
    def invitation(cls):
        """One that is still good, if there is one."""
        return next((row["id"] for row in cls.world.must("host", "invitations")["invitations"]), "")

    @classmethod
    def secrets(cls):
        """{what: (its bytes, where they stand)}: that they are found there shows that they would be found elsewhere."""
        folder = cls.world.folder
        key, identity = (folder / "state/collector.key").read_bytes(), (folder / "identity").read_bytes()
        found = {"the collector's key": (base64.b64decode(key.split()[1]), key),
                 "the agent's key": (base64.b64decode(re.search(rb"secret_key: *\"?([A-Za-z0-9+/]{43}=)", identity)[1]), identity)}
        for name, line in cls.lines.items():
            found[f"the token of {name}"] = (uplink.Invitation(line).token, line.encode())
        for name, secret in HOOKS.items():
            found[f"the URL of {name}"] = (secret, (folder / "kept.url").read_bytes() + (folder / "collector.yaml").read_bytes())
        for text in (*BAD_HOOKS, BAD_FILE):
            for secret in re.findall(rb"s3cr3t[a-z-]*", text):
                found[secret.decode()] = (secret, text)
        return found

    def assert_nothing_in(self, where, *texts):
        found = self.secrets()
        names = {secret: name for name, (secret, _) in found.items()}
        texts = [text if isinstance(text, bytes) else str(text).encode() for text in texts]
        self.assertEqual({names[secret] for secret in seen(names, texts)}, set(), where)

    def assert_nothing_below(self, folder, but=()):
        for file in [file for file in folder.rglob("*") if file.is_file() and file not in but]:
            self.assert_nothing_in(file.name, file.name, file.read_bytes())

    def test_each_secret_would_be_found(self):
        for name, (secret, home) in self.secrets().items():
            self.assertEqual(seen({secret}, [home]), {secret}, name)
        self.assertIn(HOOKS["kept"].decode(), self.world.pages()[0]["path"], "it is used")

    def test_what_the_programs_say_when_asked_and_when_something_is_wrong(self):
        self.assertIn("no secret", self.told["--check-config 2"])
        self.assertIn("invitation", self.told["a line used again"])
        for where, text in self.told.items():
            self.assert_nothing_in(where, text)

    def test_a_page(self):
        pages = self.world.pages() + self.world.pages("missing")
        self.assertGreaterEqual({page["path"].split("/")[-1].split("?")[0].encode() for page in pages},
                                {HOOKS["kept"], HOOKS["missing"]})
        self.assert_nothing_in("pages", *[(page["key"], page["page"]) for page in pages])

    def test_what_the_kernel_shows_of_a_process(self):
        for name in ("collector", "agent", "feed"):
            process = pathlib.Path(f"/proc/{self.world.running[name].pid}")
            self.assert_nothing_in(name, (process / "cmdline").read_bytes(), (process / "environ").read_bytes())
        for name in ("collector", "agent"):
            limits = pathlib.Path(f"/proc/{self.world.running[name].pid}/limits").read_text(encoding="ascii")
            self.assertRegex(limits, r"Max core file size +0 +0 ", f"{name} leaves no core")

    def test_what_is_kept_and_backed_up(self):
        state = self.world.folder / "state"
        self.assertTrue(list(state.glob("tenant-*.db")))
        self.assert_nothing_below(state, but=[state / "collector.key"])
        self.assertTrue(list((self.world.folder / "spool").glob("*.spool")))
        self.assert_nothing_below(self.world.folder / "spool")
        self.assertTrue(list((self.world.folder / "backup").rglob("*.db")))
        self.assert_nothing_below(self.world.folder / "backup")

    def test_what_was_asked_is_all_that_can_be(self):
        table = self.world.console("--help")[1].split("\nOptions")[0]
        self.assertEqual(set(re.findall(r"^  ([a-z].*?)  +[a-z]", table, re.MULTILINE)), set(VERBS))

    def test_what_the_logs_and_the_feed_say(self):
        for name, word in (("collector", "event=page_delivered"), ("agent", "event=session_opened"), ("feed", "crossed")):
            self.assertIn(word, self.world.log(name))
            self.assert_nothing_in(name, self.world.log(name))


if __name__ == "__main__":
    unittest.main()
