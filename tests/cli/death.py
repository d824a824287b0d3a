#!/usr/bin/env python3
"""Processes that die: each end learns it as its own sentence, and whoever is left goes on."""
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from processes import PATIENCE, PROGRAM, CliTest, csyft

MIB = 1 << 20


class Gate:
    """A relay to a worker that lets through `limit` bytes of what a client sends, then holds the rest."""

    def __init__(self, url, limit):
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.server.getsockname()[1]}"
        self.held = threading.Event()
        self.limit = limit
        self.ends = []
        threading.Thread(target=self.run, args=((host, int(port)),), daemon=True).start()

    def run(self, address):
        client, _ = self.server.accept()
        worker = socket.create_connection(address)
        self.ends = [client, worker]
        threading.Thread(target=self.pump, args=(worker, client, None), daemon=True).start()
        self.pump(client, worker, self.limit)

    def pump(self, source, target, limit):
        passed = 0
        try:
            while limit is None or passed < limit:
                data = source.recv(65536 if limit is None else min(65536, limit - passed))
                if not data:
                    break
                target.sendall(data)
                passed += len(data)
            else:
                self.held.set()
                return  # both ends stay open: a peer that stalls
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)  # a close alone waits for the thread that receives
            except OSError:
                pass
        for end in (*self.ends, self.server):
            end.close()


class Death(CliTest):
    def large(self, name="large.npy", mib=64):
        path = self.folder / name
        count = mib * MIB // 4
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}"
        header += " " * (-(10 + len(header) + 1) % 64) + "\n"
        with open(path, "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
            file.truncate(10 + len(header) + mib * MIB)
        return path

    def run_in_background(self, *arguments):
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ids(self, url):
        return self.succeed("ls", "-q", url).split()

    def wait_until(self, what, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return
            time.sleep(0.02)
        self.fail("it did not happen")

    def test_worker_killed_while_a_request_is_under_way(self):
        worker = self.start("bob")
        gate = Gate(worker.url, 10 * MIB)
        self.addCleanup(gate.close)
        client = self.run_in_background("send", gate.url, self.large())
        self.assertTrue(gate.held.wait(PATIENCE), "10 MiB are on their way")
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait(PATIENCE)
        gate.close()
        out, errors = client.communicate(timeout=PATIENCE)
        worker.process.stdout.close()
        self.assertEqual((client.returncode, out), (1, ""), errors)
        self.assertRegex(errors, r"csyft send: (?=.*bob)")
        self.assertEqual(errors.count("\n"), 1, errors)
        self.excuse(worker)

    def excuse(self, worker):
        worker.stop = lambda *_: 0  # it was killed on purpose

    def test_worker_that_stalls_costs_only_the_deadline(self):
        worker = self.start("bob")
        gate = Gate(worker.url, 2 * MIB)
        self.addCleanup(gate.close)
        begin = time.monotonic()
        self.fail_with(1, "csyft send: (?=.*bob)", "send", "--timeout", "2", gate.url, self.large())
        self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertIn("id: bob", self.succeed("whoami", worker.url))

    def test_client_killed_while_it_sends(self):
        worker = self.start("bob", "--memory-limit", "100M")
        gate = Gate(worker.url, 10 * MIB)
        client = self.run_in_background("send", gate.url, self.large())
        self.assertTrue(gate.held.wait(PATIENCE))
        client.kill()
        client.wait(PATIENCE)
        gate.close()
        # What the torn message had reserved comes back: another 64 MiB fit under 100.
        self.wait_until(lambda: subprocess.run([PROGRAM, "send", worker.url, self.large("again.npy")],
                                               capture_output=True).returncode == 0)
        self.assertEqual(len(self.ids(worker.url)), 1)

    def test_second_worker_with_the_same_id(self):
        first = self.start("bob")
        second = self.start("bob")
        self.assertNotEqual(first.url, second.url)
        x = self.succeed("send", first.url, self.write_npy("x.npy", "<f4", (2,), (1, 2)))
        out = self.folder / "out.npy"
        self.fail_with(1, f"(?=.*bob)(?=.*{x})", "get", second.url, x, "-o", out)
        self.assertEqual(self.ids(first.url), [x])
        self.assertEqual(self.ids(second.url), [])

    def test_worker_restarted_on_the_same_port(self):
        first = self.start("bob")
        url = first.url
        x = self.succeed("send", url, self.write_npy("x.npy", "<f4", (2,), (1, 2)))
        self.assertEqual(first.stop(), 0)
        self.fail_with(1, "csyft whoami: ", "whoami", url)
        self.start("bob", listen=(url,))
        self.assertIn("id: bob", self.succeed("whoami", url))
        self.fail_with(1, f"(?=.*bob)(?=.*{x})", "get", url, x, "-o", self.folder / "out.npy")

    def test_demo_names_the_worker_that_died(self):
        workers = [self.start(name) for name in ("alice", "bob", "charlie")]
        urls = ",".join(worker.url for worker in workers)
        os.kill(workers[1].process.pid, signal.SIGKILL)
        workers[1].process.wait(PATIENCE)
        workers[1].process.stdout.close()
        self.excuse(workers[1])
        result = csyft("demo", "--workers", urls)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "csyft demo: .*" + workers[1].url.rsplit(":", 1)[1])


if __name__ == "__main__":
    unittest.main()
