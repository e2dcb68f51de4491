"""The test plays the service manager: it hears READY when the collector can be reached, WATCHDOG while its loop turns, STOPPING when it
goes."""
import signal
import socket
import unittest

from world import BIN, DEADLINE_S, World

WATCHDOG_S = 9  # three times as long as two words of it are apart


class Manager:
    """NOTIFY_SOCKET, as a file or as an abstract name."""

    def __init__(self, world, abstract):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"{world.folder}/notify"
        self.socket.bind(f"\0{name}" if abstract else name)
        self.socket.settimeout(DEADLINE_S)
        self.environment = world.environment
        self.environment["NOTIFY_SOCKET"] = f"@{name}" if abstract else name
        self.environment["WATCHDOG_USEC"] = str(WATCHDOG_S * 1000000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        del self.environment["NOTIFY_SOCKET"], self.environment["WATCHDOG_USEC"]
        self.socket.close()

    def hear(self, patience=DEADLINE_S):
        self.socket.settimeout(patience)
        return self.socket.recv(100).decode("ascii")

    def hear_until(self, word):
        """What was said before it."""
        heard = []
        while (heard[-1:] or [""])[0] != word:
            heard.append(self.hear())
        return heard[:-1]

    def heard(self):
        """What waits to be heard."""
        words = []
        self.socket.setblocking(False)
        try:
            while True:
                words.append(self.socket.recv(100).decode("ascii"))
        except BlockingIOError:
            return words


class Notify(unittest.TestCase):
    def setUp(self):
        self.world = self.enterContext(World())
        self.world.configure(webhooks=[])

    def make_agent(self):
        """One that has joined, and whose collector is away."""
        self.world.start_collector()
        self.world.must("tenant", "add", "acme")
        self.world.configure_agent()
        self.world.join(self.world.invite("web-1", "--tenant", "acme"))
        self.world.kill("collector", signal.SIGTERM)

    def start(self, program):
        self.world.start(program, BIN / f"warroom-{program}", "--config", self.world.folder / f"{program}.yaml")

    def test_the_collector_is_ready_when_it_can_be_reached(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract), Manager(self.world, abstract) as manager:
                self.start("collector")
                self.assertLessEqual(set(manager.hear_until("READY=1")), {"WATCHDOG=1"})
                socket.create_connection(("127.0.0.1", self.world.port)).close()  # at once
                self.assertIn("version", self.world.must("status"))
                self.assertEqual(self.world.kill("collector", signal.SIGTERM), 0)
                manager.hear_until("STOPPING=1")

    def test_the_collectors_watchdog_is_fed_in_time(self):
        with Manager(self.world, False) as manager:
            self.start("collector")
            manager.hear_until("READY=1")
            for _ in range(3):
                self.assertEqual(manager.hear(WATCHDOG_S), "WATCHDOG=1")

    def test_a_collector_that_cannot_start_is_never_ready(self):
        with Manager(self.world, False) as manager, socket.socket() as taken:
            taken.bind(("127.0.0.1", self.world.port))
            taken.listen()
            self.start("collector")
            self.assertEqual(self.world.running.pop("collector").wait(DEADLINE_S), 1)
            self.assertNotIn("READY=1", manager.heard())

    def test_the_agent_is_ready_and_fed_and_says_when_it_goes(self):
        self.make_agent()
        with Manager(self.world, False) as manager:
            self.start("agent")
            self.assertLessEqual(set(manager.hear_until("READY=1")), {"WATCHDOG=1"})
            for _ in range(2):
                self.assertEqual(manager.hear(WATCHDOG_S), "WATCHDOG=1")
            self.assertEqual(self.world.kill("agent", signal.SIGTERM), 0)
            manager.hear_until("STOPPING=1")

    def test_an_address_that_is_none_keeps_them_from_starting(self):
        self.make_agent()
        self.world.environment["NOTIFY_SOCKET"] = "nonsense"
        try:
            for program in ("collector", "agent"):
                status, _, error = self.world.run(f"warroom-{program}", "--config", self.world.folder / f"{program}.yaml")
                self.assertEqual(status, 1)
                self.assertIn("NOTIFY_SOCKET", error)
        finally:
            del self.world.environment["NOTIFY_SOCKET"]


if __name__ == "__main__":
    unittest.main()
