#!/usr/bin/python3
"""The gradients that torch.autograd (PyTorch 1.13, Debian's python3-torch) gives for the rows of gradients.c.

<subject>.txt: one call a line, "<name> ~<relative>,<absolute> <arguments> = <upstream> = <gradients>". Tokens are those
of ../ops/generate_kernels.py and an index expression's: <1,,2> a slice, ... an ellipsis. A * stands in front of each
tensor that requires a gradient, in lists, too. For each result of the call <upstream> has the gradient that arrives, or
None where none does; <gradients> are those of the marked tensors in their order, None where nothing reaches them. A
name that ends in _ runs in place on a copy of its first argument.
The tolerance is relative and absolute, for floats; where both are 0 they are equal.

<subject>.py draw them, each from a seed of its own, with ../ops/drawing.py and gradient_drawing.py. Arguments are the
subjects to draw, by default all of them; the same files come out every time.
    generate.py --seed N --repeat N --to FOLDER; CSYFT_GRADIENT_VECTORS=FOLDER <hook_gradients_vectors_test>
"""
import argparse
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "ops")]
sys.dont_write_bytecode = True

import drawing  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1913)
    parser.add_argument("--repeat", type=int, default=1, help="how many times the usual number of lines")
    parser.add_argument("--to", type=pathlib.Path, default=HERE, help="folder of the files")
    parser.add_argument("subjects", nargs="*")
    arguments = parser.parse_args()
    drawing.REPEAT = arguments.repeat
    for script in sorted(HERE.glob("*.py")):
        if script.stem in ("generate", "gradient_drawing") or (arguments.subjects and script.stem not in arguments.subjects):
            continue
        drawing.R.seed(f"gradients {script.stem} {arguments.seed}")
        with open(arguments.to / f"{script.stem}.txt", "w") as drawing.out:
            runpy.run_path(str(script))


if __name__ == "__main__":
    main()
