from drawing import *

TOLERANCES.update(dict.fromkeys(
    "avg_pool2d adaptive_avg_pool2d avg_pool2d_backward _adaptive_avg_pool2d_backward max_pool2d_with_indices_backward".split(),
    SUMMED))


def draw_pooling():
    shape = [R.choice([0, 1, 2]) for _ in range(R.randint(0, 1))] + [R.randint(1, 3), R.randint(2, 7), R.randint(2, 7)]
    kernel = [R.randint(1, 3) for _ in range(R.choice([1, 2]))]
    stride = R.choice([None, None, [R.randint(1, 3)], [R.randint(1, 3), R.randint(1, 3)]])
    padding = [R.choice([0, 0, 1]) for _ in kernel]
    return shape, kernel, stride, padding, R.random() < 0.4


def refused(call):
    try:
        return call()
    except RuntimeError:
        return None


for i in times(50):
    shape, kernel, stride, padding, ceil = draw_pooling()
    dilation = [R.choice([1, 1, 2]) for _ in kernel]
    x = draw(shape, R.choice(FLOATS), wild="not huge" if i % 4 == 3 else False)
    pair = refused(lambda: aten.max_pool2d_with_indices(x, kernel, stride or [], padding, dilation, ceil))
    if pair is not None:
        args = [x, kernel, stride, padding, dilation, ceil]
        emit("max_pool2d", args, pair[0])
        emit("max_pool2d_with_indices", args, list(pair))
        g = draw(list(pair[0].shape), x.dtype)
        dx = refused(lambda: aten.max_pool2d_with_indices_backward(g, x, kernel, stride or [], padding, dilation, ceil, pair[1]))
        if dx is not None:
            emit("max_pool2d_with_indices_backward", [g] + args + [pair[1]], dx)
    x = draw(shape, R.choice(FLOATS))
    more = [padding, ceil, R.random() < 0.5, R.choice([None, None, 3, -2])]
    y = refused(lambda: aten.avg_pool2d(x, kernel, stride or [], *more))
    if y is not None:
        emit("avg_pool2d", [x, kernel, stride] + more, y)
        g = draw(list(y.shape), x.dtype)
        dx = refused(lambda: aten.avg_pool2d_backward(g, x, kernel, stride or [], *more))
        if dx is not None:
            emit("avg_pool2d_backward", [g, x, kernel, stride] + more, dx)
    size = [R.randint(1, 5), R.randint(1, 8)]
    emit("adaptive_avg_pool2d", [x, size], F.adaptive_avg_pool2d(x, size))
    g = draw(shape[:-2] + size, x.dtype)
    emit("_adaptive_avg_pool2d_backward", [g, x], aten._adaptive_avg_pool2d_backward(g, x))
