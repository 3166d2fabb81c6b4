"""PyTorch as most people write it: eager, torch.compile, and DistributedDataParallel over gloo."""
import itertools

import torch
from torch.nn.parallel import DistributedDataParallel

from compare.shape import Shape
from peers import rows
from peers.crew import Crew
from peers.network import Network, adam, loss_of


class Eager:
    def __init__(self, shape: Shape, crew: Crew) -> None:
        x, y = rows.make(shape, crew.rank, crew.ranks)
        self.batches = itertools.cycle(list(zip(torch.from_numpy(x), torch.from_numpy(y))))
        torch.manual_seed(1)
        self.network = self.wrap(Network(shape))
        self.adam = adam(self.network.parameters())
        self.loss_of = loss_of

    def wrap(self, network: Network) -> torch.nn.Module:
        return network

    def step(self) -> float:
        x, y = next(self.batches)
        self.adam.zero_grad()
        loss = self.loss_of(self.network, x, y)
        loss.backward()
        self.adam.step()
        return loss.item()


class Compiled(Eager):
    def __init__(self, shape: Shape, crew: Crew) -> None:
        super().__init__(shape, crew)
        self.loss_of = torch.compile(loss_of)
        self.step()  # compiles


class Parallel(Eager):
    """Each process has its part of the batch. Its loss is that of its own rows."""

    def wrap(self, network: Network) -> torch.nn.Module:
        return DistributedDataParallel(network, gradient_as_bucket_view=True, static_graph=True)
