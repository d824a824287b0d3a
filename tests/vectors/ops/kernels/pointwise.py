from drawing import *

TOLERANCES.update(dict.fromkeys("pow div reciprocal sqrt".split(), ROUNDED))
TOLERANCES.update(dict.fromkeys("exp log sigmoid tanh".split(), FUNCTION))


def unhurt_by_sleef(count):
    """PyTorch's pow of the largest doubles is not theirs."""
    return [R.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1, -1, 1e-3, 1e20, *[R.gauss(0, 3)] * 8]) for _ in range(count)]


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
