from gradient_drawing import *

NORMS = ((3e-5, 3e-5), (1e-12, 1e-12))  # a deviation of few values, inverted
TOLERANCES.update(dict.fromkeys(["_native_batch_norm_legit_functional", "native_layer_norm", "layer_norm"], NORMS))
TOLERANCES.update(dict.fromkeys(["conv1d", "conv2d", "convolution"], ((6e-6, 6e-5), (1e-13, 1e-12))))

for i in times(14):
    spatial = 1 if i % 3 == 0 else 2
    groups, ins, outs = R.choice([1, 1, 2]), R.choice([1, 2, 4]), R.choice([1, 2])
    kernel = [R.choice([1, 2, 3]) for _ in range(spatial)]
    stride, dilation = [R.choice([1, 2]) for _ in range(spatial)], [R.choice([1, 1, 2]) for _ in range(spatial)]
    padding = [R.choice([0, 1]) for _ in range(spatial)]
    size = [max(d * (k - 1) + 1 - 2 * p, 1) + R.randint(0, 3) for k, d, p in zip(kernel, dilation, padding)]
    x = floats(R.choice([[], [1], [3]]) + [ins * groups] + size)
    w, b = floats([outs * groups, ins] + kernel, x.dtype), floats([outs * groups], x.dtype) if R.random() < 0.6 else None
    gradient(f"conv{spatial}d", [x, w, b, stride, padding, dilation, groups], F.conv1d if spatial == 1 else F.conv2d)
    if x.dim() == spatial + 2:
        gradient("convolution", [x, w, b, stride, padding, dilation, False, [0] * spatial, groups], torch.convolution)
for i in times(14):
    shape = R.choice([[], [2]]) + [R.randint(1, 2), R.randint(2, 6), R.randint(2, 6)]
    x = floats(shape, low=-4, high=4)
    kernel, stride = [R.randint(1, 2), R.randint(1, 2)], R.choice([None, [1], [2, 1]])
    padding, ceil = [R.choice([0, min(kernel) // 2])], R.random() < 0.4
    for name in ("max_pool2d", "max_pool2d_with_indices"):
        gradient(name, [x, kernel, stride, padding, [1], ceil],
                 lambda t, k, s, p, d, c: F.max_pool2d(t, k, s or [], p, d, c, return_indices=name != "max_pool2d"))
    gradient("avg_pool2d", [x, kernel, stride, padding, ceil, R.random() < 0.5, R.choice([None, 3])],
             lambda t, k, s, p, c, i, d: F.avg_pool2d(t, k, s, p, c, i, d))
    gradient("adaptive_avg_pool2d", [x, [R.randint(1, 4), R.randint(1, 4)]], F.adaptive_avg_pool2d)
for i in times(12):
    channels = R.choice([1, 2, 3])
    # PyTorch 1.13 mistakes permuted inputs and weights, so they are packed.
    x = floats([R.choice([3, 5]), channels] + [R.choice([1, 2, 3]) for _ in range(R.randint(0, 2))], layout="packed")
    weight = floats([channels], x.dtype, layout="packed") if R.random() < 0.6 else None
    bias = floats([channels], x.dtype, layout="packed") if R.random() < 0.6 else None
    mean, variance = torch.zeros(channels, dtype=x.dtype), torch.ones(channels, dtype=x.dtype) * 1.5
    training = i % 2 == 0

    def batch_norm(t, w, b, m, v, train, momentum, eps):
        y = F.batch_norm(t, m.detach().clone(), v.detach().clone(), w, b, train, momentum, eps)
        return [y] + [torch.zeros(0)] * 4
    args = [x, weight, bias, mean, variance, training, 0.1, 1e-3]
    picked = [t for t in (x, weight, bias) if t is not None]
    for t in picked:
        t.requires_grad_()
    y = batch_norm(*args)[0]
    g = upstream_of(y, True)
    found = [pack(t.detach()) for t in torch.autograd.grad(y, picked, g)]
    single, double = NORMS
    relative, absolute = single if x.dtype == torch.float32 else double
    for name, more, others in (("_native_batch_norm_legit_functional", "", "None None None None"), ("native_batch_norm", "", "None None"),
                               ("batch_norm", "True", "")):
        print(" ".join([name, f"~{relative:g},{absolute:g}", *map(write, args), more, "=", write(g), others, "=",
                        *map(write, found)]).replace("  ", " "), file=drawing.out)
    sizes = list(x.shape[1:])
    x.requires_grad_(False)
    if math.prod(sizes) > 1:
        weight = floats(sizes, x.dtype, layout="packed") if R.random() < 0.6 else None
        bias = floats(sizes, x.dtype, layout="packed") if R.random() < 0.6 else None
        gradient("layer_norm", [x, sizes, weight, bias, 1e-3], F.layer_norm)
        gradient("native_layer_norm", [x, sizes, weight, bias, 1e-3],
                 lambda *a: [F.layer_norm(*a), torch.zeros(0), torch.zeros(0)])
for i in times(8):
    rows, columns = R.randint(2, 5), R.randint(1, 3)
    indices = draw(R.choice([[4], [2, 3], []]), torch.int64, values=lambda n: [R.randrange(rows) for _ in range(n)])
    gradient("embedding", [floats([rows, columns]), indices, R.choice([-1, 0]), R.random() < 0.3, False],
             lambda w, i, p, f, s: torch.embedding(w, i, p, f, s))
# Where chance has no say.
for i in times(6):
    p, train = R.choice([(0.0, True), (1.0, True), (0.4, False)])
    x = floats(draw_shape())
    gradient("dropout", [x, p, train], F.dropout)
    gradient("native_dropout", [x, p, train], lambda t, p, train: [F.dropout(t, p, train), torch.ones(0, dtype=torch.bool)])
