from drawing import *

TOLERANCES.update(dict.fromkeys("rsqrt".split(), ROUNDED))
TOLERANCES.update(dict.fromkeys("exp2 expm1 log1p log2 log10 tan asin acos atan atan2 sinh cosh asinh acosh atanh erf erfc".split(), FUNCTION))
TOLERANCES.update(dict.fromkeys("sin cos".split(), ((1e-6, 1e-7), (1e-14, 1e-16))))
TOLERANCES["gelu"] = ((3e-6, 3e-7), (1e-14, 1e-15))
TOLERANCES["erfc"] = ((2e-5, 1e-37), (1e-13, 1e-300))
ACTIVATED = ((3e-6, 1e-7), (1e-14, 1e-15))  # differences from 1 are torch's own
TOLERANCES.update(dict.fromkeys("elu selu celu softplus silu log_sigmoid leaky_relu".split(), ACTIVATED))
TOLERANCES.update(dict.fromkeys("addcmul addcdiv lerp".split(), ((2e-6, 2e-5), (1e-14, 1e-13))))
TOLERANCES["floor_divide"] = ((1e-7, 0), (1e-15, 0))

# --- one operand: interval of the plain values ---
FUNCTIONS = {
    "rsqrt": (0, 9), "square": None, "exp2": (-9, 9), "expm1": (-3, 3), "log1p": (-1, 9), "log2": (0, 9), "log10": (0, 9),
    "sin": (-9, 9), "cos": (-9, 9), "tan": (-9, 9), "asin": (-1, 1), "acos": (-1, 1), "atan": (-9, 9), "sinh": (-9, 9),
    "cosh": (-9, 9), "asinh": (-9, 9), "acosh": (1, 9), "atanh": (-1, 1), "erf": (-3, 3), "erfc": (-3, 3),
    "floor": None, "ceil": None, "round": None, "trunc": None, "frac": None, "logical_not": None, "isnan": None,
    "isinf": None, "isfinite": None, "bitwise_not": None,
}
FLOATING = {"silu": F.silu, "selu": F.selu, "log_sigmoid": F.logsigmoid}


def within(interval):
    def values(count):
        return [R.choice([R.uniform(*interval)] * 4 + [*interval, 0.0, -0.0, math.nan, math.inf, -math.inf, 1e-6, -3e-9]) for _ in range(count)]
    return values


for name, interval in FUNCTIONS.items():
    function = getattr(torch, name)
    for dtype in FLOATS:
        for _ in times(3):
            values = within(interval) if interval and R.random() < 0.8 else None
            wild = name not in ("tan", "sin", "cos", "erfc", "square", "exp2")  # where sleef is not exact for huge values
            x = draw(draw_shape(), dtype, wild=wild, values=values)
            if name != "log1p" or not (x == torch.finfo(dtype).max).any():  # of which sleef says infinity
                both(name, [x], function, name[:2] != "is")
    for dtype in [torch.bool, *INTS]:
        for _ in times(1):
            both(name, [draw(draw_shape(), dtype)], function, name[:2] != "is")
for name in ["floor", "ceil", "round", "trunc", "frac"]:
    both(name, [torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -0.2, 8388609.0, -2.5])], getattr(torch, name))
far = torch.tensor([1e5, 999999.0, 1e6 + 3, 1e9, 123456792.0, 3e10, 1e30, -4e15])
for name in ["sin", "cos", "tan"]:
    emit(name, [far], getattr(torch, name)(far.double()).float())
for name, function in FLOATING.items():
    for dtype in FLOATS:
        for _ in times(3):
            both(name, [draw(draw_shape(), dtype, wild="not huge")], function, name != "log_sigmoid")
for dtype in FLOATS:
    for _ in times(4):
        x = draw(draw_shape(), dtype, wild="not huge")
        both("leaky_relu", [x, R.choice([0.01, 0.25, 2, -0.5])], lambda x, s: F.leaky_relu(x, s))
        both("elu", [x, R.choice([1, 0.5]), R.choice([1, 1.5]), R.choice([1, 0.75])], aten.elu)
        both("celu", [x, R.choice([1, 0.5, 2])], lambda x, a: F.celu(x, a))
        emit("softplus", [x, b := R.choice([1, 2, 0.5]), t := R.choice([20, 1])], F.softplus(x, b, t))
        approximate = R.choice(["none", "tanh"])
        x = draw(draw_shape(), dtype)
        emit("gelu", [x, approximate], F.gelu(x, approximate=approximate))
for dtype in NUMBERS:
    for _ in times(2):
        low, high = R.choice([(-1, 1), (0, 3), (2, 1)]) if dtype.is_signed else (1, 3)
        both("hardtanh", [draw(draw_shape(), dtype, wild=True), low, high], lambda x, a, b: F.hardtanh(x, a, b))

# --- two operands ---
def traps(a, b):
    """The lowest integer by -1, which ends PyTorch's process; the largest floats, whose quotients are NaN in its vectors
    and infinite one by one."""
    result = torch.result_type(a, b)
    if result.is_floating_point:
        return bool((a.abs() == torch.finfo(result).max).any())
    if result not in (torch.int32, torch.int64):
        return False
    return bool((a.to(result) == torch.iinfo(result).min).any() and (torch.as_tensor(b) == -1).any())


for name in ["floor_divide", "remainder", "fmod"]:
    function = getattr(torch, name)
    for i in times(26):
        shape = draw_shape()
        a = draw(shape, R.choice(NUMBERS), wild=i % 3 == 0)
        if R.random() < 0.3:
            other = R.choice([3, 2, 5] + ([1.5, -0.75, -2] if a.dtype.is_signed and a.dtype != torch.int8 else []))
            if a.dtype in INTS and isinstance(other, float):
                a = draw(shape, a.dtype)
        else:
            dtype = a.dtype if i % 2 else R.choice(NUMBERS)
            floating = dtype.is_floating_point
            b = [v for v in [1, 2, 3, 5, -1, -2, -4, 7] + ([0.5, -1.25, math.inf, 0.0, math.nan] if floating else []) if dtype.is_signed or v > 0]
            other = draw(draw_partner(shape), dtype, values=lambda n: [R.choice(b) for _ in range(n)])
            if torch.result_type(a, other).is_floating_point:
                a = draw(shape, a.dtype)
        if not traps(a, other):
            both(name, [a, other], function)
for _ in times(16):
    shape = draw_shape()
    a, b = draw(shape, R.choice(ALL), wild=True), draw(draw_partner(shape), R.choice(ALL), wild=True)
    both("atan2", [a, b], torch.atan2)
edges = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 1e-30]
for dtype in FLOATS:
    grid = torch.tensor([[y, x] for y in edges for x in edges], dtype=dtype)
    emit("atan2", [grid[:, 0].clone(), grid[:, 1].clone()], torch.atan2(grid[:, 0], grid[:, 1]))
for name in ["logical_and", "logical_or", "logical_xor"]:
    for i in times(14):
        shape = draw_shape()
        a, b = draw(shape, R.choice(ALL), wild=True), draw(draw_partner(shape), R.choice(ALL), wild=True)
        both(name, [a, b], getattr(torch, name))
for name in ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"]:
    for i in times(16):
        shape = draw_shape()
        whole = INTS if "shift" in name else [torch.bool, *INTS]
        a = draw(shape, R.choice(whole), wild=True)
        b = draw(draw_partner(shape), a.dtype if i % 2 else R.choice(whole), wild="shift" not in name,
                 values=(lambda n: [R.randint(0, 7) for _ in range(n)]) if "shift" in name else None)
        both(name, [a, R.choice([b, b, R.randint(0, 7)])], getattr(torch, name))

# --- three operands ---
for i in times(16):
    shape = draw_shape()
    dtype = R.choice(FLOATS)
    a, b, c = draw(shape, dtype), draw(draw_partner(shape), dtype), draw(draw_partner(shape), dtype if i % 3 else R.choice(FLOATS))
    value = R.choice([1, 2, -0.5])
    both("addcmul", [a, b, c, value], lambda x, y, z, v: torch.addcmul(x, y, z, value=v))
    c = draw(list(c.shape), c.dtype, values=lambda n: [R.choice([0.5, -2, 3, 4]) for _ in range(n)])
    both("addcdiv", [a, b, c, value], lambda x, y, z, v: torch.addcdiv(x, y, z, value=v))
    weight = R.choice([0.25, 0.75, 1, 0, -1.5, draw(draw_partner(shape), dtype)])
    both("lerp", [a, draw(draw_partner(shape), dtype), weight], torch.lerp)
for dtype in INTS:
    both("addcmul", [draw([3, 2], dtype, wild=True), draw([2], dtype), draw([3, 1], dtype), R.choice([1, 2])], lambda x, y, z, v: torch.addcmul(x, y, z, value=v))


def clamp(x, low, high):
    if isinstance(low, torch.Tensor) or isinstance(high, torch.Tensor):
        low, high = [torch.tensor(v) if isinstance(v, (int, float)) else v for v in (low, high)]
    return torch.clamp(x, low, high)


for i in times(30):
    shape = draw_shape()
    a = draw(shape, R.choice(NUMBERS), wild=True)
    numbers = [-1, 0, 2, 1.5] if a.dtype.is_signed else [0, 2, 3]

    def bound():
        return R.choice([R.choice(numbers), None]) if i % 2 else R.choice([None, draw(draw_partner(shape), a.dtype, wild=True)])
    both("clamp", [a, bound(), bound()], clamp)
    for name in ["clamp_min", "clamp_max"]:
        both(name, [a, R.choice(numbers) if i % 2 else draw(draw_partner(shape), R.choice([a.dtype, a.dtype, torch.float32]))], getattr(torch, name))
for bounds in [(math.nan, 1.0), (0.0, math.nan), (torch.tensor([math.nan]), torch.tensor([1.0])), (3, 2)]:
    both("clamp", [torch.tensor([math.nan, -2.0, 0.5, 7.0]), *bounds], clamp)
