from drawing import *

TOLERANCES.update(dict.fromkeys("bmm mv dot baddbmm outer trace".split(), SUMMED))
TOLERANCES.update(dict.fromkeys("inverse det linalg_solve".split(), ((1e-4, 1e-4), (1e-11, 1e-11))))


def quarters(n):
    return [R.randint(-16, 16) / 4 for _ in range(n)]


def matrix(shape, dtype):
    return draw(shape, dtype, values=quarters if dtype.is_floating_point else None)


for dtype in NUMBERS:
    for b, n, k, m in [(2, 2, 3, 4), (1, 5, 1, 2), (3, 0, 2, 2), (2, 3, 0, 2), (0, 2, 2, 2)]:
        x, y = matrix([b, n, k], dtype), matrix([b, k, m], dtype)
        attempt("bmm", [x, y], torch.bmm)
        bias = matrix(R.choice([[b, n, m], [n, m], [m], [1, n, 1], []]), dtype)
        beta, alpha = R.choice([(1, 1), (2, 3), (0, 1), (0.5, -1.5) if dtype.is_floating_point else (1, 2)])
        attempt("baddbmm", [bias, x, y, beta, alpha], lambda c, p, q, f, g: torch.baddbmm(c, p, q, beta=f, alpha=g))
        attempt_inplace("baddbmm", [matrix([b, n, m], dtype), x, y, beta, alpha],
                        lambda c, p, q, f, g: torch.baddbmm(c, p, q, beta=f, alpha=g))
        attempt("mv", [matrix([n, k], dtype), matrix([k], dtype)], torch.mv)
        attempt("dot", [matrix([k], dtype), matrix([k], dtype)], torch.dot)
        attempt("outer", [matrix([n], dtype), matrix([m], R.choice([dtype, torch.float32]))], torch.outer)
        attempt("trace", [matrix([n, m], dtype)], torch.trace)


def invertible(shape, dtype):
    while True:
        x = torch.tensor(quarters(math.prod(shape)), dtype=dtype).reshape(shape)
        if x.numel() == 0 or float(torch.linalg.cond(x.double()).max()) < 40:
            return x.transpose(-1, -2) if R.random() < 0.4 else x


for dtype in FLOATS:
    for shape in [[1, 1], [2, 2], [3, 3], [5, 5], [2, 3, 3], [2, 1, 2, 2], [0, 0], [0, 2, 2], [3, 0, 0], [9, 9]]:
        x = invertible(shape, dtype)
        n = shape[-1]
        emit("inverse", [x], torch.inverse(x.double()).to(dtype))
        emit("det", [x], torch.det(x.double()).to(dtype))
        if n > 0 and 0 not in shape:
            emit("linalg_solve", [x, y := matrix(shape[:-1] + [2], dtype)], torch.linalg.solve(x.double(), y.double()).to(dtype))
            if len(shape) == 2:
                emit("linalg_solve", [x, y := matrix([n], dtype)], torch.linalg.solve(x.double(), y.double()).to(dtype))
emit("det", [torch.ones(3, 3)], torch.tensor(0.0))
