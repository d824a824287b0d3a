# Dtypes and shapes of the elementary functions, quotients, bits and clamps (names: ../generate_infer.py)
def inplace(name, args, kwargs=None):
    if hasattr(torch.Tensor, name + "_"):
        case(out, name + "_", getattr(torch.Tensor, name + "_"), args, kwargs)


UNARY = ("rsqrt square exp2 expm1 log1p log2 log10 sin cos tan asin acos atan sinh cosh asinh acosh atanh erf erfc floor "
         "ceil round trunc frac bitwise_not logical_not isnan isinf isfinite").split()
for name in UNARY:
    for dtype in DTYPES:
        t = tensor(draw_shape(), dtype)
        case(out, name, getattr(torch, name), [t])
        inplace(name, [t])
for dtype in DTYPES:
    t = tensor(draw_shape(low=1, sizes=(1, 2, 3)), dtype)
    case(out, "leaky_relu", F.leaky_relu, [t, 0.5])
    case(out, "elu", aten.elu, [t, 1.5])
    case(out, "selu", F.selu, [t])
    case(out, "celu", F.celu, [t, 2])
    case(out, "softplus", F.softplus, [t, 2])
    case(out, "gelu", F.gelu, [t], {"approximate": R.choice(["none", "tanh"])})
    case(out, "log_sigmoid", F.logsigmoid, [t])
    if dtype != torch.uint8:
        case(out, "hardtanh", F.hardtanh, [t, -2, 2])
case(out, "gelu", F.gelu, [tensor([2], torch.float32)], {"approximate": "sigmoid"})
for name in "floor_divide remainder fmod atan2 logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift clamp_min clamp_max".split():
    tensors_only = name == "atan2" or name.startswith("logical")
    for _ in range(40):
        a = tensor(draw_shape(low=1, sizes=(1, 2, 3)) if R.random() < 0.8 else [], R.choice(DTYPES))
        b = torch.ones(draw_like(a.shape), dtype=R.choice(DTYPES))
        b = R.choice([3, 1, 1.5, True]) if R.random() < 0.4 and not tensors_only else b
        if name in ("remainder", "fmod", "floor_divide") and torch.bool == a.dtype and torch.result_type(a, b) == torch.bool:
            continue
        case(out, name, getattr(torch, name), [a, b])
        inplace(name, [a, b])
for _ in range(60):
    a = tensor(draw_shape(low=1, sizes=(1, 2, 3)), R.choice(DTYPES[1:]))
    bounds = [R.choice([None, torch.ones(draw_like(a.shape), dtype=R.choice(DTYPES[1:]))]) for _ in range(2)]
    if R.random() < 0.5:
        bounds = [R.choice([None, 1, 2.5, 0]) for _ in range(2)]
    case(out, "clamp", torch.clamp, [a, *bounds])
    inplace("clamp", [a, *bounds])
for _ in range(60):
    a = tensor(draw_shape(low=1, sizes=(1, 2, 3)), R.choice(FLOATS if R.random() < 0.5 else DTYPES[1:]))
    b, c = [torch.ones(draw_like(a.shape), dtype=a.dtype if R.random() < 0.6 else R.choice(DTYPES[1:])) for _ in range(2)]
    value = R.choice([1, 2, 1.5]) if torch.promote_types(torch.promote_types(a.dtype, b.dtype), c.dtype).is_floating_point else 2
    for name in ("addcmul", "addcdiv"):
        case(out, name, getattr(torch, name), [a, b, c], {"value": value} if R.random() < 0.5 else {})
        if torch.result_type(a, b) == torch.result_type(a, c) == a.dtype:  # PyTorch refuses some others, too
            inplace(name, [a, b, c], {})
    weight = R.choice([0.5, 1, c])
    case(out, "lerp", torch.lerp, [a, b, weight])
    inplace("lerp", [a, b, weight])
