#!/usr/bin/env python3
"""examples/plan and examples/training_plan over workers in processes of their own: the same answers as in one process, and
nothing is left behind."""
import os
import subprocess
import time
import unittest

from processes import PATIENCE, CliTest

PLAN = os.environ["CSYFT_EXAMPLE_PLAN"]
TRAINING = os.environ["CSYFT_EXAMPLE_TRAINING_PLAN"]
LISTEN = ("tcp://127.0.0.1:0", "ws://127.0.0.1:0")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)


class Examples(CliTest):
    def start_both(self):
        return [self.start(name, "--grace", "0.1", listen=(url,)) for name, url in zip(("alice", "bob"), LISTEN)]

    def assert_empty(self, workers):
        deadline = time.monotonic() + PATIENCE
        for worker in workers:
            while self.succeed("ls", "-q", worker.url) != "":
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_a_plan(self):
        workers = self.start_both()
        here = run(PLAN)
        self.assertEqual((here.returncode, here.stderr), (0, ""))
        for worker in workers:
            there = run(PLAN, worker.url)
            self.assertEqual((there.returncode, there.stdout, there.stderr), (0, here.stdout, ""))
        self.assert_empty(workers)

    def test_training(self):
        workers = self.start_both()
        there = run(TRAINING, *(worker.url for worker in workers))
        self.assertEqual((there.returncode, there.stderr), (0, ""))
        self.assertRegex(there.stdout, r"^y = 2.00 a \+ -3.00 b \+ 1.00\n180 steps, [23]\.\d messages for each\n$")
        self.assert_empty(workers)

    def test_a_worker_that_is_gone(self):
        workers = self.start_both()
        urls = [worker.url for worker in workers]
        self.assertEqual(workers[1].stop(), 0)
        there = run(TRAINING, *urls)
        self.assertEqual((there.returncode, there.stdout), (1, ""))
        self.assertRegex(there.stderr, f"^{urls[1]}: cannot connect")
        self.assert_empty(workers[:1])


if __name__ == "__main__":
    unittest.main()
