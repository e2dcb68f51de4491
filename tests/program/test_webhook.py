"""Receivers that misbehave: the page gets there in the end, as one page, and nobody else waits for it."""
import signal
import unittest

from world import World, wait_for

# name: what it answers to one try after another; the last for all that follow
CHANNELS = {
    "works": "200",
    "refuses": "503,503,200",
    "later": "429:2,200",
    "hangs": "hang,200",
    "closes": "close,200",
    "garbage": "garbage,200",
    "redirects": "redirect:{decoy},200",
    "missing": "404,200",
    "hung": "hang",
}
PERMANENT_S = 150  # behind a refusal that only a person can mend, the next try is a minute later
TRANSIENT_S = 90


class Misbehaving(unittest.TestCase):
    """One incident, paged to all of them at once."""

    @classmethod
    def setUpClass(cls):
        cls.world = world = cls.enterClassContext(World())
        world.start_receiver(name="decoy")
        for name, answers in CHANNELS.items():
            world.start_receiver(answers.format(decoy=world.receiver_ports["decoy"]), name=name)
        world.begin(webhooks=[(name, world.url(name)) for name in CHANNELS] + [("dead", "http://127.0.0.1:1/page")])
        world.host.use_memory(0.97)
        cls.incident = wait_for("somebody was told", lambda: world.incident_with("delivered"))

    def page_to(self, name):
        pages = self.world.must("incident", "show", self.incident["id"])["pages"]
        return next(page for page in pages if page["contact"] == name and page["kind"] == "trigger")

    def delivered(self, name, seconds):
        return wait_for(f"{name} takes the page",
                        lambda: self.page_to(name)["state"] == "delivered" and self.page_to(name), seconds)

    def assert_one_page_in(self, name, tries, seconds=TRANSIENT_S):
        """Told to the receiver `tries` times as one page; on record as that."""
        page = self.delivered(name, seconds)
        received = self.world.pages(name)
        self.assertEqual(len(received), tries)
        self.assertEqual({one["key"] for one in received}, {page["key"]})
        self.assertEqual(page["attempts"], tries)
        self.assertEqual(page["status"], 200)
        for one in received:
            self.assertEqual(one["page"]["commonAnnotations"]["idempotency_key"], page["key"])
            self.assertEqual(one["page"]["receiver"], name)
            self.assertEqual(one["path"], "/page")
        self.assertIn(f"event=page_delivered page={page['id']} pages=1 contact={name} status=200", self.world.log("collector"))
        return page

    def refusals(self, name):
        return [line for line in self.world.log("collector").splitlines()
                if "event=page_refused" in line and f" contact={name} " in line]

    def test_the_one_that_works_is_told_at_once(self):
        page = self.assert_one_page_in("works", 1)
        self.assertEqual(page["delivered"], self.incident["delivered"])
        self.assertEqual(self.refusals("works"), [])

    def test_one_that_refuses_is_tried_again(self):
        self.assert_one_page_in("refuses", 3)
        self.assertEqual(len(self.refusals("refuses")), 2)
        self.assertIn("status=503", self.refusals("refuses")[0])

    def test_one_that_asks_for_patience_gets_it(self):
        self.assert_one_page_in("later", 2)
        first, second = self.world.pages("later")
        self.assertGreaterEqual(second["at"], first["at"] + 2)  # what it asked for: nothing of ours is measured here

    def test_one_that_hangs_is_given_up_and_tried_again(self):
        self.assert_one_page_in("hangs", 2)
        self.assertEqual(len(self.refusals("hangs")), 1)

    def test_one_that_hangs_up_is_tried_again(self):
        self.assert_one_page_in("closes", 2)

    def test_one_that_answers_nonsense_is_tried_again(self):
        self.assert_one_page_in("garbage", 2)

    def test_a_redirect_is_never_followed_and_tried_again(self):
        self.assert_one_page_in("redirects", 2, PERMANENT_S)
        self.assertIn("status=307", self.refusals("redirects")[0])
        self.assertEqual(self.world.pages("decoy"), [])

    def test_one_that_is_not_there_yet_is_tried_again(self):
        self.assert_one_page_in("missing", 2, PERMANENT_S)
        self.assertIn("status=404", self.refusals("missing")[0])

    def test_a_dead_one_keeps_its_page_and_its_reason(self):
        page = wait_for("it was tried twice", lambda: self.page_to("dead")["attempts"] >= 2 and self.page_to("dead"))
        self.assertEqual(page["state"], "queued")
        self.assertIsNone(page["delivered"])
        self.assertIn("Connection refused", page["error"])
        self.assertIsNotNone(page["next"])

    def test_meanwhile_ticks_are_stored_and_the_console_is_answered(self):
        world = self.world
        tries = wait_for("one more hangs", lambda: len(world.pages("hung")))
        while len(world.pages("hung")) == tries:  # while it does
            seen = world.must("status")["store"]["ticks"]
            wait_for("a tick is stored", lambda seen=seen: world.must("status")["store"]["ticks"] > seen)
        self.assertGreater(len(world.pages("hung")), tries)


class OneTenants(unittest.TestCase):
    def test_a_webhook_of_a_tenant_hears_only_of_it(self):
        with World() as world:
            world.begin()
            world.start_receiver(name="acme")
            world.start_receiver(name="globex")
            world.configure(webhooks=[("acme-ops", world.url("acme"), "acme"),
                                      ("globex-ops", world.url("globex"), "globex"), ("war-room", world.url())])
            world.signal("collector", signal.SIGHUP)
            wait_for("the webhooks are taken", lambda: "event=reloaded" in world.log("collector"))
            self.assertIn("event=contact_waits_for_tenant contact=globex-ops tenant=globex", world.log("collector"))
            world.must("tenant", "add", "globex")
            world.host.use_memory(0.97)
            incident = wait_for("the page is delivered", lambda: world.incident_with("delivered"))
            wait_for("both are told", lambda: world.pages() and world.pages("acme"))
            contacts = {page["contact"] for page in world.must("incident", "show", incident["id"])["pages"]}
            self.assertEqual(contacts, {"acme-ops", "war-room"})
            world.must("incident", "resolve", incident["id"])
            wait_for("both are told of its end", lambda: len(world.pages()) == 2 and len(world.pages("acme")) == 2)
            self.assertEqual(world.pages("globex"), [])


if __name__ == "__main__":
    unittest.main()
