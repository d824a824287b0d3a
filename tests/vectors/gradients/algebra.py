from gradient_drawing import *

TOLERANCES.update(dict.fromkeys("inverse det linalg_solve".split(), ((1e-3, 1e-3), (1e-9, 1e-9))))

for b, n, k, m in [(2, 2, 3, 4), (1, 5, 1, 2), (2, 3, 0, 2)]:
    for dtype in FLOATS:
        x, y = floats([b, n, k], dtype), floats([b, k, m], dtype)
        gradient("bmm", [x, y], torch.bmm)
        bias = floats(R.choice([[b, n, m], [n, m], [m], [1, n, 1], []]), dtype)
        beta, alpha = R.choice([(1, 1), (2, 3), (0.5, -1.5)])
        gradient("baddbmm", [bias, x, y, beta, alpha], lambda c, p, q, f, g: torch.baddbmm(c, p, q, beta=f, alpha=g))
        gradient("baddbmm_", [floats([b, n, m], dtype), x, y, beta, alpha],
                 lambda c, p, q, f, g: c.baddbmm_(p, q, beta=f, alpha=g), inplace=True)
        gradient("mv", [floats([n, k], dtype), floats([k], dtype)], torch.mv)
        gradient("dot", [floats([k], dtype), floats([k], dtype)], torch.dot)
        gradient("outer", [floats([n], dtype), floats([m], dtype)], torch.outer)
        gradient("trace", [floats([min(n, m), m], dtype)], torch.trace)  # of tall ones PyTorch 1.13 errs
for shape in [[1, 1], [3, 3], [2, 2, 2], [4, 4]]:
    x = floats(shape, torch.float64, -1, 1) + 3 * torch.eye(shape[-1], dtype=torch.float64)
    gradient("inverse", [x], torch.inverse)
    gradient("det", [x], torch.det)
    gradient("linalg_solve", [x, floats(shape[:-1] + [2], torch.float64)], torch.linalg.solve)
gradient("linalg_solve", [torch.eye(3, dtype=torch.float64) * 2 + 0.25, floats([3], torch.float64)], torch.linalg.solve)
EQUATIONS = [("ij,jk->ik", [2, 3], [3, 4]), ("ij,jk", [2, 3], [3, 4]), ("bij,bjk->bik", [2, 2, 3], [2, 3, 2]), ("i,i->", [3], [3]), ("i,j->ij", [3], [2]),
             ("ii->i", [3, 3]), ("ii", [3, 3]), ("ij->ji", [2, 3]), ("ij->", [2, 3]), ("ij->j", [2, 3]), ("ij,ij->ij", [2, 3], [2, 3]),
             ("...ij,...jk->...ik", [2, 2, 3], [3, 2]), ("...ij,...jk", [2, 1, 2, 3], [2, 3, 2]), ("ij,jk,kl->il", [2, 3], [3, 2], [2, 4]),
             ("bn,anm,bm->ba", [2, 3], [4, 3, 2], [2, 2]), ("ij,j->i", [2, 3], [1]), ("iij,jk->ik", [2, 2, 3], [3, 2]), ("iji->j", [2, 3, 2]),
             ("...->...", [2, 3]), ("Ab, bC -> CA", [2, 3], [3, 4]), ("ij,kl->ijkl", [2, 2], [2, 1]), (",i->i", [], [3]), ("ij,ij,ij->i", [2, 3], [2, 3], [2, 3]),
             ("i...,i->...", [3, 2, 2], [3]), ("ij,jk->ik", [2, 0], [0, 3])]
for equation, *shapes in EQUATIONS:
    gradient("einsum", [equation, [floats(s, torch.float64) for s in shapes]], lambda e, t: torch.einsum(e, *t))
for a, b, dims in [([2, 3, 4], [4, 3, 2], [[1, 2], [1, 0]]), ([2, 3], [3, 2], [[1], [0]]), ([2, 3], [2, 3], [[0, 1], [0, 1]]), ([2], [3], [[], []]), ([2, 3, 2], [2, 2], [[-1], [0]])]:
    gradient("tensordot", [floats(a, torch.float64), floats(b, torch.float64), *dims], lambda x, y, p, q: torch.tensordot(x, y, (p, q)))
