from drawing import *

# div_trunc: integers among integers, toward zero. PyTorch's own kernel would trap on the least number by -1.
for dtype in INTS:
    for i in times(12):
        shape = draw_shape()
        a = draw(shape, dtype, wild=True)
        low = 0 if dtype == torch.uint8 else -9
        nonzero = lambda n: [R.choice([v for v in range(low, 10) if v not in (0, -1)]) for _ in range(n)]
        kind = i % 3
        if kind == 0:
            b = R.choice([2, 3, 7, 10, 100])
        else:
            b = draw(draw_partner(shape), dtype if kind == 1 else R.choice(INTS), values=nonzero)
            if kind == 2 and b.dtype == torch.uint8:
                b = b.abs()
        if isinstance(b, torch.Tensor) and bool((b == 0).any()):
            continue
        attempt("div_trunc", [a, b], lambda x, y: torch.div(x, y, rounding_mode="trunc"))
for divisor in [2, 3, 5, 7, 10, 641, 1000, 65536, 10**6, 10**7, 10**9 + 7, 10**18, 2**62, 2**63 - 1]:
    values = [0, 1, -1, divisor, -divisor, divisor - 1, 1 - divisor, 2**63 - 1, 1 - 2**63, -(2**63)]
    values += [R.randint(-(2**63), 2**63 - 1) for _ in range(10)] + [R.randint(-(10**12), 10**12) for _ in range(10)]
    t = torch.tensor(values, dtype=torch.int64)
    quotients = [abs(v) // divisor * (1 if v >= 0 else -1) for v in values]
    emit("div_trunc", [t, divisor], torch.tensor(quotients, dtype=torch.int64))
