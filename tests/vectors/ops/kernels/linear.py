from drawing import *

TOLERANCES.update(dict.fromkeys("matmul mm addmm".split(), SUMMED))

# --- linear algebra ---
def quarters(n):
    return [R.randint(-16, 16) / 4 for _ in range(n)]


def draw_matrix(shape, dtype):
    return draw(shape, dtype, values=quarters if dtype.is_floating_point else None)


for dtype in NUMBERS:
    for a, b in [([2, 3], [3, 4]), ([3], [3]), ([2, 3], [3]), ([3], [3, 2]), ([2, 2, 3], [3, 2]), ([2, 2, 3], [3]),
                 ([2, 1, 2, 3], [3, 3, 2]), ([2, 3], [2, 3, 2]), ([4, 0], [0, 3]), ([0, 2], [2, 3]), ([1, 5], [5, 1]),
                 ([9, 10], [10, 11]), ([3], [2, 3, 2]), ([17, 9], [9, 18])]:
        attempt("matmul", [draw_matrix(a, dtype), draw_matrix(b, dtype)], torch.matmul)
    for n, k, m in [(2, 3, 4), (1, 4, 1), (5, 1, 2), (2, 0, 2)]:
        attempt("mm", [draw_matrix([n, k], dtype), draw_matrix([k, m], dtype)], torch.mm)
        bias = draw_matrix(R.choice([[n, m], [m], [1, m], [n, 1], []]), dtype)
        beta, alpha = R.choice([(1, 1), (2, 3), (0, 1), (0.5, -1.5) if dtype.is_floating_point else (1, 2)])
        attempt("addmm", [bias, draw_matrix([n, k], dtype), draw_matrix([k, m], dtype), beta, alpha],
                lambda c, a, b, f, g: torch.addmm(c, a, b, beta=f, alpha=g))
        attempt_inplace("addmm", [draw_matrix([n, m], dtype), draw_matrix([n, k], dtype), draw_matrix([k, m], dtype), beta, alpha],
                        lambda c, a, b, f, g: torch.addmm(c, a, b, beta=f, alpha=g))
emit("addmm", [torch.full([2, 2], math.nan), torch.ones(2, 1), torch.ones(1, 2), 0, 1], torch.ones(2, 2))
