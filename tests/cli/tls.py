#!/usr/bin/env python3
"""csyft keys, and workers and tools that talk tls:// with what it makes."""
import os
import stat
import subprocess
import unittest

from processes import CliTest


class Tls(CliTest):
    def setUp(self):
        super().setUp()
        self.keys = self.folder / "keys"
        self.succeed("keys", self.keys, "bob")
        self.succeed("keys", self.keys, "client", "--days", "2")

    def path(self, name):
        return str(self.keys / name)

    def identity(self, name):
        return ["--ca", self.path("ca.pem"), "--certificate", self.path(f"{name}.pem"), "--key", self.path(f"{name}.key")]

    def worker(self, *options):
        return self.start("bob", *self.identity("bob"), *options, listen=("tls://127.0.0.1:0",))

    def test_files(self):
        self.assertEqual(sorted(os.listdir(self.keys)), ["bob.key", "bob.pem", "ca.key", "ca.pem", "client.key", "client.pem"])
        for name in ("bob.key", "ca.key"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
        subprocess.run(["openssl", "verify", "-CAfile", self.path("ca.pem"), self.path("bob.pem")], check=True, capture_output=True)
        text = subprocess.run(["openssl", "x509", "-in", self.path("bob.pem"), "-noout", "-ext", "subjectAltName"],
                              check=True, capture_output=True, text=True).stdout
        self.assertIn("127.0.0.1", text)

    def test_misuse(self):
        self.fail_with(1, "exists already", "keys", self.keys, "bob")
        self.fail_with(2, "no name", "keys", self.keys, "ca")
        self.fail_with(2, "no host name", "keys", self.keys, "eve", "--host", "a,IP:1.1.1.1")
        self.fail_with(2, "--days", "keys", self.keys, "eve", "--days", "0")
        self.fail_with(2, "certificate", "worker", "--id", "x", "--listen", "tls://127.0.0.1:0")

    def test_talking(self):
        url = self.worker().urls[0]
        self.assertTrue(url.startswith("tls://127.0.0.1:"))
        self.assertIn("bob", self.succeed("whoami", url, "--ca", self.path("ca.pem")))
        self.fail_with(1, "not trusted", "whoami", url)
        self.fail_with(1, "127.0.0.1", "whoami", "tcp" + url[3:])

    def test_clients_need_certificates(self):
        url = self.worker("--require-certificates").urls[0]
        self.assertIn("bob", self.succeed("whoami", url, *self.identity("client")))
        self.fail_with(1, "certificate", "whoami", url, "--ca", self.path("ca.pem"))

    def test_an_openssl_client_agrees_on_tls_1_3(self):
        url = self.worker().urls[0]
        done = subprocess.run(["openssl", "s_client", "-connect", url[6:], "-CAfile", self.path("ca.pem"), "-brief"],
                              input="", capture_output=True, text=True, timeout=30)
        self.assertIn("TLSv1.3", done.stderr)
        self.assertIn("Verification: OK", done.stderr)
        old = subprocess.run(["openssl", "s_client", "-connect", url[6:], "-tls1_1", "-brief"], input="",
                             capture_output=True, text=True, timeout=30)
        self.assertNotEqual(old.returncode, 0)


if __name__ == "__main__":
    unittest.main()
