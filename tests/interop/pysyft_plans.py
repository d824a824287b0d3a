#!/usr/bin/env python3
"""Plans that csyft wrote as PySyft 0.2.9 and 0.2.4 have them, run with PyTorch as PySyft runs them (Role.execute and
Plan.__call__), and compared with csyft's results. Argument: the file that pysyft_plans.c writes."""
import io
import struct
import sys

try:
    import msgpack
    import torch
except ImportError:
    print("missing: apt-get install python3-msgpack python3-torch", file=sys.stderr)
    sys.exit(1)

import pysyft_wire as wire


# What PyTorch 1.13 says where it is wrong itself: operands of mixed dtypes in place; logsumexp of no dims.
TORCH_DEFECTS = ("please report a bug to PyTorch", "output with shape [] doesn't match the broadcast shape [1]")


def tensor(value):
    """[14, ...] or [13, ...]"""
    code, body = value
    if code == 13:
        return torch.nn.Parameter(tensor(body[1]), requires_grad=body[2]) if body[2] else tensor(body[1])
    assert code == 14 and len(body) == 9 and body[2] is None and body[6] == [5, [b"torch"]], value
    return torch.load(io.BytesIO(body[1]))


def text(value):
    assert value[0] == 5 and len(value[1]) == 1, value
    return value[1][0].decode()


class Placeholders(dict):
    """id -> tensor, and what stands for them in actions."""

    def plain(self, value):
        if not isinstance(value, list):
            return value
        code, body = value
        if code == 56:
            return self[body[0]]
        if code == 48:
            return self[body[0]]
        return {
            1: lambda: [self.plain(v) for v in body],
            4: lambda: slice(*body),
            5: lambda: body[0].decode(),
            6: lambda: tuple(self.plain(v) for v in body),
            7: lambda: ...,
            11: lambda: torch.Size(body),
            52: lambda: getattr(torch, body),
        }[code]()

    def act(self, name, target, args, kwargs, results):
        assert args[0] == 6 and kwargs[0] == 0
        arguments = [self.plain(v) for v in args[1]]
        named = {text(k): self.plain(v) for k, v in kwargs[1]}
        if target is None:
            module, *path = text(name).split(".")
            assert module == "torch", name
            call = torch
            for part in path:
                call = getattr(call, part)
        else:
            call = getattr(self.plain(target), text(name))
        answer = call(*arguments, **named)
        answers = answer if isinstance(answer, (tuple, list)) else (answer,)
        ids = [results] if results[0] != 6 else results[1]
        assert len(ids) == len(answers), (text(name), len(ids), len(answers))
        for placeholder, result in zip(ids, answers):
            assert placeholder[0] in (48, 56), placeholder
            self[placeholder[1][0]] = result


def state(value, placeholders):
    code, (named, tensors) = value
    assert code == 22 and named[0] == 1 and tensors[0] == 1 and len(named[1]) == len(tensors[1])
    for (code, body), element in zip(named[1], tensors[1]):
        number = body[0][1][0] if isinstance(body[0], list) else body[0]
        assert code == 48 and number == element[1][0], "a state tensor has its placeholder's id"
        placeholders[number] = tensor(element)


def run_new(body):
    """0.2.9"""
    _, role, include_state, name, tags, _, script, types, framework, roles = body
    assert include_state is False and text(name) == "call" and tags == [3, []] and script is None
    assert text(framework) == "torch" and types == [62, [6, []]]
    assert roles[0] == 0 and len(roles[1]) == 1 and text(roles[1][0][0]) == "torch" and roles[1][0][1] == role
    code, (_, actions, held, described, inputs, outputs) = role
    assert code == 58 and inputs == [] and described[0] == 0
    known = {number for number, _ in described[1]}
    placeholders = Placeholders()
    state(held, placeholders)
    for code, (action, target, args, kwargs, results, value) in actions[1]:
        assert code == 54 and value is False
        placeholders.act(action, target, args, kwargs, results)
    assert set(placeholders) == known, "every placeholder is described"
    return [placeholders[number] for number in outputs]


def run_old(body):
    """0.2.4"""
    _, actions, held, include_state, is_built, name, _, _, described = body
    assert include_state is False and is_built is True and text(name) == "call"
    placeholders = Placeholders()
    state(held, placeholders)
    for code, (command, results) in actions[1]:
        assert code == 54 and command[0] == 6
        placeholders.act(*command[1], results)
    outputs = {}
    for number, (code, (again, tags, _)) in described[1]:
        assert code == 48 and number == again
        for tag in map(text, tags[1]):
            if tag.startswith("#output-"):
                outputs[int(tag[8:])] = placeholders[number]
    return [outputs[k] for k in range(len(outputs))]


def differ(ours, theirs, relative, absolute):
    if str(theirs.dtype) != f"torch.{ours[0]}":
        return f"{theirs.dtype}, csyft has {ours[0]}"
    if tuple(theirs.shape) != ours[1]:
        return f"{tuple(theirs.shape)}, csyft has {ours[1]}"
    mine = torch.frombuffer(bytearray(ours[2]), dtype=theirs.dtype).reshape(ours[1]) if ours[2] else theirs
    close = torch.isclose(mine.double(), theirs.detach().double(), rtol=max(relative, 1e-6), atol=max(absolute, 1e-6),
                          equal_nan=True)
    return None if bool(close.all()) else f"{theirs}, csyft has {mine}"


def main():
    bad = count = 0
    with open(sys.argv[1], "rb") as file:
        def piece():
            return file.read(struct.unpack("<I", file.read(4))[0])
        while head := file.read(4):
            line = file.read(struct.unpack("<I", head)[0]).decode()
            relative, absolute = struct.unpack("<dd", piece())
            new, old = (wire.unpack(piece()) for _ in range(2))
            assert new[0] == old[0] == 21 and len(new[1]) == 10 and len(old[1]) == 9
            expected = []
            for _ in range(struct.unpack("<Q", piece())[0]):
                dtype, dims = piece().decode(), piece()
                expected.append((dtype, struct.unpack(f"<{len(dims) // 8}q", dims), piece()))
            for run, body in ((run_new, new[1]), (run_old, old[1])):
                try:
                    results = run(body)
                    found = f"{len(results)} results, csyft has {len(expected)}" if len(results) != len(expected) else \
                        next(filter(None, (differ(o, t, relative, absolute) for o, t in zip(expected, results))), None)
                except Exception as error:  # pylint: disable=broad-except
                    if any(sentence in str(error) for sentence in TORCH_DEFECTS):
                        continue
                    found = f"{type(error).__name__}: {error}"
                if found:
                    bad += 1
                    print(f"{run.__name__}: {line[:200]}\n    {' '.join(found.split())[:300]}")
            count += 1
    print(f"{count} plans run with PyTorch, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
