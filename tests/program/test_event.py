"""An event from its draft to its end, through the console, over a kill in each state; and what is refused, in words."""
import datetime
import pathlib
import struct
import time
import unittest

from world import World, wait_for

DOCUMENT = """name: sale
zone: UTC
first_day: {first_day}
days: 1
patrol: 5m
labels: [role=web]
tiers:
  - {{ hosts: "web-*", tier: core }}
limits:
  - {{ hosts: "web-*", egress: 125000000 }}
demand:
  - {{ hosts: "web-*", metric: "system.network.io.rate{{direction=transmit}}", times: 3 }}
contacts: [war-room]
escalation:
  - {{ after: 0s, contacts: war-room }}
notes: "Call the shop first.\\nThen us."
runbooks:
  - {{ title: Fail over, url: "https://wiki.example/fail-over" }}
"""
S_PER_DAY = 86400


def zone_whose_day_begins(folder, at_s):
    """A folder of time zones for a collector to be started with, in which that of Test/Soon begins a day at `at_s`. Its offset is
    as odd as local mean times are. That day's date."""
    offset = -(at_s % S_PER_DAY)
    if offset < -S_PER_DAY // 2:
        offset += S_PER_DAY
    (folder / "Test").mkdir(parents=True)
    (folder / "UTC").symlink_to(pathlib.Path("/usr/share/zoneinfo/UTC"))
    (folder / "Test/Soon").write_bytes(struct.pack(">4sx15x6L", b"TZif", 0, 0, 0, 0, 1, 4)  # RFC 8536: one type, no transition
                                       + struct.pack(">lBB", offset, 0, 0) + b"SOO\0")
    return datetime.datetime.fromtimestamp(at_s + offset, datetime.timezone.utc).date()


class Event(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.start_receiver()
        self.world.configure(calm="2s")
        self.today = datetime.datetime.now(datetime.timezone.utc).date()
        self.world.shelve()
        self.world.start_collector()
        self.world.must("tenant", "add", "acme")
        self.world.must(*self.world.contract("acme"))
        self.line = self.world.invite("web-1", "--tenant", "acme", "--label", "role=web", "--label", "site=sh")

    def in_days(self, days):
        return str(self.today + datetime.timedelta(days=days))

    def document(self, text=None):
        file = self.world.folder / "sale.yaml"
        file.write_text(text or DOCUMENT.format(first_day=self.in_days(3)))
        return file

    def start_agent(self):
        self.world.configure_agent()
        self.world.join(self.line)
        self.world.start_agent()

    def refused(self, *args, status=1):
        """What a verb that is refused says."""
        found, out, error = self.world.console(*args)
        self.assertEqual((found, out), (status, ""), error)
        return error

    def shown(self):
        page = self.world.must("event", "show", "sale")
        return {key: page[key] for key in ("event", "gates", "document", "history")}

    def state(self):
        return self.shown()["event"]["state"]

    def gate(self, name):
        return next(gate for gate in self.shown()["gates"] if gate["gate"] == name)

    def rounds(self):
        """(phase, number) of each round on record, the oldest first."""
        return [(entry["body"]["phase"], entry["body"]["k"]) for entry in self.ledger("--kind", "round")]

    def ledger(self, *args):
        return self.world.must("ledger", "list", "--tenant", "acme", "--oldest", *args)["entries"]

    def killed(self):
        """The collector is killed and starts again: its files are whole, and what it says of the event, its rounds and incidents
        is what it said before."""
        before = (self.shown(), self.rounds(), self.world.incidents())
        chain = self.ledger()
        self.world.kill("collector")
        status, out, error = self.world.run("warroom-collector", "--config", self.world.folder / "collector.yaml", "--fsck", "all")
        self.assertEqual(status, 0, out + error)
        self.world.start_collector()
        self.assertEqual((self.shown(), self.rounds(), self.world.incidents()), before)
        self.assertEqual(self.ledger()[:len(chain)], chain)

    def override(self, *gates):
        for gate in gates:
            self.world.must("event", "override", "sale", gate, "--reason", f"no {gate} yet")

    def left(self):
        return self.world.must("entitlement", "show", "acme")["contracts"][0]["balance"][0]["assurance"]["left"]

    def draft(self):
        self.world.must("event", "create", "-f", self.document(), "--tenant", "acme")

    def to_checked(self):
        self.draft()
        self.world.must("event", "request", "sale")
        self.world.must("event", "accept", "sale", "--reason", "the launch was moved")
        self.override("verdict")
        self.world.must("event", "check", "sale")

    # ---- the way

    def test_an_event_goes_its_way_whenever_the_collector_is_killed(self):
        self.draft()
        self.killed()
        self.assertTrue(self.world.must("event", "request", "sale")["event"]["late_request"])
        self.killed()
        self.assertIn("wants a reason", self.refused("event", "accept", "sale", status=2))
        self.world.must("event", "accept", "sale", "--reason", "the launch was moved")
        self.assertEqual((self.state(), self.gate("entitlement")["state"], self.left()), ("accepted", "passed", 2))
        wait_for("its first round", self.rounds)
        self.killed()
        self.assertIn("verdict", self.refused("event", "check", "sale"))
        self.override("verdict")
        self.world.must("event", "check", "sale")
        self.killed()
        self.assertIn("rehearsal and contacts", self.refused("event", "arm", "sale"))
        self.assertRegex(self.gate("lint")["evidence"], r"^\d+ s of 600 s at worst: \w+ to war-room$")
        self.override("rehearsal", "contacts")
        self.world.must("event", "arm", "sale")
        wait_for("arming says whom it waits for", lambda: "0 of 1" in str(self.gate("hosts")["evidence"]))
        self.assertIn("web-1", self.gate("hosts")["evidence"])
        self.killed()
        self.start_agent()
        wait_for("the event is armed", lambda: self.state() == "armed")
        self.assertEqual(self.gate("hosts")["evidence"], "1 of 1 report and confirm 1 s")
        self.killed()
        self.world.must("event", "cancel", "sale", "--reason", "the customer has no goods")
        self.assertEqual((self.state(), self.left()), ("cancelled", 3))
        self.killed()
        steps = [entry["body"]["to"] for entry in self.shown()["history"] if entry["kind"] == "event"]
        self.assertEqual(steps, ["draft", "requested", "accepted", "checked", "checked", "armed", "cancelled"])

    def live_soon(self):
        """A real event whose day begins in a moment, armed before that or late: it goes live by the clock."""
        self.world.kill("collector")
        self.world.environment["TZDIR"] = str(self.world.folder / "zones")
        day = zone_whose_day_begins(self.world.folder / "zones", int(time.time()) + 10)
        self.world.start_collector()
        self.world.must("event", "create", "sale", "--tenant", "acme", "--zone", "Test/Soon", "--from", str(day), "--hosts", "web-*")
        self.world.must("event", "request", "sale")
        self.start_agent()
        self.world.must("event", "accept", "sale", "--reason", "it is now")
        self.override("verdict", "rehearsal", "lint", "contacts")
        self.world.must("event", "check", "sale")
        self.world.must("event", "arm", "sale")
        wait_for("the day has begun and it is live", lambda: self.state() == "live")

    def test_a_real_event_goes_live_by_the_clock_and_to_its_end_whenever_the_collector_is_killed(self):
        self.live_soon()
        started = next(entry for entry in self.shown()["history"] if entry["body"].get("to") == "live")
        self.assertEqual((started["actor"], started["body"]["role"]), ("clock", "clock"))
        self.assertTrue(wait_for("its host reports each second", self.world.reports_each_second))
        self.world.host.use_memory(0.97)
        incident = wait_for("the page is delivered", lambda: [one for one in self.world.incidents()
                                                              if "Memory" in one["title"] and one["delivered"]])[0]
        self.world.must("incident", "ack", incident["id"])
        wait_for("its first round", lambda: ("live", 0) in self.rounds())
        self.killed()
        self.assertEqual(self.state(), "live")
        self.world.host.use_memory(0.3)
        wait_for("the incident is over", lambda: not [one for one in self.world.incidents()
                                                      if one["id"] == incident["id"] and not one["resolved"]])

        self.assertIn("wants a reason", self.refused("event", "end", "sale", status=2))
        self.world.must("event", "end", "sale", "--reason", "everything is sold")
        wait_for("its closing round", lambda: ("closing", 1) in self.rounds())
        for state, verb in ("closing", "report"), ("reported", "close"), ("closed", None):
            self.assertEqual(self.state(), state)
            self.killed()
            if verb:
                self.world.must("event", verb, "sale")
        self.assertIn("is closed", self.refused("event", "close", "sale"))
        self.assertEqual(self.rounds(), [("preparing", 0), ("live", 0), ("closing", 1)])
        self.assertEqual(self.left(), 2)
        steps = [entry["body"]["to"] for entry in self.shown()["history"] if entry["body"].get("what") == "stepped"]
        self.assertEqual(steps, ["requested", "accepted", "checked", "armed", "live", "closing", "reported", "closed"])

    def test_a_drill_goes_live_and_is_closed_whenever_the_collector_is_killed(self):
        self.world.must(*self.create("sale", **{"from": str(self.today), "days": "2"}), "--drill")
        for verb in "request", "accept":
            self.world.must("event", verb, "sale")
        wait_for("its first round", self.rounds)
        self.killed()
        self.world.must("event", "start", "sale")
        wait_for("its round", lambda: ("live", 0) in self.rounds())
        incident = wait_for("people are told that a host never reported", lambda: self.world.incident_with("delivered"))
        self.killed()
        alert = self.world.must("incident", "show", incident["id"])["alerts"][0]
        self.assertEqual((alert["rule"], alert["value"], alert["threshold"]), ("patrol", None, None))
        self.world.must("event", "close", "sale")
        wait_for("its closing round", lambda: ("closing", 1) in self.rounds())
        self.killed()
        self.assertEqual((self.state(), self.left()), ("closed", 3))
        self.assertEqual(self.rounds(), [("preparing", 0), ("live", 0), ("closing", 1)])

    def test_a_host_samples_each_second_from_arming_until_it_is_cancelled(self):
        self.to_checked()
        self.override("rehearsal", "lint", "contacts")
        self.start_agent()
        wait_for("the host reports", lambda: self.world.must("hosts")["hosts"][0]["interval_s"] == 2)
        self.world.must("event", "arm", "sale")
        wait_for("the event is armed", lambda: self.state() == "armed")
        self.assertTrue(self.world.reports_each_second())
        self.world.must("event", "cancel", "sale")
        wait_for("calm again", lambda: self.world.must("hosts")["hosts"][0]["interval_s"] == 2)

    def test_a_change_that_falls_into_its_window_is_answered_before_it_is_armed(self):
        self.to_checked()
        self.override("rehearsal", "lint", "contacts")
        added = self.world.must("notice", "add", "--tenant", "acme", "--kind", "change", "--hosts", "web-*", "--from", f"{self.in_days(3)}T01:00:00Z",
                        "--to", f"{self.in_days(3)}T02:00:00Z", "--title", "Core switch", "--impact", "a minute without network")
        self.assertEqual(added["against"], ["sale"])
        self.assertIn("arm wants gates to pass that do not yet: notices", self.refused("event", "arm", "sale"))
        self.assertIn("Core switch", self.gate("notices")["evidence"])
        notice = self.world.must("notice", "list", "--tenant", "acme")["notices"][0]["id"]
        self.world.must("notice", "answer", str(notice), "--reason", "moved to the week after")
        self.world.must("event", "arm", "sale")
        self.assertEqual(self.gate("notices")["state"], "passed")

    def test_what_it_is_is_a_page_and_each_change_is_on_record(self):
        self.draft()
        self.assertEqual(self.world.must("patrol", "log", "sale")["patrol"]["interval_s"], 300)
        self.world.must("event", "set", "sale", "--patrol", "2m", "--notes", "Call the shop first.", "--tiers", "[{hosts: 'web-*', tier: supporting}]")
        _, page, _ = self.world.console("event", "show", "sale")
        for line in ("Event sale of acme: draft", "1 in scope of label role=web", "web-*: supporting", "Fail over: https://wiki.example/fail-over",
                     "web-*: egress 125 MB/s", "web-*: system.network.io.rate{direction=transmit} 3 times what it is",
                     "after 0s: war-room", "a round each 2m", "Call the shop first."):
            self.assertIn(line, page)
        changes = [entry["body"]["changed"] for entry in self.shown()["history"] if entry["kind"] == "document"]
        self.assertEqual(sorted(changes[-1]), ["notes", "patrol", "tiers"])
        self.assertEqual(self.world.must("patrol", "log", "sale")["patrol"]["interval_s"], 120)
        self.world.must("event", "set", "sale", "--notes", "", "--runbooks", "", "--contacts", "", "--escalation", "")
        document = self.shown()["document"]
        self.assertEqual([document[key] for key in ("notes", "runbooks", "contacts", "escalation")], [None, [], [], []])
        self.assertIn("want a duration from 1m to 1h", self.refused("event", "set", "sale", "--patrol", "61m", status=2))

    def test_many_long_changes_leave_the_page_whole_and_a_hand_over_possible(self):
        self.draft()
        for n in range(30):
            self.world.must("event", "set", "sale", "--notes", f"{n} " + "\n" * 8000)
        history = self.shown()["history"]
        self.assertEqual(len(history), 32)
        self.assertEqual(history[0]["body"]["what"], "created")
        said = self.world.must("patrol", "handover", "sale", "--note", "Notes were written.")["handover"]["happened"]
        self.assertEqual(said[-1]["said"]["changed"], ["notes"])
        self.assertEqual(self.shown()["history"][-1]["body"], {"note": "Notes were written."})

    # ---- what is refused

    def create(self, name, **more):
        options = {"--tenant": "acme", "--zone": "UTC", "--from": self.in_days(20), "--hosts": "web-*"}
        options |= {f"--{key}": value for key, value in more.items()}
        return ("event", "create", name, *(word for pair in options.items() for word in pair))

    def test_what_cannot_be_is_refused_with_the_field_and_what_would_be_right(self):
        self.assertIn("Mars/Olympus", self.refused(*self.create("x", zone="Mars/Olympus"), status=2))
        self.assertIn("whole number from 1", self.refused(*self.create("x", days="0"), status=2))
        self.assertIn("31", self.refused(*self.create("x", days="400"), status=2))
        self.assertIn("hosts", self.refused(*self.create("x", hosts="web-[*"), status=2))
        self.world.must(*self.create("past", **{"from": self.in_days(-2)}))
        self.assertIn("want a first_day that lies ahead", self.refused("event", "request", "past"))
        self.world.must(*self.create("nobody", hosts="mail-*"))
        self.assertIn("mail-*", self.refused("event", "request", "nobody"))
        self.world.must(*self.create("first", days="3"))
        self.world.must("event", "request", "first")
        self.world.must(*self.create("second", **{"from": self.in_days(22)}))
        self.assertIn("overlaps that of first", self.refused("event", "request", "second"))
        self.assertIn("first_day", self.refused("event", "set", "first", "--from", self.in_days(40)))
        self.assertIn("there is no gate lunch", self.refused("event", "override", "first", "lunch", "--reason", "x", status=2))

    def test_faults_of_a_document_are_told_by_their_lines(self):
        good = DOCUMENT.format(first_day=self.in_days(3))
        for wrong, line in ((good.replace("tier: core", "tier: golden"), 8), (good.replace("times: 3", "times: three"), 12),
                            (good.replace(self.in_days(3), "2027-02-30"), 3), (good.replace("zone: UTC", "zone: Mars"), 2)):
            file = self.document(wrong)
            self.assertIn(f"{file}:{line}:", self.refused("event", "create", "-f", file, "--tenant", "acme", status=2))
        error = self.refused("event", "create", "-f", self.document(good.replace("days: 1", "days: 0").replace("core", "big")),
                             "--tenant", "acme", status=2)
        self.assertIn("sale.yaml:4: ", error)
        self.assertIn("sale.yaml:8: ", error)
        self.assertEqual(self.world.must("event", "list")["events"], [])


if __name__ == "__main__":
    unittest.main()
