from gradient_drawing import *

for _ in times(8):
    x = floats(list(R.choice(REDUCED)))
    dim = R.randint(-x.ndim, x.ndim - 1) if x.ndim else R.choice([0, -1])
    dtype = R.choice([None, None, torch.float64])
    gradient("softmax", [x, dim, dtype], lambda t, d, y: torch.softmax(t, d, dtype=y))
    gradient("log_softmax", [x, dim, dtype], lambda t, d, y: torch.log_softmax(t, d, dtype=y))
for values in [[1000, -2, 3], [1, -2, 3, 700]]:
    gradient("softmax", [torch.tensor(values, dtype=torch.float64), 0, None], lambda t, d, y: torch.softmax(t, d, dtype=y))
    gradient("log_softmax", [torch.tensor(values, dtype=torch.float64), 0, None], lambda t, d, y: torch.log_softmax(t, d, dtype=y))
for i in times(10):
    classes, rows = R.randint(1, 5), R.choice([1, 4, 7])
    scores = floats([rows, classes] if i % 4 else [classes])
    target = torch.tensor([R.randrange(classes) for _ in range(rows)]) if i % 4 else torch.tensor(R.randrange(classes))
    reduction = R.choice(["none", "mean", "sum"])
    gradient("nll_loss", [scores, target, reduction], lambda s, t, r: F.nll_loss(s, t, reduction=r))
    gradient("cross_entropy", [scores, target, reduction], lambda s, t, r: F.cross_entropy(s, t, reduction=r))
for _ in times(10):
    shape = draw_shape()
    a = floats(shape)
    b = floats(draw_partner(shape), a.dtype)
    gradient("mse_loss", [a, b, R.choice(["none", "mean", "sum"])], lambda x, y, r: F.mse_loss(x, y, reduction=r))
