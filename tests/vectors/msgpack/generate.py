#!/usr/bin/python3
"""values.txt: what python3-msgpack (Debian) packs, one value a line: <hex of the bytes> <the value>.

nil true false; i and a decimal; f and the eight bytes of the double; s or b and the bytes in hex; [a,b]; {k=v,k=v}.
Run in this folder; the same file comes out every time.
"""
import random
import struct

import msgpack


def text(value):
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, bytes):
        return "b" + value.hex()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(text, value)) + "]"
    return "{" + ",".join(f"{text(k)}={text(v)}" for k, v in value.items()) + "}"


def tree(draw, depth):
    kind = draw.randrange(9 if depth > 0 else 7)
    if kind < 3:
        return draw.choice([None, True, False, draw.randrange(-200, 300)])
    if kind == 3:
        return draw.randrange(-2**63, 2**64) >> draw.randrange(64)
    if kind == 4:
        return draw.choice([0.5, -1e300, draw.random(), float(draw.randrange(1000))])
    if kind == 5:
        return "".join(draw.choice("abcdéß€😀 ") for _ in range(draw.randrange(40)))
    if kind == 6:
        return bytes(draw.randrange(256) for _ in range(draw.randrange(20)))
    if kind == 7:
        return [tree(draw, depth - 1) for _ in range(draw.randrange(20 if depth < 3 else 6))]
    return {draw.choice(["k", "key", "ä"]) + str(i): tree(draw, depth - 1) for i in range(draw.randrange(18))}


edges = [None, True, False, "", b"", [], {}, 0.0, -0.0, float("inf"), float("-inf"), float("nan"), 5e-324]
for bits in (5, 7, 8, 15, 16, 31, 32, 63, 64):
    for value in (2**bits - 1, 2**bits, 2**bits + 1, -(2**bits) - 1, -(2**bits), -(2**bits) + 1):
        if -(2**63) <= value < 2**64:
            edges.append(value)
for length in (1, 15, 16, 31, 32, 255, 256):
    edges += ["x" * length, b"y" * length, [1] * length, {i: i for i in range(length)}]
nested = []
for _ in range(40):
    nested = [nested]
edges.append(nested)

draw = random.Random(1)
with open("values.txt", "w") as out:
    for value in edges + [tree(draw, 4) for _ in range(120)]:
        print(msgpack.packb(value).hex(), text(value), file=out)
