from gradient_drawing import *


def some(low=1, high=3):
    return floats([R.randint(1, 4) for _ in range(R.randint(low, high))])


def dim_of(x, extra=0):
    return R.randint(-x.ndim - extra, x.ndim - 1 + extra)


for _ in times(5):
    x = some()
    x = floats(list(x.shape), layout="packed")
    gradient("view", [x, [x.numel() // x.shape[0], -1]], lambda t, s: t.view(s))
    x = some()
    gradient("reshape", [x, [x.numel() // x.shape[0], -1]], lambda t, s: t.reshape(s))
    gradient("flatten", [some(2, 3), R.choice([0, 1]), -1], lambda t, a, b: t.flatten(a, b))
    gradient("t", [some(1, 2)], lambda t: t.t())
    x = some()
    gradient("transpose", [x, dim_of(x), dim_of(x)], lambda t, a, b: t.transpose(a, b))
    gradient("permute", [some(3, 3), R.choice([[2, 0, 1], [1, -1, 0]])], lambda t, d: t.permute(d))
    x = floats(R.choice([[3, 1], [1], [2, 1, 3], []]))
    gradient("expand", [x, [2] + [3 if s == 1 else s for s in x.shape]], lambda t, s: t.expand(s))
    x = floats(R.choice([[3, 1], [1], [2, 1, 3], [1, 2, 1]]))
    gradient("squeeze", [x, R.choice([None, dim_of(x)])], lambda t, d: t.squeeze() if d is None else t.squeeze(d))
    gradient("unsqueeze", [x, R.randint(-x.ndim - 1, x.ndim)], lambda t, d: t.unsqueeze(d))
    x = some()
    dim = dim_of(x)
    size = x.shape[dim]
    gradient("select", [x, dim, R.randint(-size, size - 1)], lambda t, d, i: t.select(d, i))
    gradient("slice", [x, dim, R.choice([None, 0, 1, -2]), R.choice([None, 3, -1, 100]), R.choice([1, 2])], aten.slice)
    start = R.randrange(size)
    gradient("narrow", [x, dim, start, R.randint(0, size - start)], lambda t, d, s, n: t.narrow(d, s, n))
    gradient("chunk", [x, R.randint(1, 3), dim], lambda t, n, d: t.chunk(n, d))
    gradient("split", [x, R.randint(1, 3), dim], lambda t, n, d: t.split(n, d))
    gradient("tensor_split", [x, R.choice([1, 2, 3, [1], [2, 1], [-1, 1, 3]]), dim], torch.tensor_split)
    gradient("unbind", [x, dim], lambda t, d: t.unbind(d))
    count = R.randint(1, 6)
    index = torch.tensor([R.randrange(size) for _ in range(count)])
    gradient("index_select", [x, dim, index], lambda t, d, i: t.index_select(d, i))
    shape = list(x.shape)
    shape[dim] = count
    gradient("index_add", [x, dim, index, floats(shape, x.dtype)], lambda t, d, i, s: torch.index_add(t, d, i, s))
    gradient("index_add_", [x, dim, index, floats(shape, x.dtype)], lambda t, d, i, s: t.index_add_(d, i, s), inplace=True)
for index in [(-1, slice(1, None, 2)), (Ellipsis, None, 1), (slice(0, 2), [-1, 0, 3, 3]), (slice(None),), ([0, 2], slice(None), 1)]:
    gradient("index", [floats([3, 4, 2]), index], lambda t, i: t[i])

# --- joining ---
for _ in times(8):
    ndim = R.randint(1, 3)
    base, dim = [R.randint(1, 3) for _ in range(ndim)], R.randint(-ndim, ndim - 1)
    shapes = [[R.randint(0, 3) if d == dim % ndim else s for d, s in enumerate(base)] for _ in range(R.randint(1, 4))]
    dtype = R.choice([None, *FLOATS])
    gradient("cat", [[floats(s, dtype) for s in shapes], dim], lambda t, d: torch.cat(t, d))
    gradient("stack", [[floats(base, dtype or torch.float64) for _ in shapes], R.randint(-ndim - 1, ndim)], lambda t, d: torch.stack(t, d))
