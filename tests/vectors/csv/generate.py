#!/usr/bin/python3
"""floats.txt: Python's repr of doubles and NumPy's of floats, one per line.

    f64 <bits, hexadecimal> <repr(float)>
    f32 <bits, hexadecimal> <digits>

For f32 the digits are NumPy's shortest ones (numpy.format_float_scientific) laid out as repr(float) would.
Run in this folder; the same file comes out every time.
"""
import random
import struct
import numpy as np

rng = random.Random(754)


def from_bits(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def single_text(value):
    """Shortest digits of a float32; a float with so few digits is printed by repr with the same ones."""
    return repr(float(np.format_float_scientific(value)))


doubles = [0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.1 + 0.2, 1 / 3, 2 / 3, 5e-324, 1e-323, 2.2250738585072014e-308,
           2.225073858507201e-308, 1.7976931348623157e308, 1e15, 1e16, 1e17, 123456789012345680.0, 1e-4, 1e-5,
           0.00012345, 9007199254740993.0, 9007199254740992.0, 4.35, 100.0, 1e22, 1e23, 5e22, 3e-5, 299792458.0,
           float("inf"), float("-inf"), float("nan")]
doubles += [2.0 ** e for e in range(-1074, 1024)]
doubles += [float(f"1e{e}") for e in range(-323, 309, 3)]
doubles += [round(rng.uniform(-1000, 1000), rng.randrange(0, 6)) for _ in range(500)]
while len(doubles) < 2500:
    value = from_bits(rng.getrandbits(64))
    if value == value and abs(value) != float("inf"):
        doubles.append(value)

singles = [0.0, -0.0, 1.0, 0.1, 0.2, 0.3, 1 / 3, 1e-45, 3e-45, 1.1754944e-38, 3.4028235e38, 16777216.0, 33554432.0,
           8388608.5, 1e10, 2.5e-5, 1e16]
singles += [2.0 ** e for e in range(-149, 128)]
singles += [struct.unpack("<f", struct.pack("<I", rng.getrandbits(32)))[0] for _ in range(500)]

with open("floats.txt", "w") as out:
    for value in doubles:
        print("f64", f"{bits_of(value):016x}", repr(value), file=out)
    for value in singles:
        single = np.float32(value)
        if np.isfinite(single):
            print("f32", f"{int(single.view(np.uint32)):08x}", single_text(single), file=out)
