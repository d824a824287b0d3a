from gradient_drawing import *


def all_dims(x, dims):
    return list(range(x.ndim)) if not dims else dims


def distinct(shape):
    count = math.prod(shape)
    return torch.tensor(R.sample(range(-60, 60), count), dtype=torch.float64).reshape(shape) / 8


for _ in times(10):
    keepdim = R.random() < 0.4
    x = floats(list(R.choice(REDUCED)))  # with zeros
    dim = None if x.ndim == 0 or R.random() < 0.3 else R.randint(-x.ndim, x.ndim - 1)
    if dim is None:
        gradient("prod", [x, None, False], lambda t, d, k: torch.prod(t))
    else:
        gradient("prod", [x, dim, keepdim], lambda t, d, k: torch.prod(t, d, k))
    dims = draw_dims(x.ndim)
    for name in ["amax", "amin"]:
        gradient(name, [x, dims, keepdim], lambda t, d, k: getattr(torch, name)(t, all_dims(t, d), k))
    gradient("logsumexp", [x, dims, keepdim], lambda t, d, k: torch.logsumexp(t, all_dims(t, d), k))
    x = floats(list(R.choice([[5], [3, 4], [2, 3, 2], [7, 5]])))
    dims, unbiased = draw_dims(x.ndim), R.random() < 0.5
    dims = [-1] if R.random() < 0.5 else dims
    for name in ["var", "std"]:
        gradient(name, [x, dims, unbiased, keepdim], lambda t, d, u, k: getattr(torch, name)(t, all_dims(t, d), u, k))
    for p in [2, R.choice([1, 0, 3, 0.5, math.inf, -math.inf, 2.5])]:
        gradient("norm", [x, p, dims, keepdim], lambda t, q, d, k: torch.linalg.vector_norm(t, q, all_dims(t, d), k))
for values in [[0, 2, 3], [0, 0, 3], [1, 2, 3]]:
    gradient("prod", [torch.tensor(values, dtype=torch.float64), None, False], lambda t, d, k: torch.prod(t))
zeros = torch.zeros(3, dtype=torch.float64)
gradient("norm", [zeros, 2, None, False], lambda t, q, d, k: torch.linalg.vector_norm(t, q))
gradient("std", [zeros, None, True, False], lambda t, d, u, k: torch.std(t))
for _ in times(8):
    x = floats(list(R.choice([[], [5], [3, 4], [2, 3, 2], [0, 3]])), None)
    dim = R.randint(-x.ndim, x.ndim - 1) if x.ndim else 0
    gradient_both("cumsum", [x, dim], torch.cumsum)
    gradient_both("cumprod", [x, dim], torch.cumprod)
    x = distinct(R.choice([[1], [5], [3, 4], [2, 3, 2], [7, 5]]))
    dim, keepdim = R.randint(-x.ndim, x.ndim - 1), R.random() < 0.5
    gradient("sort", [x, dim, R.random() < 0.5], lambda t, d, down: tuple(torch.sort(t, dim=d, descending=down)))
    gradient("topk", [x, R.randint(1, x.shape[dim]), dim, R.random() < 0.5], lambda t, k, d, large: tuple(torch.topk(t, k, d, large)))
    gradient("kthvalue", [x, R.randint(1, x.shape[dim]), dim, keepdim], lambda t, k, d, keep: tuple(torch.kthvalue(t, k, d, keep)))
    gradient("median", [x, dim, keepdim], lambda t, d, k: tuple(torch.median(t, d, k)))
    gradient("median", [x, None, False], lambda t, d, k: torch.median(t))
