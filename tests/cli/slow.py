#!/usr/bin/env python3
"""Clients that do not read, or do not go on sending: they cost the worker what its options say, and nobody else
anything."""
import socket
import struct
import time
import unittest

from processes import PATIENCE, CliTest

MIB = 1 << 20
HELLO, REPLY, OBJECT, OBJECT_REQUEST = 1, 2, 34, 35
GREETING = (b"\x83\xa4wire\x92\x01\x01\xa6worker\x92\x05\x91\xc4\x03raw"
            b"\xa6limits\x92\xce\x04\x00\x00\x00\xcd\x10\x00")


def frame(kind, number, body, segments=()):
    """docs/reference/wire.md, section 2."""
    head = struct.pack("<4sHHIIQQII", b"CSY1", kind, len(segments), len(body), 0, number, 0, 0, 0)
    table = b"".join(struct.pack("<QII", len(s), 0, 0) for s in segments)
    return head + table + body + b"".join(segments)


def tensor(identity, size):
    """[nil, [14, [id, ["uint8", [size], 0], ...]]]: its contents are segment 0."""
    contents = b"\x93\xa5uint8\x91\xce" + struct.pack(">I", size) + b"\x00"
    return b"\x92\xc0\x92\x0e\x9a" + bytes([identity]) + contents + b"\xc0" * 7 + b"\xc2"


class Raw:
    """A client made of bytes."""

    def __init__(self, url):
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.number = 0
        self.send(HELLO, GREETING)
        assert self.receive()[0] == HELLO

    def send(self, kind, body, segments=()):
        self.number += 1
        self.socket.sendall(frame(kind, self.number, body, segments))

    def take(self, size):
        data = bytearray()
        while len(data) < size:
            more = self.socket.recv(min(size - len(data), MIB))
            if not more:
                raise ConnectionResetError
            data += more
        return bytes(data)

    def receive(self):
        """(kind, bytes of the segments)"""
        head = struct.unpack("<4sHHIIQQII", self.take(40))
        sizes = [struct.unpack("<QII", self.take(16))[0] for _ in range(head[2])]
        self.take(head[3])
        for size in sizes:
            self.take(size)
        return head[1], sum(sizes)


class Slow(CliTest):
    def answers(self, url, wait):
        """Asks for 40 copies of 4 MiB, reads nothing for a while, then all: how many whole answers come."""
        client = Raw(url)
        client.send(OBJECT, tensor(7, 4 * MIB), (bytes(4 * MIB),))
        self.assertEqual(client.receive(), (REPLY, 0))
        for _ in range(40):
            client.send(OBJECT_REQUEST, b"\x92\x07\xc3")
        time.sleep(wait)
        count = 0
        try:
            while count < 40 and client.receive() == (REPLY, 4 * MIB):
                count += 1
        except ConnectionError:
            pass
        client.socket.close()
        return count

    def test_who_does_not_read(self):
        worker = self.start("bob", "--send-queue", "16M")
        self.assertLess(self.answers(worker.url, 0.5), 40)
        self.assertRegex(worker.errors(), "left: .*(slow|queue|read)")
        self.assertIn("id: bob", self.succeed("whoami", worker.url))
        self.assertEqual(self.answers(self.start("carol").url, 0.3), 40)  # 1 GiB by default

    def test_who_does_not_go_on(self):
        worker = self.start("bob", "--stall-time", "0.4")
        client = Raw(worker.url)
        whole = frame(OBJECT, 5, tensor(7, MIB), (bytes(MIB),))
        client.socket.sendall(whole[: MIB // 2])
        start = time.monotonic()
        with self.assertRaises(ConnectionError):
            client.receive()
        self.assertLess(time.monotonic() - start, 5)
        client.socket.close()
        self.assertIn("id: bob", self.succeed("whoami", worker.url))

    def test_who_is_slow_but_goes_on(self):
        worker = self.start("bob", "--stall-time", "0.5")
        client = Raw(worker.url)
        whole = frame(OBJECT, 5, tensor(7, MIB), (bytes(MIB),))
        for begin in range(0, len(whole), 128 * 1024):
            client.socket.sendall(whole[begin : begin + 128 * 1024])
            time.sleep(0.15)
        self.assertEqual(client.receive(), (REPLY, 0))
        client.socket.close()


if __name__ == "__main__":
    unittest.main()
