"""The model as PyTorch's modules: the one definition that every variant but the hand-tuned one trains."""
import torch
from torch import nn
from torch.nn import functional

from compare.shape import Shape


class Network(nn.Module):
    """All heads are one Linear, as they are in multihead."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        trunk = []
        for inputs, outputs in zip(shape.widths, shape.hidden):
            trunk += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.trunk = nn.Sequential(*trunk)
        self.heads = nn.Linear(shape.widths[-2], shape.labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.heads(self.trunk(x))


def loss_of(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(network(x), y)


def adam(parameters) -> torch.optim.Adam:
    """Fused where there is such a thing on a CPU (from PyTorch 2.4)."""
    parameters = list(parameters)
    try:
        return torch.optim.Adam(parameters, lr=1e-3, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.Adam(parameters, lr=1e-3)
