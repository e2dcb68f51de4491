"""The collector's end of the uplink by hand (docs/protocol.md), for what an honest collector would not say, or said long ago."""
import contextlib
import socketserver
import struct
import threading

import noise
import uplink


class Connection(socketserver.StreamRequestHandler):
    """Answers what one agent asks, until it has no answer: then it hangs up."""

    def handle(self):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            answer = self.server.begin(stack)
            self.wfile.write(uplink.HELLO_OF_REP)
            self.rfile.read(len(uplink.HELLO_OF_REQ))
            channel = None
            while len(head := self.rfile.read(12)) == 12:
                length, request_id = struct.unpack(">QI", head)
                envelope = uplink.fields(self.rfile.read(length - 4))
                if 1 in envelope:
                    responder = noise.Responder(self.server.key)
                    plain = answer(responder.read(envelope[1]))
                    body = plain and uplink.handshake(responder.write(plain))
                    channel = responder.channel
                else:
                    sealed = uplink.fields(envelope[2])
                    plain = answer(channel.open(sealed.get(1, 0), sealed[2]))
                    body = plain and uplink.sealed(*channel.seal(plain))
                if not body:
                    return
                self.wfile.write(struct.pack(">QI", len(body) + 4, request_id) + body)


class Collector(socketserver.ThreadingTCPServer):
    """`begin(stack)` gives, for one connection, what makes an encoded answer of an encoded request, or None; `stack` is left with
    the connection."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, begin, key=None):
        super().__init__(("127.0.0.1", 0), Connection)
        self.begin, self.key = begin, key or noise.Key()
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)
