from drawing import *

CLOSE = ((2e-5, 2e-5), (1e-13, 1e-13))  # a deviation of few values, inverted
TOLERANCES["_native_batch_norm_legit_functional"] = CLOSE
# A difference of terms that are as much larger as the values are near to each other.
TOLERANCES["native_batch_norm_backward"] = (CLOSE[0], (1e-12, 1e-12))
# Of rows of two or three values, which may be nearly equal.
TOLERANCES.update(dict.fromkeys("native_layer_norm native_layer_norm_backward".split(), ((1e-4, 1e-4), (1e-12, 1e-12))))


def positive(n):
    return [0.25 + R.random() for _ in range(n)]


def maybe(shape, dtype, **kwargs):
    return draw(shape, dtype, **kwargs) if R.random() < 0.6 else None


# PyTorch reads parameters and statistics as if they were packed, whatever their strides: it gets them packed.
def packed(*tensors):
    return [None if t is None else pack(t) for t in tensors]


for i in times(40):
    channels = R.choice([1, 2, 3])
    shape = [R.choice([2, 3, 5]), channels] + [R.choice([1, 2, 3]) for _ in range(R.randint(0, 2))]
    dtype = R.choice(FLOATS)
    x = draw(shape, dtype, layout=R.choice(["packed", "permuted", "cut"]))
    weight, bias = maybe([channels], dtype), maybe([channels], dtype)
    training = R.random() < 0.6
    running = not training or R.random() < 0.7
    mean = draw([channels], dtype) if running else None
    variance = draw([channels], dtype, values=positive) if running else None
    momentum, eps = R.choice([0.1, 0.3, 1.0]), R.choice([1e-5, 0.01])
    new = [pack(mean), pack(variance)] if running else [None, None]
    y, save_mean, save_invstd = torch.native_batch_norm(x, *packed(weight, bias), *new, training, momentum, eps)
    if not (training and running):
        new = [torch.zeros(0, dtype=dtype)] * 2
    emit("_native_batch_norm_legit_functional", [x, weight, bias, mean, variance, training, momentum, eps],
         [y, save_mean, save_invstd] + new)
    g = draw(shape, dtype)
    wanted = R.choice([[1, 1, 1], [1, 1, 1], [1, 0, 0], [0, 1, 1]])
    parts = aten.native_batch_norm_backward(*packed(g, x, weight, mean, variance), save_mean, save_invstd, training, eps,
                                            [True, True, True])
    emit("native_batch_norm_backward", [g, x, weight, mean, variance, save_mean, save_invstd, training, eps, wanted],
         [p if m else torch.zeros(0, dtype=dtype) for p, m in zip(parts, wanted)])
for i in times(30):
    shape = [R.choice([1, 2, 3]) for _ in range(R.randint(0, 2))] + [R.choice([2, 3, 5]) for _ in range(R.randint(1, 2))]
    count = R.randint(1, len(shape))
    sizes, dtype = shape[-count:], R.choice(FLOATS)
    if math.prod(sizes) < 2:
        continue
    x = draw(shape, dtype, layout=R.choice(["packed", "permuted", "cut"]))
    weight, bias = maybe(sizes, dtype), maybe(sizes, dtype)
    eps = R.choice([1e-5, 0.01])
    y, mean, rstd = torch.native_layer_norm(pack(x), sizes, *packed(weight, bias), eps)
    emit("native_layer_norm", [x, sizes, weight, bias, eps], [y, mean, rstd])
    g = draw(shape, dtype)
    wanted = R.choice([[1, 1, 1], [1, 1, 1], [1, 0, 0], [0, 1, 1]])
    full = weight if weight is not None else torch.ones(sizes, dtype=dtype)
    parts = aten.native_layer_norm_backward(pack(g), pack(x), sizes, mean, rstd, pack(full), torch.zeros(sizes, dtype=dtype),
                                            [True, True, True])
    # At a variance near 0 the gradient is the difference of terms that are 1 / deviation times as large: both are right to
    # that many places fewer.
    if rstd.max() < 10:
        emit("native_layer_norm_backward", [g, x, sizes, mean, rstd, weight, None, wanted],
             [p if m else torch.zeros(0, dtype=dtype) for p, m in zip(parts, wanted)])
