from gradient_drawing import *

# torch refuses gradients of targets of some losses; wherever it has them, csyft has, too.
for _ in times(12):
    shape = [s for s in draw_shape() if s > 0]
    a = floats(shape)
    b = floats(draw_partner(shape), a.dtype)
    reduction = R.choice(["none", "mean", "sum"])
    gradient("l1_loss", [a, b, reduction], lambda x, y, r: F.l1_loss(x, y, reduction=r))
    gradient("smooth_l1_loss", [a, b, R.choice([0.5, 1.0]), reduction],
             lambda x, y, beta, r: F.smooth_l1_loss(x, y, reduction=r, beta=beta))
    x, t = floats(shape, a.dtype, 0.05, 0.95), floats(shape, a.dtype, 0, 1)
    weight = floats(shape, a.dtype, 0.5, 2) if R.random() < 0.4 else None
    if weight is not None:
        weight.requires_grad_(False)
    for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        fixed = weight

        def loss(u, v, r, name=name):
            return getattr(F, name)(u, v, fixed, reduction=r)
        z = x if name == "binary_cross_entropy" else a
        leaves = [z, t] if R.random() < 0.5 else [z]
        for leaf in leaves:
            leaf.requires_grad_()
        y = loss(z, t, reduction)
        g = upstream_of(y, True)
        found = [pack(d) for d in torch.autograd.grad(y, leaves, g)]
        relative, absolute = (1e-5, 1e-5) if a.dtype == torch.float32 else (1e-13, 1e-13)
        print(name, f"~{relative:g},{absolute:g}", *map(write, [z, t, weight, reduction]), "=", write(g), "=", *map(write, found),
              file=drawing.out)
        for leaf in leaves:
            leaf.requires_grad_(False)
