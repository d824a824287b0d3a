#!/usr/bin/env python3
"""examples/private_inference: prints what README.md shows, but for the error, which truncation makes random, and what the
provider's messages take around the numbers; and ends everywhere when one party cannot go on."""
import os
import re
import subprocess
import unittest

from processes import PATIENCE, SOURCE_DIR

EXAMPLE = os.environ["CSYFT_EXAMPLE_PRIVATE_INFERENCE"]


class PrivateInference(unittest.TestCase):
    def run_example(self, path):
        return subprocess.run([EXAMPLE, str(path)], capture_output=True, text=True, timeout=PATIENCE)

    def test_as_the_readme_shows_it(self):
        readme = (SOURCE_DIR / "README.md").read_text()
        shown = re.search(r"^\$ \S+/private_inference [^\n]*\n(.*?)^```$", readme, re.S | re.M).group(1)
        result = self.run_example(SOURCE_DIR / "examples/data/breast_cancer.csv")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        said = re.compile(r"(differ.* by up to )([\d.]+)")
        dealt = re.compile(r"\d+ dealt")
        self.assertEqual(*(dealt.sub("dealt", said.sub(r"\1", text)) for text in (result.stdout, shown)))
        for (_, measured), (_, stated) in zip(said.findall(result.stdout), said.findall(shown), strict=True):
            self.assertAlmostEqual(float(measured), float(stated), delta=0.001)

    def test_a_party_that_fails(self):
        result = self.run_example("/nowhere/rows.csv")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "(?m)^model_owner: .*/nowhere/rows.csv")


if __name__ == "__main__":
    unittest.main()
