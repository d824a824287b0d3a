#!/usr/bin/python3
"""Draws objects.txt: objects of PySyft 0.2.9 in both encodings, by python3-protobuf and python3-msgpack (dialect.py).

A line is DIRECTION NAME TYPE MSGPACK PROTOBUF, bytes as hex ("-": none). `both`: each becomes the other; `write`: MessagePack
becomes protobuf and something is lost; `read`: only the other way. `refuse-write` and `refuse-read` have STATUS and, after
the bytes, a part of the sentence. schema.txt, which is checked as well, lists the fields of syft-proto 0.5.3: message,
number, name, type; it was taken from that release's descriptors and is not drawn here.

Usage: tests/vectors/protobuf/generate.py [--check]
"""
import json
import pathlib
import sys
import tempfile

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dialect  # noqa: E402
from dialect import bufferize, coded, messages, tag_set, unbufferize  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CAPTURED = HERE.parent / "pysyft-0.2.9/objects"


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def serialize(message):
    return message.SerializeToString(deterministic=True)


def hexed(data):
    return data.hex() or "-"


# --- objects that have everything ------------------------------------------------------------------------------------

def contents(shape, dtype, values):
    return [6, [[6, shape], coded(dtype), [1, values]]]


def tensor(ident, shape, dtype, values, chain=None, grad=None, tags=None, description=None):
    return [14, [ident, contents(shape, dtype, values), chain, grad, tags, description, coded("all"), None, None]]


def pointer(ident, at, location, attribute=None, shape=None, collect=False):
    return [25, [ident, at, location, attribute, shape, collect, None, None]]


def placeholder(ident, tags=(), description=None, shape=None):
    return [48, [[56, [ident]], tag_set(tags), description, shape]]


def action(code, name, target, args, kwargs=(), results=()):
    return [code, [coded(name), target, [6, list(args)], [0, [[coded(k), v] for k, v in kwargs]], [6, list(results)],
                   False]]


SMALL = tensor(11, [2], "float32", [1.0, -2.5])
PARAMETER = [13, [12, tensor(13, [1], "float64", [0.1]), True, tensor(14, [1], "float64", [0.5])]]
ALICE = coded("alice")
STATE = [22, [[1, [placeholder(21, ["#state"], coded("weights"), [6, [2]]), placeholder(22)]], [1, [SMALL, PARAMETER]]]]
ARGS = [True, -7, 1 << 40, 0.5, coded("mean"), [11, [2, 3]], SMALL, PARAMETER, pointer(1, 2, ALICE), placeholder(23, ["#1"]),
        [56, [24]], [1, [1, [1, [2.0, coded("x")]], [56, [25]]]], False, 0, coded("")]
ROLE = [58, [31, [1, [action(54, "torch.add", None, [[56, [21]], 2], [("alpha", 3)], [[56, [26]]]),
                      action(54, "__mul__", [56, [26]], [[56, [22]]], (), [[56, [27]], [56, [coded("named")]]]),
                      action(55, "send", [56, [27]], [[63, [coded("bob")]]], (), [[56, [28]]])]],
             STATE, [0, [[21, placeholder(21, ["#input-0", "#1"], None, [6, [-1, 2]])], [27, placeholder(27)]]],
             [21], [27, 28]]]
EMPTY_ROLE = [58, [32, [1, []], [22, [[1, []], [1, []]]], [0, []], [], []]]
TYPES = [62, [6, [[61, b"torch.Tensor"], [1, [[61, b"builtins.int"], [6, []]]],
                  [0, [[coded("a"), [61, b"builtins.str"]], [coded("b"), [1, [[61, b"builtins.float"]]]]]]]]]
SHARES = [0, [[ALICE, pointer(41, 42, ALICE, None, [11, [3]], True)], [7, pointer(43, 44, 7, None, [11, [3]], True)]]]
SHARED = [15, [51, coded(str(1 << 64)), coded("snn"), b"long", coded("cp"), SHARES, {"alice": True, 7: True}]]
SHARED_INT = [15, [52, 1 << 32, coded("snn"), b"int", 9, [0, []], {}]]
FIXED = [16, [53, coded(str(1 << 64)), "long", 10, 3, 1, tag_set(["#x"]), coded("prices"), SHARED]]

BOTH = [
    ("none", "Empty", None),
    ("id-number", "Id", 5), ("id-negative", "Id", -1), ("id-zero", "Id", 0), ("id-text", "Id", ALICE),
    ("shape", "Shape", [11, [2, 0, 3]]), ("size", "Size", [11, [1, 2]]), ("size-empty", "Size", [11, []]),
    ("device", "Device", [10, [coded("cpu")]]), ("dtype", "TorchDType", [52, "int64"]),
    *[(f"memory-format-{k}", "MemoryFormat", [49, k]) for k in (1, 2, 3)],
    *[(f"script-{name}", name, [12, [b"PK\x03\x04\x00\xff"]]) for name in dialect.SCRIPTS],
    ("type", "InputTypeDescriptor", [61, b"builtins.int"]), ("types", "NestedTypeWrapper", TYPES),
    ("tensor-float32", "TorchTensor", SMALL),
    ("tensor-float64", "TorchTensor", tensor(1, [2, 1], "float64", [1e300, -0.0])),
    ("tensor-special", "TorchTensor", tensor(1, [2], "float32", [float("inf"), float("-inf")])),
    ("tensor-int64", "TorchTensor", tensor(1, [3], "int64", [-(1 << 63), 0, (1 << 63) - 1])),
    ("tensor-int32", "TorchTensor", tensor(1, [2], "int32", [-(1 << 31), (1 << 31) - 1])),
    ("tensor-int16", "TorchTensor", tensor(1, [2], "int16", [-32768, 32767])),
    ("tensor-int8", "TorchTensor", tensor(1, [2], "int8", [-128, 127])),
    ("tensor-uint8", "TorchTensor", tensor(1, [3], "uint8", [0, 200, 255])),
    ("tensor-bool", "TorchTensor", tensor(1, [2], "bool", [True, False])),
    ("tensor-scalar", "TorchTensor", tensor(coded("named"), [], "float32", [3.5])),
    ("tensor-empty", "TorchTensor", tensor(1, [0, 4], "float32", [])),
    ("tensor-labels", "TorchTensor", tensor(1, [1], "float32", [1.0], None, SMALL, tag_set(["#a", "#ü"]), coded("d"))),
    ("tensor-chain", "TorchTensor", tensor(1, [0], "float32", [], SMALL)),
    ("parameter", "Parameter", PARAMETER),
    ("parameter-fixed", "Parameter", [13, [1, SMALL, False, None]]),
    ("pointer", "PointerTensor", pointer(1, 2, ALICE, coded("grad"), [11, [2, 2]], True)),
    ("pointer-bare", "PointerTensor", pointer(coded("p"), coded("q"), 3)),
    ("object-pointer", "ObjectPointer", [20, [1, 2, ALICE, coded("child"), False]]),
    ("pointer-plan", "PointerPlan", [26, [1, 2, ALICE, tag_set(["#plan"]), True]]),
    ("pointer-dataset", "PointerDataset", [57, [1, 2, ALICE, tag_set(["#d"]), coded("rows"), True]]),
    ("placeholder", "Placeholder", placeholder(1, ["#input-0", "#1"], coded("x"), [6, [3, -1]])),
    ("placeholder-id", "PlaceholderId", [56, [1]]),
    *[(f"action-{code}", name, action(code, command, target, ARGS, [("dim", 1), ("keepdim", True)], results))
      for code, name, command, target, results in (
          (54, "ComputationAction", "torch.sum", None, [5]),
          (67, "StorageAction", "store", pointer(1, 2, ALICE), [coded("r"), 6]))],
    ("action-55", "CommunicationAction",
     action(55, "share", [56, [1]], [[63, [coded("bob")]], [63, [coded("carol")]]], [("protocol", coded("snn"))],
            [[56, [2]]])),
    ("action-on-pointer", "ComputationAction", action(54, "__add__", pointer(1, 2, ALICE), [1], (), [5])),
    ("action-on-tensor", "ComputationAction", action(54, "__add__", SMALL, [1], (), [5])),
    ("action-on-id", "ComputationAction", action(54, "run", 77, [[1, [1, 2]]], (), [])),
    ("action-on-name", "StorageAction", action(67, "load", coded("model"), [], (), [])),
    ("action-55-on-pointer", "CommunicationAction", action(55, "get", pointer(1, 2, ALICE), [], (), [3])),
    ("action-55-on-tensor", "CommunicationAction", action(55, "send", SMALL, [[63, [ALICE]]], (), [3])),
    ("action-55-on-id", "CommunicationAction", action(55, "move", 4, [[63, [ALICE]]], (), [3])),
    ("action-67-on-placeholder", "StorageAction", action(67, "store", [56, [4]], [], (), [[56, [3]]])),
    ("action-67-on-tensor", "StorageAction", action(67, "store", SMALL, [], (), [])),
    ("state", "State", STATE), ("state-tensor", "StateTensor", SMALL), ("state-parameter", "StateTensor", PARAMETER),
    ("role", "Role", ROLE),
    ("plan", "Plan", [21, [61, ROLE, True, coded("net"), tag_set(["#plan"]), coded("a plan"), [12, [b"PK"]], TYPES,
                           coded("torch"), [0, [[coded("tfjs"), EMPTY_ROLE], [coded("torch"), ROLE]]]]]),
    ("plan-bare", "Plan", [21, [62, EMPTY_ROLE, False, coded(""), tag_set([]), None, None, None, coded("torch"),
                                [0, []]]]),
    ("protocol", "Protocol", [24, [63, coded("pr"), [0, [[coded("r1"), ROLE], [coded("r2"), EMPTY_ROLE]]],
                                   tag_set(["#p"]), coded("two roles")]]),
    ("additive-shared", "AdditiveSharingTensor", SHARED), ("additive-shared-int", "AdditiveSharingTensor", SHARED_INT),
    ("replicated-shared", "ReplicatedSharingTensor", [73, [1, 1 << 32, b"int", SHARES]]),
    ("replicated-shared-long", "ReplicatedSharingTensor", [73, [1, coded(str(1 << 64)), b"long", SHARES]]),
    ("fixed-precision", "FixedPrecisionTensor", FIXED),
    ("fixed-precision-bare", "FixedPrecisionTensor", [16, [1, 1 << 32, "int", 2, 16, 40, tag_set([]), None, None]]),
    ("onnx", "OnnxModel", [68, [b"\x08\x07", 1, tag_set(["#m"]), coded("model")]]),
    ("dataset", "BaseDataset", [51, [SMALL, tensor(2, [2], "int64", [0, 1]), 3, tag_set(["#d"]), coded("rows"), SMALL]]),
    ("string", "String", [44, [coded("hello"), None, tag_set(["#s"]), coded("greeting")]]),
    *[(f"arg-{k}", "Arg", value) for k, value in enumerate(ARGS)],
    ("arg-list", "ArgList", [6, ARGS]),
]
MESSAGES = [
    ("empty", None), ("delete", [38, [1, [1, coded("x")]]]), ("delete-none", [38, [1, []]]), ("shape", [37, [3]]),
    ("is-none", [36, [coded("x")]]), ("object", [34, [SMALL]]), ("request", [35, [4, None, coded("for a test")]]),
    ("request-plain", [35, [4, None, None]]), ("computation", [33, [action(54, "torch.add", None, ARGS, [("a", 1)], [5])]]),
    ("communication", [33, [action(55, "get", pointer(1, 2, ALICE), [], (), [5])]]),
    ("plan-command", [40, [coded("fetch_plan"), [6, [5, False]]]]),
    ("worker-command", [53, [coded("objects_count"), [6, [[6, [1, coded("x")]], [0, []], [1, []]]]]]),
    ("search", [39, [[1, [coded("#a"), 7]]]]),
]
PLAIN_NAME = {"delete": "ForceObjectDeleteMessage", "shape": "GetShapeMessage", "is-none": "IsNoneMessage",
              "object": "ObjectMessage", "request": "ObjectRequestMessage", "computation": "TensorCommandMessage",
              "plan-command": "PlanCommandMessage", "worker-command": "WorkerCommandMessage", "search": "SearchMessage"}


def both(out, name, kind, value):
    message = bufferize(value, kind)
    assert message.DESCRIPTOR.name == kind, name
    again = unbufferize(message)
    assert again == value and pack(again) == pack(value), (name, again, value)
    out.append(("both", name, dialect.full_names[kind], hexed(pack(value)), hexed(serialize(message))))


def lossy(out, name, kind, data, message):
    """What comes back differs, and is then kept."""
    out.append(("write", name, dialect.full_names[kind], hexed(data), hexed(serialize(message))))
    out.append(("read", name + "-again", dialect.full_names[kind], hexed(pack(unbufferize(message))),
                hexed(serialize(message))))


# Captured ones that have no message, and those of which something is lost.
WITHOUT = {"py_dict", "py_ellipsis", "py_range", "py_set", "py_slice", "py_tuple", "np_array", "np_float32", "py_bytes",
           "multi_pointer", "fixed_precision", "fixed_precision_all", "autograd_fp_shared"}


def captured(out):
    for path in sorted(CAPTURED.glob("*.json")):
        data = bytes.fromhex(json.loads(path.read_text())["msgpack_hex"])
        value = unpack(data)
        if path.stem in WITHOUT:
            continue
        message = bufferize(value)
        kind = message.DESCRIPTOR.name
        out.append(("write", path.stem, dialect.full_names[kind], hexed(data), hexed(serialize(message))))
        again = pack(unbufferize(message))
        out.append(("read", path.stem + "-again", dialect.full_names[kind], hexed(again), hexed(serialize(message))))


# --- what is refused -------------------------------------------------------------------------------------------------

def field(number, wire, payload=b""):
    return bytes([number << 3 | wire]) + payload if number < 16 else \
        bytes([(number << 3 | wire) & 0x7f | 0x80, number >> 4]) + payload


def inside(number, payload):
    length = len(payload)
    size = b""
    while True:
        size += bytes([length & 0x7f | (0x80 if length > 0x7f else 0)])
        length >>= 7
        if not length:
            return field(number, 2, size + payload)


def altered(kind, value, change):
    message = bufferize(value, kind)
    change(message)
    return serialize(message)


def nested(depth):
    data = b""
    for _ in range(depth):
        data = inside(11, inside(1, data))
    return data


def clear(path):
    def change(message):
        *parents, last = path.split(".")
        for name in parents:
            message = getattr(message, name)
        message.ClearField(last)
    return change


def assign(**fields):
    def change(message):
        for name, value in fields.items():
            setattr(message, name, value)
    return change


def data_assign(**fields):
    def change(message):
        for name, value in fields.items():
            if isinstance(value, list):
                target = getattr(message.contents_data, name)
                del target[:]
                target.extend(value)
            else:
                setattr(message.contents_data, name, value)
    return change


def refused_reads():
    t, two = "TorchTensor", bufferize(SMALL)
    bytes_of = serialize(two)
    yield "cut", t, "SY_EFORMAT", bytes_of[:-1], "TorchTensor.serializer: protobuf: the message is cut short at byte 32"
    yield "cut-data", t, "SY_EFORMAT", bytes_of[:-4], "bytes at byte"
    yield "cut-tag", t, "SY_EFORMAT", b"\x80", "cut short at byte 1"
    yield "long-number", "Id", "SY_EFORMAT", b"\x08" + b"\xff" * 10 + b"\x01", "more than ten bytes"
    yield "length", t, "SY_EFORMAT", field(3, 2, b"\xff\xff\xff\xff\x0f"), "4294967295 bytes"
    yield "length-64", t, "SY_EFORMAT", field(3, 2, b"\xff" * 9 + b"\x01"), "18446744073709551615 bytes"
    yield "field-0", "Id", "SY_EFORMAT", b"\x00", "number 0"
    yield "group", "Id", "SY_EFORMAT", field(7, 3), "wire type 3"
    yield "wire", t, "SY_EFORMAT", field(1, 0, b"\x01"), "TorchTensor.id: wire type 0, not 2"
    yield "wire-number", "Id", "SY_EFORMAT", field(1, 2, b"\x01a"), "Id.id_int: wire type 2, not 0"
    yield "wire-fixed", t, "SY_EFORMAT", inside(2, field(22, 1, bytes(8))), "contents_float32: wire type 1, not 5"
    yield "packed", t, "SY_EFORMAT", inside(2, inside(22, bytes(7))), "7 bytes are no list of elements of 4"
    yield "utf8", "Device", "SY_EFORMAT", inside(1, b"\xc3("), "Device.type: byte 0 of the text is not UTF-8"
    yield "nul", "Device", "SY_EFORMAT", inside(1, b"cpu\0x"), "byte 3 of the text is NUL"
    yield "bomb", "Arg", "SY_ELIMIT", nested(500), "nested deeper than 64"
    yield "deep", "Arg", "SY_ELIMIT", nested(33), "nested deeper than 64"
    chain = b""
    for _ in range(100):
        chain = inside(4, chain)
    yield "chain-bomb", t, "SY_ELIMIT", chain, "nested deeper than 64"
    yield "no-id", t, "SY_EFORMAT", altered(t, SMALL, clear("id")), "TorchTensor.id: an id is missing"
    yield "empty-id", t, "SY_EFORMAT", altered(t, SMALL, clear("id.id_int")), "TorchTensor.id: an id is missing"
    yield "no-contents", t, "SY_EFORMAT", altered(t, SMALL, clear("contents_data")), "neither contents_data nor"
    yield "serializer", t, "SY_EFORMAT", altered(t, SMALL, assign(serializer=9)), "9 is no serializer"
    yield "serializer-negative", t, "SY_EFORMAT", altered(t, SMALL, assign(serializer=-3)), "-3 is no serializer"
    yield "serializer-tf", t, "SY_ENOTSUP", altered(t, SMALL, assign(serializer=3)), "SERIALIZER_TF"
    yield "serializer-mixed", t, "SY_EFORMAT", altered(t, SMALL, assign(serializer=1)), "does not go with contents_data"
    yield "npy", t, "SY_EFORMAT", serialize(messages[t](id=two.id, contents_bin=b"NUMPY", serializer=2)), "contents"
    yield "shape", t, "SY_EFORMAT", altered(t, SMALL, data_assign(contents_float32=[1.0])), "has 1 elements, the shape 2"
    yield "dtype", t, "SY_ENOTSUP", altered(t, SMALL, data_assign(dtype="complex64")), '"complex64" is not known'
    yield "no-dtype", t, "SY_ENOTSUP", altered(t, SMALL, data_assign(dtype="")), 'dtype "" is not known'
    yield "two-lists", t, "SY_EFORMAT", altered(t, SMALL, data_assign(contents_int32=[1])), "contents_int32 has 1"
    for name, values in (("float16", [1.0, 2.0]), ("bfloat16", [1.0, 2.0])):
        yield f"dtype-{name}", t, "SY_ENOTSUP", altered(t, SMALL, data_assign(
            dtype=name, contents_float32=[], **{"contents_" + name: values})), f'"{name}" is not known'
    for name in ("qint8", "quint8", "qint32"):
        yield f"quantized-{name}", t, "SY_ENOTSUP", altered(t, SMALL, data_assign(
            dtype=name, is_quantized=True, scale=0.5, zero_point=3, contents_float32=[],
            **{"contents_" + name: [1, 2]})), f"quantized ({name})"
    for name, values in (("int8", [1, 128]), ("uint8", [1, 256]), ("int16", [1, -32769])):
        yield f"range-{name}", t, "SY_ERANGE", altered(t, SMALL, data_assign(
            dtype=name, contents_float32=[], **{"contents_" + name: values})), f"element 1, {values[1]}, does not fit {name}"

    def dims(values):
        def change(message):
            del message.contents_data.shape.dims[:]
            message.contents_data.shape.dims.extend(values)
        return change
    yield "negative", t, "SY_ESHAPE", altered(t, SMALL, dims([-2])), "-2"
    yield "huge", t, "SY_EFORMAT", altered(t, SMALL, dims([1 << 30, 1 << 20])), "the shape 1125899906842624"
    yield "overflow", t, "SY_ESHAPE", altered(t, SMALL, dims([1 << 30] * 4)), "TensorData"
    yield "dims", t, "SY_EFORMAT", altered(t, SMALL, dims([1] * 9)), "9 dimensions, at most 8"
    yield "empty-arg", "Arg", "SY_EFORMAT", b"", "an Arg without a value"
    yield "empty-state-tensor", "StateTensor", "SY_EFORMAT", b"", "a StateTensor without contents"
    yield "empty-message", "SyftMessage", "SY_EFORMAT", b"", "a SyftMessage without contents"
    yield "empty-command", "TensorCommandMessage", "SY_EFORMAT", b"", "a TensorCommandMessage without contents"
    yield "empty-object", "SyftMessage", "SY_EFORMAT", inside(5, b""), "ObjectMessage.tensor: it is missing"
    yield "empty-types", "NestedTypeWrapper", "SY_EFORMAT", b"", "NestedTypeWrapper: no type"
    yield "no-role", "Plan", "SY_EFORMAT", altered("Plan", BOTH_PLAN, clear("role")), "Plan.role: it is missing"
    yield "no-state", "Plan", "SY_EFORMAT", altered("Plan", BOTH_PLAN, clear("role.state")), \
        "Plan.role: Role.state: it is missing"
    yield "no-parameter", "Parameter", "SY_EFORMAT", altered("Parameter", PARAMETER, clear("tensor")), \
        "Parameter.tensor: it is missing"
    yield "no-value", "Plan", "SY_EFORMAT", altered("Plan", BOTH_PLAN, clear("roles")) + inside(10, inside(1, b"tfjs")), \
        '"tfjs": it has no value'
    shared = "AdditiveSharingTensor"
    yield "shares", shared, "SY_EFORMAT", altered(shared, SHARED, clear("shares")), "2 locations of 0 shares"
    yield "no-field", shared, "SY_EFORMAT", altered(shared, SHARED, clear("field_str")), "field_int: the size is missing"
    yield "field", shared, "SY_EFORMAT", altered(shared, SHARED, assign(field_str="12x")), '"12x" is no number'
    yield "fixed-field", "FixedPrecisionTensor", "SY_EFORMAT", \
        altered("FixedPrecisionTensor", FIXED, assign(field="")), '"" is no number'
    yield "dtype-name", "TorchDType", "SY_EFORMAT", serialize(messages["TorchDType"](torch_type="int64")), \
        '"int64" is no dtype'
    yield "format", "MemoryFormat", "SY_EFORMAT", serialize(messages["MemoryFormat"](memory_format_type="x")), \
        '"x" is no memory format'
    both_ids = messages["ComputationAction"](command="f")
    both_ids.return_ids.add().id_int = 1
    both_ids.return_placeholder_ids.add().id.id_int = 2
    yield "both-results", "ComputationAction", "SY_EFORMAT", serialize(both_ids), "both return_ids and"
    twice = serialize(messages["ComputationAction"](command="f")) + 2 * inside(6, inside(1, b"dim") + inside(2, field(2, 0, b"\1")))
    yield "key-twice", "ComputationAction", "SY_EFORMAT", twice, 'the key "dim" twice'
    many = b"".join(inside(6, inside(1, b"%d" % k) + inside(2, field(2, 0, b"\1"))) for k in range(1025))
    yield "many-keys", "ComputationAction", "SY_ELIMIT", many, "a map of 1025 entries, at most 1024"
    kwarg = serialize(messages["ComputationAction"](command="f")) + inside(6, inside(1, b"dim"))
    yield "no-kwarg", "ComputationAction", "SY_EFORMAT", kwarg, 'ComputationAction.kwargs: "dim": it has no value'


BOTH_PLAN = next(value for name, _, value in BOTH if name == "plan")


def refused_writes():
    for name in sorted(WITHOUT - {"py_bytes", "fixed_precision", "fixed_precision_all"}):
        path = CAPTURED / f"{name}.json"
        yield f"captured-{name}", "-", "SY_ENOTSUP", bytes.fromhex(json.loads(path.read_text())["msgpack_hex"]), \
            "syft-proto has no message for a"
    for name in ("fixed_precision", "fixed_precision_all"):
        data = bytes.fromhex(json.loads((CAPTURED / f"{name}.json").read_text())["msgpack_hex"])
        yield f"captured-{name}", "-", "SY_ENOTSUP", data, \
            "FixedPrecisionTensor.child: a AdditiveSharingTensor, not an object of type code 14"
    for name, value in (("bytes", b"ab"), ("float", 0.5), ("bool", True)):
        yield name, "-", "SY_ENOTSUP", pack(value), "no message for a value of this type"
    for name, value, sentence in (
            ("arg-none", None, "None: syft-proto has no place"), ("arg-dict", [0, []], "type code 0: syft-proto has no place"),
            ("arg-worker", [63, [ALICE]], "type code 63"), ("arg-plan", BOTH_PLAN, "Plan, type code 21"),
            ("arg-bytes", b"x", "has no place"), ("arg-wide", 1 << 63, "more than 64 bits")):
        yield name, "Arg", "SY_ENOTSUP", pack(value), sentence
    yield "arg-float", "Arg", "SY_ERANGE", pack(1e39), "1e+39 does not fit"
    yield "dims", "Size", "SY_ERANGE", pack([11, [1 << 31]]), "2147483648 does not fit 32 bits"
    yield "other-type", "Plan", "SY_ENOTSUP", pack(SMALL), "a Plan, not an object of type code 14"
    yield "unknown-type", "Nothing", "SY_ENOTSUP", pack(None), 'no message "Nothing"'
    yield "part", "NestedTypeWrapper.TypeList", "SY_ENOTSUP", pack(None), "only as a part"
    yield "object-parameter", "SyftMessage", "SY_ENOTSUP", pack([34, [PARAMETER]]), "a TorchTensor, not an object of type code 13"
    yield "message-code", "SyftMessage", "SY_ENOTSUP", pack(SMALL), "SyftMessage has no place for type code 14"
    yield "command-kwargs", "SyftMessage", "SY_ENOTSUP", \
        pack([53, [coded("f"), [6, [[6, []], [0, [[coded("a"), 1]]], [1, []]]]]]), "1 named arguments and 0 ids"
    yield "text", "Device", "SY_EFORMAT", pack([10, [[5, [b"\xff"]]]]), "Device.type: byte 0 of a text is not UTF-8"
    yield "nul", "Device", "SY_EFORMAT", pack([10, [[5, [b"a\0"]]]]), "byte 1 of a text is NUL"
    yield "cut", "TorchTensor", "SY_EFORMAT", pack(SMALL)[:-1], "expected a value at byte 57"
    yield "behind", "Id", "SY_EFORMAT", pack(1) + pack(2), "value"
    yield "fields", "Plan", "SY_EFORMAT", pack([21, [1, 2]]), "a Plan of 2 fields"
    yield "no-id", "TorchTensor", "SY_EFORMAT", pack([14, [None, *SMALL[1][1:]]]), "TorchTensor.id: an id is missing"
    yield "aside", "TorchTensor", "SY_EFORMAT", pack([14, [1, 0, None, None, None, None, None, None, None]]), "the number 0"
    yield "serializer", "TorchTensor", "SY_EFORMAT", pack([14, [1, SMALL[1][1], None, None, None, None, coded("torch"), None, None]]), \
        'do not come from "torch"'
    yield "target", "ComputationAction", "SY_ENOTSUP", pack(action(54, "f", [63, [ALICE]], [])), "a target of type code 63"
    yield "key-twice", "ComputationAction", "SY_EFORMAT", pack(action(54, "f", None, [], [("a", 1), ("b", 1), ("a", 2)])), \
        'the key "a" twice'
    yield "deep", "Arg", "SY_ELIMIT", pack(deep_list(30)), "nest"


def deep_list(depth):
    value = 1
    for _ in range(depth):
        value = [1, [value]]
    return value


def merely_written():
    wrapper = [14, [1, contents([0], "float32", []), pointer(2, 3, ALICE), None, None, None, coded("all"), None, None]]
    yield "wrapped-pointer", "PointerTensor", wrapper
    yield "wrapped-argument", "Arg", wrapper
    yield "tuple-argument", "Arg", [6, [1, 2]]
    yield "nan", "TorchTensor", tensor(1, [1], "float32", [float("nan")])
    yield "float-argument", "Arg", 0.1
    yield "search-text", "SearchMessage", [39, [coded("#x")]]
    yield "tags-list", "String", [44, [coded("x"), 5, [1, [coded("a")]], None]]
    yield "placeholder-0.2.4", "Placeholder", [48, [5, tag_set(["#1"]), None]]
    yield "tensor-0.2.4", "TorchTensor", [14, SMALL[1][:7]]
    yield "return-value", "ComputationAction", [54, [coded("f"), None, [6, []], [0, []], [6, [1]], True]]
    yield "contents-only", "TensorData", SMALL


def merely_read():
    """Messages of others that say more, or say it in another way."""
    child = bufferize(placeholder(1, ["#1"]))
    child.child_tensor.CopyFrom(bufferize(SMALL))
    yield "placeholder-child", child, unbufferize(child)
    child.child_parameter.CopyFrom(bufferize(PARAMETER))
    yield "placeholder-parameter", child, unbufferize(child)
    labelled = bufferize(EMPTY_ROLE)
    labelled.tags.append("#r")
    labelled.description = "d"
    yield "role-labels", labelled, EMPTY_ROLE
    unset = bufferize(SMALL)
    unset.serializer = 0
    yield "serializer-unset", unset, SMALL
    import io
    import numpy
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.asfortranarray(numpy.arange(6, dtype=numpy.int16).reshape(2, 3)))
    npy = messages["TorchTensor"](contents_bin=buffer.getvalue(), serializer=2)
    npy.id.id_int = 5
    yield "numpy", npy, tensor(5, [2, 3], "int16", [0, 1, 2, 3, 4, 5])
    yield "data", bufferize(SMALL, "TensorData"), unbufferize(bufferize(SMALL, "TensorData"))


def raw_reads():
    """Bytes that python3-protobuf does not write: unknown fields, unpacked lists, parts twice."""
    unpacked = inside(1, field(1, 0, b"\x05")) + inside(2, inside(1, field(1, 0, b"\x02")) + inside(2, b"float32") +
                                                       field(22, 5, b"\0\0\x80\x3f") + field(22, 5, b"\0\0\0\x40"))
    yield "unpacked", "TorchTensor", tensor(5, [2], "float32", [1.0, 2.0]), unpacked
    unknown = inside(15, b"later") + field(99, 0, b"\x01") + serialize(bufferize(SMALL)) + field(100, 5, bytes(4)) + \
        field(101, 1, bytes(8))
    yield "unknown-fields", "TorchTensor", SMALL, unknown
    yield "last-id", "Id", 8, field(1, 0, b"\x07") + inside(2, b"x") + field(1, 0, b"\x08")
    yield "merged", "PlaceholderId", [56, [8]], inside(1, field(1, 0, b"\x07")) + inside(1, field(1, 0, b"\x08"))


def lines():
    out = []
    for name, kind, value in BOTH:
        both(out, name, kind, value)
    for name, value in MESSAGES:
        both(out, "message-" + name, "SyftMessage", value)
        if name in PLAIN_NAME:
            both(out, "plain-" + name, PLAIN_NAME[name], value)
    for name, kind, value in merely_written():
        message = bufferize(value, kind if kind in ("Arg", "TensorData") else None)
        out.append(("write", name, dialect.full_names[kind], hexed(pack(value)), hexed(serialize(message))))
    for name, message, value in merely_read():
        out.append(("read", name, message.DESCRIPTOR.full_name, hexed(pack(value)), hexed(serialize(message))))
    for name, kind, value, data in raw_reads():
        assert unbufferize(messages[kind].FromString(data)) == value, name
        out.append(("read", name, dialect.full_names[kind], hexed(pack(value)), hexed(data)))
    captured(out)
    for name, kind, status, data, sentence in refused_reads():
        out.append(("refuse-read", name, dialect.full_names.get(kind, kind), status, hexed(data), sentence))
    for name, kind, status, data, sentence in refused_writes():
        out.append(("refuse-write", name, dialect.full_names.get(kind, kind), status, hexed(data), sentence))
    return "".join(" ".join(line) + "\n" for line in out)


def main():
    with tempfile.TemporaryDirectory() as folder:
        dialect.load(folder)
        drawn = lines()
    path = HERE / "objects.txt"
    if "--check" in sys.argv[1:]:
        sys.exit(0 if path.read_text() == drawn else f"{path} is not what {__file__} draws")
    path.write_text(drawn)


if __name__ == "__main__":
    main()
