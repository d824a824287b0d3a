from gradient_drawing import *

TOLERANCES.update(dict.fromkeys("flip roll movedim tril triu diagonal diag diag_embed constant_pad_nd".split(), EXACT))
SOME = [[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]

# --- views ---
for _ in times(8):
    x = floats(list(R.choice(SOME[1:])))
    from_dims, to_dims = R.sample(range(x.ndim), 2), R.sample(range(x.ndim), 2)
    gradient("movedim", [x, from_dims, to_dims], torch.movedim)
    dims = R.sample(range(x.ndim), 2)
    gradient("diagonal", [x, o := R.randint(-3, 3), *dims], torch.diagonal)
    y = floats(list(R.choice(SOME)))
    dim = R.randint(-y.ndim, y.ndim - 1)
    gradient("unfold", [y, dim, R.randint(1, y.shape[dim]), R.randint(1, 3)], lambda t, d, s, p: t.unfold(d, s, p))
    gradient("unflatten", [floats([2, 6, 2]), 1, R.choice([[2, 3], [-1, 2], [6, 1]])], lambda t, d, s: t.unflatten(d, s))
    gradient("view_as", [floats([2, 6], layout="packed"), torch.zeros(R.choice([[12], [3, 4]]))], torch.Tensor.view_as)
    gradient("reshape_as", [floats([2, 6]), torch.zeros(R.choice([[12], [3, 4]]))], torch.Tensor.reshape_as)
    gradient("expand_as", [floats([1, 3]), torch.zeros(R.choice([[2, 3], [4, 2, 3]]))], torch.Tensor.expand_as)
    gradient("split_with_sizes", [floats([5, 2]), R.choice([[2, 3], [1, 0, 4], [5]]), 0], torch.split_with_sizes)
    gradient("split", [floats([2, 5]), [2, 3], -1], torch.split)
    gradient("flip", [x, R.sample(range(x.ndim), R.randint(0, x.ndim))], torch.flip)
    gradient("roll", [x, [3, -1], [0, -1]], torch.roll)
    gradient("roll", [x, [3], None], lambda t, s, d: torch.roll(t, s))
    for name in ("tril", "triu"):
        gradient_both(name, [x, R.randint(-3, 3)], getattr(torch, name))
    gradient("diag", [R.choice([floats([3]), floats([3, 4]), floats([4, 2])]), R.randint(-2, 2)], torch.diag)
    gradient("diag_embed", [y, R.randint(-2, 2), 0, R.choice([1, -1])], torch.diag_embed)

# --- padding and repetition ---
for _ in times(8):
    x = floats(list(R.choice(SOME)))
    pad = [R.choice([0, 1, 2, -1]) for _ in range(2 * R.randint(0, x.ndim))]
    gradient("constant_pad_nd", [x, pad, 1.5], lambda t, p, v: F.pad(t, p, "constant", v))
    gradient("pad", [x, pad, None, 0], lambda t, p, m, v: F.pad(t, p))
    image = floats([2, 3, 3, 4])
    for mode in ("reflect", "replicate", "circular"):
        gradient("pad", [image, [R.randint(0, 2) for _ in range(4)], mode, 0], lambda t, p, m, v: F.pad(t, p, m))
    repeats = [R.randint(0, 3) for _ in range(x.ndim + R.randint(0, 1))]
    gradient("repeat", [x, repeats], lambda t, r: t.repeat(r))
    gradient("tile", [x, repeats[-R.randint(1, len(repeats)):]], torch.tile)
    dim = R.choice([None, R.randint(-x.ndim, x.ndim - 1)])
    gradient("repeat_interleave", [x, R.randint(0, 3), dim], lambda t, r, d: torch.repeat_interleave(t, r, d))
    count = x.numel() if dim is None else x.shape[dim]
    counts = torch.tensor([R.randint(0, 3) for _ in range(count)])
    gradient("repeat_interleave", [x, counts, dim], lambda t, r, d: torch.repeat_interleave(t, r, d))
    parts = [floats(s, torch.float64) for s in R.choice([[[2], [3]], [[2, 3], [2, 1]], [[], [2]], [[2, 1, 2], [2, 2, 2]]])]
    gradient("hstack", [parts], torch.hstack)
    parts = [floats(s, torch.float64) for s in R.choice([[[2], [2]], [[2, 3], [3]], [[], [1]], [[2, 1, 2], [1, 1, 2]]])]
    gradient("vstack", [parts], torch.vstack)

# --- windows of images ---
for i in times(10):
    kernel, dilation = [R.randint(1, 3), R.randint(1, 2)], [R.randint(1, 2), R.randint(1, 2)]
    padding, stride = [R.randint(0, 2), R.randint(0, 1)], [R.randint(1, 2), R.randint(1, 3)]
    shape = [2, 2, R.randint(3, 6), R.randint(3, 6)][R.choice([0, 1]):]
    image = floats(shape)
    try:
        columns = F.unfold(image, kernel, dilation, padding, stride)
    except RuntimeError:
        continue
    gradient("im2col", [image, kernel, dilation, padding, stride], F.unfold)
    gradient("col2im", [floats(list(columns.shape), image.dtype), shape[-2:], kernel, dilation, padding, stride], F.fold)
gradient("im2col", [floats([1, 2, 3, 3]), 2, None, None, None], lambda t, k, *rest: F.unfold(t, k))

# --- backward halves, which fold is made of ---
for _ in times(6):
    part = floats([2, 3])
    gradient("select_backward", [part, [2, 4, 3], 1, R.randint(-4, 3)],
             lambda g, s, d, i: torch.zeros(s, dtype=g.dtype).index_add(d, torch.tensor([i % s[d]]), g.unsqueeze(d)))
    gradient("slice_backward", [part, [2, 7], 1, 1, None, 2],
             lambda g, s, d, a, b, p: torch.zeros(s, dtype=g.dtype).index_add(d, torch.arange(a, s[d], p), g))
    gradient("diagonal_backward", [floats([3]), [3, 4], 1, 0, 1], lambda g, s, o, a, b: F.pad(torch.diag_embed(g, o), (0, 0, 0, -1)))
    step = R.choice([1, 2, 3])
    windows = torch.arange(0, 4, step).view(-1, 1) + torch.arange(2)
    gradient("unfold_backward", [floats(list(windows.shape)), [5], 0, 2, step],
             lambda g, s, d, n, p: torch.zeros(s, dtype=g.dtype).index_add(0, windows.view(-1), g.reshape(-1)))
