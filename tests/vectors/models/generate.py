#!/usr/bin/python3
"""Small model files as PyTorch 1.13 (Debian's python3-torch) writes them, safetensors files put together from the
format's description, hostile ones, and manifest.txt. Each line is one of

    file <file> <same|read> <number of tensors> <values that are no tensors>
    tensor <file> <name> <dtype> <shape> <elements in row-major order> <parameter and requires_grad as 0 or 1, two digits>
    version <file> <prefix or -> <version>
    shared <file> <name> <name>
    refused <file> <status> <word of the sentence>

same: csyft writes these bytes, too. Lists are comma-separated, "-" is the empty list or name. The keys of legacy
streams are addresses, so those files (*.legacy) differ from run to run; the others do not.
Run in this folder. PySyft's payloads (pysyft_*.legacy) come from frames captured from PySyft 0.2.9.
"""
import io
import json
import pickle
import struct
import warnings
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import torch

manifest = open("manifest.txt", "w")
SHARED = Path("/work/shared/vectors/pysyft-0.2.9/objects")  # only where they are at hand


def text(values):
    return ",".join(repr(float(v)) if isinstance(v, float) else str(int(v)) for v in values) or "-"


def tensors_of(value, path=""):
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_of(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for key, item in enumerate(value):
            yield from tensors_of(item, f"{path}.{key}" if path else str(key))


def others_of(value):
    if isinstance(value, torch.Tensor):
        return 0
    if isinstance(value, torch.Size):
        return 1
    if isinstance(value, dict):
        return sum(others_of(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(others_of(item) for item in value)
    return 1


def describe(name, value, kind):
    found = list(tensors_of(value))
    print("file", name, kind, len(found), others_of(value), file=manifest)
    for path, tensor in found:
        flags = f"{int(isinstance(tensor, torch.nn.Parameter))}{int(tensor.requires_grad)}"
        print("tensor", name, path or "-", str(tensor.dtype)[6:], text(tensor.shape),
              text(tensor.detach().flatten().tolist()), flags, file=manifest)
    for prefix, about in getattr(value, "_metadata", {}).items():
        print("version", name, prefix or "-", about["version"], file=manifest)


def save(name, value, kind="same", **options):
    torch.save(value, name, **options)
    describe(name, value, kind)


def refused(name, data, status, word):
    Path(name).write_bytes(data)
    print("refused", name, status, word, file=manifest)


def state_of(*layers):
    return torch.nn.Sequential(*layers).state_dict()


def torch_files():
    nn = torch.nn
    torch.manual_seed(7)
    save("linear.pt", state_of(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2, bias=False)))
    save("linear.legacy", state_of(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2, bias=False)), "read",
         _use_new_zipfile_serialization=False)
    save("batchnorm.pt", state_of(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2)))
    values = {"float32": [0.0, -1.5, float("inf")], "float64": [0.1, -2.5e300, 5e-324], "int8": [-128, 127, 0],
              "int16": [-32768, 32767, 0], "int32": [-(2**31), 2**31 - 1, 0], "int64": [-(2**63), 2**63 - 1, 0],
              "uint8": [0, 255, 1], "bool": [True, False, True]}
    dtypes = OrderedDict((k, torch.tensor(v, dtype=getattr(torch, k))) for k, v in values.items())
    save("dtypes.pt", dtypes)
    save("dtypes.legacy", dtypes, "read", _use_new_zipfile_serialization=False)
    for protocol in (0, 1, 3, 4, 5):
        small = {"a": torch.tensor([1.5, 2.5]), "n": 3, "f": 0.25, "big": 2**70, "text": "\u00e4\u20ac\n", "none": None,
                 "flag": True, "bytes": b"", "neg": -70000}
        if protocol >= 3:  # protocols 0 to 2 need _codecs.encode for bytes
            save(f"protocol{protocol}.pt", small, "read", pickle_protocol=protocol)
        else:
            del small["bytes"]
        if protocol >= 1:
            save(f"protocol{protocol}.legacy", small, "read", pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    base = torch.arange(12, dtype=torch.float32)
    shared = OrderedDict(whole=base.view(3, 4), row=base.view(3, 4)[1], column=base.view(3, 4)[:, 2], turned=base.view(3, 4).t(),
                         tied=base.view(3, 4), every_other=base[1::2], other=torch.ones(2))
    save("shared.pt", shared)
    print("shared", "shared.pt", "whole", "turned", file=manifest)
    print("shared", "shared.pt", "whole", "every_other", file=manifest)
    save("shared.legacy", shared, "read", _use_new_zipfile_serialization=False)
    save("permuted.pt", OrderedDict(turned=torch.arange(6.0).view(2, 3).t()))
    save("part.pt", OrderedDict(part=torch.arange(100.0)[10:12]), "read")  # PyTorch keeps all 100
    save("expanded.pt", OrderedDict(wide=torch.tensor([3.0]).expand(2, 5)), "read")
    torch.manual_seed(1)
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    save("checkpoint.pt", {"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict(), "args": ["x", 1]},
         "read")
    parameter = nn.Parameter(torch.tensor([[1.0, 2.0]]))
    frozen = nn.Parameter(torch.tensor([5], dtype=torch.int64), requires_grad=False)
    save("parameters.pt", {"w": parameter, "frozen": frozen, "leaf": torch.tensor([1.0], requires_grad=True)})
    save("tensor.pt", torch.tensor([[1, 2], [3, 4]]))
    save("scalar.pt", torch.tensor(2.5))
    save("empty.pt", OrderedDict(none=torch.zeros(0), flat=torch.zeros(2, 0, 3), number=torch.tensor(4)))
    save("nothing.pt", OrderedDict())
    save("empty_far.pt", OrderedDict(x=torch.zeros(1, 1).narrow(0, 1, 0).narrow(1, 1, 0)), "read")
    save("size.pt", {"shape": torch.Size([2, 3]), "a": torch.zeros(1), "device": torch.device("cpu"), "dtype": torch.float32},
         "read")
    save("dims8.pt", OrderedDict(a=torch.arange(4.0).view(1, 2, 1, 1, 2, 1, 1, 1)))
    save("names.pt", OrderedDict([("gr\u00f6\u00dfe", torch.ones(1)), ("a" * 300, torch.ones(1)), ("0", torch.ones(1))]))
    numbers = torch.arange(1001, dtype=torch.int16)
    save("many.pt", OrderedDict((f"t{k}", numbers[k]) for k in range(1001)))


def refused_torch_files():
    for dtype in ("float16", "bfloat16", "complex64"):
        torch.save({"x": torch.ones(2, dtype=getattr(torch, dtype))}, f"{dtype}.pt")
        print("refused", f"{dtype}.pt", "SY_ENOTSUP", "'x'", file=manifest)
    torch.save({"x": torch.zeros((1,) * 9)}, "dims9.pt")
    print("refused dims9.pt SY_ENOTSUP 'x'", file=manifest)
    torch.save(torch.nn.Linear(1, 1), "module.pt")
    print("refused module.pt SY_EFORBIDDEN torch.nn.modules.linear.Linear", file=manifest)
    torch.jit.script(torch.nn.Linear(1, 1)).save("script.pt")
    print("refused script.pt SY_ENOTSUP TorchScript", file=manifest)
    stream = io.BytesIO()
    torch.save(torch.tensor([1.0]), stream, _use_new_zipfile_serialization=False)
    big = stream.getvalue().replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89")
    assert big != stream.getvalue()
    refused("big_endian.legacy", big, "SY_ENOTSUP", "big-endian")
    refused("left_over.legacy", stream.getvalue() + b"x", "SY_EFORMAT", "follow")
    stream = io.BytesIO()
    torch.save({"x": torch.tensor([1.0])}, stream)
    archive = zipfile.ZipFile(io.BytesIO(stream.getvalue()))
    records = {i.filename: archive.read(i) for i in archive.infolist()}
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    refused("compressed.pt", zipped(records, deflated), "SY_ENOTSUP", "compressed")
    refused("byteorder.pt", zipped({**records, "archive/byteorder": b"big"}, stored), "SY_ENOTSUP", "big-endian")
    refused("no_storage.pt", zipped({k: v for k, v in records.items() if "/data/" not in k}, stored), "SY_EFORMAT", "data/0")
    refused("small_storage.pt", zipped({**records, "archive/data/0": b"abc"}, stored), "SY_EFORMAT", "data/0")
    refused("no_pickle.pt", zipped({"a": b"b"}, stored), "SY_EFORMAT", "data.pkl")
    rewritten = zipped({**records, "archive/byteorder": b"little"}, stored)
    Path("zipped.pt").write_bytes(rewritten)
    describe("zipped.pt", {"x": torch.tensor([1.0])}, "read")
    Path("zip64.pt").write_bytes(wide(records))
    describe("zip64.pt", {"x": torch.tensor([1.0])}, "read")
    refused("zip64_short.pt", wide(records, missing=8), "SY_EFORMAT", "64-bit")


def zipped(records, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in records.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


def wide(records, missing=0):
    """An archive whose numbers all stand in 64-bit fields, as one beyond 4 GiB has them."""
    body, central, none = b"", b"", 0xffffffff
    for name, data in records.items():
        name = name.encode()
        crc, at = zlib.crc32(data), len(body)
        body += struct.pack("<IHHHHHIIIHH", 0x04034b50, 45, 0, 0, 0, 0, crc, len(data), len(data), len(name), 0) + name + data
        extra = struct.pack("<HHHH", 0x7777, 2, 5, 1) + struct.pack("<HQQQ", 24, len(data), len(data), at)
        extra = extra[:6] + struct.pack("<HH", 1, 24 - missing) + extra[10:len(extra) - missing]
        central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 45, 45, 0, 0, 0, 0, crc, none, none, len(name), len(extra),
                               0, 0, 0, 0, none) + name + extra
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, len(records), len(records), len(central), len(body))
    locator = struct.pack("<IIQI", 0x07064b50, 0, len(body) + len(central), 1)
    return body + central + end64 + locator + struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 0xffff, 0xffff, none, none, 0)


class Attack:
    def __reduce__(self):
        import os
        return os.system, ("echo attacked",)


def in_archive(data):
    return zipped({"archive/data.pkl": data, "archive/version": b"3\n"}, zipfile.ZIP_STORED)


def hostile_pickles():
    refused("system.pt", in_archive(pickle.dumps({"x": Attack()}, 2)), "SY_EFORBIDDEN", ".system")
    refused("system4.pt", in_archive(pickle.dumps({"x": Attack()}, 4)), "SY_EFORBIDDEN", ".system")
    refused("eval.pt", in_archive(b"\x80\x02c__builtin__\neval\n(X\x01\x00\x00\x001tR."), "SY_EFORBIDDEN", "__builtin__.eval")
    refused("inst.pt", in_archive(b"(S'true'\nios\nsystem\n."), "SY_ENOTSUP", "INST")
    refused("storage_called.pt", in_archive(b"\x80\x02ctorch\nFloatStorage\n)R."), "SY_EFORBIDDEN", "FloatStorage")
    refused("memo.pt", in_archive(b"\x80\x02Nr\xff\xff\xff\xff."), "SY_ELIMIT", "memo")
    deep = b"\x80\x02" + b"]" + b"]" * 2000 + b"a" * 2000 + b"."
    refused("deep.pt", in_archive(deep), "SY_ELIMIT", "nest")
    refused("marks.pt", in_archive(b"\x80\x02" + b"(" * 2000 + b"."), "SY_ELIMIT", "marks")
    bomb = b"\x80\x02]q\x00" + b"".join(b"](" + b"h" + bytes([k]) * 1 + b"h" + bytes([k]) + b"e" + b"q" + bytes([k + 1])
                                      for k in range(60)) + b"."
    refused("billion.pt", in_archive(bomb), "SY_ELIMIT", "values")
    itself = b"\x80\x02]q\x00h\x00a."
    refused("itself.pt", in_archive(itself), "SY_ELIMIT", "nest")
    refused("long_string.pt", in_archive(b"\x80\x02X\xff\xff\xff\x7fabc."), "SY_EFORMAT", "cut")
    refused("long_bytes.pt", in_archive(b"\x80\x04\x8e" + b"\xff" * 8 + b"abc."), "SY_EFORMAT", "cut")
    refused("huge_long.pt", in_archive(b"\x80\x02\x8b\xff\xff\xff\xff."), "SY_ELIMIT", "integer")

    def tensor(numel, offset, size, stride, storage="FloatStorage"):
        class Storage:
            pass

        class Pickler(pickle.Pickler):
            def persistent_id(self, value):
                return ("storage", getattr(torch, storage), "0", "cpu", numel) if isinstance(value, Storage) else None

            def reducer_override(self, value):
                if isinstance(value, Tensor):
                    return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, OrderedDict())
                return NotImplemented

        class Tensor:
            pass
        out = io.BytesIO()
        Pickler(out, 2).dump({"x": Tensor()})
        return zipped({"archive/data.pkl": out.getvalue(), "archive/data/0": bytes(16), "archive/version": b"3\n"},
                      zipfile.ZIP_STORED)
    for name, args in {"out_of_storage": (4, 1, (4,), (1,)), "far_stride": (4, 0, (2, 2), (4, 1)), "far_offset": (4, 5, (1,), (1,)),
                       "negative": (4, 0, (2,), (-1,)), "negative_size": (4, 0, (-2,), (1,)), "overflow": (4, 0, (2**62, 4), (2**62, 1)),
                       "wrap": (4, 2**63 - 1, (3,), (2**62,)), "more_numel": (5, 0, (4,), (1,)), "huge_numel": (2**62, 0, (1,), (1,)),
                       "ranks": (4, 0, (2, 2), (1,)), "expanded_far": (4, 0, (2**40,), (0,))}.items():
        status = "SY_ELIMIT" if name == "expanded_far" else "SY_EFORMAT"
        refused(f"{name}.pt", tensor(*args), status, "data/0" if name == "more_numel" else "'x'")


def hostile_archives():
    good = in_archive(b"\x80\x02}.")
    end = len(good) - 22
    refused("count.pt", good[:end + 10] + b"\xff\x7f" + good[end + 12:], "SY_EFORMAT", "entries")
    refused("directory_far.pt", good[:end + 16] + struct.pack("<I", 1 << 30) + good[end + 20:], "SY_EFORMAT", "directory")
    refused("locator.pt", good[:end + 10] + b"\xff\xff" + good[end + 12:], "SY_EFORMAT", "64-bit")
    refused("no_end.pt", good[:end], "SY_EFORMAT", "end")
    at = good.index(b"\x80\x02}.")
    refused("checksum.pt", good[:at] + b"\x80\x03}." + good[at + 4:], "SY_EFORMAT", "checksum")
    # Many directory entries that look at the same bytes.
    data = bytes(4096)
    local = struct.pack("<IHHHHHIIIHH", 0x04034b50, 20, 0, 0, 0, 0, 0, len(data), len(data), 2, 0) + b"aa" + data
    central = b"".join(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 20, 20, 0, 0, 0, 0, 0, len(data), len(data), 2, 0, 0, 0, 0, 0, 0)
                       + bytes([97 + k // 26, 97 + k % 26]) for k in range(100))
    bomb = local + central + struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 100, 100, len(central), len(local), 0)
    refused("overlap.pt", bomb, "SY_EFORMAT", "entries hold")
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(out, "w") as archive:
            for _ in range(2):
                archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"\x80\x02}.")
    refused("twice.pt", out.getvalue(), "SY_EFORMAT", "twice")


DTYPES = {"BOOL": "?", "U8": "B", "I8": "b", "I16": "h", "I32": "i", "I64": "q", "F32": "f", "F64": "d"}
TORCH = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "F32": "float32",
         "F64": "float64"}


def safetensors(header, data=b"", pad=True, length=None):
    if not isinstance(header, (bytes, str)):
        header = json.dumps(header, separators=(",", ":"))
    header = header.encode() if isinstance(header, str) else header
    header += b" " * (-len(header) % 8 if pad else 0)
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def safetensors_files():
    """By the format's README; the widest dtypes first, as its reference implementation lays them out."""
    values = {"F64": [0.1, -2.5], "I64": [-(2**63), 2**63 - 1], "F32": [1.5, -0.25], "I32": [-5, 7], "I16": [-300, 300],
              "I8": [-1, 1], "U8": [255, 0], "BOOL": [True, False]}
    header, data = {"__metadata__": {"format": "pt", "quote \"\\": "\n\u00e4"}}, b""
    for dtype, items in values.items():
        packed = struct.pack(f"<2{DTYPES[dtype]}", *items)
        header[f"t.{dtype}"] = {"dtype": dtype, "shape": [2, 1], "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    name = "dtypes.safetensors"
    compact = json.dumps(header, separators=(",", ":"), ensure_ascii=False).replace("\\n", "\\u000a")
    Path(name).write_bytes(safetensors(compact, data))
    print("file", name, "same", len(values), 0, file=manifest)
    for dtype, items in values.items():
        print("tensor", name, f"t.{dtype}", TORCH[dtype], "2,1", text(items), "00", file=manifest)
    # Other orders, spaces, escapes, a tensor that begins at an odd address, empty and 0-d ones.
    name = "odd.safetensors"
    header = ('{ "b\\u00e4\\/" :{"shape" : [ 2 ],"data_offsets":[ 1 , 9 ] , "dtype":"F32"},\n"a":{"dtype":"U8","shape":[],'
              '"data_offsets":[0,1]},"e":{"dtype":"F64","shape":[0,3],"data_offsets":[9,9]} ,'
              '"f":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}, "\\ud83d\\ude00":{"dtype":"BOOL","shape":[1],'
              '"data_offsets":[9,10]}}  ')
    Path(name).write_bytes(safetensors(header, b"\x07" + struct.pack("<2f", 1.5, 2.5) + b"\x02", pad=False))
    print("file", name, "read", 5, 0, file=manifest)
    for line in ("b\u00e4/ float32 2 1.5,2.5", "a uint8 - 7", "e float64 0,3 -", "f int8 0 -", "\U0001f600 bool 1 1"):
        print("tensor", name, line, "00", file=manifest)
    Path("nothing.safetensors").write_bytes(safetensors("{}"))
    print("file nothing.safetensors same 0 0", file=manifest)


def hostile_safetensors():
    def one(**changes):
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}
        return {k: v for k, v in entry.items() if v is not None}
    data = bytes(8)
    bad = {
        "half": ({"x": one(dtype="F16", data_offsets=[0, 4])}, bytes(4), "SY_ENOTSUP", "F16"),
        "unknown_dtype": ({"x": one(dtype="Q9")}, data, "SY_ENOTSUP", "Q9"),
        "dims9": ({"x": one(shape=[1] * 9)}, data, "SY_ENOTSUP", "dimensions"),
        "no_shape": ({"x": one(shape=None)}, data, "SY_EFORMAT", "shape"),
        "extra_key": ({"x": one(more=1)}, data, "SY_EFORMAT", "more"),
        "wrong_bytes": ({"x": one(shape=[3])}, data, "SY_EFORMAT", "takes"),
        "backwards": ({"x": one(data_offsets=[8, 0])}, data, "SY_EFORMAT", "takes"),
        "beyond": ({"x": one(data_offsets=[8, 16])}, data, "SY_EFORMAT", "ends"),
        "gap": ({"x": one(data_offsets=[8, 16])}, bytes(16), "SY_EFORMAT", "begins"),
        "overlap": ({"x": one(), "y": one(data_offsets=[4, 12])}, bytes(12), "SY_EFORMAT", "inside"),
        "same_bytes": ({"x": one(), "y": one()}, data, "SY_EFORMAT", "inside"),
        "left_over": ({"x": one()}, bytes(9), "SY_EFORMAT", "belong"),
        "negative": ({"x": one(shape=[-2])}, data, "SY_EFORMAT", "size"),
        "fraction": ({"x": one(shape=[2.0])}, data, "SY_EFORMAT", "size"),
        "product": ({"x": one(shape=[1 << 33, 1 << 33])}, data, "SY_EFORMAT", "large"),
        "duplicate": ('{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
                      b"ab", "SY_EFORMAT", "twice"),
        "duplicate_key": ('{"x":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a", "SY_EFORMAT", "twice"),
        "metadata_twice": ('{"__metadata__":{},"__metadata__":{}}', b"", "SY_EFORMAT", "twice"),
        "metadata_number": ('{"__metadata__":{"a":1}}', b"", "SY_EFORMAT", "string"),
        "nul": ('{"a\\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a", "SY_EFORMAT", "UTF-8"),
        "lone_surrogate": ('{"a\\ud800b":{}}', b"", "SY_EFORMAT", "escape"),
        "latin1": (b'{"\xe4":{}}', b"", "SY_EFORMAT", "character"),
        "control": (b'{"\n":{}}', b"", "SY_EFORMAT", "character"),
        "trailing": ("{} x", b"", "SY_EFORMAT", "end"),
        "array": ('[]', b"", "SY_EFORMAT", "neither"),
        "comma": ('{"x":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}}', b"a", "SY_EFORMAT", "size"),
        "leading_zero": ('{"x":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', b"a", "SY_EFORMAT", "size"),
        "nested": ('{"x":' + "[" * 10000, b"", "SY_EFORMAT", "tensor"),
    }
    for name, (header, body, status, word) in bad.items():
        refused(f"bad_{name}.safetensors", safetensors(header, body, pad=False), status, word)
    for name, length in (("long", 100), ("longest", 2**64 - 1), ("over_limit", 100000001), ("short", 3)):
        word = "belong" if name == "short" else "header of"
        refused(f"bad_length_{name}.safetensors", safetensors("{}", length=length), "SY_EFORMAT", word)


def pysyft_payloads():
    names = {"tensor_float32": "float32", "tensor_bool": "bool", "parameter": "parameter", "tensor_scalar": "scalar"}

    def payloads(value):
        if isinstance(value, dict) and "bytes_hex" in value:
            yield bytes.fromhex(value["bytes_hex"])
        elif isinstance(value, dict):
            for item in value.values():
                yield from payloads(item)
        elif isinstance(value, list):
            for item in value:
                yield from payloads(item)
    for source, name in names.items():
        path = SHARED / f"{source}.json"
        out = Path(f"pysyft_{name}.legacy")
        if path.exists():
            found = [p for p in payloads(json.loads(path.read_text())["decoded"]) if p.startswith(b"\x80\x02\x8a\x0a")]
            out.write_bytes(found[0])
        describe(out.name, torch.load(out), "same")


if __name__ == "__main__":
    assert torch.__version__.startswith("1.13"), torch.__version__
    torch_files()
    refused_torch_files()
    hostile_pickles()
    hostile_archives()
    safetensors_files()
    hostile_safetensors()
    pysyft_payloads()
