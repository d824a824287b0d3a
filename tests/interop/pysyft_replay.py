#!/usr/bin/env python3
"""What a PySyft 0.2.9 client said to its server is said to `csyft worker`, and the answers are compared.

tests/vectors/pysyft-0.2.9 has the frames, in both forms of tensors. Ids that a server draws are mapped; streams of
torch.save are compared without the keys of their storages.
"""
import asyncio
import os
import subprocess
import sys

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
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

PROGRAM = os.environ["CSYFT_PROGRAM"]

# What needs types of later work (docs/reference/pysyft-wire.md, section 7), or says how another system prints.
LATER = {
    "12b_plan_result_get": "the original wraps the result of a plan twice; pysyft_plans.py has its value",
    "12c_plan_get": "a plan that has been run knows shapes",
    "22_ast_mul": "secret sharing of the original is not spoken here",
    "24_ast_mul_get": "its result",
    "10_list_objects_remote": "texts of tensors are csyft's",
}
# The original lost its object when tensors travelled in this form, or dropped the connection for no reason of its
# protocol.
DEFECTS = {"all/07_search_tag", "all/09_set_attr_copy", "all/12_plan_run", "all/13_plan_with_state"}
# Objects that only those make.
MISSING = {"10b_objects_count_remote", "10c_tensors_count_remote"}


class Replay:
    def __init__(self, url):
        self.url, self.socket, self.mapping, self.compared = url, None, wire.Mapping(), 0
        self.created, self.failures = 0, []

    async def connect(self):
        if self.socket is not None:
            await self.socket.close()
        self.socket = await websockets.connect(self.url, max_size=None, compression=None)
        assert self.socket.subprotocol is None

    async def frame(self, name, frame, following):
        if frame.get("opcode") is None:
            if frame["direction"] == "c2s":
                await self.connect()
            return
        if frame["direction"] != "c2s" or frame["opcode"] == 8:
            return
        value = msgpack.unpackb(bytes.fromhex(frame["msgpack_hex"]), raw=False, strict_map_key=False)
        if self.socket.closed:
            if following is None:
                return  # the original said that to a closed connection, too
            await self.connect()
        if self.mapping.ours:
            await self.socket.send(wire.text(wire.pack(self.mapping.replace(value))))
        else:
            await self.socket.send(wire.text(bytes.fromhex(frame["hex"])))  # as it was, lz4 and all
        if following is None:
            return
        if following["opcode"] == 8:
            try:
                answer = await asyncio.wait_for(self.socket.recv(), 20)
                self.failures.append(f"{name}: answered {wire.unpack(answer)!r:.200} instead of closing")
            except websockets.ConnectionClosed:
                if self.socket.close_code != 1000:
                    self.failures.append(f"{name}: closed with {self.socket.close_code}")
            self.compared += 1
            return
        try:
            answer = await asyncio.wait_for(self.socket.recv(), 20)
        except websockets.ConnectionClosed as e:
            self.failures.append(f"{name}: closed with {e.code} {e.reason}, instead of an answer")
            await self.connect()
            return
        assert isinstance(answer, str), "the answer to a text is a text"
        expected = msgpack.unpackb(bytes.fromhex(following["msgpack_hex"]), raw=False, strict_map_key=False)
        found = self.mapping.differ(expected, wire.unpack(answer))
        self.compared += 1
        if found and name not in MISSING:
            self.failures.append(f"{name}: {found}")

    async def run(self, folder):
        for name, interaction in wire.interactions(folder):
            if name in LATER or f"{folder}/{name}" in DEFECTS:
                continue
            frames = [f for f in interaction["frames"] if f.get("opcode") != 8 or f["direction"] == "s2c"]
            for k, frame in enumerate(frames):
                if self.socket is None and frame.get("opcode") is not None:
                    await self.connect()
                following = next((f for f in frames[k + 1:] if f["direction"] == "s2c" and f.get("opcode") is not None),
                                 None) if frame["direction"] == "c2s" else None
                await self.frame(name, frame, following)
        await self.socket.close()


class Worker:
    def __init__(self, name="alice", *options):
        self.arguments = ["--id", name, *options]

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, "worker", "--listen", "ws://127.0.0.1:0", *self.arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        url = self.process.stdout.readline().split()[-1]
        if "--listen" in self.arguments:
            Worker.second = self.process.stdout.readline().split()[-1]
        return url

    def __exit__(self, *why):
        self.process.terminate()
        _, errors = self.process.communicate(timeout=20)
        for word in ("Traceback", "ERROR: ", os.path.dirname(os.path.abspath(__file__)), "runtime error"):
            assert word not in errors, errors
        assert self.process.returncode == 0, (self.process.returncode, errors)


async def replay(folder):
    with Worker() as url:
        session = Replay(url)
        await session.run(folder)
    for failure in session.failures:
        print(f"{folder}/{failure}")
    print(f"{folder}: {session.compared} answers compared, {len(session.failures)} differ")
    assert session.compared > 20
    return not session.failures


def main():
    good = [asyncio.run(replay(folder)) for folder in ("torch", "all")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
