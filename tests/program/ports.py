"""Ports of 127.0.0.1 that are this process's until it ends, also while nothing listens there.

One that the kernel gave out is anybody's as soon as it is closed: of the tests that run beside each other one dials out and gets it. So
these lie where the kernel gives out none, and whoever has one holds a name for it; names belong to a network namespace as ports do, and go
with their holder."""
import pathlib
import random
import socket

USUAL = range(10000, 32768)
held = []


def given_out():
    """Those that the kernel chooses from for a socket without a port."""
    low, high = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    return range(int(low), int(high) + 1)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def hold(port):
    """False: somebody else's."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0warroom-test-port-{port}")
    except OSError:
        name.close()
        return False
    if not is_free(port):
        name.close()
        return False
    held.append(name)
    return True


def own_port(among=USUAL):
    """None: there is none among them."""
    given = given_out()
    fit = [port for port in among if port not in given] or list(among)
    return next(filter(hold, random.sample(fit, len(fit))), None)
