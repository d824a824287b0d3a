#!/usr/bin/env python3
"""The hand tools send, ls, search, get, rm, whoami: what goes to a worker comes back the same, and stays in between."""
import unittest

from processes import CliTest, csyft, read_npy

SAMPLES = {
    "<f4": (0.0, -1.5, 3.25, float("inf"), 1e-38, 7.0),
    "<f8": (0.1, -2.5e300, 3.0, float("-inf"), 5e-324, 7.0),
    "|i1": (-128, 127, 0, 1, 2, 3),
    "<i2": (-32768, 32767, 0, 1, 2, 3),
    "<i4": (-(2**31), 2**31 - 1, 0, 1, 2, 3),
    "<i8": (-(2**63), 2**63 - 1, 0, 1, 2, 3),
    "|u1": (0, 255, 1, 2, 3, 4),
    "|b1": (True, False, True, True, False, False),
}


class RoundTrip(CliTest):
    def test_every_dtype_comes_back_byte_for_byte_over_both_transports(self):
        worker = self.start("bob", listen=("tcp://127.0.0.1:0", "ws://127.0.0.1:0"))
        back = self.folder / "back.npy"
        for k, (descr, values) in enumerate(SAMPLES.items()):
            path = self.write_npy("x.npy", descr, (2, 3), values)
            number = self.succeed("send", worker.urls[k % 2], path)
            self.assertEqual(self.succeed("get", worker.urls[(k + 1) % 2], number, "-o", back), "")
            self.assertEqual(back.read_bytes(), path.read_bytes(), descr)

    def test_shapes(self):
        worker = self.start("bob")
        back = self.folder / "back.npy"
        for shape, count in (((), 1), ((0,), 0), ((0, 3), 0), ((1,), 1), ((2, 1, 3, 1, 1, 1, 1, 2), 12)):
            path = self.write_npy("x.npy", "<f4", shape, tuple(range(count)))
            number = self.succeed("send", worker.url, path)
            self.succeed("get", worker.url, number, "-o", back)
            self.assertEqual(back.read_bytes(), path.read_bytes(), shape)

    def test_a_large_tensor(self):
        worker = self.start("bob", listen=("tcp://127.0.0.1:0", "ws://127.0.0.1:0"))
        contents = bytes(k * 7 & 255 for k in range(3 << 20))
        path = self.write_npy("x.npy", "|u1", (3, 1 << 20), contents)
        for url in worker.urls:
            number = self.succeed("send", url, path)
            self.succeed("get", url, number, "-o", self.folder / "back.npy")
            self.assertEqual((self.folder / "back.npy").read_bytes(), path.read_bytes())

    def test_csv(self):
        worker = self.start("bob")
        (self.folder / "x.csv").write_text("a,b\n1,2\n3,4\n")
        number = self.succeed("send", worker.url, self.folder / "x.csv")
        self.succeed("get", worker.url, number, "-o", self.folder / "back.npy")
        self.assertEqual(read_npy(self.folder / "back.npy"), ("<i8", (2, 2), [1, 2, 3, 4]))


class Lifetime(CliTest):
    def setUp(self):
        super().setUp()
        self.worker = self.start("bob")
        self.x = self.write_npy("x.npy", "<f4", (2,), (1, 2))
        self.back = self.folder / "back.npy"

    def ids(self):
        return self.succeed("ls", "-q", self.worker.url).splitlines()

    def test_an_object_stays_until_it_is_fetched(self):
        number = self.succeed("send", self.worker.url, self.x)
        for _ in range(3):
            self.assertEqual(self.ids(), [number])
        self.succeed("get", self.worker.url, number, "-o", self.back, "--keep")
        self.assertEqual(self.ids(), [number])
        self.succeed("get", self.worker.url, number, "-o", self.back)
        self.assertEqual(self.ids(), [])

    def test_rm_removes_what_it_can(self):
        first, second, third = (self.succeed("send", self.worker.url, self.x) for _ in range(3))
        self.assertEqual(self.ids(), [first, second, third])
        self.succeed("rm", self.worker.url, second)
        self.assertEqual(self.ids(), [first, third])
        self.fail_with(1, f"csyft rm: .*{second}", "rm", self.worker.url, first, second, third)
        self.assertEqual(self.ids(), [])

    def test_a_file_that_cannot_be_written_loses_nothing(self):
        number = self.succeed("send", self.worker.url, self.x)
        nowhere = self.folder / "missing" / "back.npy"
        self.fail_with(1, f"csyft get: .*{nowhere}", "get", self.worker.url, number, "-o", nowhere)
        self.assertEqual(self.ids(), [number])

    def test_an_interrupted_reader_keeps_the_old_file(self):
        number = self.succeed("send", self.worker.url, self.x)
        self.back.write_text("old")
        self.fail_with(1, "999", "get", self.worker.url, "999", "-o", self.back)
        self.assertEqual(self.back.read_text(), "old")
        self.succeed("get", self.worker.url, number, "-o", self.back)
        self.assertEqual(self.back.read_bytes(), self.x.read_bytes())


class Labels(CliTest):
    def test_tags_description_and_search(self):
        worker = self.start("bob")
        x = self.write_npy("x.npy", "<f4", (2, 2), (1, 2, 3, 4))
        first = self.succeed("send", worker.url, x, "--tag", "#fun", "--tag", "#mnist", "--describe", "The input of MNIST")
        second = self.succeed("send", worker.url, x, "-t", "#not_fun", "-d", "labels")
        search = lambda *terms: self.succeed("search", "--ids", worker.url, *terms).splitlines()
        self.assertEqual(search("#fun"), [first])
        self.assertEqual(search("#fun", "#mnist", "input of"), [first])
        self.assertEqual(search(second), [second])
        self.assertEqual(search("#fun", "#not_fun"), [])
        self.assertEqual(search("no such words"), [])
        table = self.succeed("ls", worker.url).splitlines()
        self.assertEqual(table[1].split(), [first, "float32", "2x2", "public", "#fun", "#mnist", "The", "input", "of", "MNIST"])
        self.assertEqual(len({line.index("float32") for line in table[1:]}), 1, "the columns are aligned")

    def test_control_characters_of_a_peer_do_not_reach_the_terminal(self):
        worker = self.start("bob")
        x = self.write_npy("x.npy", "<f4", (1,), (1,))
        sent = csyft("send", worker.url, x, "--describe", "red \x1b[31m\x07 bell\u009b")
        listed = self.succeed("ls", worker.url)
        self.assertIn(sent.returncode, (0, 1))
        self.assertNotRegex(listed, "[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f]")


if __name__ == "__main__":
    unittest.main()
