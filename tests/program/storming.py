"""A storm: hundreds of hosts in many groups that cross a threshold at once, a robot that takes 20 messages a minute and counts
them itself, a mail relay that is down, and what the record says of it afterwards."""
import datetime
import re
import socket
import subprocess

from world import BIN, Failed, World, wait_for

BUDGET_S = 600
PER_MINUTE = 20

PEOPLE = """channels:
  - {{name: mail, kind: smtp, url: 'smtp://127.0.0.1:{relay}', tls: none, from: war-room@example.com}}
  - {{name: robot, kind: wecom, url: 'http://127.0.0.1:{robot}/cgi-bin/webhook/send?key=secret'}}
contacts:
  - {{name: alice, ways: [{{channel: mail, address: alice@example.com}}, {{channel: robot, address: alice}}]}}
  - {{name: bob, ways: [{{channel: robot, address: bob}}, {{channel: mail, address: bob@example.com}}]}}
  - {{name: room, hears: true, ways: [{{channel: robot}}]}}
escalations:
  - {{name: default, steps: [{{after: 0s, contacts: [alice, bob]}}]}}
"""


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def most_in_a_minute(times):
    """Of instants in their order: how many lie within 60 s at most."""
    return max((sum(1 for other in times if at <= other < at + 60) for at in times), default=0)


class Storm(World):
    def __init__(self, hosts=500, groups=50):
        super().__init__()
        self.hosts, self.groups = hosts, groups
        self.driver = None
        self.relay = socket.socket()  # its port is taken, and nobody listens: the relay is down
        self.relay.bind(("127.0.0.1", 0))

    def __exit__(self, *ended):
        if self.driver:
            self.driver.kill()
            self.driver.communicate()
        self.relay.close()
        super().__exit__(*ended)

    def begin(self, *, calm="1s", **config):
        """A live event over all of them, and two people and a room that hear of it."""
        self.start_receiver(f"wecom:{PER_MINUTE}", name="robot")
        self.configure(webhooks=[], calm=calm, **config)
        self.people(PEOPLE.format(relay=self.relay.getsockname()[1], robot=self.receiver_ports["robot"]))
        self.start_collector()
        self.must("tenant", "add", "acme")
        self.start_hosts()
        self.wait_for_stored_ticks(3 * self.hosts)
        self.start_event()
        wait_for("the event's first round", lambda: self.must("patrol", "log", "sale")["rounds"])

    def start_hosts(self):
        file = self.folder / "invitations"
        uses = -(-self.hosts // self.groups)
        file.write_text("".join(self.invite("--group", f"shelf-{n:02}", "--tenant", "acme", "--uses", uses) + "\n"
                                for n in range(self.groups)))
        self.driver = subprocess.Popen(
            [BIN.parent / "tests/warroom-storm", "--connect", f"127.0.0.1:{self.port}", "--invitations", file, "--hosts", str(self.hosts)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.driver.stdout.readline() != "joined\n":
            raise Failed("not all hosts have joined; see above")

    def order(self, what):
        """To all hosts: `cross`, `recover`."""
        self.driver.stdin.write(what + "\n")
        self.driver.stdin.flush()

    # ---- what came of it

    def incidents(self):
        """Those of its hosts: patrol's first round may find that a host has not been there for long."""
        found = self.must("incident", "list", "--all")["incidents"]
        return [one for one in found if one["group"].startswith("shelf-")]

    def messages(self):
        """What the robot was sent, as it counted: its code, when, what it said."""
        return [(line["answer"], line["at"], line["page"]["text"]["content"]) for line in self.pages("robot")]

    def named(self):
        """The incidents that a message taken by the robot names."""
        found = set()
        for code, _, text in self.messages():
            if code == 0:
                found |= {int(number) for number in re.findall(r"^- #(\d+) ", text, re.M) + re.findall(r"incident (\d+)$", text, re.M)}
        return found

    def is_told(self):
        """Each incident there is to be, to somebody."""
        found = self.incidents()
        return len(found) >= self.groups and all(one["delivered"] for one in found)

    def shown(self):
        """Each incident as `incident show` has it."""
        return [self.must("incident", "show", one["id"]) for one in self.incidents()]

    def attempts(self, most=1000):
        """The ledger's entries of pages, the oldest first."""
        return self.must("ledger", "list", "--tenant", "acme", "--kind", "page", "--oldest", "--entries", most)["entries"]
