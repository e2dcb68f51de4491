#!/usr/bin/env python3
"""A way from one TCP address to another, that can be cut, slowed and reset: the link between an agent and its collector.

    relay.py LISTEN:PORT TARGET:PORT

Says `listening PORT` on its output, then takes a command a line: `cut` (bytes stay where they are, and connections too),
`slow` (a quarter of a second each way, for each piece of at most 2 KiB), `heal`, `reset` (every connection is reset).
"""
import asyncio
import contextlib
import socket
import struct
import sys

SLOW_S = 0.25
PIECE = 2048


class Relay:
    def __init__(self, target):
        self.target = target
        self.open = asyncio.Event()  # clear: cut
        self.open.set()
        self.slow = False
        self.writers = set()

    async def carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                if self.slow:
                    await asyncio.sleep(SLOW_S)
                await self.open.wait()
                writer.write(piece)
                await writer.drain()

    async def serve(self, reader, writer):
        await self.open.wait()
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:  # nobody listens there: what a dialler hears then
            writer.transport.abort()
            return
        ends = {writer, there[1]}
        self.writers |= ends
        ways = [asyncio.create_task(self.carry(reader, there[1])), asyncio.create_task(self.carry(there[0], writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self.writers -= ends
        for end in ends:
            end.close()

    def reset(self):
        for writer in self.writers:
            with contextlib.suppress(OSError):  # no lingering: what is on its way is thrown away
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def obey(self, command):
        if command == "cut":
            self.open.clear()
        elif command == "slow":
            self.slow = True
        elif command == "heal":
            self.slow = False
            self.open.set()
        elif command == "reset":
            self.reset()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def main():
    relay = Relay(address(sys.argv[2]))
    server = await asyncio.start_server(relay.serve, *address(sys.argv[1]))
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        relay.obey(line.decode().strip())


if __name__ == "__main__":
    asyncio.run(main())
