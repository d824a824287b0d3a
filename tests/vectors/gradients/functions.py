from gradient_drawing import *

UNARY = {
    "rsqrt": (0.2, 4), "square": (-3, 3), "exp2": (-3, 3), "expm1": (-2, 2), "log1p": (-0.8, 4), "log2": (0.2, 4),
    "log10": (0.2, 4), "sin": (-4, 4), "cos": (-4, 4), "tan": (-1.2, 1.2), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9),
    "atan": (-4, 4), "sinh": (-3, 3), "cosh": (-3, 3), "asinh": (-3, 3), "acosh": (1.2, 4), "atanh": (-0.9, 0.9),
    "erf": (-2, 2), "erfc": (-2, 2), "floor": (-3, 3), "ceil": (-3, 3), "round": (-3, 3), "trunc": (-3, 3), "frac": (-3, 3),
    "silu": (-4, 4), "selu": (-3, 3), "log_sigmoid": (-4, 4),
}
NAMED = {"silu": F.silu, "selu": F.selu, "log_sigmoid": F.logsigmoid}
for name, interval in UNARY.items():
    function = NAMED.get(name) or getattr(torch, name)
    for _ in times(4):
        (gradient if name == "log_sigmoid" else gradient_both)(name, [floats(draw_shape(), None, *interval)], function)
for name in ["silu", "selu", "log_sigmoid", "sin", "sinh", "erf", "frac", "floor"]:
    gradient(name, [torch.tensor([0, -0.0, 50, -50], dtype=torch.float64)], NAMED.get(name) or getattr(torch, name))
for _ in times(5):
    x = floats(draw_shape(), None, -3, 3)
    gradient_both("leaky_relu", [x, R.choice([0.01, 0.25, 2])], lambda t, s: F.leaky_relu(t, s))
    gradient_both("elu", [x, R.choice([1, 0.5]), R.choice([1, 1.5]), R.choice([1, 0.75])], aten.elu)
    gradient_both("celu", [x, R.choice([1, 0.5, 2])], lambda t, a: F.celu(t, a))
    gradient("softplus", [x, R.choice([1, 2, 0.5]), R.choice([20, 1])], lambda t, b, h: F.softplus(t, b, h))
    gradient("gelu", [x, "none"], lambda t, a: F.gelu(t))
    gradient("gelu", [x, "tanh"], lambda t, a: F.gelu(t, approximate="tanh"))
    gradient_both("hardtanh", [floats(draw_shape()), *R.choice([(-1, 1), (0, 2), (-1.5, 0.125)])], lambda t, a, b: F.hardtanh(t, a, b))
for _ in times(10):
    shape = draw_shape()
    a, b = floats(shape, None, -9, 9), floats(draw_partner(shape), None, 0.4, 3)
    gradient_both("remainder", [a, R.choice([b, b, 1.5])], torch.remainder)
    gradient_both("fmod", [a, R.choice([b, b, 1.5])], torch.fmod)
    gradient_both("atan2", [a, b], torch.atan2)
    dtype = R.choice(FLOATS)
    x, y, z = floats(shape, dtype), floats(draw_partner(shape), dtype), floats(draw_partner(shape), dtype, 0.4, 3)
    value = R.choice([1, 2, -0.5])
    gradient_both("addcmul", [x, y, z, value], lambda p, q, r, v: torch.addcmul(p, q, r, value=v))
    gradient_both("addcdiv", [x, y, z, value], lambda p, q, r, v: torch.addcdiv(p, q, r, value=v))
    gradient_both("lerp", [x, y, R.choice([0.25, 0.75, z])], torch.lerp)
for _ in times(12):
    shape = draw_shape()
    a = floats(shape, torch.float64)
    low, high = floats(draw_partner(shape), a.dtype), floats(draw_partner(shape), a.dtype)
    gradient_both("clamp", [a, *R.choice([(-1, 1.5), (None, 0.5), (0.25, None), (low, high), (None, high), (low, None)])], torch.clamp)
    gradient_both("clamp_min", [a, R.choice([0.25, low])], torch.clamp_min)
    gradient_both("clamp_max", [a, R.choice([0.25, high])], torch.clamp_max)
for name in ["logical_and", "logical_or", "logical_xor"]:  # PyTorch's own forms in place let the gradient through
    gradient(name + "_", [floats([3, 2]), floats([2])], lambda x, y: x.copy_(getattr(torch, name)(x, y)), inplace=True)
gradient("logical_not_", [floats([3, 2])], lambda x: x.copy_(torch.logical_not(x)), inplace=True)
