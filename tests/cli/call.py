#!/usr/bin/env python3
"""csyft call: the syntax of its arguments, results that stay, plain answers."""
import unittest

from processes import CliTest, read_npy


class Calls(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.worker = self.start("bob")
        self.x = self.send("<f4", (2, 3), (1, 2, 3, 4, 5, 6))

    def send(self, *contents):
        return self.succeed("send", self.worker.url, self.write_npy("in.npy", *contents))

    def call(self, *arguments):
        return self.succeed("call", self.worker.url, *arguments)

    def contents(self, number):
        self.succeed("get", self.worker.url, number, "-o", self.folder / "out.npy", "--keep")
        return read_npy(self.folder / "out.npy")

    def assert_result(self, expected, *arguments):
        self.assertEqual(self.contents(self.call(*arguments)), expected, arguments)

    def test_objects_numbers_and_names(self):
        doubled = ("<f4", (2, 3), [2, 4, 6, 8, 10, 12])
        self.assert_result(doubled, "add", self.x, self.x)
        self.assert_result(doubled, "torch.add", f"@{self.x}", f"=@{self.x}")
        self.assert_result(doubled, "mul", self.x, "=2")
        self.assert_result(doubled, "__mul__", self.x, "=2.0")
        self.assert_result(doubled, "mul", self.x, "other=2")
        self.assert_result(("<f4", (2, 3), [-1, 0, 1, 2, 3, 4]), "add", self.x, "=-2")
        self.assert_result(("<f4", (2,), [6, 15]), "sum", self.x, "dim=1")
        self.assert_result(("<f4", (2, 1), [6, 15]), "sum", self.x, "=1", "keepdim=True")
        self.assert_result(("<f4", (), [21]), "sum", self.x, "dim=None")

    def test_lists_slices_dtypes_text(self):
        self.assert_result(("<f4", (3, 2), [1, 2, 3, 4, 5, 6]), "view", self.x, "=[3,-1]")
        self.assert_result(("<f4", (4, 3), [1, 2, 3, 4, 5, 6] * 2), "cat", f"=[@{self.x},@{self.x}]")
        self.assert_result(("<f4", (), [6]), "__getitem__", self.x, "=[1,2]")
        self.assert_result(("<f4", (2, 2), [2, 3, 5, 6]), "__getitem__", self.x, "=[:,1:]")
        self.assert_result(("<f4", (2,), [3, 6]), "__getitem__", self.x, "=[...,2]")
        self.assert_result(("<f4", (1, 3), [1, 2, 3]), "__getitem__", self.x, "=:1")
        self.assert_result(("<i8", (2, 3), [1, 2, 3, 4, 5, 6]), "to", self.x, "=int64")
        self.assert_result(("<f8", (), [21.0]), "sum", self.x, "dtype=torch.float64")
        for text in ("reduction=sum", "reduction='sum'", 'reduction="sum"'):
            self.assert_result(("<f4", (), [0]), "mse_loss", self.x, self.x, text)

    def test_operations_without_an_object_make_one(self):
        self.assert_result(("<f4", (2, 2), [0, 0, 0, 0]), "zeros", "=[2,2]")
        self.assert_result(("<i8", (3,), [0, 1, 2]), "arange", "=3")
        self.assert_result(("<f8", (2,), [2.5, 2.5]), "full", "=2", "=2.5", "dtype=float64")
        self.assert_result(("<i8", (2, 2), [1, 2, 3, 4]), "torch.tensor", "=[[1,2],[3,4]]")

    def test_several_results_one_id_per_line(self):
        parts = self.call("split", self.x, "=1", "dim=1").splitlines()
        self.assertEqual(len(parts), 3)
        self.assertEqual(self.contents(parts[1]), ("<f4", (2, 1), [2, 5]))
        values, indices = self.call("max", self.x, "dim=1").splitlines()
        self.assertEqual(self.contents(values), ("<f4", (2,), [3, 6]))
        self.assertEqual(self.contents(indices), ("<i8", (2,), [2, 2]))

    def test_in_place_answers_with_the_same_object(self):
        self.assertEqual(self.call("add_", self.x, "=1"), self.x)
        self.assertEqual(self.contents(self.x), ("<f4", (2, 3), [2, 3, 4, 5, 6, 7]))

    def test_plain_answers_are_printed(self):
        self.assertEqual(self.call("dim", self.x), "2")
        self.assertEqual(self.call("numel", self.x), "6")
        self.assertEqual(self.call("size", self.x, "dim=1"), "3")

    def test_results_are_all_that_stays(self):
        before = set(self.succeed("ls", "-q", self.worker.url).splitlines())
        made = self.call("relu", self.x)
        after = set(self.succeed("ls", "-q", self.worker.url).splitlines())
        self.assertEqual(after - before, {made})

    def test_text_that_is_no_argument(self):
        for sentence, argument in (
            ("a value is missing", "="),
            ("a value is missing", "dim="),
            ("the list is not closed", "=[1,2"),
            ("a value is missing", "=[1,]"),
            ("a value is missing", "=[,1]"),
            ('"2" follows the value', "=[1]2"),
            ("the text is not closed", "='abc"),
            ("nested more than 8 deep", "=" + "[" * 9 + "]" * 9),
            ("64-bit", "=99999999999999999999"),
            ("argument @", "@"),
        ):
            self.fail_with(2, f"csyft call: .*{sentence}", "call", self.worker.url, "add", self.x, argument)
        self.fail_with(2, "without a name stand before", "call", self.worker.url, "sum", "dim=1", self.x)


if __name__ == "__main__":
    unittest.main()
