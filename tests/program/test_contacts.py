"""Who is told, as the configuration has it: every fault of it is read aloud with its line."""
import unittest

from world import World

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
    ("name: robot,", "name: 'robot a',"): [":7: `name` is \"robot a\", want no blanks, commas and semicolons in it", ":13: there is no channel robot",
                                           ":14: there is no channel robot"],
    ("per_minute: 20", "per_minute: 0"): [":7: `per_minute` is \"0\", want a whole number from 1 to 60000: messages"],
    ("language: zh", "language: fr"): [":10: `language` is \"fr\", want one of en, zh"],
    ("- {channel: robot}", "- {channel: mail}"): [":13: contact alice has this way in line 12 already"],
    ("- {channel: robot}", "- {channel: robot, address: a}"): [":13: channel robot is a webhook: want no `address`, its URL is all there is"],
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


if __name__ == "__main__":
    unittest.main()
