#!/usr/bin/python3
"""What PyTorch 1.13 (Debian's python3-torch) computes for the rows of ops.def that have a kernel.

kernels.txt: one call a line, "<name> ~<relative>,<absolute> <arguments> = <results>". A name that ends in
_ runs in place and its result is the first argument afterwards. Every parameter of the row is written.
Tokens:
    float32[3,4]{1,3}@2:v,v,...   a tensor: shape, strides, offset, then the whole storage
    float32[3,4]:v,v,...          the same packed; results are always packed
    7  1.5  True  None            numbers and none;  :int64 a dtype;  'mean' a string
    (a|b|c)                       a list
The tolerance is for floating results; all others are equal. Where both are 0, floats are equal, too.
Tensors come packed, permuted, cut out of larger ones and expanded; floats with NaN, infinities and
extremes, integers with both ends of their range, unless PyTorch leaves the answer open there.

Where csyft differs on purpose, nothing is drawn: comparison of small integers with numbers that they cannot
hold (PyTorch wraps the number), powers 0.5 of infinities, casts of floats beyond the integer's range.

Run in this folder; the same file comes out every time. The long sweep (script "sweep") draws others:
    generate_kernels.py <seed> <repetitions> > file; CSYFT_KERNEL_VECTORS=file <test program>
"""
import math
import random
import sys
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
aten = torch.ops.aten
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
FLOATS = [torch.float32, torch.float64]
NUMBERS = INTS + FLOATS
ALL = [torch.bool] + NUMBERS
SHAPES = [[], [1], [5], [3, 4], [2, 3, 2], [1, 4], [3, 1], [0], [2, 0, 3], [2, 1, 2, 2]]

R = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1913)
REPEAT = int(sys.argv[2]) if len(sys.argv) > 2 else 1
out = sys.stdout if len(sys.argv) > 1 else open("kernels.txt", "w")

# Relative and absolute tolerance of floating results: (float32, float64). Rows not named are exact.
ROUNDED = ((5e-7, 1e-37), (1e-15, 1e-300))  # one more or one less rounding
SCALED = ((5e-7, 1e-5), (1e-15, 1e-14))  # a + alpha b may be fused, of elements up to about 30
FUNCTION = ((3e-6, 1e-37), (1e-14, 1e-300))  # functions of the mathematical library
SUMMED = ((2e-6, 2e-6), (1e-14, 1e-14))  # sums in another order, of elements up to about 8
TOLERANCES = {
    **dict.fromkeys("pow div reciprocal sqrt".split(), ROUNDED),
    "sgd_": SCALED,
    **dict.fromkeys("exp log sigmoid tanh".split(), FUNCTION),
    **dict.fromkeys(
        "sum mean sum_to_size softmax log_softmax nll_loss mse_loss sigmoid_backward tanh_backward "
        "_softmax_backward_data _log_softmax_backward_data nll_loss_backward matmul mm addmm arange".split(), SUMMED),
}


def write_number(value, dtype):
    if dtype == torch.bool:
        return str(int(value))
    if not dtype.is_floating_point:
        return str(value)
    if value == int(value) if math.isfinite(value) else False:
        if abs(value) < 1e6 and not (value == 0 and math.copysign(1, value) < 0):
            return str(int(value))
    if dtype == torch.float32 and math.isfinite(value):
        for digits in range(1, 10):
            text = f"{value:.{digits}g}"
            if torch.tensor(float(text), dtype=torch.float32).item() == value:
                return text
    return repr(value)


def write(value):
    if isinstance(value, torch.Tensor):
        text = f"{write(value.dtype)[1:]}[{','.join(map(str, value.shape))}]"
        values = value.storage().tolist() if value.numel() else []
        if not value.is_contiguous() or value.storage_offset() or len(values) != value.numel():
            text += "{" + ",".join(map(str, value.stride())) + "}@" + str(value.storage_offset())
        return text + ":" + ",".join(write_number(v, value.dtype) for v in values)
    if isinstance(value, torch.dtype):
        return ":" + str(value).removeprefix("torch.")
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, (list, tuple)):
        return "(" + "|".join(map(write, value)) + ")"
    return repr(value)


def pack(tensor):
    """Also for arguments: the backward halves of softmax read beyond an argument that is not packed."""
    return tensor.clone(memory_format=torch.contiguous_format)


def emit(name, args, results):
    results = [pack(r) for r in (results if isinstance(results, (list, tuple)) else [results])]
    row = name if name in TOLERANCES else name.rstrip("_")
    single, double = TOLERANCES.get(row, ((0, 0), (0, 0)))
    if row in ("add", "sub", "rsub") and args[2] != 1:
        single, double = SCALED
    relative, absolute = double if results[0].dtype == torch.float64 else single
    print(name, f"~{relative:g},{absolute:g}", *map(write, args), "=", *map(write, results), file=out)


def unhurt_by_sleef(count):
    """PyTorch's pow of the largest doubles is not theirs."""
    return [R.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1, -1, 1e-3, 1e20, *[R.gauss(0, 3)] * 8]) for _ in range(count)]


def draw_values(count, dtype, wild):
    if dtype == torch.bool:
        return [R.random() < 0.5 for _ in range(count)]
    if dtype.is_floating_point:
        usual = [R.choice([R.randint(-32, 32) / 8, round(R.gauss(0, 2), 3)]) for _ in range(count)]
        if wild == "not huge":  # csyft's sums in double do not overflow on the way
            return [R.choice([math.nan, math.inf, -math.inf, -0.0]) if R.random() < 0.1 else v for v in usual]
        huge = torch.finfo(dtype).max
        extremes = [math.nan, math.inf, -math.inf, -0.0, 0.0, huge, -huge, torch.finfo(dtype).tiny, 1e-3, 1e20]
        return [R.choice(extremes) if wild and R.random() < 0.3 else v for v in usual]
    low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
    return [R.choice([low, high, low + 1, high - 1, 0]) if wild and R.random() < 0.3 else R.randint(max(low, -9), 9)
            for _ in range(count)]


def draw(shape, dtype, wild=False, layout=None, values=None):
    """A tensor in one of the layouts that views make, its storage filled beyond the view, too."""
    layout = layout or R.choice(["packed", "packed", "permuted", "cut", "expanded"])
    ndim = len(shape)
    if layout == "permuted" and ndim > 1:
        order = list(range(ndim))
        R.shuffle(order)
        base = torch.zeros([shape[d] for d in order], dtype=dtype)
        tensor = base.permute([order.index(d) for d in range(ndim)])
    elif layout == "cut" and ndim > 0:
        base = torch.zeros([2 * s + 1 if d == ndim - 1 else s + 1 for d, s in enumerate(shape)], dtype=dtype)
        tensor = base[tuple(slice(1, None, 2) if d == ndim - 1 else slice(1, None) for d in range(ndim))]
    elif layout == "expanded" and ndim > 0:
        kept = [s if R.random() < 0.5 else 1 for s in shape]
        base = torch.zeros(kept, dtype=dtype)
        tensor = base.expand(shape)
    else:
        base = tensor = torch.zeros(shape, dtype=dtype)
    if base.numel():
        drawn = values(base.numel()) if values else draw_values(base.numel(), dtype, wild)
        base.view(-1).copy_(torch.tensor(drawn, dtype=torch.float64 if dtype.is_floating_point else torch.int64).to(dtype))
    assert list(tensor.shape) == list(shape)
    return tensor


def draw_shape():
    return list(R.choice(SHAPES))


def draw_partner(shape):
    """A shape that broadcasts with `shape`."""
    other = [s if R.random() < 0.7 else 1 for s in shape]
    return other[R.randint(0, len(other)):] if R.random() < 0.4 else other


def draw_scalar(dtype=None):
    return R.choice([3, -2, 1.5, 0.25, 0, True]) if dtype is None or dtype.is_floating_point else R.choice([3, 2, 0, True])


def attempt(name, args, function):
    """Emits the call, or nothing when PyTorch refuses it (generate_infer.py has the refusals)."""
    try:
        results = function(*args)
    except (RuntimeError, TypeError, IndexError):
        return
    emit(name, args, results)


def attempt_inplace(name, args, function):
    """The same call with the result stored in the first argument, cast as PyTorch would."""
    self = args[0]
    try:
        result = function(*args)
    except (RuntimeError, TypeError, IndexError):
        return
    overlaps = any(s == 0 and n > 1 for s, n in zip(self.stride(), self.shape))
    if not overlaps and result.shape == self.shape and torch.can_cast(result.dtype, self.dtype):
        emit(name + "_", args, pack(result).to(self.dtype))


def both(name, args, function, inplace=True):
    attempt(name, args, function)
    if inplace and R.random() < 0.5:
        attempt_inplace(name, args, function)


def times(count):
    return range(count * REPEAT)


# --- creation ---
for _ in times(6):
    shape, dtype = draw_shape(), R.choice([None] + ALL)
    emit("zeros", [shape, dtype], torch.zeros(shape, dtype=dtype))
    emit("ones", [shape, dtype], torch.ones(shape, dtype=dtype))
    value = R.choice([7, 1.5, True, 0])
    emit("full", [shape, value, dtype], torch.full(shape, value, dtype=dtype))
    like = draw(draw_shape(), R.choice(ALL))
    emit("zeros_like", [like, dtype], torch.zeros_like(like, dtype=dtype))
    emit("ones_like", [like, dtype], torch.ones_like(like, dtype=dtype))
for _ in times(24):
    start, step = R.choice([0, 2, -3, 0.5, -1.25]), R.choice([1, 2, 0.5, -1, -0.75])
    end = start + step * R.randint(0, 9) + R.choice([0, step / 2])
    end = int(end) if isinstance(start, int) and isinstance(step, int) else end
    attempt("arange", [start, end, step, R.choice([None, None, torch.float32, torch.float64, torch.int64, torch.int16])],
            lambda a, b, c, d: torch.arange(a, b, c, dtype=d))

# --- two operands ---
OPERATIONS = {
    "mul": torch.mul, "div": torch.div, "maximum": torch.maximum, "minimum": torch.minimum, "pow": torch.pow,
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
}
NO_INPLACE = {"maximum", "minimum", "rsub"}


def is_open(name, args):
    """Where PyTorch's own answer depends on the path it takes."""
    if name == "pow":
        base, exponent = args
        if not isinstance(exponent, torch.Tensor):
            return exponent in (0.5, -0.5, True) or base.dtype == torch.bool
        return base.dtype == torch.bool
    return False


def draw_operands(name, mixed):
    shape = draw_shape()
    a = draw(shape, R.choice(ALL), wild=not mixed)
    kind = R.random()
    if kind < 0.3:
        scalar = draw_scalar(None if name not in ("pow", "maximum", "minimum") else a.dtype)
        if name in ("maximum", "minimum"):
            return a, draw([], a.dtype)
        if a.dtype == torch.uint8 and scalar == -2:
            scalar = 2
        return a, scalar
    dtype = R.choice(ALL) if mixed else a.dtype
    return a, draw(draw_partner(shape) if R.random() < 0.6 else shape, dtype, wild=not mixed)


for name, function in OPERATIONS.items():
    for i in times(26):
        args = list(draw_operands(name, mixed=i % 2 == 1))
        if name == "pow" and isinstance(args[1], torch.Tensor) and not args[0].dtype.is_floating_point:
            args[1] = draw(list(args[1].shape), args[1].dtype, values=lambda n: [R.randint(0 if args[1].dtype == torch.uint8 else -3, 6) for _ in range(n)])
        if name == "pow" and args[0].dtype.is_floating_point:
            args[0] = draw(list(args[0].shape), args[0].dtype, values=unhurt_by_sleef)
        if not is_open(name, args):
            both(name, args, function, name not in NO_INPLACE)
for exponent in [2, 3, -1, -2, 0.5, 0, 1, 2.5, 2.0]:
    for dtype in FLOATS + [torch.int32]:
        both("pow", [draw([2, 3], dtype, wild=exponent != 0.5), exponent], torch.pow)
for name, function in {"add": lambda a, b, c: torch.add(a, b, alpha=c), "sub": lambda a, b, c: torch.sub(a, b, alpha=c),
                       "rsub": lambda a, b, c: torch.rsub(a, b, alpha=c)}.items():
    for i in times(36):
        a, b = draw_operands(name, mixed=i % 2 == 1)
        alpha = R.choice([1, 1, 2, -3, 0.5]) if a.dtype.is_floating_point else R.choice([1, 1, 2, 3])
        alpha = alpha if i % 2 else 1  # whether alpha b overflows depends on fusion
        both(name, [a, b, alpha], function, name not in NO_INPLACE)
for i in times(24):
    shape = draw_shape()
    a = draw(draw_partner(shape), R.choice(ALL), wild=True)
    b = draw(shape, a.dtype if i % 2 else R.choice(ALL), wild=True)
    pair = R.choice([(a, b), (a, 2), (1.5, b), (a, True)])
    attempt("where", [draw(shape, R.choice([torch.bool, torch.bool, torch.uint8])), *pair], torch.where)

# --- one operand ---
UNARY = {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
    "reciprocal": torch.reciprocal, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu,
}
for name, function in UNARY.items():
    for dtype in ALL + FLOATS:
        for _ in times(2):
            if name == "abs" and dtype == torch.bool:
                continue
            both(name, [draw(draw_shape(), dtype, wild=True)], function)
for dtype in ALL:
    for _ in times(2):
        emit("clone", [t := draw(draw_shape(), dtype, wild=True)], t)
    for to in ALL:
        wild = dtype.is_floating_point == to.is_floating_point or not dtype.is_floating_point or to == torch.bool
        if dtype.is_floating_point and not to.is_floating_point and to != torch.bool:
            t = draw(draw_shape(), dtype, values=lambda n: [R.randint(0, 500) / 4 for _ in range(n)])
        else:
            t = draw(draw_shape(), dtype, wild=wild)
        emit("to", [t, to], t.to(to))

# --- in place only ---
for i in times(30):
    shape = draw_shape()
    to, source = draw(shape, R.choice(ALL), layout=R.choice(["packed", "permuted", "cut"])), None
    dtype = to.dtype if i % 2 else R.choice(ALL)
    wild = not (dtype.is_floating_point and not to.dtype.is_floating_point)
    positive = lambda n: [R.randint(0, 500) / 4 for _ in range(n)]
    source = draw(draw_partner(shape), dtype, wild=wild, values=None if wild else positive)
    emit("copy_", [to, source], source.to(to.dtype).expand(shape))
    value = R.choice([3, 2.5, True, 0])
    emit("fill_", [to, value], torch.full(shape, value, dtype=torch.float64).to(to.dtype))
    emit("zero_", [to], torch.zeros_like(to))
    if to.dtype.is_floating_point:
        rate = R.choice([0.5, 0.1, 1e-3])
        attempt("sgd_", [to, draw(draw_partner(shape), R.choice(FLOATS)), rate], lambda a, g, r: torch.add(a, g.to(a.dtype), alpha=-r))

# --- reductions ---
def draw_dims(ndim):
    if ndim == 0 or R.random() < 0.3:
        return R.choice([None, []])
    dims = R.sample(range(ndim), R.randint(1, ndim))
    return [d - ndim if R.random() < 0.3 else d for d in dims]


def reduce_all(function):
    def call(x, dims, keepdim, dtype):
        dims = list(range(x.ndim)) if not dims else dims
        return function(x, dims, keepdim, dtype=dtype)
    return call


REDUCED = SHAPES + [[4, 3, 2], [2, 3, 4, 2], [7, 5]]
for i in times(70):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.choice([False, False, "not huge"]))
    dims, keepdim = draw_dims(x.ndim), R.random() < 0.4
    dtype = R.choice([None, None, None, torch.float64, torch.float32, torch.int64])
    if x.dtype.is_floating_point == (dtype == torch.int64):
        dtype = None
    attempt("sum", [x, dims, keepdim, dtype], reduce_all(torch.sum))
    y = draw(list(R.choice(REDUCED)), R.choice(FLOATS), wild=R.choice([False, False, "not huge"]))
    attempt("mean", [y, draw_dims(y.ndim), keepdim, R.choice([None, None, torch.float64])], reduce_all(torch.mean))
for dtype in [torch.int32, torch.uint8, torch.bool]:
    x = draw([3, 4], R.choice(NUMBERS), values=lambda n: [R.randint(0, 40) / 8 for _ in range(n)])
    emit("sum", [x, [1], False, dtype], x.to(dtype).sum(1, dtype=torch.int64).to(dtype))
for i in times(40):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.random() < 0.4)
    dim = None if x.ndim == 0 or R.random() < 0.3 else R.randint(-x.ndim, x.ndim - 1)
    for name, function in {"max": torch.max, "min": torch.min}.items():
        if dim is None:
            attempt(name, [x, None, False], lambda t, d, k: function(t))
        else:
            attempt(name, [x, dim, R.random() < 0.4], lambda t, d, k: tuple(function(t, d, k)))
    for name, function in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
        x = draw(list(x.shape), torch.int32) if x.dtype == torch.bool else x  # refused, but not always
        attempt(name, [x, dim, dim is not None and R.random() < 0.4], lambda t, d, k: function(t, d, k))
for _ in times(14):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL))
    size = [1 if R.random() < 0.5 else s for s in x.shape][R.randint(0, x.ndim):] if x.ndim else []
    attempt("sum_to_size", [x, size], lambda t, s: t.sum_to_size(s))

# --- linear algebra ---
def quarters(n):
    return [R.randint(-16, 16) / 4 for _ in range(n)]


def draw_matrix(shape, dtype):
    return draw(shape, dtype, values=quarters if dtype.is_floating_point else None)


for dtype in NUMBERS:
    for a, b in [([2, 3], [3, 4]), ([3], [3]), ([2, 3], [3]), ([3], [3, 2]), ([2, 2, 3], [3, 2]), ([2, 2, 3], [3]),
                 ([2, 1, 2, 3], [3, 3, 2]), ([2, 3], [2, 3, 2]), ([4, 0], [0, 3]), ([0, 2], [2, 3]), ([1, 5], [5, 1]),
                 ([9, 10], [10, 11]), ([3], [2, 3, 2]), ([17, 9], [9, 18])]:
        attempt("matmul", [draw_matrix(a, dtype), draw_matrix(b, dtype)], torch.matmul)
    for n, k, m in [(2, 3, 4), (1, 4, 1), (5, 1, 2), (2, 0, 2)]:
        attempt("mm", [draw_matrix([n, k], dtype), draw_matrix([k, m], dtype)], torch.mm)
        bias = draw_matrix(R.choice([[n, m], [m], [1, m], [n, 1], []]), dtype)
        beta, alpha = R.choice([(1, 1), (2, 3), (0, 1), (0.5, -1.5) if dtype.is_floating_point else (1, 2)])
        attempt("addmm", [bias, draw_matrix([n, k], dtype), draw_matrix([k, m], dtype), beta, alpha],
                lambda c, a, b, f, g: torch.addmm(c, a, b, beta=f, alpha=g))
emit("addmm", [torch.full([2, 2], math.nan), torch.ones(2, 1), torch.ones(1, 2), 0, 1], torch.ones(2, 2))

# --- shapes that need a copy ---
for _ in times(12):
    x = draw([2, 3, 4], R.choice(ALL), layout="permuted", wild=True)
    emit("reshape", [x, s := R.choice([[24], [4, 6], [3, -1], [2, 2, 6]])], x.reshape(s))
    emit("flatten", [x, a := R.choice([0, 1]), b := R.choice([1, 2, -1])], x.flatten(a, b))

# --- indices ---
def draw_index(count, size):
    return draw([count], R.choice([torch.int64, torch.int64, torch.int32]), values=lambda n: [R.randrange(size) for _ in range(n)])


for i in times(24):
    x = draw(R.choice([[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]), R.choice(ALL), wild=True)
    dim = R.randint(-x.ndim, x.ndim - 1)
    index = draw_index(R.choice([0, 1, 3, 6]), x.shape[dim])
    attempt("index_select", [x, dim, index], lambda t, d, i: torch.index_select(t, d, i))
    y = draw(list(x.shape), R.choice(ALL))
    shape = list(x.shape)
    shape[dim] = len(index)
    both("index_add", [y, dim, index, draw(shape, y.dtype)], lambda t, d, i, s: torch.index_add(t, d, i, s))
scalar = torch.tensor(3.5)
emit("index_select", [scalar, 0, torch.tensor([0])], scalar)
emit("index_add", [scalar, 0, torch.tensor([0]), torch.tensor(2.0)], scalar + 2)

# --- joining ---
for i in times(20):
    ndim = R.randint(1, 3)
    base, dim = [R.randint(1, 3) for _ in range(ndim)], R.randint(-ndim, ndim - 1)
    dtype = R.choice(ALL)
    shapes = [[R.randint(0, 3) if d == dim % ndim else s for d, s in enumerate(base)] for _ in range(R.randint(1, 3))]
    tensors = [draw(s, dtype if i % 2 else R.choice(ALL)) for s in shapes] + ([draw([0], dtype)] if R.random() < 0.2 else [])
    attempt("cat", [tensors, dim], lambda t, d: torch.cat(t, d))
    tensors = [draw(base, dtype, wild=True) for _ in range(R.randint(1, 3))]
    attempt("stack", [tensors, R.randint(-ndim - 1, ndim)], lambda t, d: torch.stack(t, d))
emit("stack", [[torch.tensor(1), torch.tensor(2)], 0], torch.tensor([1, 2]))

# --- neural networks ---
for i in times(20):
    x = draw(list(R.choice(REDUCED)), R.choice(FLOATS), wild=i % 5 == 4 and "not huge")
    dim = R.randint(-x.ndim, x.ndim - 1) if x.ndim else R.choice([0, -1])
    dtype = R.choice([None, None, torch.float64])
    attempt("softmax", [x, dim, dtype], lambda t, d, y: torch.softmax(t, d, dtype=y))
    attempt("log_softmax", [x, dim, dtype], lambda t, d, y: torch.log_softmax(t, d, dtype=y))
    g, y = draw(list(x.shape), x.dtype), draw(list(x.shape), x.dtype, values=lambda n: [R.random() for _ in range(n)])
    attempt("_softmax_backward_data", [g, y, dim], lambda a, b, d: aten._softmax_backward_data(pack(a), pack(b), d, b.dtype))
    attempt("_log_softmax_backward_data", [g, y, dim], lambda a, b, d: aten._log_softmax_backward_data(pack(a), pack(b), d, b.dtype))
emit("softmax", [torch.tensor([[1000.0, 1000.0, -1000.0], [-1e38, 0.0, 1e38]]), 1, None],
     torch.softmax(torch.tensor([[1000.0, 1000.0, -1000.0], [-1e38, 0.0, 1e38]]), 1))
emit("log_softmax", [x := torch.tensor([[1e4, 0.0, -1e4], [-math.inf, 0.0, 1.0]]), 1, None], torch.log_softmax(x, 1))
for i in times(18):
    classes, rows = R.randint(1, 5), R.choice([0, 1, 4, 7])
    scores = draw([rows, classes] if i % 4 else [classes], R.choice(FLOATS))
    target = draw([rows] if i % 4 else [], torch.int64, values=lambda n: [R.randrange(classes) for _ in range(n)])
    reduction = R.choice(["none", "mean", "sum"])
    attempt("nll_loss", [scores, target, reduction], lambda s, t, r: F.nll_loss(s, t, reduction=r))
    g = draw(list(target.shape) if reduction == "none" else [], scores.dtype)
    code = ["none", "mean", "sum"].index(reduction)
    weight = torch.tensor(float(max(target.numel(), 1)), dtype=scores.dtype)
    attempt("nll_loss_backward", [g, scores, target, reduction],
            lambda a, s, t, r: aten.nll_loss_backward(pack(a), pack(s), pack(t), None, code, -100, weight))
for i in times(14):
    shape = draw_shape()
    a = draw(shape, R.choice(FLOATS))
    b = draw(draw_partner(shape), R.choice([a.dtype, torch.float32, torch.int64]))
    attempt("mse_loss", [a, b, R.choice(["none", "mean", "sum"])],
            lambda x, y, r: {"none": lambda v: v, "mean": torch.mean, "sum": torch.sum}[r]((x - y) * (x - y)))
for i in times(8):
    shape, dtype = draw_shape(), R.choice(FLOATS)
    g, x = draw(shape, dtype), draw(shape, dtype, wild=True)
    emit("threshold_backward", [g, x, t := R.choice([0, 0, 0.5])], aten.threshold_backward(g, x, t))
    y = draw(shape, dtype, values=lambda n: [round(R.random(), 3) for _ in range(n)])
    emit("sigmoid_backward", [g, y], aten.sigmoid_backward(g, y))
    emit("tanh_backward", [g, y], aten.tanh_backward(g, y))
for i in times(10):
    x = draw(R.choice([[5], [3, 4], [2, 3, 4]]), torch.float32)
    dim = R.randint(-x.ndim, x.ndim - 1)
    at = R.randrange(-x.shape[dim], x.shape[dim])
    g = draw(list(x.select(dim, at).shape), R.choice(FLOATS))
    emit("select_backward", [g, list(x.shape), dim, at], aten.select_backward(g, x.shape, dim, at))
    start, end, step = R.choice([None, 0, 1, -2]), R.choice([None, 3, -1, 100]), R.choice([1, 2])
    part = aten.slice(x, dim, start, end, step)
    g = draw(list(part.shape), R.choice(FLOATS))
    emit("slice_backward", [g, list(x.shape), dim, start, end, step],
         aten.slice_backward(g, x.shape, dim, 0 if start is None else start, 1 << 62 if end is None else end, step))
