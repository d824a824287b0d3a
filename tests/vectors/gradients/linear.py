from gradient_drawing import *

PRODUCTS = [([2, 3], [3, 4]), ([3], [3]), ([2, 3], [3]), ([3], [3, 2]), ([2, 2, 3], [3, 2]), ([2, 2, 3], [3]),
            ([2, 1, 2, 3], [3, 3, 2]), ([2, 3], [2, 3, 2]), ([4, 0], [0, 3]), ([0, 2], [2, 3]), ([1, 5], [5, 1]),
            ([3], [2, 3, 2]), ([2, 2, 3], [2, 3, 1]), ([2, 1, 1, 3], [3])]
for a, b in PRODUCTS:
    for dtype in FLOATS:
        gradient("matmul", [floats(a, dtype), floats(b, dtype)], torch.matmul)
for n, k, m in [(2, 3, 4), (1, 4, 1), (5, 1, 2), (2, 0, 2)]:
    for dtype in FLOATS:
        gradient("mm", [floats([n, k], dtype), floats([k, m], dtype)], torch.mm)
        bias = floats(R.choice([[n, m], [m], [1, m], [n, 1], []]), dtype)
        beta, alpha = R.choice([(1, 1), (2, 3), (0, 1), (0.5, -1.5)])
        gradient("addmm", [bias, floats([n, k], dtype), floats([k, m], dtype), beta, alpha],
                 lambda c, a, b, f, g: torch.addmm(c, a, b, beta=f, alpha=g))
        gradient("addmm_", [floats([n, m], dtype), floats([n, k], dtype), floats([k, m], dtype), beta, alpha],
                 lambda c, a, b, f, g: c.addmm_(a, b, beta=f, alpha=g), inplace=True)
for shape in [[3], [2, 3], [2, 2, 3], [0, 3]]:
    for biased in [True, False]:
        gradient("linear", [floats(shape, torch.float64), floats([4, 3], torch.float64), floats([4], torch.float64) if biased else None],
                 F.linear)
