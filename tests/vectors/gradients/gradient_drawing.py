"""What the files here draw with, beyond ../ops/drawing.py: one line of <subject>.txt (generate.py) per call."""
import drawing
from drawing import *

EXACT = ((0, 0), (0, 0))
USUAL = ((4e-6, 1e-5), (1e-13, 1e-13))  # sums of products in another order, of elements up to about 30
TOLERANCES = {}  # by row, filled by the files; others are USUAL


def tensors_of(args):
    for value in args:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_of(value)


def choose_leaves(args):
    """Most often all floating tensors require a gradient."""
    floating = [t for t in tensors_of(args) if t.dtype.is_floating_point]
    chosen = floating if R.random() < 0.7 else R.sample(floating, R.randint(1, len(floating)))
    for tensor in chosen:
        tensor.requires_grad_()
    return [t for t in tensors_of(args) if t.requires_grad]


def upstream_of(result, last_chance):
    if not result.requires_grad or (not last_chance and R.random() < 0.3):
        return None
    values = [R.choice([-2, -1, 0.5, 1, 1, 3, round(R.gauss(0, 1), 2)]) for _ in range(result.numel())]
    return torch.tensor(values, dtype=result.dtype).reshape(result.shape)


def gradient(name, args, function, inplace=False):
    """Writes the line of the call, or nothing where PyTorch refuses it. In place, `function` writes its first argument."""
    if not any(t.dtype.is_floating_point for t in tensors_of(args)):
        return
    leaves = choose_leaves(args)
    try:
        first = [args[0].clone(memory_format=torch.contiguous_format)] if inplace else args[:1]
        results = function(*first, *args[1:])
    except (RuntimeError, TypeError, IndexError):
        for tensor in leaves:
            tensor.requires_grad_(False)
        return
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    upstream = [upstream_of(r, k == 0) for k, r in enumerate(results)]
    roots = [(r, g) for r, g in zip(results, upstream) if g is not None]
    if not roots:
        for tensor in leaves:
            tensor.requires_grad_(False)
        return
    found = torch.autograd.grad([r for r, _ in roots], leaves, [g for _, g in roots], allow_unused=True)
    found = [None if g is None else pack(g.detach()) for g in found]
    row = name if name in TOLERANCES else name.rstrip("_")
    single, double = TOLERANCES.get(row, USUAL)
    relative, absolute = single if any(t.dtype == torch.float32 for t in [*leaves, *results]) else double
    print(name, f"~{relative:g},{absolute:g}", *map(write, args), "=", *map(write, upstream), "=", *map(write, found),
          file=drawing.out)
    for tensor in leaves:
        tensor.requires_grad_(False)


def gradient_both(name, args, function):
    """Out of place, and as function_ where the result fits into the first argument."""
    gradient(name, args, function)
    try:
        result = function(*args)
    except (RuntimeError, TypeError, IndexError):
        return
    if R.random() < 0.6 and result.shape == args[0].shape and torch.can_cast(result.dtype, args[0].dtype):
        gradient(name + "_", args, lambda x, *rest: x.copy_(function(x.clone(), *rest)), inplace=True)


def floats(shape, dtype=None, low=None, high=None, layout=None):
    """A tensor without ties where bounds are given, and drawn as others otherwise."""
    values = None
    if low is not None:
        def values(n):
            return [round(low + (high - low) * (R.random() * 0.98 + 0.01), 4) for _ in range(n)]
    return draw(shape, dtype or R.choice(FLOATS + [torch.float64]), values=values, layout=layout)
