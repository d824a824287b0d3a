import itertools

from drawing import *

TOLERANCES.update(dict.fromkeys("scatter scatter_add put _index_put".split(), SUMMED))
SOME = [[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]


def positions(shape, low, high, dtype=torch.int64):
    """Integers in [low, high)."""
    return draw(shape, dtype, values=lambda n: [R.randrange(low, high) for _ in range(n)])


def smaller(shape, dim):
    """The shape of an index: not larger than `shape`, but free along dim."""
    return [R.choice([0, 1, 2, 5]) if d == dim else R.randint(1, s) for d, s in enumerate(shape)]


# --- along one dim ---
for i in times(30):
    shape = list(R.choice(SOME))
    dim = R.randint(-len(shape), len(shape) - 1)
    at = dim % len(shape)
    x = draw(shape, R.choice(ALL), wild=True)
    index = positions(smaller(shape, at), 0, shape[at])
    emit("gather", [x, dim, index], torch.gather(x, dim, index))
    src = draw([s + R.randint(0, 1) for s in index.shape], x.dtype, wild=True)
    # Of several sources of one place torch leaves open which stays, so each place comes once.
    rows = [s if d != at else min(s, shape[at]) for d, s in enumerate(index.shape)]
    once = torch.zeros(rows, dtype=torch.int64)
    for place in itertools.product(*[range(s) for d, s in enumerate(rows) if d != at]):
        once[tuple([*place[:at], slice(None), *place[at:]])] = torch.tensor(R.sample(range(shape[at]), rows[at]), dtype=torch.int64)
    both("scatter", [x, dim, once, src, None], lambda a, d, i, s, r: torch.scatter(a, d, i, s))
    both("scatter", [x, dim, index, R.choice([2, 0, True]), None], lambda a, d, i, s, r: torch.scatter(a, d, i, s))
    if x.dtype != torch.bool:
        tame = draw(list(src.shape), x.dtype)
        y = draw(shape, x.dtype)
        both("scatter_add", [y, dim, index, tame], torch.scatter_add)
        both("scatter", [y, dim, index, tame, "add"], lambda a, d, i, s, r: torch.scatter(a, d, i, s, reduce=r))
    small = draw(shape, R.choice(FLOATS + [torch.int64]))
    both("scatter", [small, dim, once, draw(list(once.shape), small.dtype), "multiply"],
         lambda a, d, i, s, r: torch.scatter(a, d, i, s, reduce=r))
    both("index_fill", [x, dim, positions([R.choice([0, 1, 3])], -shape[at], shape[at]), R.choice([2, 0, True, torch.tensor(3, dtype=x.dtype)])],
         torch.index_fill)
    count = R.randint(0, shape[at])
    rows = torch.tensor(R.sample(range(shape[at]), count), dtype=torch.int64)
    source = draw([count if d == at else s for d, s in enumerate(shape)], x.dtype, wild=True)
    both("index_copy", [x, dim, rows, source], torch.index_copy)
scalar = torch.tensor(3.5)
emit("gather", [scalar, 0, torch.tensor(0)], torch.gather(scalar, 0, torch.tensor(0)))
emit("gather", [scalar, 0, torch.tensor([0])], torch.gather(scalar, 0, torch.tensor([0])))
emit("gather", [torch.tensor([1, 2]), 0, torch.tensor(1)], torch.gather(torch.tensor([1, 2]), 0, torch.tensor(1)))
both("scatter", [scalar, 0, torch.tensor(0), torch.tensor(1.5), None], lambda a, d, i, s, r: torch.scatter(a, d, i, s))
both("index_fill", [scalar, 0, torch.tensor(0), 2], torch.index_fill)
both("index_copy", [scalar, 0, torch.tensor([0]), torch.tensor(4.5)], torch.index_copy)

# --- anywhere ---
for i in times(20):
    x = draw(list(R.choice(SOME + [[]])), R.choice(ALL), wild=True)
    n = x.numel()
    index = positions(draw_shape(), -n, n)
    emit("take", [x, index], torch.take(x, index))
    places = R.sample(range(n), min(n, R.choice([1, 2, 4])))
    index = torch.tensor([p - R.choice([0, n]) for p in places])
    both("put", [x, index, draw(list(index.shape), x.dtype, wild=True), False], torch.Tensor.put)
    y = draw(list(x.shape), R.choice(NUMBERS))
    index = positions([3, 2], -n, n)
    both("put", [y, index, draw(R.choice([[6], [2, 3]]), y.dtype), True], torch.Tensor.put)

# --- x[i, j, ...]: positions in several dims ---
def ravel(indices, sizes):
    total = 0
    for index, size in zip(indices, sizes):
        total = total * size + torch.where(index < 0, index + size, index).to(torch.int64)
    return total


for i in times(16):
    sizes = [R.randint(1, 5) for _ in range(R.randint(1, 3))]
    shape = R.choice([[], [2], [3, 2], [0]])
    indices = [positions(draw_partner(shape) if k else shape, -s, s, R.choice([torch.int64, torch.int64, torch.int32]))
               for k, s in enumerate(sizes)]
    emit("_ravel_index", [indices, sizes], ravel(indices, sizes))
for i in times(40):
    x = draw(list(R.choice([[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]])), R.choice(ALL), wild=True)
    dims = sorted(R.sample(range(x.ndim), R.randint(1, x.ndim)))
    places = R.choice([[], [1], [3], [2, 2], [0]])
    index = [positions(places, 0, x.shape[d]) for d in dims]
    key = tuple(index[dims.index(d)] if d in dims else slice(None) for d in range(x.ndim))
    flat = ravel(index, [x.shape[d] for d in dims])
    emit("_index", [x, flat, dims], x[key])
    y = draw(list(x.shape), R.choice(NUMBERS))
    part = y[key]
    values = draw(draw_partner(list(part.shape)), y.dtype)

    def put(a, p, d, v, accumulate):
        """index_put takes no slices; this is the same by the places of an arange."""
        places = torch.arange(a.numel()).view(a.shape)[key]
        return pack(a).put_(places, v.expand(part.shape).contiguous(), accumulate)

    both("_index_put", [y, flat, dims, values, True], put)
    once = len(set(flat.reshape(-1).tolist())) == flat.numel()
    if once:
        both("_index_put", [x, flat, dims, draw(list(values.shape), x.dtype, wild=True), False], put)
