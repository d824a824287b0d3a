#!/usr/bin/python3
"""What PyTorch 1.13 (Debian's python3-torch) computes for the rows of ops.def that have a kernel.

kernels/<subject>.txt: one call a line, "<name> ~<relative>,<absolute> <arguments> = <results>". A name that ends in
_ runs in place and its result is the first argument afterwards. Every parameter of the row is written.
Tokens:
    float32[3,4]{1,3}@2:v,v,...   a tensor: shape, strides, offset, then the whole storage
    float32[3,4]:v,v,...          the same packed; results are always packed
    7  1.5  True  None            numbers and none;  :int64 a dtype;  'mean' a string
    (a|b|c)                       a list
The tolerance is for floating results; all others are equal. Where both are 0, floats are equal, too.
Tensors come packed, permuted, cut out of larger ones and expanded; floats with NaN, infinities and
extremes, integers with both ends of their range, unless PyTorch leaves the answer open there.

Where csyft differs on purpose, nothing is drawn: comparison of small integers with numbers that they cannot
hold (PyTorch wraps the number), powers 0.5 of infinities, casts of floats beyond the integer's range.

kernels/<subject>.py draw them, each from a seed of its own; drawing.py has what they share. Arguments are the
subjects to draw, by default all of them; the same files come out every time. The long sweep (script "sweep") draws
others:
    generate_kernels.py --seed N --repeat N --to FOLDER; CSYFT_KERNEL_VECTORS=FOLDER <test program>
"""
import argparse
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import drawing  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1913)
    parser.add_argument("--repeat", type=int, default=1, help="how many times the usual number of lines")
    parser.add_argument("--to", type=pathlib.Path, default=HERE / "kernels", help="folder of the files")
    parser.add_argument("subjects", nargs="*")
    arguments = parser.parse_args()
    drawing.REPEAT = arguments.repeat
    for script in sorted((HERE / "kernels").glob("*.py")):
        if arguments.subjects and script.stem not in arguments.subjects:
            continue
        drawing.R.seed(f"{script.stem} {arguments.seed}")
        with open(arguments.to / f"{script.stem}.txt", "w") as drawing.out:
            runpy.run_path(str(script))


if __name__ == "__main__":
    main()
