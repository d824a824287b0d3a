from drawing import *

TOLERANCES["unfold_backward"] = SUMMED
TOLERANCES["linspace"] = ((1e-6, 1e-6), (1e-15, 1e-14))

for i in times(30):
    x = draw(draw_shape(), R.choice(ALL), wild=True)
    dims = R.sample(range(x.ndim), R.randint(0, x.ndim))
    dims = [d - x.ndim if R.random() < 0.3 else d for d in dims]
    emit("flip", [x, dims], x.flip(dims))
    y = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=True)
    if y.numel() and y.ndim:
        dims = [R.randint(-y.ndim, y.ndim - 1) for _ in range(R.randint(1, 3))]
        shifts = [R.randint(-7, 7) for _ in dims]
        emit("roll", [y, shifts, dims], y.roll(shifts, dims))
        emit("roll", [y, [shifts[0]], R.choice([None, []])], y.roll(shifts[0]))
for i in times(24):
    x = draw(list(R.choice([[3, 4], [4, 3], [1, 5], [5, 1], [2, 3, 3], [2, 2, 4, 3], [0, 3], [3, 0], [2, 0, 2]])), R.choice(ALL), wild=True)
    for name in ("tril", "triu"):
        both(name, [x, R.choice([-9, -2, -1, 0, 0, 1, 2, 9])], getattr(torch, name))
    for name in ("tril", "triu"):
        attempt_inplace(name, [draw([3, 5], x.dtype, layout=R.choice(["permuted", "cut"])), R.randint(-3, 4)], getattr(torch, name))

# --- diagonals ---
for i in times(16):
    x = draw(R.choice([[3], [2, 3], [2, 2, 2], [0], [4, 1]]), R.choice(ALL), wild=True)
    dims = R.sample(range(x.ndim + 1), 2)
    dims = [d - x.ndim - 1 if R.random() < 0.5 else d for d in dims]
    emit("diag_embed", [x, o := R.randint(-3, 3), *dims], torch.diag_embed(x, o, *dims))
    y = torch.zeros(R.choice([[3, 4], [2, 3, 3], [4, 1], [2, 2, 3, 2]]), dtype=R.choice(FLOATS))
    dims = R.sample(range(y.ndim), 2)
    offset = R.randint(-2, 2)
    grad = draw(list(y.diagonal(offset, *dims).shape), y.dtype)
    emit("diagonal_backward", [grad, list(y.shape), offset, *dims], aten.diagonal_backward(grad, list(y.shape), offset, *dims))
    y = torch.zeros(R.choice([[7], [3, 6], [5, 2, 3]]), dtype=R.choice(FLOATS))
    dim = R.randint(-y.ndim, y.ndim - 1)
    size = R.randint(0, y.shape[dim])
    step = R.randint(1, 4)
    grad = draw(list(y.unfold(dim, size, step).shape), y.dtype)
    emit("unfold_backward", [grad, list(y.shape), dim, size, step], aten.unfold_backward(grad, list(y.shape), dim % y.ndim, size, step))

# --- padding ---
for i in times(24):
    x = draw(list(R.choice([[5], [3, 4], [2, 3, 2], [2, 1, 2, 2], [0, 3]])), R.choice(ALL), wild=True)
    pad = [R.choice([0, 0, 1, 2, 3, -1]) for _ in range(2 * R.randint(0, x.ndim))]
    attempt("constant_pad_nd", [x, pad, R.choice([0, 2, True])], lambda t, p, v: aten.constant_pad_nd(t, p, v))
    if x.dtype.is_floating_point:
        attempt("constant_pad_nd", [x, pad, R.choice([1.5, -math.inf])], lambda t, p, v: aten.constant_pad_nd(t, p, v))

# --- shapes of others ---
for _ in times(6):
    x = draw([2, 3, 4], R.choice(ALL), layout="permuted", wild=True)
    emit("reshape_as", [x, o := torch.zeros(R.choice([[24], [4, 6], [2, 2, 6]]))], x.reshape_as(o))

# --- creation ---
for _ in times(6):
    shape, dtype = draw_shape(), R.choice([None] + ALL)
    like = draw(draw_shape(), R.choice(ALL))
    emit("empty", [shape, dtype], torch.zeros(shape, dtype=dtype))
    emit("empty_like", [like, dtype], torch.zeros_like(like, dtype=dtype))
    emit("new_empty", [like, shape, dtype], like.new_zeros(shape, dtype=dtype))
    emit("new_zeros", [like, shape, dtype], like.new_zeros(shape, dtype=dtype))
    emit("new_ones", [like, shape, dtype], like.new_ones(shape, dtype=dtype))
    value = R.choice([7, 1.5, True, 0])
    emit("new_full", [like, shape, value, dtype], like.new_full(shape, value, dtype=dtype))
    emit("full_like", [like, value, dtype], torch.full_like(like, value, dtype=dtype))
    n, m = R.randint(0, 4), R.choice([None, 0, 1, 3, 5])
    emit("eye", [n, m, dtype], torch.eye(n, dtype=dtype) if m is None else torch.eye(n, m, dtype=dtype))
for _ in times(24):
    start, end = R.choice([0, -3, 2.5, 10, 1000]), R.choice([0, 1, -7.25, 10, 255])
    steps, dtype = R.choice([0, 1, 2, 3, 5, 8, 33]), R.choice([None, None, torch.float64, torch.float32, torch.int64, torch.int32])
    if dtype is None or dtype.is_floating_point:
        emit("linspace", [start, end, steps, dtype], torch.linspace(start, end, steps, dtype=dtype))
    else:  # with other numbers of steps torch rounds the step to float32 first
        start, end = R.randint(-9, 9), R.randint(-9, 9)
        emit("linspace", [start, start + 4 * end, 5, dtype], torch.linspace(start, start + 4 * end, 5, dtype=dtype))
