from drawing import *

TOLERANCES.update(dict.fromkeys("_momentum_ _nesterov_ _adam_square_ _adam_apply_".split(), SUMMED))


def positive(n):
    return [round(R.random(), 3) for _ in range(n)]


def own(shape, dtype, **kwargs):
    return draw(shape, dtype, layout=R.choice(["packed", "permuted", "cut"]), **kwargs)


for i in times(14):
    shape, dtype = draw_shape(), R.choice(FLOATS)
    self, g = own(shape, dtype), draw(shape, dtype)
    p = own(shape, dtype)
    m, d, decay, lr = R.choice([0.0, 0.9]), R.choice([0.0, 0.1]), R.choice([0.0, 0.01]), R.choice([0.1, 0.5])
    grown = g.double() + decay * p.double()
    emit("_momentum_", [self, g, p, m, d, decay], (m * self.double() + (1 - d) * grown).to(dtype))
    v = own(shape, dtype, values=positive)
    emit("_adam_square_", [v, g, p, 0.9, decay], (0.9 * v.double() + (1 - 0.9) * grown * grown).to(dtype))
    emit("_nesterov_", [p, g, self, lr, m, decay], (p.double() - lr * (grown + m * self.double())).to(dtype))
    emit("_nesterov_", [p, g, None, lr, 0.0, decay], (p.double() - lr * grown).to(dtype))
    emit("_adam_apply_", [p, self, v, lr, 0.5, 0.01], (p.double() - lr * self.double() / (v.double().sqrt() / 0.5 + 0.01)).to(dtype))
