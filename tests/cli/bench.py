#!/usr/bin/env python3
"""csyft bench: every kind of scenario runs, and its line of JSON says everything. Times are not looked at."""
import json
import re
import subprocess
import unittest

from processes import SOURCE_DIR, CliTest

KEYS = {
    "scenario", "median", "min", "unit", "limit_name", "limit", "ratio", "goal", "met", "bytes", "rounds", "kernels",
    "machine", "compiler", "load", "check", "dealt", "offline",
}
# One or two of each kind; the rest differ in sizes only.
SCENARIOS = (
    "virtual_add", "tcp_plan_20", "tcp_plan_layers_32", "plan_layers_size", "tcp_add", "tcp_add_spinning", "tcp_add_pipelined", "ws_add", "send_tcp_1KiB", "get_tcp_1MiB",
    "send_ws_1MiB", "get_ws_1KiB", "get_tcp_64MiB_memory", "worker_start", "worker_rss", "add_1e6", "sum_1e6",
    "matmul_256", "unbufferize_1e6", "mpc_mul_1e5", "mpc_matmul_128_ahead", "mpc_linear_plan_1",
)
ROUNDS = {"mpc_mul_1e5": 1, "mpc_matmul_128_ahead": 2, "mpc_linear_plan_1": 2}


class Bench(CliTest):
    def lines(self, *names):
        return [json.loads(line) for line in self.succeed("bench", "--json", "--quick", *names).splitlines()]

    def test_every_kind_of_scenario(self):
        lines = self.lines(*SCENARIOS)
        self.assertEqual([line["scenario"] for line in lines], list(SCENARIOS))
        for line in lines:
            with self.subTest(line["scenario"]):
                self.assertEqual(set(line), KEYS)
                self.assertIs(line["check"], True)
                if line["limit"] is None and line["scenario"] == "unbufferize_1e6":
                    continue  # built without protobuf-c
                self.assertGreater(line["median"], 0)
                self.assertGreaterEqual(line["median"], line["min"])
                self.assertIn(line["unit"], ("us", "ms", "MB"))
                self.assertIn(line["kernels"], ("generic", "avx2", "avx512"))
                if line["limit"] is not None:
                    self.assertAlmostEqual(line["ratio"], line["median"] / line["limit"], delta=0.01 * line["ratio"])
                self.assertEqual(line["goal"] is None, line["met"] is None)
        by_name = {line["scenario"]: line for line in lines}
        for name, rounds in ROUNDS.items():
            self.assertEqual(by_name[name]["rounds"], rounds, name)
        self.assertEqual(by_name["mpc_mul_1e5"]["bytes"], 2 * 16 * 100000)
        self.assertGreater(by_name["mpc_mul_1e5"]["dealt"], 0)
        for line in lines:
            self.assertEqual(line["offline"] > 0, line["scenario"].endswith("_ahead"), line["scenario"])
        for name in ("virtual_add", "tcp_add", "ws_add"):
            self.assertEqual(by_name[name]["rounds"], 1, name)
        # But for the ids, which are drawn: a small one takes 4 bytes less, in up to four places.
        self.assertAlmostEqual(by_name["tcp_add"]["bytes"], by_name["ws_add"]["bytes"], delta=16)
        self.assertEqual(by_name["tcp_add_pipelined"]["rounds"], 0)
        self.assertGreater(by_name["send_ws_1MiB"]["bytes"], 1 << 20)

    def test_the_table(self):
        text = self.succeed("bench", "--quick", "worker_rss")
        self.assertRegex(text, r"(?m)^worker_rss +\d")
        self.assertIn("<= 8 MB", text)

    def test_list(self):
        names = re.findall(r"^(\S+) +\S", self.succeed("bench", "--list"), re.M)
        self.assertEqual(len(names), len(set(names)))
        for name in SCENARIOS:
            self.assertIn(name, names)
        documented = (SOURCE_DIR / "docs/reference/performance.md").read_text()
        for name in names:
            self.assertIn(name, documented)

    def test_tables(self):
        """bench/table puts secret sharing and the rest in tables of their own, into the pages' markers."""
        run = self.folder / "run.json"
        run.write_text(self.succeed("bench", "--json", "--quick", "worker_rss", "mpc_mul_1_ahead") + "\n")
        page = self.folder / "page.md"
        markers = "".join(f"<!-- {name}: begin -->\n<!-- {name}: end -->\n" for name in ("bench/table", "bench/table mpc"))
        page.write_text(f"before\n{markers}after\n")
        subprocess.run([SOURCE_DIR / "bench/table", "--write", page, run], check=True)
        text = page.read_text()
        rest, mpc = text.split("<!-- bench/table mpc: begin -->")
        self.assertRegex(rest, r"(?m)^\| worker_rss \| .* \| resident memory of a bare libwebsockets server \|$")
        self.assertRegex(mpc, r"(?m)^\| mpc_mul_1_ahead \|.*\| [\d.]+ ms \| 1 \| 32 \| \d* ?\|$")
        self.assertNotIn("mpc_mul_1_ahead", rest)
        self.assertNotIn("worker_rss", mpc)
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        subprocess.run([SOURCE_DIR / "bench/table", "--write", page, run], check=True)
        self.assertEqual(page.read_text(), text)

    def test_misuse(self):
        self.fail_with(2, "bench: nonsense: there is no such scenario", "bench", "virtual_add", "nonsense")


if __name__ == "__main__":
    unittest.main()
