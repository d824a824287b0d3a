#!/usr/bin/env python3
"""examples/private_inference and private_digits: they print what README.md shows, but for errors, which truncation makes random,
times, and what the provider's messages take around the numbers; and end everywhere when one party cannot go on."""
import array
import json
import os
import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from processes import PATIENCE, SOURCE_DIR

DATA = SOURCE_DIR / "examples/data"


def run_example(name, *arguments):
    program = os.environ[f"CSYFT_EXAMPLE_{name.upper()}"]
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)


def shown(name):
    """What README.md says that an example prints."""
    readme = (SOURCE_DIR / "README.md").read_text()
    return re.search(rf"^\$ \S+/{name} [^\n]*\n(.*?)^```$", readme, re.S | re.M).group(1)


class PrivateInference(unittest.TestCase):
    def test_as_the_readme_shows_it(self):
        expected = shown("private_inference")
        result = run_example("private_inference", DATA / "breast_cancer.csv")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        said = re.compile(r"(differ.* by up to )([\d.]+)")
        dealt = re.compile(r"\d+ dealt")
        self.assertEqual(*(dealt.sub("dealt", said.sub(r"\1", text)) for text in (result.stdout, expected)))
        for (_, measured), (_, stated) in zip(said.findall(result.stdout), said.findall(expected), strict=True):
            self.assertAlmostEqual(float(measured), float(stated), delta=0.001)

    def test_a_party_that_fails(self):
        result = run_example("private_inference", "/nowhere/rows.csv")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "(?m)^model_owner: .*/nowhere/rows.csv")


def floats_of(path):
    """The names, dtypes and shapes of a file of safetensors, and its numbers."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), array.array("f", data[8 + size :])


class PrivateDigits(unittest.TestCase):
    def test_as_the_readme_shows_it(self):
        result = run_example("private_digits", DATA / "digits.csv", DATA / "digits_net.safetensors")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        varies = re.compile(r"\d+ +[\d.]+ ms$", re.M)  # dealt, and the time
        self.assertEqual(*(varies.sub("", text) for text in (result.stdout, shown("private_digits"))))

    def test_parties_that_fail(self):
        result = run_example("private_digits", DATA / "digits.csv", "/nowhere/net.safetensors")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "(?m)^model_owner: .*/nowhere/net.safetensors")
        result = run_example("private_digits", "/nowhere/digits.csv", DATA / "digits_net.safetensors")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "(?m)^data_owner: .*/nowhere/digits.csv")

    def test_the_net_is_what_remote_cnn_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "net.safetensors"
            result = run_example("remote_cnn", DATA / "digits.csv", "here", made)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
            about, numbers = floats_of(made)
        kept_about, kept = floats_of(DATA / "digits_net.safetensors")
        self.assertEqual(about, kept_about)
        # Another processor adds in another order, which training makes 2 per cent of; another net is another net.
        apart = sum((a - b) ** 2 for a, b in zip(numbers, kept, strict=True))
        self.assertLess(apart, 0.1**2 * sum(b * b for b in kept))


if __name__ == "__main__":
    unittest.main()
