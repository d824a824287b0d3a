#!/usr/bin/python3
"""A peer written from docs/reference/wire.md alone, with python3-msgpack, against a running `csyft worker`.

Each test holds the worker to rules of the section it names that the page's hex examples do not show.
"""
import os
import pathlib
import socket
import struct
import sys
import unittest

import msgpack

sys.path.insert(0, str(pathlib.Path(os.environ["CSYFT_SOURCE_DIR"]) / "tests/cli"))
from processes import PATIENCE, Worker  # noqa: E402

HELLO, REPLY, ERROR = 1, 2, 3
COMMAND, OBJECT, OBJECT_REQUEST, IS_NONE, GET_SHAPE, DELETE, SEARCH, WORKER_COMMAND = 33, 34, 35, 36, 37, 38, 39, 53
EINVAL, ELIMIT, ENOTFOUND, EEXIST, ESHAPE, EDTYPE, EFORBIDDEN, ECOLLOCATION = 1, 3, 4, 5, 6, 7, 9, 11
EPROTO, ENOTSUP, EFORMAT = 12, 17, 21


def text(string):
    return [5, [string.encode()]]


def here(number, attribute=None):
    return [25, [None, number, None, attribute]]


def floats(number, *values):
    return [14, [number, ["float32", [len(values)], struct.pack(f"<{len(values)}f", *values)]]]


class Peer:
    """One connection. Without `greet` the first frame is the caller's."""

    def __init__(self, url, greet=True, **hello):
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.last = 0
        if greet:
            self.hello = self.greet(**hello)

    def greet(self, **more):
        kind, body = self.ask(HELLO, {"wire": [1, 1], "worker": text("peer"), "limits": [1 << 20, 16], **more})
        assert kind == HELLO, body
        return body

    def close(self):
        self.socket.close()

    def send(self, kind, body, number=0, segments=(), packed=None, flags=0):
        packed = msgpack.packb(body) if packed is None else packed
        table = b"".join(struct.pack("<QII", len(segment), 0, 0) for segment in segments)
        head = struct.pack("<4sHHIIQQII", b"CSY1", kind, len(segments), len(packed), flags, number, 0, 0, 0)
        self.socket.sendall(head + table + packed + b"".join(segments))

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def receive(self):
        """(kind, message id, body, segments)"""
        magic, kind, count, size, _, number, _, _, reserved = struct.unpack("<4sHHIIQQII", self.read(40))
        assert magic == b"CSY1" and reserved == 0
        lengths = [struct.unpack("<QII", self.read(16))[0] for _ in range(count)]
        body = msgpack.unpackb(self.read(size), strict_map_key=False)
        return kind, number, body, [self.read(length) for length in lengths]

    def ask(self, kind, body, **more):
        self.last += 1
        self.send(kind, body, self.last, **more)
        answer, number, body, self.segments = self.receive()
        assert number == self.last
        return answer, body

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker("bob")
        cls.url = cls.worker.url

    @classmethod
    def tearDownClass(cls):
        cls.worker.stop()

    def setUp(self):
        self.peers = []
        self.peer = self.connect()

    def tearDown(self):
        for peer in self.peers:
            peer.close()

    def connect(self, **more):
        self.peers.append(Peer(self.url, **more))
        return self.peers[-1]

    def refused(self, status, kind, body, **more):
        answer, said = (more.pop("peer", self.peer)).ask(kind, body, **more)
        self.assertEqual((answer, said[0]), (ERROR, status), said)
        self.assertEqual(len(said), 4)
        return said

    def answered(self, kind, body, **more):
        answer, said = (more.pop("peer", self.peer)).ask(kind, body, **more)
        self.assertEqual(answer, REPLY, said)
        return said

    def exists(self, number, peer=None):
        answer, said = (peer or self.peer).ask(GET_SHAPE, [number, None])
        self.assertTrue(answer == REPLY or said[0] == ENOTFOUND, said)
        return answer == REPLY

    # 2. Frames

    def test_broken_framing_closes_without_an_answer(self):
        good = struct.pack("<4sHHIIQQII", b"CSY1", SEARCH, 0, 1, 0, 9, 0, 0, 0) + b"\x90"
        for name, data in (
            ("magic", b"GET / HTTP/1.1\r\n" * 3),
            ("reserved field", good[:36] + b"\1\0\0\0" + good[40:]),
            ("body too long", good[:8] + struct.pack("<I", (64 << 20) + 1) + good[12:]),
            ("too many segments", good[:6] + struct.pack("<H", 4097) + good[8:]),
            ("reserved field of a segment", good[:6] + b"\1\0" + good[8:40] + struct.pack("<QII", 0, 0, 1)),
            ("2^63 bytes", good[:6] + b"\1\0" + good[8:40] + struct.pack("<QII", (1 << 63) - 1, 0, 0)),
        ):
            with self.subTest(name):
                peer = self.connect()
                peer.socket.sendall(data)
                self.assertTrue(peer.is_closed())

    def test_segments(self):
        data = struct.pack("<3f", 7, 8, 9)
        body = [None, [14, [201, ["float32", [3], 0]]]]
        self.assertEqual(self.answered(OBJECT, body, segments=[data])[0], 201)
        self.assertEqual(self.answered(OBJECT_REQUEST, [201, False])[1][1], ["float32", [3], data])
        self.refused(EFORMAT, OBJECT, body, segments=[data[:8]])
        self.refused(EFORMAT, OBJECT, [None, [14, [201, ["float32", [3], 1]]]], segments=[data])
        pair = [None, [14, [201, ["float32", [3], 0], None, [14, [None, ["float32", [3], 0]]]]]]
        self.refused(EFORMAT, OBJECT, pair, segments=[data])  # named a second time
        self.assertFalse(self.exists(201))
        self.answered(SEARCH, [], segments=[data])  # no body refers to it

    def test_unused_flags_are_ignored(self):
        self.answered(SEARCH, None, packed=b"\x90", flags=0xfffffffe)

    def test_bytes_behind_the_body_are_refused(self):
        self.refused(EFORMAT, SEARCH, None, packed=b"\x90\xc0\xc0")

    # 3. Values

    def test_forms_of_texts_ids_and_lists(self):
        self.answered(OBJECT, [text("o\u0308l"), floats(None, 1, 2)])
        for name in (text("o\u0308l"), "o\u0308l", "o\u0308l".encode()):
            self.assertEqual(self.answered(GET_SHAPE, [name, None]), ["float32", [2]])
        for code in (1, 6, 11):
            reply = self.answered(COMMAND, ["zeros", [code, [[1, [2, 3]]]], {}, [202]])
            self.assertEqual(reply[0][0][3], [2, 3])
        for bad, status in (("", EINVAL), ("a\nb", EINVAL), ("x" * 54, EINVAL), ("x" * 80, EFORMAT)):
            self.refused(status, GET_SHAPE, [bad, None])

    def test_integers_where_floats_are_wanted(self):
        self.answered(OBJECT, [None, floats(203, 1, 2)])
        self.answered(COMMAND, ["sgd_", [1, [here(203), floats(None, 2, 2), 1]], {}, []])
        self.assertEqual(self.answered(OBJECT_REQUEST, [203, False])[1][1][2], struct.pack("<2f", -1, 0))

    def test_bools_are_bytes_of_0_and_1(self):
        self.answered(OBJECT, [None, [14, [204, ["bool", [3], b"\x00\x07\x01"]]]])
        self.assertEqual(self.answered(OBJECT_REQUEST, [204, False])[1][1][2], b"\x00\x01\x01")

    def test_fields_behind_the_last_are_skipped(self):
        fields = [205, ["uint8", [1], b"\x05"], None, None, [3, [text("t")]], text("d"), text("csyft"), None, None, True]
        self.answered(OBJECT, [None, [14, fields + [{"new": [1, 2]}, 7]]])
        self.answered(OBJECT, [None, [14, [206, ["uint8", [1], b"\x05"]]]])
        long_form = [25, [None, 206, text("bob"), None, None, False, None, None, 0, ["new"], {}]]
        self.answered(COMMAND, ["add", [1, [long_form, 1]], {}, [207]])
        for number in (205, 206, 207):
            self.answered(WORKER_COMMAND, [text("delete"), [1, [number]]])

    def test_pointers_elsewhere_need_a_known_worker(self):
        said = self.refused(ENOTFOUND, COMMAND, ["add", [1, [[25, [None, 1, text("nobody"), None]], 1]], {}, [1]])
        self.assertIn("nobody", said[1])

    def test_limits_of_values(self):
        deep = 0
        for _ in range(40):
            deep = [1, [deep]]
        self.refused(ELIMIT, COMMAND, ["add", deep, {}, []])
        nested = 0
        for _ in range(70):
            nested = [nested]
        self.refused(ELIMIT, OBJECT, [None, [14, [208, ["uint8", [0], b""], None, None, None, None, nested]]])
        self.refused(EFORMAT, SEARCH, None, packed=b"\xdd\xff\xff\xff\xff")  # 2^32 - 1 terms in no bytes
        tags = [None, [14, [208, ["uint8", [0], b""], None, None, [3, [text(str(k)) for k in range(1025)]]]]]
        self.refused(ELIMIT, OBJECT, tags)
        self.refused(EFORMAT, OBJECT, [None, [14, [208, ["uint8", [1] * 9, b"\0"]]]])
        self.refused(ELIMIT, COMMAND, ["stack", [1, [[1, [floats(None, 1) for _ in range(65)]]]], {}, []])
        self.refused(ENOTSUP, OBJECT, [None, [26, []]])  # a type that is not known
        self.refused(EFORMAT, OBJECT, [None, [14, [208, ["float32", [2], b"\0\0\0\0"]]]])

    def test_shares(self):
        def words(*values):
            return [14, [None, ["int64", [len(values)], struct.pack(f"<{len(values)}q", *values)]]]

        def share(number, modulus=0, width=8, index=0, holders=("bob", "ann"), seed=None, of=words(1, -2)):
            ids = [text(name) for name in holders]
            return [14, [number, None, [252, [modulus, width, index, ids, text("james"), seed, of]]]]

        self.assertEqual(self.answered(OBJECT, [None, share(220)])[2:], ["int64", [2]])
        self.answered(OBJECT, [None, share(221, seed=b"\7" * 32, of=[11, [2]])])  # a stream's first words
        self.answered(COMMAND, ["add", [1, [here(220), here(221)]], {}, [222]])
        self.answered(COMMAND, ["sub", [1, [here(222), here(221)]], {}, [223]])
        code, body = self.answered(OBJECT_REQUEST, [223, True])
        self.assertEqual((code, body[2][0]), (14, 252))
        fields = body[2][1]
        self.assertEqual(fields[:6], [0, 8, 0, [text("bob"), text("ann")], text("james"), None])
        self.assertEqual(fields[6][1][1], ["int64", [2], struct.pack("<2q", 1, -2)])
        self.refused(EINVAL, COMMAND, ["mul", [1, [here(220), here(221)]], {}, []])  # the others are needed
        self.refused(ENOTSUP, COMMAND, ["exp", [1, [here(220)]], {}, []])
        many = [f"w{k}" for k in range(65)]
        for status, bad in ((EFORMAT, share(None, width=3)), (EFORMAT, share(None, modulus=3)),
                            (EFORMAT, share(None, modulus=5, width=4)), (EFORMAT, share(None, holders=("bob",))),
                            (EFORMAT, share(None, index=2)), (EFORMAT, share(None, holders=many)),
                            (EFORMAT, share(None, seed=b"short", of=[11, [2]])), (EDTYPE, share(None, of=floats(None, 1))),
                            (EFORMAT, share(None, modulus=5, of=words(1, 5))),
                            (EDTYPE, share(None, width=4)), (EDTYPE, share(None, of=share(None)[1][2])),
                            (EFORMAT, share(None, of=None)), (ESHAPE, share(None, seed=b"\7" * 32, of=[11, [-1]]))):
            with self.subTest(bad):
                self.refused(status, OBJECT, [None, bad])
        self.refused(ECOLLOCATION, COMMAND, ["add", [1, [here(220), share(None, index=1)]], {}, []])
        part = [25, [None, 1, text("ann"), None, None, False, None, None, 0]]
        parts = [19, [None, [0, [[text("ann"), part]]]]]
        self.refused(ENOTFOUND, OBJECT, [None, [14, [None, None, [15, [None, 0, 8, text("nobody"), 1, parts]]]]])

    # 4. Kinds

    def test_joint_requests_need_a_session(self):
        self.answered(OBJECT, [None, floats(240, 1, 2)])
        ordinary = msgpack.packb(["add", [1, [here(240), 1]], {}, [241]])
        for joint, status in (([b"\1" * 16, 1, 1, 0], ENOTFOUND), ([b"\1" * 16, 0, 1, 0], EFORMAT),
                              ([b"\1" * 15, 1, 1, 0], EFORMAT), ([b"\1" * 16, 1], EFORMAT),
                              ([b"\1" * 16, 1, 256, 0], EFORMAT), ([b"\1" * 16, 1, 1], EFORMAT), ([1, 2, 3], EFORMAT), (None, EFORMAT)):
            with self.subTest(joint):
                self.refused(status, COMMAND, None, packed=msgpack.packb(joint) + ordinary, flags=1 << 5)
        self.assertFalse(self.exists(241))
        session = text("01" * 16)
        for name, arguments in (("sharing_alive", [session]), ("sharing_cost", [session]), ("sharing_force", [session, True]),
                                ("sharing_send", [session, 0, 1, 0, [14, [None, ["uint8", [1], b"\0"]]]])):
            with self.subTest(name):
                self.refused(ENOTFOUND, WORKER_COMMAND, [text(name), [1, arguments]])
        self.refused(EINVAL, WORKER_COMMAND, [text("sharing_reconstruct"), [1, [here(240), 232]]])

    def test_bodies_have_exactly_their_elements(self):
        for kind, body in ((COMMAND, ["zeros", [1, [[1, [1]]]], {}]), (OBJECT, [None]), (OBJECT_REQUEST, [1]),
                           (IS_NONE, [1, None, None]), (GET_SHAPE, 7), (WORKER_COMMAND, [text("whoami")])):
            with self.subTest(kind):
                self.refused(EFORMAT, kind, body)

    def test_commands(self):
        self.answered(OBJECT, [None, floats(210, 1, 2, 3, 4)])
        for name in ("add", "torch.add", "__add__"):
            self.answered(COMMAND, [name, [1, [here(210), 1]], {}, [211, 212]])  # 212: one id too many
        self.assertFalse(self.exists(212))
        parts, value = self.answered(COMMAND, ["chunk", [1, [here(210), 2]], {}, [213]])
        self.assertEqual([part[2:] for part in parts], [["float32", [2]], ["float32", [2]]])
        self.assertEqual(parts[0][0], 213)  # the second is named by the worker
        self.assertEqual(self.answered(COMMAND, ["sum", [1, [here(210)]], {"keepdim": True, "dim": 0}, [214]])[0][0][3],
                         [1])
        self.assertEqual(self.answered(COMMAND, ["numel", [1, [here(210)]], {}, []]), [[], 4])
        self.assertEqual(self.answered(COMMAND, ["size", [1, [here(210)]], {}, []]), [[], [1, [4]]])
        self.refused(EFORBIDDEN, COMMAND, ["item", [1, [here(211)]], {}, []])
        self.refused(EFORBIDDEN, COMMAND, ["system", [1, []], {}, []])
        self.refused(EFORBIDDEN, WORKER_COMMAND, [text("system"), [1, []]])
        self.assertEqual(self.answered(WORKER_COMMAND, [text("objects_count"), [1, []]]), 5)  # 210 211 213 ? 214
        for number in (210, 211, 213, parts[1][0], 214):
            self.answered(OBJECT_REQUEST, [number, False])

    def test_keep_leaves_the_object(self):
        self.answered(OBJECT, [None, floats(215, 1)])
        self.answered(OBJECT_REQUEST, [215, True])
        self.answered(OBJECT_REQUEST, [215, False])
        self.refused(ENOTFOUND, OBJECT_REQUEST, [215, False])

    def test_ids_in_use(self):
        other = self.connect()
        self.assertEqual(self.answered(OBJECT, [216, floats(None, 1)])[0], 216)
        first = self.answered(OBJECT, [216, floats(None, 1)])[1]
        self.assertGreater(self.answered(OBJECT, [216, floats(None, 1, 2)])[1], first)
        self.refused(EEXIST, OBJECT, [216, floats(None, 1)], peer=other)
        self.refused(EEXIST, COMMAND, ["zeros", [1, [[1, [1]]]], {}, [216]], peer=other)
        self.answered(OBJECT_REQUEST, [216, False], peer=other)  # not leased to it, but not private either

    def test_is_none(self):
        self.answered(OBJECT, [None, floats(217, 1)])
        self.assertIs(self.answered(IS_NONE, [217, text("grad")]), True)
        self.assertIs(self.answered(IS_NONE, [217, None]), False)
        self.refused(ENOTFOUND, IS_NONE, [218, None])
        self.refused(EFORBIDDEN, IS_NONE, [217, text("__class__")])
        self.answered(OBJECT_REQUEST, [217, False])

    def test_search(self):
        self.answered(OBJECT, [None, [14, [219, ["uint8", [1], b"\1"], None, None, [3, [text("#a")]], text("one two")]]])
        for terms in ([text("#a")], [text("e tw")], [text("219")], [text("#a"), text("219"), text("two")]):
            self.assertEqual(self.answered(SEARCH, terms), [[[219, self.generation(219), "uint8", [1]], [text("#a")],
                                                             text("one two"), False]])
        for terms in ([text("a")], [text("#a"), text("three")], [text("21")]):
            self.assertEqual(self.answered(SEARCH, terms), [])
        self.refused(ELIMIT, SEARCH, [text("x")] * 65)
        self.answered(OBJECT_REQUEST, [219, False])

    def generation(self, number):
        return self.answered(SEARCH, [text(str(number))])[0][0][1]

    def test_answers_come_in_order(self):
        for number in range(1000, 1200):
            self.peer.send(COMMAND, ["zeros", [1, [[1, [number]]]], {}, [220]], number)
        for number in range(1000, 1200):
            kind, answered, body, _ = self.peer.receive()
            self.assertEqual((kind, answered, body[0][0][3]), (REPLY, number, [number]))
        self.answered(OBJECT_REQUEST, [220, False])

    # 5. HELLO

    def test_first_frame_must_be_hello(self):
        peer = self.connect(greet=False)
        self.refused(EPROTO, SEARCH, [], peer=peer)
        self.assertTrue(peer.is_closed())
        self.refused(EPROTO, HELLO, {"wire": [1, 1], "worker": 1})
        self.assertTrue(self.peer.is_closed())

    def test_unreadable_hello(self):
        for body in ({}, {"wire": [1, 1]}, {"worker": 1}, {"wire": [2, 1], "worker": 1}, [1],
                     {"wire": [1, 1], "worker": 1, "session": b"x" * 16}, {"wire": [1, 1], "worker": None}):
            with self.subTest(body):
                peer = self.connect(greet=False)
                self.refused(EFORMAT, HELLO, body, peer=peer)
                self.assertTrue(peer.is_closed())

    def test_session_is_taken_up_with_its_token_only(self):
        self.answered(OBJECT, [None, floats(230, 1)])
        session, token = self.peer.hello["session"], self.peer.hello["token"]
        self.assertEqual((len(session), len(token)), (16, 16))
        wrong = self.connect(session=session, token=bytes(16))
        self.assertNotEqual(wrong.hello["session"], session)
        self.refused(EEXIST, OBJECT, [230, floats(None, 1)], peer=wrong)
        again = self.connect(session=session, token=token)  # the old connection still stands
        self.assertEqual((again.hello["session"], again.hello["token"]), (session, token))
        self.answered(OBJECT, [230, floats(None, 1)], peer=again)
        self.assertTrue(self.peer.is_closed())
        again.close()
        third = self.connect(session=session, token=token)
        self.assertEqual(third.hello["session"], session)
        self.answered(OBJECT_REQUEST, [230, False], peer=third)

    # 6. DELETE

    def test_deletions(self):
        other = self.connect()
        generation = self.answered(OBJECT, [None, floats(240, 1)])[1]
        other.send(DELETE, [[240, 0], [240, generation + 1], [999, 7], [text("no"), 0]])
        self.assertTrue(self.exists(240, other))
        other.send(DELETE, [[240, generation]])  # whoever sends it
        self.assertFalse(self.exists(240, other))
        self.answered(OBJECT, [None, floats(240, 1)])
        self.peer.send(COMMAND, ["add", [1, [here(240), here(240)]], {}, [241]], 2000)
        self.peer.send(DELETE, [[240, 0], [241, 0]])
        self.peer.send(SEARCH, [], 2001)
        self.assertEqual(self.peer.receive()[:2], (REPLY, 2000))
        self.assertEqual(self.peer.receive()[:3], (REPLY, 2001, []))

    def test_deletions_that_cannot_be_read(self):
        for body in ([[1, 2, 3]], {}, [[1, 0]] * 1025):
            self.peer.send(DELETE, body)
            kind, number, said, _ = self.peer.receive()
            self.assertEqual((kind, number, said[0]), (ERROR, 0, ELIMIT if len(body) > 3 else EFORMAT))

    def test_publish_and_private(self):
        self.answered(OBJECT, [None, floats(242, 1)])
        self.answered(WORKER_COMMAND, [text("keep"), [1, [here(242)]]])
        self.peer.send(DELETE, [[242, 0]])  # not leased any more
        self.assertTrue(self.exists(242))
        self.answered(WORKER_COMMAND, [text("delete"), [1, [242]]])
        self.refused(ENOTFOUND, WORKER_COMMAND, [text("delete"), [1, [242]]])


if __name__ == "__main__":
    unittest.main()
