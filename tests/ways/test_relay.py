"""Mail against Debian's own server: exim, unpacked and run here for these tests alone (scripts/install-deps.sh test)."""
import email
import email.policy
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

from ports import own_port
from way import DEADLINE_S, KEY, Refused, certify, send
from world import wait_for

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "build/tools"
EXIM_ID = 65500  # exim looks its user up by name; nobody else needs it
CONFIG = """
primary_hostname = relay.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
daemon_startup_retries = 0
local_interfaces = <; 127.0.0.1.{starttls} ; 127.0.0.1.{implicit} ; 127.0.0.1.{plain}
tls_on_connect_ports = {implicit}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{plain}}}{{}}{{*}}}}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
tls_certificate = {certificate}
tls_privatekey = {key}
deliver_drop_privilege = true
keep_environment =
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  defer local_parts = later
  deny local_parts = nobody
  accept authenticated = *
  accept condition = ${{if eq{{$received_port}}{{{plain}}}}}
  deny
data:
  deny condition = ${{if match{{$recipients}}{{spam}}}}
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{warroom}}}}{{eq{{$auth3}}{{SECRET}}}}}}}}
  server_set_id = $auth2
begin routers
all:
  driver = accept
  transport = files
begin transports
files:
  driver = appendfile
  file = {folder}/mail/all
  message_prefix = "=== mail\\n"
"""


def own_mounts():
    """What runs a program with mounts of its own. Within a changed root there may be no mount at `/` to cut off from the others'."""
    points = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return ["unshare", "-m"] if "/" in points else ["unshare", "-m", "--propagation", "unchanged"]


class Relay:
    """exim with a certificate for `name`, in a mount namespace where its user exists."""

    def __init__(self, folder, name):
        self.folder = folder
        self.certificate, key = certify(folder, name)
        self.ports = {way: own_port() for way in ("starttls", "implicit", "plain")}
        for one in ("spool", "log", "mail"):
            (folder / one).mkdir()
        for one in ("passwd", "group"):
            line = f"Debian-exim:x:{EXIM_ID}:" + (f"{EXIM_ID}::/nonexistent:/bin/false\n" if one == "passwd" else "\n")
            (folder / one).write_text(pathlib.Path("/etc", one).read_text(encoding="utf-8") + line, encoding="utf-8")
        (folder / "exim.conf").write_text(CONFIG.format(folder=folder, certificate=self.certificate, key=key, **self.ports),
                                          encoding="utf-8")
        for path in (folder, folder / "spool", folder / "log", folder / "mail", self.certificate, key):
            os.chown(path, EXIM_ID, EXIM_ID)
        folder.chmod(0o755)
        (folder / "exim.conf").chmod(0o644)
        script = ('mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && '
                  'exec "$2/usr/sbin/exim4" -C "$1/exim.conf" -bdf -odi')
        libraries = {**os.environ, "LD_LIBRARY_PATH": str(next((TOOLS / "libidn12/usr/lib").iterdir()))}
        self.out = open(folder / "out", "wb")
        self.program = subprocess.Popen([*own_mounts(), "sh", "-c", script, "sh", str(folder), str(TOOLS / "exim4-daemon-light")], env=libraries,
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)
        wait_for("exim listens", self.listens)

    def listens(self):
        if self.program.poll() is not None:
            raise AssertionError(f"exim has ended: {(self.folder / 'out').read_text()}{self.log('panic')}")
        try:
            for port in self.ports.values():
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.program.terminate()
        self.program.wait(DEADLINE_S)
        self.out.close()

    def log(self, which="main"):
        path = self.folder / f"log/{which}log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def mails(self, n):
        """All that arrived, once there are n."""
        wait_for(f"{n} mails", lambda: self.log().count(" Completed") >= n)
        raw = (self.folder / "mail/all").read_bytes().split(b"=== mail\n")[1:]
        return [email.message_from_bytes(one, policy=email.policy.default) for one in raw]


class Beside(unittest.TestCase):
    """A test with a relay of its own, whose certificate is for `name`."""
    name = "localhost"

    def setUp(self):
        self.relay = Relay(pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())), self.name)
        self.addCleanup(self.relay.stop)

    def send(self, way="starttls", address="alice@example.com", **more):
        scheme = "smtps" if way == "implicit" else "smtp"
        given = {"ca": self.relay.certificate, "user": "warroom", "password": "SECRET", **more}
        url = f"{scheme}://localhost:{self.relay.ports[way]}"
        outcome = send("smtp", url, address=address, **{"from": "warroom@example.com"}, **given)
        self.assertNotIn("SECRET", outcome["error"])
        self.assertEqual(outcome["delivered"], outcome["error"] == "")
        return outcome

    def assert_nothing_arrived(self):
        self.assertNotIn("<=", self.relay.log())


class Mail(Beside):
    def test_a_page_arrives_over_starttls_and_login_and_reads_as_it_was_meant(self):
        self.assertEqual(self.send(zh="1"), {"delivered": True, "permanent": False, "status": 250, "retry_after_us": 0, "error": ""})
        mail, = self.relay.mails(1)
        self.assertIn("P=esmtpsa", self.relay.log())
        self.assertEqual(mail["Subject"], "[严重] CPU utilisation above 90 % on web-1")
        self.assertEqual(mail["To"], "alice@example.com")
        self.assertEqual(mail["From"], "Warroom <warroom@example.com>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertEqual(mail["References"], "<warroom.incident.12@example.com>")
        self.assertEqual(mail.get_content_type(), "text/plain")
        self.assertTrue(mail.get_content().replace("\r", "").endswith("响应命令：warroom incident ack 12\n"))
        self.assertEqual(mail.defects, [])
        self.assertNotIn("SMTP connection lost", self.relay.log())

    def test_tls_from_the_first_byte_on(self):
        self.assertTrue(self.send("implicit")["delivered"])
        self.relay.mails(1)
        self.assertIn("P=esmtpsa", self.relay.log())

    def test_a_relay_without_starttls_is_told_nothing_unless_the_configuration_says_so(self):
        outcome = self.send("plain")
        self.assertIn("STARTTLS", outcome["error"])
        self.assert_nothing_arrived()
        self.assertTrue(self.send("plain", tls="none", user=None, password=None)["delivered"])
        self.relay.mails(1)
        self.assertIn("P=esmtp ", self.relay.log())

    def test_a_password_never_goes_out_in_the_clear(self):
        with self.assertRaises(Refused):
            self.send("plain", tls="none")

    def test_a_certificate_nobody_vouches_for_is_not_talked_to(self):
        self.assertFalse(self.send(ca="")["delivered"])
        self.assert_nothing_arrived()

    def test_a_wrong_password_is_said_and_tried_once_a_minute(self):
        outcome = self.send(password="wrong")
        self.assertEqual((outcome["status"], outcome["permanent"]), (535, True))
        self.assert_nothing_arrived()

    def test_refusals_are_for_now_or_for_good(self):
        for who, status, permanent in (("later", 451, False), ("nobody", 550, True), ("spam", 550, True)):
            outcome = self.send(address=f"{who}@example.com")
            self.assertEqual((outcome["delivered"], outcome["status"], outcome["permanent"]), (False, status, permanent))
        self.assert_nothing_arrived()

    def test_after_a_restart_it_is_the_same_mail_and_says_that_it_may_be_a_copy(self):
        for copy in (False, True):
            self.assertTrue(self.send(copy=copy)["delivered"])
        self.assertTrue(self.send(key=KEY + "-other")["delivered"])
        first, second, other = self.relay.mails(3)
        self.assertEqual(first["Message-Id"], second["Message-Id"])
        self.assertNotEqual(first["Message-Id"], other["Message-Id"])
        self.assertEqual(first["References"], other["References"])
        self.assertIn("You may have had this message before.", second.get_content())


class Probe(Beside):
    def test_a_relay_that_lets_us_in_is_there_and_gets_no_mail(self):
        for way in ("starttls", "implicit"):
            self.assertEqual(self.send(way, probe="1")["status"], 250)
        self.assertTrue(self.send("plain", tls="none", user=None, password=None, probe="1")["delivered"])
        self.assert_nothing_arrived()
        self.assertNotIn("SMTP connection lost", self.relay.log())

    def test_one_that_does_not_or_that_is_none_of_ours_is_not(self):
        self.assertEqual(self.send(password="wrong", probe="1")["status"], 535)
        self.assertIn("STARTTLS", self.send("plain", probe="1")["error"])
        self.assertFalse(self.send(ca="", probe="1")["delivered"])
        self.relay.stop()
        self.assertFalse(self.send(probe="1")["delivered"])


class Impostor(Beside):
    """A certificate that is trusted, of another name."""
    name = "elsewhere.example.com"

    def test_it_is_not_talked_to(self):
        for way in ("starttls", "implicit"):
            self.assertFalse(self.send(way)["delivered"])
            self.assertFalse(self.send(way, probe="1")["delivered"])
        self.assert_nothing_arrived()


if __name__ == "__main__":
    unittest.main()
