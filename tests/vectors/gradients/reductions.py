from gradient_drawing import *


def over(function):
    def call(x, dims, keepdim, dtype):
        return function(x, list(range(x.ndim)) if not dims else dims, keepdim, dtype=dtype)
    return call


for _ in times(14):
    x = floats(list(R.choice(REDUCED)))
    args = [x, draw_dims(x.ndim), R.random() < 0.4, R.choice([None, None, torch.float64])]
    gradient("sum", args, over(torch.sum))
    gradient("mean", args, over(torch.mean))
for _ in times(12):
    for name in ["max", "min"]:
        x = floats(list(R.choice([[1], [5], [3, 4], [2, 3, 2], [7, 5]])))  # with ties
        dim = R.choice([None, R.randint(-x.ndim, x.ndim - 1)])
        if dim is None:
            gradient(name, [x, None, False], lambda t, d, k: getattr(torch, name)(t))
        else:
            gradient(name, [x, dim, R.random() < 0.4], lambda t, d, k: tuple(getattr(torch, name)(t, d, k)))
for _ in times(8):
    x = floats(list(R.choice(REDUCED)))
    size = [1 if R.random() < 0.5 else s for s in x.shape][R.randint(0, x.ndim):] if x.ndim else []
    gradient("sum_to_size", [x, size], lambda t, s: t.sum_to_size(s))
