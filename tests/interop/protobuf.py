#!/usr/bin/python3
"""csyft's messages against protoc and python3-protobuf, live: random objects of every type in both directions, random
damage, `protoc --decode` on csyft's bytes, and the vectors drawn anew.

Usage: protobuf.py TRANSLATOR (the program of protobuf_translate.c). CSYFT_TEST_SEED and CSYFT_TEST_ITERS as elsewhere.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/vectors/protobuf"))
try:
    import msgpack
    import dialect
    import generate
except ModuleNotFoundError as missing:
    sys.exit(f"missing: apt-get install python3-protobuf python3-msgpack python3-numpy protobuf-compiler ({missing})")

SEED = int(os.environ.get("CSYFT_TEST_SEED", "20260"))
COUNT = int(os.environ.get("CSYFT_TEST_ITERS", "400"))
rng = random.Random(SEED)


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


# --- random values ----------------------------------------------------------------------------------------------------

def ident():
    return rng.choice([rng.randrange(10 ** 11), rng.randrange(5), -1 - rng.randrange(1 << 40),
                       dialect.coded(rng.choice(["alice", "bob", "ä-1", "worker 3"]))])


def tags():
    return dialect.tag_set([f"#t{k}" for k in range(rng.randrange(3))])


def maybe(value):
    return value if rng.random() < 0.5 else None


def words():
    return dialect.coded("".join(rng.choice("abc äß漢") for _ in range(1 + rng.randrange(12))))


def contents():
    dtype = rng.choice(sorted(dialect.LISTS))
    shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
    count = 1
    for dim in shape:
        count *= dim
    if dtype == "float32":
        values = [dialect.float32(rng.gauss(0, 10 ** rng.randrange(9))) for _ in range(count)]
    elif dtype == "float64":
        values = [rng.gauss(0, 10.0 ** rng.randrange(200)) for _ in range(count)]
    elif dtype == "bool":
        values = [rng.random() < 0.5 for _ in range(count)]
    else:
        bits = int(dtype.lstrip("uint"))
        low = 0 if dtype[0] == "u" else -(1 << bits - 1)
        values = [rng.choice([low, low + (1 << bits) - 1, 0, 1, low + rng.randrange(1 << bits)]) for _ in range(count)]
    return [6, [[6, shape], dialect.coded(dtype), [1, values]]]


def tensor(depth=0):
    chain = tensor(depth + 1) if depth < 2 and rng.random() < 0.2 else None
    grad = tensor(depth + 1) if depth < 2 and rng.random() < 0.3 else None
    labels = tags()
    return [14, [ident(), contents(), chain, grad, labels if labels[1] else None, maybe(words()), dialect.coded("all"),
                 None, None]]


def parameter():
    return [13, [ident(), tensor(), rng.random() < 0.5, maybe(tensor())]]


def pointer():
    return generate.pointer(ident(), ident(), ident(), maybe(words()), maybe([11, [rng.randrange(1000)]]),
                            rng.random() < 0.5)


def placeholder():
    return [48, [[56, [ident()]], tags(), maybe(words()), maybe([6, [rng.randrange(-1, 5) for _ in range(3)]])]]


def arg(depth=0):
    kinds = [lambda: rng.random() < 0.5, lambda: rng.randrange(-(1 << 63), 1 << 63), lambda: rng.randrange(300),
             lambda: dialect.float32(rng.gauss(0, 1e6)), words, lambda: dialect.coded(""), pointer, placeholder,
             lambda: [56, [ident()]], lambda: [11, [rng.randrange(9) for _ in range(rng.randrange(4))]]]
    if depth < 2:
        kinds += [tensor, parameter, lambda: [1, [arg(depth + 1) for _ in range(rng.randrange(4))]]]
    return rng.choice(kinds)()


def action(code):
    name = rng.choice(["send", "get"]) if code == 55 else rng.choice(["torch.add", "__mul__", "sum"])
    args = [[63, [words()]] for _ in range(rng.randrange(3))] if code == 55 else [arg() for _ in range(rng.randrange(4))]
    kwargs = sorted({f"k{rng.randrange(9)}" for _ in range(rng.randrange(3))})
    results = [[56, [ident()]] for _ in range(1 + rng.randrange(2))] if rng.random() < 0.5 else \
        [ident() for _ in range(rng.randrange(3))]
    target = rng.choice([None, ident(), pointer(), [56, [ident()]], tensor()])
    return generate.action(code, name, target, args, [(key, arg()) for key in kwargs], results)


def state():
    count = rng.randrange(3)
    return [22, [[1, [placeholder() for _ in range(count)]], [1, [rng.choice([tensor, parameter])() for _ in range(count)]]]]


def role():
    places = [placeholder() for _ in range(rng.randrange(4))]
    return [58, [ident(), [1, [action(rng.choice([54, 54, 55])) for _ in range(rng.randrange(4))]], state(),
                 [0, [[place[1][0][1][0], place] for place in places]], [ident() for _ in range(rng.randrange(3))],
                 [ident() for _ in range(rng.randrange(3))]]]


def types(depth=0):
    kind = rng.randrange(4 if depth < 3 else 1)
    if kind == 0:
        return [61, rng.choice([b"builtins.int", b"torch.Tensor"])]
    if kind == 3:
        return [0, [[dialect.coded(f"k{k}"), types(depth + 1)] for k in range(rng.randrange(3))]]
    return [rng.choice([1, 6]), [types(depth + 1) for _ in range(rng.randrange(3))]]


def roles():
    return [0, [[dialect.coded(f"r{k}"), role()] for k in range(rng.randrange(3))]]


def shares():
    return [0, [[where, generate.pointer(ident(), ident(), where, None, None, True)] for where in
                (dialect.coded("alice"), dialect.coded("bob"), 7)[:rng.randrange(4)]]]


def shared():
    held = shares()
    gone = {where if isinstance(where, int) else dialect.text(where): True for where, _ in held[1]}
    field = rng.choice([1 << 32, 1 << 62, dialect.coded(str(1 << 64)), dialect.coded(str(1 << 70))])
    return [15, [ident(), field, dialect.coded("snn"), b"long", ident(), held, gone]]


OBJECTS = {
    "TorchTensor": tensor, "Parameter": parameter, "PointerTensor": pointer, "Placeholder": placeholder, "Role": role,
    "State": state, "ComputationAction": lambda: action(54), "CommunicationAction": lambda: action(55),
    "StorageAction": lambda: action(67), "NestedTypeWrapper": lambda: [62, types()],
    "Plan": lambda: [21, [ident(), role(), rng.random() < 0.5, words(), tags(), maybe(words()), maybe([12, [b"PK"]]),
                          maybe([62, types()]), dialect.coded("torch"), roles()]],
    "Protocol": lambda: [24, [ident(), words(), roles(), tags(), maybe(words())]],
    "AdditiveSharingTensor": shared,
    "FixedPrecisionTensor": lambda: [16, [ident(), dialect.coded(str(1 << 64)), "long", 10, 3, 1, tags(), maybe(words()),
                                          maybe(shared())]],
    "PointerDataset": lambda: [57, [ident(), ident(), ident(), tags(), maybe(words()), rng.random() < 0.5]],
    "PointerPlan": lambda: [26, [ident(), ident(), ident(), tags(), rng.random() < 0.5]],
    "ObjectPointer": lambda: [20, [ident(), ident(), ident(), maybe(words()), False]],
    "BaseDataset": lambda: [51, [tensor(), tensor(), ident(), tags(), maybe(words()), maybe(tensor())]],
    "OnnxModel": lambda: [68, [rng.randbytes(9), ident(), tags(), maybe(words())]],
    "String": lambda: [44, [words(), None, tags(), maybe(words())]],
    "SyftMessage": lambda: rng.choice([
        lambda: None, lambda: [38, [1, [ident() for _ in range(rng.randrange(4))]]], lambda: [37, [ident()]],
        lambda: [36, [ident()]], lambda: [34, [tensor()]], lambda: [35, [ident(), None, maybe(words())]],
        lambda: [33, [action(rng.choice([54, 55]))]], lambda: [40, [words(), [6, [arg() for _ in range(2)]]]],
        lambda: [53, [words(), [6, [[6, [arg()]], [0, []], [1, []]]]]], lambda: [39, [[1, [words(), 3]]]]])(),
}


# --- csyft ---------------------------------------------------------------------------------------------------------------

def ask(program, questions):
    """One run for all: a list of "ok TYPE HEX" or refusals."""
    lines = "".join(f"{verb} {kind} {data.hex() or '-'}\n" for verb, kind, data in questions)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions), "an answer per line"
    return answers


def bytes_of(line):
    word, _, data = line.split(" ", 2)
    assert word == "ok", line
    return b"" if data == "-" else bytes.fromhex(data)


def compare_random(program):
    drawn = []
    for turn in range(COUNT):
        kind = sorted(OBJECTS)[turn % len(OBJECTS)]
        value = OBJECTS[kind]()
        drawn.append((kind, value, dialect.bufferize(value, kind)))
    written = ask(program, [("write", dialect.full_names[kind], pack(value)) for kind, value, _ in drawn])
    read = ask(program, [("read", dialect.full_names[kind], generate.serialize(message)) for kind, _, message in drawn])
    for (kind, value, message), there, back in zip(drawn, written, read):
        theirs = dialect.messages[kind].FromString(bytes_of(there))
        assert theirs == message, (kind, value, theirs, message)
        assert bytes_of(there) == generate.serialize(message), (kind, value)
        expected = pack(dialect.unbufferize(message))
        assert bytes_of(back) == expected, (kind, value, msgpack.unpackb(bytes_of(back), strict_map_key=False))
    return drawn


def ordered(value):
    """Entries of dicts by their keys: python3-protobuf forgets the order in which they came."""
    if not isinstance(value, list):
        return value
    if len(value) == 2 and value[0] == 0 and isinstance(value[1], list):
        return [0, sorted((ordered(pair) for pair in value[1]), key=pack)]
    return [ordered(element) for element in value]


def compare_damaged(program, drawn):
    """What csyft reads of damaged bytes, python reads, too, and has the same in it; csyft may refuse more."""
    questions = []
    for kind, _, message in drawn:
        data = bytearray(generate.serialize(message))
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        questions.append(("read", dialect.full_names[kind], bytes(data[:rng.randrange(len(data) + 1)]
                                                                  if rng.random() < 0.2 else data)))
    refused = 0
    for (verb, name, data), answer in zip(questions, ask(program, questions)):
        if not answer.startswith("ok"):
            refused += 1
            assert answer.split(" ")[0] in ("SY_EFORMAT", "SY_ERANGE", "SY_ELIMIT", "SY_ENOTSUP", "SY_ESHAPE"), answer
            continue
        kind = name.rsplit(".", 1)[1]
        message = dialect.messages[kind].FromString(data)
        ours = msgpack.unpackb(bytes_of(answer), strict_map_key=False)
        assert pack(ordered(ours)) == pack(ordered(dialect.unbufferize(message))), (kind, data.hex())
    return refused


def compare_protoc(drawn, program):
    """protoc finds every field of csyft's bytes in the schema: none is shown by its number."""
    shown = 0
    by_kind = {kind: value for kind, value, _ in drawn}
    kinds = sorted(by_kind)
    written = ask(program, [("write", dialect.full_names[kind], pack(by_kind[kind])) for kind in kinds])
    for kind, line in zip(kinds, written):
        done = subprocess.run(["protoc", f"-I{dialect.SCHEMA}", f"--decode={dialect.full_names[kind]}",
                               "syft_proto/messages.proto", "syft_proto/interpreters.proto", "syft_proto/datasets.proto"],
                              input=bytes_of(line), capture_output=True, check=True)
        fields = [text.strip() for text in done.stdout.decode().splitlines()]
        assert not any(text[:1].isdigit() for text in fields), (kind, fields)
        shown += len(fields)
    return shown


def main():
    program = sys.argv[1]
    print(f"seed {SEED}")
    with tempfile.TemporaryDirectory() as folder:
        dialect.load(folder)
        assert (generate.HERE / "objects.txt").read_text() == generate.lines(), "tests/vectors/protobuf is out of date"
        drawn = compare_random(program)
        refused = compare_damaged(program, drawn)
        shown = compare_protoc(drawn, program)
    print(f"{len(drawn)} objects both ways, {refused} of as many damaged ones refused, protoc shows {shown} lines")


if __name__ == "__main__":
    main()
