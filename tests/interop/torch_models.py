#!/usr/bin/env python3
"""What csyft writes, PyTorch loads, and the other way round: random state dicts through every format, live.

Needs PyTorch (Debian's python3-torch) and is therefore a long test; `make check` compares with files that PyTorch
wrote (tests/vectors/models).
"""
import os
import pathlib
import subprocess
import sys
import tempfile
from collections import OrderedDict

PYTHON = "/usr/bin/python3"  # the one that Debian's torch is for
try:
    import torch
except ImportError:
    if sys.executable != PYTHON and subprocess.run([PYTHON, "-c", "import torch"], capture_output=True).returncode == 0:
        os.execv(PYTHON, [PYTHON, *sys.argv])
    print("PyTorch is not installed: apt-get install python3-torch", file=sys.stderr)
    sys.exit(1)

PROGRAM = os.environ["CSYFT_PROGRAM"]
DTYPES = [torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool]


def draw(generator):
    def number(high):
        return int(torch.randint(high, (1,), generator=generator))
    shape = [number(4) for _ in range(number(5))]
    base = torch.randint(-100, 100, [size + 1 for size in shape], generator=generator).to(DTYPES[number(len(DTYPES))])
    for dim, size in enumerate(shape):
        base = base.narrow(dim, number(2), size)
    return base.permute(*torch.randperm(len(shape), generator=generator).tolist()) if shape and number(2) else base


def compare(expected, actual, what):
    assert list(expected) == list(actual), (what, list(expected), list(actual))
    for name, tensor in expected.items():
        other = actual[name]
        assert tensor.dtype == other.dtype and tensor.shape == other.shape and torch.equal(tensor, other), (what, name)


def convert(source, target, *options):
    subprocess.run([PROGRAM, "model", "convert", *options, source, target], check=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed in range(40):
            generator = torch.Generator().manual_seed(seed)
            state = OrderedDict((f"t{k}", draw(generator)) for k in range(seed % 12))
            if len(state) > 3:
                state["view"] = state["t3"].t() if state["t3"].dim() == 2 else state["t3"]
            torch.save(state, folder / "a.pt", _use_new_zipfile_serialization=seed % 2 == 0)
            for options, target in (([], "b.pt"), (["-f", "legacy"], "c.pt")):
                convert(folder / "a.pt", folder / "a.safetensors")
                convert(folder / "a.safetensors", folder / target, *options)
                compare(state, torch.load(folder / target), f"seed {seed}, by safetensors, {target}")
                convert(folder / "a.pt", folder / target, *options)
                compare(state, torch.load(folder / target), f"seed {seed}, {target}")
        net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 2))
        torch.save(net.state_dict(), folder / "net.pt")
        convert(folder / "net.pt", folder / "again.pt")
        state = torch.load(folder / "again.pt")
        assert state._metadata == net.state_dict()._metadata
        net.load_state_dict(state)
    print("40 state dicts and a network, through 5 conversions each")


if __name__ == "__main__":
    main()
