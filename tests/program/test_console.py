"""The console on a live world: every verb for people and as JSON, and what it says when something is wrong."""
import json
import pathlib
import re
import signal
import time
import unicodedata
import unittest

from world import BIN, ROOT, World, wait_for

COLUMNS = 100
LONG = "a-host-with-a-name-as-long-as-somebody-may-well-give-it-in-anger"[:63]


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def end_of_list(text, at):
    """Where the bracket or brace that was opened before `at` is closed."""
    depth = 1
    while depth:
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text[at], 0)
        at += 1
    return at - 1


def first_part(text):
    """What is before the first semicolon that stands in no bracket."""
    at = 0
    while at < len(text) and text[at] != ";":
        at = end_of_list(text, at + 1) + 1 if text[at] in "[{" else at + 1
    return text[:at]


def documented():
    """What docs/control.md says: {form or verb: names of its keys}; of a form within another, dotted."""
    text = (ROOT / "docs/control.md").read_text(encoding="utf-8")
    found = {}

    def names(part, prefix=""):
        at = 0
        for match in re.finditer(r"`(\w+)`\s*([\[{]?)", part):
            if match.start() < at:
                continue
            yield prefix + match.group(1)
            if match.group(2):
                at = end_of_list(part, match.end())
            if match.group(2) == "{":
                yield from names(part[match.end():at], f"{prefix}{match.group(1)}.")

    def without_values(part):
        return re.sub(r"\((?:[^()`]|`[^`]*`)*\)", "", part)  # what a value may be
    forms = text[text.index("\n**tenant**:"):text.index("## Feed")]
    for form in re.findall(r"^\*\*(\w+)\*\*: (.*?)(?=^\*\*|\Z)", forms, re.MULTILINE | re.DOTALL):
        found[form[0]] = set(names(without_values(form[1])))
    for row in re.findall(r"^\| (`.*?) \|(.*?) \| (.*) \|$", text[text.index("## Verbs"):text.index("\n**tenant**:")], re.M):
        for verb in re.findall(r"`([a-z ]+)`", row[0]):
            found[f"{verb}:"] = set(names(first_part(without_values(row[2]))))
    return found


FORMS = documented()
PEOPLE = """channels:
  - {name: pager, kind: webhook, url: 'PAGER'}
contacts:
  - {name: alice, tenant: globex, ways: [{channel: pager}]}
  - {name: bob, tenant: globex, ways: [{channel: pager}]}
oncall:
  - {name: desk, zone: Asia/Shanghai, members: [alice, bob], from: 2026-11-23, at: '08:00', turn: 12h}
"""


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world = cls.enterClassContext(World())
        world.start_receiver()
        world.configure()
        world.shelve()
        world.people(PEOPLE.replace("PAGER", world.url(path="pager")))
        world.start_collector()
        world.live_event()
        world.must("tenant", "add", "globex")
        world.must("host", "enroll", "web-1", "--tenant", "globex", "--group", "shop", "--egress", "1.5Gbit",
                   "--new-connections", "2000")
        world.must("host", "enroll", LONG, "--tenant", "acme", "--disk-read", "200MB")
        cls.today = time.strftime("%Y-%m-%d", time.gmtime())
        for tenant in ("acme", "globex"):
            world.must("event", "create", "twice", "--tenant", tenant, "--zone", "Asia/Shanghai", "--from", "2099-01-31",
                       "--hosts", "web-*,db-1", "--drill")
        world.host.use_memory(0.97)
        cls.incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))

    def tomorrow(self):
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))

    def keys(self, form, data, prefix=""):
        """Names of an object's keys are those of the docs, no more and no fewer."""
        wanted = {name for name in FORMS[form] if name.startswith(prefix) and "." not in name[len(prefix):]}
        self.assertEqual({prefix + key for key in data}, wanted, form)
        for key, value in data.items():
            if isinstance(value, dict) and any(name.startswith(f"{prefix}{key}.") for name in FORMS[form]):
                self.keys(form, value, f"{prefix}{key}.")

    def form(self, verb, *words):
        """The verb's data, with the keys that the docs give it; its human form fits."""
        data = self.world.must(*verb.split(), *words)
        self.keys(f"{verb}:", data)
        plural = {"hosts": "host", "events": "event", "incidents": "incident", "alerts": "alert", "pages": "page",
                  "tenants": "tenant", "invitations": "outstanding", "gates": "gate", "entries": "entry", "plans": "plan",
                  "contracts": "contract", "packs": "pack", "draws": "draw", "silences": "silence", "notices": "notice",
                  "contacts": "contact", "rotas": "rota", "turns": "duty", "overrides": "override"}
        for name, value in data.items():
            if isinstance(value, list) and name in plural:
                for row in value:
                    self.keys(plural[name], row)
            elif isinstance(value, dict) and name in FORMS:
                self.keys(name, value)
        return data

    def human(self, *words):
        status, out, error = self.world.console(*words)
        self.assertEqual((status, error), (0, ""))
        self.assertTrue(out.endswith("\n"))
        for line in out.splitlines():
            self.assertLessEqual(width(line), COLUMNS, line)
            self.assertNotIn("\033", line)
        return out

    def invited(self, *words):
        """What a verb prints that ends in the line to paste; that one alone may be wider than a terminal."""
        status, out, error = self.world.console(*words)
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(len(re.findall(r"^    warroom-agent join (?:--replace )?'wr1:[\w-]+'$", out, re.MULTILINE)), 1)
        for line in out.splitlines():
            self.assertTrue(width(line) <= COLUMNS or "warroom-agent join" in line, line)
        return out

    def assert_fails(self, exit_status, says, *words):
        status, out, error = self.world.console(*words)
        self.assertEqual((status, out), (exit_status, ""), error)
        self.assertIn(says, error)
        self.assertEqual(len(error.splitlines()), 1)

    # ---- verbs

    def test_the_docs_were_understood(self):
        self.assertEqual(FORMS["tenant"], {"id", "name", "created"})
        self.assertIn("limits.egress", FORMS["host"])
        self.assertIn("store.samples", FORMS["status:"])
        self.assertLessEqual({"id", "state", "acknowledged_until", "returns", "held_until"}, FORMS["incident"])

    def test_every_verb_of_the_docs_is_tried(self):
        """Each has a form() of its own below. Not here: answers that the console makes text of (test_carry.py), what wants a day that
        begins in a moment (test_event.py), a ledger that is broken (test_ledger.py), or somebody who is told (test_rehearse.py)."""
        elsewhere = {"rehearse", "rehearsal show", "rehearsal stop", "ledger accept", "ledger export", "backup", "export", "export series", "import", "event report"}
        tried = set(re.findall(r'self\.form\("([a-z ]+)"', pathlib.Path(__file__).read_text(encoding="utf-8")))
        self.assertEqual(tried | elsewhere, {name[:-1] for name in FORMS if name.endswith(":")})
        self.assertFalse(tried & elsewhere)

    def test_status(self):
        data = self.form("status")
        self.assertGreaterEqual(data["hosts"]["total"], 3)
        self.assertEqual((data["hosts"]["reporting"], data["hosts"]["silent"]), (1, 0))
        self.assertEqual([event["name"] for event in data["events"]], ["sale"])
        out = self.human("status")
        self.assertIn(" enrolled   1 reporting   0 silent", out)
        self.assertIn("1 open   1 unacknowledged", out)

    def test_rules(self):
        self.form("rule list", "--host", "web-1", "--tenant", "acme")
        for rule in self.form("rule list")["rules"]:
            self.keys("rule", rule)
        self.form("rule export", "--host", "web-1", "--tenant", "acme")
        tested = self.form("rule test", "web-1", "--tenant", "acme")
        self.assertEqual(tested["host"], "web-1")
        self.assertIn("rules over", self.human("rule", "test", "web-1", "--tenant", "acme"))

    def test_tenants(self):
        self.assertEqual([row["name"] for row in self.form("tenant list")["tenants"]][:2], ["acme", "globex"])
        self.assertIn("globex", self.human("tenant", "list"))
        self.assertEqual(self.form("tenant add", "initech")["tenant"]["name"], "initech")
        self.assertIn("hooli", self.human("tenant", "add", "hooli"))

    def test_hosts(self):
        rows = self.form("hosts")["hosts"]
        reporting = [row for row in rows if row["state"] == "reporting"]
        self.assertEqual([row["name"] for row in reporting], ["web-1"])
        self.assertAlmostEqual(reporting[0]["memory"], 0.97)
        globex = self.form("hosts", "--tenant", "globex")["hosts"]
        self.assertEqual(globex[0]["limits"], {"egress": 187500000.0, "ingress": None, "connections": None,
                                               "new_connections": 2000.0, "disk_read": None, "disk_write": None})
        out = self.human("hosts")
        for row in rows:
            self.assertIn(row["id"], out)
        self.assertIn("…", out, "the long name gives way")

    def test_a_host_is_enrolled_and_changed(self):
        self.world.must("tenant", "add", "initrode")
        enrolled = self.form("host enroll", "cache-1", "--tenant", "initrode", "--group", "cache")
        host, invitation = enrolled["host"], enrolled["invitation"]
        self.assertEqual((host["key"], enrolled["known"], invitation["uses"]), ("invited", False, 1))
        self.assertRegex(invitation["code"], r"^wr1:[\w-]+$")
        self.assertRegex(host["id"], r"^[0-9a-f]{16}$")
        self.assertEqual((host["state"], host["group"]), ("never", "cache"))
        changed = self.form("host set", host["id"], "--ingress", "100Mbit", "--group", "kv")["host"]
        self.assertEqual((changed["group"], changed["limits"]["ingress"]), ("kv", 12500000.0))
        self.assertIn(host["id"], self.human("host", "set", "cache-1", "--connections", "5000"))
        again = self.form("host enroll", "cache-1", "--tenant", "initrode")
        self.assertEqual((again["host"]["id"], again["host"]["group"], again["known"]), (host["id"], "kv", True))
        self.assertNotEqual(again["invitation"]["code"], invitation["code"])
        out = self.invited("host", "enroll", "cache-2", "--tenant", "initrode")
        self.assertRegex(out, r"\b[0-9a-f]{16}\b")
        self.assertTrue(self.form("host rotate", "cache-2")["known"])
        self.assertIn("It is known", self.invited("host", "rotate", "cache-2", "--expires", "30m"))
        self.assertIsNone(self.form("host enroll", "--tenant", "initrode", "--uses", "3")["host"])
        self.invited("host", "enroll", "--tenant", "initrode", "--uses", "20", "--group", "cache")
        listed = self.form("host invitations", "--tenant", "initrode")["invitations"]
        self.assertEqual([(row["host"], row["group"], row["uses"]) for row in listed],
                         [("cache-1", None, 1), ("cache-2", None, 1), (None, None, 3), (None, "cache", 20)])
        self.assertIn("new hosts, group cache", self.human("host", "invitations"))
        self.assertEqual(self.form("host uninvite", listed[2]["id"])["outstanding"], listed[2])
        self.assertIn("with 20 uses left", self.human("host", "uninvite", listed[3]["id"]))
        self.assertEqual(self.form("host invitations", "--tenant", "initrode")["invitations"], listed[:2])
        self.assertIn("invited no more", self.human("host", "revoke", "cache-2"))
        self.assertEqual(self.form("host revoke", "cache-1")["host"]["key"], "none")
        self.assertIn("what it sent stays", self.human("host", "retire", "cache-2"))
        self.assertEqual(self.form("host retire", "cache-1")["host"]["key"], "retired")
        keys = {row["name"]: row["key"] for row in self.form("hosts", "--tenant", "initrode")["hosts"]}
        self.assertEqual(keys, {"cache-1": "retired", "cache-2": "retired"})

    def test_events(self):
        rows = self.form("event list")["events"]
        self.assertEqual([(row["name"], row["tenant"]) for row in rows[:3]],
                         [("sale", "acme"), ("twice", "acme"), ("twice", "globex")])
        self.assertEqual((rows[1]["start"], rows[1]["start_local"]), ("2099-01-30T16:00:00.000Z", "2099-01-31 00:00:00"))
        self.assertIn("sale", self.human("event", "list"))
        shown = self.form("event show", "sale")
        self.assertEqual(len(shown["hosts"]), 2)
        self.assertEqual(shown["incidents"][0]["id"], self.incident["id"])
        self.assertIn("2 in scope of \"*\"", self.human("event", "show", "sale"))

    def test_an_event_from_beginning_to_end(self):
        made = self.form("event create", "fair", "--tenant", "globex", "--zone", "UTC", "--from", self.today, "--days", "2",
                         "--hosts", "web-1", "--drill")["event"]
        self.assertEqual(made["state"], "draft")
        self.assertEqual(self.form("event start", "fair")["event"]["state"], "live")
        self.assertIn("live", self.human("event", "show", "fair"))
        self.assertEqual(self.form("event close", "fair")["event"]["state"], "closed")
        self.assert_fails(1, "event fair is closed", "event", "start", "fair")

    def test_a_real_event_with_its_gates_and_its_contract(self):
        world, day = self.world, time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400))
        world.must("tenant", "add", "hooper")
        world.must("host", "enroll", "till-1", "--tenant", "hooper")
        year = time.gmtime().tm_year
        self.assertEqual(self.form("plan list")["plans"][0]["name"], "large")
        self.human("plan", "list")
        self.assertEqual(self.form("tenant set", *world.contract("hooper")[2:])["contracts"][0]["plan"], "large")
        self.assertEqual(self.form("entitlement buy", "hooper", "--days", "2", "--from", f"{year}-01-01", "--to", f"{year + 2}-12-31")
                         ["pack"]["left"], 2)
        advice = self.form("entitlement advise", "hooper", "--from", day)["draws"][0]
        self.assertEqual(self.form("entitlement cancel", advice["id"], "--tenant", "hooper")["draws"][0]["state"], "returned")
        self.form("event create", "fete", "--tenant", "hooper", "--zone", "UTC", "--from", day, "--hosts", "till-*")
        self.assertEqual(self.form("event set", "fete", "--notes", "Call first.")["event"]["state"], "draft")
        self.assertTrue(self.form("event request", "fete")["event"]["late_request"])
        self.form("event accept", "fete", "--reason", "it was moved")
        self.form("event override", "fete", "verdict", "--reason", "measured by hand")
        self.assertEqual(self.form("event check", "fete")["event"]["state"], "checked")
        for gate in "rehearsal", "lint", "contacts":
            world.must("event", "override", "fete", gate, "--reason", "by hand")
        self.assertEqual(self.form("event arm", "fete")["event"]["arming_by"], "root")
        self.assertEqual(len(self.form("event show", "fete")["gates"]), 7)
        self.assertIn("measured by hand", self.world.console("event", "show", "fete")[1])
        held = self.form("entitlement show", "hooper")
        self.assertEqual((held["packs_total"], held["draws_total"]), (1, 2))
        self.assertIn("first days are those of the contract's zone", self.human("entitlement", "show", "hooper"))
        self.assertEqual(self.form("tenant show", "hooper")["hosts"], 1)
        self.human("tenant", "show", "hooper")
        self.assertEqual(self.form("event cancel", "fete")["event"]["state"], "cancelled")
        entries = self.form("ledger list", "--tenant", "hooper", "--oldest")["entries"]
        self.assertEqual(entries[0]["kind"], "contract")
        out = self.human("ledger", "list", "--tenant", "hooper")
        for said in ("requested, was draft; asked late", "gate verdict overridden; because: measured", "written in its document: ",
                     "bought: pack 1, 2 days of assurance"):
            self.assertIn(said, out)

    def test_an_incident_of_a_drill_that_is_ended(self):
        self.world.must("tenant", "add", "sirius")
        self.world.must("host", "enroll", "till-1", "--tenant", "sirius")
        self.world.must("event", "create", "walk", "--tenant", "sirius", "--zone", "UTC", "--from", self.today, "--days", "2",
                        "--hosts", "till-1", "--drill")
        self.world.must("event", "start", "walk")
        found = wait_for("its first round finds a host that never reported",
                         lambda: self.world.must("incident", "list", "--tenant", "sirius")["incidents"])[0]
        self.assertEqual(self.form("incident ack", found["id"])["incident"]["state"], "acknowledged")
        self.assertEqual(self.form("incident assign", found["id"], "li")["incident"]["assigned_to"], "li")
        self.assertEqual(self.form("incident note", found["id"], "the cache is cold")["incident"]["state"], "acknowledged")
        self.assertEqual(self.form("incident resolve", found["id"])["incident"]["state"], "resolved")
        reopened = self.form("incident reopen", found["id"])["incident"]
        self.assertEqual((reopened["state"], reopened["acknowledged_until"] is None), ("acknowledged", False))
        self.assertEqual(self.form("incident resolve", found["id"])["incident"]["state"], "resolved")
        self.assertEqual(self.form("event end", "walk")["event"]["state"], "closed")

    def test_whether_ten_minutes_are_enough(self):
        found = self.form("lint", "sale", "--tenant", "acme")
        self.assertEqual((found["state"], found["over"]), ("ok", 0))
        longest = found["ways"][0]
        self.assertEqual(set(longest), {"rule", "contact", "step", "total_s", "stages"})
        self.assertEqual(longest["total_s"], sum(longest["stages"].values()))
        self.assertIn("of 600 s at worst", self.human("lint", "sale", "--tenant", "acme"))
        self.assert_fails(3, "there is no event nobody", "lint", "nobody")

    def test_contacts_and_rotas(self):
        contacts = self.form("contact list")["contacts"]
        self.assertEqual([row["name"] for row in contacts], ["alice", "bob"])
        self.assertIn("pager", self.human("contact", "list"))
        self.assertEqual(self.form("contact show", "alice")["contact"], contacts[0])
        self.assertIn("rota desk", self.human("contact", "show", "alice"))
        self.assertEqual(self.form("contact test", "alice")["state"], "ok")
        self.assertIn("taken", self.human("contact", "test", "bob"))
        self.assert_fails(3, "there is no contact eve", "contact", "test", "eve")
        made = self.form("oncall override", "desk", "bob", "--from", "now", "--to", f"{self.tomorrow()}T00:00:00Z", "--reason", "a wedding")
        rotas = self.form("oncall list")["rotas"]
        self.keys("duty", rotas[0]["on_duty"])
        self.assertEqual(rotas[0]["on_duty"]["override"], made["override"])
        self.assertIn("bob (override)", self.human("oncall", "list"))
        self.assertEqual(self.form("oncall show", "desk")["overrides"], [made["override"]])
        self.assertIn("a wedding", self.human("oncall", "show", "desk"))
        self.assertIn("bob is on duty for desk", self.human("oncall", "override", "desk", "bob", "--from", f"{self.tomorrow()}T00:00:00Z",
                                                            "--to", f"{self.tomorrow()}T01:00:00Z", "--reason", "a wedding"))

    def test_silences_and_notices(self):
        hosts = ("--tenant", "globex", "--hosts", "web-*")
        silence = self.form("silence add", *hosts, "--for", "1h", "--reason", "kernel update")["silence"]
        self.assertIn(silence, self.form("silence list", "--tenant", "globex")["silences"])
        self.assertIn("kernel update", self.human("silence", "list"))
        self.assertIsNotNone(self.form("silence end", silence["id"], "--tenant", "globex")["silence"]["ended"])
        said = self.form("notice add", *hosts, "--kind", "change", "--from", "2099-01-31T00:00:00Z", "--to", "2099-01-31T01:00:00Z",
                         "--title", "Core switch", "--impact", "a minute without network")
        self.assertEqual(said["against"], [])
        self.assertIn(said["notice"], self.form("notice list", "--tenant", "globex")["notices"])
        self.assertIn("Core switch", self.human("notice", "list"))
        answer = self.form("notice answer", said["notice"]["id"], "--tenant", "globex", "--reason", "moved")["notice"]
        self.assertEqual(answer["answer"], "moved")

    def test_patrol(self):
        made = wait_for("its first round", lambda: self.world.must("patrol", "log", "sale", "--findings")["rounds"])[-1]
        self.assertEqual(set(made), FORMS["round"] - {"cause"})
        told = self.form("patrol log", "sale")["rounds"][-1]
        self.assertEqual(set(told), FORMS["round"] - {"cause", "checks", "findings", "nearest"})
        self.human("patrol", "log", "sale")
        self.assertEqual(self.form("patrol handover", "sale", "--note", "quiet")["handover"]["note"], "quiet")
        self.assertIn("opened, critical: ", self.human("ledger", "list", "--tenant", "acme", "--kind", "incident"))

    def test_rules(self):
        for row in self.form("rule list")["rules"]:
            self.assertEqual(set(row), FORMS["rule"])
        self.assertIn("memory-full", self.human("rule", "list"))
        found = self.form("rule test", "web-1", "--tenant", "acme", "--event", "sale")
        self.assertEqual([firing["rule"] for firing in found["firings"]], ["memory-full"])
        self.human("rule", "test", "web-1", "--tenant", "acme", "--event", "sale")
        self.form("rule export")

    def test_incidents(self):
        rows = self.form("incident list")["incidents"]
        self.assertIn(self.incident, rows)
        self.assertIn("full on web-1", self.human("incident", "list"))  # which one it is stands at the end
        self.assertIn("full on web-1", self.human("incident", "list", "--all"))
        self.assertEqual(self.form("incident list", "--tenant", "globex")["incidents"], [])
        shown = self.form("incident show", self.incident["id"])
        self.assertEqual((len(shown["alerts"]), len(shown["pages"])), (1, 1))
        self.assertEqual(set(shown["alerts"][0]), FORMS["alert"])
        out = self.human("incident", "show", self.incident["id"])
        for word in ("crossed", "detected", "delivered", "acknowledged", "resolved", "budget", "of the 600 s budget"):
            self.assertIn(word, out)

    def test_a_query(self):
        data = self.form("query", "web-1", "system.memory.utilization", "--tenant", "acme", "--from", "-10m")
        self.assertEqual(set(data["series"][0]), {"instance", "points"})
        instant, least, mean, most, count = data["series"][0]["points"][-1]
        self.assertRegex(instant, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLessEqual(least, mean)
        self.assertLessEqual(mean, most)
        self.assertGreaterEqual(count, 1)
        out = self.human("query", "web-1", "system.memory.utilization", "--tenant", "acme", "--from", "-10m")
        self.assertIn("MIN", out)
        self.assertIn("97.0 %", out)
        self.human("query", "web-1", "system.network.io.rate{direction=transmit}", "--tenant", "acme", "--from", "-10m")

    def test_reads_over_many_hosts(self):
        acme = ("--tenant", "acme")
        values = self.form("query latest", *acme, "--metric", "system.memory.*")["values"]
        self.assertEqual(set(values[0]), {"host", "metric", "instance", "unit", "at", "value"})
        self.assertIn("web-1", self.human("query", "latest", *acme))
        spread = self.form("query quantiles", "system.memory.utilization", *acme)["quantiles"]
        self.assertEqual(set(spread[0]), {"host", "metric", "instance", "unit", "count", "min", "p50", "p90", "p95", "p99",
                                          "max"})
        self.human("query", "quantiles", "system.*", *acme)
        top = self.form("query top", "system.memory.utilization", *acme)["top"]
        self.assertEqual((set(top[0]), top[0]["host"]["name"]), ({"host", "instance", "value"}, "web-1"))
        self.human("query", "top", "system.memory.utilization", *acme)
        hosts = self.form("coverage", "sale")["coverage"]
        self.assertEqual(set(hosts[0]), {"host", "covered_s", "share", "longest_gap_s", "gaps_total", "minutes", "error",
                                         "gaps"})
        self.assertEqual(set(hosts[0]["gaps"][0]), {"from", "to", "gap_s", "cause"})
        self.assertIn(LONG[:20], self.human("coverage", "sale"))

    # ---- what is wrong

    def test_names_that_nobody_has(self):
        self.assert_fails(1, "there is no host web-9; warroom hosts shows them", "host", "set", "web-9", "--group", "x")
        self.assert_fails(1, "there is no host web-9; warroom hosts shows them", "query", "web-9", "system.uptime")
        self.assert_fails(1, "there is no event gala; warroom event list shows them", "event", "show", "gala")
        self.assert_fails(1, "there is no incident 99; warroom incident list --all shows them", "incident", "show", "99")
        self.assert_fails(1, "there is no open incident 99", "incident", "ack", "99")
        self.assert_fails(1, "there is no tenant umbrella; warroom tenant list shows them", "hosts", "--tenant", "umbrella")
        self.assert_fails(1, "there is no metric system.cpu; docs/metrics.md lists them", "query", "web-1", "system.cpu",
                          "--tenant", "acme")

    def test_names_that_several_have(self):
        self.assert_fails(2, "several tenants have a host web-1: say which with --tenant", "query", "web-1", "system.uptime")
        self.assert_fails(2, "several tenants have an event twice: say which with --tenant", "event", "show", "twice")
        self.assertEqual(self.world.must("event", "show", "twice", "--tenant", "globex")["event"]["tenant"], "globex")

    def test_names_that_are_taken(self):
        self.assert_fails(1, "there already is a tenant acme", "tenant", "add", "acme")
        self.assert_fails(1, "this tenant already has an event sale", "event", "create", "sale", "--tenant", "acme", "--zone",
                          "UTC", "--from", self.today, "--hosts", "*")

    def test_names_that_are_none(self):
        for name in ("two words", "-x", "ü", "x" * 64, "a/b"):
            status, out, error = self.world.console("tenant", "add", "--", name)
            self.assertEqual((status, out), (2, ""), name)
            self.assertIn("not a tenant name: want 1 to 63 letters", error)

    def test_windows_that_cannot_be(self):
        def create(**changed):
            given = {"zone": "UTC", "from": self.today, "days": "1", "hosts": "*", **changed}
            return ["event", "create", "gala", "--tenant", "acme", "--drill"] + [
                word for name, value in given.items() for word in (f"--{name}", value)]
        self.assert_fails(2, 'no time zone "Mars/Olympus", want an IANA name such as Asia/Shanghai or UTC',
                          *create(zone="Mars/Olympus"))
        self.assert_fails(2, "2026-02-30", *create(**{"from": "2026-02-30"}))
        self.assert_fails(2, "0", *create(days="0"))
        self.assert_fails(2, "want such as web-*,db-1", *create(hosts="a b"))
        self.assert_fails(1, "event twice: its window opens at 2099-01-31", "event", "start", "twice", "--tenant", "acme")
        self.assert_fails(1, "start it then", "event", "start", "twice", "--tenant", "acme")
        self.world.must(*create(**{"from": "2020-01-01"}))
        self.assert_fails(1, "create a new event", "event", "start", "gala")

    def test_queries_that_cannot_be(self):
        query = ["query", "web-1", "system.uptime", "--tenant", "acme"]
        self.assert_fails(2, "from is not before to", *query, "--from", "-1m", "--to", "-2m")
        self.assert_fails(2, "points: want 1 to 100000", *query, "--points", "100001")
        self.assert_fails(2, "--from", *query, "--from", "yesterday")

    def test_words_that_are_not_understood(self):
        self.assert_fails(2, 'do you mean "status"?', "statsu")
        self.assert_fails(2, "there are: incident list, incident show, incident ack, incident assign", "incident")
        self.assert_fails(2, "--tenant NAME is missing", "host", "enroll", "x")
        self.assert_fails(2, "one word too many", "status", "please")

    def test_no_collector_is_running(self):
        for verb in (["status"], ["incident", "list", "--follow"]):
            status, out, error = self.world.run("warroom", "--control", self.world.folder / "nowhere.sock", *verb)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(f"{self.world.folder}/", error)
            self.assertRegex(error, "start warroom-collector|start it")


class Followed(unittest.TestCase):
    def follow(self, world, name, *more):
        world.start(name, BIN / "warroom", "--control", world.folder / "control.sock", "incident", "list", "--follow", *more)

    def test_an_incident_is_told_as_it_goes(self):
        with World() as world:
            world.begin()
            self.follow(world, "people")
            wait_for("the list comes first", lambda: "no incidents" in world.log("people"))
            self.follow(world, "machine", "--json")
            world.start("other", BIN / "warroom", "--control", world.folder / "control.sock", "incident", "list", "--follow",
                        "--json", "--tenant", "globex")
            wait_for("all three listen", lambda: all(self.listens(world, name) for name in ("machine", "other")))
            world.host.use_memory(0.97)
            wait_for("it is told", lambda: len(self.items(world)) >= 2)
            incident = world.incident_with("delivered")
            world.must("incident", "ack", incident["id"])
            world.must("incident", "resolve", incident["id"])
            wait_for("its end is told", lambda: self.items(world)[-1]["incident"]["resolved"])
            items = self.items(world)
            self.assertEqual({item["kind"] for item in items}, {"incident"})
            self.assertEqual([item["id"] for item in items], sorted(item["id"] for item in items))
            steps = [(item["incident"]["state"], item["incident"]["delivered"] is not None) for item in items]
            self.assertEqual(steps, [("triggered", False), ("triggered", True), ("acknowledged", True), ("resolved", True)])
            self.assertEqual(set(items[0]["incident"]), FORMS["incident"])
            self.assertEqual(items[1]["incident"], incident)
            for state in ("triggered", "acknowledged", "resolved"):
                told = f"  {state}  DRILL: Memory nearly full"
                wait_for(f"people read {state}", lambda told=told: told in world.log("people"))
            for line in world.log("people").splitlines():
                self.assertLessEqual(width(line), COLUMNS)
            self.assertEqual(world.log("other"), "", "another tenant's")

    def listens(self, world, name):
        """Its connection to the feed is there: the console's end of the local socket."""
        with open("/proc/net/unix", encoding="ascii") as file:
            on_feed = sum(str(world.folder / "feed.sock") in line and line.split()[5] == "03" for line in file)
        return world.alive(name) and on_feed >= 3

    def items(self, world):
        return [json.loads(line) for line in world.log("machine").splitlines() if line.endswith("}")]

    def test_it_ends_when_it_is_told_to(self):
        with World() as world:
            world.begin()
            self.follow(world, "people")
            wait_for("the list comes first", lambda: "no incidents" in world.log("people"))
            self.assertNotEqual(world.kill("people", signal.SIGINT), 0)


if __name__ == "__main__":
    unittest.main()
