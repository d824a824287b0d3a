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
    "matmul_256", "unbufferize_1e6", "federated_round", "virtual_workers_1e4",
)
# The same of the suite mpc, with the rounds of each, and its bytes both ways.
SHARING = {
    "mpc_mul_1e5": (1, 2 * 16 * 100000),
    "mpc_matmul_128_ahead": (2, 2 * 3 * 8 * 128 * 128),
    "mpc_conv2d_1": (2, 2 * 8 * (28 * 28 + 16 * 5 * 5 + 16 * 24 * 24)),
    "mpc_relu_1e4": (4, 2 * (8 * 10000 + 39 * 1250)),
    "mpc_max_pool2d_32": (8, 2 * (8 + 39 / 8) * 3 * 32 * 16 * 12 * 12),
    "mpc_linear_plan_1": (2, 2 * 8 * (784 + 128)),
    # three layers, two of which have relu, which divides as well; the least of nets with a convolution, and with pools
    "mpc_net_a_1": (12, 2 * (8 * (784 + 128 + 128 + 10) + 2 * (8 + 39 / 8) * 128)),
    "mpc_net_d_1": (12, 2 * (8 * (784 + 980 + 100 + 10) + 8 * (980 + 100) + 39 * (123 + 13))),
    "mpc_net_b_1": (33, 2 * (8 * (784 + 2304 + 256 + 100 + 10) + 8 * (3 * 2304 + 2304 + 3 * 256 + 256 + 100)
                             + 39 * (3 * 288 + 288 + 3 * 32 + 32 + 13))),
}


# Comparisons by each protocol, and material made ahead.
PROTOCOLS = {
    "mpc_ge_1_ahead": (4, 2 * (8 + 39)),
    "mpc_ge_1e3_fss": (2, 2 * (8 * 1000 + 125)),
    "mpc_relu_1e4_fss_ahead": (2, 2 * (8 * 10000 + 1250)),
    "mpc_ge_1e3_carry": (8, 2 * (8 * 1000 + 181 * 125)),
    "mpc_relu_1e4_carry_ahead": (8, 2 * (8 * 10000 + 181 * 1250)),
    "mpc_ge_1e3_snn": (9 + 1, 2 * (40 * 1000 + 32)),
    "mpc_relu_1e4_snn": (10 + 1, 2 * (56 * 10000 + 32)),
    "mpc_net_a_1_fss_ahead": (8, 2 * (8 * (784 + 128 + 128 + 10) + 2 * (8 + 1 / 8) * 128)),
    "mpc_net_a_1_snn": (6 + 2 * 10 + 1, 2 * (8 * (784 + 128 + 128 + 128 + 128 + 10) + 2 * 56 * 128 + 32)),
}
# Of the suite mpc_networks: what each takes at least, in ms: a way there and one back, and one for each round; for an echo two.
FAR = {
    "lan_echo": 0.5, "wan_echo": 40, "lan_ge_1e3": (2 + 4) * 0.25, "lan_net_a_1_fss_ahead": (2 + 8) * 0.25, "wan_ge_1_fss": (2 + 2) * 20,
    "wan_ge_1_auto": (2 + 2) * 20, "wan_ge_1e3_auto": (2 + 4) * 20,
}


class BenchTest(CliTest):
    def lines(self, names):
        """What is said about these scenarios, by name; each line is looked at."""
        lines = [json.loads(line) for line in self.succeed("bench", "--json", "--quick", *names).splitlines()]
        self.assertEqual([line["scenario"] for line in lines], list(names))
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
        return {line["scenario"]: line for line in lines}


class Scenarios(BenchTest):
    def test_every_kind_of_scenario(self):
        by_name = self.lines(SCENARIOS)
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
        for name in (*SCENARIOS, *SHARING, *PROTOCOLS, *FAR):
            self.assertIn(name, names)
        documented = (SOURCE_DIR / "docs/reference/performance.md").read_text()
        for name in names:
            self.assertIn(name, documented)

    def test_misuse(self):
        self.fail_with(2, "bench: nonsense: there is no such scenario", "bench", "virtual_add", "nonsense")


class Sharing(BenchTest):
    def costs(self, expected):
        """Rounds and bytes are those of the protocol."""
        for name, line in self.lines(expected).items():
            self.assertEqual((line["rounds"], line["bytes"]), expected[name], name)
            if name != "mpc_ge_1_ahead":  # whose correction may be the other holder's
                self.assertGreater(line["dealt"], 0, name)
            self.assertEqual(line["offline"] > 0, name.endswith("_ahead"), name)

    def test_every_kind_of_scenario(self):
        self.costs(SHARING)

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


class Protocols(Sharing):
    test_tables = None  # once is enough

    def test_every_kind_of_scenario(self):
        self.costs(PROTOCOLS)


class Networks(BenchTest):
    def test_every_kind_of_scenario(self):
        """Nothing is faster than the relay lets it be, and the limit goes through it as well."""
        for name, line in self.lines(FAR).items():
            self.assertGreaterEqual(line["min"], FAR[name], name)
            if "echo" not in name:
                trip = 0.5 if name.startswith("lan") else 40
                self.assertGreaterEqual(line["limit"], trip * line["rounds"], name)
                self.assertEqual(line["offline"] > 0, name.endswith("_ahead"), name)

    RUN = {"unit": "ms", "limit": 1, "goal": None, "met": None, "bytes": 1, "rounds": 1, "dealt": 0, "offline": 0,
           "check": True, "load": 1.5, "machine": "m", "compiler": "c", "kernels": "k"}

    def test_protocols_side_by_side(self):
        """The fastest is bold, among those without and those with material ahead; a file is a run."""
        run = self.RUN
        medians = {"wan_ge_1": (9, 8, 10), "wan_ge_1_fss": (6, 7, 8), "wan_ge_1_snn": (6.5, 7.5, 9), "wan_ge_1_ahead": (3, 4, 5),
                   "wan_ge_1_fss_ahead": (1, 2, 9), "lan_ge_1": (1, 1, 1)}
        files = []
        for k in range(3):
            files.append(self.folder / f"{k}.json")
            files[-1].write_text("".join(json.dumps({"scenario": name, "median": of[k], "min": of[k] / 2, "ratio": of[k], **run}) + "\n"
                                         for name, of in medians.items()))
        page = self.folder / "page.md"
        page.write_text("".join(f"<!-- bench/table {name}: begin -->\n<!-- bench/table {name}: end -->\n"
                                for name in ("mpc_networks", "protocols")))
        subprocess.run([SOURCE_DIR / "bench/table", "--write", page, *files], check=True)
        far, side = page.read_text().split("<!-- bench/table protocols: begin -->")
        self.assertRegex(far, r"(?m)^\| wan_ge_1_fss_ahead \| 2 ms ")
        self.assertIn("| 40 ms, 100 Mbit/s | ge_1 | 9 (4) | **7 (3)** | - | **7.5 (3.25)** | - | 4 (1.5) | **2 (0.5)** | - | - |", side)
        self.assertIn("| 0.5 ms | ge_1 | **1 (0.5)** | - | - | - | - | - | - | - | - |", side)
        self.assertIn("3 runs, load average 1.5 to 1.5", side)

    def test_model(self):
        """Beside 117.5 ms for everything that is far, where one comparison takes 1 ms on loopback, and each of many 1 us: what the model
        says as reckoned by hand. Without all that it needs there is no such table, and a page has the tables that it has markers of."""
        markers = "<!-- bench/table model: begin -->", "<!-- bench/table model: end -->"
        lines = [json.dumps({"scenario": f"{network}_{work}{way}{ahead}", "median": 200, "ratio": 1, **self.RUN,
                             "min": 117.5 if network != "mpc" else 101 if work == "ge_1e5" else 1})
                 for network in ("mpc", "lan", "wan") for work in ("ge_1", "ge_1e3", "ge_1e4", "ge_1e5")
                 for way in ("", "_fss", "_carry", "_snn") for ahead in ("", "_ahead") if way + ahead != "_snn_ahead"]
        run, page = self.folder / "run.json", self.folder / "model.md"
        page.write_text("\n".join(markers) + "\n")
        run.write_text("\n".join(lines[1:]) + "\n")
        subprocess.run([SOURCE_DIR / "bench/table", "--write", page, run], check=True)
        self.assertEqual(page.read_text(), "\n".join(markers) + "\n")
        run.write_text("\n".join(lines) + "\n")
        subprocess.run([SOURCE_DIR / "bench/table", "--write", page, run], check=True)
        rows = {row.split(" | ")[0]: [cell.strip(" |") for cell in row.split(" | ")[1:]] for row in page.read_text().splitlines()}
        self.assertEqual(rows["| fss, ahead"][:2], ["1 ms", "1000 ns"])
        self.assertEqual(rows["| fss, ahead"][8], "1.00")  # 1 + 5 * 20 + 10 + 6.5 ms
        self.assertEqual(rows["| bits"][9], "3.89")  # 1 + 8 * 20 + 100 + 196 ms
        self.assertEqual(rows["| snn"][2], "0.04")  # 1 + 14 * 0.25 ms
        self.assertEqual(rows["| carry, ahead"][9], "4.82")  # 1 + 11 * 20 + 100 + 245 ms
        self.assertIn("in 16 of 16 cases", page.read_text())  # all are as fast


if __name__ == "__main__":
    unittest.main()
