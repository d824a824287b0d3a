#!/usr/bin/env python3
"""Tokens, permissions and limits of callers, with workers and clients in processes of their own."""
import os
import signal
import socket
import stat
import subprocess
import time
import unittest

from processes import PROGRAM, CliTest, csyft


class Keys(CliTest):
    """A folder with a certificate for bob, and tokens for alice and carol."""

    def setUp(self):
        super().setUp()
        self.keys = self.folder / "keys"
        self.succeed("keys", self.keys, "bob")
        self.succeed("keys", self.keys, "alice", "--token")
        self.succeed("keys", self.keys, "carol", "--token", "--days", "3")

    def path(self, name):
        return str(self.keys / name)

    def as_(self, name):
        return ["--ca", self.path("ca.pem"), "--token", self.path(f"{name}.token")]

    def worker(self, *options, scheme="tls"):
        return self.start("bob", "--certificate", self.path("bob.pem"), "--key", self.path("bob.key"),
                          "--token-file", self.path("tokens"), *options, listen=(f"{scheme}://127.0.0.1:0",))

    def data(self, *options):
        return ["--data", self.write_npy("x.npy", "<f4", (3,), (1.5, 2.5, 3.5)), "--tag", "#ages", *options]


class Callers(Keys):
    def test_files_of_tokens(self):
        for name in ("tokens", "alice.token"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
        lines = (self.keys / "tokens").read_text().splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["alice", "carol"])
        self.assertEqual(lines[0].split()[1], (self.keys / "alice.token").read_text().strip())
        self.assertRegex(lines[1], r"^carol [0-9a-f]{48} \d{4}-\d\d-\d\d$")
        self.fail_with(1, "exists already", "keys", self.keys, "alice", "--token")
        self.fail_with(2, "no blanks", "keys", self.keys, "a b", "--token")
        os.chmod(self.path("tokens"), 0o644)
        self.fail_with(1, "chmod 600", "worker", "--id", "bob", "--listen", "tcp://127.0.0.1:0", "--token-file", self.path("tokens"))

    def test_who_is_let_in(self):
        for scheme in ("tls", "wss"):
            worker = self.worker(scheme=scheme)
            self.assertIn("bob", self.succeed("whoami", worker.url, *self.as_("alice")))
            self.fail_with(1, "takes nobody without a token", "whoami", worker.url, "--ca", self.path("ca.pem"))
            (self.keys / "wrong.token").write_text("0123456789abcdef0123456789abcdef\n")
            self.fail_with(1, "does not take this token", "whoami", worker.url, *self.as_("wrong"))
            token = (self.keys / "carol.token").read_text().strip()
            done = subprocess.run([PROGRAM, "whoami", worker.url, "--ca", self.path("ca.pem")], capture_output=True,
                                  text=True, env={**os.environ, "CSYFT_TOKEN": token})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            errors = worker.errors()
            self.assertRegex(errors, r'(?m)^warning: audit: bob: .*refused caller="anonymous" address=' + scheme +
                             r'://127.0.0.1:\d+ action="hello" .*time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ status=SY_EPERM')
            for line in (self.keys / "tokens").read_text().splitlines() + ["x 0123456789abcdef0123456789abcdef"]:
                self.assertNotIn(line.split()[1], errors)

    def test_tokens_are_read_anew_on_sighup(self):
        worker = self.worker()
        self.assertIn("bob", self.succeed("whoami", worker.url, *self.as_("carol")))
        kept = (self.keys / "tokens").read_text()
        only_alice = [line for line in kept.splitlines() if line.startswith("alice ")]
        (self.keys / "tokens").write_text("\n".join(only_alice) + "\n")
        worker.process.send_signal(signal.SIGHUP)
        for _ in range(200):
            refused = csyft("whoami", worker.url, *self.as_("carol"))
            if refused.returncode != 0:
                break
            time.sleep(0.02)
        self.assertIn("does not take this token", refused.stderr)
        self.assertIn("bob", self.succeed("whoami", worker.url, *self.as_("alice")))
        (self.keys / "tokens").write_text("nonsense\n")
        worker.process.send_signal(signal.SIGHUP)
        for _ in range(200):
            if "the tokens stay as they were" in worker.errors():
                break
            time.sleep(0.02)
        self.assertRegex(worker.errors(), "the tokens stay as they were: .*line 1")
        self.assertIn("bob", self.succeed("whoami", worker.url, *self.as_("alice")))
        (self.keys / "tokens").write_text(kept)

    def test_certificates_name_the_caller(self):
        self.succeed("keys", self.keys, "dave")
        worker = self.start("bob", "--ca", self.path("ca.pem"), "--certificate", self.path("bob.pem"), "--key",
                            self.path("bob.key"), "--require-certificates", *self.data("--allow", "get,use=dave"),
                            listen=("tls://127.0.0.1:0", "wss://127.0.0.1:0"))
        for url in worker.urls:
            def shows(name):
                return ["--ca", self.path("ca.pem"), "--certificate", self.path(f"{name}.pem"), "--key", self.path(f"{name}.key")]
            number = self.succeed("search", "--ids", url, "#ages", *shows("dave"))
            self.succeed("get", url, number, "--keep", "-o", self.folder / "y.npy", *shows("dave"))
            self.fail_with(1, "get of object .* is refused", "get", url, number, "--keep", "-o", self.folder / "n.npy", *shows("bob"))
        self.assertRegex(worker.errors(), r'audit: bob: .*caller="bob" .*action="object request"')
        self.assertNotIn("2.5", worker.errors())

    def test_permissions(self):
        worker = self.worker(*self.data("--allow", "get=alice", "--allow", "use,search=alice,carol", "--allow", "delete="))
        number = self.succeed("search", "--ids", worker.url, "#ages", *self.as_("carol"))
        self.assertIn("private", self.succeed("ls", worker.url, *self.as_("carol")))
        self.assertIn("public", self.succeed("ls", worker.url, *self.as_("alice")))
        made = self.succeed("call", worker.url, "add", number, number, *self.as_("carol")).split()[0]
        for object_ in (number, made):
            self.fail_with(1, "get of object .* is refused", "get", worker.url, object_, "--keep", "-o", self.folder / "n.npy", *self.as_("carol"))
            self.succeed("get", worker.url, object_, "--keep", "-o", self.folder / f"{object_}.npy", *self.as_("alice"))
        self.fail_with(1, "delete of object", "rm", worker.url, number, *self.as_("alice"))
        self.fail_with(1, "delete of object", "get", worker.url, number, "-o", self.folder / "n.npy", *self.as_("alice"))
        self.succeed("rm", worker.url, made, *self.as_("carol"))
        self.assertRegex(worker.errors(), f'refused caller="carol" .*object="{number}"')

    def test_misuse(self):
        for words, sentence in ((["--allow", "get=alice"], "belongs behind a --data"),
                                (["--data", "x.npy", "--allow", "read=alice"], "expected get, use"),
                                (["--data", "x.npy", "--allow", "get"], "expected get, use"),
                                (["--rate", "0"], "--rate"), (["--stall-time", "-1"], "--stall-time")):
            self.fail_with(2, sentence, "worker", "--id", "bob", "--listen", "tcp://127.0.0.1:0", *words)

    def test_an_open_door_has_to_be_meant(self):
        token = ["--token-file", self.path("tokens")]
        tls = ["--certificate", self.path("bob.pem"), "--key", self.path("bob.key")]
        for words, sentence in ((["tcp://0.0.0.0:0"], "encrypted and anybody"), (["ws://0.0.0.0:0", *token], "nothing would be encrypted; use"),
                                (["tls://0.0.0.0:0", *tls], "it would take anybody")):
            self.fail_with(1, sentence, "worker", "--id", "bob", "--listen", *words)
        worker = self.start("bob", *tls, *token, listen=("tls://0.0.0.0:0",))
        worker.stop()
        self.assertEqual(worker.errors(), "")


class Limits(Keys):
    def test_rate(self):
        worker = self.worker("--rate", "2", "--burst", "6")
        answers = [subprocess.run([PROGRAM, "whoami", worker.url, *self.as_("alice")], capture_output=True, text=True)
                   for _ in range(12)]
        self.assertTrue(any("more than 2 requests per second (and 6 at once)" in a.stderr for a in answers))
        deadline = time.monotonic() + 20
        while subprocess.run([PROGRAM, "whoami", worker.url, *self.as_("carol")], capture_output=True).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.5)

    def test_memory_objects_and_messages(self):
        big = self.write_npy("big.npy", "<f4", (100000,), [0.0] * 100000)
        small = self.write_npy("small.npy", "<f4", (1,), [0.0])
        worker = self.worker("--caller-memory", "300k", "--caller-objects", "3")
        self.fail_with(1, "caller alice.*307200", "send", worker.url, big, *self.as_("alice"))
        for _ in range(3):
            self.succeed("send", worker.url, small, *self.as_("alice"))
        self.fail_with(1, "caller alice.*3 objects, the limit is 3", "send", worker.url, small, *self.as_("alice"))
        self.succeed("send", worker.url, small, *self.as_("carol"))
        limited = self.worker("--message-limit", "100k")
        self.fail_with(1, "102400", "send", limited.url, big, *self.as_("alice"))
        self.succeed("send", limited.url, small, *self.as_("alice"))


class Connections(CliTest):
    """Clients that only connect, or send slowly, on a worker of this machine."""

    def open(self, url):
        host, port = url.split("://")[1].split(":")
        return socket.create_connection((host, int(port)), timeout=20)

    def test_connections_of_an_address(self):
        worker = self.start("bob", "--caller-connections", "3", "--greeting-time", "1.5")
        held = [self.open(worker.url) for _ in range(3)]
        time.sleep(0.3)
        self.fail_with(1, "connections already, the limit is 3", "whoami", worker.url)
        held.pop().close()
        held.pop().close()
        time.sleep(0.3)
        self.assertIn("bob", self.succeed("whoami", worker.url))
        self.assertRegex(worker.errors(), "audit: .*status=SY_ELIMIT")
        # Who says nothing does not hold its place.
        held[0].settimeout(20)
        self.assertEqual(held[0].recv(1), b"")

    def test_an_address_that_only_connects(self):
        worker = self.start("bob", "--caller-connections", "3", "--connections", "30", "--greeting-time", "60")
        held = [self.open(worker.url) for _ in range(20)]
        for s in held[6:]:
            s.settimeout(20)
            self.assertEqual(s.recv(1), b"")  # closed at once
        self.assertRegex(worker.errors(), 'audit: bob: refused action="connect" reason="clients at 127.0.0.1 .*limit is 3')
        for s in held:
            s.close()
        time.sleep(0.3)
        self.assertIn("bob", self.succeed("whoami", worker.url))

    def test_connections_in_all(self):
        worker = self.start("bob", "--connections", "2")
        held = [self.open(worker.url) for _ in range(2)]
        time.sleep(0.3)
        self.fail_with(1, "closed|reset", "whoami", worker.url)
        for s in held:
            s.close()
        time.sleep(0.3)
        self.assertIn("bob", self.succeed("whoami", worker.url))


if __name__ == "__main__":
    unittest.main()
