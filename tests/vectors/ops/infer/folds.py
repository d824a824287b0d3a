# Reductions, scans, sorting, batches and square matrices (names: ../generate_infer.py)
def some(dtypes=DTYPES):
    return tensor(draw_shape(low=0, high=3), R.choice(dtypes))


for _ in range(50):
    t, keepdim = some(), R.random() < 0.5
    dim = some_dim(t)
    case(out, "prod", torch.prod, [t, dim, keepdim], maybe_dtype())
    case(out, "any", torch.any, [t, dim, keepdim])
    case(out, "all", torch.all, [t, dim])
    dims = [d for d in {some_dim(t, 0) % max(t.dim(), 1) for _ in range(2)}]
    case(out, "count_nonzero", torch.count_nonzero, [t, dims])
    case(out, "amax", torch.amax, [t, dims, keepdim])
    case(out, "amin", torch.amin, [t, dim])
    case(out, "logsumexp", torch.logsumexp, [t, dims, keepdim])
    case(out, "cumsum", torch.cumsum, [t, dim], maybe_dtype(DTYPES[1:]))
    case(out, "cumprod", torch.cumprod, [t, dim])
    case(out, "sort", torch.sort, [t, dim, keepdim])
    case(out, "argsort", torch.argsort, [t, dim, keepdim])
    t = some(FLOATS if R.random() < 0.8 else DTYPES)
    case(out, "var", torch.var, [t, dims if max(dims, default=0) < max(t.dim(), 1) else [0], keepdim, keepdim])
    case(out, "std", torch.std, [t])
    case(out, "norm", torch.linalg.vector_norm, [t, 2, [some_dim(t)], keepdim])
    n = t.shape[dim % t.dim()] if t.dim() and -t.dim() <= dim < t.dim() else 1
    if t.dim() and -t.dim() <= dim < t.dim():
        case(out, "topk", torch.topk, [t, R.randint(-1, n + 1), dim])
        if t.dtype != torch.bool and t.numel():
            case(out, "kthvalue", torch.kthvalue, [t, R.randint(0, n + 1), dim, keepdim])
            case(out, "median", torch.median, [t, dim, keepdim])
for name in ("prod", "any", "all", "count_nonzero", "var", "std"):
    case(out, name, getattr(torch, name), [tensor([2, 3], torch.float32)])
case(out, "median", torch.median, [tensor([2, 3], torch.int32)])
for _ in range(60):
    dtype = R.choice(FLOATS + [torch.int64])
    n, k, m, b = [R.choice([0, 1, 2, 3]) for _ in range(4)]
    odd = R.random() < 0.2
    other = R.choice(FLOATS) if odd and n * k * m * b else dtype
    x, y = tensor([b, n, k], dtype), tensor([b, k + (R.random() < 0.1), m], other)
    case(out, "bmm", torch.bmm, [x, y])
    case(out, "baddbmm", torch.baddbmm, [tensor(draw_like([b, n, m]), dtype), x, y])
    case(out, "mv", torch.mv, [tensor([n, k], dtype), tensor([k + (R.random() < 0.1)], dtype)])
    case(out, "dot", torch.dot, [tensor([k], dtype), tensor([k + (R.random() < 0.1)], other if k else dtype)])
    case(out, "outer", torch.outer, [tensor([n] if R.random() < 0.9 else [n, 1], dtype), tensor([m], R.choice(DTYPES))])
    case(out, "trace", torch.trace, [tensor([n, m] if R.random() < 0.9 else [n], R.choice(DTYPES[1:]))])
    eye = torch.eye(n, dtype=dtype).expand(draw_shape(0, 2) + [n, n])
    eye = eye.contiguous() if R.random() < 0.9 else tensor([n, n + 1], dtype)
    case(out, "inverse", torch.inverse, [eye])
    case(out, "det", torch.det, [eye])
EQUATIONS = ["ij,jk->ik", "ij,jk", "ij,kj->", "bij,bjk->bik", "i,i->", "ii->i", "ii", "ij->ji", "...i->...", "...ij,...jk", "ij,jk,kl->il", "i,j", "ij->k", "ij->ii",
             "ij,", "ij", "i.j->", "...", "ba,cb", "iji->j", "i...->...i", "ij;jk", "....i->", "->", "ij->...", "Zz,zy->Zy"]
for equation in EQUATIONS:
    for _ in range(6):
        terms = equation.split("->")[0].split(",")
        sizes = {c: R.choice([1, 2, 3]) for c in "abcijklzyZ"}
        shapes = [[sizes.get(c, 2) for c in t.replace("...", "i" if R.random() < 0.5 else "") if c.isalpha()] for t in terms]
        if R.random() < 0.15:
            shapes[0] = shapes[0] + [2]
        case(out, "einsum", lambda e, t: torch.einsum(e, *t), [equation, [tensor(s, torch.float32) for s in shapes]])
