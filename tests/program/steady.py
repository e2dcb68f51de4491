"""An honest agent's end of the uplink that sends a tick fifty times a second at most, and knows how long it waited for each answer.

The first line of standard input is its invitation. For each further line it sends one tick more, and says how many were stored since
the line before and the longest that one of them took, in seconds. It has one connection; when that ends, or an answer is not the
one that is due, it ends too.
"""
import os
import select
import sys
import time

import uplink

INTERVAL_S = 0.02


class Steady:
    def __init__(self, peer):
        self.peer = peer
        self.number = 0
        self.forget()

    def forget(self):
        self.stored, self.longest_s = 0, 0.0

    def send(self):
        self.number += 1
        tick = uplink.batch(self.peer.run, self.number, start_us=time.monotonic_ns() // 1000)
        asked = time.monotonic()
        answer = self.peer.ask_sealed(uplink.report(tick, self.number, uplink.table() if self.number == 1 else None))
        self.longest_s = max(self.longest_s, time.monotonic() - asked)
        if answer != ("stored", 1, self.number):
            sys.exit(f"steady: tick {self.number} was answered {answer}")
        self.stored += 1


def main():
    line = sys.stdin.readline()
    identity = uplink.join(line)
    port = int(uplink.Invitation(line).addresses[0].rsplit(":", 1)[1])
    with uplink.Peer(port, identity) as peer:
        steady = Steady(peer.greet())
        steady.send()
        print("ready", flush=True)
        while True:
            asked = select.select([0], [], [], INTERVAL_S)[0]
            if asked and not os.read(0, 64):
                return
            steady.send()
            if asked:
                print(steady.stored, steady.longest_s, flush=True)
                steady.forget()


if __name__ == "__main__":
    main()
