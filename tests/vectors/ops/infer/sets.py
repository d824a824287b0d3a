# Equal elements counted, and pieces. Elements are zeros, so that those that bincount counts are in range.
VIEWS.update(["tensor_split"])
for _ in range(60):
    t = tensor(R.choice([[0], [1], [5], [5], [5], [], [2, 3]]), R.choice(INTS) if R.random() < 0.9 else R.choice(DTYPES))
    least = R.choice([0, 0, 3, 7, -1])
    if t.dtype == torch.bool:
        continue
    if t.dim() == 1 and t.numel() == 0:
        case(out, "bincount", torch.bincount, [t, None, least])
    else:
        depends(out, "bincount", torch.bincount, [t, None, least])
        weights = tensor(t.shape if R.random() < 0.8 else draw_shape(), R.choice(DTYPES))
        depends(out, "bincount", torch.bincount, [t, weights, least])

for _ in range(80):
    t = draw_layout()
    dim = some_dim(t)
    if t.dim() > 0:
        case(out, "tensor_split", torch.tensor_split, [t, R.choice([-1, 0, 1, 2, 3, 5]), dim])
        case(out, "tensor_split", torch.tensor_split,
             [t, [R.randint(-4, 5) for _ in range(R.randint(0, 3))], dim])

for _ in range(30):
    t = draw()
    depends(out, "unique", torch.unique, [t, True, R.random() < 0.5, R.random() < 0.5])
    depends(out, "unique_consecutive", torch.unique_consecutive, [t, R.random() < 0.5, R.random() < 0.5])
