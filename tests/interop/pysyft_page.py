#!/usr/bin/env python3
"""The session of docs/reference/pysyft-wire.md, section 8, with a real worker, in every envelope of its section 1."""
import asyncio
import os
import pathlib
import re
import subprocess
import sys
import zlib

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
from pysyft_replay import Worker

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "pysyft-wire.md"


def blocks(kind):
    return re.findall(rf"^```hex {kind}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def bytes_of(block):
    return bytes.fromhex(re.sub(r"#.*", "", block))


async def session(url, binary, scheme):
    asks, answers = blocks("ask"), blocks("answer")
    assert len(asks) == len(answers) > 5
    none = blocks("text")[0].strip()
    socket = await websockets.connect(url, max_size=None, compression=None)
    for ask, expected in zip(map(bytes_of, asks), map(bytes_of, answers)):
        message = bytes([scheme]) + (zlib.compress(ask) if scheme == 42 else ask)
        await socket.send(message if binary else wire.text(message))
        answer = await asyncio.wait_for(socket.recv(), 20)
        if expected == b"\xc0" and not binary:
            assert answer == none, answer
        raw = answer if binary else bytes.fromhex(answer[2:-1])
        assert raw[0] == 41 and wire.unlz4(raw[1:]) == expected, \
            (msgpack.unpackb(ask), msgpack.unpackb(wire.unlz4(raw[1:])), msgpack.unpackb(expected))
    await socket.close()


with Worker() as url:
    for binary in (False, True):
        for scheme in (40, 42):
            asyncio.run(session(url, binary, scheme))
print(f"{len(blocks('ask'))} messages in 4 envelopes")
