#!/usr/bin/env python3
"""csyft plan: a plan that a program saved is shown, run here, sent, run at a worker and fetched; the rest is refused."""
import unittest

from processes import SOURCE_DIR, CliTest, csyft, npy, read_npy

PLAN = SOURCE_DIR / "tests/vectors/plans/layer.plan"  # what examples/plan.c saves
CODE = """def layer(x):
    var_0 = x.matmul(self.weight)
    var_1 = var_0.add(self.bias)
    out_1 = var_1.relu()
    return out_1"""


def layer(rows):
    """relu(x @ [[1, -1], [2, 0.5]] + [0.5, 0])"""
    return [max(value, 0) for a, b in rows for value in (a + 2 * b + 0.5, -a + 0.5 * b)]


class Here(CliTest):
    def test_show(self):
        text = self.succeed("plan", "show", PLAN)
        self.assertRegex(text, r"^<Plan layer id:\d+ owner:\S+ built>\n")
        self.assertIn("argument  x  float32  -1x2\n", text)
        self.assertIn("state     weight  float32  2x2\n", text)
        self.assertIn("state     bias  float32  2\n", text)
        self.assertTrue(text.endswith(CODE), text)

    def test_run(self):
        x, y = self.folder / "x.npy", self.folder / "y.npy"
        for rows in (1, 3, 8):
            data = [(2 * k - 3, 2 * k - 2) for k in range(rows)]
            x.write_bytes(npy("<f4", (rows, 2), [value for row in data for value in row]))
            self.assertEqual(self.succeed("plan", "run", PLAN, x, "-o", y), "")
            self.assertEqual(read_npy(y), ("<f4", (rows, 2), layer(data)))
        self.assertIn("tensor(", self.succeed("plan", "run", PLAN, x))

    def test_refusals(self):
        x = self.write_npy("x.npy", "<f4", (2, 5), [0] * 10)
        self.fail_with(1, "csyft plan: plan layer, step 1 .matmul.*2x5", "plan", "run", PLAN, x)
        self.fail_with(1, "takes 1 arguments", "plan", "run", PLAN)
        self.fail_with(1, "nowhere.plan", "plan", "show", "/nowhere.plan")
        whole = PLAN.read_bytes()
        broken = self.folder / "broken.plan"
        for size in (0, 1, 10, len(whole) // 2, len(whole) - 1):
            broken.write_bytes(whole[:size])
            self.fail_with(1, "csyft plan: .*broken.plan", "plan", "show", broken)
        broken.write_bytes(whole.replace(b"matmul", b"system"))
        self.fail_with(1, "system.* is not a supported Torch operation", "plan", "show", broken)

    def test_convert(self):
        x, y, there, back = (self.folder / name for name in ("x.npy", "y.npy", "there.plan", "back.plan"))
        x.write_bytes(npy("<f4", (2, 2), [1, 2, -3, 4]))
        layouts = ["0.2.9", "0.2.4"]
        if "without protobuf-c" not in csyft("plan", "convert", PLAN, "-f", "protobuf", "-o", there).stderr:
            layouts.append("protobuf")
        for layout in layouts:
            self.assertEqual(self.succeed("plan", "convert", PLAN, "-f", layout, "-o", there), "")
            self.assertEqual(self.succeed("plan", "convert", there, "--output", back), "")
            for file in (there, back):
                self.succeed("plan", "run", file, x, "-o", y)
                self.assertEqual(read_npy(y), ("<f4", (2, 2), layer([(1, 2), (-3, 4)])))
            self.assertIn("= arg_1.matmul(state_1)", self.succeed("plan", "show", there))
        self.fail_with(2, "--format 0.3: expected csyft, 0.2.9, 0.2.4 or protobuf", "plan", "convert", PLAN, "-f", "0.3", "-o", y)
        self.fail_with(2, "csyft plan: ", "plan", "convert", PLAN)

    def test_misuse(self):
        for words in (("show",), ("show", "a", "b"), ("fetch", "tcp://localhost:1", "2"), ("send", "a", "b"),
                      ("make", "a")):
            self.fail_with(2, "csyft plan: ", "plan", *words)


class There(CliTest):
    def test_send_run_fetch(self):
        for scheme in ("tcp", "ws"):
            worker = self.start("bob", listen=(f"{scheme}://127.0.0.1:0",))
            x = self.write_npy("x.npy", "<f4", (2, 2), [1, 2, -3, 1])
            y, fetched = self.folder / "y.npy", self.folder / "fetched.plan"
            plan = self.succeed("plan", "send", worker.url, PLAN, "--tag", "#net").strip()
            data = self.succeed("send", worker.url, x).strip()
            result = self.succeed("plan", "run", worker.url, plan, data).strip()
            self.succeed("get", worker.url, result, "-o", y)
            self.assertEqual(read_npy(y), ("<f4", (2, 2), [5.5, 0, 0, 3.5]))
            self.assertIn(plan, self.succeed("search", worker.url, "#net"))
            self.assertTrue(self.succeed("plan", "show", worker.url, plan).endswith(CODE))
            self.succeed("plan", "fetch", worker.url, plan, "-o", fetched)
            self.assertTrue(self.succeed("plan", "show", fetched).endswith(CODE))
            self.fail_with(1, "bob.*no plan|no plan.*bob", "plan", "run", worker.url, data, data)
            self.fail_with(1, "12345", "plan", "run", worker.url, "12345", data)


if __name__ == "__main__":
    unittest.main()
