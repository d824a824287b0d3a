#!/usr/bin/env python3
"""csyft demo from end to end: own workers, running workers, the promise it makes, and what it leaves behind."""
import csv
import os
import pathlib
import pty
import re
import signal
import subprocess
import unittest
import xml.etree.ElementTree

from processes import PROGRAM, CliTest, csyft

SHORT = ("--rounds", "6", "--batch", "16", "--lr", "0.5")
ROW = re.compile(r"^(plain, here|worker to worker|federated averaging|averaging over shares) +([\d.]+) %(?: +([+-][\d.]+) +(\d+) +([\d.]+) MB)? +([\d.]+) s$", re.M)


class DemoTest(CliTest):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "TMPDIR": str(self.folder), "CSYFT_DATA_DIR": os.environ["CSYFT_SOURCE_DIR"] + "/examples/data"}

    def demo(self, *arguments):
        return csyft("demo", *arguments, timeout=100, env=self.environment)

    def rows(self, result):
        return {row[0]: row[1:] for row in ROW.findall(result.stdout)}


class Promise(DemoTest):
    """What the demo is there to show."""

    def test_all_ways_keep_the_promise(self):
        result = self.demo()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        rows = self.rows(result)
        self.assertEqual(set(rows), {"plain, here", "worker to worker", "federated averaging",
                                     "averaging over shares"})
        for name, (accuracy, points, messages, megabytes, _) in rows.items():
            self.assertGreaterEqual(float(accuracy), 93)
            if name != "plain, here":
                self.assertGreaterEqual(float(points), -0.5)
                self.assertGreater(float(megabytes), 0.1)
        # The same steps on the same rows in the same order give the same model, wherever they are done.
        self.assertEqual(rows["worker to worker"][1], "+0.00")
        # 40 rounds are a question and an answer each, at three workers, and the plan goes there before the first.
        for name in ("worker to worker", "federated averaging"):
            self.assertGreaterEqual(int(rows[name][2]), 240)
            self.assertLess(int(rows[name][2]), 270)
        self.assertRegex(result.stdout, "refused:\n  .*alice.*private")
        # No terminal: one line per round.
        self.assertEqual(len(re.findall(r"(?m)^worker to worker: +\d+/40 loss [\d.e-]+ accuracy 0\.\d+$", result.stderr)), 40)
        self.assertEqual(list(self.folder.iterdir()), [], "the shards are gone")

    def test_a_model_that_is_too_bad_fails(self):
        result = self.demo("--rounds", "1", "--lr", "0.00001", "--strategy", "sequential")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"csyft demo: worker to worker: accuracy 0\.\d+ is below 0\.93")


class Workers(DemoTest):
    """Workers of its own over websocket, running workers, workers that do not fit."""

    def test_one_strategy_over_websocket(self):
        result = self.demo(*SHORT, "--strategy", "sequential", "--transport", "ws", "--seed", "3")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(set(self.rows(result)), {"plain, here", "worker to worker"})
        self.assertEqual(self.rows(result)["worker to worker"][1], "+0.00")

    def start_with_shards(self, access=("--release-rows", "8"), schemes=("tcp",) * 3, alice=()):
        """The three workers, each with its shard."""
        shards = self.folder / "shards"
        written = self.succeed("demo", "--shards", shards, env=self.environment).splitlines()
        self.assertEqual(sorted(written), sorted(map(str, shards.iterdir())))
        self.assertEqual(len(written), 6)
        workers = []
        for name, scheme, more in zip(("alice", "bob", "charlie"), schemes, (alice, (), ())):
            data = ("--dataset", f"digits={shards}/{name}-x.npy,{shards}/{name}-y.npy", "--tag", "#digits", *access)
            workers.append(self.start(name, *data, *more, listen=(f"{scheme}://127.0.0.1:0",)))
        return workers

    def test_running_workers(self):
        workers = self.start_with_shards(schemes=("tcp", "ws", "tcp"))
        urls = ",".join(worker.url for worker in workers)
        objects = [self.succeed("ls", worker.url) for worker in workers]
        result = self.demo(*SHORT, "--strategy", "sequential", "--workers", urls)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.rows(result)["worker to worker"][1], "+0.00")
        self.assertEqual([self.succeed("ls", worker.url) for worker in workers], objects, "nothing is left at the workers")
        self.assertEqual([worker.stop() for worker in workers], [0, 0, 0])

    def test_workers_without_the_data(self):
        workers = [self.start(name) for name in ("alice", "bob", "charlie")]
        urls = ",".join(worker.url for worker in workers)
        self.assertEqual(self.demo("--workers", urls).returncode, 1)
        self.assertRegex(self.demo("--workers", urls).stderr, "csyft demo: worker alice: 0 objects are tagged #digits")

    def test_workers_with_something_else(self):
        tensor = self.write_npy("x.npy", "<f4", (2, 64), [0] * 128)
        rows = self.write_npy("rows.npy", "<f4", (9, 3), [0] * 27)
        for data, sentence in ((("--data", tensor), "worker alice: what is tagged #digits is no dataset"),
                               (("--dataset", f"digits={rows},{rows}"), "worker alice: dataset digits is no shard of the digits")):
            workers = [self.start(name, *data, "--tag", "#digits") for name in ("alice", "bob", "charlie")]
            result = self.demo("--workers", ",".join(worker.url for worker in workers))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, sentence)

    def test_workers_that_release_nothing(self):
        workers = self.start_with_shards(access=())
        for strategy in ("sequential", "fedavg", "secure"):
            result = self.demo("--strategy", strategy, "--workers", ",".join(worker.url for worker in workers))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, "csyft demo: .*worker alice.*(releases nothing|release)")

    def test_workers_that_do_not_reach_each_other(self):
        other = self.start("bob")
        workers = self.start_with_shards(alice=("--peer", f"bob={other.url}"))
        urls = ",".join(worker.url for worker in workers)
        # The model goes through the client; shares do not.
        result = self.demo(*SHORT, "--strategy", "sequential", "--workers", urls)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.rows(result)["worker to worker"][1], "+0.00")
        result = self.demo(*SHORT, "--strategy", "secure", "--workers", urls)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "csyft demo: .*missing.*bob")


class Metrics(DemoTest):
    """What is kept of the rounds."""

    def table(self, name):
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))

    def test_tables_and_plot(self):
        result = self.demo(*SHORT, "--metrics", self.folder / "rounds.csv", "--metrics-workers", self.folder / "workers.csv",
                           "--plot", self.folder / "rounds.svg")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        rounds, workers = self.table("rounds.csv"), self.table("workers.csv")
        self.assertEqual([row["round"] for row in rounds], [str(k) for k in range(1, 7)])
        self.assertEqual({row["asked"] + row["counted"] + row["test_rows"] for row in rounds}, {"33449"})
        self.assertEqual(f'{100 * float(rounds[-1]["test_accuracy"]):.2f}', self.rows(result)["federated averaging"][0])
        self.assertEqual([(row["round"], row["worker"]) for row in workers],
                         [(str(k), name) for k in range(1, 7) for name in ("alice", "bob", "charlie")])
        for row in rounds:
            of_round = [w for w in workers if w["round"] == row["round"]]
            self.assertEqual(sum(int(w["rows"]) for w in of_round), int(row["rows"]))
            mean = sum(float(w["loss"]) * int(w["rows"]) for w in of_round) / int(row["rows"])
            self.assertAlmostEqual(mean, float(row["loss"]), 12)
        plot = xml.etree.ElementTree.parse(self.folder / "rounds.svg").getroot()
        texts = {element.text for element in plot.iter("{http://www.w3.org/2000/svg}text")}
        self.assertLessEqual({"federated averaging", "training loss", "test loss", "test accuracy", "round", "6"}, texts)
        lines = [element.get("points").split() for element in plot.iter("{http://www.w3.org/2000/svg}polyline")]
        self.assertEqual([len(line) for line in lines], [6, 6, 6])
        self.assertEqual(len(list(self.folder.iterdir())), 3, "nothing else is left")

    def test_of_one_strategy(self):
        result = self.demo(*SHORT, "--strategy", "sequential", "--plot", self.folder / "rounds.svg")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(">worker to worker</text>", (self.folder / "rounds.svg").read_text())
        self.assertEqual(len(list(self.folder.iterdir())), 1, "the numbers were not wanted")

    def test_files_that_are_something_else(self):
        other = self.folder / "notes.txt"
        other.write_text("mine\n")
        for arguments, sentence in ((("--metrics", other), "notes.txt, line 1: no log of a training"),
                                    (("--metrics-workers", other), "notes.txt, line 1: no log of a training"),
                                    (("--metrics", self.folder), "Is a directory"),
                                    (("--plot", self.folder / "no" / "x.svg"), "cannot create")):
            result = self.demo(*SHORT, "--strategy", "fedavg", *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, "csyft demo: .*" + sentence)
        self.assertEqual(other.read_text(), "mine\n")
        self.assertEqual(list(self.folder.iterdir()), [other])


class Conduct(DemoTest):
    """On a terminal, with a wrong command line or data, interrupted."""

    def test_a_bar_on_a_terminal(self):
        master, terminal = pty.openpty()
        process = subprocess.Popen([PROGRAM, "demo", "--strategy", "sequential"], stdout=subprocess.DEVNULL,
                                   stderr=terminal, env=self.environment)
        os.close(terminal)
        seen = b""
        try:
            while chunk := os.read(master, 65536):
                seen += chunk
        except OSError:
            pass  # the other end is closed
        os.close(master)
        self.assertEqual(process.wait(20), 0)
        self.assertRegex(seen.decode(), r"\rworker to worker \[#+\]  40/40 loss [\d.e-]+ accuracy 0\.9\d+\x1b\[K")
        self.assertTrue(seen.endswith(b"\r\x1b[K"), "the bar is taken away")
        self.assertNotIn(b"\n", seen)

    def test_interrupted(self):
        process = subprocess.Popen([PROGRAM, "demo", "--rounds", "100"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment)
        children = []
        for line in process.stderr:
            if line.startswith("worker to worker"):
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(20), -signal.SIGINT)
        self.assertEqual(len(children), 3)
        for pid in children:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), "the workers are gone")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_data_that_is_something_else(self):
        (self.folder / "digits.csv").write_text("p0,label\n1,2\n")
        environment = {**self.environment, "CSYFT_DATA_DIR": str(self.folder)}
        self.fail_with(1, f"{self.folder}/digits.csv: expected 65 columns", "demo", env=environment)

    def test_wrong_command_lines(self):
        for sentence, arguments in (
            ("--batch 7: expected a whole number from 8", ("--batch", "7")),
            ("--rounds 0: expected", ("--rounds", "0")),
            ("--strategy plan: there is no such strategy", ("--strategy", "plan")),
            ("--strategy magic: there is no such strategy", ("--strategy", "magic")),
            ("--transport pigeon: there is no such transport", ("--transport", "pigeon")),
            ("expected 3 URLs", ("--workers", "")),
            ("expected 3 URLs", ("--workers", "tcp://127.0.0.1:1")),
            ("expected 3 URLs", ("--workers", "tcp://127.0.0.1:1,,")),
            ("expected 3 URLs", ("--workers", ",".join(["tcp://127.0.0.1:1"] * 4))),
        ):
            self.fail_with(2, sentence, "demo", *arguments, env=self.environment)


if __name__ == "__main__":
    unittest.main()
