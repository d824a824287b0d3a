#!/usr/bin/python3
"""Small networks trained by PyTorch 1.13 (Debian's python3-torch) with optimizers that have a state.

optimizers.txt: one line per thing, "<case>.<name> <elements in row-major order>", for each case its data x and classes y;
parameters at the start; the loss before each of 7 steps; parameters and buffers at the end, and the state of the first
parameter. The networks and options of the cases stand in src/nn/optimizer_test.c, too. Run in this folder; the same file
comes out every time.
"""
import torch
from torch import nn

torch.set_num_threads(1)
STEPS = 7


def mlp():
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2), nn.LogSoftmax(1)), torch.randn(6, 3)


def cnn():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(3, 4, (2, 3), stride=(1, 2), bias=False), nn.Sigmoid(), nn.AvgPool2d((2, 1)), nn.Flatten(),
                        nn.Linear(4, 2), nn.LogSoftmax(1))
    return net, torch.randn(5, 2, 6, 7)


def text():
    net = nn.Sequential(nn.Embedding(7, 4, padding_idx=0), nn.Flatten(), nn.LayerNorm(12), nn.Linear(12, 2), nn.LogSoftmax(1))
    return net, torch.randint(0, 7, (6, 3))


CASES = [
    ("plain", mlp, torch.optim.SGD, dict(lr=0.3, weight_decay=0.02)),
    ("momentum", mlp, torch.optim.SGD, dict(lr=0.2, momentum=0.9, dampening=0.25)),
    ("nesterov", mlp, torch.optim.SGD, dict(lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=True)),
    ("adam", mlp, torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.9))),
    ("cnn", cnn, torch.optim.SGD, dict(lr=0.05, momentum=0.9)),
    ("cnnadam", cnn, torch.optim.Adam, dict(lr=0.02, weight_decay=0.01)),
    ("text", text, torch.optim.Adam, dict(lr=0.03, amsgrad=True, eps=1e-6)),
]


def line(out, name, tensor):
    print(name, *(repr(v) for v in tensor.detach().double().flatten().tolist()), file=out)


with open("optimizers.txt", "w") as out:
    for number, (name, make, optimizer_class, options) in enumerate(CASES):
        torch.manual_seed(20 + number)
        net, x = make()
        y = torch.arange(len(x)) % 2
        optimizer = optimizer_class(net.parameters(), **options)
        line(out, f"{name}.x", x)
        line(out, f"{name}.y", y)
        for key, parameter in net.named_parameters():
            line(out, f"{name}.{key}", parameter)
        for step in range(STEPS):
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(net(x), y)
            loss.backward()
            line(out, f"{name}.loss{step}", loss)
            optimizer.step()
        for key, value in net.state_dict().items():
            if "num_batches" not in key:
                line(out, f"{name}.end.{key}", value)
        for key, value in optimizer.state[next(net.parameters())].items():
            if key != "step" and value is not None:
                line(out, f"{name}.state.{key}", value)
        net.eval()
        line(out, f"{name}.eval", net(x))
