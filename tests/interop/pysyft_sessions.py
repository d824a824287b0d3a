#!/usr/bin/env python3
"""A worker's PySyft dialect beyond the captured interactions: binary messages, zlib, several connections at once, results
that were not named, private objects, types of later work, and what must end a connection and nothing else.

Messages are built here from docs/reference/pysyft-wire.md.
"""
import asyncio
import os
import ssl
import struct
import subprocess
import sys
import tempfile

PYTHON = "/usr/bin/python3"
try:
    import msgpack
    import websockets
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(PYTHON) and \
            subprocess.run([PYTHON, "-c", "import msgpack, websockets"], capture_output=True).returncode == 0:
        os.execv(PYTHON, [PYTHON, *sys.argv])
    print("missing: apt-get install python3-msgpack python3-websockets", file=sys.stderr)
    sys.exit(1)

import pysyft_wire as wire
from pysyft_replay import PROGRAM, Worker


def text(value):
    return [5, [value.encode()]]


def contents(values, dtype="int64", shape=None):
    return [6, [[6, shape if shape is not None else [len(values)]], text(dtype), [1, values]]]


def tensor(number, values, chain=None, **more):
    return [14, [number, contents(values, **more), chain, None, None, None, text("all"), None, None]]


def pointer(number, at="alice", attribute=None):
    return [25, [1, number, text(at), attribute, None, False, None, None]]


def command(name, target, args, ids, value=False, kwargs=()):
    return [33, [[54, [text(name), target, [6, list(args)], [0, [[text(k), v] for k, v in kwargs]], [6, ids], value]]]]


async def connect(url):
    return await websockets.connect(url, max_size=None, compression=None)


async def ask(socket, value, binary=False, scheme=40):
    message = wire.pack(value, scheme)
    await socket.send(message if binary else wire.text(message))
    answer = await asyncio.wait_for(socket.recv(), 20)
    assert isinstance(answer, bytes) == binary, "an answer is of its request's kind"
    return wire.unpack(answer)


async def closes(url, message):
    socket = await connect(url)
    try:
        await socket.send(message if isinstance(message, (str, bytes)) else wire.text(wire.pack(message)))
        answer = await asyncio.wait_for(socket.recv(), 20)
        raise AssertionError(f"{message!r:.100} was answered: {wire.unpack(answer)!r:.200}")
    except websockets.ConnectionClosed:
        assert socket.close_code == 1000, (message, socket.close_code)


async def get(socket, number):
    answer = await ask(socket, [35, [number, None, text("")]])
    assert answer[0] == 14, answer
    return answer[1][1][1][2][1]


async def forms(url):
    socket = await connect(url)
    for number, (binary, scheme) in enumerate([(False, 40), (True, 40), (False, 42), (True, 42)]):
        assert await ask(socket, [34, [tensor(number, [number, 7])]], binary, scheme) is None
        answer = await ask(socket, [35, [number, None, text("")]], binary, scheme)
        assert answer[1][0] == number and answer[1][1] == contents([number, 7]), answer
    # Ten in one go: ten answers, in their order.
    for number in range(10):
        await socket.send(wire.text(wire.pack([34, [tensor(100 + number, [number])]])))
        await socket.send(wire.text(wire.pack([37, [pointer(100 + number)]])))
    for number in range(10):
        assert wire.unpack(await asyncio.wait_for(socket.recv(), 20)) is None
        assert wire.unpack(await asyncio.wait_for(socket.recv(), 20)) == [1, [1]]
    # A large one, in pieces.
    large = wire.text(wire.pack([34, [tensor(200, list(range(60000)))]]))
    await socket.send(large[k:k + 10001] for k in range(0, len(large), 10001))
    assert await asyncio.wait_for(socket.recv(), 20)
    assert await get(socket, 200) == list(range(60000))
    await socket.close()


async def operations(url):
    socket = await connect(url)
    assert await ask(socket, [34, [tensor(1, [1, 5, 2, 9], shape=[2, 2])]]) is None
    # Two results, one name: ResponseSignatureError tells both.
    answer = await ask(socket, command("max", pointer(1), [], [50], kwargs=[("dim", 1)]))
    assert answer[0] == 42 and answer[1][0] == text("ResponseSignatureError"), answer
    trace = answer[1][1][1][0].decode()
    assert trace.startswith("Traceback (most recent call last):\n  File \"") and "/" not in trace, trace
    (name, (code, ids)), = answer[1][2][1]
    assert name == text("ids_generated") and code == 1 and ids[0] == 50 and len(ids) == 2, answer
    assert await get(socket, 50) == [5, 9]
    assert await get(socket, ids[1]) == [1, 1]
    # Two names: nothing to tell.
    assert await ask(socket, command("max", pointer(1), [], [60, 61], kwargs=[("dim", 1)])) is None
    assert await get(socket, 61) == [1, 1]
    # The value itself.
    answer = await ask(socket, command("__mul__", pointer(1), [2], [70], value=True))
    assert answer[1][0] == 70 and answer[1][1] == contents([2, 10, 4, 18], shape=[2, 2]), answer
    answer = await ask(socket, command("max", pointer(1), [], [71, 72], value=True, kwargs=[("dim", 0)]))
    assert answer[0] == 6 and [t[1][0] for t in answer[1]] == [71, 72], answer
    assert await ask(socket, command("dim", pointer(1), [], [73])) == 2
    assert await ask(socket, command("torch.cat", None, [[1, [pointer(1), pointer(1)]]], [74])) is None
    assert await ask(socket, [37, [pointer(74)]]) == [1, [4, 2]]
    assert await ask(socket, command("__getitem__", pointer(1), [[4, [0, 1, None]]], [75])) is None
    assert await get(socket, 75) == [1, 5]
    assert await ask(socket, [36, [pointer(1, attribute=text("grad"))]]) is True
    assert await ask(socket, [38, [1, [1, 74, 12345]]]) is None
    assert [10, 1] != await ask(socket, [53, [text("objects_count"), [6, [[6, []], [0, []], [1, []]]]]])
    await closes(url, [37, [pointer(74)]])
    await socket.close()


async def message_log(url):
    """_log_msgs and _get_msg: the received messages, counted; what a message held is not kept."""
    socket = await connect(url)
    nothing = [[6, []], [0, []], [1, []]]
    assert await ask(socket, [53, [text("_log_msgs"), [6, [[6, []], [0, [[text("value"), True]]], [1, []]]]]]) is None
    # The log began with the message's own answer.
    assert await ask(socket, [34, [tensor(700, [41, 42])]]) is None
    assert await ask(socket, [53, [text("objects_count"), [6, nothing]]]) >= 1

    async def message(index, positional=False):
        args, kwargs = ([index], []) if positional else ([], [[text("index"), index]])
        answer = await ask(socket, [53, [text("_get_msg"), [6, [[6, args], [0, kwargs], [1, []]]]]])
        return answer[1][0].decode()

    assert (await message(0)).startswith("(ObjectMessage )"), await message(0)
    assert "WorkerCommandMessage" in await message(1, positional=True)
    assert "WorkerCommandMessage" in await message(-1)
    assert "41" not in (await message(0)).split(",")[0]
    # Saying that one does not want it ends nobody else's.
    assert await ask(socket, [53, [text("_log_msgs"), [6, [[6, [False]], [0, []], [1, []]]]]]) is None
    assert (await message(0)).startswith("(ObjectMessage )")
    assert await ask(socket, [38, [1, [700]]]) is None
    await closes(url, [53, [text("_get_msg"), [6, [[6, [100000]], [0, []], [1, []]]]]])
    await closes(url, [53, [text("_get_msg"), [6, nothing]]])
    await socket.close()


async def privacy(url):
    first, second = await connect(url), await connect(url)
    private = tensor(300, [], chain=[46, [300, [6, [text("bobby")]], [3, []], None, tensor(301, [41, 42])]])
    assert await ask(first, [34, [private]]) is None
    for socket in (first, second):
        for user in (None, text("eve"), text("bobby")):
            answer = await ask(socket, [35, [300, user, text("")]])
            assert answer[0] == 41 and answer[1][0] == text("GetNotPermittedError") and answer[1][2] == [0, []], answer
            assert b"42" not in answer[1][1][1][0] or b"300" in answer[1][1][1][0], answer
        answer = await ask(socket, command("__add__", pointer(300), [0], [310], value=True))
        assert answer[0] == 41, answer
        answer = await ask(socket, [35, [310, None, text("")]])
        assert answer[0] == 41, answer
    shown = await ask(first, [53, [text("list_objects"), [6, [[6, []], [0, []], [1, []]]]]])
    assert b"300: (private)" in shown[1][0] and b"41" not in shown[1][0], shown
    await first.close()
    # It outlives its connection.
    assert (await ask(second, [35, [300, None, text("")]]))[0] == 41
    await second.close()


async def opaque(url):
    socket = await connect(url)
    for name in ("plan", "plan_with_state", "plan_module", "protocol", "string", "additive_shared", "autograd_fp_shared",
                 "multi_pointer"):
        captured = dict(wire.interactions("objects"))[name]
        value = msgpack.unpackb(bytes.fromhex(captured["msgpack_hex"]), raw=False, strict_map_key=False)
        number = value[1][1 if name == "string" else 0]
        assert await ask(socket, [34, [value]]) is None, name
        for question in ([40, [text("fetch_plan"), [6, [number, False]]]], [35, [number, None, text("")]]):
            answer = await ask(socket, question)
            if name.startswith("plan"):  # those are known here: keys of their tensors' storages are drawn anew
                assert wire.Mapping().differ(value, answer) is None, name
            else:
                assert answer == value, name
    await socket.close()


async def moving(url):
    """remote_send to another worker, and a pointer to there that is kept here."""
    with Worker("bob") as bob, Worker("carol", "--peer", f"bob={bob}") as carol:
        for _ in range(100):  # the worker says that it listens before it has found its peers
            socket = await connect(carol)
            try:
                assert await ask(socket, [34, [tensor(90, [1])]]) is None
                await ask(socket, [33, [[55, [text("remote_send"), pointer(90, at="carol"), [6, [text("bob")]], [0, []],
                                             [6, [90]], False]]]])
                break
            except websockets.ConnectionClosed:
                await asyncio.sleep(0.1)
        there = await connect(bob)
        assert await ask(socket, [34, [tensor(1, [4, 5, 6])]]) is None
        send = [33, [[55, [text("remote_send"), pointer(1, at="carol"), [6, [text("bob")]],
                           [0, [[text("inplace"), False], [text("requires_grad"), False]]], [6, [1]], False]]]]
        answer = await ask(socket, send)
        assert answer[0] == 25 and answer[1][1:] == [1, text("bob"), None, [11, [3]], False, [3, []], None], answer
        assert await ask(there, [34, [tensor(2, [7])]]) is None
        assert await get(there, 1) == [4, 5, 6]
        wrapped = [34, [tensor(3, [], chain=pointer(2, at="bob"))]]
        assert await ask(socket, wrapped) is None
        assert await ask(socket, command("__add__", pointer(3, at="carol"), [1], [4])) is None
        answer = await ask(socket, [35, [4, None, text("")]])
        assert answer[0] == 14 and answer[1][2][0] == 25 and answer[1][2][1][2] == text("bob"), answer
        assert await ask(socket, command("mid_get", 3, [], [5])) is None
        assert await get(socket, 3) == [7]
        await socket.close()
        await there.close()


async def program(url):
    """csyft's own client through the dialect, and PySyft's beside it."""
    there = url.replace("ws://", "pysyft+ws://alice@")

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return output.decode()
    number = int(await run("call", there, "ones", "=[2,3]"))
    socket = await connect(url)
    assert await ask(socket, [34, [tensor(1, [1])]]) is None
    assert await ask(socket, command("__add__", pointer(number), [1], [2])) is None
    assert await get(socket, 2) == [2.0] * 6
    assert str(number) in await run("ls", there)
    await run("rm", there, str(number))
    assert await ask(socket, [53, [text("objects_count"), [6, [[6, []], [0, []], [1, []]]]]]) == 1
    await socket.close()


async def plans(url):
    """A plan of csyft's goes to a PySyft server and back, runs there, and is what PySyft's clients read; and theirs here."""
    there = url.replace("ws://", "pysyft+ws://alice@")

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return output.decode().strip()
    with tempfile.TemporaryDirectory() as folder:
        back = os.path.join(folder, "back.plan")
        plan = int(await run("plan", "send", there, str(wire.VECTORS.parent / "plans" / "layer.plan"), "--tag", "#layer"))
        ones = int(await run("call", there, "ones", "=[3,2]"))
        result = int(await run("plan", "run", there, str(plan), str(ones)))
        socket = await connect(url)
        assert await ask(socket, [34, [tensor(1, [1, 2, 3])]]) is None
        assert await get(socket, result) == [3.5, 0] * 3
        answer = await ask(socket, [40, [text("fetch_plan"), [6, [plan, False]]]])
        assert answer[0] == 21 and answer[1][0] == plan and answer[1][3] == text("layer"), answer
        assert answer[1][4] == [3, [text("#layer")]] and answer[1][8] == text("torch"), answer
        actions = [(action[0], action[1][0][1][0]) for action in answer[1][1][1][1][1]]
        assert actions == [(54, b"matmul"), (54, b"add"), (54, b"relu")], actions
        await run("plan", "fetch", there, str(plan), "-o", back)
        assert "= x.matmul(self.weight)" not in await run("plan", "show", back)  # names stay behind
        assert "= arg_1.matmul(state_1)" in await run("plan", "show", back)
        # Two results for one id: PySyft's answer names the ids of all.
        captured = dict(wire.interactions("objects"))["plan"]
        value = msgpack.unpackb(bytes.fromhex(captured["msgpack_hex"]), raw=False, strict_map_key=False)
        for role in (value[1][1], value[1][9][1][0][1]):
            role[1][5] = [role[1][4][0], role[1][5][0]]
        assert await ask(socket, [34, [value]]) is None
        command = [54, [text("run"), value[1][0], [6, [[6, [pointer(1)]], [1, [10]]]], [0, []], [6, [10]], False]]
        answer = await ask(socket, [33, [command]])
        assert answer[0] == 42 and answer[1][2][1][0][1][1][0] == 10, answer
        ids = answer[1][2][1][0][1][1]
        assert [await get(socket, number) for number in ids] == [[1, 2, 3], [3, 5, 7]]
        # What csyft cannot run is kept, and running it is refused.
        role[1][1][1][0][1][0] = text("fft_of_some_day")
        value[1][1] = role
        value[1][0] = 77
        assert await ask(socket, [34, [value]]) is None
        assert await ask(socket, [40, [text("fetch_plan"), [6, [77, False]]]]) == value
        command[1][1] = 77
        await closes(url, [33, [command]])
        await socket.close()


async def certificates(_url):
    """A worker that wants to know its callers takes PySyft's clients by their certificates only."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, "keys", folder, "alice", "--host", "localhost"], check=True, stdout=subprocess.DEVNULL)
        ca, certificate, key = (os.path.join(folder, name) for name in ("ca.pem", "alice.pem", "alice.key"))
        tokens = os.path.join(folder, "tokens")
        with open(tokens, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("ann " + "0123456789abcdef" * 3 + "\n")
        options = ["--ca", ca, "--certificate", certificate, "--key", key, "--token-file", tokens]
        for named in (True, False):
            with Worker("alice", "--listen", "wss://localhost:0", *options,
                        *(["--require-certificates"] if named else [])) as plain:
                context = ssl.create_default_context(cafile=ca)
                context.check_hostname = False
                if named:
                    context.load_cert_chain(certificate, key)
                await closes(plain, [34, [tensor(1, [4])]])
                secure = Worker.second
                socket = await websockets.connect(secure, ssl=context, max_size=None, compression=None)
                try:
                    assert await ask(socket, [34, [tensor(1, [4, 5, 6])]]) is None and named
                    assert await get(socket, 1) == [4, 5, 6]
                except websockets.ConnectionClosed:
                    assert not named
                await socket.close()


async def many(url):
    """Each of twelve connections gets its own answers, however they come."""
    async def one(k):
        socket = await connect(url)
        for turn in range(20):
            number = 1000 * (k + 1) + turn
            await socket.send(wire.text(wire.pack([34, [tensor(number, [number])]])))
            await socket.send(wire.text(wire.pack([35, [number, None, text("")]])))
            assert wire.unpack(await asyncio.wait_for(socket.recv(), 20)) is None
            answer = wire.unpack(await asyncio.wait_for(socket.recv(), 20))
            assert answer[1][0] == number and answer[1][1] == contents([number]), answer
        await socket.close()
    await asyncio.gather(*[one(k) for k in range(12)])


async def strangers(url):
    """A worker that asks who its callers are takes nobody who cannot say it; this dialect cannot."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = os.path.join(folder, "tokens")
        with open(os.open(tokens, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("alice an-invented-token-of-forty-three-characters\n")
        with Worker("dave", "--token-file", tokens) as guarded:
            for message in ([34, [tensor(1, [1])]], [53, [text("list_objects"), [6, [[6, []], [0, []], [1, []]]]]]):
                await closes(guarded, message)
    socket = await connect(url)
    assert await ask(socket, [34, [tensor(1, [1])]]) is None  # who does not ask takes everybody
    await socket.close()


async def hostile(url):
    witness = await connect(url)
    assert await ask(witness, [34, [tensor(5, [5])]]) is None
    deep = bytes([40]) + b"\x92\x01\x91" * 2000 + b"\xc0"
    for message in ("", "b''", "b'28'", "b'2'", "28c0", "b'28zz'", "{}", b"", b"\x28", b"\x29", b"\x2b\xc0", b"\x29\x04\x22\x4d\x18",
                    deep, b"\x28\xdd\xff\xff\xff\xff", b"\x28\x92\x22\xdd\x7f\xff\xff\xff", [34, [[6, [1]]]], [99, []], [34, []],
                    [35, [4242, None, text("")]], [37, [pointer(4242)]], [34, [[14, [1, b"cos\nsystem\n(S'true'\ntR.", *[None] * 7]]]],
                    [34, [tensor(1, [1], shape=[1 << 40, 1 << 40])]], [53, [text("__init__"), [6, [[6, []], [0, []], [1, []]]]]],
                    command("os.system", None, [text("true")], [1]), command("__add__", pointer(5), [pointer(5, at="mars")], [1]),
                    command("__add__", pointer(5), [tensor(6, [1, 2, 3])], list(range(40)))):
        await closes(url, message)
    # Halves of messages, and a frame of 2^62 bytes.
    host, port = url.split("//")[1].rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert b"101" in await reader.readline()
    writer.write(b"\x81\xff" + struct.pack(">Q", 1 << 62) + b"mask" + b"b'28" * 1000)
    await writer.drain()
    writer.close()
    # The others live on.
    assert await get(witness, 5) == [5]
    await witness.close()


def main():
    for part in (forms, operations, message_log, privacy, opaque, moving, program, plans, certificates, many, strangers, hostile):
        with Worker() as url:
            asyncio.run(part(url))
        print(f"{part.__name__}: well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
