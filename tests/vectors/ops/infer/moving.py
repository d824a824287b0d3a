# Views, creation, flips, padding, repetition, windows, joining.
VIEWS.update("movedim diagonal unfold unflatten view_as expand_as reshape_as split split_with_sizes".split())


def optional(name, function, args, kwargs=None, call=None):
    case(out, name, function, args, kwargs or {}, call)


for _ in range(30):
    t = draw()
    size = draw_shape()
    for name in ("empty_like", "rand_like", "randn_like"):
        optional(name, getattr(torch, name), [t], maybe_dtype())
    optional("full_like", torch.full_like, [t, R.choice([0, 1])], maybe_dtype())
    low, high = R.choice([0, -1, -128, 5]), R.choice([1, 3, 127, 128, 129, 256, 257, 5])
    u = tensor(draw_shape(), R.choice(DTYPES[1:]))
    optional("randint_like", torch.randint_like, [u, low, high], maybe_dtype(DTYPES[1:], 0.5))
    optional("randint_like", torch.randint_like, [u, high], maybe_dtype(DTYPES[1:], 0.2))
    optional("empty", torch.empty, [size], maybe_dtype())
    for name in ("new_empty", "new_zeros", "new_ones"):
        optional(name, getattr(torch.Tensor, name), [t, size], maybe_dtype())
    optional("new_full", torch.Tensor.new_full, [t, size, R.choice([0, 1])], maybe_dtype())
    optional("eye", torch.eye, [R.randint(-1, 4)] if R.random() < 0.5 else [R.randint(-1, 4), R.randint(-1, 4)], maybe_dtype())
    optional("linspace", torch.linspace, [R.randint(-3, 3), R.choice([2.5, 7]), R.randint(-1, 5)], maybe_dtype())

for _ in range(60):
    t = draw_layout()
    n = max(t.dim(), 1)
    dims = [R.randint(-n, n - 1) for _ in range(R.randint(0, 3))]
    places = [R.randint(-n, n - 1) if R.random() < 0.95 else n for _ in range(len(dims) if R.random() < 0.9 else 1)]
    optional("movedim", torch.movedim, [t, dims, places])
    a, b = some_dim(t), some_dim(t)
    optional("diagonal", torch.diagonal, [t, R.randint(-4, 4), a, b])
    optional("unfold", torch.Tensor.unfold, [t, some_dim(t), R.randint(0, 4), R.randint(0, 3)])
    shape = [R.choice([0, 1, 2, 6]) for _ in range(R.randint(1, 3))]
    u = tensor(shape, torch.float32)
    dim = some_dim(u)
    optional("unflatten", torch.Tensor.unflatten, [u, dim, [R.choice([1, 2, 3, -1]) for _ in range(R.randint(1, 3))]])
    other = tensor(factor(t.numel()) if t.numel() else draw_shape(), torch.int8)
    optional("view_as", torch.Tensor.view_as, [t, other])
    optional("reshape_as", torch.Tensor.reshape_as, [t, other])
    optional("expand_as", torch.Tensor.expand_as, [t, tensor(draw_like(t.shape), torch.int8)])
    sizes = [R.randint(0, 2) for _ in range(R.randint(2, 4))]
    v = tensor([sum(sizes) + (R.random() < 0.2), 2], torch.float32)
    optional("split", torch.split, [v, sizes, 0])
    optional("split_with_sizes", torch.split_with_sizes, [v.t(), sizes[:1] if R.random() < 0.2 else sizes, -1])

for _ in range(40):
    t = draw()
    n = max(t.dim(), 1)
    optional("flip", torch.flip, [t, [R.randint(-n, n - 1) for _ in range(R.randint(0, 2))]])
    if t.numel():  # torch looks at nothing else where there are no elements
        dims = [some_dim(t) for _ in range(R.randint(0, 2))]
        optional("roll", torch.roll, [t, [1] * R.choice([1, 1, 2, len(dims)]), dims])
    for name in ("tril", "triu"):
        optional(name, getattr(torch, name), [t, R.randint(-3, 3)])
        optional(name + "_", getattr(torch.Tensor, name + "_"), [t, R.randint(-3, 3)])
    offset = R.randint(-3, 3)  # torch 1.13 refuses diagonals beyond the matrix
    if t.dim() == 2:
        offset = R.randint(min(1 - t.shape[0], 0), max(t.shape[1] - 1, 0))
    optional("diag", torch.diag, [t, offset])
    a, b = R.randint(-t.dim() - 2, t.dim() + 1), R.randint(-t.dim() - 1, t.dim())
    optional("diag_embed", torch.diag_embed, [t, R.randint(-3, 3), a, b])
    pad = [R.choice([0, 0, 1, 2, -1]) for _ in range(R.randint(0, 2 * t.dim() + 1))]
    if all(s + sum(pad[2 * k:2 * k + 2]) for k, s in enumerate(reversed(t.shape))):  # torch 1.13 refuses what gets empty
        optional("constant_pad_nd", aten.constant_pad_nd, [t, pad, 1])
    repeats = [R.choice([0, 1, 2, 3, -1 if R.random() < 0.1 else 1]) for _ in range(R.randint(0, 5))]
    optional("repeat", torch.Tensor.repeat, [t, repeats])
    optional("tile", torch.tile, [t, repeats])
    optional("repeat_interleave", torch.repeat_interleave, [t, R.randint(-1, 3)] + ([some_dim(t)] if R.random() < 0.7 else []))
    items = [draw(high=3) for _ in range(R.randint(1, 3))]
    items = [tensor(items[0].shape if R.random() < 0.8 else i.shape, i.dtype) for i in items]
    optional("hstack", torch.hstack, [items])
    optional("vstack", torch.vstack, [items])

for _ in range(40):
    image = tensor(draw_shape(2, 5, (1, 2, 3, 4, 5, 7)), torch.float32)
    if image.dim() == 4 or image.dim() == 3:
        mode = R.choice(["reflect", "replicate", "circular"])
        optional("pad", F.pad, [image, [R.randint(0, 3) for _ in range(2 * (image.dim() - 2))], mode])
        optional("pad", F.pad, [image, [R.randint(0, 3) for _ in range(R.randint(0, 9))], "constant", 2])
    image = tensor([R.randint(1, 3) for _ in range(R.randint(0, 2))] + [R.randint(1, 6), R.randint(1, 6)], torch.float32)
    one = lambda low, high: R.choice([R.randint(low, high), [R.randint(low, high), R.randint(low, high)]])
    optional("im2col", F.unfold, [image, one(1, 3), one(1, 2), one(0, 2), one(1, 3)])
    kernel, size = [R.randint(1, 3), R.randint(1, 3)], [R.randint(1, 5), R.randint(1, 5)]
    count = (size[0] - kernel[0] + 1) * (size[1] - kernel[1] + 1)
    columns = tensor([R.randint(1, 2)] * R.choice([0, 1]) + [R.randint(1, 2) * kernel[0] * kernel[1], max(count, 1) + (R.random() < 0.2)], torch.float32)
    optional("col2im", F.fold, [columns, size, kernel])
