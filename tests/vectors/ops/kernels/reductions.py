from drawing import *

TOLERANCES.update(dict.fromkeys("sum mean sum_to_size".split(), SUMMED))

# --- reductions ---
def reduce_all(function):
    def call(x, dims, keepdim, dtype):
        dims = list(range(x.ndim)) if not dims else dims
        return function(x, dims, keepdim, dtype=dtype)
    return call


for i in times(70):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.choice([False, False, "not huge"]))
    dims, keepdim = draw_dims(x.ndim), R.random() < 0.4
    dtype = R.choice([None, None, None, torch.float64, torch.float32, torch.int64])
    if x.dtype.is_floating_point == (dtype == torch.int64):
        dtype = None
    attempt("sum", [x, dims, keepdim, dtype], reduce_all(torch.sum))
    y = draw(list(R.choice(REDUCED)), R.choice(FLOATS), wild=R.choice([False, False, "not huge"]))
    attempt("mean", [y, draw_dims(y.ndim), keepdim, R.choice([None, None, torch.float64])], reduce_all(torch.mean))
for dtype in [torch.int32, torch.uint8, torch.bool]:
    x = draw([3, 4], R.choice(NUMBERS), values=lambda n: [R.randint(0, 40) / 8 for _ in range(n)])
    emit("sum", [x, [1], False, dtype], x.to(dtype).sum(1, dtype=torch.int64).to(dtype))
for i in times(40):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.random() < 0.4)
    dim = None if x.ndim == 0 or R.random() < 0.3 else R.randint(-x.ndim, x.ndim - 1)
    for name, function in {"max": torch.max, "min": torch.min}.items():
        if dim is None:
            attempt(name, [x, None, False], lambda t, d, k: function(t))
        else:
            attempt(name, [x, dim, R.random() < 0.4], lambda t, d, k: tuple(function(t, d, k)))
    for name, function in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
        x = draw(list(x.shape), torch.int32) if x.dtype == torch.bool else x  # refused, but not always
        attempt(name, [x, dim, dim is not None and R.random() < 0.4], lambda t, d, k: function(t, d, k))
for _ in times(14):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL))
    size = [1 if R.random() < 0.5 else s for s in x.shape][R.randint(0, x.ndim):] if x.ndim else []
    attempt("sum_to_size", [x, size], lambda t, s: t.sum_to_size(s))
