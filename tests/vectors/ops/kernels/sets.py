from drawing import *

TOLERANCES.update(bincount=SUMMED)


def few(shape, dtype, low=0, high=4):
    return draw(shape, dtype, values=lambda n: [R.randint(low, high) for _ in range(n)])


def consecutive(x, inverse, counts):
    return torch.unique_consecutive(x, return_inverse=inverse, return_counts=counts)


for i in times(24):
    x = few([R.choice([0, 1, 7, 30])], R.choice(INTS))
    attempt("bincount", [x, None, R.choice([0, 3, 9])], torch.bincount)
    weights = draw([x.numel()], R.choice(ALL))
    if x.numel():
        attempt("bincount", [x, weights, R.choice([0, 9])], torch.bincount)
    dtype = R.choice(ALL)
    low = -3 if dtype in (torch.int8, torch.int64, torch.float32, torch.float64) else 0
    x = few(R.choice(SHAPES + [[100], [70, 3]]), dtype, low, R.choice([1, 5, 60]))
    wishes = [R.random() < 0.5, R.random() < 0.5]
    attempt("unique", [x, True, *wishes], torch.unique)
    attempt("unique_consecutive", [x, *wishes], consecutive)
for dtype in INTS:
    ends = torch.tensor([torch.iinfo(dtype).max, torch.iinfo(dtype).min] * 3, dtype=dtype)
    emit("unique", [ends, True, True, True], torch.unique(ends, True, True, True))
