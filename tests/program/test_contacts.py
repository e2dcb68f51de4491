"""Who is told, as the configuration has it: every fault of it is read aloud with its line; who is on duty, over hand-overs,
overrides, reloads and a kill."""
import contextlib
import datetime
import json
import os
import pwd
import signal
import sqlite3
import subprocess
import unittest

from world import World, wait_for

GOOD = """channels:
  - {name: mail, kind: webhook, url: 'https://mail.example.com/gate'}
  - {name: robot, kind: webhook, url_file: robot.url, per_minute: 20}
contacts:
  - name: alice
    language: zh
    ways:
      - {channel: mail}
      - {channel: robot}
  - {name: bob, ways: [{channel: robot}]}
  - {name: carol, tenant: acme, ways: [{channel: mail}]}
oncall:
  - {name: desk, zone: Asia/Shanghai, members: [alice, bob], from: 2026-11-23, at: '08:00', turn: 12h}
  - {name: acme-desk, zone: UTC, members: [alice, carol], from: 2026-11-23, at: 08:00, turn: 7d}
escalations:
  - name: default
    steps:
      - {after: 0s, contacts: [desk]}
      - {after: 3m, contacts: [alice, bob]}
  - {name: of-acme, tenant: acme, steps: [{after: 0s, contacts: [acme-desk, carol]}]}
"""
# What is put in the place of what: the faults, behind the file's name.
FAULTS = {
    ("kind: webhook, url: 'https://mail", "kind: pigeon, url: 'https://mail"): [":6: `kind` is \"pigeon\", want one of webhook, smtp, wecom"],
    ("url: 'https://mail", "url: 'ftp://mail"): [":6: channel mail: the URL must begin with http:// or https://"],
    ("name: robot,", "name: mail,"): [":7: `name`: mail stands in line 6 already", ":13: there is no channel robot under `channels`",
                                     ":14: there is no channel robot under `channels`"],
    ("name: robot,", "name: hook,"): [":7: `name`: hook stands in line 26 already", ":13: there is no channel robot", ":14: there is no channel robot"],
    ("name: robot,", "name: loopback,"): [":7: `name`: loopback is kept for the collector's own heartbeats", ":13: there is no channel robot",
                                         ":14: there is no channel robot"],
    ("name: robot,", "name: 'robot a',"): [":7: `name` is \"robot a\", want no blanks, commas and semicolons in it", ":13: there is no channel robot",
                                           ":14: there is no channel robot"],
    ("per_minute: 20", "per_minute: 0"): [":7: `per_minute` is \"0\", want a whole number from 1 to 6000: messages"],
    ("per_minute: 20", "per_minute: 6001"): [":7: `per_minute` is \"6001\", want a whole number from 1 to 6000: messages"],
    ("kind: webhook, url: 'https://mail.example.com/gate'", "kind: smtp, url: 'smtp://w:secret-key@relay', tls: none, from: w@example.com",
     "- {channel: mail}", "- {channel: mail, address: a@example.com}", "name: carol, tenant: acme, ways: [{channel: mail}]",
     "name: carol, tenant: acme, ways: [{channel: robot}]"): [":6: channel mail: a password goes out over TLS alone"],
    ("language: zh", "language: fr"): [":10: `language` is \"fr\", want one of en, zh"],
    ("- {channel: robot}", "- {channel: mail}"): [":13: contact alice has this way in line 12 already"],
    ("- {channel: robot}", "- {channel: robot, address: a}"): [":13: channel robot: `address`: a webhook has no addresses"],
    ("robot, kind: webhook", "robot, kind: wecom", "- {channel: robot}", "- {channel: robot, address: Li Lei}"): [
        ":13: channel robot: `address`: not whom a robot can call: want a user id, mobile:NUMBER, all or nothing"],
    ("robot, kind: webhook", "robot, kind: feishu", "- {channel: robot}", "- {channel: robot, address: 'mobile:13800000000'}"): [
        ":13: channel robot: `address`: Feishu's robots call people by their open_id, not by number"],
    ("robot, kind: webhook, url_file: robot.url", "robot, kind: smtp, url: 'smtp://relay', from: w@example.com",
     "- {channel: robot}", "- {channel: robot, address: 'alice+[1]@example.com'}"): [
        ":13: channel robot: `address`: not a mail address: want name@example.com, 253 bytes at most",
        ":14: channel robot: `address`: not a mail address"],
    ("ways: [{channel: robot}]", "ways: []"): [":14: `ways` is a list of 0 items, want a list of 1 to 4 mappings: channel and address each"],
    ("name: bob, ways: [{channel: robot}]", "name: bob"): [":14: `ways` is missing, want a list of 1 to 4 mappings: channel and address each"],
    ("name: bob, ways", "name: alice, ways"): [":14: `name`: alice stands in line 9 already", ":17: rota desk: there is no contact bob",
                                               ":23: escalation default: there is no contact and no rota bob"],
    ("name: carol, tenant", "name: desk, tenant"): [":17: `name`: desk stands in line 15 already", ":18: rota acme-desk: there is no contact carol",
                                                    ":22: escalation default is of all tenants: desk is of acme alone",
                                                    ":24: escalation of-acme: there is no contact and no rota carol"],
    ("Asia/Shanghai", "Asia/Shangri-La"): [":17: rota desk: calendar: no time zone \"Asia/Shangri-La\", want an IANA name such as Asia/Shanghai or UTC"],
    ("[alice, bob], from", "[], from"): [":17: `members` is a list of 0 items, want a list of 1 to 32 texts"],
    ("[alice, bob], from", "[alice, eve], from"): [":17: rota desk: there is no contact eve"],
    ("from: 2026-11-23, at: '08:00'", "from: 2026-11-31, at: '08:00'"): [":17: rota desk: calendar: \"2026-11-31\" is not a day, want YYYY-MM-DD"],
    ("at: '08:00'", "at: '24:00'"): [":17: rota desk: \"24:00\" is not a time of day, want HH:MM"],
    ("turn: 12h", "turn: 59m"): [":17: `turn` is \"59m\", want a duration from 1h to 31d"],
    ("turn: 12h", "turn: 3601s"): [":17: rota desk: `turn` is not of whole minutes"],
    ("name: bob, ways", "name: bob, tenant: other, ways"): [
        ":22: escalation default is of all tenants: bob is of other alone", ":23: escalation default is of all tenants: bob is of other alone"],
    ("name: bob, ways: [{channel: robot}]", "name: bob, tenant: other, ways: [{channel: robot}]", "[alice, carol]", "[bob, carol]"): [
        ":18: rota acme-desk: carol is of the tenant acme, others are of other", ":22: escalation default is of all tenants: bob is of other alone",
        ":23: escalation default is of all tenants: bob is of other alone", ":24: escalation of-acme is of the tenant acme: bob is of other"],
    ("after: 0s, contacts: [desk]", "after: 1s, contacts: [desk]"): [":22: escalation default: want its first step `after` 0s: nobody would be told until then"],
    ("after: 3m", "after: 0s"): [":23: escalation default: `after` is not more than that of the step before, want the steps by time"],
    ("after: 3m", "after: 25h"): [":23: `after` is \"25h\", want a duration from 0s to 1d"],
    ("[alice, bob]}", "[alice, alice]}"): [":23: escalation default: alice stands twice in a step"],
    ("[alice, bob]}", "[alice, manager]}"): [":23: escalation default: there is no contact and no rota manager"],
    ("[alice, bob]}", "[a, b, c, d, e, f, g, h, i]}"): [":23: `contacts` is a list of 9 items, want a list of 1 to 8 texts"],
    ("name: of-acme, tenant: acme", "name: default, tenant: acme"): [":24: `name`: default stands in line 20 already"],
    ("name: of-acme, tenant: acme", "name: of-all"): [":24: escalation of-all is of all tenants: carol is of acme alone",
                                                      ":24: escalation of-all is of all tenants: carol is of acme alone",
                                                      ":24: escalation of-all: line 20 has that of all tenants already"],
    ("escalations:", "escalation:"): [":19: unknown key `escalation`, did you mean `escalations`?"],
}


class Faults(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.configure(webhooks=[])
        (self.world.folder / "robot.url").write_text("https://robot.example.com/secret-key\n")
        self.file = self.world.folder / "the.yaml"
        self.rules = self.world.folder / "rules.yaml"

    def check(self, people):
        self.file.write_text(f"control: c\nfeed: f\nstate: s\nrules: {self.rules}\n{people}"
                             "webhooks:\n  - {name: hook, url: 'http://127.0.0.1:1/'}\n")
        return self.world.run("warroom-collector", "--config", self.file, "--check-config")

    def test_a_good_file(self):
        self.assertEqual(self.check(GOOD), (0, f"{self.file}: ok, 1 rules, 1 webhooks, 3 contacts\n", ""))

    def test_every_fault_is_told_with_its_line(self):
        for places, faults in FAULTS.items():
            with self.subTest(places):
                text = GOOD
                for was, now in zip(places[::2], places[1::2]):
                    self.assertIn(was, text)
                    text = text.replace(was, now, 1)
                status, out, error = self.check(text)
                self.assertEqual((status, out), (1, ""), error)
                lines = error.splitlines()
                self.assertEqual(len(lines), len(faults), error)
                for line, fault in zip(lines, faults):
                    self.assertTrue(line.startswith(f"{self.file}{fault}"), f"{line}\nwanted {fault}")
                self.assertNotIn("secret-key", error)


class OnCall(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.configure(webhooks=[])
        (self.world.folder / "robot.url").write_text("https://robot.example.com/secret-key\n")
        file = self.world.folder / "collector.yaml"
        self.without = file.read_text()
        self.people(GOOD)
        self.world.start_collector()
        self.without = file.read_text().removesuffix(GOOD)

    def people(self, text):
        (self.world.folder / "collector.yaml").write_text(self.without + text)

    def reload(self, text, said):
        """A changed file is taken up, or is not: what the collector says then is in its log."""
        before = self.world.log("collector").count(said)
        self.people(text)
        self.world.signal("collector", signal.SIGHUP)
        wait_for(said, lambda: self.world.log("collector").count(said) > before)

    def turns(self, rota, *more):
        return [(turn["contact"], turn["from"], turn["to"]) for turn in self.world.must("oncall", "show", rota, *more)["turns"]]

    def refused(self, *args, status=1):
        found, out, error = self.world.console(*args)
        self.assertEqual((found, out), (status, ""), error)
        return error

    def test_contacts_are_shown_with_their_ways(self):
        contacts = self.world.must("contact", "list")["contacts"]
        self.assertEqual([(row["name"], row["channels"], row["tenant"]) for row in contacts],
                         [("alice", 2, None), ("bob", 1, None), ("carol", 1, "acme")])
        page = self.world.must("contact", "show", "alice")
        self.assertEqual(page["contact"]["ways"], [{"channel": "mail", "kind": "webhook", "address": None},
                                                   {"channel": "robot", "kind": "webhook", "address": None}])
        self.assertEqual([row["rota"] for row in page["oncall"]], ["desk", "acme-desk"])
        self.assertIn("there is no contact eve", self.refused("contact", "show", "eve"))
        self.assertNotIn("secret-key", str(contacts))

    def test_who_is_on_duty_over_a_hand_over(self):
        # 2026-11-23 08:00 in Shanghai is 00:00 UTC; twelve hours each.
        self.assertEqual(self.turns("desk", "--from", "2026-11-23T11:59:00Z", "--to", "2026-11-24T00:01:00Z"),
                         [("alice", "2026-11-23T00:00:00.000Z", "2026-11-23T12:00:00.000Z"),
                          ("bob", "2026-11-23T12:00:00.000Z", "2026-11-24T00:00:00.000Z"),
                          ("alice", "2026-11-24T00:00:00.000Z", "2026-11-24T12:00:00.000Z")])
        turns = self.turns("desk")
        self.assertTrue(14 <= len(turns) <= 15, turns)
        self.assertTrue(all(one[2] == other[1] for one, other in zip(turns, turns[1:])), turns)
        listed = {row["name"]: row["on_duty"]["contact"] for row in self.world.must("oncall", "list")["rotas"]}
        self.assertEqual(listed, {"desk": turns[0][0], "acme-desk": self.turns("acme-desk")[0][0]})
        self.assertIn("there is no rota night", self.refused("oncall", "show", "night"))

    def test_an_override_holds_for_its_time_and_over_a_kill(self):
        start = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)
        begins, ends = f"{start:%Y-%m-%dT%H:00:00.000Z}", f"{start + datetime.timedelta(hours=2):%Y-%m-%dT%H:00:00.000Z}"
        on_turn = self.turns("desk", "--from", begins)[0][0]
        other = {"alice": "bob", "bob": "alice"}[on_turn]
        row = self.world.must("oncall", "override", "desk", other, "--from", begins, "--to", ends, "--reason", "a wedding")["override"]
        self.assertEqual((row["contact"], row["from"], row["to"], row["reason"]), (other, begins, ends, "a wedding"))
        self.world.kill("collector")
        self.world.start_collector()
        self.assertEqual(self.turns("desk", "--from", begins)[0], (other, begins, ends))
        shown = self.world.must("oncall", "show", "desk", "--from", begins)
        self.assertEqual((shown["turns"][0]["override"]["reason"], shown["turns"][1]["override"]), ("a wedding", None))
        self.assertEqual(self.turns("desk", "--from", ends)[0][0], shown["turns"][1]["contact"])
        entry = self.world.must("ledger", "list", "--tenant", "warroom", "--kind", "oncall")["entries"][0]
        self.assertEqual((entry["body"]["rota"], entry["body"]["contact"], entry["body"]["reason"]), ("desk", other, "a wedding"))
        with contextlib.closing(sqlite3.connect(f"file:{self.world.folder}/state/registry.db?mode=ro", uri=True)) as db:
            self.assertEqual(db.execute("SELECT id, rota, contact FROM rota_override").fetchall(), [(1, "desk", other)])
        self.reload(GOOD.replace("bob", "rob").replace("alice", "alicia"), "event=reloaded")  # who was put on duty is gone
        self.assertEqual(self.turns("desk", "--from", begins)[0][0], {"alice": "alicia", "bob": "rob"}[on_turn])

    def test_an_override_of_one_tenants_rota_is_on_record_there(self):
        self.world.must("tenant", "add", "acme")
        day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        self.world.must("oncall", "override", "acme-desk", "carol", "--from", f"{day:%Y-%m-%dT10:00:00Z}", "--to", f"{day:%Y-%m-%dT12:00:00Z}",
                        "--reason", "ill")
        entry, = self.world.must("ledger", "list", "--tenant", "acme", "--kind", "oncall")["entries"]
        self.assertEqual((entry["body"]["rota"], entry["body"]["contact"]), ("acme-desk", "carol"))
        self.assertEqual(self.world.must("ledger", "list", "--tenant", "warroom", "--kind", "oncall")["entries"], [])

    def test_what_is_no_override_is_refused(self):
        day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        begins, ends = f"{day:%Y-%m-%dT10:00:00Z}", f"{day:%Y-%m-%dT12:00:00Z}"

        def override(rota, contact, *times, status=1):
            return self.refused("oncall", "override", rota, contact, "--from", times[0], "--to", times[1], "--reason", "x", status=status)
        self.assertIn("there is no rota night", override("night", "bob", begins, ends))
        self.assertIn("there is no contact eve", override("desk", "eve", begins, ends))
        self.assertIn("carol hears of the incidents of acme alone", override("desk", "carol", begins, ends))
        self.assertIn("from is", override("desk", "bob", ends, begins, status=2))
        self.assertIn("31 days", override("desk", "bob", begins, f"{day + datetime.timedelta(days=40):%Y-%m-%dT10:00:00Z}", status=2))
        self.assertIn("in the time to come", override("desk", "bob", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", status=2))
        self.assertEqual(self.world.must("oncall", "show", "desk")["overrides"], [])

    def test_a_reload_takes_up_a_good_file_and_leaves_a_bad_one(self):
        self.reload(GOOD.replace("[alice, bob], from", "[alice, eve], from"), "rota desk: there is no contact eve")
        self.assertEqual(self.world.must("oncall", "list")["rotas"][0]["members"], ["alice", "bob"])
        self.reload(GOOD.replace("[alice, bob], from", "[bob, alice, bob], from"), "event=reloaded")
        self.assertEqual(self.world.must("oncall", "list")["rotas"][0]["members"], ["bob", "alice", "bob"])
        self.reload("", "event=reloaded")
        self.assertEqual((self.world.must("oncall", "list"), self.world.must("contact", "list")), ({"rotas": []}, {"contacts": []}))


TRIED = """channels:
  - {{name: hook, kind: webhook, url: '{hook}'}}
  - {{name: mail, kind: smtp, url: 'smtp://127.0.0.1:{mail}', from: warroom@example.com, tls: none}}
contacts:
  - {{name: alice, language: zh, ways: [{{channel: hook}}, {{channel: mail, address: alice@example.com}}]}}
"""


class Tried(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.start_receiver()
        self.world.start_mailbox()
        self.world.configure(webhooks=[])
        self.world.people(TRIED.format(hook=self.world.url(), mail=self.world.receiver_ports["mailbox"]))
        self.world.start_collector()

    def tried(self, status):
        found, out, error = self.world.console("contact", "test", "alice", "--json")
        self.assertEqual((found, error), (status, ""))
        return json.loads(out)

    def entries(self):
        return self.world.must("ledger", "list", "--tenant", "warroom", "--kind", "contact")["entries"]

    def test_each_way_is_tried_and_one_that_is_down_is_named(self):
        told = self.tried(0)
        self.assertEqual([(way["channel"], way["delivered"], way["error"]) for way in told["ways"]], [("hook", True, None), ("mail", True, None)])
        self.assertIn("正在测试 alice 能否通过 hook 收到通知", str(self.world.pages()[0]["page"]))
        letter = self.world.letters()[0]
        self.assertEqual((letter["from"], letter["to"]), ("warroom@example.com", ["alice@example.com"]))
        self.world.kill("mailbox")
        told = self.tried(1)
        self.assertEqual([(way["channel"], way["delivered"]) for way in told["ways"]], [("hook", True), ("mail", False)])
        self.assertIn("connect to server", told["ways"][1]["error"])
        self.assertEqual([(row["by"], row["body"]["delivered"]) for row in self.entries()], [(told_by(), 1), (told_by(), 2)])

    def test_a_console_that_goes_away_and_a_collector_that_is_told_to_stop_leave_nothing_behind(self):
        self.world.kill("receiver")
        self.world.start_receiver(answer="hang")
        asked = subprocess.Popen([*map(str, self.world.console_command("contact", "test", "alice"))], stderr=subprocess.DEVNULL)
        self.addCleanup(asked.wait)
        wait_for("the receiver hangs", self.world.pages)
        asked.kill()
        self.assertIn("is being tested already", self.world.console("contact", "test", "alice")[2])
        self.world.signal("collector", signal.SIGTERM)
        wait_for("the collector has left", lambda: not self.world.alive("collector"))
        self.world.start_collector()
        self.assertEqual(self.entries(), [])


HEARD = """channels:
  - {{name: room, kind: webhook, url: '{url}'}}
contacts:
  - {{name: room, language: zh, hears: true, ways: [{{channel: room}}]}}
"""


class Heard(unittest.TestCase):
    def test_how_an_event_goes_is_told_in_the_contacts_language(self):
        world = self.enterContext(World())
        world.start_receiver()
        world.configure(webhooks=[])
        world.people(HEARD.format(url=world.url()))
        world.start_collector()
        world.live_event()
        wait_for("it is live", lambda: any("保障进行中，操作者" in str(page["page"]) for page in world.pages()))
        self.assertTrue(all("演练：" in str(page["page"]) for page in world.pages()), world.pages())


def told_by():
    return pwd.getpwuid(os.getuid()).pw_name


TOLD = """channels:
  - {{name: one, kind: webhook, url: '{one}'}}
  - {{name: two, kind: webhook, url: '{two}'}}
contacts:
  - {{name: alice, ways: [{{channel: one}}, {{channel: two}}]}}
  - {{name: bob, ways: [{{channel: two}}{more}]}}
oncall:
  - {{name: desk, zone: UTC, members: [alice, bob], from: 2026-11-23, at: '08:00', turn: 31d}}
escalations:
  - {{name: default, steps: [{{after: 0s, contacts: [desk]}}]}}
"""


class Told(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.start_receiver()
        self.world.configure(webhooks=[])

    def told(self, more=""):
        return TOLD.format(one=self.world.url(path="one"), two=self.world.url(path="two"), more=more)

    def gate(self):
        return next(gate for gate in self.world.must("event", "show", "sale")["gates"] if gate["gate"] == "contacts")

    def test_an_event_is_not_armed_while_somebody_has_one_channel(self):
        self.world.shelve()
        good = self.world.folder / "collector.yaml"
        self.world.people(self.told())
        self.world.start_collector()
        day = str(datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=20))
        self.world.must("tenant", "add", "acme")
        self.world.must("host", "enroll", "web-1", "--tenant", "acme")
        self.world.must("event", "create", "sale", "--tenant", "acme", "--zone", "UTC", "--from", day, "--hosts", "web-*")
        self.world.must("event", "request", "sale")
        for gate in "entitlement", "verdict", "rehearsal", "lint":
            self.world.must("event", "override", "sale", gate, "--reason", f"no {gate} yet")
        self.world.must("event", "accept", "sale", "--reason", "late")
        self.world.must("event", "check", "sale")
        status, _, error = self.world.console("event", "arm", "sale")
        self.assertEqual(status, 1)
        self.assertIn("contacts: not by two channels: bob has one channel", error)
        self.assertEqual(self.gate()["state"], "failed")
        self.assertNotIn("alice", self.gate()["evidence"])
        # A contact that an event names and that is none is told, too.
        self.world.must("event", "set", "sale", "--escalation", "[{after: 0s, contacts: 'alice, eve'}]")
        self.assertIn("eve is no contact and no rota", self.world.console("event", "arm", "sale")[2])
        self.world.must("event", "set", "sale", "--escalation", "")
        good.write_text(good.read_text().replace(self.told(), self.told(", {channel: one}")))
        before = self.world.log("collector").count("event=reloaded")
        self.world.signal("collector", signal.SIGHUP)
        wait_for("it is reloaded", lambda: self.world.log("collector").count("event=reloaded") > before)
        for gate in "rehearsal", "lint":  # they rested on whom it told
            self.world.must("event", "override", "sale", gate, "--reason", f"no {gate} yet")
        self.world.must("event", "arm", "sale")
        self.assertEqual((self.gate()["state"], self.gate()["evidence"]), ("passed", "2 can be told by two channels"))

    def heard(self):
        """What the group was told, but of incidents."""
        bodies = [page["page"] for page in self.world.pages() if page["path"] == "/group"]
        return [body["commonAnnotations"]["summary"] for body in bodies if body["commonAnnotations"]["kind"] == "chatter"]

    def test_a_group_hears_how_an_event_goes(self):
        group = self.world.url(path="group")
        self.world.people(f"channels: [{{name: group, kind: webhook, url: '{group}'}}]\n"
                          "contacts: [{name: room, hears: true, ways: [{channel: group}]}]\n")
        self.world.start_collector()
        self.world.live_event()
        self.world.must("patrol", "handover", "sale", "--note", "the cache is cold")
        self.world.must("event", "end", "sale")
        wait_for("its end is heard of", lambda: len(self.heard()) >= 5)
        said = set(self.heard())
        self.assertLessEqual({"DRILL: sale: live, by root", "DRILL: sale: handed over by root: the cache is cold",
                              "DRILL: sale: closed, by root"}, said)
        rounds = [text.split(" of patrol (kept): ")[0] for text in said if "round" in text]
        self.assertEqual(sorted(rounds), ["DRILL: sale: round 0", "DRILL: sale: round 1"])

    def test_who_is_on_duty_is_paged(self):
        self.world.people(self.told())
        self.world.start_collector()
        on_duty = self.world.must("oncall", "list")["rotas"][0]["on_duty"]["contact"]
        self.world.live_event()
        self.world.host.use_memory(0.97)
        incident = wait_for("the page is delivered", lambda: self.world.incident_with("delivered"))
        pages = self.world.must("incident", "show", incident["id"])["pages"]
        self.assertEqual({page["contact"] for page in pages}, {on_duty}, pages)
        self.assertIn({"alice": "/one", "bob": "/two"}[on_duty], [page["path"] for page in self.world.pages()])


if __name__ == "__main__":
    unittest.main()
