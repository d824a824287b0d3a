#!/usr/bin/env python3
"""Looking after a worker: rm --all, peers, messages; and who may (--admin)."""
import os
import unittest

from processes import CliTest, csyft


class Objects(CliTest):
    def test_rm_all(self):
        worker = self.start("bob", "--data", self.write_npy("kept.npy", "<f4", (1,), (1,)), "--tag", "#kept",
                            "--allow", "delete=")
        path = self.write_npy("x.npy", "<f4", (2,), (1, 2))
        for _ in range(3):
            self.succeed("send", worker.url, path)
        kept = self.succeed("search", "--ids", worker.url, "#kept")
        self.assertEqual(self.succeed("rm", "--all", worker.url), "3")
        self.assertEqual(self.succeed("ls", "--ids", worker.url), kept)
        self.assertEqual(self.succeed("rm", "--all", worker.url), "0")
        self.fail_with(1, f"delete of object {kept}", "rm", worker.url, kept)
        self.fail_with(2, "too many words", "rm", "--all", worker.url, "5")
        self.fail_with(2, "expected", "rm", worker.url)


class Peers(CliTest):
    def test_known_workers(self):
        alice = self.start("alice")
        bob = self.start("bob", "--peer", f"alice={alice.url}")
        for _ in range(50):
            lines = [line.split("\t") for line in self.succeed("peers", bob.url).splitlines()]
            if len(lines) == 2:
                break
        self.assertEqual(sorted(lines), [["alice", "socket", alice.url], ["bob", "local", "-"]])
        self.assertEqual(self.succeed("peers", alice.url).split("\t"), ["alice", "local", "-"])


class Messages(CliTest):
    def test_log(self):
        worker = self.start("bob", "--log-messages", "100")
        path = self.write_npy("x.npy", "<f4", (2,), (1, 2))
        number = self.succeed("send", worker.url, path)
        self.succeed("call", worker.url, "add", number, number)
        lines = [line.split("\t") for line in self.succeed("messages", worker.url).splitlines()]
        self.assertEqual([int(line[0]) for line in lines], list(range(len(lines))))
        commands = [line for line in lines if line[3:5] == ["command", "add"]]
        self.assertEqual(len(commands), 1)
        self.assertEqual(commands[0][2], "received")
        self.assertRegex(commands[0][1], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertRegex(commands[0][6], r"^csyft-\d+$")
        self.assertRegex(commands[0][7], r"^tcp://127\.0\.0\.1:\d+$")
        self.assertEqual(sum(line[2] == "received" for line in lines if line[3] == "hello"), 3)
        self.assertEqual(self.succeed("messages", "--from", "3", worker.url).splitlines()[0].split("\t")[0], "3")
        self.succeed("messages", "--stop", worker.url)
        self.assertEqual(self.succeed("messages", worker.url), "")
        self.succeed("messages", "--start", worker.url)
        self.assertNotEqual(self.succeed("messages", worker.url), "")
        self.fail_with(2, "not both", "messages", "--start", "--stop", worker.url)

    def test_only_the_last_ones(self):
        worker = self.start("bob", "--log-messages", "5")
        for _ in range(4):
            self.succeed("whoami", worker.url)
        # Reading makes messages; what is printed were there before.
        self.assertLessEqual(len(self.succeed("messages", worker.url).splitlines()), 5)

    def test_who_may(self):
        tokens = self.folder / "tokens"
        tokens.write_text("alice alice-alice-alice\ncarol carol-carol-carol\n")
        tokens.chmod(0o600)
        worker = self.start("bob", "--token-file", tokens, "--admin", "alice", "--log-messages", "100")
        alice = dict(os.environ, CSYFT_TOKEN="alice-alice-alice")
        carol = dict(os.environ, CSYFT_TOKEN="carol-carol-carol")
        self.assertNotEqual(self.succeed("messages", worker.url, env=alice), "")
        self.succeed("peers", worker.url, env=alice)
        for verb in ("messages", "peers"):
            self.fail_with(1, "bob.*lets others administer it", verb, worker.url, env=carol)
        result = csyft("worker", "--id", "x", "--listen", "tcp://127.0.0.1:0", "--admin", "a,b")
        self.assertEqual(result.returncode, 1)
        self.assertIn("a,b", result.stderr)


if __name__ == "__main__":
    unittest.main()
