#!/usr/bin/python3
"""Small NPY files as NumPy (Debian's python3-numpy) writes them, and manifest.txt:

    <file> <same|read|refused> <dtype> <shape> <elements in row-major order>

same: csyft writes these bytes, too; read: NumPy wrote another version or order; refused: a dtype that csyft
does not have (the rest of the line is "- - -"). Lists are comma-separated, "-" is the empty list.
Run in this folder; the same files come out every time.
"""
import numpy as np
from numpy.lib import format as npy

manifest = open("manifest.txt", "w")


def text(values):
    return ",".join(repr(float(v)) if isinstance(v, float) else str(int(v)) for v in values) or "-"


def write(name, array, kind="same", version=(1, 0)):
    with open(name + ".npy", "wb") as out:
        npy.write_array(out, array, version=version)
    if kind == "refused":
        print(name + ".npy", kind, "- - -", file=manifest)
    else:
        flat = np.ascontiguousarray(array).ravel().tolist()
        print(name + ".npy", kind, array.dtype.name, text(array.shape), text(flat), file=manifest)


edges = {"bool": [0, 1, 1, 0, 0, 1], "uint8": [0, 1, 2, 127, 128, 255],
         "float32": [0.0, -1.5, np.inf, 1e-40, 16777216.0, 3.4028234663852886e38],
         "float64": [0.1, -0.0, -np.inf, 5e-324, 1e300, 0.30000000000000004]}
for dtype in ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]:
    if dtype in edges:
        values = edges[dtype]
    else:
        limits = np.iinfo(dtype)
        values = [0, 1, -1, limits.max, limits.min, 77]
    write(dtype, np.array(values, dtype=dtype).reshape(2, 3))

counting = np.arange(24)
write("scalar", np.array(7, dtype="int32"))
write("one", np.array([2.5]))
write("vector", counting.astype("int16"))
write("empty", np.zeros((2, 0, 3), dtype="float32"))
write("deep", counting.reshape(1, 2, 1, 2, 1, 3, 2, 1))
write("strided", counting.reshape(4, 6)[::2, 1::2])
write("fortran", np.asfortranarray(counting.reshape(4, 6).astype("float32")), "read")
write("fortran3", np.asfortranarray(counting.reshape(2, 3, 4)), "read")
write("fortran_empty", np.asfortranarray(np.zeros((3, 0, 2), dtype="uint8")), "read")
write("version2", counting.reshape(2, 12), "read", (2, 0))
write("version3", counting.reshape(12, 2).astype("float64"), "read", (3, 0))

write("float16", np.zeros(2, dtype="float16"), "refused")
write("uint32", np.zeros(2, dtype="uint32"), "refused")
write("complex64", np.zeros(2, dtype="complex64"), "refused")
write("big_endian", np.zeros(2, dtype=">i4"), "refused")
write("text", np.array(["a", "bc"]), "refused")
write("time", np.zeros(2, dtype="datetime64[s]"), "refused")
write("record", np.zeros(2, dtype=[("a", "<i4"), ("b", "<f8", (2,))]), "refused")
write("object", np.array([None, {"a": 1}], dtype=object), "refused")
write("dims9", np.zeros((1,) * 9), "refused")
