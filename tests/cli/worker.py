#!/usr/bin/env python3
"""csyft worker: ready lines, listeners, published data, signals, limits, peers."""
import pathlib
import resource
import signal
import socket
import time
import unittest

from processes import PATIENCE, CliTest, free_port, npy

NPZ = pathlib.Path(__file__).resolve().parent.parent / "vectors/npz"  # as NumPy wrote them


class Serving(CliTest):
    def test_one_ready_line_per_listener_and_all_serve(self):
        worker = self.start("bob", listen=("tcp://127.0.0.1:0", "ws://127.0.0.1:0", "tcp://127.0.0.1:0"))
        self.assertEqual([url.split(":")[0] for url in worker.urls], ["tcp", "ws", "tcp"])
        self.assertEqual(len(set(worker.urls)), 3)
        for url in worker.urls:
            self.assertNotRegex(url, ":0$")
            self.assertRegex(self.succeed("whoami", url), r"^id: bob, type: .*, version: \d+\.\d+\.\d+, wire: \d+-\d+\b")
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(worker.errors(), "")

    def test_listeners_share_the_objects(self):
        worker = self.start("bob", listen=("tcp://127.0.0.1:0", "ws://127.0.0.1:0"))
        path = self.write_npy("x.npy", "<f4", (3,), (1, 2, 3))
        number = self.succeed("send", worker.urls[1], path)
        self.assertEqual(self.succeed("ls", "--ids", worker.urls[0]), number)
        self.succeed("get", worker.urls[0], number, "-o", self.folder / "y.npy")
        self.assertEqual((self.folder / "y.npy").read_bytes(), path.read_bytes())
        self.assertEqual(self.succeed("ls", "--ids", worker.urls[1]), "")

    def test_signals_drain_and_exit_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.start("bob")
            host, port = worker.url.removeprefix("tcp://").split(":")
            # An idle connection without a word does not hold it back.
            with socket.create_connection((host, int(port))):
                self.succeed("whoami", worker.url)
                begun = time.monotonic()
                self.assertEqual(worker.stop(number), 0)
                self.assertLess(time.monotonic() - begun, 4)

    def test_loopback_is_quiet_and_anything_else_warned_about(self):
        self.fail_with(1, "does not listen at tcp://0.0.0.0:0.*insecure", "worker", "--id", "bob", "--listen", "tcp://0.0.0.0:0")
        worker = self.start("bob", "--insecure", listen=("tcp://0.0.0.0:0",))
        worker.stop()
        self.assertRegex(worker.errors(), "csyft worker: warning: .*neither encrypted nor authenticated")

    def test_the_lines_of_the_reference(self):
        """T10, 004:17-29: a server of id 2 says so in three lines, and answers who it is."""
        worker = self.start("2", "--log", "info", listen=("ws://127.0.0.1:0",))
        self.assertRegex(self.succeed("whoami", worker.url), "^id: 2, type: WebsocketServerWorker, ")
        worker.stop()
        lines = [line.split(": ")[-1] for line in worker.errors().splitlines()]
        said = ["Starting a Websocket Worker....", "Ready to receive commands....", "Server Socket has been initialized"]
        self.assertEqual([line for line in lines if line in said], said)

    def test_log_lines_go_to_standard_error(self):
        worker = self.start("bob", "--log", "debug")
        self.succeed("whoami", worker.url)
        worker.stop()
        self.assertRegex(worker.errors(), r"(?m)^(debug|info): \w+: ")


class OpenFiles(CliTest):
    """What --connections asks for and the system's limit of open files do not allow."""

    def test_the_soft_limit_is_raised_and_said(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1300 and hard != resource.RLIM_INFINITY:
            self.fail(f"the hard limit of open files is {hard}; this test needs 1300")
        worker = self.start("bob", "--connections", 1000, limits=(resource.RLIMIT_NOFILE, (300, hard)))
        self.assertRegex(worker.errors(), r"^csyft worker: raised the limit of open files from 300 to 1256\n$")
        self.assertRegex(pathlib.Path(f"/proc/{worker.process.pid}/limits").read_text(), r"Max open files\s+1256\s")

    def test_the_hard_limit_is_named(self):
        worker = self.start("bob", "--connections", 1000, limits=(resource.RLIMIT_NOFILE, (300, 400)))
        self.assertRegex(worker.errors(), r"from 300 to 400\n.*warning: 1000 connections take 1256 open files, .*allows 400")
        self.succeed("whoami", worker.url)

    def test_nothing_is_said_of_the_usual_number(self):
        worker = self.start("bob", limits=(resource.RLIMIT_NOFILE, (300, 400)))
        self.assertEqual(worker.errors(), "")


class Data(CliTest):
    def test_data_is_published_with_its_tags_and_access(self):
        x = self.write_npy("x.npy", "<f4", (4, 2), range(8))
        (self.folder / "y.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
        worker = self.start("bob", "--data", x, "--tag", "#digits", "--tag", "#x", "--private",
                            "--data", self.folder / "y.csv", "--tag", "#y")
        lines = self.succeed("ls", worker.url).splitlines()
        self.assertEqual(lines[0].split()[:4], ["ID", "DTYPE", "SHAPE", "ACCESS"])
        self.assertEqual(sorted(line.split()[1:] for line in lines[1:]),
                         [["float32", "4x2", "private", "#digits", "#x"], ["int64", "2x3", "public", "#y"]])
        found = self.succeed("search", "--ids", worker.url, "#digits", "#x")
        self.assertEqual(len(found.splitlines()), 1)
        self.assertEqual(self.succeed("search", "--ids", worker.url, "#digits", "#y"), "")

    def test_private_data_does_not_leave_and_is_not_lost(self):
        worker = self.start("bob", "--data", self.write_npy("x.npy", "<f4", (2,), (5, 6)), "--private")
        number = self.succeed("ls", "--ids", worker.url)
        self.fail_with(1, f"(?=.*bob)(?=.*{number}).*private", "get", worker.url, number, "-o", self.folder / "y.npy")
        self.assertFalse((self.folder / "y.npy").exists())
        doubled = self.succeed("call", worker.url, "add", number, number)
        self.fail_with(1, "private", "get", worker.url, doubled, "-o", self.folder / "y.npy")
        self.assertIn(number, self.succeed("ls", "--ids", worker.url).splitlines())

    def test_a_file_that_cannot_be_published_ends_the_worker(self):
        listen = ("--listen", "tcp://127.0.0.1:0")
        missing = self.folder / "missing.npy"
        self.fail_with(1, f"csyft worker: .*{missing}", "worker", "--id", "bob", *listen, "--data", missing)
        broken = self.folder / "broken.npy"
        broken.write_bytes(npy("<f4", (4,), (1, 2, 3, 4))[:-1])
        self.fail_with(1, f"csyft worker: .*{broken}", "worker", "--id", "bob", *listen, "--data", broken)


class Datasets(CliTest):
    def rows(self):
        idx = self.folder / "images.idx"
        idx.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 2, *range(24)]))
        return idx, self.write_npy("labels.npy", "<i8", (6,), (0, 1, 0, 1, 0, 1))

    def test_a_dataset_is_found_and_given_to_nobody(self):
        images, labels = self.rows()
        (self.folder / "t.csv").write_text("a,b,kind\n1,2,0\n3,4,1\n")
        worker = self.start("bob", "--dataset", f"digits={images},{labels}", "--tag", "#images", "--describe", "small ones",
                            "--transform", "scale 255", "--transform", "flatten", "--release-rows", "3",
                            "--dataset", f"table={self.folder / 't.csv'}", "--allow", "search=alice")
        lines = self.succeed("ls", worker.url).splitlines()
        self.assertEqual([line.split() for line in lines[1:]], [["digits", "uint8", "6x2x2", "private", "#images", "small", "ones"]])
        self.assertEqual(self.succeed("search", "--ids", worker.url, "#images"), "digits")
        for verb in (("get", worker.url, "digits", "-o", self.folder / "y.npy"), ("call", worker.url, "add", "digits", "digits"),
                     ("rm", worker.url, "digits"), ("call", worker.url, "reshape", "digits", "=[-1]")):
            self.fail_with(1, "(?=.*bob)(?=.*d(igits|ataset))", *verb)
        self.assertFalse((self.folder / "y.npy").exists())
        self.assertEqual(self.succeed("search", "--ids", worker.url, "#images"), "digits")

    def test_what_cannot_be_served_ends_the_worker(self):
        images, labels = self.rows()
        short = self.write_npy("short.npy", "<i8", (5,), range(5))
        listen = ("--id", "bob", "--listen", "tcp://127.0.0.1:0")
        for sentence, arguments in (
            ("digits: 6 rows of data, 5 targets", ("--dataset", f"digits={images},{short}")),
            ("missing.npy", ("--dataset", f"digits={images},{self.folder / 'missing.npy'}")),
            ("a matrix in a CSV file", ("--dataset", f"digits={images}")),
            ("shrink 2", ("--dataset", f"digits={images},{labels}", "--transform", "shrink 2")),
            ("do not take its rows", ("--dataset", f"digits={images},{labels}", "--transform", "reshape 5")),
            ("set.npz.*no member 'z'; there are x, y", ("--dataset", f"digits={NPZ}/set.npz:z,{labels}")),
            ("notes.npz.*only", ("--dataset", f"digits={NPZ}/notes.npz")),
            ("missing: cannot list", ("--datasets", self.folder / "missing")),
            ("digits already", ("--dataset", f"digits={images},{labels}", "--dataset", f"digits={images},{labels}")),
        ):
            self.fail_with(1, sentence, "worker", *listen, *arguments)
        for sentence, arguments in (
            ("--dataset digits: expected KEY=ROWS", ("--dataset", "digits")),
            ("--transform: belongs behind a --dataset", ("--data", labels, "--transform", "flatten")),
            ("--private: belongs behind a --data", ("--datasets", self.folder, "--private")),
            ("--private: belongs behind a --data", ("--dataset", f"digits={images},{labels}", "--private")),
            ("--release-rows 0: expected", ("--dataset", f"digits={images},{labels}", "--release-rows", "0")),
        ):
            self.fail_with(2, sentence, "worker", *listen, *arguments)


    def test_archives_of_numpy(self):
        worker = self.start("bob", "--dataset", f"both={NPZ}/set_compressed.npz", "--dataset",
                            f"members={NPZ}/set.npz:x,{NPZ}/set.npz:y")
        lines = [line.split()[:3] for line in self.succeed("ls", worker.url).splitlines()[1:]]
        self.assertEqual(lines, [["both", "float32", "6x2x3"], ["members", "float32", "6x2x3"]])

    def test_a_directory_of_datasets(self):
        folder = self.folder / "sets"
        folder.mkdir()
        (folder / "table.csv").write_text("a,b,kind\n1,2,0\n3,4,1\n")
        (folder / "README").write_text("rows")
        (folder / "archive.npz").write_bytes((NPZ / "set.npz").read_bytes())
        (folder / "archive.dataset").write_text("# of NumPy\ntag #numpy\ndescribe from Python\n")
        (folder / "nobodys.csv").write_text("1,2\n3,4\n")
        (folder / "nobodys.dataset").write_text("allow search=\n")
        worker = self.start("bob", "--datasets", folder, "--tag", "#all", "--release-rows", "2")
        lines = [line.split() for line in self.succeed("ls", worker.url).splitlines()[1:]]
        self.assertEqual(lines, [["archive", "float32", "6x2x3", "private", "#numpy", "from", "Python"],
                                 ["table", "int64", "2x2", "private", "#all"]])
        (folder / "archive.dataset").write_text("tag #numpy\ncolour red\n")
        listen = ("--id", "carol", "--listen", "tcp://127.0.0.1:0")
        self.fail_with(1, "archive.dataset, line 2: colour", "worker", *listen, "--datasets", folder)
        (folder / "archive.dataset").unlink()
        (folder / "table.targets.csv").write_text("0\n")
        self.fail_with(1, "table: 2 rows of data, 1 targets", "worker", *listen, "--datasets", folder)
        (folder / "table.csv").unlink()
        self.fail_with(1, "table.targets.csv: the rows that belong to it", "worker", *listen, "--datasets", folder)
        for name in folder.iterdir():
            name.unlink()
        empty = self.start("dave", "--datasets", folder)
        self.assertIn("no datasets are there", empty.errors())


class Budgets(CliTest):
    def start_with_budget(self, *more):
        table = self.folder / "patients.csv"
        table.write_text("".join(f"{20 + k % 40},{k % 3},{k % 2}\n" for k in range(400)))
        return self.start("ward", "--ledger", self.folder / "spent", "--dataset", f"patients={table}", *more)

    def test_answers_cost_and_end(self):
        worker = self.start_with_budget("--budget", "1,1e-9")
        ask = lambda *more: ("query", worker.url, "patients", *more)
        laplace = ("--laplace", "--noise", "2.5")
        self.assertEqual(self.succeed(*ask()), "0\t1\t1e-09\t0")
        mean, deviation = map(float, self.succeed(*ask("--mean", "0,100", "--column", "0", *laplace)).split())
        self.assertLess(abs(mean - 39.5), 20)  # 45 deviations
        self.assertAlmostEqual(deviation, 50 * 2.5 * 2**0.5 / 400, delta=0.005)
        lines = self.succeed(*ask("--targets", "--histogram", "-0.5,0.5,1.5", *laplace)).splitlines()
        self.assertEqual([line.split()[:2] for line in lines], [["-0.5", "0.5"], ["0.5", "1.5"]])
        for line in lines:
            self.assertLess(abs(int(line.split()[2]) - 200), 150)
        self.assertEqual(self.succeed(*ask()), "0.8\t1\t1e-09\t2")
        self.fail_with(1, "budget of caller .anonymous. for patients: 0.8 of epsilon 1", *ask("--mean", "0,3", "--column", "1", *laplace))
        self.assertEqual(self.succeed("ledger", "--delta", "1e-9", self.folder / "spent"), "patients\t-\t2\t0.8")
        worker.process.kill()
        worker.process.wait()
        worker.stop = lambda *_: 0  # it was killed on purpose
        # killed, and begun again: what was spent is spent
        worker = self.start_with_budget("--budget", "1,1e-9")
        self.assertEqual(self.succeed("query", worker.url, "patients"), "0.8\t1\t1e-09\t2")
        self.fail_with(1, "is open elsewhere", "worker", "--id", "other", "--listen", "tcp://127.0.0.1:0", "--ledger", self.folder / "spent")

    def test_a_budget_beside_a_file(self):
        folder = self.folder / "sets"
        folder.mkdir()
        (folder / "one.csv").write_text("1,0\n2,1\n")
        (folder / "one.dataset").write_text("budget 2,1e-5\n")
        (folder / "two.csv").write_text("1,0\n2,1\n")
        worker = self.start("bob", "--ledger", self.folder / "spent", "--datasets", folder)
        self.assertEqual(self.succeed("query", worker.url, "one"), "0\t2\t1e-05\t0")
        self.assertEqual(self.succeed("query", worker.url, "two"), "0\t0\t0\t0")
        self.fail_with(1, "no budget", "query", worker.url, "two", "--mean", "0,1")

    def test_wrong_command_lines(self):
        table = self.folder / "t.csv"
        table.write_text("1,0\n2,1\n")
        listen = ("worker", "--id", "x", "--listen", "tcp://127.0.0.1:0")
        self.fail_with(2, "--budget: belongs behind", *listen, "--budget", "1,1e-6")
        self.fail_with(2, "expected EPSILON,DELTA", *listen, "--dataset", f"t={table}", "--budget", "1")
        self.fail_with(1, "needs a ledger", *listen, "--dataset", f"t={table}", "--budget", "1,1e-6")
        self.fail_with(1, "is no ledger", *listen, "--ledger", table)
        self.fail_with(1, "No such file", "ledger", self.folder / "missing")
        self.fail_with(2, "expected LOWER,UPPER", "query", "tcp://127.0.0.1:1", "t", "--mean", "1")
        self.fail_with(2, "two edges", "query", "tcp://127.0.0.1:1", "t", "--histogram", "1")
        self.fail_with(2, "--noise", "query", "tcp://127.0.0.1:1", "t", "--noise", "0")


class Limits(CliTest):
    def test_memory_limit_refuses_what_does_not_fit_and_serves_on(self):
        worker = self.start("bob", "--memory-limit", "2M")
        large = self.write_npy("large.npy", "|u1", (3 << 20,), bytes(3 << 20))
        small = self.write_npy("small.npy", "|u1", (1 << 10,), bytes(1 << 10))
        self.fail_with(1, "bob.*limit", "send", worker.url, large)
        number = self.succeed("send", worker.url, small)
        # 1 GiB from 1 KiB, refused from the shape alone.
        # From 1 KiB to 1 MiB; then to 1 GiB, refused from the shapes alone.
        column = self.succeed("call", worker.url, "reshape", number, "=[1024,1]")
        row = self.succeed("call", worker.url, "reshape", number, "=[1,1024]")
        cube = self.succeed("call", worker.url, "unsqueeze", column, "=2")
        wide = self.succeed("call", worker.url, "add", column, row)
        self.fail_with(1, "bob.*limit", "call", worker.url, "add", cube, wide)
        self.assertIn("id: bob", self.succeed("whoami", worker.url))


class CommandLine(CliTest):
    def test_wrong_command_lines(self):
        listen = ("--listen", "tcp://127.0.0.1:0")
        for sentence, arguments in (
            ("--id NAME is missing", listen),
            ("--listen URL is missing", ("--id", "bob")),
            ("--tag: belongs behind a --data", ("--id", "bob", "--tag", "x", *listen)),
            ("--private: belongs behind a --data", ("--id", "bob", "--private", *listen)),
            ("--release sgd_: expected OP:ROWS", ("--id", "bob", *listen, "--release", "sgd_")),
            ("the rows 0: expected a whole number from 1", ("--id", "bob", *listen, "--release", "sgd_:0")),
            ("--peer alice: expected NAME=URL", ("--id", "bob", *listen, "--peer", "alice")),
            ("--memory-limit 1x: expected a number of bytes", ("--id", "bob", *listen, "--memory-limit", "1x")),
            ("--pool-threads 0: expected", ("--id", "bob", *listen, "--pool-threads", "0")),
            ("log filter", ("--id", "bob", *listen, "--log", "loud")),
            ("carrier-pigeon", ("--id", "bob", "--listen", "carrier-pigeon://x")),
            ("--frobnicate", ("--id", "bob", *listen, "--frobnicate")),
            ("extra: takes options only", ("--id", "bob", *listen, "extra")),
        ):
            self.fail_with(2, sentence, "worker", *arguments)

    def test_unknown_operation_in_a_release(self):
        self.fail_with(1, "no_such", "worker", "--id", "bob", "--listen", "tcp://127.0.0.1:0", "--release", "no_such:8")

    def test_address_in_use(self):
        worker = self.start("bob")
        address = worker.url.removeprefix("tcp://")
        self.fail_with(1, f"csyft worker: .*{address}", "worker", "--id", "carol", "--listen", worker.url)


class Peers(CliTest):
    def test_peers_that_name_each_other_start_in_any_order(self):
        port = free_port()
        alice = self.start("alice", "--peer", f"bob=tcp://127.0.0.1:{port}")
        deadline = time.monotonic() + PATIENCE
        while "not there yet" not in alice.errors() and time.monotonic() < deadline:
            time.sleep(0.01)
        bob = self.start("bob", "--peer", f"alice={alice.url}", listen=(f"tcp://127.0.0.1:{port}",))
        time.sleep(1.5)  # alice tries once a second
        for worker, name in ((alice, "alice"), (bob, "bob")):
            self.assertIn(f"id: {name}", self.succeed("whoami", worker.url))
            self.assertEqual(worker.stop(), 0)
        self.assertRegex(alice.errors(), "^csyft worker: warning: peer bob is not there yet.*\n$")
        self.assertEqual(bob.errors(), "")


if __name__ == "__main__":
    unittest.main()
