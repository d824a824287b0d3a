from drawing import *

TOLERANCES.update({"arange": SUMMED, "sgd_": SCALED})

# --- creation ---
for _ in times(6):
    shape, dtype = draw_shape(), R.choice([None] + ALL)
    emit("zeros", [shape, dtype], torch.zeros(shape, dtype=dtype))
    emit("ones", [shape, dtype], torch.ones(shape, dtype=dtype))
    value = R.choice([7, 1.5, True, 0])
    emit("full", [shape, value, dtype], torch.full(shape, value, dtype=dtype))
    like = draw(draw_shape(), R.choice(ALL))
    emit("zeros_like", [like, dtype], torch.zeros_like(like, dtype=dtype))
    emit("ones_like", [like, dtype], torch.ones_like(like, dtype=dtype))
for _ in times(24):
    start, step = R.choice([0, 2, -3, 0.5, -1.25]), R.choice([1, 2, 0.5, -1, -0.75])
    end = start + step * R.randint(0, 9) + R.choice([0, step / 2])
    end = int(end) if isinstance(start, int) and isinstance(step, int) else end
    attempt("arange", [start, end, step, R.choice([None, None, torch.float32, torch.float64, torch.int64, torch.int16])],
            lambda a, b, c, d: torch.arange(a, b, c, dtype=d))

# --- in place only ---
for i in times(30):
    shape = draw_shape()
    to, source = draw(shape, R.choice(ALL), layout=R.choice(["packed", "permuted", "cut"])), None
    dtype = to.dtype if i % 2 else R.choice(ALL)
    wild = not (dtype.is_floating_point and not to.dtype.is_floating_point)
    positive = lambda n: [R.randint(0, 500) / 4 for _ in range(n)]
    source = draw(draw_partner(shape), dtype, wild=wild, values=None if wild else positive)
    emit("copy_", [to, source], source.to(to.dtype).expand(shape))
    value = R.choice([3, 2.5, True, 0])
    emit("fill_", [to, value], torch.full(shape, value, dtype=torch.float64).to(to.dtype))
    emit("zero_", [to], torch.zeros_like(to))
    if to.dtype.is_floating_point:
        rate = R.choice([0.5, 0.1, 1e-3])
        attempt("sgd_", [to, draw(draw_partner(shape), R.choice(FLOATS)), rate], lambda a, g, r: torch.add(a, g.to(a.dtype), alpha=-r))
