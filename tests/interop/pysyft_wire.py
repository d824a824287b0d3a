"""Frames of PySyft 0.2.9 for the scripts beside this one: hex text, lz4 frames, comparison of what they say.

Written from docs/reference/pysyft-wire.md; shares no code with the library.
"""
import binascii
import io
import json
import pathlib
import pickletools
import struct
import zlib

import msgpack

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "pysyft-0.2.9"


def unlz4(frame):
    """An lz4 frame: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md"""
    assert frame[:4] == b"\x04\x22\x4d\x18", frame[:4]
    flags = frame[4]
    at = 6 + (8 if flags & 8 else 0) + 1
    out = bytearray()
    while True:
        size, = struct.unpack_from("<I", frame, at)
        at += 4
        if size == 0:
            break
        block = frame[at:at + (size & 0x7fffffff)]
        at += len(block) + (4 if flags & 16 else 0)
        if size >> 31:
            out += block
            continue
        k = 0
        while k < len(block):
            token = block[k]
            k += 1
            count = token >> 4
            if count == 15:
                while True:
                    count += block[k]
                    k += 1
                    if block[k - 1] != 255:
                        break
            out += block[k:k + count]
            k += count
            if k >= len(block):
                break
            offset = block[k] | block[k + 1] << 8
            k += 2
            count = (token & 15) + 4
            if token & 15 == 15:
                while True:
                    count += block[k]
                    k += 1
                    if block[k - 1] != 255:
                        break
            for _ in range(count):
                out.append(out[-offset])
    return bytes(out)


def unpack(message):
    """A websocket message, text or bytes -> value."""
    if isinstance(message, str):
        assert message.startswith("b'") and message.endswith("'"), message[:40]
        message = binascii.unhexlify(message[2:-1])
    scheme, body = message[0], message[1:]
    body = {40: lambda b: b, 41: unlz4, 42: zlib.decompress}[scheme](body)
    return msgpack.unpackb(body, raw=False, strict_map_key=False)


def pack(value, scheme=40):
    body = msgpack.packb(value, use_bin_type=True)
    return bytes([scheme]) + (zlib.compress(body) if scheme == 42 else body)


def text(message):
    return str(binascii.hexlify(message))


def interactions(folder):
    for path in sorted((VECTORS / folder).glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def stream(data):
    """A tensor's torch.save stream as comparable values: opcodes without storage keys, then the numbers."""
    at = io.BytesIO(data)
    found = []
    for _ in range(5):
        for op, arg, _pos in pickletools.genops(at):
            found.append((op.name, "key" if isinstance(arg, str) and arg.isdigit() and len(arg) > 0 else arg))
    return found, at.read()


class Mapping:
    """Which of our ids stands for which captured one."""

    def __init__(self):
        self.ours = {}

    def replace(self, value):
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self.ours.get(value, value)
        if isinstance(value, (list, tuple)):
            return [self.replace(v) for v in value]
        return value

    def differ(self, expected, actual, path=""):
        """None, or what is different. Large numbers that differ are ids, and mapped from then on."""
        if isinstance(expected, list) and isinstance(actual, list):
            if len(expected) != len(actual):
                return f"{path}: {len(expected)} elements, {len(actual)} came"
            if len(expected) == 2 and expected[0] in (41, 42, 69) and isinstance(expected[1], list):
                expected, actual = [expected[0], [expected[1][0], expected[1][2]]], [actual[0], [actual[1][0], actual[1][2]]]
            for k, (e, a) in enumerate(zip(expected, actual)):
                found = self.differ(e, a, f"{path}/{k}")
                if found:
                    return found
            return None
        if isinstance(expected, bytes) and isinstance(actual, bytes) and expected[:2] == b"\x80\x02":
            return None if stream(expected) == stream(actual) else f"{path}: streams differ"
        if type(expected) is int and type(actual) is int and expected > 100000 and expected != actual:
            if self.ours.setdefault(expected, actual) == actual:
                return None
        if type(expected) is not type(actual) or expected != actual:
            return f"{path}: {expected!r:.200} expected, {actual!r:.200} came"
        return None
