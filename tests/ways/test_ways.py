"""The battery: every kind of channel that speaks HTTP meets the same misbehaving servers, and takes nothing for a page that is none."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import socket
import ssl
import struct
import tempfile
import threading
import unittest
import urllib.parse

from way import KEY, Refused, certify, send

SECRET = "SECtest"
# kind: (what its service says when it has taken one, what when it has not, what when it comes too often)
KINDS = {
    "webhook": (b"", None, None),  # any 2xx is taken: the body is not looked at
    "wecom": (b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":93000,"errmsg":"invalid KEY"}', b'{"errcode":45009}'),
    "dingtalk": (b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":310000,"errmsg":"sign not match KEY"}', b'{"errcode":130101}'),
    "feishu": (b'{"StatusCode":0,"code":0,"msg":"success"}', b'{"code":19021,"msg":"sign match fail KEY"}', b'{"code":11232}'),
}
SIGNED = ("dingtalk", "feishu")


class Server(http.server.ThreadingHTTPServer):
    """Answers in the way that is asked of it, one after another, the last for all that follow."""
    daemon_threads = True

    def __init__(self, *moods, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.moods, self.requests, self.released = list(moods), [], threading.Event()
        self.scheme, self.name = "http", "127.0.0.1"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme, self.name = "https", "localhost"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://{self.name}:{self.server_port}/hook?key=KEY"

    def handle_error(self, request, client_address):
        pass  # a client that gave up, or did not like the certificate

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.released.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.requests.append((self.path, dict(self.headers), json.loads(body)))
        mood = server.moods.pop(0) if len(server.moods) > 1 else server.moods[0]
        if callable(mood):
            mood(self)
        else:
            self.answer(*mood)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def hang(handler):
    handler.server.released.wait()
    handler.close_connection = True


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def halfway(handler):
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"errcode":0,"code":0}')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def by_bytes(status, body):
    """Slow, but whole: a byte a packet."""
    def mood(handler):
        handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body):
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
    return mood


def for_each_kind(test):
    def each(self):
        for kind, says in KINDS.items():
            with self.subTest(kind=kind):
                test(self, kind, *says)
    return each


class Battery(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def send(self, kind, server, **more):
        outcome = send(kind, server.url, secret=SECRET if kind in SIGNED else None, **more)
        self.assertNotIn("KEY", outcome["error"])
        self.assertNotIn(SECRET, outcome["error"])
        self.assertEqual(outcome["delivered"], outcome["error"] == "")
        return outcome

    @for_each_kind
    def test_what_is_taken_is_delivered(self, kind, taken, _refused, _often):
        with Server((200, taken)) as server:
            self.assertTrue(self.send(kind, server)["delivered"])
            _, headers, body = server.requests[0]
            self.assertEqual(headers["Idempotency-Key"], KEY)
            self.assertIn("CPU utilisation above 90 % on web-1", json.dumps(body))

    @for_each_kind
    def test_slow_is_not_dead(self, kind, taken, _refused, _often):
        with Server(by_bytes(200, taken)) as server:
            self.assertTrue(self.send(kind, server)["delivered"])

    @for_each_kind
    def test_a_200_around_an_error_is_an_error(self, kind, _taken, refused, _often):
        for body in (refused, b"", b"<html>sign in</html>") if refused else ():  # a webhook's body is not looked at
            with Server((200, body)) as server:
                outcome = self.send(kind, server)
                self.assertFalse(outcome["delivered"])
                self.assertEqual(outcome["permanent"], body == refused)

    @for_each_kind
    def test_too_often_is_said_by_status_or_by_body_and_comes_back_with_a_time_to_wait(self, kind, _taken, _refused, often):
        with Server(lambda handler: handler.answer(429, Retry_After="7")) as server:
            outcome = self.send(kind, server)
            self.assertEqual((outcome["status"], outcome["permanent"], outcome["retry_after_us"]), (429, False, 7_000_000))
        if often:
            with Server((200, often)) as server:
                outcome = self.send(kind, server)
                self.assertEqual((outcome["status"], outcome["permanent"]), (429, False))
                self.assertGreater(outcome["retry_after_us"], 0)

    @for_each_kind
    def test_a_broken_server_is_tried_again(self, kind, taken, _refused, _often):
        for mood in ((500, taken), (503, taken), reset, halfway):
            with Server(mood) as server:
                outcome = self.send(kind, server)
                self.assertEqual((outcome["delivered"], outcome["permanent"]), (False, False))

    @for_each_kind
    def test_one_that_hangs_is_given_up(self, kind, _taken, _refused, _often):
        with Server(hang) as server:
            outcome = self.send(kind, server, timeout_ms=2000)
            self.assertEqual((outcome["delivered"], outcome["permanent"], outcome["status"]), (False, False, 0))
            self.assertEqual(len(server.requests), 1)

    @for_each_kind
    def test_a_redirect_is_not_followed(self, kind, taken, _refused, _often):
        with Server((200, taken)) as elsewhere, \
                Server(lambda handler, to=elsewhere.url: handler.answer(307, Location=to)) as server:
            outcome = self.send(kind, server)
            self.assertEqual((outcome["delivered"], outcome["permanent"], outcome["status"]), (False, True, 307))
            self.assertEqual(elsewhere.requests, [])

    @for_each_kind
    def test_certificates_are_verified(self, kind, taken, _refused, _often):
        good, other = certify(self.folder, "localhost"), certify(self.folder, "elsewhere.example.com")
        with Server((200, taken), tls=good) as server:
            self.assertTrue(self.send(kind, server, ca=good[0])["delivered"])
            self.assertFalse(self.send(kind, server)["delivered"])  # nobody knows who signed it
            self.assertEqual(len(server.requests), 1)
        with Server((200, taken), tls=other) as server:
            self.assertFalse(self.send(kind, server, ca=other[0])["delivered"])  # another's name
            self.assertEqual(server.requests, [])

    @for_each_kind
    def test_after_a_restart_it_is_the_same_message_and_says_that_it_may_be_a_copy(self, kind, taken, _refused, _often):
        with Server(reset, (200, taken)) as server:
            self.assertFalse(self.send(kind, server)["delivered"])
            self.assertTrue(self.send(kind, server, copy=True)["delivered"])  # by another process
            (_, first, _), (_, second, body) = server.requests
            self.assertEqual(first["Idempotency-Key"], second["Idempotency-Key"])
            text = json.dumps(body)
            self.assertTrue("You may have had this message before" in text or '"possible_copy": "true"' in text)

    @for_each_kind
    def test_a_probe_connects_and_says_nothing(self, kind, taken, _refused, _often):
        good, other = certify(self.folder, "localhost"), certify(self.folder, "elsewhere.example.com")
        with Server((500, taken)) as server:
            self.assertTrue(self.send(kind, server, probe="1")["delivered"])
            self.assertEqual(server.requests, [])
        with Server((200, taken), tls=good) as server:
            self.assertTrue(self.send(kind, server, probe="1", ca=good[0])["delivered"])
            self.assertFalse(self.send(kind, server, probe="1")["delivered"])
            self.assertEqual(server.requests, [])
        with Server((200, taken), tls=other) as server:
            self.assertFalse(self.send(kind, server, probe="1", ca=other[0])["delivered"])

    @for_each_kind
    def test_a_probe_finds_nobody(self, kind, _taken, _refused, _often):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            outcome = send(kind, f"https://localhost:{port}/hook?key=KEY", probe="1", timeout_ms=1000)  # no TLS ever comes
            self.assertEqual((outcome["delivered"], outcome["status"]), (False, 0))
        outcome = send(kind, f"http://localhost:{port}/hook?key=KEY", probe="1")
        self.assertFalse(outcome["delivered"])
        self.assertIn("refused", outcome["error"])

    @for_each_kind
    def test_a_probe_is_cut_off(self, kind, _taken, _refused, _often):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def cut():
                peer, _ = server.accept()
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.recv(1)
                peer.close()
            threading.Thread(target=cut, daemon=True).start()
            outcome = send(kind, f"https://localhost:{server.getsockname()[1]}/hook?key=KEY", probe="1")
            self.assertFalse(outcome["delivered"])
            self.assertNotIn("KEY", outcome["error"])

    def test_signatures_are_those_another_hand_computes(self):
        def mac(key, text):
            return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
        with Server((200, KINDS["dingtalk"][0])) as server:
            self.send("dingtalk", server)
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(server.requests[0][0]).query)
            self.assertEqual(query["key"], ["KEY"])
            self.assertEqual(query["sign"], [mac(SECRET, f"{query['timestamp'][0]}\n{SECRET}")])
        with Server((200, KINDS["feishu"][0])) as server:
            self.send("feishu", server)
            body = server.requests[0][2]
            self.assertEqual(body["sign"], mac(f"{body['timestamp']}\n{SECRET}", ""))

    def test_what_cannot_work_is_not_tried(self):
        for kind in KINDS:
            with self.assertRaises(Refused):
                send(kind, "ftp://127.0.0.1/hook?key=KEY")


if __name__ == "__main__":
    unittest.main()
