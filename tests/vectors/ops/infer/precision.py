# div_trunc, and what the rows of fixed precision answer for shapes: they are no operations of PyTorch (names: ../generate_infer.py)


def quotient(a, b):
    dtype = torch.result_type(a, b)
    if dtype.is_floating_point or dtype == torch.bool:
        raise RuntimeError("integers only")
    return torch.div(a, b, rounding_mode="trunc")


def as_float(x, *rest, **named):
    return x if x.dtype.is_floating_point else x.to(torch.float32)


for _ in range(40):
    a = draw()
    b = R.choice([2, 1.5, True]) if R.random() < 0.4 else (tensor(draw_like(a.shape), R.choice(DTYPES)) + 1).contiguous()
    case(out, "div_trunc", quotient, [a, b])
for _ in range(10):
    case(out, "fix_precision", as_float, [draw(), 4], {"dtype": "int"})
    case(out, "float_precision", as_float, [draw()])
    case(out, "truncate", as_float, [draw(), 2])
    case(out, "approximate", as_float, [draw(), "sigmoid", "exp"])
