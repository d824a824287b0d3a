from drawing import *

TOLERANCES.update(dict.fromkeys("norm logsumexp cumsum".split(), SUMMED))
TOLERANCES.update(dict.fromkeys("var std".split(), ((4e-6, 1e-6), (1e-13, 1e-14))))
TOLERANCES.update(dict.fromkeys("prod cumprod cumprod_backward".split(), ((4e-6, 1e-30), (1e-13, 1e-300))))


def all_dims(x, dims):
    return list(range(x.ndim)) if not dims else dims


def maybe_dim(x):
    return None if x.ndim == 0 or R.random() < 0.3 else R.randint(-x.ndim, x.ndim - 1)


for i in times(40):
    keepdim = R.random() < 0.4
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.choice([False, "not huge"]))
    dim, dtype = maybe_dim(x), R.choice([None, None, torch.float64])
    if dim is None:
        attempt("prod", [x, None, False, dtype], lambda t, d, k, y: torch.prod(t, dtype=y))
    else:
        attempt("prod", [x, dim, keepdim, dtype], lambda t, d, k, y: torch.prod(t, d, k, dtype=y))
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=True)
    dim = maybe_dim(x)
    for name in ["any", "all"]:
        if dim is None:
            attempt(name, [x, None, False], lambda t, d, k: getattr(torch, name)(t))
        else:
            attempt(name, [x, dim, keepdim], lambda t, d, k: getattr(torch, name)(t, d, k))
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=True)
    dims = draw_dims(x.ndim)
    attempt("count_nonzero", [x, dims], lambda t, d: torch.count_nonzero(t, all_dims(t, d)))
    for name in ["amax", "amin"]:
        attempt(name, [x, dims, keepdim], lambda t, d, k: getattr(torch, name)(t, all_dims(t, d), k))
    x = draw(list(R.choice(REDUCED)), R.choice(FLOATS), wild=R.choice([False, "not huge"]))
    dims, unbiased = draw_dims(x.ndim), R.random() < 0.6
    for name in ["var", "std"]:
        attempt(name, [x, dims, unbiased, keepdim], lambda t, d, u, k: getattr(torch, name)(t, all_dims(t, d), u, k))
    p = R.choice([2, 2, 1, 0, 3, 0.5, math.inf, -math.inf, -1, 2.5])
    attempt("norm", [x, p, dims, keepdim, R.choice([None, None, torch.float64])],
            lambda t, q, d, k, y: torch.linalg.vector_norm(t, q, all_dims(t, d), k, dtype=y))
    attempt("logsumexp", [x, dims, keepdim], lambda t, d, k: torch.logsumexp(t, all_dims(t, d), k))
for x in [torch.full([3], -math.inf), torch.tensor([math.inf, 1]), torch.tensor([1000.0, 1000.0]), torch.tensor([[3.0, math.nan]])]:
    emit("logsumexp", [x, [0], False], torch.logsumexp(x, 0))
x = torch.tensor([R.gauss(1000, 1) for _ in range(2500)], dtype=torch.float64)
emit("var", [x, None, True, False], torch.var(x))
emit("std", [x.view(1250, 2), [0], False, False], torch.std(x.view(1250, 2), 0, False))
for x in [torch.tensor([1.0]), torch.tensor([]), torch.tensor([math.inf, 1.0])]:
    emit("var", [x, None, True, False], torch.var(x))
for i in times(30):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=R.choice([False, "not huge"]))
    dim = R.randint(-x.ndim, x.ndim - 1) if x.ndim else 0
    dtype = R.choice([None, None, torch.float64])
    attempt("cumsum", [x, dim, dtype], lambda t, d, y: torch.cumsum(t, d, dtype=y))
    attempt("cumprod", [x, dim, dtype], lambda t, d, y: torch.cumprod(t, d, dtype=y))
    if dtype is None and x.dtype != torch.bool:
        attempt_inplace("cumsum", [x, dim, None], lambda t, d, y: torch.cumsum(t, d, dtype=y))
        attempt_inplace("cumprod", [x, dim, None], lambda t, d, y: torch.cumprod(t, d, dtype=y))
for i in times(8):
    x = draw(list(R.choice([[5], [3, 4], [2, 3, 2]])), R.choice(FLOATS), values=lambda n: [R.choice([0, 1, -2, 0.5, 3]) for _ in range(n)])
    g, dim = draw(list(x.shape), x.dtype, layout="packed"), R.randint(-x.ndim, x.ndim - 1)
    leaf = x.double().clone().requires_grad_()
    result = torch.cumprod(leaf, dim)
    exact = torch.autograd.grad(result, leaf, g.double())[0]
    emit("cumprod_backward", [g, x, dim, result.detach().to(x.dtype)], exact.to(x.dtype))

# --- sorting; positions of equal elements are those of a stable sort ---
for i in times(30):
    x = draw(list(R.choice(REDUCED)), R.choice(ALL), wild=True)
    dim, descending = R.randint(-x.ndim, x.ndim - 1) if x.ndim else 0, R.random() < 0.5
    emit("sort", [x, dim, descending], list(torch.sort(x, stable=True, dim=dim, descending=descending)))
    emit("argsort", [x, dim, descending], torch.sort(x, stable=True, dim=dim, descending=descending)[1])
x = torch.tensor([R.choice([R.gauss(0, 9), math.nan, -0.0, 0.0, math.inf, -math.inf, -3]) for _ in range(400)])
for y in [x, x.double(), torch.tensor([R.randint(-2**63, 2**63 - 1) for _ in range(200)]), torch.tensor([R.randint(-128, 127) for _ in range(300)], dtype=torch.int8)]:
    for descending in [False, True]:
        emit("sort", [y, 0, descending], list(torch.sort(y, stable=True, dim=0, descending=descending)))


def distinct(shape, dtype):
    count = math.prod(shape)
    return torch.tensor(R.sample(range(-60, 60), count), dtype=torch.float64).to(dtype).reshape(shape)


for i in times(14):
    x = distinct(R.choice([[1], [5], [3, 4], [2, 3, 2], [7, 5]]), R.choice(NUMBERS[1:]))
    dim, keepdim = R.randint(-x.ndim, x.ndim - 1), R.random() < 0.5
    k = R.randint(0, x.shape[dim])
    emit("topk", [x, k, dim, largest := R.random() < 0.5, True], list(torch.topk(x, k, dim, largest)))
    k = R.randint(1, x.shape[dim])
    emit("kthvalue", [x, k, dim, keepdim], list(torch.kthvalue(x, k, dim, keepdim)))
    emit("median", [x, dim, keepdim], list(torch.median(x, dim, keepdim)))
    emit("median", [x, None, False], torch.median(x))
for x in [torch.tensor([1.0, math.nan, 3.0, 0.0]), torch.tensor([]), torch.tensor(4.0)]:
    emit("median", [x, None, False], torch.median(x))
emit("median", [x := torch.tensor([[1.0, math.nan, 3.0], [2, 1, 3]]), 1, False], list(torch.median(x, 1)))
emit("topk", [x := torch.tensor([1.0, math.nan, 3.0]), 2, 0, True, True], list(torch.topk(x, 2)))
emit("topk", [x := torch.tensor(4.0), 1, 0, True, True], list(torch.topk(x, 1)))
