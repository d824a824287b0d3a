from drawing import *

for i in times(24):
    shape = draw_shape()
    mask = draw(shape, R.choice([torch.bool, torch.bool, torch.uint8]), values=lambda n: [R.random() < 0.5 for _ in range(n)])
    x = draw(draw_partner(shape), R.choice(ALL), wild=True)
    value = R.choice([2, 0, True, torch.tensor(3, dtype=x.dtype), torch.tensor(1, dtype=torch.uint8)])
    attempt("masked_fill", [x, mask, value], torch.masked_fill)
    y = draw(shape, R.choice(ALL), wild=True)
    attempt_inplace("masked_fill", [y, draw(draw_partner(shape), torch.bool), value], torch.masked_fill)
    if y.dtype.is_floating_point:
        both("masked_fill", [y, mask, R.choice([1.5, -math.inf])], torch.masked_fill)
    attempt("masked_select", [x, mask], torch.masked_select)
    attempt("masked_select", [y, draw(draw_partner(shape), torch.bool)], torch.masked_select)
    if mask.dtype == torch.bool:
        source = draw([mask.numel() + R.randint(0, 2)], y.dtype, wild=True)
        both("masked_scatter", [y, mask, source], torch.masked_scatter)
    z = draw(shape, R.choice(ALL), values=lambda n: [R.choice([0, 0, 1, 5]) for _ in range(n)])
    emit("nonzero", [z], z.nonzero())
emit("nonzero", [torch.tensor([0.0, -0.0, math.nan, math.inf])], torch.tensor([[2], [3]]))
emit("nonzero", [torch.tensor(0)], torch.tensor(0).nonzero())
emit("nonzero", [torch.tensor(7)], torch.tensor(7).nonzero())
for i in times(10):
    classes = draw(draw_shape(), torch.int64, values=lambda n: [R.randint(0, 4) for _ in range(n)])
    attempt("one_hot", [classes, R.choice([-1, 5, 6])], F.one_hot)
