"""What the files in kernels/ draw with: tensors of every layout, and lines of kernels/*.txt (generate_kernels.py)."""
import math
import random
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

REDUCED = SHAPES + [[4, 3, 2], [2, 3, 4, 2], [7, 5]]

R = random.Random()  # seeded for every file
REPEAT = 1
out = None

# Relative and absolute tolerance of floating results: (float32, float64). Rows not named are exact.
ROUNDED = ((5e-7, 1e-37), (1e-15, 1e-300))  # one more or one less rounding
SCALED = ((5e-7, 1e-5), (1e-15, 1e-14))  # a + alpha b may be fused, of elements up to about 30
FUNCTION = ((3e-6, 1e-37), (1e-14, 1e-300))  # functions of the mathematical library
SUMMED = ((2e-6, 2e-6), (1e-14, 1e-14))  # sums in another order, of elements up to about 8
TOLERANCES = {}  # filled by the files


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
        text = f"{'*' * value.requires_grad}{write(value.dtype)[1:]}[{','.join(map(str, value.shape))}]"
        values = value.storage().tolist() if value.numel() else []
        if not value.is_contiguous() or value.storage_offset() or len(values) != value.numel():
            text += "{" + ",".join(map(str, value.stride())) + "}@" + str(value.storage_offset())
        return text + ":" + ",".join(write_number(v, value.dtype) for v in values)
    if isinstance(value, torch.dtype):
        return ":" + str(value).removeprefix("torch.")
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, slice):
        return "<" + ",".join("" if bound is None else str(bound) for bound in (value.start, value.stop, value.step)) + ">"
    if value is Ellipsis:
        return "..."
    if isinstance(value, (list, tuple)):
        return "(" + "|".join(map(write, value)) + ")"
    return repr(value)


def pack(tensor):
    """Also for arguments: the backward halves of softmax read beyond an argument that is not packed."""
    return tensor.clone(memory_format=torch.contiguous_format)


def draw_dims(ndim):
    """A dim list as reductions take it: none, empty or some."""
    if ndim == 0 or R.random() < 0.3:
        return R.choice([None, []])
    dims = R.sample(range(ndim), R.randint(1, ndim))
    return [d - ndim if R.random() < 0.3 else d for d in dims]


def emit(name, args, results):
    results = [pack(r) for r in (results if isinstance(results, (list, tuple)) else [results])]
    row = name if name in TOLERANCES else name.rstrip("_")
    single, double = TOLERANCES.get(row, ((0, 0), (0, 0)))
    if row in ("add", "sub", "rsub") and args[2] != 1:
        single, double = SCALED
    relative, absolute = double if results[0].dtype == torch.float64 else single
    print(name, f"~{relative:g},{absolute:g}", *map(write, args), "=", *map(write, results), file=out)


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
