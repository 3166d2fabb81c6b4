"""PyTorch tuned by hand: one flat vector of parameters and one of gradients, the backward pass written out, results
written into buffers that are there already, one fused Adam over the vector."""
import itertools
from typing import List, Tuple

import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from compare.shape import Shape
from peers import rows
from peers.crew import Crew
from peers.network import Network, adam, loss_of

Layers = List[Tuple[torch.Tensor, torch.Tensor]]  # weight [out x in] and bias [out] of each


def layers_of(vector: torch.Tensor, shape: Shape) -> Layers:
    """Views of a flat vector, in the order of Network.parameters()."""
    layers, place = [], 0
    for inputs, outputs in zip(shape.widths, shape.widths[1:]):
        weight = vector[place : place + inputs * outputs].view(outputs, inputs)
        place += inputs * outputs
        layers.append((weight, vector[place : place + outputs]))
        place += outputs
    return layers


class FlatModel:
    """Parameters and gradient, and all that a pass over up to `most_rows` rows needs."""

    def __init__(self, shape: Shape, most_rows: int) -> None:
        torch.manual_seed(1)
        self.parameters = parameters_to_vector(Network(shape).parameters()).detach().clone()
        self.gradient = torch.zeros_like(self.parameters)
        self.parameters.grad = self.gradient
        self.layers = layers_of(self.parameters, shape)
        self.gradients = layers_of(self.gradient, shape)
        self.outputs = [torch.empty(most_rows, width) for width in shape.widths[1:]]
        self.deltas = [torch.empty(most_rows, width) for width in shape.widths[1:]]

    def backpropagate(self, x: torch.Tensor, y: torch.Tensor, scale: float) -> float:
        """Sets the gradient of the mean loss over `1 / scale` labels; returns the mean loss of these rows."""
        with torch.no_grad():
            count = len(x)
            outputs = [buffer[:count] for buffer in self.outputs]
            deltas = [buffer[:count] for buffer in self.deltas]
            below = [x, *outputs[:-1]]
            for (weight, bias), inputs, out in zip(self.layers, below, outputs):
                torch.addmm(bias, inputs, weight.t(), out=out)
                if out is not outputs[-1]:
                    out.relu_()
            loss = functional.binary_cross_entropy_with_logits(outputs[-1], y)
            torch.sigmoid(outputs[-1], out=deltas[-1])
            deltas[-1].sub_(y).mul_(scale)
            for i in reversed(range(len(self.layers))):
                weight_gradient, bias_gradient = self.gradients[i]
                torch.mm(deltas[i].t(), below[i], out=weight_gradient)
                torch.sum(deltas[i], dim=0, out=bias_gradient)
                if i > 0:
                    torch.mm(deltas[i], self.layers[i][0], out=deltas[i - 1])
                    torch.ops.aten.threshold_backward.grad_input(
                        deltas[i - 1], outputs[i - 1], 0, grad_input=deltas[i - 1])
            return loss.item()


def check(shape: Shape, count: int = 64) -> None:
    """The gradient written by hand has to be autograd's."""
    few = Shape(shape.inputs, shape.hidden, shape.labels, count)
    x, y = (torch.from_numpy(part[0]) for part in rows.make(few))
    torch.manual_seed(1)
    network = Network(few)
    loss_of(network, x, y).backward()
    theirs = parameters_to_vector([p.grad for p in network.parameters()])
    flat = FlatModel(few, count)
    flat.backpropagate(x, y, 1 / (count * few.labels))
    farthest = ((flat.gradient - theirs).abs().max() / theirs.abs().max()).item()
    if not farthest < 1e-5:  # float32, sums in another order
        raise AssertionError(f"the hand-written gradient differs from autograd's by {farthest:.1e} of the largest")


class Tuned:
    """Several processes have a part of the batch each and add their gradients. Its loss is that of its own rows."""

    def __init__(self, shape: Shape, crew: Crew) -> None:
        check(shape)
        x, y = rows.make(shape, crew.rank, crew.ranks)
        self.batches = itertools.cycle(list(zip(torch.from_numpy(x), torch.from_numpy(y))))
        self.crew = crew
        self.model = FlatModel(shape, x.shape[1])
        self.scale = 1 / (shape.batch * shape.labels)
        self.adam = adam([self.model.parameters])

    def step(self) -> float:
        x, y = next(self.batches)
        loss = self.model.backpropagate(x, y, self.scale)
        self.crew.add(self.model.gradient)
        self.adam.step()
        return loss
