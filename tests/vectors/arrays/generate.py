#!/usr/bin/python3
"""Answers of PyTorch (Debian's python3-torch) for dtype promotion and views.

promotion.txt: "<a> <b> <torch.promote_types(a, b)>", every pair.
views.txt:     "<op> <shape> <strides> <offset> <arguments> = <shape> <strides> <offset>" or "= error";
               lists are comma-separated, "-" is the empty list, "open" a bound that was left out.
Run in this folder; the same files come out every time.
"""
import random
import torch

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
POOL = torch.arange(1 << 14)  # storage big enough for every layout drawn below


def text(values):
    return ",".join("open" if v is None else str(v) for v in values) or "-"


def write_promotion():
    with open("promotion.txt", "w") as out:
        for a in NAMES:
            for b in NAMES:
                result = torch.promote_types(getattr(torch, a), getattr(torch, b))
                print(a, b, str(result).removeprefix("torch."), file=out)


def draw_layout(rng):
    """A layout reached by the usual means: permuted, stepped, with sizes 0 and 1 and expanded dims."""
    shape = [rng.choice([0, 1, 1, 2, 2, 3, 4, 6]) for _ in range(rng.randrange(0, 5))]
    if rng.random() < 0.7:
        shape = [max(s, 1) for s in shape]
    order = list(range(len(shape)))
    if rng.random() < 0.4:
        rng.shuffle(order)
    strides = [0] * len(shape)
    run = rng.choice([1, 1, 1, 2, 3])
    for d in reversed(order):
        strides[d] = run
        run *= max(shape[d], 1) * rng.choice([1, 1, 1, 1, 2])
        if rng.random() < 0.1:
            strides[d] = 0
        elif shape[d] == 1 and rng.random() < 0.4:
            strides[d] = rng.randrange(0, 20)
    return shape, strides, rng.randrange(0, 7)


def factors(rng, n):
    """A random shape of n elements, sometimes with a -1 or one wrong entry."""
    shape = []
    while n > 1 and len(shape) < 5:
        d = rng.choice([k for k in range(1, n + 1) if n % k == 0])
        shape.append(d)
        n //= d
    if n != 1 or not shape and rng.random() < 0.5:
        shape.append(n)
    rng.shuffle(shape)
    if shape and rng.random() < 0.3:
        shape[rng.randrange(len(shape))] = -1
    if shape and rng.random() < 0.1:
        shape[rng.randrange(len(shape))] = rng.randrange(-2, 7)
    return shape


def draw_call(rng, x):
    n = x.dim()
    dim = lambda: rng.randrange(-n - 1, n + 1)
    index = lambda: rng.randrange(-8, 9)
    bound = lambda: rng.choice([None, index(), index(), index(), 1 << 62, -(1 << 62)])
    op = rng.choice(["view", "view", "view", "transpose", "permute", "select", "slice", "expand",
                     "expand", "squeeze", "squeeze_all", "unsqueeze"])
    if op == "view":
        args = factors(rng, x.numel())
        return op, args, lambda: x.view(args)
    if op == "transpose":
        args = [dim(), dim()]
        return op, args, lambda: x.transpose(*args)
    if op == "permute":
        args = rng.sample(range(n), n)
        args = [d - n if rng.random() < 0.2 else d for d in args]
        if args and rng.random() < 0.1:
            args[rng.randrange(n)] = dim()
        return op, args, lambda: x.permute(args)
    if op == "select":
        args = [dim(), index()]
        return op, args, lambda: x.select(*args)
    if op == "slice":
        args = [dim(), bound(), bound(), rng.choice([0, 1, 1, 1, 2, 3, 7])]
        return op, args, lambda: torch.ops.aten.slice(x, *args)
    if op == "expand":
        lead = [rng.choice([0, 1, 1, 2, 5, -1]) for _ in range(rng.choice([0, 0, 1, 2]))]
        args = lead + [rng.choice([0, 3, 4]) if s == 1 and rng.random() < 0.7 else rng.choice([s, s, s, -1])
                       for s in x.shape]
        return op, args, lambda: x.expand(args)
    if op == "squeeze":
        args = [dim()]
        return op, args, lambda: x.squeeze(*args)
    if op == "squeeze_all":
        return op, [], x.squeeze
    args = [rng.randrange(-n - 2, n + 2)]
    return op, args, lambda: x.unsqueeze(*args)


def write_views():
    rng = random.Random(20130213)
    with open("views.txt", "w") as out:
        for _ in range(1500):
            shape, strides, offset = draw_layout(rng)
            x = torch.as_strided(POOL, shape, strides, offset)
            op, args, call = draw_call(rng, x)
            try:
                y = call()
                if min(y.shape, default=0) < 0:  # 1.13 passes on the -1 of a scalar's expand
                    raise RuntimeError
                result = f"{text(y.shape)} {text(y.stride())} {y.storage_offset()}"
            except (RuntimeError, IndexError):
                result = "error"
            print(op, text(shape), text(strides), offset, text(args), "=", result, file=out)


write_promotion()
write_views()
