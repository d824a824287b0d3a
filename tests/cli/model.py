#!/usr/bin/env python3
"""csyft model: what PyTorch 1.13 wrote (tests/vectors/models) is shown and converted; the rest is refused in a sentence."""
import json
import resource
import signal
import struct
import subprocess
import unittest
import zipfile

from processes import PROGRAM, SOURCE_DIR, CliTest

MODELS = SOURCE_DIR / "tests/vectors/models"


def read_safetensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


class Show(CliTest):
    def test_names_dtypes_shapes_bytes(self):
        lines = self.succeed("model", "show", MODELS / "linear.pt").splitlines()
        rows = [line.split() for line in lines]
        self.assertEqual(rows, [["NAME", "DTYPE", "SHAPE", "BYTES"], ["0.weight", "float32", "2x3", "24"],
                                ["0.bias", "float32", "2", "8"], ["2.weight", "float32", "2x2", "16"],
                                ["PyTorch", "archive,", "3", "tensors,", "48", "bytes"]])
        self.assertEqual(len({line.index("float32") for line in lines[1:-1]}), 1, "the columns are aligned")

    def test_every_kind_of_file(self):
        self.assertIn("PyTorch legacy stream, 8 tensors", self.succeed("model", "show", MODELS / "dtypes.legacy"))
        text = self.succeed("model", "show", MODELS / "dtypes.safetensors")
        self.assertIn("safetensors, 8 tensors", text)
        self.assertIn("metadata: format = pt", text)
        shared = [line.split() for line in self.succeed("model", "show", MODELS / "shared.pt").splitlines()]
        self.assertIn(["column", "float32", "3", "12", "shares", "whole"], shared)
        self.assertIn(["other", "float32", "2", "8"], shared)
        self.assertIn("1 tensor, 8 bytes, 8 other values", self.succeed("model", "show", MODELS / "protocol3.pt"))
        self.assertIn("scalar", self.succeed("model", "show", MODELS / "scalar.pt"))

    def test_refusals(self):
        for name, word in (("system.pt", r"\w+\.system is not allowed"), ("float16.pt", "'x'.*HalfStorage"),
                           ("compressed.pt", "compressed"), ("bad_overlap.safetensors", "inside another"),
                           ("billion.pt", "values"), ("big_endian.legacy", "big-endian")):
            self.fail_with(1, f"csyft model: .*{name}.*{word}", "model", "show", MODELS / name)
        self.fail_with(1, "nowhere.pt", "model", "show", "/nowhere.pt")
        self.fail_with(1, "256", "model", "show", "--memory-limit", "256", MODELS / "many.pt")

    def test_misuse(self):
        for words in (("show",), ("show", "a", "b"), ("convert", "a"), ("print", "a"), ("convert", "-f", "onnx", "a", "b")):
            self.fail_with(2, "csyft model: .*expected", "model", *words)


class Convert(CliTest):
    def test_to_safetensors_and_back(self):
        there, back = self.folder / "m.safetensors", self.folder / "shared.pt"
        self.assertEqual(self.succeed("model", "convert", MODELS / "linear.pt", there), "")
        header, data = read_safetensors(there)
        self.assertEqual(list(header), ["0.weight", "0.bias", "2.weight"])
        archive = zipfile.ZipFile(MODELS / "linear.pt")
        for key, (begin, end) in zip("012", (entry["data_offsets"] for entry in header.values())):
            self.assertEqual(data[begin:end], archive.read(f"linear/data/{key}"))
        self.succeed("model", "convert", there, back)
        again = zipfile.ZipFile(back)
        self.assertIsNone(again.testzip())
        for key in "012":
            self.assertEqual(again.read(f"archive/data/{key}"), archive.read(f"linear/data/{key}"))

    def test_legacy(self):
        out = self.folder / "m.pt"
        self.succeed("model", "convert", "-f", "legacy", MODELS / "shared.pt", out)
        self.assertIn("PyTorch legacy stream, 7 tensors, 56 bytes", self.succeed("model", "show", out))

    def test_what_is_left_out_is_said(self):
        out = self.folder / "m.safetensors"
        result = subprocess.run([PROGRAM, "model", "convert", MODELS / "checkpoint.pt", out], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"checkpoint\.pt: \d+ values that are no tensors are left out")

    def test_a_full_disk_leaves_the_old_file(self):
        out = self.folder / "m.pt"
        out.write_text("old")

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        result = subprocess.run([PROGRAM, "model", "convert", MODELS / "many.pt", out], capture_output=True, text=True,
                                preexec_fn=limit, restore_signals=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(out), result.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["m.pt"])
        self.assertEqual(out.read_text(), "old")

    def test_an_unknown_ending(self):
        self.fail_with(1, "names no model format", "model", "convert", MODELS / "linear.pt", self.folder / "m.onnx")


if __name__ == "__main__":
    unittest.main()
