#!/usr/bin/env python3
"""A small webhook receiver: takes pages and writes each to a file, a line of JSON apiece.

    scripts/receiver.py --port 0 --port-file PORT --log PAGES

PORT gets the port it listens on (127.0.0.1). A line of PAGES holds the time it came, the path asked for, the
Idempotency-Key and the body.
--answer makes it misbehave, for tests: a comma-separated list of what to answer, the last for all that follow:
a status (200, 503, 429:2 with Retry-After 2), hang, close, garbage, redirect:PORT (to another receiver on this host),
wecom:20 (a robot of WeCom that takes 20 messages in any minute and refuses the others as that does; in its line of PAGES
the answer is the code of its own).
"""
import argparse
import http.server
import json
import os
import socketserver
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.next_answer()
        if answer.startswith("wecom:"):
            self.answer_as_wecom(body, int(answer.partition(":")[2]))
            return
        self.server.record(self.path, self.headers.get("Idempotency-Key"), body, answer)
        if answer == "hang":
            self.server.stopping.wait()
            self.close_connection = True
        elif answer == "close":
            self.close_connection = True
        elif answer == "garbage":
            self.wfile.write(b"\x00\xff this is not HTTP\r\n\r\n")
            self.close_connection = True
        elif answer.startswith("redirect:"):
            port = answer.partition(":")[2]
            self.answer(307, {"Location": f"http://127.0.0.1:{port}/elsewhere"})  # 307: a POST that is followed stays one
        else:
            status, _, retry_after = answer.partition(":")
            self.answer(int(status), {"Retry-After": retry_after} if retry_after else {})

    do_GET = do_POST  # a sign of life for a dead man's switch

    def answer_as_wecom(self, body, per_minute):
        code, meaning = (0, "ok") if self.server.take_in_minute(per_minute) else (45009, "api freq out of limit")
        self.server.record(self.path, self.headers.get("Idempotency-Key"), body, code)
        self.answer(200, {"Content-Type": "application/json"}, json.dumps({"errcode": code, "errmsg": meaning}).encode())

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Receiver(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, port, answers, log):
        super().__init__(("127.0.0.1", port), Handler)
        self.answers = list(answers)
        self.log = open(log, "a", buffering=1, encoding="utf-8")
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.taken = []  # when, of a robot's latest minute

    def take_in_minute(self, most):
        with self.lock:
            now = time.monotonic()
            self.taken = [at for at in self.taken if now - at < 60]
            if len(self.taken) >= most:
                return False
            self.taken.append(now)
            return True

    def next_answer(self):
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def record(self, path, key, body, answer):
        try:
            page = json.loads(body)
        except ValueError:
            page = None
        with self.lock:
            print(json.dumps({"at": time.time(), "path": path, "key": key, "answer": answer, "page": page}),
                  file=self.log)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--answer", default="200")
    options = parser.parse_args()
    receiver = Receiver(options.port, options.answer.split(","), options.log)
    written = options.port_file + ".new"
    with open(written, "w", encoding="utf-8") as file:
        print(receiver.server_port, file=file)
    os.rename(written, options.port_file)  # whoever waits for the file finds it whole
    receiver.serve_forever()


if __name__ == "__main__":
    main()
