from drawing import *

# --- shapes that need a copy ---
for _ in times(12):
    x = draw([2, 3, 4], R.choice(ALL), layout="permuted", wild=True)
    emit("reshape", [x, s := R.choice([[24], [4, 6], [3, -1], [2, 2, 6]])], x.reshape(s))
    emit("flatten", [x, a := R.choice([0, 1]), b := R.choice([1, 2, -1])], x.flatten(a, b))

# --- indices ---
def draw_index(count, size):
    return draw([count], R.choice([torch.int64, torch.int64, torch.int32]), values=lambda n: [R.randrange(size) for _ in range(n)])


for i in times(24):
    x = draw(R.choice([[5], [3, 4], [4, 2, 3], [2, 3, 2, 2]]), R.choice(ALL), wild=True)
    dim = R.randint(-x.ndim, x.ndim - 1)
    index = draw_index(R.choice([0, 1, 3, 6]), x.shape[dim])
    attempt("index_select", [x, dim, index], lambda t, d, i: torch.index_select(t, d, i))
    y = draw(list(x.shape), R.choice(ALL))
    shape = list(x.shape)
    shape[dim] = len(index)
    both("index_add", [y, dim, index, draw(shape, y.dtype)], lambda t, d, i, s: torch.index_add(t, d, i, s))
scalar = torch.tensor(3.5)
emit("index_select", [scalar, 0, torch.tensor([0])], scalar)
emit("index_add", [scalar, 0, torch.tensor([0]), torch.tensor(2.0)], scalar + 2)

# --- joining ---
for i in times(20):
    ndim = R.randint(1, 3)
    base, dim = [R.randint(1, 3) for _ in range(ndim)], R.randint(-ndim, ndim - 1)
    dtype = R.choice(ALL)
    shapes = [[R.randint(0, 3) if d == dim % ndim else s for d, s in enumerate(base)] for _ in range(R.randint(1, 3))]
    tensors = [draw(s, dtype if i % 2 else R.choice(ALL)) for s in shapes] + ([draw([0], dtype)] if R.random() < 0.2 else [])
    attempt("cat", [tensors, dim], lambda t, d: torch.cat(t, d))
    tensors = [draw(base, dtype, wild=True) for _ in range(R.randint(1, 3))]
    attempt("stack", [tensors, R.randint(-ndim - 1, ndim)], lambda t, d: torch.stack(t, d))
emit("stack", [[torch.tensor(1), torch.tensor(2)], 0], torch.tensor([1, 2]))
