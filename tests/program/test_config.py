"""Configuration: every fault is told with its place, what is wrong and what is allowed; a bad file changes nothing."""
import signal
import unittest

from world import ROOT, SHIPPED_RULES, World, wait_for

AGENT = "identity: /var/lib/warroom-agent/identity\nspool: /var/lib/warroom-agent/spool\n"
AGENT_FAULTS = {  # what is added to a good file: the faults, behind the file's name
    "interval: often\n": [":3: `interval` is \"often\", want a duration from 100ms to 1h (a whole number and us, ms, s, m, h or d)"],
    "interval: 2h\n": [":3: `interval` is \"2h\", want a duration from 100ms to 1h (a whole number and us, ms, s, m, h or d)"],
    "queue: 1\n": [":3: `queue` is \"1\", want a whole number from 262144 to 1073741824: bytes"],
    "queue: [1]\n": [":3: `queue` is a list of 1 items, want a whole number from 262144 to 1073741824: bytes"],
    "log_level: loud\n": [":3: `log_level` is \"loud\", want one of debug, info, warn, error"],
    "intervall: 10s\n": [":3: unknown key `intervall`, did you mean `interval`?"],
    "favourite_colour: blue\n": [":3: unknown key `favourite_colour`, allowed are identity, interval, queue, user, spool, "
                                 "spool_size, spool_age, log_level, probes, procfs, sysfs, rootfs"],
    "identity: /elsewhere\n": [":3: `identity` is given again, line 1 has it already"],
    "collector: 127.0.0.1:9740\nhost: '0123456789abcdef'\n": [
        ":3: `collector` is learnt by `warroom-agent join` now: remove this line",
        ":4: `host` is learnt by `warroom-agent join` now: remove this line"],
    "probes: none\n": [":3: `probes` is \"none\", want a list of at most 64 mappings"],
    "probes:\n  - {name: db, address: 'db:5432', count: 21}\n":
        [":4: `count` is \"21\", want a whole number from 1 to 20"],
    "probes:\n  - {name: db, address: 'db:1'}\n  - {name: db, address: 'db:2'}\n":
        [":5: probe db: the name is taken by the probe in line 4"],
    "queue: x\nlog_level: y\n\nfoo: 1\n": [":3: `queue`", ":4: `log_level`", ":6: unknown key `foo`"],  # all, not the first
    "procfs: [\n": [":4: broken YAML"],
}
COLLECTOR_FAULTS = {
    "listen: [a, b]\n": [":5: `listen` is a list of 2 items, want a text of 1 to 255 bytes: HOST:PORT"],
    "webhooks:\n  - {name: ops}\n": [":6: `url` is missing, want a text of 1 to 2047 bytes: http:// or https://"],
    "webhooks:\n  - {name: ops, url: 'ftp://x/'}\n": [":6: `url`: the URL must begin with http:// or https://"],
    "webhooks:\n  - {name: ops, url: 'http://x/'}\n  - {name: ops, url: 'http://y/'}\n": [":7: `name`: ops stands twice"],
    "webhooks:\n  - {name: ops, url_file: nowhere}\n": [":6: `url_file`: cannot read "],
    "webhooks:\n  - {name: ops, ulr: 'http://x/'}\n": [":6: unknown key `ulr`, allowed are name, url (or its _file), tenant",
                                                     ":6: `url` is missing"],
    "dead_man: {every: 60s}\n": [":5: `url` is missing, want a text of 1 to 2047 bytes: http:// or https://"],
    "dead_man: {url: 'smtp://x/'}\n": [":5: `dead_man`: `url`: the URL must begin with http:// or https://"],
    "dead_man: {url: 'http://x/', every: 29s}\n": [":5: `every` is \"29s\", want a duration from 30s to 10m"],
    "dead_man: {url_file: nowhere}\n": [":5: `url_file`: cannot read "],
    "dead_man: here\n": [":5: `dead_man` is \"here\", want a mapping: url, every"],
    "roles:\n  - {role: viewer}\n": [":6: a role is of a `user` or of a `group`: one of them"],
    "roles:\n  - {user: ada, group: night, role: viewer}\n": [":6: a role is of a `user` or of a `group`: one of them"],
    "roles:\n  - {user: ada, role: chief}\n": [
        ":6: `role` is \"chief\", want one of viewer, operator, commander, customer"],
    "roles:\n  - {user: ada, role: customer}\n": [":6: `tenant`: a customer has one, nobody else has"],
    "roles:\n  - {user: ada, role: viewer, tenant: acme}\n": [":6: `tenant`: a customer has one, nobody else has"],
    "keep_minutes: 1d\n": [": keep_minutes: 1d is shorter than keep_samples (7d): what is stored would be forgotten before "
                           "its samples"],
    "calm_interval: 11s\n": [":5: `calm_interval` is \"11s\", want a duration from 1s to 10s (a whole number and us, ms, s, m, h or d)"],
    "limit_messages: 1\n": [":5: `limit_messages` is \"1\", want a whole number from 2 to 1000000"],
    "limit_strangers: 200\nlimit_connections: 200\n": [
        ": limit_strangers: 200 is not less than limit_connections (200): strangers could take all places"],
    "keep_samples: 30d\nkeep_minutes: 100d\nkeep_sketches: 99d\n": [
        ": keep_sketches: 99d is shorter than keep_minutes (100d): what is stored would be forgotten before its minutes"],
    "log_levle: info\n": [":5: unknown key `log_levle`, did you mean `log_level`?"],
}
RULE = "rules:\n  - name: r\n    metric: system.memory.utilization\n    severity: critical\n    summary: s\n"
RULE_FAULTS = {
    RULE: [":2: rule r wants either `above` or `below`"],
    RULE + "    above: 90\n": [":2: rule r: system.memory.utilization runs from 0 to 1, not to 90: 90 % is 0.9"],
    RULE + "    above: 0.8\n    clear: 0.9\n": [":2: rule r: `clear` 0.9 lies beyond `above` 0.8, want it there or below"],
    RULE + "    above: 0.8\n    hold: 10m\n":
        [":2: rule r pages, so it may hold for 300s at most: people must hear of it within ten minutes"],
    RULE.replace("memory.utilization", "memory.utilisation") + "    above: 0.8\n":
        [":2: rule r: there is no metric system.memory.utilisation; docs/metrics.md lists them"],
    RULE + "    above: 0.8\n    in_force: [live, sometimes]\n": [":7: `in_force` holds \"sometimes\", want a list of some of "],
    RULE + "    above: 0.8\n" + RULE.split("\n", 1)[1] + "    above: 0.9\n": [":7: rule r stands in line 2 already"],
    RULE.replace("name: r", "name: silence") + "    above: 0.8\n":
        [":2: the name silence is kept for the collector's own rule"],
}
CONSOLE_FAULTS = {
    "control: [a]\n": [":1: `control` is a list of 1 items, want a text of 1 to 107 bytes: the path of a local socket"],
    "kontrol: /x\n": [":1: unknown key `kontrol`, did you mean `control`?"],
    "control: " + "x" * 108 + "\n": [":1: `control` is "],
}


class Check(unittest.TestCase):
    """--check-config of each program."""

    def setUp(self):
        self.world = self.enterContext(World())
        self.file = self.world.folder / "the.yaml"

    def check(self, program, text):
        self.file.write_text(text)
        return self.world.run(program, "--config", self.file, "--check-config")

    def assert_faults(self, program, text, faults, file=None):
        status, out, error = self.check(program, text)
        self.assertEqual((status, out), (1, ""), text)
        lines = error.splitlines()
        self.assertEqual(len(lines), len(faults), error)
        for line, fault in zip(lines, faults):
            self.assertTrue(line.startswith(f"{file or self.file}{fault}"), f"{line}\nwanted {fault}")

    def collector_file(self, more=""):
        self.world.configure(webhooks=[])
        rules = self.world.folder / "rules.yaml"
        return f"control: c\nfeed: f\nstate: s\nrules: {rules}\n{more}"

    def test_a_good_file_of_the_agent(self):
        for text in (AGENT, AGENT + "interval: 1s\nprobes:\n  - {name: db, address: 'db.example.com:5432', every: 5s}\n"):
            self.assertEqual(self.check("warroom-agent", text), (0, f"{self.file}: ok\n", ""))

    def test_faults_of_the_agents_file(self):
        for more, faults in AGENT_FAULTS.items():
            with self.subTest(more):
                self.assert_faults("warroom-agent", AGENT + more, faults)

    def test_an_agent_needs_no_file_but_its_identity(self):
        self.assertEqual(self.check("warroom-agent", "{}\n"), (0, f"{self.file}: ok\n", ""))

    def test_a_good_file_of_the_collector(self):
        text = self.collector_file("webhooks:\n  - {name: ops, url: 'https://example.com/hook'}\n")
        self.assertEqual(self.check("warroom-collector", text), (0, f"{self.file}: ok, 1 rules, 1 webhooks, 0 contacts\n", ""))

    def test_faults_of_the_collectors_file(self):
        for more, faults in COLLECTOR_FAULTS.items():
            with self.subTest(more):
                self.assert_faults("warroom-collector", self.collector_file(more), faults)

    def test_faults_of_the_rules(self):
        text = self.collector_file()
        rules = self.world.folder / "rules.yaml"
        for broken, faults in RULE_FAULTS.items():
            with self.subTest(broken):
                rules.write_text(broken)
                self.assert_faults("warroom-collector", text, faults, file=rules)
        rules.unlink()
        self.assert_faults("warroom-collector", text, [": cannot read the file: No such file or directory"], file=rules)

    def test_rules_are_one_file_or_several(self):
        self.collector_file()
        rules, more = (self.world.folder / name for name in ("rules.yaml", "more.yaml"))
        more.write_text("pack: more\n" + RULE + "    above: 0.9\n    depends_on: [memory-full]\n")
        head = "control: c\nfeed: f\nstate: s\n"
        for value, count in ((rules, 1), (f"[{rules}]", 1), (f"[{more}, {rules}]", 2), (f"\n- {rules}\n- {more}", 2)):
            self.assertEqual(self.check("warroom-collector", f"{head}rules: {value}\n"),
                             (0, f"{self.file}: ok, {count} rules, 0 webhooks, 0 contacts\n", ""))
        for value, fault in (("[]", "`rules` is a list of 0 items, want a text, or a list of 1 to 16 texts"),
                             (f"[{', '.join([str(rules)] * 17)}]", "`rules` is a list of 17 items, want a text, or a list of 1 to 16 texts"),
                             ("", "`rules` is empty, want a text, or a list of 1 to 16 texts"),
                             (f"{{a: {rules}}}", "`rules` is a mapping, want a text, or a list of 1 to 16 texts")):
            self.assert_faults("warroom-collector", f"{head}rules: {value}\n", [f":4: {fault}: paths of rule files"])
        for value, fault in ((f"[{rules}, {rules}]", f"{rules} stands twice"),
                             ("''", "a path of 0 bytes, want 1 to 1000"), ("/" * 1001, "a path of 1001 bytes, want 1 to 1000")):
            self.assert_faults("warroom-collector", f"{head}rules: {value}\n", [f":4: rules: {fault}"])

    def test_faults_of_several_rule_files(self):
        self.collector_file()
        rules, more, gone = (self.world.folder / name for name in ("rules.yaml", "more.yaml", "gone.yaml"))
        text = f"control: c\nfeed: f\nstate: s\nrules: [{rules}, {gone}, {more}]\n"
        more.write_text(RULE.replace("name: r", "name: memory-full") + "    above: 0.9\n  - {name: x}\n")
        status, _, error = self.check("warroom-collector", text)
        self.assertEqual((status, error.splitlines()[0]), (1, f"{gone}: cannot read the file: No such file or directory"))
        self.assertTrue(error.splitlines()[1].startswith(f"{more}:7: `metric` is missing"), error)
        gone.write_text(RULE + "    above: 0.9\n    depends_on: [nobody]\n")
        more.write_text(more.read_text().replace("  - {name: x}\n", ""))
        self.assert_faults("warroom-collector", text, [f":2: rule memory-full stands in {rules}:3 already"], file=more)
        more.unlink()
        self.assert_faults("warroom-collector", text.replace(f", {more}", ""),
                           [":2: rule r depends on nobody, and there is no such rule"], file=gone)

    def test_faults_of_plans_and_calendars(self):
        for key, good in ("plans", "title: T\nrank: 1\nversions:\n  - {from: 2026-01-01}\n"), \
                         ("calendars", "title: T\nweekend: []\nyears:\n  - {year: 2026, off: []}\n"):
            folder = self.world.folder / key
            text = self.collector_file(f"{key}: {folder}\n")
            self.assert_faults("warroom-collector", text, [": cannot read the folder: No such file or directory"], file=folder)
            folder.mkdir()
            (folder / "README").write_text("not read")
            (folder / "good.yaml").write_text(good)
            self.assertEqual(self.check("warroom-collector", text)[0], 0)
            (folder / "worse.yaml").write_text(good.replace("2026", "never"))
            (folder / "bad.yaml").write_text(good + "colour: red\n")
            status, out, error = self.check("warroom-collector", text)
            self.assertEqual(status, 1)
            self.assertRegex(error.splitlines()[0], f"^{folder}/bad.yaml:5: unknown key `colour`")
            self.assertRegex(error.splitlines()[1], f"^{folder}/worse.yaml:4: ")

    def test_what_is_shipped_is_taken(self):
        share = f"plans: {ROOT}/share/plans\ncalendars: {ROOT}/share/calendars\n"
        self.assertEqual(self.check("warroom-collector", self.collector_file(share))[0], 0)

    def test_a_collector_says_where_agents_reach_it(self):
        for address in ("0.0.0.0:9740", "[::]:9740"):
            text = self.collector_file(f"listen: '{address}'\n")
            self.assert_faults("warroom-collector", text, [
                f":5: listen: `{address}` is every address of this machine: say under `public` which of them agents dial"])
            self.assertEqual(self.check("warroom-collector", text + "public: [warroom.example.com:9740]\n")[0], 0)
        for address in ("192.0.2.1:9740", "[::1]:9740"):
            self.assertEqual(self.check("warroom-collector", self.collector_file(f"listen: '{address}'\n"))[0], 0)
        self.assert_faults("warroom-collector", self.collector_file("listen: localhost:9740\n"), [
            ":5: listen: `localhost:9740` is not ADDRESS:PORT; an IPv6 address stands in brackets"])
        self.assert_faults("warroom-collector", self.collector_file("public: [a:1, 'b', 'c:0']\n"), [
            ":5: public: `b` is not HOST:PORT", ":5: public: `c:0` is not HOST:PORT"])

    def test_a_collectors_key_is_its_own(self):
        key = self.world.folder / "collector.key"
        text = self.collector_file(f"key: {key}\n")
        self.assertEqual(self.check("warroom-collector", text)[0], 0)  # it is made at the first start
        key.write_text("x")
        key.chmod(0o640)
        self.assert_faults("warroom-collector", text, [":5: key: "])

    def test_a_good_file_of_the_console(self):
        self.assertEqual(self.check("warroom", "control: /run/warroom/control.sock\n"), (0, "", ""))

    def test_faults_of_the_consoles_file(self):
        for text, faults in CONSOLE_FAULTS.items():
            with self.subTest(text):
                self.assert_faults("warroom", text, faults)

    def test_a_file_that_is_not_there(self):
        for program in ("warroom-agent", "warroom-collector", "warroom"):
            nowhere = self.world.folder / "nowhere.yaml"
            status, out, error = self.world.run(program, "--config", nowhere, "--check-config")
            self.assertEqual((status, out), (1, ""))
            self.assertEqual(error, f"{nowhere}: cannot read the file: No such file or directory\n")

    def test_a_file_that_is_no_text(self):
        for program in ("warroom-agent", "warroom-collector", "warroom"):
            for junk in (bytes(range(256)) * 16, b"\0", b"- a\n- b\n", b"a: &x 1\nb: *x\n", b"{" * 1000):
                self.file.write_bytes(junk)
                status, out, error = self.world.run(program, "--config", self.file, "--check-config")
                self.assertEqual((status, out), (1, ""))
                self.assertIn(str(self.file), error)

    def test_the_shipped_files_are_good(self):
        for program in ("warroom-agent", "warroom-collector", "warroom"):
            shipped = ROOT / "packaging" / {"warroom": "console"}.get(program, program.split("-")[-1])
            text = shipped.with_suffix(".yaml").read_text()
            if program == "warroom-collector":  # whose rules are not installed here
                text += "rules: [%s]\n" % ", ".join(map(str, SHIPPED_RULES))
            status, _, error = self.check(program, text)
            self.assertEqual((status, error), (0, ""), program)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())

    def test_help_and_version(self):
        for program in ("warroom-agent", "warroom-collector", "warroom"):
            status, out, error = self.world.run(program, "--help")
            self.assertEqual((status, error), (0, ""))
            self.assertTrue(out.startswith(f"Usage: {program} "), out)
            for option in ("--config", "--check-config", "--version"):
                self.assertIn(option, out)
            status, out, error = self.world.run(program, "--version")
            self.assertEqual((status, error), (0, ""))
            self.assertRegex(out, rf"^{program} \d+\.\d+\.\d+\n$")

    def test_what_is_not_understood(self):
        for command in (["warroom-agent", "--nonsense"], ["warroom-agent", "word"], ["warroom-agent", "--raw"],
                        ["warroom-agent", "--once", "--format", "xml"], ["warroom-agent", "--once", "--check-config"],
                        ["warroom-agent", "--config"], ["warroom-agent", "join"], ["warroom-agent", "join", "-", "word"],
                        ["warroom-agent", "--replace"], ["warroom-agent", "--once", "join", "-"],
                        ["warroom-collector", "--nonsense"], ["warroom-collector", "word"],
                        ["warroom"], ["warroom", "statsu"], ["warroom", "status", "word"], ["warroom", "--nonsense"],
                        ["warroom", "incident", "ack", "twelve"], ["warroom", "event", "create", "x"]):
            status, out, error = self.world.run(*command)
            self.assertEqual((status, out), (2, ""), command)
            self.assertTrue(error, command)


class Running(unittest.TestCase):
    """Faults at the start, and SIGHUP."""

    def reload(self, world, program, event):
        """One more line with that event, after SIGHUP."""
        before = world.log(program).count(f"event={event} ")
        world.signal(program, signal.SIGHUP)
        wait_for(f"{program} says {event}",
                 lambda: world.log(program).replace("\n", " \n").count(f"event={event} ") > before)

    def test_a_program_with_a_bad_file_does_not_start(self):
        with World() as world:
            world.configure()
            world.configure_agent("nonsense: 1\n")
            text = (world.folder / "collector.yaml").read_text()
            (world.folder / "collector.yaml").write_text(text.replace(f"127.0.0.1:{world.port}", "nowhere"))
            for program, words in (("agent", "unknown key `nonsense`"), ("collector", "`nowhere`")):
                status, out, error = world.run(f"warroom-{program}", "--config", world.folder / f"{program}.yaml")
                self.assertEqual((status, out), (1, ""))
                self.assertIn(words, error)
            self.assertFalse((world.folder / "state").exists(), "nothing was begun")

    def test_a_second_collector_on_the_same_state_is_refused(self):
        with World() as world:
            world.begin()
            text = (world.folder / "collector.yaml").read_text()
            second = world.folder / "second.yaml"
            second.write_text(text.replace(f"127.0.0.1:{world.port}", "127.0.0.1:0").replace(".sock", "2.sock"))
            status, _, error = world.run("warroom-collector", "--config", second)
            self.assertEqual(status, 1)
            self.assertIn(f"another collector holds {world.folder}/state: stop it first", error)
            world.wait_for_stored_ticks(1)

    def test_a_collector_whose_port_is_taken_says_so(self):
        with World() as world:
            world.begin()
            text = (world.folder / "collector.yaml").read_text()
            second = world.folder / "second.yaml"
            second.write_text(text.replace("/state", "/state2").replace(".sock", "2.sock"))
            status, _, error = world.run("warroom-collector", "--config", second)
            self.assertEqual(status, 1)
            self.assertIn("event=collector_not_started", error)
            self.assertIn("ddress already in use", error)

    def test_a_collector_told_to_reload_a_bad_file_keeps_the_old_one(self):
        with World() as world:
            world.begin()
            good = (world.folder / "collector.yaml").read_text()
            (world.folder / "collector.yaml").write_text(good + "nonsense: 1\n")
            self.reload(world, "collector", "reload_refused")
            self.assertIn("unknown key `nonsense`", world.log("collector"))
            (world.folder / "collector.yaml").write_text(good)
            (world.folder / "rules.yaml").write_text("rules:\n  - {name: x}\n")
            self.reload(world, "collector", "reload_refused")
            self.assertNotIn("event=reloaded", world.log("collector"))
            world.host.use_memory(0.97)
            wait_for("the old rule pages the old webhook", world.pages)

    def test_a_collector_told_to_reload_a_good_file_takes_it(self):
        with World() as world:
            world.begin()
            world.start_receiver(name="other")
            world.configure(hold="1s", webhooks=[("other", world.url("other"))])
            self.reload(world, "collector", "reloaded")
            world.host.use_memory(0.97)
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            self.assertEqual([page["contact"] for page in world.must("incident", "show", incident["id"])["pages"]], ["other"])
            self.assertEqual(len(world.pages("other")), 1)
            self.assertEqual(world.pages(), [])

    def test_a_collector_told_to_reload_takes_all_rule_files_or_none(self):
        def packs():
            return {rule["rule"]: rule["pack"] for rule in world.must("rule", "list")["rules"]}

        with World() as world:
            world.begin()
            self.assertEqual(packs(), {"memory-full": None})
            one, two = (world.folder / name for name in ("rules.yaml", "two.yaml"))
            config = world.folder / "collector.yaml"
            two.write_text("pack: mine\nin_force: [live]\n" + RULE + "    above: 0.95\n    depends_on: [memory-full]\n")
            config.write_text(config.read_text().replace(f"[{one}]", f"[{one}, {two}]"))
            self.reload(world, "collector", "reloaded")
            self.assertEqual(packs(), {"memory-full": None, "r": "mine"})
            listed = {rule["rule"]: rule["in_force"] for rule in world.must("rule", "list")["rules"]}
            self.assertEqual(listed, {"memory-full": "live", "r": "live"})
            one.write_text("pack: theirs\n" + one.read_text().replace("memory-full", "memory-low"))
            self.reload(world, "collector", "reload_refused")
            self.assertIn(f"{two}:4: rule r depends on memory-full", world.log("collector"))
            self.assertEqual(packs(), {"memory-full": None, "r": "mine"})
            two.write_text(two.read_text().replace("memory-full", "memory-low"))
            self.reload(world, "collector", "reloaded")
            self.assertEqual(packs(), {"memory-low": "theirs", "r": "mine"})

    def test_an_agent_told_to_reload(self):
        with World() as world:
            world.begin()
            good = (world.folder / "agent.yaml").read_text()
            (world.folder / "agent.yaml").write_text(good + "nonsense: 1\n")
            self.reload(world, "agent", "settings_kept")
            self.assertIn("unknown key `nonsense`", world.log("agent"))
            self.assertNotIn("event=settings_reloaded", world.log("agent"))
            probe = f"probes:\n  - {{name: us, address: '127.0.0.1:{world.port}', every: 1s, count: 2, timeout: 500ms}}\nqueue: 300000\n"
            (world.folder / "agent.yaml").write_text(good + probe)
            self.reload(world, "agent", "settings_reloaded")
            self.assertIn("event=setting_waits_for_restart key=queue", world.log("agent"))
            wait_for("the new probe is reported", lambda: world.must(
                "query", "web-1", "probe.loss", "--from", "-10m")["series"])


if __name__ == "__main__":
    unittest.main()
