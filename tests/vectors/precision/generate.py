#!/usr/bin/python3
"""Fixed precision in Python's integers: fixed.txt, replayed by src/interpreters/precision/vectors_test.c.

    <what> <base> <precision> <field> <a> [<b>] = <result>    or "= refused"
Integers of a child, separated by commas; encode takes float32 values (as repr) and multiplies in float32, as PySyft
does. A result is refused when a value or, for products and sums, a number before truncation passes half the field.
matmul: 2x3 by 3x2. Field 0 is 2^64. Draws are seeded: the same file comes out every time. numpy is Debian's.
"""
import random

import numpy as np

R = random.Random(1303)
SCALES = [(10, 3, 0), (10, 3, 0), (10, 5, 0), (2, 16, 0), (10, 0, 0), (10, 2, 2**32), (2, 8, 2**32), (10, 3, 10**6 + 7), (3, 5, 2**61 - 1), (10, 18, 0)]


def most(field):
    return ((field or 2**64) - 1) // 2


def truncated(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def write(what, scale, operands, result):
    base, precision, field = scale
    result = "refused" if result is None else ",".join(map(str, result))
    print(what, base, precision, field, *(",".join(map(str, o)) for o in operands), "=", result, file=OUT)


def checked(values, limit):
    return None if any(abs(v) > limit for v in values) else values


def draw(scale, count):
    """Small ones, and some whose products just pass the field or just do not."""
    limit = most(scale[2])
    root = int(limit ** 0.5)
    kind = R.random()
    top = limit if kind < 0.1 else root if kind < 0.6 else min(limit, 10**6)
    return [R.randint(-top, top) if R.random() < 0.9 else R.choice([0, 1, -1, top, -top]) for _ in range(count)]


def main():
    for i in range(900):
        scale = R.choice(SCALES)
        base, precision, field = scale
        unit, limit = base**precision, most(field)
        what = R.choice(["encode", "mul", "mul", "matmul", "matmul", "add", "sub", "div", "truncate", "sum", "mean"])
        if what == "encode":
            spread = limit / unit * R.choice([1e-6, 0.1, 1.1])
            x = [np.float32(R.uniform(-spread, spread)) for _ in range(4)]
            products = [v * np.float32(unit) for v in x]
            r = checked([int(p) for p in products], limit)
            write(what, scale, [[repr(float(v)) for v in x]], r)
        elif what in ("mul", "div"):
            a, b = draw(scale, 4), draw(scale, 4)
            if what == "mul":
                r = checked([x * y for x, y in zip(a, b)], limit)
                r = None if r is None else [truncated(v, unit) for v in r]
            else:
                r = checked([x * unit for x in a], limit)
                r = None if r is None or 0 in b else [truncated(v, y) for v, y in zip(r, b)]
            write(what, scale, [a, b], r)
        elif what == "matmul":
            a, b = draw(scale, 6), draw(scale, 6)
            terms = [[[a[3 * i + k] * b[2 * k + j] for k in range(3)] for j in range(2)] for i in range(2)]
            sums = [sum(t) for row in terms for t in row]
            sizes = [sum(map(abs, t)) for row in terms for t in row]
            if checked(sizes, limit * (1 - 2.0**-45)) is None and checked(sizes, limit) is not None:
                continue  # too near to be told apart in double
            r = None if checked(sizes, limit) is None else [truncated(v, unit) for v in sums]
            write(what, scale, [a, b], r)
        elif what in ("add", "sub"):
            a, b = draw(scale, 4), draw(scale, 4)
            write(what, scale, [a, b], checked([x + y if what == "add" else x - y for x, y in zip(a, b)], limit))
        elif what == "truncate":
            a = draw(scale, 4)
            write(what, scale, [a], [truncated(v, unit) for v in a])
        else:
            a = draw(scale, 4)
            size = sum(map(abs, a))
            r = None if size > limit else [sum(a) if what == "sum" else truncated(sum(a), 4)]
            write(what, scale, [a], r)


with open("fixed.txt", "w") as OUT:
    main()
