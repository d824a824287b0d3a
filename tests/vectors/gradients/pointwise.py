from gradient_drawing import *

# --- two operands ---
def operands(low=None, high=None, other_low=None, other_high=None):
    shape = draw_shape()
    a = floats(shape, None, low, high)
    dtype = a.dtype if R.random() < 0.7 else None
    if R.random() < 0.25:
        return a, R.choice([2, 1.5, -0.75] if other_low is None or other_low < 0 else [2, 1.5])
    return a, floats(draw_partner(shape) if R.random() < 0.6 else shape, dtype, other_low, other_high)


def with_alpha(function):
    return lambda a, b, alpha: function(a, b, alpha=alpha)


for _ in times(14):
    for name in ["add", "sub", "rsub"]:
        args = [*operands(), R.choice([1, 1, 2, -0.5])]
        (gradient if name == "rsub" else gradient_both)(name, args, with_alpha(getattr(torch, name)))
    gradient_both("mul", list(operands()), torch.mul)
    gradient_both("div", list(operands(-3, 3, 0.4, 3)), torch.div)
    gradient_both("pow", list(operands(0.3, 3, -2, 2)), torch.pow)
    for name in ["maximum", "minimum"]:
        a, b = operands()
        if isinstance(b, torch.Tensor):
            gradient(name, [a, b], getattr(torch, name))
for name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    for _ in times(2):
        a, b = floats([3, 2]), floats([2])
        gradient(name + "_", [a, b], lambda x, y: getattr(x, name + "_")(y), inplace=True)
corners = torch.tensor([0, -0.0, 2, -3, math.inf], dtype=torch.float64)
for exponent in [0, 1, 2, 3, 0.5, -1, -2.0]:
    gradient_both("pow", [corners.clone(), exponent], torch.pow)
gradient("pow", [torch.tensor([0, 0, 2, 3, 0], dtype=torch.float64), torch.tensor([0, 2, 0, 2, 0.5], dtype=torch.float64)], torch.pow)
for _ in times(10):
    shape = draw_shape()
    dtype = R.choice(FLOATS)
    gradient("where", [draw(shape, torch.bool), floats(draw_partner(shape), dtype), floats(shape, dtype)], torch.where)
gradient("where", [draw([2, 3], torch.bool), floats([2, 3]), 1.5], torch.where)
gradient("where", [draw([2, 3], torch.bool), 2, floats([2, 3])], torch.where)

# --- one operand: (function, interval of its arguments; corners) ---
UNARY = {
    "neg": (torch.neg, None, [0, -0.0]), "abs": (torch.abs, None, [0, -0.0]), "sign": (torch.sign, None, [0]),
    "exp": (torch.exp, (-3, 3), [0, 1000, -1000]), "log": (torch.log, (0.2, 4), [0, 1, -1]),
    "sqrt": (torch.sqrt, (0.2, 4), [0, 4, -1]), "reciprocal": (torch.reciprocal, (0.3, 3), [0, 4, -2]),
    "sigmoid": (torch.sigmoid, None, [0, 1000, -1000]), "tanh": (torch.tanh, None, [0, 1000, -1000]),
    "relu": (torch.relu, None, [0, -0.0]),
}
for name, (function, interval, corners) in UNARY.items():
    for _ in times(4):
        gradient_both(name, [floats(draw_shape(), None, *(interval or (None, None)))], function)
    gradient_both(name, [torch.tensor(corners, dtype=torch.float64)], function)

# --- copies ---
for _ in times(6):
    gradient("clone", [floats(draw_shape())], torch.clone)
    gradient("to", [floats(draw_shape()), R.choice(FLOATS)], lambda x, dtype: x.to(dtype))
    shape = draw_shape()
    gradient("copy_", [floats(shape), floats(shape[R.randint(0, len(shape)):])], lambda x, y: x.copy_(y), inplace=True)
    gradient("fill_", [floats(draw_shape()), 1.5], lambda x, v: x.fill_(v), inplace=True)
    gradient("zero_", [floats(draw_shape())], lambda x: x.zero_(), inplace=True)
