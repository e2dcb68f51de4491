#!/usr/bin/env python3
"""A small mail relay: takes letters and writes each to a file, a line of JSON apiece.

    scripts/mailbox.py --port 0 --port-file PORT --log LETTERS

PORT gets the port it listens on (127.0.0.1). A line of LETTERS holds the time it came, `from`, `to` (a list) and the letter.
No TLS: `tls: none`.
"""
import argparse
import json
import os
import socketserver
import threading
import time


class Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def letter(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines).decode("utf-8", "replace")

    def handle(self):
        sender, to = "", []
        self.say("220 mailbox")
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            verb = line.split(":")[0].upper()
            if verb == "MAIL FROM":
                sender, to = line[line.index("<") + 1:line.index(">")], []
            elif verb == "RCPT TO":
                to.append(line[line.index("<") + 1:line.index(">")])
            elif verb == "DATA":
                self.say("354 go on")
                self.server.record(sender, to, self.letter())
            elif verb == "QUIT":
                self.say("221 bye")
                return
            self.say("250 SMTPUTF8" if verb.startswith("EHLO") else "250 ok")


class Mailbox(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, log):
        super().__init__(("127.0.0.1", port), Handler)
        self.log = open(log, "a", buffering=1, encoding="utf-8")
        self.lock = threading.Lock()

    def record(self, sender, to, letter):
        with self.lock:
            self.log.write(json.dumps({"at": time.time(), "from": sender, "to": to, "letter": letter}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log", required=True)
    args = parser.parse_args()
    mailbox = Mailbox(args.port, args.log)
    with open(args.port_file + ".new", "w", encoding="ascii") as file:
        file.write(str(mailbox.server_address[1]))
    os.rename(args.port_file + ".new", args.port_file)
    mailbox.serve_forever()


if __name__ == "__main__":
    main()
