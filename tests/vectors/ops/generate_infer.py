#!/usr/bin/python3
"""Shapes, dtypes and refusals of PyTorch 1.13 (Debian's python3-torch) for the rows of ops.def.

infer.txt, and infer/<subject>.txt drawn by infer/<subject>.py, each from a seed of its own: one call a line, "<name> <arguments> = <results>", or "= error". A name that ends in _ runs in
place. Arguments are bound as written, name=value by name. Tokens:
    float32[3,4]         a tensor of zeros; float32[3,4]{1,3} with these strides
    7  1.5  True  None   numbers and none;  :int64 a dtype;  'mean' a string
    (a|b|c)  ...         a list and an ellipsis;  <1,,2> a slice, parts may be left out
Where the shape depends on contents the result is "unknown".
Results that share storage with the first argument are followed by @<offset>{strides}.

Not drawn, because csyft refuses or counts on purpose where PyTorch 1.13 does not: products of bool or of two
dtypes without elements, softmax of integers without elements, several indices into a scalar, index_add with sources
that broadcast, nll_loss of C classes with C targets and with uint8 targets, class probabilities,
backward halves of softmax with unequal shapes, biases of linear that are not 1-d or of another dtype,
two ellipses, fill_ and zero_ of expanded tensors, int64 ranges that overflow.
infer/<subject>.py draw infer/<subject>.txt, each from a seed of its own, with the names below.
The same files come out every time.
"""
import pathlib
import random
import runpy
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).resolve().parent
aten = torch.ops.aten
POOL = torch.zeros(1 << 14, dtype=torch.float64)
DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64]
FLOATS = DTYPES[6:]
INTS = DTYPES[1:6]
R = random.Random(20231)


class Slice:
    def __init__(self, start, stop, step):
        self.start, self.stop, self.step = start, stop, step


def write(value):
    if isinstance(value, torch.Tensor):
        text = f"{write(value.dtype)[1:]}[{','.join(map(str, value.shape))}]"
        if not value.is_contiguous():
            text += "{" + ",".join(map(str, value.stride())) + "}"
        return text
    if isinstance(value, torch.dtype):
        return ":" + str(value).removeprefix("torch.")
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, (list, tuple)):
        return "(" + "|".join(map(write, value)) + ")"
    if isinstance(value, Slice):
        return f"<{','.join('' if v is None else str(v) for v in (value.start, value.stop, value.step))}>"
    return "..." if value is Ellipsis else repr(value)


def write_result(value, first):
    text = write(value.contiguous())
    if isinstance(first, torch.Tensor) and value.storage().data_ptr() == first.storage().data_ptr() and value.numel():
        text += f"@{value.storage_offset() - first.storage_offset()}{{{','.join(map(str, value.stride()))}}}"
    return text


VIEWS = set()  # names whose results are compared with their strides


def case(out, name, function, args, kwargs=None, call=None):
    """`call`: the arguments in PyTorch's own form, where it differs."""
    kwargs = kwargs or {}
    line = " ".join([name] + [write(a) for a in args] + [f"{k}={write(v)}" for k, v in kwargs.items()])
    try:
        result = function(*(args if call is None else call), **kwargs)
        results = [result] if isinstance(result, torch.Tensor) else list(result)
        first = args[0] if name in VIEWS else None
        line += " = " + " ".join(write_result(r, first) for r in results)
    except (RuntimeError, IndexError, ValueError):
        line += " = error"
    print(line.rstrip(), file=out)


def depends(out, name, function, args):
    """A call whose shape depends on contents."""
    try:
        function(*args)
        answer = "unknown"
    except (RuntimeError, IndexError, ValueError):
        answer = "error"
    print(name, *map(write, args), "=", answer, file=out)


# --- what is drawn -------------------------------------------------------------------------------------------------
def draw_shape(low=0, high=4, sizes=(0, 1, 1, 2, 2, 3, 3, 4)):
    shape = [R.choice(sizes) for _ in range(R.randint(low, high))]
    return [max(s, 1) for s in shape] if R.random() < 0.7 else shape


def tensor(shape, dtype):
    return torch.zeros(shape, dtype=dtype)


def draw(dtypes=DTYPES, low=0, high=4):
    return tensor(draw_shape(low, high), R.choice(dtypes))


def draw_like(shape):
    """A shape that usually broadcasts with `shape`."""
    other = [1 if R.random() < 0.3 else s for s in shape]
    if R.random() < 0.4:
        other = other[R.randint(0, len(other)):]
    if R.random() < 0.15:
        other = [R.choice([1, 2, 3])] + other
    if other and R.random() < 0.15:
        other[R.randrange(len(other))] = R.choice([0, 2, 3, 5])
    return other[:6]


def draw_number():
    return R.choice([R.randint(-3, 9), R.randint(0, 3), R.choice([0.5, -1.25, 2.0]), R.random() < 0.5])


def draw_layout(dtype=torch.float32):
    """A tensor that is permuted, stepped or expanded."""
    t = draw([dtype])
    if t.dim() > 1 and R.random() < 0.5:
        t = t.permute(R.sample(range(t.dim()), t.dim()))
    if t.dim() > 0 and R.random() < 0.2:
        t = t[::2]
    if t.dim() > 0 and t.shape[0] > 0 and R.random() < 0.15:
        t = t[:1].expand([3] + list(t.shape[1:]))
    return t


def some_dim(t, slack=1):
    n = max(t.dim(), 1)
    return R.randint(-n, n - 1) if R.random() < 0.85 else R.randint(-n - slack, n - 1 + slack)


def maybe_dtype(dtypes=DTYPES, chance=0.3):
    return {"dtype": R.choice(dtypes)} if R.random() < chance else {}


# --- the rows ------------------------------------------------------------------------------------------------------
def creation(out):
    for _ in range(30):
        size = draw_shape()
        if R.random() < 0.1:
            size.append(-1)
        for name in ("zeros", "ones"):
            case(out, name, getattr(torch, name), [size], maybe_dtype())
        for name in ("rand", "randn"):
            case(out, name, getattr(torch, name), [size], maybe_dtype())
        case(out, "full", torch.full, [size, draw_number()], maybe_dtype())
        low = R.choice([0, 0, -1, -128, -129, 250, 5])
        high = R.choice([1, 2, 3, 10, 127, 128, 129, 256, 257, 32768, 32769, 2**31, 2**31 + 1, 5])
        case(out, "randint", torch.randint, [low, high, size], maybe_dtype(chance=0.7))
        case(out, "randint", torch.randint, [high, size], maybe_dtype(chance=0.3))
        t = draw()
        for name in ("zeros_like", "ones_like"):
            case(out, name, getattr(torch, name), [t], maybe_dtype())
    case(out, "zeros", torch.zeros, [2, 3])
    case(out, "zeros", torch.zeros, [4], {"dtype": torch.int8})
    for n in (-1, 0, 1, 7):
        case(out, "randperm", torch.randperm, [n])
    for _ in range(150):
        kind = R.choice([int, float, None])
        numbers = [R.choice([-7, -2, -1, 0, 1, 2, 3, 5, 10]) for _ in range(R.randint(1, 3))]
        numbers = [float(v) + R.choice([0, 0.25, 0.5, 0.1]) if kind is float or (kind is None and R.random() < 0.4) else v
                   for v in numbers]
        case(out, "arange", torch.arange, numbers, maybe_dtype())
    for numbers in ([float("inf")], [0, float("nan")], [0, 1, 0.1], [2**40, 2**40 + 5], [0, 1, 0], [0, -0.0]):
        case(out, "arange", torch.arange, numbers)


def binary(out):
    functions = {n: getattr(torch, n) for n in
                 "add sub mul div pow eq ne lt le gt ge rsub maximum minimum".split()}
    for name, function in functions.items():
        for _ in range(45):
            a = draw()
            if R.random() < 0.4 and name not in ("maximum", "minimum"):
                b = draw_number()
            else:
                b = tensor(draw_like(a.shape), R.choice(DTYPES))
            kwargs = {"alpha": draw_number()} if name in ("add", "sub", "rsub") and R.random() < 0.25 else {}
            case(out, name, function, [a, b], kwargs)
            if name not in ("rsub", "maximum", "minimum"):
                if R.random() < 0.1 and a.dim() and a.shape[0] == 1:
                    a = a.expand([3] + list(a.shape[1:]))
                case(out, name + "_", getattr(torch.Tensor, name + "_"), [a, b], kwargs)
    for _ in range(80):
        a = draw()
        condition = tensor(draw_like(a.shape), torch.bool if R.random() < 0.9 else R.choice(DTYPES))
        b = draw_number() if R.random() < 0.3 else tensor(draw_like(a.shape), R.choice(DTYPES))
        a = draw_number() if R.random() < 0.2 else a
        case(out, "where", torch.where, [condition, a, b])
    for _ in range(25):
        a, b = draw(), None
        b = tensor(draw_like(a.shape), R.choice(DTYPES))
        case(out, "sigmoid_backward", aten.sigmoid_backward, [a, b])
        case(out, "tanh_backward", aten.tanh_backward, [a, b])
        if a.dtype != torch.bool and b.dtype != torch.bool:
            case(out, "threshold_backward", aten.threshold_backward, [a, b, 0])


def unary(out):
    for name in "neg abs sign exp log sqrt reciprocal sigmoid tanh relu".split():
        for dtype in DTYPES:
            t = tensor(draw_shape(), dtype)
            case(out, name, getattr(torch, name), [t])
            case(out, name + "_", getattr(torch.Tensor, name + "_"), [t])
    for _ in range(12):
        t = draw()
        case(out, "clone", torch.clone, [t])
        case(out, "to", torch.Tensor.to, [t, R.choice(DTYPES)])
        case(out, "fill_", torch.Tensor.fill_, [t, draw_number()])
        case(out, "zero_", torch.Tensor.zero_, [t])
    for _ in range(40):
        t = draw()
        case(out, "copy_", torch.Tensor.copy_, [t, tensor(draw_like(t.shape), R.choice(DTYPES))])


def reductions(out):
    overloads = {"sum": aten.sum.dim_IntList, "mean": aten.mean.dim}
    for name, function in overloads.items():
        for _ in range(90):
            t = draw(DTYPES if R.random() < 0.4 else FLOATS)
            dim = R.choice([None, [], some_dim(t), [some_dim(t) for _ in range(R.randint(1, 3))]])
            keepdim = R.random() < 0.5
            kwargs = maybe_dtype()
            torch_dim = [dim] if isinstance(dim, int) else dim
            case(out, name, function, [t, dim, keepdim], kwargs, [t, torch_dim, keepdim])
    for name in ("max", "min", "argmax", "argmin"):
        function = getattr(torch, name)
        for _ in range(60):
            t = draw(DTYPES[1:] if R.random() < 0.9 else DTYPES)
            if R.random() < 0.3:
                case(out, name, function, [t])
            else:
                case(out, name, function, [t, some_dim(t)], {"keepdim": True} if R.random() < 0.4 else {})
            if name.startswith("arg") and R.random() < 0.2:
                case(out, name, function, [t], {"keepdim": True})
    for _ in range(60):
        t = draw()
        case(out, "sum_to_size", torch.Tensor.sum_to_size, [t, draw_like(t.shape)])


def linear(out):
    numbers = [torch.float32] * 8 + DTYPES[1:]

    def pair():
        dtype = R.choice(numbers)
        return dtype, dtype if R.random() < 0.9 else R.choice(numbers)

    def inner():
        k = R.choice([0, 1, 2, 3, 4])
        return k, k if R.random() < 0.85 else k + 1

    for _ in range(160):
        (da, db), (ka, kb) = pair(), inner()
        batch = draw_shape(0, 2)
        a = batch + [R.choice([0, 1, 2, 3]), ka] if R.random() < 0.8 else [ka][: R.choice([1, 1, 1, 0])]
        b = draw_like(batch)[:3] + [kb, R.choice([0, 1, 2, 3])] if R.random() < 0.8 else [kb][: R.choice([1, 1, 1, 0])]
        case(out, "matmul", torch.matmul, [tensor(a, da), tensor(b, da if 0 in a + b else db)])
    for _ in range(50):
        (da, db), (ka, kb) = pair(), inner()
        rows, columns = R.choice([0, 1, 2, 3]), R.choice([0, 1, 2, 3])
        db = da if 0 in (rows, ka, kb, columns) else db
        a, b = tensor([rows, ka], da), tensor([kb, columns], db)
        if R.random() < 0.1:
            b = b[0] if b.shape[0] else b.unsqueeze(0)
        case(out, "mm", torch.mm, [a, b])
        target = [a.shape[0], b.shape[-1]] if b.dim() else [2]
        bias = tensor(draw_like(target), da if R.random() < 0.9 else db)
        case(out, "addmm", torch.addmm, [bias, a, b], {"beta": 2, "alpha": 3} if R.random() < 0.2 else {})
    for _ in range(60):
        (da, db), (ka, kb) = pair(), inner()
        features = R.choice([1, 2, 3])
        shape = draw_shape(0, 3) + [ka]
        x, w = tensor(shape, da), tensor([features, kb], da if 0 in shape + [kb] else db)
        if R.random() < 0.5:
            case(out, "linear", F.linear, [x, w])
        else:
            case(out, "linear", F.linear, [x, w, tensor([features if R.random() < 0.9 else features + 1], da)])
    case(out, "linear", F.linear, [tensor([3], torch.float32), tensor([3], torch.float32)])
    case(out, "linear", F.linear, [tensor([5, 3], torch.float32), tensor([3], torch.float32)])
    case(out, "linear", F.linear, [tensor([5, 3], torch.float32), tensor([1, 2, 3], torch.float32)])
    case(out, "linear", F.linear, [tensor([], torch.float32), tensor([2, 3], torch.float32)])


def factor(n):
    shape = []
    while n > 1 and R.random() < 0.8:
        d = R.choice([d for d in range(2, n + 1) if n % d == 0])
        shape.append(d)
        n //= d
    shape.append(n)
    R.shuffle(shape)
    return shape


def views(out):
    VIEWS.update("view reshape flatten t transpose permute expand squeeze unsqueeze select slice narrow detach chunk "
                 "split unbind index".split())
    for _ in range(80):
        t = draw_layout()
        shape = factor(t.numel()) if t.numel() > 0 else draw_shape()
        if shape and R.random() < 0.3:
            shape[R.randrange(len(shape))] = -1
        elif R.random() < 0.2:
            shape.insert(R.randint(0, len(shape)), R.choice([1, 1, 2, -1, 0]))
        case(out, "view", torch.Tensor.view, [t, shape])
        case(out, "reshape", torch.Tensor.reshape, [t, shape])
        t = draw_layout()
        case(out, "flatten", torch.flatten, [t] if R.random() < 0.3 else [t, some_dim(t), some_dim(t)])
    for _ in range(30):
        t = draw_layout()
        case(out, "t", torch.t, [t])
        case(out, "transpose", torch.transpose, [t, some_dim(t), some_dim(t)])
        dims = R.sample(range(t.dim()), t.dim())
        dims = [d - t.dim() if R.random() < 0.3 else d for d in dims]
        if dims and R.random() < 0.2:
            dims[0] = R.choice([dims[-1], t.dim(), 0])
        if dims and R.random() < 0.1:
            dims.pop()
        case(out, "permute", torch.permute, [t, dims])
        shape = [R.choice([-1, s]) if s != 1 else R.choice([1, 2, 3, -1, 0]) for s in t.shape]
        if R.random() < 0.4:
            shape.insert(0, R.choice([1, 2, 3, 0, -1]))
        if shape and R.random() < 0.15:
            shape[R.randrange(len(shape))] = R.choice([0, 2, 5, -2])
        case(out, "expand", torch.Tensor.expand, [t, shape])
        case(out, "squeeze", torch.squeeze, [t] if R.random() < 0.3 else [t, some_dim(t)])
        case(out, "unsqueeze", torch.unsqueeze, [t, R.randint(-t.dim() - 2, t.dim() + 1)])
        case(out, "detach", torch.Tensor.detach, [t])
    for _ in range(50):
        t = draw_layout()
        dim = some_dim(t)
        case(out, "select", torch.select, [t, dim, R.randint(-4, 4)])
        bounds = [R.choice([None, R.randint(-6, 6)]) for _ in range(2)]
        case(out, "slice", aten.slice, [t, dim, *bounds, R.choice([1, 1, 2, 3, 0, -1])])
        case(out, "narrow", torch.narrow, [t, dim, R.randint(-4, 4), R.randint(-1, 4)])
        case(out, "chunk", torch.chunk, [t, R.randint(-1, 5), dim])
        case(out, "split", torch.split, [t, R.choice([-1, 0, 1, 2, 3, 100]), dim])
        case(out, "unbind", torch.unbind, [t, dim])
    case(out, "split", torch.split, [tensor([7], torch.float32), 2**63 - 1])
    case(out, "chunk", torch.chunk, [tensor([7], torch.float32), 2**62])


def indexing(out):
    def to_torch(item):
        return slice(item.start, item.stop, item.step) if isinstance(item, Slice) else item

    for _ in range(400):
        t = draw_layout()
        simple = R.random() < 0.4
        index, left, dots = [], t.dim() + (R.random() < 0.05), False
        base = draw_shape(0, 2, (0, 1, 2, 2, 3))
        while left > 0 and R.random() < 0.85:
            kind = R.choice("iiss" if simple else "iissttlnb0m")
            kind = R.choice("n.") if R.random() < 0.2 else kind
            size = t.shape[t.dim() - left] if left <= t.dim() else 0
            if kind == "i":
                index.append(R.randint(-size, max(size - 1, 0)) if R.random() < 0.9 else R.randint(-5, 5))
            elif kind == "s":
                index.append(Slice(R.choice([None, R.randint(-4, 4)]), R.choice([None, R.randint(-4, 4)]),
                                   R.choice([1, 1, 1, 2, 3])))
            elif kind == "t":
                index.append(tensor(draw_like(base)[:2], torch.int64 if R.random() < 0.95 else R.choice(INTS[1:] + FLOATS)))
            elif kind == "0" and size > 0:
                index.append(tensor([], R.choice(INTS[1:])))
            elif kind == "l" and size > 0:
                index.append([R.randint(-size, size - 1) for _ in range(R.randint(1, 3))])
            elif kind == "m" and size > 0:
                index.append([R.random() < 0.5 for _ in range(size)])
            elif kind == "b" and R.random() < 0.3:
                index.append(R.random() < 0.5)
                left += 1
            elif kind == "n":
                index.append(None)
                left += 1
            elif kind == "." and not dots:
                index.append(...)
                left, dots = R.randint(0, left), True
                left += 1
            left -= 1
        index = index[:6]
        case(out, "index", lambda t, i: t[i], [t, index], call=[t, tuple(to_torch(i) for i in index)])
    for _ in range(60):
        t = draw(low=1)
        dim, count = some_dim(t), R.choice([0, 1, 2, 5])
        if -t.dim() <= dim < t.dim() and t.shape[dim] == 0:
            count = 0
        index = tensor([count], torch.int64 if R.random() < 0.8 else R.choice(DTYPES))
        index = tensor([1, 2], torch.int64) if R.random() < 0.05 else index
        case(out, "index_select", torch.index_select, [t, dim, index])
        if -t.dim() <= dim < t.dim() and t.numel() > 0:
            shape = list(t.shape)
            shape[dim] = count if R.random() < 0.9 else count + 1
            source = tensor(shape, t.dtype if R.random() < 0.9 else R.choice(DTYPES))
            if count > 0 and t.dtype != torch.bool:
                case(out, "index_add", torch.index_add, [t, dim, index, source])
                case(out, "index_add_", torch.Tensor.index_add_, [t, dim, index, source])


def joining(out):
    for _ in range(150):
        shape, count = draw_shape(0, 3), R.randint(1, 4)
        dim = R.randint(-len(shape) - 1, len(shape))
        wild = R.random() < 0.3
        items = []
        for _ in range(count):
            s = list(shape)
            if s and R.random() < 0.7:
                s[dim % len(s)] = R.choice([0, 1, 2, 3])
            if s and wild and R.random() < 0.3:
                s[R.randrange(len(s))] = R.choice([0, 1, 2])
            s = [0] if R.random() < 0.1 else s
            items.append(tensor(s, R.choice(DTYPES) if R.random() < 0.5 else torch.float32))
        case(out, "cat", torch.cat, [items, dim])
        items = [tensor(shape if R.random() < 0.9 else draw_like(shape), i.dtype) for i in items]
        case(out, "stack", torch.stack, [items, dim])
    for name in ("cat", "stack"):
        case(out, name, getattr(torch, name), [[]])
    for dim in (0, 3, -3):
        case(out, "cat", torch.cat, [[tensor([0], torch.int8), tensor([0], torch.int64)], dim])


def networks(out):
    for _ in range(40):
        t = draw(FLOATS)
        for name in ("softmax", "log_softmax"):
            case(out, name, getattr(torch, name), [t, some_dim(t)], maybe_dtype(FLOATS))
        s = tensor([R.choice([1, 2, 3])] * R.randint(0, 2), R.choice(DTYPES[:6]))
        case(out, "softmax", torch.softmax, [s, some_dim(s)], maybe_dtype())
        for name in ("_softmax_backward_data", "_log_softmax_backward_data"):
            other = tensor(t.shape, t.dtype if R.random() < 0.9 or t.numel() == 0 else R.choice(FLOATS))
            dim = some_dim(t)
            case(out, name, getattr(aten, name), [t, other, dim], call=[t, other, dim, t.dtype])
    for _ in range(60):
        n, c = R.choice([0, 1, 2, 3]), R.choice([1, 2, 4])
        s = tensor([n, c] if R.random() < 0.7 else [c], R.choice(FLOATS) if R.random() < 0.9 else torch.int64)
        target = tensor([n + (R.random() < 0.1)] if s.dim() == 2 else [], torch.int64 if R.random() < 0.9 else torch.int32)
        reduction = R.choice(["none", "mean", "sum", "median"])
        if target.numel() > 0:
            case(out, "nll_loss", F.nll_loss, [s, target], {"reduction": reduction})
            case(out, "cross_entropy", F.cross_entropy, [s, target], {"reduction": reduction})
            if s.dtype != torch.int64 and target.dtype == torch.int64 and target.numel() == n and s.dim() == 2 and reduction != "median":
                grad = F.nll_loss(s, target, reduction=reduction)
                grad = tensor([n + 1], s.dtype) if R.random() < 0.2 else tensor(grad.shape, s.dtype)
                number = ["none", "mean", "sum"].index(reduction)
                case(out, "nll_loss_backward", aten.nll_loss_backward, [grad, s, target, reduction],
                     call=[grad, s, target, None, number, -100, torch.tensor(1.0, dtype=s.dtype)])
        a = draw(FLOATS if R.random() < 0.7 else DTYPES)
        b = tensor(draw_like(a.shape), R.choice(FLOATS if R.random() < 0.7 else DTYPES))
        case(out, "mse_loss", F.mse_loss, [a, b], {"reduction": reduction})
    for _ in range(60):
        sizes = draw_shape(0 if R.random() < 0.05 else 1, 3)
        t = torch.zeros(sizes)
        dim, index = some_dim(t), R.randint(-3, 3)
        bounds = [R.choice([None, R.randint(-4, 4)]), R.choice([None, R.randint(-4, 4)]), R.choice([1, 1, 2])]
        try:
            part, piece = t.select(dim, index).shape, aten.slice(t, dim, *bounds).shape
        except (IndexError, RuntimeError):
            part, piece = draw_shape(), draw_shape()
        grad = tensor(part if R.random() < 0.7 else draw_like(part), R.choice(FLOATS))
        case(out, "select_backward", aten.select_backward, [grad, sizes, dim, index])
        grad = tensor(piece if R.random() < 0.7 else draw_like(piece), R.choice(FLOATS))
        start, end = bounds[0] or 0, 2**63 - 1 if bounds[1] is None else bounds[1]
        case(out, "slice_backward", aten.slice_backward, [grad, sizes, dim, *bounds],
             call=[grad, sizes, dim, start, end, bounds[2]])


HELPERS = {name: value for name, value in globals().items() if not name.startswith("__")}


def main():
    torch.manual_seed(0)
    with open(HERE / "infer.txt", "w") as out:
        for part in (creation, binary, unary, reductions, linear, views, indexing, joining, networks):
            part(out)
    for script in sorted((HERE / "infer").glob("*.py")):
        R.seed(script.stem)
        with open(HERE / "infer" / f"{script.stem}.txt", "w") as out:
            runpy.run_path(str(script), init_globals={"out": out, **HELPERS})


if __name__ == "__main__":
    main()
