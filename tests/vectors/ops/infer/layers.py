# Layers: convolution, pooling, normalization, embedding, dropout, with their backward halves (names: ../generate_infer.py)
def shaken(shape, chance=0.06):
    """The shape, now and then one longer somewhere."""
    return [s + (R.random() < chance) for s in shape]


def pair(low, high):
    return [R.randint(low, high) for _ in range(2)]


for _ in range(70):
    groups = R.choice([1, 1, 1, 2])
    batch, channels, filters = R.randint(0 if R.random() < 0.1 else 1, 2), groups * R.randint(1, 2), groups * R.randint(1, 2)
    for name, function, n in (("conv1d", F.conv1d, 1), ("conv2d", F.conv2d, 2)):
        dtype = R.choice(FLOATS)
        sizes, kernel = [R.randint(2, 6) for _ in range(n)], [R.randint(1, 3) for _ in range(n)]
        x = tensor(shaken([batch, channels] + sizes), dtype)
        weight = tensor(shaken([filters, channels // groups] + kernel), dtype)
        bias = R.choice([None, tensor(shaken([filters]), dtype)])
        window = [[R.randint(1, 2) for _ in range(n)], [R.randint(0, 2) for _ in range(n)], [R.randint(1, 2) for _ in range(n)]]
        case(out, name, function, [x, weight, bias, *window, groups])
    stride, padding, dilation = window
    case(out, "convolution", torch.convolution, [x, weight, bias, stride, padding, dilation, False, [0, 0], groups])
    try:
        y = F.conv2d(x, weight, None, stride, padding, dilation, groups)
    except RuntimeError:
        continue
    case(out, "convolution_backward", aten.convolution_backward,
         [y, x, weight, [filters], stride, padding, dilation, False, [0, 0], groups, [1, 1, 1]],
         call=[y, x, weight, [filters], stride, padding, dilation, False, [0, 0], groups, [True, True, True]])

for _ in range(80):
    x = tensor(([2, 3] if R.random() < 0.8 else [3]) + [R.randint(1, 7), R.randint(1, 7)], R.choice(FLOATS))
    kernel, stride, padding, ceil = pair(1, 3), R.choice([None, pair(1, 3)]), pair(0, 2 if R.random() < 0.2 else 1), R.random() < 0.5
    strides = stride or kernel
    window = [kernel, stride, padding, pair(1, 2), ceil]
    case(out, "max_pool2d", F.max_pool2d, [x, *window], call=[x, kernel, strides, padding, window[3], ceil])
    case(out, "max_pool2d_with_indices", aten.max_pool2d_with_indices, [x, *window],
         call=[x, kernel, strides, padding, window[3], ceil])
    window = [kernel, stride, padding, ceil, R.random() < 0.5, R.choice([None, 3])]
    case(out, "avg_pool2d", F.avg_pool2d, [x, *window], call=[x, kernel, strides, *window[2:]])
    case(out, "adaptive_avg_pool2d", F.adaptive_avg_pool2d, [x, pair(1, 4)])
    try:
        y, places = aten.max_pool2d_with_indices(x, kernel, strides, padding, [1, 1], ceil)
        case(out, "max_pool2d_with_indices_backward", aten.max_pool2d_with_indices_backward,
             [y, x, kernel, stride, padding, [1, 1], ceil, places], call=[y, x, kernel, strides, padding, [1, 1], ceil, places])
        y = F.avg_pool2d(x, kernel, strides, padding, ceil)
        case(out, "avg_pool2d_backward", aten.avg_pool2d_backward, [y, x, kernel, stride, padding, ceil, True, None],
             call=[y, x, kernel, strides, padding, ceil, True, None])
    except RuntimeError:
        pass
    case(out, "_adaptive_avg_pool2d_backward", aten._adaptive_avg_pool2d_backward,
         [tensor(list(x.shape[:-2]) + pair(1, 3), x.dtype), x])

for _ in range(60):
    dtype, channels, training = R.choice(FLOATS), R.randint(1, 3), R.random() < 0.5
    x = tensor([2, channels] + [3] * R.randint(0, 2), dtype)
    affine = [tensor(shaken([channels]), dtype), tensor(shaken([channels]), dtype)] if R.random() < 0.7 else [None, None]
    running = [tensor(shaken([channels]), dtype), tensor(shaken([channels]), dtype)]
    case(out, "batch_norm", torch.batch_norm, [x, *affine, *running, training],
         call=[x, *affine, *running, training, 0.1, 1e-5, False])
    if all(p is None or p.numel() == channels for p in affine + running):  # PyTorch reads beyond shorter ones
        case(out, "native_batch_norm", torch.native_batch_norm, [x, *affine, *running, training],
             call=[x, *affine, *running, training, 0.1, 1e-5])
    if affine[0] is not None and affine[0].numel() == channels:
        saved = [tensor([channels], dtype), tensor([channels], dtype)]
        plain = [affine[0], tensor([channels], dtype), tensor([channels], dtype), *saved, training, 1e-5]
        case(out, "native_batch_norm_backward", aten.native_batch_norm_backward, [x, x, *plain, [1, 1, 1]],
             call=[x, x, *plain, [True, True, True]])
    x = tensor(draw_shape(1, 3, (1, 2, 3)), dtype)
    normalized = list(x.shape[R.randrange(x.dim()):])
    parameters = [R.choice([None, tensor(shaken(normalized), dtype)]) for _ in range(2)]
    case(out, "layer_norm", F.layer_norm, [x, shaken(normalized), *parameters])
    case(out, "native_layer_norm", torch.native_layer_norm, [x, normalized, *parameters, 1e-5])
    if all(p is None or list(p.shape) == normalized for p in parameters):
        _, mean, rstd = torch.native_layer_norm(x, normalized, None, None, 1e-5)
        if parameters[0] is not None and parameters[1] is not None:
            case(out, "native_layer_norm_backward", aten.native_layer_norm_backward,
                 [x, x, normalized, mean, rstd, *parameters, [1, 1, 1]],
                 call=[x, x, normalized, mean, rstd, *parameters, [True, True, True]])
    weight, indices = tensor(shaken([4, 3]), dtype), tensor(draw_shape(0, 2), R.choice([torch.int64, torch.int64, torch.int32]))
    case(out, "embedding", F.embedding, [weight, indices], call=[indices, weight])
    case(out, "embedding_dense_backward", aten.embedding_dense_backward, [tensor(list(indices.shape) + [3], dtype), indices, 5],
         call=[tensor(list(indices.shape) + [3], dtype), indices, 5, -1, False])
    x = draw(FLOATS)
    case(out, "dropout", F.dropout, [x, R.choice([0.0, 0.5, 1.0, 1.5, -0.5]), R.random() < 0.5])
    if x.numel():  # PyTorch's mask of nothing is of x's dtype
        case(out, "native_dropout", torch.native_dropout, [x, 0.5, True])
    case(out, "native_dropout_backward", aten.native_dropout_backward, [x, tensor(x.shape, torch.bool), 2.0])
