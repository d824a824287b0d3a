#!/usr/bin/python3
"""Gradients of PyTorch (Debian's python3-torch) at the corners: ties, zeros, infinities; and whole small rows.

corners.txt: "<op> <extra> x <elements> [y <elements>] g <elements> dx <elements> [dy <elements>]": 1-d f64
arguments x and y, a further argument (- for none, i2 an int, f0.5 a float, else text), the gradient of the result in
row-major order, and the gradients of x and y. Run in this folder; the same file comes out every time.
"""
import torch
import torch.nn.functional as F

INF = float("inf")
CORNERS = [
    ("maximum", None, [1, 2, 3, -1], [1, 3, 2, -1], [1, 2, 3, 4]),
    ("minimum", None, [1, 2, 3, -1], [1, 3, 2, -1], [1, 2, 3, 4]),
    ("max", None, [2, 5, 5, 1], None, [3]),
    ("min", None, [7, 5, 5, 5], None, [3]),
    ("max", 0, [2, 5, 5, 1], None, [3]),
    ("min", 0, [2, 0, 5, 0], None, [3]),
    ("abs", None, [0, -0.0, -2, 3], None, [1, 1, 1, 2]),
    ("sign", None, [0, -2, 3], None, [1, 1, 2]),
    ("relu", None, [0, -0.0, -2, 3], None, [1, 1, 1, 2]),
    ("sqrt", None, [0, 4, 9], None, [1, 1, 6]),
    ("reciprocal", None, [0, 4, -2], None, [1, 1, 6]),
    ("log", None, [0, 1, 4], None, [1, 1, 2]),
    ("exp", None, [0, 1000, -1000], None, [1, 1, 2]),
    ("sigmoid", None, [0, 1000, -1000, 2], None, [1, 1, 2, 3]),
    ("tanh", None, [0, 1000, -1000, 0.5], None, [1, 1, 2, 3]),
    ("pow", 0, [0, 2, -3], None, [1, 1, 1]),
    ("pow", 1, [0, 2, -3], None, [1, 2, 1]),
    ("pow", 2, [0, 2, -3], None, [1, 1, 2]),
    ("pow", 0.5, [0, 4, 9], None, [1, 1, 2]),
    ("pow", -1, [2, -4], None, [1, 2]),
    ("pow", None, [0, 0, 2, 3, 0], [0, 2, 0, 2, 0.5], [1, 2, 3, 4, 5]),
    ("div", None, [1, -2, 3], [4, -5, 0.5], [1, 2, 3]),
    ("div", 4.0, [1, -2, 3], None, [1, 2, 3]),
    ("mul", None, [1, -2, 3], [4, 0, 0.5], [1, 2, 3]),
    ("matmul", None, [1, -2, 3], [4, 0, 0.5], [2]),
    ("softmax", 0, [1, -2, 3, 700], None, [1, 2, 3, -1]),
    ("softmax", 0, [1, -2, 3, 0.5], None, [1, 2, 3, -1]),
    ("log_softmax", 0, [1, -2, 3, 0.5], None, [1, 2, 3, -1]),
    ("log_softmax", 0, [1000, -2, 3], None, [1, 2, 3]),
    ("mse_loss", "mean", [1, -2, 3], [4, 0, 3], [2]),
    ("mse_loss", "sum", [1, -2, 3], [4, 0, 3], [2]),
    ("mse_loss", "none", [1, -2, 3], [4, 0, 3], [1, 2, 3]),
    ("sum", None, [1, -2, 3], None, [2]),
    ("mean", None, [1, -2, 3], None, [2]),
]


def call(op, extra, args):
    if op in ("mse_loss",):
        return F.mse_loss(*args, reduction=extra)
    if extra is not None:
        args = args + [extra]
    result = getattr(torch, op)(*args)
    return result if isinstance(result, torch.Tensor) else result[0]


def text(values):
    return " ".join(repr(float(v)) for v in values)


def extra_text(extra):
    if extra is None:
        return "-"
    return f"{'i' if isinstance(extra, int) else 'f'}{extra}" if not isinstance(extra, str) else extra


with open("corners.txt", "w") as out:
    for op, extra, x, y, g in CORNERS:
        args = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, y) if v is not None]
        result = call(op, extra, args)
        result.backward(torch.tensor(g, dtype=torch.float64).reshape(result.shape))
        line = f"{op} {extra_text(extra)} x {text(x)}"
        line += f" y {text(y)}" if y is not None else ""
        line += f" g {text(g)} dx {text(args[0].grad)}"
        line += f" dy {text(args[1].grad)}" if y is not None else ""
        print(line, file=out)
