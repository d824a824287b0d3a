#!/usr/bin/python3
"""python3-websockets as the other end of csyft.v1, with frames built here from the description of the wire.

websocket_peer.py serve        echoes every message; prints the port first and ends when its input does
websocket_peer.py talk URL     sends frames of many sizes, whole and in fragments, with pings; exits 1 on a difference
"""
import asyncio
import struct
import sys

import websockets

PROTOCOL = "csyft.v1"


def frame(number, body, segments):
    head = b"CSY1" + struct.pack("<HHIIQQII", number % 60000, len(segments), len(body), 3, number, 77, 0, 0)
    table = b"".join(struct.pack("<QII", len(segment), i, 0) for i, segment in enumerate(segments))
    return head + table + body + b"".join(segments)


def content(number, size):
    return bytes((number * 131 + i * 7) & 255 for i in range(min(size, 4096))) * (size // 4096 + 1)


async def serve():
    async def echo(socket):
        async for message in socket:
            pong = await socket.ping()
            # Every third one in pieces.
            if message[16] % 3 == 0:
                await socket.send(message[i:i + 1000] for i in range(0, len(message), 1000))
            else:
                await socket.send(message)
            pong.add_done_callback(lambda done: done.cancelled() or done.exception())

    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=[PROTOCOL], max_size=None, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def talk(url):
    async with websockets.connect(url, subprotocols=[PROTOCOL], max_size=None) as socket:  # offers compression, too
        assert socket.subprotocol == PROTOCOL, socket.subprotocol
        assert not socket.extensions, socket.extensions
        number = 0
        for size in (0, 1, 85, 86, 125, 126, 127, 4096, 65535, 65536, 200000, 3000000):
            for pieces in (1, 2, 7):
                number += 1
                body = content(number, size)[:size]
                segments = [content(number + 1, size)[:size], b"", b"x"] if number % 2 else []
                whole = frame(number, body, segments)
                if pieces == 1:
                    await socket.send(whole)
                else:
                    step = len(whole) // pieces + 1
                    await socket.send(whole[i:i + step] for i in range(0, len(whole), step))
                await asyncio.wait_for(await socket.ping(), 20)
                answer = await asyncio.wait_for(socket.recv(), 20)
                assert answer == whole, (number, len(answer), len(whole))
        # Many at once.
        for n in range(300):
            await socket.send(frame(n + 1, b"pipelined", []))
        for n in range(300):
            assert await asyncio.wait_for(socket.recv(), 20) == frame(n + 1, b"pipelined", [])
        # What is no frame ends the connection with a protocol error.
        await socket.send("text")
        try:
            await asyncio.wait_for(socket.recv(), 20)
            raise AssertionError("a text message was answered")
        except websockets.exceptions.ConnectionClosedError as closed:
            assert closed.rcvd.code == 1002, closed


if sys.argv[1] == "serve":
    asyncio.run(serve())
else:
    asyncio.run(talk(sys.argv[2]))
