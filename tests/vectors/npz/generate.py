#!/usr/bin/python3
"""NPZ files as NumPy (Debian's python3-numpy) writes them. The members of stored.npz and compressed.npz are the
arrays of ../npy that csyft reads, under the names of their files, so those say what is expected. set.npz is rows and
targets. Run in this folder; the same files come out every time.
"""
import io
import zipfile

import numpy as np

names = [line.split()[0][:-4] for line in open("../npy/manifest.txt") if line.split()[1] != "refused"]
arrays = {name: np.load(f"../npy/{name}.npy") for name in names}
np.savez("stored.npz", **arrays)
np.savez_compressed("compressed.npz", **arrays)

rows = np.arange(36, dtype="float32").reshape(6, 2, 3)
targets = np.arange(6, dtype="int64") % 3
np.savez("set.npz", x=rows, y=targets)
np.savez_compressed("set_compressed.npz", x=rows, y=targets)
np.savez("positional.npz", rows, targets)
np.savez("ambiguous.npz", X=rows, x=rows, y=targets)
np.savez("objects.npz", x=np.array([{}, None], dtype=object), y=targets)

# With another packing, and with a file that is no array, as zipfile writes them.
with zipfile.ZipFile("bzip2.npz", "w", zipfile.ZIP_BZIP2) as out:
    array = io.BytesIO()
    np.save(array, rows)
    out.writestr(zipfile.ZipInfo("x.npy"), array.getvalue(), zipfile.ZIP_BZIP2)
with zipfile.ZipFile("notes.npz", "w") as out:
    array = io.BytesIO()
    np.save(array, rows)
    out.writestr(zipfile.ZipInfo("README"), "rows")
    out.writestr(zipfile.ZipInfo("only.npy"), array.getvalue())
