# Elements picked by tensors of indices and by masks. Indices are zeros, so that the contents are in range.
def index_like(shape, dim):
    n = max(len(shape), 1)
    made = [R.choice([0, 1, 2, 5]) if d == dim % n else s for d, s in enumerate(shape)]
    made = [s if R.random() < 0.9 else s + 1 for s in made]
    return made[1:] if R.random() < 0.07 else made


def index_dtype():
    return torch.int64 if R.random() < 0.9 else R.choice(DTYPES)


for _ in range(70):
    t = tensor([max(s, 1) for s in draw_shape()], R.choice(DTYPES[1:]))
    dim = some_dim(t)
    index = tensor(index_like(t.shape, dim), index_dtype())
    case(out, "gather", torch.gather, [t, dim, index])
    src = tensor([s + R.choice([0, 0, 0, 1]) for s in index.shape], t.dtype if R.random() < 0.9 else R.choice(DTYPES))
    src = src if R.random() < 0.9 else tensor(draw_shape(), t.dtype)
    reduce = R.choice(["add", "multiply", "mean"])
    # Where the index has no elements torch looks at nothing else.
    if index.numel():
        case(out, "scatter", torch.scatter, [t, dim, index, src])
        case(out, "scatter_", torch.Tensor.scatter_, [t, dim, index, src])
        case(out, "scatter_add", torch.scatter_add, [t, dim, index, src])
        if t.is_floating_point():
            case(out, "scatter", lambda a, d, i, s, r: torch.scatter(a, d, i, s, reduce=r), [t, dim, index, src, reduce])
    index = tensor(draw_shape(), index_dtype())
    case(out, "take", torch.take, [t, index])
    source = tensor([index.numel() + (R.random() < 0.2)], t.dtype if R.random() < 0.9 else R.choice(DTYPES))
    case(out, "put", torch.Tensor.put, [t, index, source])
    case(out, "put_", torch.Tensor.put_, [t, index, source])
    index = tensor([R.choice([0, 1, 3])] * R.choice([0, 1, 1, 1, 2]), index_dtype())
    if t.dim() or index.numel() <= 1:
        case(out, "index_fill", torch.index_fill, [t, dim, index, R.choice([0, 1])])
        case(out, "index_fill_", torch.Tensor.index_fill_, [t, dim, index, R.choice([0, 1])])

for _ in range(60):
    t = draw()
    mask = tensor(draw_like(t.shape), torch.bool)
    value = R.choice([0, 1, True, tensor([], torch.int8), tensor([1], torch.float32)])
    case(out, "masked_fill", torch.masked_fill, [t, mask, value])
    case(out, "masked_fill_", torch.Tensor.masked_fill_, [t, mask, value])
    depends(out, "masked_select", torch.masked_select, [t, mask])
    source = tensor(draw_shape(), t.dtype if R.random() < 0.9 else R.choice(DTYPES))
    case(out, "masked_scatter", torch.masked_scatter, [t, mask, source])
    depends(out, "nonzero", torch.nonzero, [t])
    labels = tensor(draw_shape(), torch.int64 if R.random() < 0.9 else R.choice(DTYPES))
    case(out, "one_hot", F.one_hot, [labels, R.choice([1, 5])])
    if labels.numel():
        depends(out, "one_hot", F.one_hot, [labels, -1])

# --- x[...] = y; of another dtype torch refuses y where the index has tensors ---
for _ in range(120):
    t = tensor([max(s, 1) for s in draw_shape(1)], R.choice(DTYPES))
    index = []
    for size in t.shape[:R.randint(0, t.dim())]:
        index.append(R.choice([0, -1, Slice(None, 1, None), Slice(None, None, 2), None, tensor([2], torch.int64), tensor([2, 1], torch.int64),
                               [0, 0]]))
    picked = t[tuple(slice(i.start, i.stop, i.step) if isinstance(i, Slice) else i for i in index)]
    values = R.choice([1, tensor(draw_like(picked.shape), t.dtype), tensor([1] + list(picked.shape), t.dtype)])

    def assign(x, i, v):
        x[tuple(slice(k.start, k.stop, k.step) if isinstance(k, Slice) else k for k in i)] = v
        return x

    case(out, "index_put_", assign, [t, index, values])
