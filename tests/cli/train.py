#!/usr/bin/env python3
"""csyft train: a training at running workers, its files, that it goes on after kills, and what it says of bad input."""
import csv
import json
import random
import signal
import subprocess
import time
import unittest
import xml.etree.ElementTree

from processes import PROGRAM, CliTest, csyft

NAMES = ("alice", "bob", "charlie")
LAYERS = ("--dataset", "points", "--layers", "16,3")
ROWS, FEATURES = 120, 6


class TrainTest(CliTest):
    """Three workers, each with points around three corners, and some of these as `held`."""

    access = ("--release-rows", "5")

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model.safetensors"
        drawn = random.Random(1)
        self.files = {}
        for name in NAMES:
            self.files[name] = self.folder / f"{name}.csv"
            with open(self.files[name], "w") as file:
                for _ in range(ROWS):
                    corner = drawn.randrange(3)
                    file.write(",".join(f"{drawn.uniform(-1, 1) + (k % 3 == corner):.4f}" for k in range(FEATURES)) + f",{corner}\n")

    def serving(self, name, key="points", access=None):
        return ("--dataset", f"{key}={self.files[name]}", "--transform", "float32", "--target-transform", "int64",
                *(self.access if access is None else access))

    def start_all(self, *more, **options):
        self.workers = [self.start(name, *self.serving(name), *more, **options) for name in NAMES]
        self.urls = [worker.url for worker in self.workers]

    def train(self, *arguments, layers=LAYERS, model=None):
        return csyft("train", *self.urls, *layers, "--model", model or self.model, *arguments)

    def rounds(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def start_training(self, *arguments, model=None, errors=subprocess.PIPE):
        return subprocess.Popen([PROGRAM, "train", *self.urls, *LAYERS, "--batch", "10", "--lr", "0.05", "--json", "--model",
                                 str(model or self.model), *map(str, arguments)], stdout=subprocess.PIPE, stderr=errors, text=True)


class Rounds(TrainTest):
    def test_learns(self):
        self.start_all(*self.serving("bob", "held"))
        result = self.train("--lr", "0.1", "--batch", "10", "--rounds", "30", "--test", "held",
                            "--metrics", self.folder / "rounds.csv", "--metrics-workers", self.folder / "workers.csv",
                            "--plot", self.folder / "rounds.svg")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^rounds    30\nworkers   3 of 3 in the last round, 360 rows\nloss      0\.\d+\n"
                                        r"test      loss 0\.\d+, (7|8|9)\d\.\d\d % right of 360 rows\nmodel     .*model.safetensors\n$")
        self.assertEqual(len(result.stderr.splitlines()), 30)
        self.assertRegex(result.stderr, r"(?m)^training: 30/30 loss 0\.\d+ accuracy 0\.\d+$")
        shown = self.succeed("model", "show", self.model)
        self.assertRegex(shown, r"(?m)^0\.weight +float32 +16x6 ")
        self.assertRegex(shown, r"(?m)^2\.weight +float32 +3x16 ")
        with open(self.folder / "rounds.csv", newline="") as file:
            rounds = list(csv.DictReader(file))
        self.assertEqual([row["round"] for row in rounds], [str(k + 1) for k in range(30)])
        self.assertLess(float(rounds[-1]["test_loss"]), float(rounds[0]["test_loss"]))
        self.assertEqual(len((self.folder / "workers.csv").read_text().splitlines()), 91)
        self.assertEqual(xml.etree.ElementTree.parse(self.folder / "rounds.svg").getroot().get("viewBox"), "0 0 720 480")

    def test_every_way(self):
        self.start_all()
        for number, options in enumerate((("--optimizer", "adam", "--epochs", "2"), ("--strategy", "adam", "--server-lr", "0.05"),
                                          ("--holders", "2"), ("--holders", "3", "--strategy", "adam", "--update-max", "0.5"),
                                          ("--fraction", "0.4", "--proximal", "0.01"), ("--momentum", "0.9", "--weight-decay", "1e-4"))):
            model = self.folder / f"{number}.safetensors"
            rounds = self.rounds(self.train("--rounds", "8", "--batch", "10", "--json", *options, model=model))
            self.assertEqual([row["round"] for row in rounds], list(range(1, 9)), options)
            self.assertEqual({row["asked"] for row in rounds}, {1 if "--fraction" in options else 3})
            self.assertEqual({(row["counted"] == row["asked"], tuple(row["left_out"])) for row in rounds}, {(True, ())})
            self.assertLess(rounds[-1]["loss"], 1.2, options)

    def test_from_another_model(self):
        self.start_all()
        self.rounds(self.train("--rounds", "4", "--batch", "10", "--lr", "0.1", "--json"))
        first = self.rounds(self.train("--rounds", "1", "--json", "--lr", "1e-9", model=self.folder / "drawn.safetensors"))
        plain = self.folder / "plain.safetensors"
        self.succeed("model", "convert", self.model, self.folder / "plain.pt")
        self.succeed("model", "convert", self.folder / "plain.pt", plain)
        more = self.rounds(self.train("--rounds", "1", "--json", "--lr", "1e-9", "--start", plain, model=self.folder / "more.safetensors"))
        self.assertLess(more[0]["loss"], first[0]["loss"])

    def test_images(self):
        text = "conv 4 3 1 1, relu, maxpool 2, flatten, 8, batchnorm, 3"
        data, targets = self.write_npy("x.npy", "<f4", (30, 4, 4), [k % 7 for k in range(480)]), self.write_npy(
            "y.npy", "<i8", (30,), [k % 3 for k in range(30)])
        self.urls = [self.start("alice", "--dataset", f"points={data},{targets}", "--transform", "reshape 1x4x4", "--release-rows", "2").url]
        self.rounds(self.train("--json", "--rounds", "2", layers=("--dataset", "points", "--layers", text)))
        self.assertRegex(self.succeed("model", "show", self.model), r"(?m)^4\.weight +float32 +8x16 ")
        flat = self.folder / "flat.safetensors"
        self.rounds(self.train("--json", "--rounds", "2", model=flat))
        self.assertRegex(self.succeed("model", "show", flat), r"(?m)^1\.weight +float32 +16x16 ")

    def test_noise_from_a_budget(self):
        """Workers that release nothing else; when a caller has spent its budget they say so, and the model stays."""
        self.access = ()
        self.urls = [self.start(name, "--ledger", self.folder / f"{name}.ledger", *self.serving(name), "--budget", "2,1e-5").url
                     for name in NAMES]
        noise = ("--noise", "4", "--clip", "0.5", "--batch", "20", "--lr", "0.1", "--json")
        rounds = self.rounds(self.train("--rounds", "2", *noise, "--metrics", self.folder / "rounds.csv"))
        self.assertEqual([(row["counted"], row["loss"]) for row in rounds], [(3, None)] * 2)
        self.assertRegex((self.folder / "rounds.csv").read_text(), r"(?m)^2,[\d.]+,3,3,360,,,,$")
        self.assertRegex(self.succeed("ledger", self.folder / "bob.ledger"), "points")
        spent = self.train("--rounds", "1000", *noise)
        self.assertEqual(spent.returncode, 1)
        self.assertRegex(spent.stderr, "csyft train: round: .* are missing; the first: .*budget")
        done = json.loads(spent.stdout.splitlines()[-1])["round"]
        self.assertIn(f"csyft.federated.rounds = {done}", self.succeed("model", "show", self.model))

    def test_over_tls(self):
        keys = self.folder / "keys"
        for name in (*NAMES, "me"):
            self.succeed("keys", keys, name)
        identity = lambda name: ("--ca", keys / "ca.pem", "--certificate", keys / f"{name}.pem", "--key", keys / f"{name}.key")
        self.urls = [self.start(name, *self.serving(name), *identity(name), "--require-certificates",
                                listen=("tls://127.0.0.1:0",)).url for name in NAMES]
        self.assertEqual(len(self.rounds(self.train("--json", "--rounds", "2", "--holders", "3", *identity("me")))), 2)
        self.assertEqual(self.train("--rounds", "3").returncode, 1)


class Deaths(TrainTest):
    def test_killed(self):
        """The program is killed over and over; it ends with the file of one that was not."""
        self.start_all()
        whole = self.folder / "whole.safetensors"
        way = ("--strategy", "adam", "--fraction", "0.67", "--rounds", "40", "--seed", "5")
        done = self.start_training(*way, model=whole)
        self.assertEqual(len(done.communicate(timeout=60)[0].splitlines()), 40)
        drawn = random.Random(7)
        rounds = self.folder / "rounds.csv"
        for _ in range(5):
            process = self.start_training(*way, "--metrics", rounds)
            for _ in range(drawn.randrange(1, 5)):
                process.stdout.readline()
            time.sleep(drawn.uniform(0, 0.004))
            process.kill()
            process.communicate()
        result = self.start_training(*way, "--metrics", rounds)
        out, errors = result.communicate(timeout=60)
        self.assertEqual(result.returncode, 0, errors)
        self.assertRegex(errors, r"model.safetensors: going on after \d+ rounds")
        self.assertEqual(self.model.read_bytes(), whole.read_bytes())
        self.assertEqual([line.split(",")[0] for line in rounds.read_text().splitlines()[1:]], [str(k + 1) for k in range(40)])
        again = self.train("--rounds", "40")
        self.assertEqual((again.returncode, again.stdout), (0, f"rounds    40\nmodel     {self.model}\n"))

    def test_interrupted(self):
        self.start_all()
        process = self.start_training("--rounds", "100000")
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        done = json.loads(out.splitlines()[-1])["round"] if out else 1
        self.assertIn(f"csyft train: interrupted after round {done}; the same command goes on", errors)
        self.assertIn(f"csyft.federated.rounds = {done}", self.succeed("model", "show", self.model))


class Workers(TrainTest):
    def test_a_worker_is_killed(self):
        """Rounds go on without it, and with it when it is there again."""
        self.start_all()
        bob = self.workers[1]
        errors = open(self.folder / "errors", "w+")  # a line per round: more than a pipe holds
        self.addCleanup(errors.close)
        process = self.start_training("--rounds", "100000", "--timeout", "2", errors=errors)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for = lambda counted: next(row for row in map(json.loads, process.stdout) if row["counted"] == counted)
        wait_for(3)
        bob.process.kill()
        bob.process.wait()
        row = wait_for(2)
        self.assertEqual([one["worker"] for one in row["left_out"]], ["bob"])
        bob.process.stdout.close()
        bob.stop = lambda *_: 0
        self.start("bob", *self.serving("bob"), listen=(bob.url,))
        wait_for(3)
        process.terminate()
        process.communicate(timeout=60)
        said = (self.folder / "errors").read_text()
        self.assertRegex(said, r"csyft train: warning: round \d+ without worker bob: ")
        self.assertRegex(said, r"csyft train: round \d+: worker bob takes part again")


class BadInput(TrainTest):
    def test_command_lines(self):
        url = "tcp://127.0.0.1:1"
        good = (*LAYERS, "--model", self.model)
        for sentence, arguments in (
            ("expected URL", good),
            ("--dataset KEY is missing", (url, "--layers", "3", "--model", self.model)),
            ("--layers LAYERS is missing", (url, "--dataset", "x", "--model", self.model)),
            ("--model FILE is missing", (url, *LAYERS)),
            ("--rounds 0: expected a whole number from 1", (url, *good, "--rounds", "0")),
            ("--lr x: expected a number", (url, *good, "--lr", "x")),
            ("--fraction 1.5: expected a number", (url, *good, "--fraction", "1.5")),
            ("--proximal 1: expected a number", (url, *good, "--proximal", "1")),
            ("--loss hinge: there is no such loss", (url, *good, "--loss", "hinge")),
            ("--optimizer x: there is no such optimizer", (url, *good, "--optimizer", "x")),
            ("--strategy x: there is no such strategy", (url, *good, "--strategy", "x")),
            ("--momentum: belongs to", (url, *good, "--momentum", "0.5", "--optimizer", "adam")),
            ("--noise and --clip belong together", (url, *good, "--noise", "1")),
            ("--holders 1: from 2 to the number of workers, 1", (url, *good, "--holders", "1")),
            ("--holders: sums of fewer than 3 .* and 2 take part", (url, url + "1", *good, "--holders", "2")),
            ("--min-workers 2: there are 1", (url, *good, "--min-workers", "2")),
        ):
            self.fail_with(2, sentence, "train", *arguments)
        self.fail_with(1, "cannot connect", "train", url, *good)

    def test_layers(self):
        self.start_all()
        for text, sentence in (("", "'' is no layer"), ("16,,3", "'' is no layer"), ("16 3", "'16 3' is no layer"),
                               ("16,-3", "'-3' is no layer"), ("99999999", "is no layer"), ("relu 3", "layer 'relu 3': expected relu"),
                               ("magic", "there is no layer 'magic'"), ("conv 4", r"expected conv CHANNELS KERNEL \[STRIDE \[PADDING\]\]"),
                               ("conv 4 3", "takes images .* rows of 1 dims"), ("0", "layer '0': "), ("x" * 200, "is no layer"),
                               (",".join(["8"] * 80), "more than 64 layers")):
            result = self.train(layers=("--dataset", "points", "--layers", text))
            self.assertEqual(result.returncode, 2, text)
            self.assertRegex(result.stderr, "csyft train: --layers .*" + sentence)

    def assert_refused(self, sentence, *arguments, **options):
        result = self.train(*arguments, **options)
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        self.assertRegex(result.stderr, "csyft train: .*" + sentence)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_datasets(self):
        tensor = self.write_npy("t.npy", "<f4", (2, 2), [0] * 4)
        wide, bytes_ = self.write_npy("w.npy", "<f4", (20, 7), [0] * 140), self.write_npy("b.npy", "|u1", (20, 6), [0] * 120)
        targets = self.write_npy("y.npy", "<i8", (20,), [0] * 20)
        self.start_all(*self.serving("bob", "held"))
        release = ("--release-rows", "2")
        other = self.start("dora", "--dataset", f"points={wide},{targets}", *release, "--dataset", f"bytes={bytes_},{targets}", *release,
                           *self.serving("bob", "silent", ()), "--data", tensor, "--tag", "#points")
        dataset = lambda key: ("--dataset", key, "--layers", "16,3")
        self.assert_refused("worker alice serves no dataset nothing to us", layers=dataset("nothing"))
        self.assert_refused("--test nothing: no worker has such a dataset", "--test", "nothing")
        self.assert_refused("worker alice, dataset points: only means over 5 rows or more may leave, and --batch is 4", "--batch", "4")
        self.assert_refused("3 .*missing; the first: .*alice.*out of range", "--min-workers", "3", layers=("--dataset", "points", "--layers", "2"))
        self.urls.append(other.url)
        self.assert_refused("worker dora, dataset points: rows or targets have another shape or dtype than dataset points at worker alice")
        self.urls = [other.url]
        self.assert_refused("worker dora, dataset bytes: rows of uint8; it has to be served with --transform float32", layers=dataset("bytes"))
        self.assert_refused("worker dora, dataset silent: nothing .* --release-rows", layers=dataset("silent"))
        self.urls = [other.url, other.url]
        result = self.train()
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, "is the same worker as")

    def test_files(self):
        self.start_all()
        few = ("--rounds", "2")
        notes = self.folder / "notes.safetensors"
        notes.write_text("mine\n")
        self.assert_refused("notes.safetensors", *few, model=notes)
        self.assertEqual(notes.read_text(), "mine\n")
        self.assertEqual(self.train(*few).returncode, 0)
        self.assert_refused("'0.weight' is 16x6 in the file, 8x6 in the module", *few, layers=("--dataset", "points", "--layers", "8,3"))
        plain = self.folder / "plain.pt"
        self.succeed("model", "convert", self.model, plain)
        self.assert_refused("how many rounds", *few, model=plain)
        self.assert_refused("nowhere.*cannot open", *few, "--start", self.folder / "nowhere", model=self.folder / "x.safetensors")
        refused = self.train("--rounds", "4", "--metrics", notes)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, "going on after 2 rounds\ncsyft train: .*notes.safetensors, line 1: no log of a training")
        self.assertIn("csyft.federated.rounds = 2", self.succeed("model", "show", self.model))


if __name__ == "__main__":
    unittest.main()
