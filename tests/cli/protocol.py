#!/usr/bin/env python3
"""examples/protocol over three workers in processes of their own: it converts, and leaves nothing behind."""
import os
import subprocess
import time
import unittest

from processes import PATIENCE, CliTest

EXAMPLE = os.environ["CSYFT_EXAMPLE_PROTOCOL"]
SAID = "-40 C = -40.0 F\n0 C = 32.0 F\n100 C = 212.0 F\n"


class Protocol(CliTest):
    def run_example(self, *urls):
        return subprocess.run([EXAMPLE, *urls], capture_output=True, text=True, timeout=PATIENCE)

    def test_over_processes(self):
        workers = [self.start(name, "--grace", "0.1", listen=(url,)) for name, url in
                   (("alice", "tcp://127.0.0.1:0"), ("bob", "ws://127.0.0.1:0"), ("james", "tcp://127.0.0.1:0"))]
        for _ in range(2):  # the second finds no trace of the first
            result = self.run_example(*(worker.url for worker in workers))
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, SAID, ""))
        deadline = time.monotonic() + PATIENCE
        for worker in workers:
            while self.succeed("ls", "-q", worker.url) != "":
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_a_worker_that_is_gone(self):
        workers = [self.start(name) for name in ("alice", "bob", "james")]
        urls = [worker.url for worker in workers]
        self.assertEqual(workers[1].stop(), 0)
        result = self.run_example(*urls)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, f"^SY_ECLOSED: .*{urls[1]}")


if __name__ == "__main__":
    unittest.main()
