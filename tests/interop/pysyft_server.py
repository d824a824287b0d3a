#!/usr/bin/env python3
"""python3-websockets as a PySyft 0.2.9 server worker, for pysyft_client.c: it plays the answers that the captured server
gave (tests/vectors/pysyft-0.2.9/torch) to whoever asks what the captured client asked. Prints its port first, ends when its input does.

A question that was captured gets the captured answer, ids replaced by the asker's; a multiplication takes SLOW seconds, while
the server pings every PING seconds and closes connections that do not answer within as many.
"""
import asyncio
import os
import subprocess
import sys

PYTHON = "/usr/bin/python3"
try:
    import websockets
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(PYTHON) and \
            subprocess.run([PYTHON, "-c", "import msgpack, websockets"], capture_output=True).returncode == 0:
        os.execv(PYTHON, [PYTHON, *sys.argv])
    print("missing: apt-get install python3-msgpack python3-websockets", file=sys.stderr)
    sys.exit(1)

import pysyft_wire as wire

SLOW, PING = float(sys.argv[1]), float(sys.argv[2])


def text(value):
    return [5, [value.encode()]]


def captured(name):
    """The last answer of an interaction."""
    frames = dict(wire.interactions("torch"))[name]["frames"]
    import msgpack
    answers = [f for f in frames if f["direction"] == "s2c" and f.get("opcode") == 1]
    return msgpack.unpackb(bytes.fromhex(answers[-1]["msgpack_hex"]), raw=False, strict_map_key=False)


def error(code, name, attributes):
    trace = 'Traceback (most recent call last):\n  File "server.py", line 7, in secret\n'
    return [code, [text(name), text(trace), [0, attributes]]]


class Server:
    def __init__(self):
        self.objects, self.deleted = {}, []

    async def answer(self, code, body):
        if code == 53:
            name = body[0][1][0]
            return {b"_log_msgs": None, b"objects_count": len(self.objects)}[name]
        if code == 34:
            fields = body[0][1]
            assert body[0][0] == 14 and len(fields) == 9 and fields[6] == text("torch"), fields
            # The stream is what PyTorch writes: the captured one but for its key and numbers.
            if fields[0] == 13436424411:
                sent = dict(wire.interactions("torch"))["01_send_tensor_float"]["frames"]
                import msgpack
                first = next(f for f in sent if f.get("opcode") == 1)
                value = msgpack.unpackb(bytes.fromhex(first["msgpack_hex"]), raw=False)
                difference = wire.Mapping().differ(value, [34, body])
                assert difference is None, difference
            self.objects[fields[0]] = fields
            return None
        if code == 33:
            kind, (name, target, args, kwargs, ids, value) = body[0]
            assert (kind, args[0], kwargs[0], ids[0], value) == (54, 6, 0, 6, False), body
            name = name[1][0].decode()
            if name == "mul":
                await asyncio.sleep(SLOW)
            if name == "max":
                ids = [6, [ids[1][0], 424242]]
                for i in ids[1]:
                    self.objects[i] = captured("04_get")[1]
                return error(42, "ResponseSignatureError", [[text("ids_generated"), [1, ids[1]]]])
            assert target is None or (target[0] == 25 and target[1][1] in self.objects), target
            assert target is None or (len(target[1]) == 8 and target[1][2] == text("alice")), target
            for i in ids[1]:
                self.objects[i] = captured("04_get")[1]
            return None
        if code == 35:
            assert body[1] is None and body[2] == text(""), body
            if body[0] == 666:
                return error(41, "GetNotPermittedError", [])
            fields = self.objects.pop(body[0])  # a KeyError closes, as at the original
            return [14, [body[0], *fields[1:]]]
        if code == 36:
            return False
        if code == 37:
            assert body[0][0] == 25
            return [1, [3]]
        if code == 38:
            assert body[0] == 1
            for i in body[1]:
                self.objects.pop(i, None)
            return None
        if code == 39:
            assert body == [[1, [text("#x")]]], body
            return captured("07_search_tag")
        raise AssertionError(code)

    async def serve(self, socket):
        try:
            async for message in socket:
                assert isinstance(message, str), "the client sends text"
                code, body = wire.unpack(message)
                await socket.send(wire.text(wire.pack(await self.answer(code, body))))
        except websockets.ConnectionClosed:
            pass
        except (KeyError, AssertionError) as e:
            if isinstance(e, AssertionError):
                print(f"server: {e!r}", file=sys.stderr, flush=True)
            await socket.close()


async def main():
    async with websockets.serve(Server().serve, "127.0.0.1", 0, max_size=None, compression=None, ping_interval=PING,
                                ping_timeout=PING) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
