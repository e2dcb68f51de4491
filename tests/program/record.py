#!/usr/bin/env python3
"""Records what this version's agent and collector say to each other, into tests/recorded: see scripts/record-peer.sh.

A collector of ours stands between the two: the agent joins it and takes it for its own, the collector takes it for the agent. Clear
to it is what they say; what goes over the wire is sealed by the keys that it draws for the recording.
"""
import os
import shutil
import signal
import subprocess
import threading

import downlink
import recording
import uplink
from world import BIN, ROOT, World, wait_for

PLAIN = ROOT / "agent/read/fixtures/plain"


class Between:
    """Passes on what is said either way and keeps it, unless it is deaf."""

    def __init__(self, port, line):
        self.port = port
        self.identity = uplink.Identity(uplink.Invitation(line).collector)
        self.said, self.lock, self.deaf = [], threading.Lock(), False

    def begin(self, stack):
        return lambda request, peer=stack.enter_context(uplink.Peer(self.port, self.identity)).open(): self.pass_on(peer, request)

    def pass_on(self, peer, request):
        with self.lock:
            answer = None if self.deaf else peer.say(request)
            if answer is not None:
                self.said += [(recording.TO_COLLECTOR, request), (recording.TO_AGENT, answer)]
                self.deaf = self.last_answer()[0] == "refused"  # that ends it, however often it is asked
        return answer

    def reports(self):
        """What the reports so far carried, field by field."""
        return [uplink.fields(uplink.fields(request)[2]) for way, request in list(self.said)
                if way == recording.TO_COLLECTOR and not uplink.is_hello(request)]

    def last_answer(self):
        return uplink.outcome(self.said[-1][1])


def agent(world, *args):
    """Its command, on a host whose name is not this one's."""
    return "unshare", "--uts", "sh", "-c", 'hostname web-1 && exec "$@"', "sh", BIN / "warroom-agent", "--config", \
        world.folder / "agent.yaml", *args


def without_kernel(message):
    """This host's kernel is no part of it."""
    release = os.uname().release.encode()
    return message.replace(release, b"6.1.0".ljust(len(release), b"0")[:len(release)])


def converse(world, between, line):
    """A host joins, reports, goes on while nobody hears it, is restarted and brings what it has, and is revoked."""
    subprocess.run(agent(world, "join", "-"), input=line, text=True, check=True, stdout=subprocess.DEVNULL)
    world.start("agent", *agent(world))
    wait_for("it reports", lambda: len(between.reports()) >= 4)
    between.deaf = True
    world.wait_for_ticks(3)
    world.kill("agent", signal.SIGTERM)
    between.deaf = False
    world.start("agent", *agent(world))
    wait_for("it brings what it has kept", lambda: any(report.get(8) for report in between.reports()))
    count = len(between.reports())
    wait_for("it goes on", lambda: len(between.reports()) >= count + 2)
    world.must("host", "revoke", "web-1")
    wait_for("it is refused", lambda: between.last_answer()[0] == "refused")


def main():
    with World() as world:
        world.configure(webhooks=[])
        world.start_collector()
        world.must("tenant", "add", "acme")
        world.start_event()
        line = world.invite("web-1", "--tenant", "acme")
        between = Between(world.port, line)
        with downlink.Collector(between.begin) as collector:
            world.configure_agent(f"sysfs: {PLAIN}/sys\nrootfs: {PLAIN}/rootfs\nprobes:\n"
                                  f"  - {{name: nearby, address: '{collector.address}', every: 2s, count: 1, timeout: 500ms}}\n")
            converse(world, between, uplink.invitation([collector.address], collector.key.public, uplink.Invitation(line).token))
            said = between.said
    version = recording.minor(recording.this_version())
    recording.Recording.of([(way, without_kernel(message)) for way, message in said]).save(version)
    folder = recording.RECORDED / version
    told = subprocess.run([BIN.parent / "tests/recorded-tell", folder / "plain"], capture_output=True, check=True).stdout
    (folder / "told").write_bytes(told)
    for old in set(recording.RECORDED.glob("[0-9]*")) - {recording.RECORDED / kept for kept in recording.promised()}:
        shutil.rmtree(old)


if __name__ == "__main__":
    main()
