from drawing import *

TOLERANCES.update(dict.fromkeys("conv1d conv2d convolution convolution_backward".split(), ((3e-6, 2e-5), (1e-14, 1e-13))))

# Dims of one convolution: batch or none, channels per group, window, stride, padding, dilation, groups, input.


def draw_geometry(spatial):
    groups = R.choice([1, 1, 2, 3])
    kernel = [R.choice([1, 1, 2, 3, 3, 5]) for _ in range(spatial)]
    stride, dilation = ([R.choice([1, 1, 2, 3]) for _ in range(spatial)] for _ in range(2))
    padding = [R.choice([0, 0, 1, 2]) for _ in range(spatial)]
    size = [max(d * (k - 1) + 1 - 2 * p, 1) + R.randint(0, 4) for k, d, p in zip(kernel, dilation, padding)]
    ins, outs = R.choice([1, 2, 4]), R.choice([1, 2, 5])
    batch = R.choice([[], [1], [2], [3]])
    return batch + [ins * groups] + size, [outs * groups, ins] + kernel, stride, padding, dilation, groups


for i in times(44):
    spatial = 1 if i % 3 == 0 else 2
    shape, filters, stride, padding, dilation, groups = draw_geometry(spatial)
    dtype = R.choice([torch.float32, torch.float32, torch.float64])
    x, w = draw(shape, dtype), draw(filters, dtype)
    b = draw([filters[0]], dtype) if R.random() < 0.6 else None
    function = F.conv1d if spatial == 1 else F.conv2d
    if R.random() < 0.3:
        stride, padding, dilation = [stride[0]], [padding[0]], [dilation[0]]
    try:
        y = function(x, w, b, stride, padding, dilation, groups)
    except RuntimeError:  # one number for both dims may not fit
        continue
    emit(f"conv{spatial}d", [x, w, b, stride, padding, dilation, groups], y)
    if x.dim() == spatial + 2:
        tail = [stride, padding, dilation, False, [0] * spatial, groups]
        emit("convolution", [x, w, b] + tail, torch.convolution(x, w, b, *tail))
        g = draw(list(y.shape), dtype)
        wanted = R.choice([[1, 1, 1], [1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1]])
        parts = aten.convolution_backward(g, x, w, [filters[0]], *tail, [True, True, True])
        emit("convolution_backward", [g, x, w, None] + tail + [wanted],
             [p if m else torch.zeros(0, dtype=dtype) for p, m in zip(parts, wanted)])
# Integers wrap; what torch does not compute is a sum of products.
for dtype in (torch.int64, torch.int32, torch.int8):
    x, w, b = draw([2, 4, 5, 5], dtype, wild=True), draw([6, 2, 3, 3], dtype), draw([6], dtype)
    patches = F.pad(x, [1, 1, 1, 1]).unfold(2, 3, 2).unfold(3, 3, 2)
    y = torch.zeros([2, 6, 3, 3], dtype=dtype)
    for o in range(6):
        g = o // 3
        y[:, o] = ((patches[:, 2 * g:2 * g + 2] * w[o][None, :, None, None]).sum([1, 4, 5]) + b[o]).to(dtype)
    emit("conv2d", [x, w, b, [2], [1], [1], 2], y)
