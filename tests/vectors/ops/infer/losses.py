# Losses element by element, their backward halves, and what the other files leave out (names: ../generate_infer.py)
LOSSES = {"mse_loss": F.mse_loss, "l1_loss": F.l1_loss}
REDUCTIONS = ["none", "mean", "sum"]


def reduced(shape, dtype, reduction):
    return tensor(shape if reduction == "none" else [], dtype)


for _ in range(60):
    dtype, reduction = R.choice(FLOATS), R.choice(REDUCTIONS)
    x = tensor(draw_shape(), dtype)
    target = tensor(x.shape if R.random() < 0.8 else draw_like(x.shape), dtype)
    case(out, "l1_loss", F.l1_loss, [x, target], {"reduction": reduction})
    case(out, "smooth_l1_loss", F.smooth_l1_loss, [x, target], {"reduction": reduction, "beta": R.choice([1.0, 0.5, 0.0])})
    weight = R.choice([None, tensor(draw_like(x.shape), dtype)])
    case(out, "binary_cross_entropy", F.binary_cross_entropy, [x, target, weight], {"reduction": reduction})
    case(out, "binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, [x, target, weight],
         {"reduction": reduction})
    number = REDUCTIONS.index(reduction)
    target = tensor(x.shape, dtype)
    grad = reduced(x.shape, dtype, reduction)
    case(out, "mse_loss_backward", aten.mse_loss_backward, [grad, x, target, reduction], call=[grad, x, target, number])
    case(out, "smooth_l1_loss_backward", aten.smooth_l1_loss_backward, [grad, x, target, 0.5, reduction],
         call=[grad, x, target, number, 0.5])
    case(out, "binary_cross_entropy_backward", aten.binary_cross_entropy_backward, [grad, x, target, None, reduction],
         call=[grad, x, target, None, number])
    case(out, "silu", F.silu, [x])
    case(out, "isclose", torch.isclose, [x, tensor(draw_like(x.shape), dtype)])

for _ in range(60):
    dtype = R.choice(FLOATS)
    t = tensor([max(s, 1) for s in draw_shape(1, 3)], dtype)
    dim = some_dim(t)
    n = R.choice([0, 1, 2])
    source = [n if d == dim % t.dim() else s for d, s in enumerate(t.shape)]
    source = source if R.random() < 0.9 else source + [2]
    indices = tensor([n] if R.random() < 0.9 else [n + 1], torch.int64)
    case(out, "index_copy", torch.index_copy, [t, dim, indices, tensor(source, dtype)])
    case(out, "index_copy_", torch.Tensor.index_copy_, [t, dim, indices, tensor(source, dtype)])
    sizes = draw_shape(2, 4, (1, 2, 3, 4))
    t = tensor(sizes, dtype)
    ends = R.sample(range(t.dim()), 2)
    offset = R.randint(-2, 2)
    diagonal = torch.diagonal(t, offset, *ends)
    case(out, "diagonal_backward", aten.diagonal_backward, [tensor(diagonal.shape, dtype), sizes, offset, *ends])
    dim = R.randrange(t.dim())
    size, step = R.randint(1, t.shape[dim]), R.randint(1, 3)
    case(out, "unfold_backward", aten.unfold_backward, [tensor(t.unfold(dim, size, step).shape, dtype), sizes, dim, size, step])
    n, m = R.randint(1, 3), R.randint(1, 3)
    batch = draw_shape(0, 1)
    eye = torch.eye(n, dtype=dtype).expand(batch + [n, n]).contiguous()
    case(out, "linalg_solve", torch.linalg.solve, [eye, tensor(batch + [n + (R.random() < 0.1), m], dtype)])
    a, b = draw_shape(1, 3, (1, 2, 3)), draw_shape(1, 3, (1, 2, 3))
    count = R.randint(0, min(len(a), len(b)))
    left, right = R.sample(range(len(a)), count), R.sample(range(len(b)), count)
    for i, j in zip(left, right):
        b[j] = a[i] if R.random() < 0.93 else a[i] + 1
    case(out, "tensordot", torch.tensordot, [tensor(a, dtype), tensor(b, dtype), left, right],
         call=[tensor(a, dtype), tensor(b, dtype), (left, right)])
