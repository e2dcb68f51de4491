"""Maintenance silences through the console: expected alerts wake nobody while one is in force, and what still fires when it
is over is paged. (What a planned change does to arming: test_event.py.)"""
import unittest

from world import World, wait_for


class Silence(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.begin()

    def alerts(self):
        return self.world.must("status")["alerts"]

    def silence(self, *args):
        return self.world.must("silence", "add", "--hosts", "web-*", "--reason", "kernel update", *args)["silence"]

    def told(self):
        return [(entry["body"]["what"], entry["by"]) for entry in
                self.world.must("ledger", "list", "--kind", "silence", "--oldest")["entries"]]

    def fire_silenced(self):
        self.world.host.use_memory(0.97)
        wait_for("the alert fires and is silenced", lambda: (self.alerts()["firing"], self.alerts()["silenced"]) == (1, 1))
        self.assertEqual((self.world.incidents(), self.world.pages()), ([], []))

    def paged(self):
        """The incident that was raised behind the silence, once its page is delivered."""
        incident = wait_for("the page is delivered", lambda: self.world.incident_with("delivered"))
        self.assertEqual([page["page"]["commonLabels"]["incident"] for page in self.world.pages()], [str(incident["id"])])
        self.assertLess(incident["crossed"], incident["silenced"])
        return incident

    def test_a_silenced_alert_pages_nobody_until_the_silence_is_ended(self):
        silence = self.silence("--for", "2h")
        self.assertEqual(self.world.must("silence", "list")["silences"], [silence])
        self.fire_silenced()
        self.world.kill("collector")
        self.world.start_collector()
        self.assertEqual(self.world.must("silence", "list")["silences"], [silence])
        wait_for("it fires, and is silenced yet", lambda: self.alerts()["silenced"] == 1)
        self.assertEqual((self.world.incidents(), self.world.pages()), ([], []))
        ended = self.world.must("silence", "end", silence["id"])["silence"]
        self.assertEqual(self.paged()["silenced"], ended["ended"])
        self.assertEqual(self.world.must("silence", "list")["silences"], [])
        self.assertEqual(self.told(), [("added", silence["owner"]), ("ended", silence["owner"])])

    def test_a_silence_that_is_over_by_the_clock_lets_what_still_fires_page(self):
        silence = self.silence("--for", "15s", "--rule", "memory-*")
        self.fire_silenced()
        self.paged()
        self.assertEqual(self.told(), [("added", silence["owner"]), ("expired", "clock")])

    def test_an_open_incident_says_that_its_alert_is_silenced_now(self):
        self.world.host.use_memory(0.97)
        incident = wait_for("the page is delivered", lambda: self.world.incident_with("delivered"))
        self.silence("--for", "2h", "--rule", "memory-full")
        alert = self.world.must("incident", "show", incident["id"])["alerts"][0]
        self.assertEqual((alert["state"], alert["silenced"], alert["muted"]), ("firing", True, False))
        _, page, _ = self.world.console("incident", "show", incident["id"])
        self.assertIn("firing, silenced", page)

    def test_what_cannot_be_is_refused_in_words(self):
        for args, why in ((("--hosts", "mail-*", "--for", "1h"), "no host of this tenant"),
                          (("--hosts", "web-*", "--for", "8d"), "7 days at most")):
            status, out, error = self.world.console("silence", "add", *args, "--reason", "kernel update")
            self.assertNotEqual(status, 0)
            self.assertEqual(out, "")
            self.assertIn(why, error)
        self.assertIn("there is no silence 7", self.world.console("silence", "end", 7)[2])


if __name__ == "__main__":
    unittest.main()
