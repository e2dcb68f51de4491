"""What a customer may ask for, through the console and back: contracts, packs, advice; kept over a kill, in the ledger."""
import datetime
import re
import signal
import unittest

from world import World, wait_for

ONE = datetime.timedelta(days=1)
PLAN = """title: {title}
rank: {rank}
versions:
  - {{from: 2020-01-01, assurance_days: {days}, assurance_lead: 10, advice_days: 2, advice_lead: 3}}
"""


class Entitlement(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.configure(webhooks=[])
        self.folder = self.world.folder
        self.year = datetime.datetime.now(datetime.timezone.utc).year
        self.shelve()
        self.world.start_collector()
        self.world.must("tenant", "add", "acme")
        self.first = f"{self.year}-01-01"

    def shelve(self):
        """Plans and a calendar of this test alone, in which every day is worked on: what is shipped holds for years that will pass."""
        for name in "plans", "calendars":
            (self.folder / name).mkdir()
        self.plan("small", rank=1, days=1)
        self.plan("large", rank=2, days=3)
        years = "".join(f"  - {{year: {self.year + n}, off: []}}\n" for n in range(3))
        (self.folder / "calendars/all.yaml").write_text(f"title: Every day\nweekend: []\nyears:\n{years}")
        file = self.folder / "collector.yaml"
        text = re.sub(r"(?m)^(plans|calendars): .*$", rf"\1: {self.folder}/\1", file.read_text())
        file.write_text(text)

    def plan(self, name, **values):
        (self.folder / f"plans/{name}.yaml").write_text(PLAN.format(title=name.title(), **values))

    def set(self, plan="large", years="3", **more):
        options = {"plan": plan, "from": self.first, "years": years, "zone": "UTC", "calendar": "all"} | more
        return ("tenant", "set", "acme", *(word for key, value in options.items() for word in (f"--{key}", value)))

    def refused(self, *args, status=1):
        """What a verb that is refused says."""
        found, out, error = self.world.console(*args)
        self.assertEqual((found, out), (status, ""), error)
        return error

    def left(self, kind="assurance"):
        return self.world.must("entitlement", "show", "acme")["contracts"][0]["balance"][0][kind]["left"]

    def later(self, days):
        return str(datetime.datetime.now(datetime.timezone.utc).date() + days * ONE)

    def test_plans_are_those_of_the_folder_and_follow_it(self):
        self.assertEqual([plan["name"] for plan in self.world.must("plan", "list")["plans"]], ["large", "small"])
        self.world.must(*self.set())
        self.assertEqual(self.left(), 3)
        self.plan("large", rank=2, days=5)
        self.world.running["collector"].send_signal(signal.SIGHUP)
        wait_for("the plan is taken", lambda: self.left() == 5)
        self.assertIn("5 of 5 left", self.world.console("tenant", "show", "acme")[1])

    def test_what_is_agreed_outlives_a_kill(self):
        self.world.must(*self.set())
        self.world.must("entitlement", "buy", "acme", "--days", "2", "--from", self.first, "--to", f"{self.year + 2}-12-31")
        self.world.must("entitlement", "advise", "acme", "--from", self.later(30), "--days", "2")
        before = self.world.must("entitlement", "show", "acme")
        self.world.kill("collector")
        self.world.start_collector()
        self.assertEqual(self.world.must("entitlement", "show", "acme"), before)
        self.assertEqual([pack["left"] for pack in before["packs"]], [2])
        told = self.world.must("ledger", "list", "--tenant", "acme", "--oldest")["entries"]
        self.assertEqual([entry["body"]["what"] for entry in told if entry["kind"] in ("contract", "draw")],
                         ["set", "bought", "taken", "locked"])

    def test_advice_too_soon_hears_the_earliest_day(self):
        self.world.must(*self.set())
        said = self.refused("entitlement", "advise", "acme", "--from", self.later(1))
        earliest = datetime.date.fromisoformat(re.search(r"the earliest day is (\S+)", said)[1])
        self.assertEqual(self.world.must("tenant", "show", "acme")["contracts"][0]["locked"], None)
        draws = self.world.must("entitlement", "advise", "acme", "--from", str(earliest + ONE))["draws"]
        self.assertEqual([(draw["kind"], draw["days"], draw["state"]) for draw in draws], [("advice", 1, "taken")])
        self.assertIsNotNone(self.world.must("tenant", "show", "acme")["contracts"][0]["locked"])
        back = self.world.must("entitlement", "cancel", draws[0]["id"], "--tenant", "acme")["draws"]
        self.assertEqual([draw["state"] for draw in back], ["returned"])
        self.assertIn("cancelled already", self.refused("entitlement", "cancel", draws[0]["id"], "--tenant", "acme"))

    def test_a_locked_contract_is_not_made_less(self):
        self.world.must(*self.set())
        self.world.must(*self.set(plan="small"))  # nothing was requested yet
        self.world.must(*self.set())
        advice = self.world.must("entitlement", "advise", "acme", "--from", self.later(30))["draws"][0]
        self.world.must("entitlement", "cancel", advice["id"], "--tenant", "acme")
        for args, says in ((self.set(plan="small"), "downgraded"), (self.set(plan="none"), "cancelled"),
                           (self.set(years="1"), "shortened"), (self.set(zone="Asia/Shanghai"), "moved")):
            said = self.refused(*args)
            self.assertIn(f"cannot be {says}", said)
            self.assertIn(f"to the end of {self.year + 2}-12-31", said)
        self.world.must(*self.set(years="4"))

    def test_what_makes_no_sense_is_refused(self):
        for more, status, says in (({"plan": "gold"}, 1, "there is no plan gold"),
                                   ({"zone": "Mars/Olympus"}, 2, "Mars/Olympus"),
                                   ({"calendar": "none"}, 1, "there are: all"),
                                   ({"years": "11"}, 2, "want 1..10"),
                                   ({"from": "2019-12-31"}, 1, "plan large holds from 2020-01-01 on")):
            self.assertIn(says, self.refused(*self.set(**more), status=status))
        self.assertIn("no contract", self.refused("entitlement", "buy", "acme", "--days", "2", "--from", self.first, "--to",
                                                  self.first))
        self.world.must(*self.set())
        self.assertIn("overlap", self.refused(*self.set(**{"from": f"{self.year}-06-01"})))
        self.assertIn("before it begins", self.refused("entitlement", "buy", "acme", "--days", "2", "--from", "2020-02-02",
                                                       "--to", "2020-02-01", status=2))
        self.assertIn("no tenant", self.refused("tenant", "show", "globex"))


if __name__ == "__main__":
    unittest.main()
