from drawing import *

LOSSES = "l1_loss smooth_l1_loss binary_cross_entropy binary_cross_entropy_with_logits"
TOLERANCES.update(dict.fromkeys(
    (LOSSES + " mse_loss_backward l1_loss_backward smooth_l1_loss_backward binary_cross_entropy_with_logits_backward "
     "native_dropout_backward embedding_dense_backward").split(), SUMMED))
TOLERANCES["binary_cross_entropy_backward"] = ((3e-6, 2e-6), (1e-13, 1e-13))
CODES = {"none": 0, "mean": 1, "sum": 2}


def probabilities(n):
    return [R.choice([0.0, 1.0, round(R.random(), 3)]) for _ in range(n)]


def slope(function, x, g):
    """The gradient of x in double, in x's dtype: torch's kernels of backward halves do not broadcast."""
    leaf = pack(x).double().requires_grad_()
    function(leaf).backward(g.double())
    return leaf.grad.to(x.dtype)


for i in times(24):
    shape = draw_shape()
    a = draw(shape, R.choice(FLOATS))
    b = draw(draw_partner(shape), R.choice([a.dtype, a.dtype, torch.float32]))
    reduction, beta = R.choice(list(CODES)), R.choice([1.0, 0.5, 2.0, 0.0])
    x, y = torch.broadcast_tensors(a, b)
    if 0 in x.shape:
        continue
    dtype = torch.result_type(a, b)
    wide = x.to(dtype), y.to(dtype)
    emit("l1_loss", [a, b, reduction], F.l1_loss(*wide, reduction=reduction))
    emit("smooth_l1_loss", [a, b, beta, reduction], F.smooth_l1_loss(*wide, reduction=reduction, beta=beta))
    g = draw(list(x.shape) if reduction == "none" else [], dtype)
    target = y.double()
    emit("mse_loss_backward", [g, a, b, reduction], slope(lambda t: F.mse_loss(t, target, reduction=reduction), wide[0], g))
    emit("l1_loss_backward", [g, a, b, reduction], slope(lambda t: F.l1_loss(t, target, reduction=reduction), wide[0], g))
    if beta > 0:
        emit("smooth_l1_loss_backward", [g, a, b, beta, reduction],
             slope(lambda t: F.smooth_l1_loss(t, target, reduction=reduction, beta=beta), wide[0], g))
for i in times(24):
    shape, dtype = draw_shape(), R.choice(FLOATS)
    if 0 in shape:
        continue
    x, t = draw(shape, dtype, values=probabilities), draw(shape, dtype, values=probabilities)
    weight = draw(draw_partner(shape) if R.random() < 0.5 else shape, dtype) if R.random() < 0.4 else None
    reduction = R.choice(list(CODES))
    g = draw(shape if reduction == "none" else [], dtype)
    wide = None if weight is None else weight.double()
    try:
        F.binary_cross_entropy(x.double(), t.double(), wide)
    except RuntimeError:
        continue
    if weight is not None and list((x * weight).shape) != shape:
        continue
    emit("binary_cross_entropy", [x, t, weight, reduction],
         F.binary_cross_entropy(x.double(), t.double(), wide, reduction=reduction).to(dtype))
    full = None if weight is None else pack(weight.expand(shape))
    emit("binary_cross_entropy_backward", [g, x, t, weight, reduction],
         aten.binary_cross_entropy_backward(pack(g), pack(x), pack(t), full, CODES[reduction]))
    z = draw(shape, dtype, wild=i % 4 == 3 and "not huge")
    emit("binary_cross_entropy_with_logits", [z, t, weight, reduction],
         F.binary_cross_entropy_with_logits(z.double(), t.double(), wide, reduction=reduction).to(dtype))
    if bool(z.isfinite().all()):
        emit("binary_cross_entropy_with_logits_backward", [g, z, t, weight, reduction],
             slope(lambda v: F.binary_cross_entropy_with_logits(v, t.double(), wide, reduction=reduction), z, g))

# --- embedding, dropout ---
for i in times(16):
    rows, columns = R.randint(1, 5), R.randint(1, 4)
    table = draw([rows, columns], R.choice(ALL))
    index_type = R.choice([torch.int64, torch.int64, torch.int32])
    indices = draw(draw_shape(), index_type, values=lambda n: [R.randrange(rows) for _ in range(n)])
    emit("embedding", [table, indices, -1, False, False], F.embedding(indices, table))
    g = draw(list(indices.shape) + [columns], R.choice(FLOATS))
    padding, scaled = R.choice([-1, R.randrange(rows)]), R.random() < 0.4
    emit("embedding_dense_backward", [g, indices, rows, padding, scaled],
         aten.embedding_dense_backward(pack(g), pack(indices), rows, padding, scaled))
for i in times(6):
    g = draw(draw_shape(), R.choice(FLOATS))
    kept = draw(list(g.shape), torch.bool)
    emit("native_dropout_backward", [g, kept, 2.5], aten.native_dropout_backward(g, kept, 2.5))
