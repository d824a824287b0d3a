#!/usr/bin/python3
"""A small classifier trained by PyTorch (Debian's python3-torch) with plain SGD.

training.txt: one line per thing, "<name> <elements in row-major order>": the data x (6x3) and classes y (6); the
parameters of Linear(3,5), ReLU, Linear(5,2), LogSoftmax at the start; the loss before each of 8 steps with learning
rate 0.3; the parameters at the end; the gradients of the last step. Run in this folder; the same file comes out every
time.
"""
import torch

torch.manual_seed(11)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2), torch.nn.LogSoftmax(1))
x = torch.randn(6, 3)
y = torch.tensor([0, 1, 1, 0, 1, 0])
optimizer = torch.optim.SGD(net.parameters(), lr=0.3)


def line(out, name, tensor):
    print(name, *(repr(v) for v in tensor.detach().double().flatten().tolist()), file=out)


with open("training.txt", "w") as out:
    line(out, "x", x)
    line(out, "y", y)
    for name, parameter in net.named_parameters():
        line(out, name, parameter)
    for step in range(8):
        optimizer.zero_grad()
        loss = torch.nn.functional.nll_loss(net(x), y)
        loss.backward()
        line(out, f"loss{step}", loss)
        optimizer.step()
    for name, parameter in net.named_parameters():
        line(out, f"end.{name}", parameter)
    for name, parameter in net.named_parameters():
        line(out, f"grad.{name}", parameter.grad)
