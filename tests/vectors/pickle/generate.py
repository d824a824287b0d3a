#!/usr/bin/python3
"""Pickles as CPython writes them, with what they hold, in cases.txt:

    <protocol> <pickle in hex> <value>

A value is None, True, False, an int, f<bits of a float in hex>, s<text as hex>, b<bytes as hex>, [..], (..), {..} with
',' behind every item (dicts: key, value, key, value), or <set,..>. The same file comes out every time.
"""
import pickle
import pickletools
import random
import struct

random.seed(20261121)


def text(v):
    if v is None or isinstance(v, bool) or isinstance(v, int):
        return str(v)
    if isinstance(v, float):
        return "f" + struct.pack(">d", v).hex()
    if isinstance(v, str):
        return "s" + v.encode().hex()
    if isinstance(v, (bytes, bytearray)):
        return "b" + v.hex()
    if isinstance(v, dict):
        return "{" + "".join(f"{text(k)},{text(i)}," for k, i in v.items()) + "}"
    if isinstance(v, (set, frozenset)):
        return "<" + "".join(f"{text(i)}," for i in v) + ">"
    brackets = "[]" if isinstance(v, list) else "()"
    return brackets[0] + "".join(f"{text(i)}," for i in v) + brackets[1]


def draw(protocol, depth):
    kind = random.randrange(12 if depth > 0 else 7)
    if kind == 0:
        return random.choice([None, True, False])
    if kind in (1, 2):
        return random.randrange(-(1 << (b := random.randrange(1, 64))), 1 << b)
    if kind == 3:
        return random.choice([0.0, -1.5, 1e300, 5e-324, float("inf"), 0.1])
    if kind in (4, 5):
        letters = "ab'\"\\\n\t\u00e4\u20ac\U0001f600\x00 z"
        return "".join(random.choice(letters) for _ in range(random.randrange(6))) + "x" * random.choice([0, 0, 300])
    if kind == 6:
        return bytes(random.randrange(256) for _ in range(random.randrange(5))) if protocol >= 3 else 7
    size = random.randrange(5)
    if kind in (7, 8):
        return [draw(protocol, depth - 1) for _ in range(size)]
    if kind == 9:
        return tuple(draw(protocol, depth - 1) for _ in range(size))
    if kind == 10:
        return {draw(protocol, 0): draw(protocol, depth - 1) for _ in range(size)}
    if protocol < 4:
        return [draw(protocol, depth - 1)] * 3  # memo
    return random.choice([set, frozenset])([draw(protocol, 0)] if size else [])


FIXED = [2**63 - 1, -(2**63), 255, 256, 65535, 65536, -1, 2**31, -(2**31) - 1, "", [], (), {}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
         list(range(1003)), {k: None for k in range(1001)}, "\u007f\u0080\u07ff\u0800\uffff", [[[]]], float("-inf")]

with open("cases.txt", "w") as out:
    for protocol in range(6):
        for value in FIXED + [draw(protocol, 4) for _ in range(30)]:
            data = pickle.dumps(value, protocol)
            assert text(pickle.loads(data)) == text(value)
            print(protocol, data.hex(), text(value), file=out)
        shared = ["s"]
        for value in ({"a": shared, "b": shared},):
            data = pickletools.optimize(pickle.dumps(value, protocol))
            print(protocol, data.hex(), text(value), file=out)
    # Python 2's strings.
    print(0, b"S'a\\x41\\n\\'\"'\np0\n.".hex(), text("aA\n'\""), file=out)
    print(1, b"U\x03abcq\x00.".hex(), text("abc"), file=out)
    print(1, b"T\x02\x00\x00\x00\xff\xfe.".hex(), text(b"\xff\xfe"), file=out)
    print(0, b"(lp0\nI01\naI00\naI5\naL12L\na.".hex(), text([True, False, 5, 12]), file=out)
    print(2, b"\x80\x02K\x01K\x020.".hex(), text(1), file=out)
    print(2, b"\x80\x02K\x01(K\x02K\x031.".hex(), text(1), file=out)
    print(2, b"\x80\x02K\x01(0.".hex(), text(1), file=out)
    print(2, b"\x80\x02]K\x05\x32\x86a.".hex(), text([(5, 5)]), file=out)
