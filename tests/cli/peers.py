#!/usr/bin/env python3
"""bench/peers/crypten without CrypTen: that it says so, what it makes of both sides' lines, and how a party's failure ends it."""
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys
import unittest

from processes import PATIENCE, PROGRAM, SOURCE_DIR, CliTest

DRIVER = SOURCE_DIR / "bench/peers/crypten"
BUILD = pathlib.Path(PROGRAM).parents[2]
sys.dont_write_bytecode = True  # beside the driver


class Peers(CliTest):
    def run_driver(self, module, *arguments):
        """With this in the place of CrypTen."""
        (self.folder / "crypten.py").write_text(module)
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        return subprocess.run([sys.executable, DRIVER, "--build", BUILD, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment)

    def test_not_installed(self):
        result = self.run_driver("raise ImportError('taken away')")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^CrypTen is not installed for .* \(ImportError: taken away\): nothing to compare with\n$")

    def test_no_such_case(self):
        result = self.run_driver("", "--only", "softmax")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no case has 'softmax' in its name; there are mul 1e5, ", result.stderr)

    def test_a_party_that_fails(self):
        result = self.run_driver("import os, sys\nif 'RANK' in os.environ:\n    sys.exit('out of order')\n",
                                 "--quick", "--only", "matmul 128")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "bench/peers/crypten: CrypTen: out of order\n")

    def test_table(self):
        loader = importlib.machinery.SourceFileLoader("driver", str(DRIVER))
        driver = importlib.util.module_from_spec(importlib.util.spec_from_loader("driver", loader))
        loader.exec_module(driver)
        line = lambda median, least, check=True: {"case": "mul 1e5", "median": median, "min": least, "check": check}
        text = driver.table([line(1, 0.5), line(3, 0.75), line(2, 0.25)], [line(8, 5), line(8, 4, False)])
        self.assertEqual(text.splitlines()[2:], ["| mul 1e5 | 2 ms | 0.25 ms | 8 ms | 4 ms **wrong result** | 0.25 |"])

    def test_cases_are_scenarios(self):
        listed = self.succeed("bench", "--list")
        for scenario in set(part for part in DRIVER.read_text().split('"') if part.startswith("mpc_")):
            self.assertIn(f"\n{scenario} ", listed)


if __name__ == "__main__":
    unittest.main()
