from drawing import *

TOLERANCES.update(
    dict.fromkeys(
        "softmax log_softmax nll_loss mse_loss sigmoid_backward tanh_backward _softmax_backward_data "
        "_log_softmax_backward_data nll_loss_backward".split(), SUMMED))

# --- neural networks ---
for i in times(20):
    x = draw(list(R.choice(REDUCED)), R.choice(FLOATS), wild=i % 5 == 4 and "not huge")
    dim = R.randint(-x.ndim, x.ndim - 1) if x.ndim else R.choice([0, -1])
    dtype = R.choice([None, None, torch.float64])
    attempt("softmax", [x, dim, dtype], lambda t, d, y: torch.softmax(t, d, dtype=y))
    attempt("log_softmax", [x, dim, dtype], lambda t, d, y: torch.log_softmax(t, d, dtype=y))
    g, y = draw(list(x.shape), x.dtype), draw(list(x.shape), x.dtype, values=lambda n: [R.random() for _ in range(n)])
    attempt("_softmax_backward_data", [g, y, dim], lambda a, b, d: aten._softmax_backward_data(pack(a), pack(b), d, b.dtype))
    attempt("_log_softmax_backward_data", [g, y, dim], lambda a, b, d: aten._log_softmax_backward_data(pack(a), pack(b), d, b.dtype))
emit("softmax", [torch.tensor([[1000.0, 1000.0, -1000.0], [-1e38, 0.0, 1e38]]), 1, None],
     torch.softmax(torch.tensor([[1000.0, 1000.0, -1000.0], [-1e38, 0.0, 1e38]]), 1))
emit("log_softmax", [x := torch.tensor([[1e4, 0.0, -1e4], [-math.inf, 0.0, 1.0]]), 1, None], torch.log_softmax(x, 1))
for i in times(18):
    classes, rows = R.randint(1, 5), R.choice([0, 1, 4, 7])
    scores = draw([rows, classes] if i % 4 else [classes], R.choice(FLOATS))
    target = draw([rows] if i % 4 else [], torch.int64, values=lambda n: [R.randrange(classes) for _ in range(n)])
    reduction = R.choice(["none", "mean", "sum"])
    attempt("nll_loss", [scores, target, reduction], lambda s, t, r: F.nll_loss(s, t, reduction=r))
    g = draw(list(target.shape) if reduction == "none" else [], scores.dtype)
    code = ["none", "mean", "sum"].index(reduction)
    weight = torch.tensor(float(max(target.numel(), 1)), dtype=scores.dtype)
    attempt("nll_loss_backward", [g, scores, target, reduction],
            lambda a, s, t, r: aten.nll_loss_backward(pack(a), pack(s), pack(t), None, code, -100, weight))
for i in times(14):
    shape = draw_shape()
    a = draw(shape, R.choice(FLOATS))
    b = draw(draw_partner(shape), R.choice([a.dtype, torch.float32, torch.int64]))
    attempt("mse_loss", [a, b, R.choice(["none", "mean", "sum"])],
            lambda x, y, r: {"none": lambda v: v, "mean": torch.mean, "sum": torch.sum}[r]((x - y) * (x - y)))
for i in times(8):
    shape, dtype = draw_shape(), R.choice(FLOATS)
    g, x = draw(shape, dtype), draw(shape, dtype, wild=True)
    emit("threshold_backward", [g, x, t := R.choice([0, 0, 0.5])], aten.threshold_backward(g, x, t))
    y = draw(shape, dtype, values=lambda n: [round(R.random(), 3) for _ in range(n)])
    emit("sigmoid_backward", [g, y], aten.sigmoid_backward(g, y))
    emit("tanh_backward", [g, y], aten.tanh_backward(g, y))
for i in times(10):
    x = draw(R.choice([[5], [3, 4], [2, 3, 4]]), torch.float32)
    dim = R.randint(-x.ndim, x.ndim - 1)
    at = R.randrange(-x.shape[dim], x.shape[dim])
    g = draw(list(x.select(dim, at).shape), R.choice(FLOATS))
    emit("select_backward", [g, list(x.shape), dim, at], aten.select_backward(g, x.shape, dim, at))
    start, end, step = R.choice([None, 0, 1, -2]), R.choice([None, 3, -1, 100]), R.choice([1, 2])
    part = aten.slice(x, dim, start, end, step)
    g = draw(list(part.shape), R.choice(FLOATS))
    emit("slice_backward", [g, list(x.shape), dim, start, end, step],
         aten.slice_backward(g, x.shape, dim, 0 if start is None else start, 1 << 62 if end is None else end, step))
