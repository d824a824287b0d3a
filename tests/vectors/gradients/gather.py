from gradient_drawing import *

SOME = [[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]


def positions(shape, low, high):
    return draw(shape, torch.int64, values=lambda n: [R.randrange(low, high) for _ in range(n)])


for _ in times(10):
    x = floats(list(R.choice(SOME)))
    dim = R.randint(-x.ndim, x.ndim - 1)
    at = dim % x.ndim
    shape = [R.choice([0, 1, 2, 5]) if d == at else R.randint(1, s) for d, s in enumerate(x.shape)]
    index = positions(shape, 0, x.shape[at])
    gradient("gather", [x, dim, index], torch.gather)
    once = torch.tensor(R.sample(range(x.shape[at]), R.randint(0, x.shape[at])), dtype=torch.int64)
    gradient_both("index_copy", [x, dim, once, floats([len(once) if d == at else s for d, s in enumerate(x.shape)], x.dtype)],
                  torch.index_copy)
    gradient_both("index_fill", [x, dim, positions([3], -x.shape[at], x.shape[at]), R.choice([2, 1.5])], torch.index_fill)
    gradient_both("index_fill", [x, dim, once, floats([], x.dtype)], torch.index_fill)
    spread = once.view([-1 if d == at else 1 for d in range(x.ndim)]).expand([len(once) if d == at else s for d, s in enumerate(x.shape)])
    src = floats(list(spread.shape), x.dtype)
    gradient_both("scatter", [x, dim, spread, src, None], lambda a, d, i, s, r: torch.scatter(a, d, i, s))
    gradient_both("scatter", [x, dim, index, 1.5, None], lambda a, d, i, s, r: torch.scatter(a, d, i, s))
    gradient_both("scatter_add", [x, dim, index, floats(shape, x.dtype)], torch.scatter_add)
    n = x.numel()
    gradient("take", [x, positions(draw_shape(), -n, n)], torch.take)
    places = torch.tensor(R.sample(range(n), 3))
    gradient_both("put", [x, places, floats([3], x.dtype), False], torch.Tensor.put)
    gradient_both("put", [x, positions([2, 2], -n, n), floats([2, 2], x.dtype), True], torch.Tensor.put)

for _ in times(6):
    x = floats(list(R.choice(SOME[1:])))
    dims = sorted(R.sample(range(x.ndim), 2))
    place = positions([3], 0, x.shape[dims[0]] * x.shape[dims[1]])
    key = [slice(None)] * x.ndim
    key[dims[0]], key[dims[1]] = torch.div(place, x.shape[dims[1]], rounding_mode="floor"), place % x.shape[dims[1]]
    gradient("_index", [x, place, dims], lambda t, p, d: t[tuple(key)])

    def put(t, p, d, values, accumulate):
        places = torch.arange(t.numel()).view(t.shape)[tuple(key)]
        return t.put(places, values.expand(places.shape).contiguous(), accumulate)

    values = floats(draw_partner(list(x[tuple(key)].shape)), x.dtype)
    gradient_both("_index_put", [x, place, dims, values, True], put)
    if len(set(place.tolist())) == 3:
        gradient_both("_index_put", [x, place, dims, values, False], put)

# --- masks ---
for _ in times(10):
    shape = draw_shape()
    mask = draw(shape, torch.bool)
    x = floats(draw_partner(shape))
    gradient("masked_fill", [x, mask, R.choice([2.5, 0, floats([], x.dtype)])], torch.masked_fill)
    y = floats(shape)
    gradient_both("masked_fill", [y, draw(draw_partner(shape), torch.bool), R.choice([2.5, floats([], y.dtype)])], torch.masked_fill)
    # Of a tensor that is not packed torch 1.13 takes the gradient in the order of memory.
    gradient("masked_select", [pack(x), mask], torch.masked_select)
    gradient_both("masked_scatter", [y, mask, floats([mask.numel() + 1], y.dtype)], torch.masked_scatter)

# --- x[...] and x[...] = y ---
def draw_key(shape):
    index, left, dots = [], list(shape), False
    base = R.choice([[], [2], [2, 2], [1], [0]])
    while left and R.random() < 0.85:
        size = left[0]
        kind = R.choice("isttlmbn.")
        if kind == "i":
            index.append(R.randint(-size, size - 1))
        elif kind == "s":
            index.append(slice(R.choice([None, R.randint(-4, 4)]), R.choice([None, R.randint(-4, 4)]), R.choice([1, 1, 2])))
        elif kind == "t":
            index.append(positions(draw_partner(base), -size, size))
        elif kind == "l":
            index.append([R.randint(-size, size - 1) for _ in range(R.choice([1, 2]))])
        elif kind == "m":
            covered = R.randint(1, len(left))
            index.append(draw(left[:covered], torch.bool))
            left = left[covered - 1:]
        elif kind == "n":
            index.append(None)
            continue
        elif kind == "b":
            index.append([R.random() < 0.6 for _ in range(size)])
        elif not dots:
            index.append(...)
            dots = True
            left = left[R.randint(0, len(left)):]
            continue
        else:
            continue
        left = left[1:]
    return index


def assign(x, index, values, accumulate):
    key = tuple(index)
    if accumulate:
        place = torch.arange(x.numel()).view(x.shape)[key]
        values = values if isinstance(values, torch.Tensor) else torch.tensor(values, dtype=x.dtype)
        return x.put(place, values.expand(place.shape).contiguous(), True)
    made = x.clone()
    made[key] = values
    return made


for _ in times(120):
    shape = list(R.choice([[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]))
    x = floats(shape, R.choice(FLOATS))
    index = draw_key(shape)
    try:
        picked = x[tuple(index)]
        place = torch.arange(x.numel()).view(shape)[tuple(index)].reshape(-1).tolist()
    except (IndexError, RuntimeError):
        continue
    gradient("index", [x, index], lambda t, i: t[tuple(i)])
    values = R.choice([1.5, floats(draw_partner(list(picked.shape)), x.dtype), floats([], x.dtype)])
    if len(set(place)) == len(place):
        gradient_both("index_put", [x, index, values, False], assign)
    gradient_both("index_put", [x, index, values, True], assign)
