"""One message by one way, in a process of its own; and certificates for the other end."""
import json
import os
import subprocess

WAY = os.environ["WAY"]
DEADLINE_S = 60
KEY = "12-trigger-1-6443b1d2a5c40-0-alice"


class Refused(Exception):
    """It was not even tried."""


def send(kind, url, tls="starttls", ca="", timeout_ms=10_000, key=KEY, copy=False, **more):
    ran = subprocess.run([WAY, kind, url, tls, str(ca), str(timeout_ms), key, "1" if copy else "0",
                          *(f"{name}={value}" for name, value in more.items() if value)],
                         capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    if ran.returncode == 1 and not ran.stdout:
        raise Refused(ran.stderr)
    if ran.returncode != 0:
        raise AssertionError(f"way ended with {ran.returncode}: {ran.stderr}")
    return json.loads(ran.stdout)


def certify(folder, name):
    """A certificate that vouches for itself; (certificate, key)."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", paths[1], "-out", paths[0]],
                   check=True, capture_output=True, timeout=DEADLINE_S)
    return paths
