#!/usr/bin/env python3
"""Every failure has its exit code and one sentence that names the culprit; the worker serves on."""
import os
import socket
import subprocess
import threading
import time
import unittest

from processes import PROGRAM, CliTest, csyft, free_port


class AtTheWorker(CliTest):
    def setUp(self):
        super().setUp()
        self.worker = self.start("bob", "--data", self.write_npy("p.npy", "<f4", (2,), (5, 6)), "--private", "--tag", "#p")
        self.url = self.worker.url
        self.x = self.succeed("send", self.url, self.write_npy("x.npy", "<f4", (2, 3), range(6)))

    def tearDown(self):
        self.assertIn("id: bob", self.succeed("whoami", self.url), "the worker serves on")
        super().tearDown()

    def test_unknown_ids(self):
        out = self.folder / "out.npy"
        for arguments in (("get", self.url, "424242", "-o", out), ("rm", self.url, "424242"),
                          ("call", self.url, "add", self.x, "424242")):
            self.fail_with(1, f"csyft {arguments[0]}: (?=.*bob)(?=.*424242)", *arguments)
        self.fail_with(1, "no-such-name", "get", self.url, "no-such-name", "-o", out)
        self.assertFalse(out.exists())

    def test_operations_that_cannot_run(self):
        other = self.succeed("send", self.url, self.write_npy("y.npy", "<f4", (4, 5), range(20)))
        for sentence, arguments in (
            ("no_such_operation", ("no_such_operation", self.x)),
            ("os.system", ("os.system", "='reboot'")),
            ("matmul.*2.*3.*4.*5", ("matmul", self.x, other)),
            ("2.*3.*4.*5", ("add", self.x, other)),
            ("view", ("view", self.x, "=[5,5]")),
            ("add", ("add", self.x)),
            ("colour", ("relu", self.x, "colour=3")),
        ):
            self.fail_with(1, f"csyft call: .*{sentence}", "call", self.url, *arguments)

    def test_operations_that_are_not_for_others(self):
        self.fail_with(1, "item", "call", self.url, "item", self.x)
        self.fail_with(1, "item", "call", self.url, "tolist", self.x)

    def test_private_contents_stay(self):
        private = self.succeed("search", "-q", self.url, "#p")
        out = self.folder / "out.npy"
        self.fail_with(1, f"(?=.*bob)(?=.*{private}).*private", "get", self.url, private, "-o", out)
        self.fail_with(1, "private", "get", self.url, private, "-o", out, "--keep")
        for operation in (("add", private, "=0"), ("clone", private), ("sum", private), ("__getitem__", private, "=0")):
            result = self.succeed("call", self.url, *operation)
            self.fail_with(1, "private", "get", self.url, result, "-o", out)
        self.assertFalse(out.exists())

    def test_files(self):
        self.fail_with(1, "missing.npy", "send", self.url, self.folder / "missing.npy")
        (self.folder / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00\xff\xff")
        self.fail_with(1, "bad.npy", "send", self.url, self.folder / "bad.npy")
        (self.folder / "bad.csv").write_text("1,2\n3,x\n")
        self.fail_with(1, "line 2", "send", self.url, self.folder / "bad.csv")
        self.fail_with(1, str(self.folder), "send", self.url, self.folder)

    def test_a_full_disk_on_standard_output(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "ls", self.url], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "csyft ls: standard output: ")


class OnTheWay(CliTest):
    def test_nobody_listens(self):
        for scheme in ("tcp", "ws"):
            url = f"{scheme}://127.0.0.1:{free_port()}"
            self.fail_with(1, f"csyft whoami: .*{url}", "whoami", url)

    def serve(self, answer):
        """Somebody at a port who is no worker; returns the port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def test_garbage_instead_of_a_handshake(self):
        def http(connection):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + b"\xff" * 200)
            connection.settimeout(5)
            try:
                while connection.recv(4096):
                    pass
            except OSError:
                pass

        port = self.serve(http)
        for scheme in ("tcp", "ws"):
            url = f"{scheme}://127.0.0.1:{port}"
            self.fail_with(1, f"csyft whoami: .*{url}", "whoami", "--timeout", "3", url)

    def test_silence(self):
        port = self.serve(lambda connection: time.sleep(5))
        for scheme in ("tcp", "ws"):
            url = f"{scheme}://127.0.0.1:{port}"
            begun = time.monotonic()
            self.fail_with(1, f"csyft ls: .*{url}", "ls", "--timeout", "0.4", url)
            self.assertLess(time.monotonic() - begun, 3)

    def test_a_worker_that_hangs_up(self):
        port = self.serve(lambda connection: None)
        url = f"tcp://127.0.0.1:{port}"
        self.fail_with(1, f"csyft whoami: .*{url}", "whoami", url)

    def test_garbage_does_not_disturb_a_worker(self):
        worker = self.start("bob", listen=("tcp://127.0.0.1:0", "ws://127.0.0.1:0"))
        for url in worker.urls:
            port = int(url.rsplit(":", 1)[1].split("/")[0])
            for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\xff" * 4096, os.urandom(4096)):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(garbage)
            self.assertIn("id: bob", self.succeed("whoami", url))


class CommandLines(CliTest):
    def test_wrong_command_lines(self):
        url = "tcp://127.0.0.1:1"
        for sentence, arguments in (
            ("frobnicate: there is no such verb", ("frobnicate",)),
            ("frobnicate: there is no such verb", ("help", "frobnicate")),
            ("too few words: expected URL", ("whoami",)),
            ("too many words: expected URL", ("whoami", url, url)),
            ("too few words: expected URL TERM", ("search", url)),
            ("too few words: expected URL FILE", ("send", url)),
            ("too few words: expected URL ID", ("rm", url)),
            ("too few words: expected URL OP", ("call", url)),
            ("-o FILE is missing", ("get", url, "1")),
            ("-o: a value must follow", ("get", url, "1", "-o")),
            ("--nope: there is no such option", ("ls", url, "--nope")),
            ("-x: there is no such option", ("ls", url, "-x")),
            ("--timeout 0: expected a number", ("ls", url, "--timeout", "0")),
            ("--timeout soon: expected a number", ("ls", url, "--timeout", "soon")),
            ("nonsense", ("whoami", "nonsense")),
            ("tcp://127.0.0.1", ("whoami", "tcp://127.0.0.1")),
            ("99999999999999999999", ("rm", url, "99999999999999999999")),
        ):
            stderr = self.fail_with(2, sentence, *arguments)
            self.assertRegex(stderr, "^csyft")

    def test_no_verb(self):
        result = csyft()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("usage: csyft VERB", result.stderr)


if __name__ == "__main__":
    unittest.main()
